//! Price files: what they mean, and that every mistake in them is found at its place.

use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::config::{Severity, prices_schema};

/// The findings as `code line:column`, a warning with `?` behind its code.
fn found(text: &str) -> Vec<String> {
    let found = match PriceTable::parse("prices.yaml", text, today()) {
        Ok((_, warnings)) => Diagnostics::from(warnings),
        Err(found) => found,
    };
    let short = |finding: &Diagnostic| {
        let kind = if finding.severity == Severity::Warning { "?" } else { "" };
        format!("{}{kind} {}:{}", finding.code, finding.line, finding.column)
    };
    found.iter().map(short).collect()
}

/// A file whose third line is a list of products.
fn of_products(products: &str) -> String {
    format!("as-of: 2026-11-01\ncurrency: USD\nproducts: {products}")
}

/// A file whose fourth line begins with the tiers of a product.
fn of_tiers(tiers: &str) -> String {
    of_products(&format!("[ {{ name: a, storage: [\n{tiers} ] }} ]"))
}

#[test]
fn every_mistake_has_its_place() {
    let whole: &[(&str, &[&str])] = &[
        ("", &["missing-key 1:1"]),
        ("{}", &["missing-key 1:1"; 3]),
        ("text", &["wrong-type 1:1"]),
        ("a: [", &["yaml-syntax 1:4"]),
        (
            "as-of: soon\ncurrency: usd\nproducts: []\nprices: 1",
            &[
                "bad-date 1:8",
                "bad-currency 2:11",
                "empty-list 3:11",
                "unknown-key 4:1",
            ],
        ),
        (
            "as-of: 2026-11-23\ncurrency: $\nproducts: 5",
            &["future-date 1:8", "bad-currency 2:11", "wrong-type 3:11"],
        ),
        (
            "as-of: 2026-02-30\ncurrency: [USD]\nproducts:",
            &["bad-date 1:8", "wrong-type 2:11", "wrong-type 3:1"],
        ),
        (
            "as-of: 20261101\ncurrency: USDT\nproducts: {}",
            &["bad-date 1:8", "bad-currency 2:11", "wrong-type 3:11"],
        ),
        (
            "as_of: 2026-11-01\ncurrency: ÄÖ\nproducts: [ 5 ]",
            &["unknown-key 1:1", "bad-currency 2:11", "wrong-type 3:13"],
        ),
        (
            "as-of: 2026-11-01T00:00:00Z\ncurrency: 840\nproducts: [ {} ]",
            &["bad-date 1:8", "wrong-type 2:11", "missing-key 3:13", "no-price 3:13"],
        ),
    ];
    let of_product: &[(&str, &[&str])] = &[
        ("[ { name: a, base: 1 } ]", &[]),
        ("[ { name: a } ]", &["no-price 3:13"]),
        (
            "[ { name: a, archive: {} } ]",
            &["no-price 3:13", "missing-key 3:33", "missing-key 3:33"],
        ),
        ("[ { name: a, base: -1 } ]", &["negative-price 3:30"]),
        ("[ { name: a, base: .nan } ]", &["bad-price 3:30"]),
        ("[ { name: a, base: 1e3 } ]", &["bad-price 3:30"]),
        ("[ { name: a, base: \"5 USD\" } ]", &["bad-price 3:30"]),
        ("[ { name: a, base: 1000000000001 } ]", &["bad-price 3:30"]),
        ("[ { name: a, base: [1] } ]", &["wrong-type 3:30"]),
        ("[ { name: a, base: } ]", &["bad-price 3:24"]),
        ("[ { name: a, base: 1, free: 1GB } ]", &["free-of-nothing 3:33"]),
        (
            "[ { name: a, base: 1, free: 18446744073709551616B, storage: [] } ]",
            &["bad-size 3:39", "empty-list 3:71"],
        ),
        ("[ { name: a, base: 1, unit: TB } ]", &["unknown-value 3:39"]),
        ("[ { name: a, base: 1, unit: gb } ]", &["unknown-value 3:39"]),
        ("[ { name: a, base: 1, as-of: 2027-01-01 } ]", &["future-date 3:40"]),
        ("[ { name: a, base: 1, hosts: [] } ]", &["empty-list 3:40"]),
        ("[ { name: a, base: 1, hosts: [\"a[\", \"b\"] } ]", &["bad-glob 3:41"]),
        (
            "[ { name: a, base: 1, stoarge: [ { per-gb-month: -1 } ] } ]",
            &["unknown-key 3:33", "negative-price 3:60"],
        ),
        (
            "[ { name: a, base: 1 }, { name: a, base: 2 } ]",
            &["duplicate-name 3:43"],
        ),
        (
            "[ { name: a, base: x }, { name: a, base: -2 } ]",
            &["bad-price 3:30", "duplicate-name 3:43", "negative-price 3:52"],
        ),
        ("[ { name: \"\", base: 1 } ]", &["bad-name 3:21"]),
        (
            "[ { name: a, base: 1, hosts: [x.io] }, { name: b, base: 2, hosts: [y.io, X.io] } ]",
            &["duplicate-host 3:84"],
        ),
        (
            "[ { name: a, base: 1, hosts: [x.io, x.io] } ]",
            &["duplicate-host 3:47"],
        ),
        (
            "[ { name: a, base: 1, hosts: [\"*.io\"] }, { name: b, base: 2, hosts: [y.io] } ]",
            &["unreachable-host? 3:80"],
        ),
        (
            "[ { name: a, base: 1, hosts: [y.io] }, { name: b, base: 2, hosts: [\"*.io\"] } ]",
            &[],
        ),
        (
            "[ { name: a, base: 1, hosts: [\"?.io\"] }, { name: b, base: 2, hosts: [\"*.io\"] } ]",
            &[],
        ),
        (
            "[ { name: a, base: 1, hosts: [\"*.io\", \"!y.io\"] }, { name: b, base: 2, hosts: [y.io, \"!z.io\"] } ]",
            &[],
        ),
        (
            "[ { name: a, base: 1, archive: { storage: [ { per-gb-month: -1 } ], retrieval-per-gb: -1 } } ]",
            &["missing-key 3:42", "negative-price 3:71", "negative-price 3:97"],
        ),
        (
            "[ { name: a, base: 1, archive: { storage: [ { per-gb-month: 1 } ], minimum-days: 36501 } } ]",
            &["bad-count 3:92"],
        ),
        (
            "[ { name: a, base: 1, archive: { storage: [ { per-gb-month: 1 } ], minimum-days: -1 } } ]",
            &["bad-count 3:92"],
        ),
    ];
    let of_tier: &[(&str, &[&str])] = &[
        ("{ per-gb-month: 0.1 }", &[]),
        ("{ up-to: 1TB, per-gb-month: 0.1 }, { per-gb-month: 0 }", &[]),
        (
            "{ from: 0B, up-to: 1TB, per-gb-month: 0.1 }, { from: 1000GB, per-gb-month: 0 }",
            &[],
        ),
        ("{ up-to: 1TB, per-gb-month: 0.1 }", &["no-last-tier 4:10"]),
        ("{ per-gb-month: 0.1 }, { per-gb-month: 0.2 }", &["two-last-tiers 4:24"]),
        (
            "{ per-gb-month: 0.1 }, { up-to: 1TB, per-gb-month: 0.2 }",
            &["two-last-tiers 4:24", "no-last-tier 4:33"],
        ),
        (
            "{ up-to: 2TB, per-gb-month: 1 }, { up-to: 1TB, per-gb-month: 1 }, { per-gb-month: 1 }",
            &["tier-order 4:43"],
        ),
        (
            "{ up-to: 1TB, per-gb-month: 1 }, { up-to: 1TB, per-gb-month: 1 }, { per-gb-month: 1 }",
            &["tier-order 4:43"],
        ),
        (
            "{ up-to: 0B, per-gb-month: 1 }, { per-gb-month: 1 }",
            &["tier-order 4:10"],
        ),
        (
            "{ up-to: 1TB, per-gb-month: 1 }, { from: 2TB, per-gb-month: 1 }",
            &["tier-gap 4:42"],
        ),
        (
            "{ up-to: 2TB, per-gb-month: 1 }, { from: 1TB, per-gb-month: 1 }",
            &["tier-overlap 4:42"],
        ),
        ("{ from: 1B, per-gb-month: 1 }", &["tier-gap 4:9"]),
        (
            "{ up-to: 50XB, per-gb-month: 1 }, {}",
            &["bad-size 4:10", "missing-key 4:35"],
        ),
        (
            "{ up-to: 50, per-gb-month: 1000001 }",
            &["bad-size 4:10", "bad-price 4:28"],
        ),
        ("{ per-gb-month: 1000000 }", &[]),
        ("{ per-gib-month: 1 }", &["unknown-key 4:3"]),
        ("{ per-gb-month: free }", &["bad-price 4:17"]),
    ];
    for (text, expected) in whole {
        assert_eq!(found(text), *expected, "{text}");
    }
    for (products, expected) in of_product {
        assert_eq!(found(&of_products(products)), *expected, "{products}");
    }
    for (tiers, expected) in of_tier {
        assert_eq!(found(&of_tiers(tiers)), *expected, "{tiers}");
    }
}

