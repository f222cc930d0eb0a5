//! Section 5: grace, restored, protected, immutable, incomplete, and how a hold spreads.

use super::world::{Case, EVERYTHING, check, images};

/// A rule that expires everything, so that only a hold can keep it.
const ALL: &str = "match: { kinds: [image, chart, artifact, build-cache, orphan] }, expire: [ { older-than: 1h }, { beyond-newest: 0 } ]";

fn held(text: &str) -> Case {
    images(text).rules(&[ALL])
}

#[test]
fn grace_holds_what_was_pushed_less_than_24_hours_ago() {
    check(&[
        ("a second less", held("app main 24h-1s"), "keep app:main hold grace"),
        ("exactly", held("app main 24h"), "delete app"),
        (
            "else first seen",
            held("app main first_seen=24h-1s created=90d"),
            "keep app:main hold grace",
        ),
        (
            "first seen, exactly",
            held("app main first_seen=24h created=90d"),
            "delete app",
        ),
        (
            "the push counts, not the first sight",
            held("app main 90d first_seen=1h"),
            "delete app",
        ),
        (
            "pushed lately, built long ago",
            held("app main 1h created=90d"),
            "keep app:main hold grace",
        ),
        (
            "a tag set on it",
            held("app main~24h-1s 90d"),
            "keep app:main hold grace",
        ),
        ("a tag set on it, exactly", held("app main~24h 90d"), "delete app"),
        (
            "the other tag",
            held("app main~1h,old~90d 90d"),
            "keep app:main hold grace; keep app:old hold grace",
        ),
        (
            "its last tag taken from it",
            held("app - 90d untagged=24h-1s"),
            "keep app hold grace",
        ),
        (
            "its last tag taken from it, exactly",
            held("app - 90d untagged=24h"),
            "delete app",
        ),
        (
            "neither known: held",
            held("app main created=90d"),
            "keep app:main hold grace",
        ),
        (
            "an implausible push counts as not given",
            held("app main 1970-01-01T00:00:00Z first_seen=1h"),
            "keep app:main hold grace",
        ),
        (
            "a push slightly ahead",
            held("app main +1h"),
            "keep app:main hold grace",
        ),
    ]);
}

#[test]
fn grace_can_be_set() {
    check(&[
        (
            "longer",
            held("app main 47h").settings("grace: 48h"),
            "keep app:main hold grace",
        ),
        (
            "longer, exactly",
            held("app main 48h").settings("grace: 48h"),
            "delete app",
        ),
        ("shorter", held("app main 3h").settings("grace: 2h"), "delete app"),
    ]);
}

#[test]
fn trust_created_takes_a_plausible_build_date_instead() {
    let seen = "app main first_seen=1h";
    let trusting = "registries: [ { host: r.example.com, trust-created: true } ]";
    check(&[
        (
            "not trusted",
            held(&format!("{seen} created=90d")),
            "keep app:main hold grace",
        ),
        (
            "by flag",
            held(&format!("{seen} created=90d")).flag("--trust-created"),
            "delete app",
        ),
        (
            "by configuration",
            held(&format!("{seen} created=90d")).settings(trusting),
            "delete app",
        ),
        (
            "of another registry",
            held(&format!("{seen} created=90d"))
                .settings("registries: [ { host: other.example, trust-created: true } ]"),
            "keep app:main hold grace",
        ),
        (
            "built lately",
            held(&format!("{seen} created=2h")).flag("--trust-created"),
            "keep app:main hold grace",
        ),
        (
            "not plausible",
            held(&format!("{seen} created=1970-01-01T00:00:00Z")).flag("--trust-created"),
            "keep app:main hold grace",
        ),
        (
            "no build date",
            held(seen).flag("--trust-created"),
            "keep app:main hold grace",
        ),
        (
            "a push time is better",
            held("app main 1h created=90d").flag("--trust-created"),
            "keep app:main hold grace",
        ),
    ]);
}

#[test]
fn restored_holds_for_less_than_30_days() {
    check(&[
        (
            "a second less",
            held("app main 90d restored=30d-1s"),
            "keep app:main hold restored",
        ),
        ("exactly", held("app main 90d restored=30d"), "delete app"),
        (
            "just now",
            held("app main 90d restored=2d"),
            "keep app:main hold restored",
        ),
    ]);
}

