//! Section 6: what goes along, what stays because something that stays needs it, and what cannot go.

use serde_json::Value;

use super::world::{Case, EVERYTHING, check, images, list};

/// Tags that begin with `keep` stay, everything else goes if nothing needs it.
fn but_keep(text: &str) -> Case {
    images(text).rules(&["match: { tags: ['keep*'] }, keep: always", EVERYTHING])
}

#[test]
fn with_a_root_go_its_children_and_what_was_attached_to_the_fixpoint() {
    check(&[
        (
            "an index and its children",
            but_keep("index main 40d children=amd,arm\namd - 40d\narm - 40d"),
            "delete index; follow amd; follow arm",
        ),
        (
            "indexes in indexes",
            but_keep("index main 40d children=inner\ninner - 40d children=amd\namd - 40d"),
            "delete index; follow inner; follow amd",
        ),
        (
            "attached to the index, to a child, and to what is attached",
            but_keep(
                "index main 40d children=amd\namd - 40d\nsig - 40d subject=index kind=artifact\nsbom - 40d subject=amd kind=artifact\n\
                 sbomsig @sbom.sig 40d kind=artifact",
            ),
            "delete index; follow amd; follow sig; follow sbom; follow sbomsig",
        ),
        (
            "an attached index and its children",
            but_keep("app main 40d\natt - 40d subject=app kind=artifact children=part\npart - 40d kind=artifact"),
            "delete app; follow att; follow part",
        ),
        (
            "the age of what goes along is no matter",
            but_keep("index main 40d children=amd\namd - 30h\nsig - 30h subject=index kind=artifact"),
            "delete index; follow amd; follow sig",
        ),
    ]);
}

#[test]
fn what_stays_keeps_what_it_needs() {
    check(&[
        (
            "a child that a staying index needs",
            but_keep("index main 40d children=amd,arm\namd - 40d\narm - 40d\nkept keep 40d children=amd"),
            "delete index; follow arm; keep kept:keep keep-always",
        ),
        (
            "a tagged child of a staying index",
            but_keep("kept keep 40d children=amd\namd amd 40d"),
            "keep kept:keep keep-always; keep amd:amd needed",
        ),
        (
            "deeper",
            but_keep("kept keep 40d children=inner\ninner inner 40d children=amd\namd amd 40d"),
            "keep kept:keep keep-always; keep inner:inner needed; keep amd:amd needed",
        ),
        (
            "a child whose own tag stays does not keep its index",
            but_keep("index main 40d children=amd,arm\namd keep 40d\narm - 40d"),
            "delete index; follow arm; keep amd:keep keep-always",
        ),
        (
            "a referrer keeps its subject, and that its children",
            but_keep("sig keep 40d subject=index kind=artifact\nindex main 40d children=amd\namd amd 40d"),
            "keep sig:keep keep-always; keep index:main needed; keep amd:amd needed",
        ),
        (
            "a subject keeps its referrers",
            but_keep("app keep 40d\nsig sig 40d subject=app kind=artifact"),
            "keep app:keep keep-always; keep sig:sig needed",
        ),
        (
            "a shared child of two indexes goes once, with both",
            but_keep("one a 40d children=amd\ntwo b 41d children=amd\namd - 40d"),
            "delete one; delete two; follow amd",
        ),
        (
            "what is attached to a child that stays, stays",
            but_keep(
                "index main 40d children=amd\namd - 40d\nkept keep 40d children=amd\nsig - 40d subject=amd kind=artifact",
            ),
            "delete index; keep kept:keep keep-always",
        ),
    ]);
}

#[test]
fn an_untagged_child_that_must_stay_and_would_be_left_without_any_index_keeps_its_indexes() {
    let needed = "sig keep 40d subject=amd kind=artifact\namd - 40d";
    check(&[
        (
            "its only index",
            but_keep(&format!("{needed}\nindex main 40d children=amd")),
            "keep sig:keep keep-always; keep index:main needed",
        ),
        (
            "its indexes, all of them",
            but_keep(&format!("{needed}\none a 40d children=amd\ntwo b 40d children=amd")),
            "keep sig:keep keep-always; keep one:a needed; keep two:b needed",
        ),
        (
            "another index stays: this one may go",
            but_keep(&format!(
                "{needed}\nindex main 40d children=amd\nkept keep2 40d children=amd"
            )),
            "keep sig:keep keep-always; keep kept:keep2 keep-always; delete index",
        ),
        (
            "a tagged child needs no index",
            but_keep("sig keep 40d subject=amd kind=artifact\namd amd 40d\nindex main 40d children=amd"),
            "keep sig:keep keep-always; keep amd:amd needed; delete index",
        ),
    ]);
}

