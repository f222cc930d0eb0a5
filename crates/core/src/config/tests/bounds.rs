//! Files that are too large, too deep, or no files at all.

use super::*;

#[test]
fn the_last_value_that_a_file_may_hold_is_read() {
    let refused = |values: usize| {
        let text = format!("x: [{}]", "0,".repeat(values));
        found(&text).iter().any(|finding| finding.starts_with("too-complex"))
    };
    // The file, its key, the list, and so many values in it.
    assert!(!refused(49_997) && refused(49_998));
}

#[test]
fn costly_files_are_refused() {
    let laughs = (1..30).fold("a0: &a0 [x]\n".to_owned(), |text, n| {
        let uses = vec![format!("*a{}", n - 1); 9].join(",");
        format!("{text}a{n}: &a{n} [{uses}]\n")
    });
    assert!(found(&laughs).iter().any(|finding| finding.starts_with("too-complex")));
    assert_eq!(found(&format!("grace: {}", "[".repeat(100_000))), ["yaml-syntax 1:40"]);
    assert_eq!(
        found(
            &(0..100)
                .map(|depth| format!("{}a:\n", " ".repeat(depth)))
                .collect::<String>()
        ),
        ["yaml-syntax 33:33"]
    );
    assert_eq!(found(&"#".repeat((1 << 20) + 1)), ["too-large 1:1"]);
    assert!(
        found(&format!("protect: [{}]", "a,".repeat(60_000)))
            .iter()
            .any(|finding| finding.starts_with("too-complex"))
    );
    assert!(
        found(&format!("protect: [{}]", "a,".repeat(3_000)))
            .iter()
            .any(|finding| finding.starts_with("too-complex"))
    );
}

#[test]
fn a_flood_of_findings_ends_in_an_error() {
    let flood = |item: &str| {
        found(&format!(
            "registries: [{{host: a, expects: [{}]}}]",
            vec![item; 1_500].join(",")
        ))
    };
    for findings in [flood("5"), flood("unknown")] {
        assert_eq!(findings.len(), 1_001);
        assert!(findings.iter().any(|finding| finding.starts_with("too-many ")));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        _ = Config::parse("jettison.yaml", &text).map_err(|found| found.render(true));
        _ = Cases::parse("cases.yaml", &text).map_err(|found| found.render(true));
    }

    #[test]
    fn no_yaml_makes_the_reader_panic(parts in prop::collection::vec(prop::sample::select(PARTS), 0..40)) {
        let text = parts.concat();
        _ = Config::parse("jettison.yaml", &text).map_err(|found| found.render(true));
        _ = Cases::parse("cases.yaml", &text).map_err(|found| found.render(true));
    }
}

/// Pieces of files, so that random ones get past the first line.
const PARTS: &[&str] = &[
    "\n",
    "  ",
    "    ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    ": ",
    "\"",
    "'",
    "*",
    "!",
    "&a",
    "*a",
    "|",
    "#",
    "ä",
    "\t",
    "---\n",
    "\r\n",
    "~",
    "-1",
    "30d",
    "50%",
    "policies: ",
    "rules: ",
    "match: ",
    "tags: ",
    "expire: ",
    "older-than: ",
    "group-by: ",
    "regex: ",
    "branch",
    "keep: always",
    "registries: ",
    "host: ",
    "aliases: ",
    "usage: ",
    "kind: ",
    "limits: ",
    "protect: ",
    "images: ",
    "now: ",
    "expect: ",
    "labels: ",
    "(?<group>",
    "\u{0}",
    "policies:\n- rules:\n  - match: {tags: [",
    "expire: {beyond-newest: ",
    "unless: {newest-per: {day: ",
];
