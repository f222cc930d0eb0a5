//! Section 5: who uses what, recently used, partial and expected sources.

use serde_json::json;

use super::world::{Case, check, images, list};

fn used(text: &str, references: &str) -> Case {
    images(text).usage(&format!("@prod complete\n{references}"))
}

#[test]
fn in_use_is_what_a_source_refers_to_by_digest_or_tag() {
    let two = "app main,v1 40d\nweb web 40d";
    let app = "keep app:main hold in-use; keep app:v1 hold in-use; delete web";
    check(&[
        ("by tag", used(two, "r.example.com/apps/web:main"), app),
        ("by digest", used(two, "r.example.com/apps/web@app"), app),
        (
            "by digest in its own field",
            used(two, "r.example.com/apps/web digest=app"),
            app,
        ),
        (
            "a tag that is not there",
            used(two, "r.example.com/apps/web:gone"),
            "delete app; delete web",
        ),
        (
            "a reference with both counts as both",
            used(two, "r.example.com/apps/web:web@app"),
            "keep app:main hold in-use; keep app:v1 hold in-use; keep web:web hold in-use",
        ),
        (
            "both, the digest in its own field",
            used(two, "r.example.com/apps/web:web digest=app"),
            "keep app:main hold in-use; keep app:v1 hold in-use; keep web:web hold in-use",
        ),
        (
            "neither means latest",
            used("app latest 40d\nweb web 40d", "r.example.com/apps/web"),
            "keep app:latest hold in-use; delete web",
        ),
    ]);
}

#[test]
fn digests_match_in_every_repository_tags_in_their_own() {
    let two = "@apps/web\napp main 40d\n@apps/api\napp main 40d\n@apps/web host=other.example\napp main 40d";
    check(&[
        (
            "a digest matches everywhere",
            used(two, "r.example.com/apps/web@app"),
            "keep app:main hold in-use; keep apps/api/app:main hold in-use; keep app:main hold in-use",
        ),
        (
            "a tag in its own repository",
            used(
                "@apps/web\na main 40d\n@apps/api\nb main 40d",
                "r.example.com/apps/web:main",
            ),
            "keep a:main hold in-use; delete apps/api/b",
        ),
        (
            "a tag in its own registry",
            used(
                "@apps/web\na main 40d\n@apps/web host=other.example\nb main 40d",
                "other.example/apps/web:main",
            ),
            "delete a; keep b:main hold in-use",
        ),
    ]);
}

#[test]
fn a_used_child_holds_every_index_above_it_and_a_used_index_everything_below_it() {
    let below = "index main 40d children=inner\ninner inner 40d children=amd\namd amd 40d\nother dev 40d";
    let above = "index main 40d children=inner\ninner inner 40d children=arm\narm - 40d\nother dev 40d children=arm";
    check(&[
        (
            "a used index: everything below it",
            used(below, "r.example.com/apps/web:main"),
            "keep index:main hold in-use; keep inner:inner hold in-use; keep amd:amd hold in-use; delete other",
        ),
        (
            "a used child: every index above it",
            used(above, "r.example.com/apps/web@arm"),
            "keep index:main hold in-use; keep inner:inner hold in-use; keep other:dev hold in-use",
        ),
    ]);
}

#[test]
fn a_digest_may_also_be_that_of_a_config() {
    check(&[
        (
            "an image",
            used(
                "app main 40d config=conf\nweb web 40d config=conf2",
                "r.example.com/apps/web@conf",
            ),
            "keep app:main hold in-use; delete web",
        ),
        (
            "a child",
            used(
                "index main 40d children=amd\namd - 40d config=conf",
                "r.example.com/apps/web digest=conf",
            ),
            "keep index:main hold in-use",
        ),
    ]);
}

