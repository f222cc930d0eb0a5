//! What is said about mistakes, and how it looks.

use super::*;

#[test]
fn mistakes_are_shown_at_once_with_place_and_hint() {
    let text = "grace: 30\npolicies:\n  - name: apps\n    rules:\n      - name: old\n        match: { tags: [prod-*], untagged: true }\n        expire: { older-then: 1mo }\n";
    let found = Config::parse("jettison.yaml", text).unwrap_err();
    insta::assert_snapshot!(found.render(false), @r"
    error[bad-duration]: a duration needs a unit: `30`
     --> jettison.yaml:1:8
      |
    1 | grace: 30
      |        ^^
      |
      = help: write `30d` for days or `30h` for hours

    error[tags-with-untagged]: `tags` fits tagged images only, `untagged` those without a tag
     --> jettison.yaml:6:18
      |
    6 |         match: { tags: [prod-*], untagged: true }
      |                  ^^^^
      |
      = help: write two rules

    error[unknown-key]: conditions has no key `older-then`
     --> jettison.yaml:7:19
      |
    7 |         expire: { older-then: 1mo }
      |                   ^^^^^^^^^^
      |
      = help: did you mean `older-than`?

    error[bad-duration]: a duration with an unknown unit: `1mo`
     --> jettison.yaml:7:31
      |
    7 |         expire: { older-then: 1mo }
      |                               ^^^
      |
      = help: write days: `30d`
    ");
    assert!(found.render(true).contains('\u{1b}'));
}

#[test]
fn a_finding_fits_on_a_line() {
    let found = Config::parse("a.yaml", "grace: 30\nlimits: 5\n").unwrap_err();
    let lines: Vec<String> = (&found).into_iter().map(ToString::to_string).collect();
    assert_eq!(
        lines[0],
        "a.yaml:1:8: a duration needs a unit: `30` (write `30d` for days or `30h` for hours)"
    );
    assert!(lines[1].starts_with("a.yaml:2:9: "), "{lines:?}");
    assert_eq!(found.to_string(), lines.join("\n"));
}

#[test]
fn a_finding_is_machine_readable() {
    let found = Config::parse("jettison.yaml", "ä: 1").unwrap_err();
    insta::assert_snapshot!(serde_json::to_string(&found).unwrap(), @r#"[{"severity":"error","code":"unknown-key","message":"configuration has no key `ä`","file":"jettison.yaml","line":1,"column":1,"span":{"start":0,"end":2},"hint":"known: registries, usage, policies, limits, grace, usage-memory, journal-memory, protect, immutable, host"}]"#);
}

#[test]
fn a_place_without_length_is_one_character() {
    let mut found = Vec::new();
    let finding = diagnostic::Finding {
        severity: Severity::Error,
        code: "code",
        message: "message".to_owned(),
        hint: None,
    };
    Source::new("a.yaml", "grace: ääää").note(&mut found, &(9..9), finding);
    assert_eq!(found[0].render(false).matches('^').count(), 1);
    assert_eq!((found[0].line, found[0].column), (1, 9));
}

#[test]
fn long_lines_are_cut_around_the_place() {
    let text = format!("protect: [\"{}\", 5, \"{}\"]", "ä".repeat(500), "ö".repeat(50_000));
    let found = Config::parse("jettison.yaml", &text).unwrap_err();
    assert_eq!((found.iter().count(), found.iter().next().unwrap().column), (2, 515));
    assert!(found.render(false).len() < 2_000);
}