#[test]
fn protected_is_what_is_listed_or_says_so_itself() {
    let listed = |what: &str| held("app main,golden 90d\nweb web 90d").settings(&format!("protect: [\"{what}\"]"));
    let app = "keep app:main hold protected; keep app:golden hold protected; delete web";
    let none = "delete app; delete web";
    check(&[
        ("its tag", listed("r.example.com/apps/web:golden"), app),
        ("a glob over tags", listed("r.example.com/apps/web:gold*"), app),
        (
            "the repository",
            listed("r.example.com/apps/web"),
            "keep app:main hold protected; keep app:golden hold protected; keep web:web hold protected",
        ),
        (
            "a glob over repositories",
            listed("**/apps/*"),
            "keep app:main hold protected; keep app:golden hold protected; keep web:web hold protected",
        ),
        ("another host", listed("other.example/apps/web:golden"), none),
        ("another repository", listed("r.example.com/apps/api:golden"), none),
        ("another tag", listed("r.example.com/apps/web:gold"), none),
        ("* does not cross a slash", listed("r.*/web:golden"), none),
    ]);
    check(&[
        (
            "a label",
            held("app main 90d labels=io.jettison.keep=true"),
            "keep app:main hold protected",
        ),
        (
            "an annotation",
            held("app main 90d annotations=io.jettison.keep=true"),
            "keep app:main hold protected",
        ),
        (
            "says false",
            held("app main 90d labels=io.jettison.keep=false"),
            "delete app",
        ),
        (
            "untagged",
            held("app - 90d labels=io.jettison.keep=true"),
            "keep app hold protected",
        ),
    ]);
}

#[test]
fn immutable_holds_that_entry_as_keep_always_would() {
    let listed = "immutable: [ { repositories: ['apps/**'], tags: ['v*'] } ]";
    let other = "immutable: [ { repositories: ['other/**'], tags: ['v*'] } ]";
    check(&[
        (
            "listed",
            held("app v1 90d").settings(listed),
            "keep app:v1 hold immutable",
        ),
        (
            "of another repository",
            held("app v1 90d").settings(other),
            "delete app",
        ),
        ("another tag", held("app main 90d").settings(listed), "delete app"),
        (
            "the registry would refuse",
            held("app v1! 90d"),
            "keep app:v1 hold immutable",
        ),
        (
            "that entry only",
            held("app v1,old 90d").settings(listed),
            "keep app:v1 hold immutable; keep app:old shares-image",
        ),
        (
            "a root with any hold but immutable loses no tag",
            images("app v1,old 90d").policy("untag: true", &[ALL]).settings(listed),
            "keep app:v1 hold immutable; untag app:old",
        ),
    ]);
}

#[test]
fn a_root_with_any_hold_but_immutable_loses_no_tag() {
    let rules = ["match: { tags: [main] }, keep: always", ALL];
    let untag = |text: &str| images(text).policy("untag: true", &rules);
    let held_by = |hold: &str| format!("keep app:main hold {hold}; keep app:old hold {hold}");
    check(&[
        (
            "none",
            untag("app main,old 90d"),
            "keep app:main keep-always; untag app:old",
        ),
        (
            "protected",
            untag("app main,old 90d labels=io.jettison.keep=true"),
            &held_by("protected"),
        ),
        ("grace", untag("app main~1h,old~90d 90d"), &held_by("grace")),
        ("restored", untag("app main,old 90d restored=2d"), &held_by("restored")),
        (
            "in use",
            untag("app main,old 90d").usage("@p complete\nr.example.com/apps/web:main"),
            &held_by("in-use"),
        ),
        (
            "incomplete",
            untag("@apps/web gap=timeout\napp main,old 90d"),
            &held_by("incomplete"),
        ),
        (
            "usage-incomplete",
            untag("app main,old 90d").usage("@p partial"),
            &held_by("usage-incomplete"),
        ),
    ]);
}

