//! Audits as they are asked for on the command line: sizes that cannot be, prices that nobody has, rows for other programs,
//! and what a page does with names of strangers.

use serde_json::{Value, json};

use crate::place::Place;

const HOST: &str = "registry.example.com";
const NOW: &str = "2026-11-22T00:00:00Z";

fn digest(number: u64) -> String {
    format!("sha256:{number:064x}")
}

/// An inventory of one image a blob: the blob's digest and its size.
fn inventory(blobs: &[(u64, Value)]) -> Value {
    let image = |(number, (blob, size)): (u64, &(u64, Value))| {
        json!({
            "digest": digest(1_000 + number), "kind": "image", "size": 500, "pushed_at": "2026-01-01T00:00:00Z",
            "blobs": [{"digest": digest(*blob), "size": size}],
        })
    };
    let tag = |number: u64| json!({"name": format!("tag-{number}"), "digest": digest(1_000 + number)});
    let manifests: Vec<Value> = (0..).zip(blobs).map(image).collect();
    json!({
        "schema": 1, "taken_at": NOW, "complete_registries": [HOST], "repositories": [{
            "registry": HOST, "name": "apps/web", "capabilities": {"list_untagged": true, "sharing": "registry"},
            "tags": (0..blobs.len() as u64).map(tag).collect::<Vec<_>>(), "manifests": manifests,
        }],
    })
}

fn place(blobs: &[(u64, Value)]) -> Place {
    let place = Place::empty();
    place.write("inventory.json", &inventory(blobs).to_string());
    place
}

const AUDIT: [&str; 5] = ["audit", "--inventory", "inventory.json", "--now", NOW];

fn report(place: &Place, more: &[&str]) -> Value {
    place
        .call(&[&AUDIT, more, &["--output", "json"]].concat())
        .exits(0)
        .json()
}

