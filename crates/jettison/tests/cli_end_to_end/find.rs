//! `jettison find`, and what scans record: on a registry in this process, from the store after it has gone, from files.

use jettison_testkit::registry::Fault;
use serde_json::Value;

use crate::forms::{Forms, registry};
use crate::pages::page;
use crate::place::Place;
use crate::world::NOW;

/// Saved facts, as of their day.
const FACTS: [&str; 7] = ["find", "--inventory", "i.json", "--usage", "u.json", "--now", NOW];

fn tags(found: &Value) -> Vec<&str> {
    let images = found["images"].as_array().unwrap().iter();
    images.map(|image| image["tags"][0].as_str().unwrap_or("-")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_found_on_a_registry_is_found_in_the_record_of_its_scan() {
    let forms = Forms::published();
    let (registry, place) = registry().await;
    let find = |words: &[&str]| place.call(&[&["find", "--output", "json"], words].concat());
    let nothing = find(&["--recorded"]).exits(2);
    let hint = format!(
        "run `jettison scan '{}/apps/*'` first, or leave --recorded away",
        registry.host()
    );
    assert!(nothing.stderr.contains(&hint), "{}", nothing.stderr);
    let asked = find(&["old"]).exits(0).json();
    forms.holds("find", &asked);
    assert_eq!(tags(&asked)[0], "old-used", "what is used comes first: {asked:#}");
    assert_eq!(
        asked["images"][0]["used_by"],
        serde_json::json!(["Pod shop/web-0 (in-use.txt:2)"])
    );
    assert_eq!((&asked["found"], &asked["looked_at"]), (&4.into(), &5.into()));
    registry.stop().await;
    let mut recorded = find(&["old", "--recorded"]).exits(0).json();
    forms.holds("find", &recorded);
    assert_eq!(
        recorded["taken_at"].as_str().map(|at| &at[..19]),
        asked["taken_at"].as_str().map(|at| &at[..19])
    );
    for changing in ["now", "taken_at"] {
        recorded[changing] = asked[changing].clone();
    }
    assert_eq!(recorded, asked);
    // Nobody answers: what is recorded is kept, and says that it is old.
    let unanswered = find(&["old"]).exits(5).json();
    assert_eq!((&unanswered["found"], tags(&unanswered).len()), (&0.into(), 0));
    let kept = find(&["old", "--recorded"]).exits(5).json();
    assert_eq!(
        (tags(&kept), kept["gaps"].as_array().unwrap().len()),
        (tags(&asked), 1),
        "{kept:#}"
    );
    let elsewhere = find(&["--in", "other.example.com", "--recorded"]).exits(2);
    assert!(
        elsewhere.stderr.contains("nothing is recorded of other.example.com/**"),
        "{}",
        elsewhere.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_cannot_be_read_is_found_as_it_was_last() {
    let (registry, place) = registry().await;
    place.call(&["scan"]).exits(0);
    registry.fail(Fault::status(403).path("/v2/apps/web/*"));
    place.call(&["scan"]).exits(5);
    let found = place
        .call(&["find", "keep", "--recorded", "--output", "json"])
        .exits(5)
        .json();
    assert_eq!(tags(&found), ["keep"]);
    let gap = found["gaps"][0].as_str().unwrap();
    assert!(
        gap.contains("/apps/web could not be read at ") && gap.contains("is shown as of "),
        "{gap}"
    );
    registry.stop().await;
}

#[test]
fn pages_of_saved_facts() {
    let place = Place::with_facts();
    let find = |name: &str, words: &[&str]| page(name, &place, &[&FACTS[..], words].concat());
    find("find", &["main"]);
    find("find-limit", &["!untagged", "--limit", "2"]);
    find("find-nothing", &["tag:main-*", "age<1h", "repo:apps/web"]);
    find("find-not-known", &["unused", "pulled>7d"]);
    find("find-mistakes", &["tg:prod", "age", "\u{1b}[2Jx*"]);
    find("find-csv", &["worker", "--output", "csv", "--quiet"]);
}

#[test]
fn without_a_registry_it_says_where_to_look() {
    let said = Place::empty().call(&["find", "web"]).exits(2);
    assert!(said.stderr.contains("--in registry.example.com"), "{}", said.stderr);
    Place::with_facts()
        .call(&[&FACTS[..], &["--", "web", "-tag:main-*"]].concat())
        .exits(5);
}

#[test]
fn a_tag_behind_which_nothing_was_read_is_said() {
    let place = Place::empty();
    let unread = format!("sha256:{:064x}", 7);
    let facts = serde_json::json!({"schema": 1, "taken_at": NOW, "repositories": [{
        "registry": "registry.example.com", "name": "apps/web", "tags": [{"name": "prod", "digest": unread}], "manifests": [],
    }]});
    place.write("i.json", &facts.to_string());
    let words = ["find", "--inventory", "i.json", "--now", NOW, "prod"];
    let said = place.call(&words).exits(5);
    let gap = format!("registry.example.com/apps/web: tag prod points to {unread}, which was not read");
    assert!(said.stderr.contains(&gap), "{}", said.stderr);
    let found = place
        .call(&[&words[..], &["--output", "json"]].concat())
        .exits(5)
        .json();
    assert_eq!(
        (&found["found"], &found["gaps"]),
        (&0.into(), &serde_json::json!([gap]))
    );
}