#[test]
fn incomplete_holds_a_repository_whose_inventory_has_a_gap() {
    check(&[
        (
            "this one",
            held("@apps/web gap=timeout\napp main 90d"),
            "keep app:main hold incomplete",
        ),
        (
            "not another",
            held("@apps/web gap=timeout\napp main 90d\n@apps/api\nc main 90d"),
            "keep app:main hold incomplete; delete apps/api/c",
        ),
        (
            "the same digest elsewhere has no gap",
            held("@apps/web gap=timeout\napp main 90d\n@apps/api\napp main 90d"),
            "keep app:main hold incomplete; delete apps/api/app",
        ),
        (
            "a child that answered 404 is missing: no gap",
            held("@apps/web missing=arm\napp main 90d children=amd,arm\namd - 90d"),
            "delete app; follow amd",
        ),
    ]);
}

#[test]
fn a_hold_on_a_child_or_on_an_attached_manifest_holds_every_index_above_it_and_its_subject() {
    let keep = "labels=io.jettison.keep=true";
    check(&[
        (
            "a child",
            held(&format!("index main 90d children=amd\namd - 90d {keep}")),
            "keep index:main hold protected",
        ),
        (
            "a child of a child",
            held(&format!(
                "index main 90d children=inner\ninner - 90d children=amd\namd - 90d {keep}"
            )),
            "keep index:main hold protected",
        ),
        (
            "every index above it",
            held(&format!(
                "index main 90d children=amd\nother dev 90d children=amd\namd - 90d {keep}"
            )),
            "keep index:main hold protected; keep other:dev hold protected",
        ),
        (
            "attached",
            held(&format!("app main 90d\nsig - 90d subject=app kind=artifact {keep}")),
            "keep app:main hold protected",
        ),
        (
            "attached by its tag",
            held(&format!("app main 90d\nsig @app.sig 90d kind=artifact {keep}")),
            "keep app:main hold protected",
        ),
        (
            "attached to a child",
            held(&format!(
                "index main 90d children=amd\namd - 90d\nsig - 90d subject=amd kind=artifact {keep}"
            )),
            "keep index:main hold protected",
        ),
        (
            "attached to what is attached",
            held(&format!(
                "app main 90d\nsig - 90d subject=app kind=artifact\nsig2 - 90d subject=sig kind=artifact {keep}"
            )),
            "keep app:main hold protected",
        ),
        (
            "grace of a signature",
            held("app main 90d\nsig @app.sig 1h kind=artifact"),
            "keep app:main hold grace",
        ),
        (
            "a hold on the index is none on another that shares a child",
            held(&format!(
                "index main 90d {keep} children=amd\nother dev 90d children=amd\namd - 90d"
            )),
            "keep index:main hold protected; delete other",
        ),
    ]);
}

#[test]
fn where_a_rule_and_a_hold_both_keep_the_hold_is_the_reason() {
    check(&[
        (
            "keep: always and a hold",
            images("app main 90d labels=io.jettison.keep=true").rules(&["match: {}, keep: always"]),
            "keep app:main hold protected",
        ),
        (
            "not expired and a hold",
            images("app main 90d")
                .rules(&["match: {}, expire: { older-than: 100d }"])
                .usage("@p complete\nr.example.com/apps/web:main"),
            "keep app:main hold in-use",
        ),
        (
            "no rule and a hold",
            images("app main 90d")
                .rules(&["match: { tags: [other] }, expire: { older-than: 1d }"])
                .usage("@p partial"),
            "keep app:main hold usage-incomplete",
        ),
        (
            "a rule alone",
            images("app main 90d").rules(&["match: {}, keep: always", EVERYTHING]),
            "keep app:main keep-always",
        ),
    ]);
}

#[test]
fn a_hold_of_any_sort_on_a_child_holds_its_index() {
    check(&[
        (
            "grace",
            held("index main 90d children=amd\namd - 1h"),
            "keep index:main hold grace",
        ),
        (
            "restored",
            held("index main 90d children=amd\namd - 90d restored=2d"),
            "keep index:main hold restored",
        ),
        (
            "a protected tag on a child",
            held("index main 90d children=amd\namd golden 90d").settings("protect: ['r.example.com/apps/web:golden']"),
            "keep index:main hold protected; keep amd:golden hold protected",
        ),
    ]);
}