#[test]
fn exact_figures_are_called_exact_and_nothing_is_asked() {
    let place = place(&[(1, json!(10_000)), (1, json!(10_000)), (2, json!(300))]);
    let audit = report(&place, &["--price", "0.10"]);
    let registry = &audit["registries"][0];
    assert_eq!(registry["totals"]["stored_bytes"], 10_000 + 300 + 3 * 500);
    assert_eq!(registry["totals"]["image_bytes"], 2 * 10_000 + 300 + 3 * 500);
    assert_eq!(
        (&registry["totals"]["at_least"], &registry["totals"]["at_most"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(registry["because"], json!([]));
    assert_eq!(registry["totals"]["not_in_use_bytes"], Value::Null, "nobody was asked");
    assert_eq!(audit["findings"], json!([]));
}

#[test]
fn a_size_that_cannot_be_is_a_finding_and_in_no_sum() {
    for size in [json!(1_u64 << 63), json!(u64::MAX), json!(1_000_000_000_000_001_u64)] {
        let place = place(&[(1, size.clone()), (2, json!(300))]);
        let audit = report(&place, &[]);
        let totals = &audit["registries"][0]["totals"];
        assert_eq!(totals["stored_bytes"], 300 + 2 * 500, "{size}");
        assert_eq!(totals["at_least"], true, "{size}");
        let finding = &audit["findings"][0];
        assert_eq!(
            (&finding["code"], &finding["count"]),
            (&json!("impossible-size"), &json!(1)),
            "{size}"
        );
        assert!(
            finding["examples"][0].as_str().unwrap().contains(&digest(1)),
            "{finding}"
        );
        let said = place.call(&AUDIT).exits(0).stdout;
        assert!(said.contains("impossible-size") && said.contains("at least"), "{said}");
    }
}

#[test]
fn a_digest_with_several_sizes_counts_with_the_smallest_and_is_a_finding() {
    let place = place(&[(1, json!(7_000)), (1, json!(5_000)), (1, json!(6_000))]);
    let audit = report(&place, &[]);
    let totals = &audit["registries"][0]["totals"];
    assert_eq!(totals["stored_bytes"], 5_000 + 3 * 500);
    assert_eq!(totals["at_least"], true);
    assert_eq!(audit["findings"][0]["code"], "contradicting-size");
    let example = audit["findings"][0]["examples"][0].as_str().unwrap();
    assert!(example.contains("5000 or 6000 or 7000 bytes"), "{example}");
}

#[test]
fn a_size_that_is_no_number_of_bytes_is_a_mistake_in_the_file() {
    for size in [json!(-1), json!(1.5), json!("1"), json!(1e30)] {
        let said = place(&[(1, size.clone())]).call(&AUDIT).exits(2);
        assert!(said.stderr.contains("size"), "{size}: {}", said.stderr);
        assert_eq!(said.stdout, "", "{size}");
    }
}

#[test]
fn nobody_invents_a_price() {
    let place = place(&[(1, json!(10_000))]);
    let audit = report(&place, &[]);
    assert_eq!(
        (&audit["prices"], &audit["registries"][0]["bill"]),
        (&Value::Null, &Value::Null)
    );
    for (words, part) in [
        (["--price", "no-such"], "no product has that name"),
        (["--price", "0.1.0"], "--price 0.1.0"),
        (["--sharing", "nobody"], "possible values"),
        (["--by", "moon"], "is no division"),
        (["--by", "regex:("], "regular expression"),
        (["--by", "path:0"], "1 to 20 parts"),
    ] {
        let said = place.call(&[&AUDIT[..], &words].concat()).exits(2);
        assert!(said.stderr.contains(part), "{words:?}: {}", said.stderr);
    }
}

#[test]
fn every_mistake_of_a_price_file_is_told_at_its_line() {
    let place = place(&[(1, json!(10_000))]);
    place.write(
        "prices.yaml",
        "as-of: 2999-01-01\ncurrency: dollars\nproducts:\n  - name: a\n    storage: [ { per-gb-month: -1 } ]\n  - name: a\n    storage: [ { up-to: 5XB, per-gb-month: 0.1 }, { per-gb-month: 0.1 } ]\n",
    );
    let said = place
        .call(&[&AUDIT[..], &["--prices", "prices.yaml"]].concat())
        .exits(2);
    for place in [
        "prices.yaml:1",
        "prices.yaml:2",
        "prices.yaml:5",
        "prices.yaml:6",
        "prices.yaml:7",
    ] {
        assert!(said.stderr.contains(place), "{place} is not in {}", said.stderr);
    }
}

#[test]
fn rows_are_one_line_a_part_and_nothing_else_has_rows() {
    let place = place(&[(1, json!(10_000)), (2, json!(300))]);
    let said = place
        .call(&[&AUDIT[..], &["--by", "team", "--price", "0.10", "--output", "csv"]].concat())
        .exits(0);
    let lines: Vec<Vec<&str>> = said.stdout.lines().map(|line| line.split(',').collect()).collect();
    let column = |name: &str| lines[0].iter().position(|it| *it == name).unwrap();
    let (by, stored) = (column("by"), column("stored_bytes"));
    let of = |what: &str| {
        lines
            .iter()
            .filter(|line| line[by] == what)
            .map(|line| line[stored])
            .collect::<Vec<_>>()
    };
    for what in ["registry", "repository", "team"] {
        assert_eq!(of(what), ["11300"], "{what}: {}", said.stdout);
    }
    assert!(lines.iter().all(|line| line.len() == lines[0].len()), "{}", said.stdout);
    let refused = place
        .call(&["plan", "--inventory", "inventory.json", "--output", "csv"])
        .exits(2);
    assert!(
        refused.stderr.contains("only `audit` and `find` have rows"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_page_is_written_whole_or_not_at_all() {
    let place = place(&[(1, json!(10_000))]);
    place.call(&[&AUDIT[..], &["--html", "audit.html"]].concat()).exits(0);
    let page = std::fs::read_to_string(place.path("audit.html")).unwrap();
    assert!(
        page.starts_with("<!doctype html>") || page.starts_with("<!DOCTYPE html>"),
        "{}",
        &page[..80]
    );
    let said = place
        .call(&[&AUDIT[..], &["--html", "no-such-folder/audit.html"]].concat())
        .exits(1);
    assert!(said.stderr.contains("no-such-folder"), "{}", said.stderr);
}

#[test]
fn nothing_recorded_is_said_with_what_to_do() {
    let said = Place::empty()
        .call(&["audit", "--recorded", "registry.example.com/**"])
        .exits(2);
    assert!(
        said.stderr.contains("nothing is recorded") && said.stderr.contains("jettison scan"),
        "{}",
        said.stderr
    );
}

#[test]
fn sums_beyond_64_bits_are_at_least_and_say_so() {
    const LARGEST: u64 = 1_000_000_000_000_000;
    let beyond = u64::MAX / LARGEST + 2;
    let one_image: Vec<Value> = (10_000..=10_000 + beyond)
        .map(|blob| json!({"digest": digest(blob), "size": LARGEST}))
        .collect();
    let mut facts = inventory(&[(1, json!(1))]);
    facts["repositories"][0]["manifests"][0]["blobs"] = json!(one_image);
    let place = Place::empty();
    place.write("inventory.json", &facts.to_string());
    let registry = &report(&place, &[])["registries"][0];
    assert_eq!(
        (&registry["totals"]["stored_bytes"], &registry["totals"]["at_least"]),
        (&json!(u64::MAX), &json!(true))
    );
    assert_eq!(
        registry["because"],
        json!(["the sizes come to more than 64 bits can count"])
    );
}

#[test]
fn an_image_without_any_time_is_of_an_age_that_nobody_knows() {
    let mut facts = inventory(&[(1, json!(10_000)), (2, json!(300))]);
    facts["repositories"][0]["manifests"][1]["pushed_at"] = Value::Null;
    let place = Place::empty();
    place.write("inventory.json", &facts.to_string());
    let audit = report(&place, &[]);
    let ages = audit["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["by"] == "age");
    let ages: Vec<(&Value, &Value, &Value)> = ages
        .map(|row| (&row["name"], &row["images"], &row["stored_bytes"]))
        .collect();
    assert_eq!(ages.len(), 2, "{ages:?}");
    assert!(
        ages.contains(&(&json!("unknown"), &json!(1), &json!(300 + 500))),
        "{ages:?}"
    );
}

#[test]
fn a_label_that_would_be_a_formula_is_none_in_the_rows() {
    let mut facts = inventory(&[(1, json!(10_000))]);
    facts["repositories"][0]["manifests"][0]["labels"] = json!({"team": "=1+1"});
    let place = Place::empty();
    place.write("inventory.json", &facts.to_string());
    let rows = place
        .call(&[&AUDIT[..], &["--by", "label:team", "--output", "csv"]].concat())
        .exits(0)
        .stdout;
    assert!(
        rows.contains(&format!("{HOST},label:team,'=1+1,1,")) && !rows.contains(",=1+1"),
        "{rows}"
    );
    assert_eq!(
        report(&place, &["--by", "label:team"])["rows"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| row["name"] == "=1+1")
            .count(),
        1,
        "data are told as they are"
    );
}