#[test]
fn mistakes_in_several_products_are_told_at_once() {
    let text = "\
as-of: 2027-01-01
currency: dollar
products:
  - name: a
    storage:
      - { up-to: 50TB, per-gb-month: -0.10 }
      - { from: 60TB, per-gb-month: 0.09 }
  - name: a
    storage:
      - { up-to: 5XB, per-gb-month: 0.10 }
    free: lots
    archive: { storage: [ { per-gb-month: cheap } ] }
";
    let expected = [
        "future-date 1:8",
        "bad-currency 2:11",
        "negative-price 6:38",
        "duplicate-name 8:11",
        "bad-size 10:18",
        "bad-size 11:11",
        "missing-key 12:14",
        "bad-price 12:43",
    ];
    assert_eq!(found(text), expected);
}

#[test]
fn what_was_meant_is_told() {
    for (text, hint) in [
        ("as-of: 1.11.2026\ncurrency: USD", "`2026-11-01`"),
        ("as-of: 2026-11-23\ncurrency: USD", "today is 2026-11-22"),
        ("currency: usd", "`USD`"),
        ("currency: €", "`EUR`"),
        ("curency: USD", "did you mean `currency`?"),
        ("products: [ { nmae: a } ]", "did you mean `name`?"),
        ("products: [ { name: a, unit: gib } ]", "known: GB, GiB"),
        (
            "products: [ { name: a, storage: [ { per-gb-month: '0,10' } ] } ]",
            "digits with a point",
        ),
    ] {
        let found = PriceTable::parse("prices.yaml", text, today()).unwrap_err();
        assert!(found.to_string().contains(hint), "{text}\n{found}");
    }
}