#[test]
fn a_tag_of_a_host_that_is_not_scanned_protects_that_path_and_tag_everywhere() {
    let two = "@apps/web\na main 40d\nb other 40d\n@apps/api\nc main 40d\n@apps/web host=other.example\nd main 40d";
    check(&[(
        "in all registries",
        used(two, "registry.internal:5000/apps/web:main"),
        "keep a:main hold in-use; delete b; delete apps/api/c; keep d:main hold in-use",
    )]);
    let answer = used(two, "registry.internal:5000/apps/web:main").plan();
    let said = format!("{}{}", answer.stdout, answer.stderr);
    assert!(
        said.contains("registry.internal:5000") && said.contains("alias"),
        "reported as a missing alias: {said}"
    );
}

#[test]
fn an_alias_is_the_registry_itself() {
    let two = "@apps/web\na main 40d\n@apps/web host=other.example\nb main 40d";
    let aliases = "registries: [ { host: r.example.com, aliases: [registry.internal] } ]";
    check(&[(
        "protects there and nowhere else",
        used(two, "registry.internal/apps/web:main").settings(aliases),
        "keep a:main hold in-use; delete b",
    )]);
    let answer = used(two, "registry.internal/apps/web:main").settings(aliases).plan();
    assert!(
        !answer.stderr.contains("alias"),
        "nothing is missing: {}",
        answer.stderr
    );
}

#[test]
fn in_use_carries_who_uses_it() {
    let plan = used("app main 40d", "r.example.com/apps/web:main").plan().json();
    let reason = &list(&plan, "kept")[0]["reason"];
    assert_eq!(reason["code"], "hold");
    let users = reason["used_by"].to_string();
    assert!(users.contains("Pod shop/web-0 container web"), "{reason}");
}

#[test]
fn recently_used_is_what_was_seen_in_use_within_usage_memory() {
    let seen = |ago: &str| used("app main 40d", &format!("r.example.com/apps/web:main seen={ago}"));
    check(&[
        (
            "a second less than 14 days",
            seen("14d-1s"),
            "keep app:main hold recently-used",
        ),
        ("a second more", seen("14d+1s"), "delete app"),
        ("an hour ago", seen("1h"), "keep app:main hold recently-used"),
        (
            "at the moment it was taken: in use",
            seen("0s"),
            "keep app:main hold in-use",
        ),
        (
            "usage-memory: 30d",
            seen("30d-1s").settings("usage-memory: 30d"),
            "keep app:main hold recently-used",
        ),
        (
            "usage-memory: 30d, a second more",
            seen("30d+1s").settings("usage-memory: 30d"),
            "delete app",
        ),
        (
            "usage-memory: 2d",
            seen("3d").settings("usage-memory: 2d"),
            "delete app",
        ),
        (
            "taken an hour ago, seen then: in use",
            seen("1h").taken("1h"),
            "keep app:main hold in-use",
        ),
        (
            "in use by one and lately by another: in use",
            used(
                "app main 40d",
                "r.example.com/apps/web:main seen=2d\nr.example.com/apps/web@app",
            ),
            "keep app:main hold in-use",
        ),
    ]);
}

#[test]
fn usage_incomplete_holds_where_a_source_that_could_refer_did_not_answer_completely() {
    let by = |source: &str| images("@apps/web\na main 40d\n@other/api\nb main 40d").usage(source);
    let (held, held_b) = (
        "keep a:main hold usage-incomplete",
        "keep other/api/b:main hold usage-incomplete",
    );
    check(&[
        (
            "partial covers everything by default",
            by("@p partial"),
            &format!("{held}; {held_b}"),
        ),
        (
            "partial covers apps",
            by("@p partial covers=r.example.com/apps/**"),
            &format!("{held}; delete other/api/b"),
        ),
        (
            "covers are registry/repository globs",
            by("@p partial covers=apps/**"),
            "delete a; delete other/api/b",
        ),
        (
            "covers another host",
            by("@p partial covers=other.example/**"),
            "delete a; delete other/api/b",
        ),
        (
            "one that says complete and lists gaps is partial",
            by("@p complete gap=timeout"),
            &format!("{held}; {held_b}"),
        ),
        (
            "one complete source does not make up for a partial one",
            by("@p complete\n@q partial"),
            &format!("{held}; {held_b}"),
        ),
        ("complete", by("@p complete"), "delete a; delete other/api/b"),
        (
            "what it does name is in use",
            by("@p partial\nr.example.com/apps/web:main"),
            &format!("keep a:main hold in-use; {held_b}"),
        ),
    ]);
}