#[test]
fn a_root_that_must_stay_although_all_its_entries_expire_keeps_all_its_tags() {
    let rules = ["match: { tags: [keep] }, keep: always", EVERYTHING];
    check(&[
        (
            "needed",
            images("kept keep 40d children=amd\namd a,b 40d").policy("untag: true", &rules),
            "keep kept:keep keep-always; keep amd:a needed; keep amd:b needed",
        ),
        (
            "held",
            images("app a,b 40d labels=io.jettison.keep=true").policy("untag: true", &rules),
            "keep app:a hold protected; keep app:b hold protected",
        ),
        (
            "limited",
            images("app a,b 40d")
                .policy("untag: true", &rules)
                .settings("limits: { keep-at-least: 1 }"),
            "keep app:a keep-at-least; keep app:b keep-at-least",
        ),
    ]);
}

#[test]
fn where_deletes_are_switched_off_what_would_go_is_blocked() {
    check(&[
        (
            "off",
            but_keep("@apps/web cap.delete=false\napp main,old 40d"),
            "block app:main cannot-delete; block app:old cannot-delete",
        ),
        (
            "not asked yet",
            but_keep("@apps/web cap.delete=null\napp main 40d"),
            "delete app",
        ),
        (
            "untagged",
            but_keep("@apps/web cap.delete=false\napp - 40d"),
            "block app cannot-delete",
        ),
        (
            "what stays is not blocked",
            but_keep("@apps/web cap.delete=false\napp keep 40d"),
            "keep app:keep keep-always",
        ),
        (
            "children have no entry",
            but_keep("@apps/web cap.delete=false\nindex main 40d children=amd\namd - 40d"),
            "block index:main cannot-delete",
        ),
    ]);
}

/// The actions in their order, as `name+bytes`.
fn actions(case: &Case) -> Vec<String> {
    let answer = case.plan();
    let plan = answer.json();
    list(&plan, "actions")
        .iter()
        .map(|action| format!("{}+{}", answer.image(action), action["bytes"]))
        .collect()
}

#[test]
fn bytes_are_what_an_action_frees_beyond_those_before_it_so_that_they_add_up() {
    let total = |case: &Case| {
        list(&case.plan().json(), "actions")
            .iter()
            .map(|action| action["bytes"].as_u64().unwrap())
            .sum::<u64>()
    };
    let shared = but_keep("a a 40d blobs=base:1000,a:10\nb b 41d blobs=base:1000,b:20\nc keep 42d blobs=c:5");
    assert_eq!(
        total(&shared),
        1030,
        "a shared blob is freed once: {:?}",
        actions(&shared)
    );
    let staying = but_keep("a a 40d blobs=base:1000,a:10\nc keep 42d blobs=base:1000");
    assert_eq!(
        total(&staying),
        10,
        "what an image that stays holds is not freed: {:?}",
        actions(&staying)
    );
    let child = but_keep("index main 40d children=amd,arm\namd - 40d blobs=x:7,base:100\narm - 40d blobs=y:8,base:100");
    assert_eq!(total(&child), 115, "children free their own: {:?}", actions(&child));
    let untagged = images("a keep,old 40d blobs=a:10")
        .policy("untag: true", &["match: { tags: [keep] }, keep: always", EVERYTHING]);
    assert_eq!(total(&untagged), 0, "an untag frees nothing: {:?}", actions(&untagged));
}

#[test]
fn what_goes_along_stands_after_its_root() {
    let case = but_keep(
        "one a 40d children=amd,arm\namd - 40d\narm - 40d\nsig @one.sig 40d kind=artifact\ntwo b 41d children=arm,ppc\nppc - 40d\n\
         three c 42d",
    );
    let answer = case.plan();
    let plan = answer.json();
    let mut seen: Vec<String> = Vec::new();
    for action in list(&plan, "actions") {
        let image = answer.image(action);
        let parents: &[&str] = match image.as_str() {
            "amd" | "sig" => &["one"],
            "ppc" => &["two"],
            "arm" => &["one", "two"],
            _ => &[],
        };
        assert!(
            parents.iter().all(|parent| seen.contains(&(*parent).to_owned())),
            "{image} comes before one of {parents:?}: {seen:?}"
        );
        let code = if parents.is_empty() { "expired" } else { "follows" };
        assert_eq!(action["reason"]["code"], code, "{image}");
        seen.push(image);
    }
    assert_eq!(seen.len(), 7);
}