#[test]
fn prices_of_more_than_a_year_ago_are_old() {
    for (day, old) in [
        ("2025-11-21", true),
        ("2025-11-22", false),
        ("2026-11-22", false),
        ("0001-01-01", true),
    ] {
        let text = format!("as-of: {day}\ncurrency: USD\nproducts: [ {{ name: a, base: 1 }} ]");
        let expected: &[&str] = if old { &["old-prices? 1:8"] } else { &[] };
        assert_eq!(found(&text), *expected, "{day}");
        let (table, _) = PriceTable::parse("prices.yaml", &text, today()).unwrap();
        assert_eq!(table.products[0].is_old(today()), old, "{day}");
    }
    assert_eq!(
        found(&of_products("[ { name: a, base: 1, as-of: 2020-01-01 } ]")),
        ["old-prices? 3:40"]
    );
}

#[test]
fn the_built_in_prices_are_read_without_a_word() {
    let (table, warnings) = PriceTable::parse("prices.yaml", BUILT_IN_YAML, date(2026, 11, 1)).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(PriceTable::built_in(), table);
    assert_eq!(
        (table.as_of, table.oldest(), &*table.currency),
        (date(2026, 11, 1), date(2026, 11, 1), "USD")
    );
    for product in &table.products {
        assert!(
            product.source.is_some() && product.note.is_some() && product.as_of.is_some(),
            "{}",
            product.name
        );
    }
}

