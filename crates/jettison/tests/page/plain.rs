//! The page as a file: its size, what it says without a script, and what it asks of others: nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::document::Document;
use super::world::world;

#[test]
fn ten_thousand_repositories_fit_two_megabytes() {
    let world = world(10_000);
    let page = jettison::output::page(&world.audit()).unwrap();
    let names: usize = world.by_stored().iter().map(|(name, _)| name.len()).sum();
    assert!(names > 350_000, "names too short to tell anything: {names}");
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    for table in [
        "repositories",
        "groups",
        "heaviest",
        "oldest",
        "duplicates",
        "savings",
        "bill",
    ] {
        assert!(page.contains(&format!("id=\"table-{table}\"")), "{table}");
    }
}

#[test]
fn what_would_make_a_page_too_large_is_left_out_and_said() {
    let mut audit = world(10_000).audit();
    for row in audit.rows.iter_mut().filter(|row| row.by == "repository") {
        row.name = format!("{}/{}", row.name, "a-very-long-name".repeat(12));
    }
    let page = jettison::output::page(&audit).unwrap();
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert!(page.contains("smaller rows are left out"));
}

#[test]
fn the_summary_and_the_first_rows_need_no_script() {
    let world = world(60);
    let audit = world.audit();
    let page = Document(jettison::output::page(&audit).unwrap());
    let rows = page.rows("repositories");
    let first: Vec<String> = world.by_stored().into_iter().take(20).map(|(name, _)| name).collect();
    assert_eq!(rows.iter().map(|row| row[0].clone()).collect::<Vec<_>>(), first);
    let stored = jettison::output::text::bytes(audit.registries[0].totals.stored_bytes);
    assert!(
        page.between("<dl class=\"figures\">", "</dl>")
            .contains(&format!("<small>at least</small> {stored}"))
    );
    assert!(page.between("<noscript>", "</noscript>").contains("Without JavaScript"));
    for known in [
        "untagged manifests are invisible",
        "the registry answered 403",
        "412 tags",
        "2026-11-22 09:55:00 UTC",
    ] {
        assert!(page.0.contains(known), "{known}");
    }
    let ages = page.between("aria-label=\"How old it is. ", "\"");
    assert!(ages.contains("Most is stored by images of the age"), "{ages}");
}

#[test]
fn what_there_are_no_data_for_is_left_out() {
    let mut audit = world(3).audit();
    audit.rows.clear();
    audit.growth.clear();
    audit.forecasts.clear();
    audit.findings.clear();
    audit.gaps.clear();
    audit.prices = None;
    audit.savings = None;
    audit.duplicates.clear();
    audit.heaviest_in_use.clear();
    audit.oldest_in_use.clear();
    audit.registries[0].bill = None;
    audit.registries[0].because.clear();
    let page = Document(jettison::output::page(&audit).unwrap());
    for absent in [
        "<h2 id=\"charts\"",
        "<h2 id=\"tables\"",
        "<h2 id=\"findings\"",
        "<h2 id=\"known\"",
        "Cost a month",
        "would free",
    ] {
        assert_eq!(page.count(absent), 0, "{absent}");
    }
    assert!(page.count("<h2 id=\"short\"") == 1);
}

#[test]
fn a_page_asks_nobody_for_anything() {
    let page = Document(jettison::output::page(&world(3).audit()).unwrap());
    let policy = page.between("Content-Security-Policy\" content=\"", "\"");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'sha256-"),
        "{policy}"
    );
    assert_eq!(
        policy.matches("'sha256-").count(),
        3,
        "two scripts and a style: {policy}"
    );
    for loophole in ["unsafe", "*", "http", "data:", "self"] {
        assert!(!policy.contains(loophole), "{loophole}");
    }
    // A browser runs and applies what has such a hash, and nothing else.
    let runs = |tag: &str, end: &str| {
        page.0
            .split(tag)
            .skip(1)
            .map(|rest| rest.split_once(end).unwrap().0)
            .collect::<Vec<_>>()
    };
    for text in [runs("<script>", "</script>"), runs("<style>", "</style>")].concat() {
        let hash = format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.as_bytes())));
        assert!(policy.contains(&hash), "{hash} is not in {policy}: {text:.100}");
    }
    assert_eq!(
        (runs("<script>", "</script>").len(), runs("<style>", "</style>").len()),
        (2, 1)
    );
    assert!(
        !page.0.contains("sourceMappingURL"),
        "developer tools would look for it"
    );
    let asking = [
        "src",
        "href",
        "srcset",
        "action",
        "style",
        "ping",
        "poster",
        "formaction",
    ];
    let attributes = page.attributes();
    assert!(attributes.contains("aria-label"), "{attributes:?}");
    assert!(asking.iter().all(|name| !attributes.contains(*name)), "{attributes:?}");
    assert!(attributes.iter().all(|name| !name.starts_with("on")), "{attributes:?}");
    for asking in ["link", "img", "iframe", "object", "embed", "base", "form"] {
        assert!(!page.elements().contains(asking), "{asking}");
    }
}
