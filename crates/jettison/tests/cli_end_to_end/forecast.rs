//! `jettison audit forecast` and `jettison audit prices`: the exercise, a registry, and price files with mistakes.

use serde_json::{Value, json};

use crate::forms::{Forms, registry};
use crate::pages::page;
use crate::place::Place;

/// 1 GB a day at 0.10 a GB-month.
const EXERCISE: [&str; 6] = ["audit", "forecast", "--growth", "1GB/day", "--price", "0.10"];

fn forecast(place: &Place, words: &[&str]) -> Value {
    place
        .call(&[&EXERCISE, words, &["--output", "json"]].concat())
        .exits(0)
        .json()
}

#[test]
fn the_exercise_comes_out_of_one_command_that_asks_nobody() {
    let (forms, place) = (Forms::published(), Place::empty());
    for (convention, month, year) in [("average", 34.979_166_666_7, 219.0), ("end", 36.5, 237.25)] {
        let told = forecast(&place, &["--convention", convention]);
        forms.holds("forecast", &told);
        let course = &told["forecasts"][0]["unchanged"];
        assert_eq!(
            (&course["months"][11]["bill"], &course["total"]),
            (&json!(month), &json!(year)),
            "{convention}"
        );
        assert_eq!(told["forecasts"][0]["convention"], convention);
    }
    let told = forecast(
        &place,
        &[
            "--start",
            "1TB",
            "--quota",
            "1100GB",
            "--budget",
            "105",
            "--now",
            "2026-01-01T00:00:00Z",
        ],
    );
    forms.holds("forecast", &told);
    let course = &told["forecasts"][0]["unchanged"];
    assert_eq!(
        (&course["quota_reached_on"], &course["budget_exceeded_in"]),
        (&json!("2026-04-11"), &json!(3))
    );
}

#[test]
fn the_exercise_reads_well() {
    page(
        "audit-forecast",
        &Place::empty(),
        &[&EXERCISE[..], &["--now", "2026-01-01T00:00:00Z"]].concat(),
    );
}