#[test]
fn a_host_has_the_prices_of_its_product_or_none() {
    let table = PriceTable::built_in();
    for (host, product) in [
        ("123456789012.dkr.ecr.eu-central-1.amazonaws.com", Some("ecr")),
        ("123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", Some("ecr")),
        ("123456789012.dkr-ecr.us-east-1.on.aws", Some("ecr")),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", None),
        ("europe-west3-docker.pkg.dev", Some("gar")),
        ("example.azurecr.io", Some("acr-standard")),
        ("ghcr.io", Some("ghcr")),
        ("docker.io", Some("docker-hub")),
        ("example.jfrog.io", Some("jfrog-pro")),
        ("registry.example.com", None),
        ("localhost:5000", None),
        ("ghcr.io.example.com", None),
    ] {
        let found = table.product_of(&host.parse().unwrap()).map(|product| &*product.name);
        assert_eq!(found, product, "{host}");
    }
    for (name, monthly) in [
        ("acr-basic", "6"),
        ("acr-standard", "20"),
        ("acr-premium", "50"),
        ("ghcr", "0"),
        ("gar", "1.95"),
        ("ecr", "2"),
        ("jfrog-pro", "150"),
    ] {
        let bill = table.named(name).unwrap().monthly(20_000_000_000, 0);
        assert_eq!(bill.total, amount(monthly), "{name}");
    }
    assert_eq!(table.named("quay"), None);
}

#[test]
fn prices_of_a_file_come_first() {
    let file = |currency: &str| {
        let text = format!(
            "as-of: 2026-10-01\ncurrency: {currency}\nproducts:\n\
            - {{ name: ecr, hosts: [\"*.dkr.ecr.*.amazonaws.com\"], storage: [ {{ per-gb-month: 0.08 }} ] }}\n\
            - {{ name: own, hosts: [\"ghcr.io\", \"registry.example.com\"], base: 3 }}\n"
        );
        PriceTable::parse("prices.yaml", &text, today()).unwrap().0
    };
    let table = PriceTable::built_in().overridden_by(file("USD"));
    let of_host = |table: &PriceTable, host: &str| {
        table
            .product_of(&host.parse().unwrap())
            .map(|product| product.monthly(1_000_000_000, 0).total.to_string())
    };
    assert_eq!(
        of_host(&table, "123456789012.dkr.ecr.eu-central-1.amazonaws.com"),
        Some("0.08".to_owned())
    );
    assert_eq!(of_host(&table, "ghcr.io"), Some("3.00".to_owned()));
    assert_eq!(of_host(&table, "example.azurecr.io"), Some("20.00".to_owned()));
    assert_eq!(table.products.iter().filter(|product| product.name == "ecr").count(), 1);
    assert_eq!(
        (table.named("ecr").unwrap().as_of, table.oldest()),
        (Some(date(2026, 10, 1)), date(2026, 10, 1))
    );

    let other = PriceTable::built_in().overridden_by(file("EUR"));
    assert_eq!((&*other.currency, other.products.len()), ("EUR", 2));
    assert_eq!(of_host(&other, "example.azurecr.io"), None, "dollars are no euros");
}

