//! What people read, held against snapshots: at 80 and 200 columns, in colour, and as another program gets it.
//!
//! A change here is a change for people: look at the page before you accept it (`cargo insta review`, or
//! `INSTA_UPDATE=always`).

use jettison_testkit::registry::Fault;

use crate::place::{Place, Said};

/// Escape sequences that can be read: `‹1;31›`.
pub(crate) fn readable(text: &str) -> String {
    let mut readable = String::new();
    for (position, part) in text.split("\u{1b}[").enumerate() {
        match part.split_once('m').filter(|_| position > 0) {
            Some((colour, rest)) => readable.push_str(&format!("‹{}›{rest}", if colour == "0" { "" } else { colour })),
            None => readable.push_str(part),
        }
    }
    readable
}

/// One page in every view.
pub(crate) fn views(call: impl Fn(&[(&str, &str)]) -> Said, place: &str) -> String {
    let views = [
        ("80 columns", &[("COLUMNS", "80")][..]),
        ("200 columns", &[("COLUMNS", "200")]),
        ("80 columns, in colour", &[("COLUMNS", "80"), ("CLICOLOR_FORCE", "1")]),
        ("to a program", &[]),
    ];
    let mut text = String::new();
    for (view, environment) in views {
        let said = call(environment);
        text.push_str(&format!("=== {view}: exit {}\n{}", said.code, readable(&said.stdout)));
        if !said.stderr.is_empty() {
            text.push_str(&format!("--- standard error\n{}", readable(&said.stderr)));
        }
    }
    text.replace(place, "/place")
}

/// Whether a line goes over the edge although there is a blank to break it at. JSON is for programs.
fn could_break(line: &str) -> bool {
    let text = line.trim_start();
    let indent = line.len() - text.len();
    let longest = text.split(' ').map(|word| word.chars().count()).max().unwrap_or(0);
    line.chars().count() > 80 && indent + longest <= 80 && !line.starts_with('{')
}

/// Holds a page against its snapshot. What differs from run to run is replaced.
pub(crate) fn page(name: &str, place: &Place, words: &[&str]) {
    let text = views(
        |environment| place.call_with(words, environment),
        &place.folder().to_string_lossy(),
    );
    let narrow = text.split("=== ").find(|view| view.starts_with("80 columns:")).unwrap();
    let long: Vec<&str> = narrow.lines().filter(|line| could_break(line)).collect();
    insta::with_settings!({
        description => format!("jettison {}", words.join(" ")),
        omit_expression => true,
        prepend_module_to_snapshot => false,
        filters => vec![
            (r"(Plan‹?›?) [0-9a-f]{12}: nothing", "$1 …: nothing"),
        ],
    }, {
        insta::assert_snapshot!(name, text);
    });
    assert!(long.is_empty(), "over the edge of 80 columns: {long:#?}");
}

#[test]
fn a_plan() {
    let place = Place::with_facts();
    page("plan", &place, &Place::PLAN);
    page("plan-verbose", &place, &[&Place::PLAN[..], &["--verbose"]].concat());
}

#[test]
fn a_plan_in_which_nothing_could_be_read() {
    // Nothing listens on port 1 of loopback.
    page(
        "plan-nothing-read",
        &Place::empty(),
        &["plan", "127.0.0.1:1/apps/web", "--quiet"],
    );
}

#[tokio::test]
async fn explanations() {
    let place = Place::with_facts();
    place.remember_plan().await;
    page(
        "explain-goes",
        &place,
        &["explain", "r.example.com/apps/web:buildcache"],
    );
    place.remember().await;
    for (name, image) in [
        ("explain-in-use", "r.example.com/apps/web:main-1a2b3c4"),
        ("explain-kept", "r.example.com/apps/web:v1.2.3"),
        ("explain-young", "r.example.com/apps/web:main-4a2b3c4"),
        ("explain-shares", "r.example.com/apps/web:main-3a2b3c4"),
        ("explain-back", "r.example.com/apps/web:buildcache"),
        (
            "explain-refused",
            "r.example.com/apps/a-service-with-a-rather-long-name/worker:main-3b2b3c4",
        ),
        ("explain-blocked", "r.example.com/apps/sealed:main-1c2b3c4"),
        ("explain-unread", "r.example.com/apps/unread:main-1d2b3c4"),
        ("explain-gone", "r.example.com/apps/web:feature-login-5a2b3c4"),
        ("explain-unknown", "apps/web:main-2a2b3c5"),
    ] {
        page(name, &place, &["explain", image]);
    }
}

#[tokio::test]
async fn histories() {
    let place = Place::with_facts();
    page("history-empty", &place, &["history", "--quiet"]);
    place.remember().await;
    page("history", &place, &["history"]);
    page("history-run", &place, &["history", "20261121-13"]);
    page(
        "history-image",
        &place,
        &["history", "--image", "r.example.com/apps/web:main-2a2b3c4"],
    );
}

#[tokio::test]
async fn a_store() {
    let place = Place::with_facts();
    page("store-none", &place, &["store", "check"]);
    place.remember().await;
    page("store-check", &place, &["store", "check"]);
    crate::store::damage(&place, "idx").await;
    page("store-check-damaged", &place, &["store", "check"]);
}

