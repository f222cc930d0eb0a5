//! What explain and history say of images that are gone, back, or unknown.

use serde_json::json;

use crate::place::{Place, run_id};

const GONE: &str = "r.example.com/apps/web:feature-login-5a2b3c4";

async fn remembered() -> Place {
    let place = Place::with_facts();
    place.remember().await;
    place
}

#[tokio::test]
async fn a_deleted_image_says_when_why_by_which_run_and_how_to_put_it_back() {
    let place = remembered().await;
    let run = run_id(2, 1).to_string();
    let said = place.call(&["explain", GONE]).exits(0).stdout;
    for part in [
        "is gone",
        &run,
        "2026-11-21 13:00:01 UTC",
        "rule `branches` of policy `applications` expires it",
        "yes  older-than 7d: 80d",
        &format!("jettison undo {GONE}"),
        &format!("jettison undo {run}"),
        "until the registry's garbage collection",
    ] {
        assert!(said.contains(part), "`{part}` is not in\n{said}");
    }
    let form = place.call(&["explain", GONE, "--output", "json"]).exits(0).json();
    assert_eq!(form["gone"], true);
    let last = &form["runs"][0];
    assert_eq!((&last["run"], &last["outcome"]), (&json!(run), &json!("done")));
    assert_eq!(last["reason"]["rule"], "branches");
    assert_eq!(last["undo"], "until-garbage-collection");
    assert_eq!(last["at"], "2026-11-21T13:00:01Z");
}

#[tokio::test]
async fn an_image_that_was_put_back_says_so_and_offers_no_undo() {
    let place = remembered().await;
    // One before the plan that is explained, one after it.
    for (tag, at) in [
        ("main-3a2b3c4", "2026-11-19T12:00:02Z"),
        ("buildcache", "2026-11-21T13:00:06Z"),
    ] {
        let image = format!("r.example.com/apps/web:{tag}");
        let form = place.call(&["explain", &image, "--output", "json"]).exits(0).json();
        assert_eq!(form["gone"], false, "{tag}");
        assert_eq!(form["runs"][0]["put_back_at"], at);
        let said = place.call(&["explain", &image]).exits(0).stdout;
        assert!(said.contains("put back: 2026-11-"), "{said}");
        assert!(!said.contains("jettison undo"), "{said}");
    }
}

#[tokio::test]
async fn an_image_that_could_not_be_deleted_is_not_gone() {
    let place = remembered().await;
    let image = "r.example.com/apps/a-service-with-a-rather-long-name/worker:main-1b2b3c4";
    let form = place.call(&["explain", image, "--output", "json"]).exits(0).json();
    assert_eq!(
        (&form["gone"], &form["runs"][0]["outcome"]),
        (&json!(false), &json!("failed"))
    );
    assert_eq!(form["verdicts"][0]["verdict"], "expire");
}

#[tokio::test]
async fn an_unknown_image_gets_near_names_and_exit_2() {
    let place = remembered().await;
    for (image, near) in [
        ("apps/web:main-2a2b3c4", "write HOST[:PORT]/REPOSITORY"),
        (
            "apps/web:main-2a2b3c4",
            "did you mean r.example.com/apps/web:main-2a2b3c4",
        ),
        (
            "r.example.com/apps/web:mian-2a2b3c4",
            "did you mean r.example.com/apps/web:main-2a2b3c4",
        ),
        (
            "r.example.com/apps/wbe:main-2a2b3c4",
            "did you mean r.example.com/apps/web:main-2a2b3c4",
        ),
        ("r.example.com/elsewhere:zzz", "jettison plan r.example.com/elsewhere"),
    ] {
        for words in [&["explain", image][..], &["history", "--image", image]] {
            let said = place.call(words).exits(2);
            assert!(said.stderr.contains(near), "{words:?}: {}", said.stderr);
            assert_eq!(said.stdout, "");
        }
    }
}

#[tokio::test]
async fn the_history_of_an_image_lists_its_runs_newest_first() {
    let place = remembered().await;
    let image = "r.example.com/apps/web:main-2a2b3c4";
    let form = place
        .call(&["history", "--image", image, "--output", "json"])
        .exits(0)
        .json();
    let runs = form["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1, "{form}");
    assert_eq!(runs[0]["id"], run_id(2, 1).as_str());
    assert_eq!(runs[0]["actions"].as_array().unwrap().len(), 1, "{form}");
    assert_eq!(runs[0]["actions"][0]["tags"], json!(["main-2a2b3c4"]));
}

#[tokio::test]
async fn a_run_and_an_image_show_what_that_run_did_to_it() {
    let place = remembered().await;
    let run = run_id(2, 1).to_string();
    let words = |image| ["history", &*run, "--image", image, "--output", "json"].map(str::to_owned);
    let call = |words: [String; 6]| place.call(&words.each_ref().map(String::as_str));
    let form = call(words(GONE)).exits(0).json();
    assert_eq!(
        (&form["id"], form["actions"].as_array().unwrap().len()),
        (&json!(run), 1)
    );
    let other = call(words("r.example.com/apps/web:v1.2.3")).exits(2);
    assert!(other.stderr.contains("did nothing to"), "{}", other.stderr);
}

/// Nothing listens on port 1 of loopback: no failure of the run, and no good night either.
#[test]
fn a_run_that_could_read_nothing_is_incomplete_in_its_report_and_in_the_history() {
    let place = Place::empty();
    let words = ["run", "127.0.0.1:1/apps/web", "--yes", "--no-usage", "--output", "json"];
    let report = place.call(&words).exits(5).json();
    assert_eq!(report["status"], "incomplete", "{report}");
    let runs = place.call(&["history", "--output", "json"]).exits(0).json();
    assert_eq!(runs["runs"][0]["status"], "incomplete", "{runs}");
    let said = place.call(&["history"]).exits(0).stdout;
    assert!(said.contains("incomplete"), "{said}");
}