#[test]
fn the_order_of_the_input_never_changes_a_byte_of_the_plan() {
    let case = but_keep(
        "one a,z 40d children=amd,arm blobs=x:5,y:6\namd - 40d blobs=b:9,x:5\narm - 40d\nsig @one.sig 40d kind=artifact\n\
         two b 40d children=arm\nthree c 40d blobs=x:5\nkept keep 40d\n@apps/api\nfour d 40d\nfive e 40d",
    )
    .usage("@p complete\nr.example.com/apps/api:d\nr.example.com/apps/web:c by=x\n@q complete\nr.example.com/apps/api@four");
    let usage = case.usage_form();
    let forward = case.plan_from(&case.inventory(), &usage);
    let backward = case.plan_from(&reversed(case.inventory()), &reversed(usage));
    assert_eq!(forward.stdout, backward.stdout);
}

fn reversed(mut value: Value) -> Value {
    match &mut value {
        Value::Array(items) => items.reverse(),
        Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(reversed).collect()),
        Value::Object(fields) => Value::Object(fields.into_iter().map(|(key, value)| (key, reversed(value))).collect()),
        other => other,
    }
}

#[test]
fn adding_a_usage_reference_a_hold_or_a_gap_never_adds_a_delete() {
    let text = "one a 40d children=amd,arm\namd - 40d\narm - 40d\ntwo b 41d children=arm\nthree c 42d\nsig s 40d subject=three kind=artifact";
    let rules = ["match: {}, expire: { beyond-newest: 1 }", EVERYTHING];
    let case = || images(text).policy("untag: true", &rules);
    let deleted = |case: Case| -> Vec<String> {
        let gone = case.plan().outcome().into_iter();
        gone.filter(|line| line.starts_with("delete") || line.starts_with("follow"))
            .collect()
    };
    let before = deleted(case());
    for image in ["one", "amd", "arm", "two", "three", "sig"] {
        let after = deleted(case().usage(&format!("@p complete\nr.example.com/apps/web@{image}")));
        assert!(
            after.iter().all(|line| before.contains(line)),
            "using {image} adds a delete: {before:?} and {after:?}"
        );
    }
    assert!(deleted(case().usage("@p partial")).is_empty());
}

#[test]
fn planning_again_after_a_simulated_apply_deletes_nothing_more() {
    let text = "one a 40d children=amd,arm\namd - 40d\narm - 40d\ntwo keep 41d children=arm\nsig @one.sig 40d kind=artifact\nold b,keep2 50d";
    let case = but_keep(text);
    let answer = case.plan();
    let gone: Vec<Value> = list(&answer.json(), "actions")
        .iter()
        .map(|action| action["digest"].clone())
        .collect();
    assert!(!gone.is_empty());
    let mut inventory = case.inventory();
    for key in ["tags", "manifests"] {
        let entries = inventory["repositories"][0][key].as_array_mut().unwrap();
        entries.retain(|entry| !gone.contains(&entry["digest"]));
    }
    let again = case.plan_from(&inventory, &case.usage_form()).json();
    assert!(list(&again, "actions").is_empty(), "{again}");
}

#[test]
fn a_plan_never_violates_its_own_laws() {
    check(&[
        (
            "an attached index that lists its own subject",
            but_keep("app main 40d\natt - 40d subject=app children=app"),
            "delete app; follow att",
        ),
        (
            "an attached index that lists another root, of a lower digest than its subject",
            but_keep("0b main 40d\natt - 40d subject=0b children=0a\n0a web 40d"),
            "delete 0b; delete 0a; follow att",
        ),
        (
            "two attached to each other, one of them an index that lists another root",
            but_keep("0b main 40d subject=att\natt - 40d subject=0b children=0a\n0a web 40d"),
            "delete 0b; delete 0a; follow att",
        ),
        (
            "a child that an index further down lists as well",
            but_keep(
                "top main 40d children=0b,0a\n0b - 40d subject=0e children=0d\n0e - 40d subject=0d kind=artifact\n\
                 0d - 40d children=0a\n0a - 40d",
            ),
            "delete top; follow 0b; follow 0e; follow 0d; follow 0a",
        ),
    ]);
}

#[test]
fn what_was_not_read_is_never_taken_for_absent() {
    check(&[(
        "a child that is neither there nor missing",
        but_keep("index main 40d children=amd,gone\namd - 40d"),
        "keep index:main hold incomplete",
    )]);
}

#[test]
fn depth_is_no_matter() {
    let last = 3000;
    let mut text: String = (0..last)
        .map(|at| format!("c{at} - 40d children=c{}\n", at + 1))
        .collect();
    text.push_str(&format!("c{last} - 40d\ntop main 40d children=c0\n"));
    let answer = but_keep(&text).plan();
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    assert_eq!(list(&answer.json(), "actions").len(), last + 2);
}
