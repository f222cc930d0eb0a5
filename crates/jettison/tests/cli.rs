//! The command line, held against section 8 of the design page: help, exit codes, JSON on standard output and nothing
//! else, messages that name the file and the line. It drives the program alone and reads no code.

#[cfg(test)]
#[path = "design/world.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "the shorthand is made for tests/design; here a few calls suffice"
)]
mod world;

#[cfg(test)]
mod cli {
    use std::fs;
    use std::path::Path;

    use serde_json::{Value, json};

    use super::world::{Answer, Case, NOW, call, images};

    const COMMANDS: [&[&str]; 19] = [
        &["scan"],
        &["usage"],
        &["plan"],
        &["apply"],
        &["run"],
        &["history"],
        &["explain"],
        &["demo"],
        &["store"],
        &["store", "check"],
        &["store", "compact"],
        &["schema"],
        &["completions"],
        &["man"],
        &["policy"],
        &["policy", "check"],
        &["policy", "show"],
        &["policy", "schema"],
        &["policy", "test"],
    ];

    const GOOD: &str = "policies: [ { name: p, rules: [ { name: r, match: {}, keep: always } ] } ]\n";

    /// Calls the program in a directory that holds these files.
    fn with(files: &[(&str, &str)], words: &[&str]) -> Answer {
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(directory.path().join(name), content).unwrap();
        }
        call(directory.path(), words)
    }

    fn alone(words: &[&str]) -> Answer {
        with(&[], words)
    }

    /// A directory with facts and a policy, to plan from by [`PLAN`].
    fn facts(case: &Case, directory: &Path) {
        fs::write(directory.join("i.json"), case.inventory().to_string()).unwrap();
        fs::write(directory.join("u.json"), case.usage_form().to_string()).unwrap();
        let rule = "match: {}, expire: { older-than: 2d }";
        let policy =
            format!("policies: [ {{ name: p, rules: [ {{ name: r, {rule} }} ] }} ]\nlimits: {{ keep-at-least: 0 }}\n");
        fs::write(directory.join("p.yaml"), policy).unwrap();
    }

    const PLAN: [&str; 9] = [
        "plan",
        "--inventory",
        "i.json",
        "--usage",
        "u.json",
        "--policy",
        "p.yaml",
        "--now",
        NOW,
    ];

    fn plan_of(text: &str, more: &[&str]) -> Answer {
        let directory = tempfile::tempdir().unwrap();
        facts(&images(text), directory.path());
        call(directory.path(), &[&PLAN, more].concat())
    }

    #[test]
    fn every_help_text_says_what_the_command_does_with_examples() {
        let mut without: Vec<String> = Vec::new();
        for command in COMMANDS {
            let answer = alone(&[command, &["--help"]].concat());
            assert_eq!(answer.code, 0, "{command:?}: {}", answer.stderr);
            if !answer.stdout.contains("Example") {
                without.push(command.join(" "));
            }
        }
        assert!(without.is_empty(), "no examples in the help of: {without:?}");
    }

    #[test]
    fn the_flags_of_everywhere_are_known_everywhere() {
        for command in COMMANDS {
            let help = alone(&[command, &["--help"]].concat()).stdout;
            for flag in ["--config", "--policy", "--state", "--output", "--quiet", "--verbose"] {
                assert!(help.contains(flag), "{command:?} does not know {flag}");
            }
        }
    }

    #[test]
    fn a_bad_flag_exits_2_and_is_named() {
        for command in COMMANDS {
            let answer = alone(&[command, &["--no-such-flag"]].concat());
            assert_eq!((answer.code, answer.stdout.as_str()), (2, ""), "{command:?}");
            assert!(
                answer.stderr.contains("--no-such-flag"),
                "{command:?}: {}",
                answer.stderr
            );
        }
        assert_eq!(alone(&["no-such-command"]).code, 2);
        assert_eq!(alone(&[]).code, 2);
        assert_eq!(alone(&["plan", "--output", "xml"]).code, 2);
    }

    #[test]
    fn without_targets_and_without_configured_registries_exit_2_and_a_hint() {
        for command in [&["plan"][..], &["scan"], &["run", "--yes"]] {
            let answer = alone(command);
            assert_eq!(answer.code, 2, "{command:?}: {}", answer.stderr);
            assert!(answer.stderr.contains("jettison.yaml"), "a hint: {}", answer.stderr);
        }
    }

    #[test]
    fn files_that_are_not_there_exit_2_and_are_named() {
        let calls: [&[&str]; 6] = [
            &["plan", "r.example.com/a", "--config", "gone.x"],
            &["plan", "r.example.com/a", "--policy", "gone.x"],
            &["plan", "--inventory", "gone.x", "--now", NOW],
            &["policy", "check", "gone.x"],
            &["policy", "test", "gone.x"],
            &["apply", "gone.x", "--yes"],
        ];
        for words in calls {
            let answer = alone(words);
            assert_eq!(
                (answer.code, answer.stdout.as_str()),
                (2, ""),
                "{words:?}: {}",
                answer.stderr
            );
            assert!(answer.stderr.contains("gone.x"), "{words:?}: {}", answer.stderr);
        }
    }

    /// Eight mistakes, on the lines of [`LINES`].
    const BAD: &str = "policies:
  - name: p
    repositories: [\"apps/**\"]
    rules:
      - name: r1
        match: { tags: [\"a*\"], untagged: true }
        expire: { older-than: 30 }
      - name: r2
        match: { kinds: [picture] }
        expire: { older-then: 30d }
      - name: r3
        match: {}
        expire: {}
      - name: r4
        match: { tags-regex: \"(\" }
        keep: always
limits: { max-share: 500% }
grace: 1y
colour: blue
";
    const LINES: [u32; 9] = [6, 7, 9, 10, 13, 15, 17, 18, 19];

    #[test]
    fn policy_check_reports_every_mistake_at_once_each_pointing_at_its_line() {
        let answer = with(&[("bad.yaml", BAD)], &["policy", "check", "bad.yaml"]);
        assert_eq!(answer.code, 2);
        let said = format!("{}{}", answer.stdout, answer.stderr);
        for line in LINES {
            assert!(
                said.contains(&format!("bad.yaml:{line}:")),
                "line {line} is not named in\n{said}"
            );
        }
        let underlined = said.lines().filter(|line| line.contains('^')).count();
        assert_eq!(underlined, LINES.len(), "each is underlined:\n{said}");
    }

    #[test]
    fn policy_check_finds_the_file_by_itself() {
        assert_eq!(with(&[("jettison.yaml", GOOD)], &["policy", "check"]).code, 0);
        assert_eq!(with(&[("jettison.yaml", BAD)], &["policy", "check"]).code, 2);
        assert_eq!(
            with(&[("other.yaml", GOOD)], &["--config", "other.yaml", "policy", "check"]).code,
            0
        );
    }

    #[test]
    fn policy_check_takes_the_configuration_of_the_design_page() {
        let yaml = "registries:
  - host: registry.example.com
    aliases: [registry.internal]
    repositories: [\"**\"]
    expects: [prod-eu]
    trust-created: false
usage:
  - { name: prod-eu, kind: file, paths: [\"in-use/*.txt\"], covers: [\"registry.example.com/**\"] }
  - { name: lists, kind: file, paths: [\"in-use/*.txt\"] }
policies:
  - name: applications
    repositories: [\"apps/**\", \"!apps/legacy/**\"]
    untag: true
    rules:
      - name: production
        match: { tags: [\"prod-*\"] }
        keep: always
      - name: build caches
        match: { kinds: [build-cache] }
        expire: { older-than: 30d }
      - name: branches
        match: { tags: [\"*\"] }
        group-by: branch
        expire: { beyond-newest: 10, older-than: 7d }
      - name: stale
        match: {}
        expire: [ { beyond-newest: 50 }, { not-pulled-for: 90d } ]
        unless: { newest-per: { day: 7, week: 4, month: 12, year: 3 } }
limits: { max-share: 50%, keep-at-least: 1, max-deletions: 100 }
grace: 24h
usage-memory: 14d
journal-memory: 90d
protect: [\"registry.example.com/apps/web:golden\", \"**/base/*\"]
immutable: [ { repositories: [\"**\"], tags: [\"v*\"] } ]
";
        let answer = with(&[("jettison.yaml", yaml)], &["policy", "check"]);
        assert_eq!(answer.code, 0, "{}{}", answer.stdout, answer.stderr);
    }

    #[test]
    fn policy_show_standard_parses_back() {
        let shown = alone(&["policy", "show", "standard"]);
        assert_eq!(shown.code, 0);
        assert_eq!(
            with(&[("s.yaml", &shown.stdout)], &["policy", "check", "s.yaml"]).code,
            0
        );
        assert_eq!(alone(&["policy", "show", "other"]).code, 2);
    }

    #[test]
    fn policy_schema_is_a_json_schema_of_the_configuration() {
        let schema = alone(&["policy", "schema"]).json();
        for key in [
            "policies",
            "limits",
            "grace",
            "protect",
            "immutable",
            "registries",
            "usage",
        ] {
            assert!(schema["properties"][key].is_object(), "{key} is not in the schema");
        }
    }

    const CASES: &str = "now: 2026-11-21T00:00:00Z
repository: registry.example.com/apps/web
images:
  - { tags: [web-1a2b3c4], pushed: 140d ago, expect: expire, by: branches }
  - { tags: [web-2a2b3c4], pushed: 4d ago, expect: keep }
";

    #[test]
    fn policy_test_passes_and_fails() {
        let good = with(&[("t.yaml", CASES)], &["policy", "test", "t.yaml"]);
        assert_eq!(good.code, 0, "{}{}", good.stdout, good.stderr);
        let wrong = CASES.replace("expect: keep", "expect: expire");
        let bad = with(&[("t.yaml", &wrong)], &["policy", "test", "t.yaml"]);
        assert_eq!(bad.code, 4);
        assert!(
            bad.stdout.contains("t.yaml:5") && bad.stdout.contains("web-2a2b3c4"),
            "{}",
            bad.stdout
        );
        let by = CASES.replace("by: branches", "by: versions");
        assert_eq!(
            with(&[("t.yaml", &by)], &["policy", "test", "t.yaml"]).code,
            4,
            "another rule decided"
        );
        assert_eq!(with(&[("t.yaml", "images: 3")], &["policy", "test", "t.yaml"]).code, 2);
        let own = with(
            &[("t.yaml", CASES), ("jettison.yaml", GOOD)],
            &["policy", "test", "t.yaml"],
        );
        assert_eq!(own.code, 4, "the policy of ./jettison.yaml is tested: {}", own.stdout);
    }

    /// Standard output, which must be one JSON document of schema 1.
    fn json_of(answer: &Answer) -> Value {
        let document = answer.json();
        assert_eq!(document["schema"], 1, "{document}");
        document
    }

    #[test]
    fn with_output_json_standard_output_is_one_json_document() {
        let json =
            |files: &[(&str, &str)], words: &[&str]| json_of(&with(files, &[words, &["--output", "json"]].concat()));
        json(&[("jettison.yaml", GOOD)], &["policy", "check"]);
        json(&[("t.yaml", CASES)], &["policy", "test", "t.yaml"]);
        let wrong = CASES.replace("expect: keep", "expect: expire");
        json(&[("t.yaml", &wrong)], &["policy", "test", "t.yaml"]);
        assert_eq!(json(&[], &["history"])["runs"], json!([]));
        let usage = json(
            &[("in-use.txt", "r.example.com/apps/web:main\n")],
            &["usage", "--usage", "in-use.txt"],
        );
        assert_eq!(
            usage["sources"][0]["references"][0]["image"], "r.example.com/apps/web:main",
            "{usage}"
        );
        for more in [&["--verbose"][..], &["--quiet"][..], &["--out", "plan.json"][..]] {
            json_of(&plan_of("app main 40d", &[&["--output", "json"], more].concat()));
        }
    }

    #[test]
    fn policy_check_lists_mistakes_as_json_too() {
        let answer = with(
            &[("bad.yaml", BAD)],
            &["policy", "check", "bad.yaml", "--output", "json"],
        );
        assert_eq!(answer.code, 2);
        json_of(&answer);
    }

    #[test]
    fn a_registry_that_does_not_answer_is_an_incomplete_fact() {
        // Nothing listens on port 1 of loopback.
        let answer = alone(&["plan", "127.0.0.1:1/apps/web", "--output", "json"]);
        assert_eq!(answer.code, 5, "{}", answer.stderr);
        assert_eq!(json_of(&answer)["actions"], json!([]));
        let scan = alone(&["scan", "127.0.0.1:1/apps/web", "--output", "json"]);
        assert_eq!(scan.code, 5, "{}", scan.stderr);
        json_of(&scan);
    }

    #[test]
    fn out_writes_a_file_besides() {
        let directory = tempfile::tempdir().unwrap();
        facts(&images("app main 40d"), directory.path());
        let answer = call(directory.path(), &[&PLAN[..], &["--out", "plan.json"]].concat());
        assert!(answer.stdout.contains("Plan "), "for people: {}", answer.stdout);
        let written: Value = serde_json::from_slice(&fs::read(directory.path().join("plan.json")).unwrap()).unwrap();
        let printed = call(directory.path(), &[&PLAN[..], &["--output", "json"]].concat()).json();
        assert_eq!(written, printed);
    }

    #[test]
    fn a_plan_made_from_saved_facts_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        facts(&images("app main 40d"), directory.path());
        call(directory.path(), &[&PLAN[..], &["--out", "plan.json"]].concat());
        let answer = call(directory.path(), &["apply", "plan.json", "--yes", "--no-usage"]);
        assert_eq!(answer.code, 3, "{}{}", answer.stdout, answer.stderr);
        let unasked = call(directory.path(), &["apply", "plan.json", "--no-usage"]);
        assert!(
            [2, 3].contains(&unasked.code),
            "without a terminal and without --yes: {}",
            unasked.stderr
        );
    }

    #[test]
    fn pipes_give_no_escape_codes() {
        for answer in [
            plan_of("app main 40d\nb b 1h", &[]),
            plan_of("app main 40d\nb b 1h", &["--verbose"]),
            with(&[("bad.yaml", BAD)], &["policy", "check", "bad.yaml"]),
            with(&[("t.yaml", CASES)], &["policy", "test", "t.yaml"]),
            alone(&["--help"]),
            alone(&["plan", "--no-such-flag"]),
            alone(&["plan"]),
            alone(&["history"]),
        ] {
            assert!(!answer.stdout.contains('\u{1b}'), "{:?}", answer.stdout);
            assert!(!answer.stderr.contains('\u{1b}'), "{:?}", answer.stderr);
        }
    }

    #[test]
    fn a_pipe_gets_columns_of_at_most_100() {
        let text: String = (0..40)
            .map(|at| format!("i{at} feature-{at}-1a2b3c4 {at}d+30h blobs=b{at}:1234567\n"))
            .collect();
        let mut outputs = vec![plan_of(&text, &[]).stdout, alone(&["history"]).stdout];
        outputs.extend(COMMANDS.map(|command| alone(&[command, &["-h"]].concat()).stdout));
        for output in outputs {
            let long = output
                .lines()
                .find(|line| line.starts_with(' ') && line.chars().count() > 100);
            assert_eq!(long, None, "a line of columns that is too long");
        }
    }

    #[test]
    fn the_summary_says_what_goes_what_stays_and_why() {
        let said = plan_of("app main 40d blobs=x:5000000\nb b 1h\nc c 1h", &[]).stdout;
        for word in ["5", "MB", "grace", "older-than"] {
            assert!(said.contains(word), "{word} is not in\n{said}");
        }
    }

    #[test]
    fn the_summary_says_when_grace_holds_all_of_a_registry_without_push_times() {
        let text = "@apps/web cap.push_time=false\na a first_seen=1h created=90d\nb b first_seen=1h created=90d";
        let said = plan_of(text, &[]);
        let said = format!("{}{}", said.stdout, said.stderr);
        assert!(said.contains("trust-created"), "it names the way out:\n{said}");
        assert!(said.contains('2'), "how many would go then:\n{said}");
    }
}
