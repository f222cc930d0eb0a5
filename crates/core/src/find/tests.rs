//! The language of queries and what comes first, as tables.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::*;
use crate::config::Config;
use crate::facts::Origin;
use crate::model::Usage;

const NOW: &str = "2026-11-22T00:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn days_ago(days: i64) -> String {
    (now() - SignedDuration::from_hours(24 * days)).to_string()
}

fn digest(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

/// An image of that age, with one blob of that size.
fn image(name: &str, days: Option<i64>, size: u64) -> Value {
    json!({"digest": digest(name), "kind": "image", "platform": "linux/amd64", "pushed_at": days.map(days_ago),
        "config_digest": digest(&format!("config of {name}")), "blobs": [{"digest": digest(&format!("blob of {name}")), "size": size}]})
}

fn tag(name: &str, image: &str) -> Value {
    json!({"name": name, "digest": digest(image)})
}

fn with(mut manifest: Value, more: Value) -> Value {
    for (key, value) in more.as_object().unwrap() {
        manifest[key] = value.clone();
    }
    manifest
}

/// A repository in which pulls are known for thirty days, one in which nothing of pulls is, and one elsewhere.
fn inventory() -> Inventory {
    let web = json!({"registry": "registry.example.com", "name": "apps/web", "pull_data_since": days_ago(30),
    "capabilities": {"pull_time": true},
    "tags": [tag("prod-7", "running"), tag("prod-6", "before"), tag("test-web-1", "test"), tag("Main", "main"), tag("multi", "index")],
    "manifests": [
        with(image("running", Some(40), 900), json!({"last_pulled_at": days_ago(2), "labels": {"team": "red"}})),
        with(image("before", Some(50), 800), json!({"annotations": {"team": "rot/blau"}})),
        image("test", Some(1), 10), image("main", Some(3), 20),
        with(image("nameless", Some(100), 30), json!({"archived_at": days_ago(9)})),
        {"digest": digest("index"), "kind": "image", "pushed_at": days_ago(5), "children": [digest("arm"), digest("amd")]},
        with(image("arm", Some(5), 70), json!({"platform": "linux/arm64"})), image("amd", Some(5), 7),
    ]});
    let other = json!({"registry": "registry.example.com", "name": "tools/webhook", "tags": [tag("v1", "timeless")],
        "manifests": [image("timeless", None, 5), with(image("cache", Some(8), 6), json!({"kind": "build-cache"}))]});
    let foreign = json!({"registry": "other.io", "name": "web", "tags": [tag("latest", "foreign")],
        "manifests": [image("foreign", Some(10), 5)]});
    serde_json::from_value(json!({"schema": 1, "taken_at": NOW, "repositories": [web, other, foreign]})).unwrap()
}

fn usage(status: &str) -> Usage {
    let web = |tag: &str| format!("registry.example.com/apps/web:{tag}");
    serde_json::from_value(json!({"schema": 1, "taken_at": NOW, "sources": [{"name": "prod", "status": status,
        "covers": ["registry.example.com/**"], "references": [
            {"image": web("prod-7"), "used_by": "Pod Shop/web-0"}, {"image": web("prod-7"), "used_by": "Pod shop/web-1"},
            {"image": web("prod-6"), "used_by": "Pod shop/web-0 before", "last_seen_at": days_ago(3)}]}]}))
    .unwrap()
}

fn found_by(query: &[&str], usage: Option<&Usage>, most: usize) -> Found {
    let (inventory, config) = (inventory(), Config::default());
    let facts = Facts {
        inventory: &inventory,
        usage,
        config: &config,
        now: now(),
        origin: Origin::SavedFacts,
    };
    find(&facts, &Query::parse(query).unwrap(), most).of(&inventory)
}

/// Names of what was found, in order, and how many may fit besides.
fn search(query: &[&str], usage: Option<&Usage>) -> (String, u64) {
    let found = found_by(query, usage, 100);
    assert_eq!((found.looked_at, found.found), (9, found.images.len() as u64));
    let names = [
        "running", "before", "test", "main", "nameless", "index", "timeless", "cache", "foreign",
    ];
    let name = |image: &FoundImage| names.into_iter().find(|name| digest(name) == image.digest).unwrap();
    let names: Vec<&str> = found.images.iter().map(name).collect();
    (names.join(" "), found.unknown)
}

#[test]
fn terms() {
    let usage = usage("complete");
    for (query, expected, unknown) in [
        ("", "running before test main index foreign timeless cache nameless", 0),
        ("tag:prod-*", "running before", 0),
        ("tag:prod-* tag:*-7", "running", 0),
        ("tag:{Main,multi}", "main index", 0),
        ("tag:main", "", 0),
        ("main", "main", 0),
        ("!tag:*", "cache nameless", 0),
        ("repo:apps/**", "running before test main index nameless", 0),
        ("-repo:apps/** -kind:build-cache", "foreign timeless", 0),
        ("registry:OTHER.*", "foreign", 0),
        ("kind:build-cache", "cache", 0),
        ("label:team", "running before", 0),
        ("label:team=r*", "running before", 0),
        ("label:team=red", "running", 0),
        ("label:team=rot*", "before", 0),
        ("label:nothing", "", 0),
        ("platform:linux/arm64", "index", 0),
        ("platform:*/amd64 tag:multi", "index", 0),
        ("untagged", "cache nameless", 0),
        ("archived", "nameless", 0),
        ("used", "running before", 1),
        ("unused tag:*", "test main index timeless", 1),
        ("used-by:SHOP/web-1", "running", 1),
        ("-used-by:web repo:apps/*", "test main index nameless", 0),
        ("age<3d", "test", 1),
        ("age<=3d", "test main", 1),
        ("age>50d", "nameless", 1),
        ("age>=50d", "before nameless", 1),
        ("!age>3d", "test main", 1),
        ("size>800B", "running", 0),
        ("size>=800B size<900B", "before", 0),
        ("tag:multi size<=77B", "index", 0),
        ("tag:multi size<77B", "", 0),
        ("pulled<7d", "running", 2),
        ("pulled>7d", "before test main index nameless", 3),
        ("pulled>30d", "before test main index nameless", 3),
        // Nobody knows of pulls so long ago, but of what was pulled lately.
        ("pulled>31d", "", 8),
        ("!pulled<7d", "before test main index nameless", 3),
        ("rot/blau", "before", 0),
        ("shop/web-1", "running", 0),
        ("apps/web:prod", "running before", 0),
        ("registry.example.com/tools", "timeless cache", 0),
    ] {
        let terms: Vec<&str> = query.split_whitespace().collect();
        let (names, passed_over) = search(&terms, Some(&usage));
        // How often nobody knows is told apart for each term below.
        assert_eq!(names, expected, "{query}");
        if !query.contains("pulled") {
            assert_eq!(passed_over, unknown, "{query}");
        }
    }
}

#[test]
fn what_nobody_knows_fits_no_term_and_no_negation() {
    let partial = usage("partial");
    for (query, usage, expected, unknown) in [
        (&["age<9d", "repo:tools/*"][..], None, "cache", 1),
        (&["!age<9d", "repo:tools/*"], None, "", 1),
        (&["used"], None, "", 9),
        (&["unused"], None, "", 9),
        (&["used"], Some(&partial), "running before", 7),
        (&["!used"], Some(&partial), "", 7),
        (&["used-by:web"], Some(&partial), "running before", 7),
        (&["!used-by:web"], Some(&partial), "", 7),
        (&["pulled<7d", "repo:tools/*"], None, "", 2),
        (&["!pulled<7d", "repo:tools/*"], None, "", 2),
        (&["pulled>20d", "tag:prod-7"], None, "", 0),
        (&["pulled>31d", "tag:prod-7"], None, "", 0),
        (&["pulled>31d", "tag:prod-6"], None, "", 1),
        (&["unused", "tag:nothing"], None, "", 0),
    ] {
        assert_eq!(
            search(query, usage),
            (expected.to_owned(), unknown),
            "{query:?} {usage:?}"
        );
    }
}

#[test]
fn a_digest_is_found_by_its_first_digits_also_that_of_a_config_or_a_part() {
    let hex = |name: &str, length: usize| digest(name).hex()[..length].to_owned();
    for (term, expected) in [
        (format!("digest:{}", hex("running", 12)), "running"),
        (format!("digest:sha256:{}", hex("running", 64)), "running"),
        (format!("digest:{}", hex("config of main", 12)), "main"),
        (format!("digest:{}", hex("arm", 12)), "index"),
        (hex("running", 12), "running"),
        (digest("running").to_string(), "running"),
        (hex("running", 4), ""),
    ] {
        let term = if term.starts_with("sha256:") {
            term.replace("sha256:", "digest:")
        } else {
            term
        };
        assert_eq!(search(&[&term], None).0, expected, "{term}");
    }
}

#[test]
fn what_is_used_comes_first_then_the_better_name_then_the_newest() {
    let usage = usage("complete");
    // A whole name before a part of one, and that before any other; tagged before untagged.
    let (names, _) = search(&["web"], Some(&usage));
    assert_eq!(names, "running before test main index foreign nameless timeless cache");
    assert_eq!(search(&["prod"], None).0, "running before", "the newer of two");
    assert_eq!(search(&["webhook"], None).0, "timeless cache");
    assert_eq!(search(&["v1"], None).0, "timeless");
}

#[test]
fn no_more_are_told_than_asked_for_and_all_are_counted() {
    let usage = usage("complete");
    let found = found_by(&["repo:**"], Some(&usage), 2);
    assert_eq!((found.found, found.images.len(), found.repositories), (9, 2, 3));
    assert_eq!(found.images[0].used_by, ["Pod Shop/web-0", "Pod shop/web-1"]);
    assert_eq!((found.images[0].used, found.images[1].used), (Use::Now, Use::Lately));
    assert_eq!((found.images[0].bytes, found.images[0].at_least), (900, false));
    let multi = &found_by(&["tag:multi"], None, 1).images[0];
    assert_eq!(
        (multi.bytes, multi.platforms.join(" ")),
        (77, "linux/amd64 linux/arm64".to_owned())
    );
    assert_eq!(multi.used, Use::Unknown);
}

#[test]
fn the_term_that_is_most_in_the_way_is_told() {
    let way = |query: &[&str]| {
        let found = found_by(query, None, 9);
        most_in_the_way(&found).map(|term| (term.term.clone(), term.without))
    };
    assert_eq!(way(&["tag:prod-*", "age<3d"]), Some(("age<3d".to_owned(), 2)));
    assert_eq!(way(&["nothing"]), Some(("nothing".to_owned(), 9)));
    assert_eq!(way(&["nothing", "never"]), None);
    let found = found_by(&["tag:prod-*", "age<45d"], None, 9);
    let counts: Vec<_> = found
        .terms
        .iter()
        .map(|term| (term.fits, term.unknown, term.without))
        .collect();
    assert_eq!(counts, [(2, 0, 6), (6, 1, 2)]);
}

#[test]
fn every_mistake_says_what_to_write_instead() {
    for (term, problem) in [
        ("", "it is empty"),
        ("!", "it is empty"),
        ("tg:prod", "there is no key `tg`; did you mean `tag`?"),
        ("repos:x", "did you mean `repo`?"),
        ("zzzzzz:x", "known: tag, repo"),
        ("tag:", "it has no value; write tag:prod-*"),
        ("tag:[", "unclosed"),
        ("tag:!x", "the ! stands before the key; write '!tag:x'"),
        ("age", "write it in quotes"),
        ("size", "'size>500MB'"),
        ("age:7d", "it is compared with < or >; write 'age>90d'"),
        ("age<", "12h"),
        ("age<7", "unit"),
        ("age=7d", "<, <=, > or >="),
        ("size>5m", "MB"),
        ("tag>5", "`tag` is not compared"),
        ("aeg<5d", "did you mean `age`?"),
        ("used:yes", "it takes no value"),
        ("digest:xyz", "first digits"),
        ("kind:imag", "did you mean `image`?"),
        ("prod-*", "write tag:GLOB or repo:GLOB"),
        ("used\u{1b}[2J:x*", "a glob"),
        (&"x".repeat(600), "longer than 512 bytes"),
        (&format!("tag:{}", "{a,".repeat(100)), "glob"),
        (&format!("tag:{}", "{a,b}*".repeat(80)), ""),
    ] {
        let Err(wrong) = Query::parse(&[term]) else {
            assert_eq!(problem, "", "{term}");
            continue;
        };
        let said = wrong[0].to_string();
        assert!(said.contains(problem), "{term}: {said}");
        assert!(
            said.chars().count() < 400 && !said.contains(char::is_control),
            "{said:?}"
        );
    }
    assert_eq!(
        Query::parse(&["tg:x", "fine", "kind:x"]).unwrap_err().len(),
        2,
        "all at once"
    );
    assert_eq!(Query::parse(&vec!["x"; 33]).unwrap_err().len(), 1);
    assert!(Query::parse(&vec!["x"; 32]).is_ok());
}
