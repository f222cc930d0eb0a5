//! Every finding in its words, as people read it: where it stands, how many it is about, examples, what to do.

use std::fmt::Write as _;

use super::{REST, findings, images, money, policy, scan};
use crate::model::{Gap, Inventory};

/// A configuration and what was found.
type Case = (&'static str, String, Inventory);

const KEPT: &str = ", labels: { io.jettison.keep: \"true\" }";

fn tags(tags: &[&str]) -> String {
    tags.iter()
        .map(|tag| format!("tags: [{tag}], pushed: 40d ago\n"))
        .collect()
}

fn one_rule(rule: &str, images: &str) -> (String, Inventory) {
    (policy(&[rule]), scan(&[("web", images)]))
}

fn ranked(by: &str) -> String {
    format!("name: r, match: {{}}, group-by: {by}, expire: {{ beyond-newest: 2 }}")
}

/// Two policies, of which the second covers these repositories.
fn two_policies(second: &str) -> String {
    format!(
        "policies:\n  - {{ name: a, repositories: [\"apps/*\"], rules: [ {{ {REST} }} ] }}\n  - {{ name: b, repositories: [{second}], rules: [ {{ {REST} }} ] }}\n"
    )
}

fn about_policies() -> Vec<Case> {
    let one = images("a", 1, "");
    let apps = || {
        scan(&[
            ("apps/api", &one),
            ("apps/web", &one),
            ("apps/x", &one),
            ("apps/y", &one),
        ])
    };
    let mut narrow = apps();
    narrow.complete_registries.clear();
    let mut unread = apps();
    unread.gaps.push(Gap("x.example: no answer".to_owned()));
    let keeps = "protect: [\"apps/web:golden\"]\nimmutable: [ { tags: [\"x*\", \"y*\"] } ]\n";
    vec![
        ("a policy for nothing", two_policies("\"libs/**\""), apps()),
        (
            "a policy for nothing, of all that was read",
            two_policies("\"libs/**\""),
            narrow,
        ),
        ("nothing is certain", two_policies("\"libs/**\""), unread),
        ("a policy behind another", two_policies("\"apps/**\""), apps()),
        (
            "a policy that has some left",
            two_policies("\"**\""),
            scan(&[("apps/api", &one), ("lib", &one)]),
        ),
        (
            "no policy",
            two_policies("\"libs/**\""),
            scan(&[
                ("apps/a", &one),
                ("libs/a", &one),
                ("x", &images("a", 3, "")),
                ("y", &one),
            ]),
        ),
        ("patterns for nothing", format!("{keeps}{}", policy(&[REST])), apps()),
    ]
}

fn about_rules() -> Vec<Case> {
    let builds = "name: builds, match: { tags: [\"main-*\"] }, expire: { older-than: 30d }";
    let caches = "name: caches, match: { kinds: [build-cache] }, expire: { older-than: 30d }";
    let kinds = "tags: [main-1], pushed: 40d ago\ntags: [odd], pushed: 40d ago\ntags: [chart], kind: chart, pushed: 40d ago\n\
        kind: orphan, pushed: 40d ago\nkind: orphan, pushed: 40d ago";
    let untagged = "tags: [main-1], pushed: 40d ago\nuntagged: true, pushed: 40d ago";
    let late = [
        "name: v, match: { tags: [\"v*\"] }, keep: always",
        "name: w, match: { tags: [\"w*\"] }, keep: always",
        "name: x, match: { tags: [\"x*\"] }, keep: always",
        "name: y, match: { tags: [\"y*\"] }, keep: always",
        "name: late, match: { tags: [\"*\"] }, expire: { older-than: 30d }",
    ];
    let all = format!(
        "{}{}{}{}",
        images("v", 1, ""),
        images("w", 3, ""),
        images("x", 2, ""),
        images("y", 1, "")
    );
    let kept = "name: z, match: { tags: [\"z*\"] }, keep: always";
    let none = "name: z, match: { tags: [\"z*\"] }, expire: { older-than: 30d }";
    let one = images("main", 1, "");
    let rules = |rules: &[&str], images: &str| (policy(rules), scan(&[("web", images), ("api", &one)]));
    [
        ("kinds that no rule reaches", rules(&[builds], kinds)),
        ("untagged images that no rule reaches", rules(&[builds], untagged)),
        ("no rule speaks of images", rules(&[caches], kinds)),
        ("a rule behind others", (policy(&late), scan(&[("web", &all)]))),
        ("a rule that keeps nothing", rules(&[kept, REST], &all)),
        ("a rule for no image", rules(&[none, REST], &all)),
        ("a rule for no cache", rules(&[caches, REST], &all)),
        (
            "the built-in policy",
            (String::new(), scan(&[("web", "tags: [v1.2], pushed: 40d ago")])),
        ),
    ]
    .map(|(name, (config, inventory))| (name, config, inventory))
    .into()
}

fn about_conditions() -> Vec<Case> {
    let stale = "name: stale, match: {}, expire: [ { not-pulled-for: 90d }, { not-pulled-for: 30d } ]";
    let (config, no_pulls) = one_rule(stale, &images("a", 2, ""));
    let mut few_pulls = no_pulls.clone();
    few_pulls.repositories[0].capabilities.pull_time = Some(true);
    let timeless: String = (0..5).map(|at| format!("tags: [t{at}]\n")).collect();
    let semver = "name: rest, match: {}, order: semver, expire: { beyond-newest: 3 }";
    let beyond = "name: rest, match: {}, expire: { beyond-newest: 3 }";
    let early = "name: rest, match: {}, expire: [ { older-than: 40h }, { older-than: 12h } ]";
    let case = |name, (config, inventory)| (name, config, inventory);
    vec![
        ("no pull times", config.clone(), no_pulls),
        ("few pull times", config, few_pulls),
        case("no times for an age", one_rule(REST, &timeless)),
        case("no times for a rank", one_rule(beyond, &timeless)),
        case("few versions", one_rule(semver, &images("a", 6, ""))),
        case("shorter than grace", one_rule(early, &images("a", 6, ""))),
    ]
}

fn about_groups() -> Vec<Case> {
    let builds = tags(&["a-1", "a-2", "b-1", "b-2", "c-1"]);
    let case = |name, (config, inventory)| (name, config, inventory);
    let some = format!("{}{}", images("a", 4, ""), images("b", 5, ""));
    let mains = tags(&["x-1a2b3c4", "x-1a2b3c5", "x-1a2b3c6", "x-1a2b3c7", "x-1a2b3c8"]);
    let others = mains.replace("x-", "y-");
    let both = |second: &str| (policy(&[&ranked("branch")]), scan(&[("api", &mains), ("web", second)]));
    let label =
        images("l", 5, ", labels: { app: web }")
            .lines()
            .enumerate()
            .fold(String::new(), |mut all, (at, line)| {
                _ = writeln!(all, "{}", line.replace("web", &format!("web{at}")));
                all
            });
    vec![
        case(
            "branches of one",
            one_rule(&ranked("branch"), &tags(&["J-1", "J-2", "J-3", "J-4", "J-5"])),
        ),
        case(
            "captures of one",
            one_rule(&ranked("{ regex: '^(?<group>.*)$' }"), &builds),
        ),
        case("labels of one", one_rule(&ranked("{ label: app }"), &label)),
        case("one group", both(&mains)),
        case("one group each", both(&others)),
        case(
            "one group without a name",
            one_rule(&ranked("{ regex: '^(?<group>)' }"), &builds),
        ),
        case("few in groups", one_rule(&ranked("{ regex: '^(?<group>a)-' }"), &some)),
        case("no such label", one_rule(&ranked("{ label: app }"), &builds)),
    ]
}

fn about_labels() -> Vec<Case> {
    let mixed = |kept: usize, others: usize| format!("{}{}", images("k", kept, KEPT), images("o", others, ""));
    vec![
        (
            "most are kept by a label",
            policy(&[REST]),
            scan(&[("api", &mixed(6, 1))]),
        ),
        (
            "in several repositories",
            policy(&[REST]),
            scan(&[("api", &mixed(6, 1)), ("lib", &mixed(5, 5)), ("web", &mixed(9, 3))]),
        ),
    ]
}

fn about_money() -> Vec<Case> {
    let keep = "name: r, match: {}, keep: always";
    let cold = "name: cold, match: {}, action: archive, expire: { older-than: 30d }";
    let mut archived = scan(&[("web", &images("a", 2, ""))]);
    archived.repositories[0].capabilities.archive = Some(true);
    let builds = money::arrived("m", money::thirty());
    let two = scan(&[("api", &builds), ("web", &builds)]);
    let caches = tags(&["buildcache", "web-cache"]).replace("40d", "31d");
    vec![
        ("platforms that nobody pulls", policy(&[REST]), money::platforms(5)),
        ("an archive that saves nothing", policy(&[cold]), archived),
        ("builds that stay", policy(&[keep]), scan(&[("web", &builds)])),
        (
            "builds that no rule speaks of",
            policy(&[cold.replace("{}", "{ tags: [\"x*\"] }").as_str()]),
            two,
        ),
        ("caches as images", policy(&[keep]), scan(&[("web", &caches)])),
    ]
}

#[test]
fn findings_in_their_words() {
    let cases = [
        about_policies(),
        about_rules(),
        about_conditions(),
        about_groups(),
        about_labels(),
        about_money(),
    ];
    let mut told = String::new();
    for (name, config, inventory) in cases.into_iter().flatten() {
        _ = writeln!(told, "# {name}");
        for found in findings(&config, &inventory) {
            let place = (
                found.policy.as_deref().unwrap_or("-"),
                found.rule.as_deref().unwrap_or("-"),
            );
            _ = writeln!(
                told,
                "{} {:?} {place:?} {:?}",
                found.code.as_str(),
                found.severity,
                found.site
            );
            _ = writeln!(
                told,
                "  {}\n  {}\n  {} {:?} {:?}",
                found.message, found.hint, found.count, found.bytes, found.examples
            );
        }
    }
    insta::assert_snapshot!(told);
}