#[test]
fn policies() {
    let place = Place::with_facts();
    page("policy-check", &place, &["policy", "check", "p.yaml"]);
    place.write("bad.yaml", "policies:\n  - name: p\n    rules:\n      - name: r\n        match: {}\n        expires: { older-than: 30 }\ngrace: 1y\n");
    page("policy-check-mistakes", &place, &["policy", "check", "bad.yaml"]);
    place.write("t.yaml", "now: 2026-11-21T00:00:00Z\nrepository: registry.example.com/apps/web\nimages:\n  - { tags: [web-1a2b3c4], pushed: 140d ago, expect: keep }\n  - { tags: [web-2a2b3c4], pushed: 4d ago, expect: keep }\n");
    page("policy-test", &place, &["policy", "test", "t.yaml"]);
    let place = crate::exchange::place();
    let on = ["--inventory", "i.json", "--now", crate::world::NOW];
    let import = ["policy", "import", "inexact.json"];
    page("policy-import", &place, &[&import[..], &on].concat());
    let export = ["policy", "export", "--to", "ecr", "--policy", "rules.yaml"];
    page("policy-export", &place, &[&export[..], &on].concat());
}

#[test]
fn lifecycle_policies() {
    let place = Place::with_lifecycle();
    page("ecr-preview", &place, &Place::PREVIEW);
    page(
        "ecr-preview-verbose",
        &place,
        &[&Place::PREVIEW[..], &["--verbose"]].concat(),
    );
    page("ecr-lint", &place, &Place::LINT);
    page("ecr-lint-alone", &place, &["ecr", "lint", "policy.json"]);
    place.write("bad.json", "{\"rules\": [ { \"rulePriority\": 0 } ]}");
    page("ecr-lint-mistakes", &place, &["ecr", "lint", "bad.json"]);
}

#[test]
fn usage_and_scans() {
    let place = Place::empty();
    place.write(
        "in-use.txt",
        "r.example.com/apps/web:main # shop\nr.example.com/apps/web:v1\nnot an image\n",
    );
    page("usage", &place, &["usage", "--usage", "in-use.txt", "--quiet"]);
    for by in ["image", "workload"] {
        let words = ["usage", "--usage", "in-use.txt", "--quiet", "--by", by];
        page(&format!("usage-by-{by}"), &place, &words);
    }
    let words = ["usage", "--usage", "in-use.txt", "--quiet", "--find", "tag-only"];
    page("usage-tag-only", &place, &words);
    page(
        "scan-nothing-read",
        &place,
        &["scan", "127.0.0.1:1/apps/web", "--quiet"],
    );
}

#[test]
fn errors() {
    let place = Place::with_facts();
    place
        .call(&[&Place::PLAN[..], &["--out", "plan.json"]].concat())
        .exits(5);
    let calls: [(&str, &[&str]); 7] = [
        ("error-no-target", &["plan"]),
        (
            "error-no-usage-file",
            &["plan", "r.example.com/a", "--usage", "gone.txt"],
        ),
        ("error-bad-flag", &["plan", "--no-such-flag"]),
        ("error-no-plan", &["apply", "gone.json", "--yes", "--quiet"]),
        ("error-no-terminal", &["apply", "plan.json"]),
        ("error-no-run", &["history", "2026", "--quiet"]),
        ("error-json", &["plan", "--output", "json"]),
    ];
    for (name, words) in calls {
        page(name, &place, words);
    }
}

/// Each view on a registry of its own: an apply can be seen once.
#[test]
fn an_apply() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let view = |environment: &[(&str, &str)]| {
        let (registry, place) = runtime.block_on(crate::forms::registry());
        place.call(&["plan", "--out", "plan.json"]).exits(0);
        let old = &registry.tags("apps/web")["old-1"];
        let refused = Fault::status(403).method("DELETE");
        registry.fail(refused.path(&format!("/v2/apps/web/manifests/{old}")));
        let words = ["apply", "plan.json", "--yes", "--quiet"];
        let said = place.call_with(&words, environment);
        // The port has five digits, as those of the registry's name below.
        let host = registry.host();
        let named = |text: &str| text.replace(&host, "127.0.0.1:45678");
        Said {
            code: said.code,
            stdout: named(&said.stdout),
            stderr: named(&said.stderr),
        }
    };
    let text = views(view, "/nowhere");
    let narrow = text.split("=== ").find(|view| view.starts_with("80 columns:")).unwrap();
    assert!(!narrow.lines().any(could_break), "{narrow}");
    insta::with_settings!({
        description => "jettison apply plan.json --yes",
        omit_expression => true,
        prepend_module_to_snapshot => false,
        filters => vec![(r"\d{8}-\d{6}-[0-9a-f]{4}", "20261121-223311-4f2a")],
    }, {
        insta::assert_snapshot!("apply", text);
    });
}

#[test]
fn forms() {
    page("schema", &Place::empty(), &["schema"]);
}