#[test]
fn a_status_that_nobody_knows_is_never_complete() {
    let case = images("app main 40d");
    let mut usage = case.usage_form();
    usage["sources"][0]["status"] = json!("mostly");
    let answer = case.plan_from(&case.inventory(), &usage);
    assert!(
        answer.code == 2 || answer.outcome() == ["keep app:main hold usage-incomplete"],
        "{}",
        answer.stdout
    );
}

#[test]
fn expected_and_neither_configured_nor_declared_none_means_usage_incomplete() {
    let expecting = |what: &str| {
        images("app main 40d").settings(&format!("registries: [ {{ host: r.example.com, expects: {what} }} ]"))
    };
    check(&[
        ("it is there", expecting("[prod]"), "delete app"),
        (
            "it is not",
            expecting("[prod-eu]"),
            "keep app:main hold usage-incomplete",
        ),
        (
            "one of two is not",
            expecting("[prod, prod-eu]"),
            "keep app:main hold usage-incomplete",
        ),
        ("none", expecting("none"), "delete app"),
        (
            "another registry's are no matter",
            images("app main 40d").settings("registries: [ { host: other.example, expects: [prod-eu] } ]"),
            "delete app",
        ),
    ]);
}

#[test]
fn without_any_usage_source_nothing_is_known_of_use() {
    let case = images("app main 40d").usage("");
    assert_eq!(
        case.plan().outcome(),
        ["delete app"],
        "a plan is made all the same; apply asks for --no-usage"
    );
}

#[test]
fn an_unparsable_reference_deletes_nothing_it_could_matter_to() {
    let case = images("app main 40d");
    let mut usage = case.usage_form();
    usage["sources"][0]["references"] = json!([{"image": "not a reference!!", "used_by": "Pod x"}]);
    let answer = case.plan_from(&case.inventory(), &usage);
    let kept = answer.code == 2 || answer.outcome() == ["keep app:main hold usage-incomplete"];
    assert!(kept, "exit {}: {}", answer.code, answer.stdout);
}

#[test]
fn a_last_sight_that_is_not_plausible_counts_as_not_given_and_so_as_in_use() {
    let seen = |time: &str| used("app main 40d", &format!("r.example.com/apps/web:main seen={time}"));
    check(&[
        (
            "year 1, as some programs write `never set`",
            seen("0001-01-01T00:00:00Z"),
            "keep app:main hold in-use",
        ),
        ("1970", seen("1970-01-01T00:00:00Z"), "keep app:main hold in-use"),
        ("the plausible boundary", seen("2013-03-20T00:00:00Z"), "delete app"),
        ("ahead", seen("+48h"), "keep app:main hold in-use"),
    ]);
}

#[test]
fn a_digest_of_a_host_that_is_not_scanned_matches_in_every_repository() {
    check(&[
        (
            "a digest",
            used("app main 40d\nweb web 40d", "other.internal/x/y@app"),
            "keep app:main hold in-use; delete web",
        ),
        (
            "a digest and a tag: the path is another",
            used("app main 40d\nweb web 40d", "other.internal/x/y:web@app"),
            "keep app:main hold in-use; delete web",
        ),
    ]);
}

#[test]
fn what_a_source_used_below_an_index_stays_with_it() {
    check(&[(
        "the index that is used and what is attached below it",
        used(
            "index main 40d children=amd\namd amd 40d\nsbom - 40d subject=amd kind=artifact\nweb web 40d",
            "r.example.com/apps/web@index",
        ),
        "keep index:main hold in-use; keep amd:amd hold in-use; delete web",
    )]);
}