#[test]
fn the_table_is_data_for_programs() {
    let json = serde_json::to_value(PriceTable::built_in()).unwrap();
    let ecr = &json["products"][0];
    assert_eq!(
        (&json["as_of"], &json["currency"]),
        (&"2026-11-01".into(), &"USD".into())
    );
    assert_eq!(ecr["hosts"][0], "*.dkr.ecr.*.amazonaws.com");
    assert_eq!(
        ecr["storage"],
        serde_json::json!([{ "up_to": null, "per_gb_month": 0.1 }])
    );
    assert_eq!(
        ecr["archive"]["storage"][0],
        serde_json::json!({ "up_to": 150_000_000_000_000_u64, "per_gb_month": 0.1 })
    );
    assert_eq!(
        (&ecr["base"], &ecr["free"], &ecr["unit"]),
        (&0.0.into(), &0.into(), &"GB".into())
    );
}

#[test]
fn the_schema_and_the_reader_know_the_same_keys() {
    let schema = prices_schema();
    for object in [&keys::PRODUCT, &keys::TIER, &keys::ARCHIVE] {
        for key in object.keys {
            assert!(
                schema["$defs"][object.name]["properties"][key.name].is_object(),
                "{} {}",
                object.name,
                key.name
            );
            let inner = format!("{{ {}: [[[]]] }}", key.name);
            let text = match object.name {
                "product" => of_products(&format!("[ {inner} ]")),
                "tier" => of_tiers(&inner),
                _ => of_products(&format!("[ {{ name: a, archive: {inner} }} ]")),
            };
            let at = text.find("[[[]]]").unwrap();
            let found = PriceTable::parse("prices.yaml", &text, today()).unwrap_err();
            let complains = |finding: &Diagnostic| (at..at + 6).contains(&finding.span.start);
            assert!(found.iter().any(complains), "{} {}: {found}", object.name, key.name);
            assert!(found.iter().all(|finding| finding.code != "unknown-key"), "{found}");
        }
    }
}

#[test]
fn costly_files_are_refused_at_once() {
    let hosts = |count: usize| {
        let products = (0..count).map(|n| format!("{{ name: n{n}, base: 1, hosts: [h{n}.io] }}, "));
        of_products(&format!("[ {} ]", products.collect::<String>()))
    };
    assert_eq!(found(&hosts(1000)), [""; 0]);
    assert!(
        found(&hosts(4000))
            .iter()
            .all(|finding| finding.starts_with("too-complex"))
    );
    let tiers: String = (1..9000)
        .map(|n| format!("{{ up-to: {n}GB, per-gb-month: 1 }}, "))
        .collect();
    assert_eq!(found(&of_tiers(&format!("{tiers}{{ per-gb-month: 1 }}"))), [""; 0]);
}

/// Pieces of files, so that random ones get past the first line.
const PARTS: &[&str] = &[
    "\n",
    "  ",
    "    - ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    ": ",
    "\"",
    "*",
    "!",
    "&a",
    "*a",
    "ä",
    "~",
    "-1",
    "0.1",
    "1e9",
    "50TB",
    "x.io",
    "as-of: 2026-11-01\n",
    "currency: USD\n",
    "products:\n",
    "  - name: ",
    "    hosts: [",
    "    storage: [",
    "per-gb-month: ",
    "up-to: ",
    "from: ",
    "    free: ",
    "    base: ",
    "    unit: GiB",
    "    archive: {",
    "minimum-days: ",
    "18446744073709551615B",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        _ = PriceTable::parse("prices.yaml", &text, today()).map_err(|found| found.render(true));
    }

    #[test]
    fn no_yaml_makes_the_reader_panic(parts in prop::collection::vec(prop::sample::select(PARTS), 0..40)) {
        if let Ok((table, _)) = PriceTable::parse("prices.yaml", &parts.concat(), today()) {
            for product in &table.products {
                _ = product.monthly(u64::MAX, u64::MAX);
            }
        }
    }
}