#[test]
fn data_frames_take_the_months_as_they_are() {
    let said = Place::empty()
        .call(&[&EXERCISE[..], &["--now", "2026-01-01T00:00:00Z", "--output", "csv"]].concat())
        .exits(0);
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert_eq!(lines.len(), 13);
    assert!(lines[0].starts_with("registry,month,from,until,stored_bytes,billed_bytes,bill,total,"));
    assert_eq!(
        lines[12],
        ",12,2026-12-01,2027-01-01,365000000000,349791666667,34.9791666667,219,,,,,USD"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_is_looked_at_with_the_policy_and_without() {
    let forms = Forms::published();
    let (registry, place) = registry().await;
    let target = format!("{}/**", registry.host());
    let told = forecast(&place, &[&target]);
    forms.holds("forecast", &told);
    let one = &told["forecasts"][0];
    assert_eq!(one["registry"], registry.host());
    let stored = |course: &str| one[course]["months"][0]["stored_bytes"].as_u64().unwrap();
    assert!(stored("with_policy") < stored("unchanged"), "{one:#}");
    assert!(
        stored("unchanged") > 30_416_666_667,
        "the growth on top of what is there: {one:#}"
    );
    let recorded = forecast(&place, &["--recorded"]);
    assert_eq!(
        recorded["forecasts"][0]["unchanged"]["months"][0]["stored_bytes"],
        stored("unchanged")
    );
    // Built a year ago, and looked at for the first time today: nobody knows how fast it grows.
    let unknown = place.call(&["audit", "forecast", &target]).exits(2);
    assert!(
        unknown.stderr.contains("how fast it grows is not known yet"),
        "{}",
        unknown.stderr
    );
    let brief = place
        .call(&["audit", &target, "--growth", "1GB/day", "--quota", "2GB"])
        .exits(0);
    assert!(
        brief.stdout.contains("What is to come") && brief.stdout.contains("2.0 GB is reached on 20"),
        "{}",
        brief.stdout
    );
    // The audit itself brings the forecast along.
    let audit = place
        .call(&[
            "audit", &target, "--growth", "1GB/day", "--months", "3", "--output", "json",
        ])
        .exits(0)
        .json();
    assert_eq!(
        audit["forecasts"][0]["unchanged"]["months"].as_array().unwrap().len(),
        3
    );
}

#[test]
fn what_cannot_be_read_is_refused_with_a_hint() {
    let place = Place::empty();
    for (words, hint) in [
        (&["--growth", "1 GB a day"][..], "`1GB/day`"),
        (&["--growth", "-1GB/day"], "cannot be negative"),
        (&["--growth", "1GB/day", "--months", "121"], "1..=120"),
        (&["--growth", "1GB/day", "--months", "0"], "1..=120"),
        (&["--growth", "1GB/day", "--budget", "-5"], "cannot be negative"),
        (&["--growth", "1GB/day", "--quota", "2T"], "`2TB`"),
        (&["--growth", "1GB/day", "--price", "cheap"], "acr-basic"),
        (&["--start", "1GB"], "--growth"),
        (&["--growth", "1GB/day", "--start", "1GB", "r.example.com/a"], "--start"),
    ] {
        let said = place.call(&[&["audit", "forecast"], words].concat()).exits(2);
        assert!(said.stderr.contains(hint), "{words:?}: {}", said.stderr);
    }
}

#[test]
fn every_mistake_in_a_price_file_is_told_at_its_line() {
    let place = Place::empty();
    place.write(
        "prices.yaml",
        "as-of: 2999-01-01\ncurrency: usd\nproducts:\n  - name: a\n    storage:\n      - { up-to: 5XB, per-gb-month: -0.10 }\n",
    );
    let said = place.call(&["audit", "prices", "--prices", "prices.yaml"]).exits(2);
    for mistake in [
        "future-date",
        "bad-currency",
        "bad-size",
        "negative-price",
        "prices.yaml:1:8",
        "prices.yaml:2:11",
        "prices.yaml:6:18",
        "prices.yaml:6:37",
    ] {
        assert!(said.stderr.contains(mistake), "{mistake}: {}", said.stderr);
    }
    place
        .call(&[&EXERCISE[..], &["--prices", "prices.yaml"]].concat())
        .exits(2);
}

#[test]
fn prices_are_printed_and_may_be_replaced() {
    let (forms, place) = (Forms::published(), Place::empty());
    let built_in = place.call(&["audit", "prices", "--output", "json"]).exits(0).json();
    forms.holds("prices", &built_in);
    page("audit-prices", &place, &["audit", "prices"]);
    let file = place.call(&["audit", "prices", "--file"]).exits(0).stdout;
    place.write("built-in.yaml", &file);
    let read = place
        .call(&["audit", "prices", "--prices", "built-in.yaml", "--output", "json"])
        .exits(0);
    assert_eq!((read.json(), read.stderr.as_str()), (built_in, ""));
    place.write(
        "own.yaml",
        "as-of: 2026-11-01\ncurrency: EUR\nproducts: [ { name: own, base: 3, storage: [ { per-gb-month: 0.02 } ] } ]\n",
    );
    let own = place
        .call(&["audit", "prices", "--prices", "own.yaml", "--output", "json"])
        .exits(0)
        .json();
    forms.holds("prices", &own);
    assert_eq!(
        (&own["currency"], own["products"].as_array().unwrap().len()),
        (&json!("EUR"), 1)
    );
    let told = place
        .call(&[
            "audit", "forecast", "--growth", "1GB/day", "--price", "own", "--prices", "own.yaml", "--output", "json",
        ])
        .exits(0)
        .json();
    assert_eq!(
        (&told["prices"]["currency"], &told["forecasts"][0]["unchanged"]["total"]),
        (&json!("EUR"), &json!(79.8))
    );
}

#[test]
fn the_schema_of_price_files_fits_the_built_in_one() {
    let place = Place::empty();
    let schema = place.call(&["audit", "prices", "--schema"]).exits(0).json();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let file = place.call(&["audit", "prices", "--file"]).exits(0).stdout;
    let document: Value = serde_saphyr::from_str(&file).unwrap();
    let wrong: Vec<String> = validator
        .iter_errors(&document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(wrong, [""; 0]);
    let mut other = document.clone();
    other["products"][0]["base"] = json!(-1);
    assert!(!validator.is_valid(&other));
}
