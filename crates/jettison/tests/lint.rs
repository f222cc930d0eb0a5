//! `policy check` with a target or a saved inventory: what people and scripts get to see of the findings.

#[cfg(test)]
#[expect(dead_code, reason = "shared helpers: nothing is planned or applied here")]
mod common;

#[cfg(test)]
mod lint {
    use jettison_testkit::images::Image;
    use jettison_testkit::push::Pusher;
    use jettison_testkit::registry::{Fault, Options, TestRegistry};
    use serde_json::{Value, json};

    use crate::common::desk::Desk;

    const CONFIG: &str = "\
protect: [\"**:v*\"]
policies:
  - name: applications
    repositories: [\"apps/*\"]
    rules:
      - name: production
        match: { tags: [\"prd-*\"] }
        keep: always
      - name: builds
        match: { tags: [\"*-*\"] }
        expire: { older-than: 30d }
";

    /// `prod-1` and `v1` in `apps/web`.
    async fn world(config: &str) -> (TestRegistry, Desk) {
        let registry = TestRegistry::start(Options::default()).await.unwrap();
        let pusher = Pusher::new(&registry.url()).unwrap();
        for (seed, tag) in [(1, "prod-1"), (2, "v1")] {
            let image = Image::new(seed).created("2025-01-01T00:00:00Z").build();
            pusher.push("apps/web", &[tag], &image).await.unwrap();
        }
        let desk = Desk::new(&registry.host(), config);
        (registry, desk)
    }

    /// `code severity rule line` of each finding.
    fn told(document: &Value) -> Vec<String> {
        let findings = document["findings"].as_array().unwrap().iter();
        let told = findings.map(|finding| {
            let word = |key: &str| finding[key].as_str().unwrap_or("-").to_owned();
            format!(
                "{} {} {} {}",
                word("code"),
                word("severity"),
                word("rule"),
                finding["line"]
            )
        });
        told.collect()
    }

    const ALL: &str = "{host}/**";

    #[tokio::test(flavor = "multi_thread")]
    async fn findings_stand_beside_their_lines() {
        let (_registry, desk) = world(CONFIG).await;
        let ended = desk.run(&["policy", "check", ALL]).await.exits(0);
        let ended = ended
            .says("warning[unmatched-rule]: rule `production` fits nothing: none of 2 entries in 1 repository")
            .says(" --> jettison.yaml:7:16")
            .says("match: { tags: [\"prd-*\"] }")
            .says("apps/web:v1")
            .says("ok jettison.yaml: 1 policy with 2 rules; 2 warnings");
        assert!(!ended.stdout.contains('\u{1b}'), "{}", ended.stdout);
        let long = ended.stdout.lines().find(|line| line.chars().count() > 100);
        assert_eq!(long, None, "a pipe gets 100 columns");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn programs_get_the_documented_form() {
        let (registry, desk) = world(CONFIG).await;
        let ended = desk.run(&["policy", "check", ALL, "--output", "json"]).await.exits(0);
        let document = ended.json();
        assert_eq!(
            told(&document),
            ["unreached warning - 3", "unmatched-rule warning production 7"]
        );
        let host = registry.host();
        let finding = &document["findings"][0];
        assert_eq!(finding["examples"], json!([format!("{host}/apps/web:v1")]));
        assert_eq!(
            (&finding["count"], &finding["policy"]),
            (&json!(1), &json!("applications"))
        );
        for key in ["message", "hint", "file"] {
            assert!(finding[key].is_string(), "{key}: {finding}");
        }
        let head = [
            "schema",
            "file",
            "ok",
            "valid",
            "diagnostics",
            "policies",
            "rules",
            "gaps",
        ]
        .map(|key| &document[key]);
        let expected = [
            json!(1),
            json!("jettison.yaml"),
            json!(true),
            json!(true),
            json!([]),
            json!(1),
            json!(2),
            json!([]),
        ];
        assert_eq!(head.map(Clone::clone), expected);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn exit_codes_tell_findings_gaps_and_mistakes_apart() {
        let (registry, desk) = world(CONFIG).await;
        let detailed = ["policy", "check", ALL, "--detailed-exit-code"];
        desk.run(&detailed).await.exits(10);
        desk.write(
            "fine.yaml",
            "policies: [ { name: p, rules: [ { name: r, match: {}, keep: always } ] } ]",
        );
        desk.run(&["policy", "check", "fine.yaml", ALL, "--detailed-exit-code"])
            .await
            .exits(0)
            .says("ok fine.yaml: 1 policy with 1 rule; no findings");
        desk.write("bad.yaml", "policies: 3");
        desk.run(&["policy", "check", "bad.yaml", ALL])
            .await
            .exits(2)
            .says("bad.yaml:1:");
        registry.fail(Fault::status(403).path("/v2/apps/web/manifests/*"));
        let ended = desk.run(&["policy", "check", ALL, "--output", "json"]).await.exits(5);
        let document = ended.json();
        assert!(!document["gaps"].as_array().unwrap().is_empty(), "{document}");
        assert_eq!(told(&document), [""; 0], "what was not read may fit");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_saved_inventory_asks_no_registry() {
        let (registry, desk) = world(CONFIG).await;
        desk.run(&["scan", ALL, "--out", "inventory.json"]).await.exits(0);
        registry.clear_requests();
        let saved = ["policy", "check", "--inventory", "inventory.json", "--output", "json"];
        assert_eq!(told(&desk.run(&saved).await.exits(0).json()).len(), 2);
        assert_eq!(registry.requests().len(), 0);
        desk.run(&["policy", "check", ALL, "--inventory", "inventory.json"])
            .await
            .exits(2)
            .says("not both");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn places_are_those_of_the_file_that_has_the_say() {
        let (_registry, desk) = world(CONFIG).await;
        let own = "protect: [\"**:golden\"]\n\n\npolicies:\n  - name: own\n    rules: [ { name: z, match: { tags: [z] }, keep: always } ]\n";
        desk.write("own.yaml", own);
        desk.run(&["scan", ALL, "--out", "i.json"]).await.exits(0);
        let told_by = async |more: &[&str]| {
            let arguments = [&["policy", "check", "--inventory", "i.json", "--output", "json"], more].concat();
            let document = desk.run(&arguments).await.exits(0).json();
            let files: Vec<Value> = document["findings"]
                .as_array()
                .unwrap()
                .iter()
                .map(|it| it["file"].clone())
                .collect();
            (told(&document), files)
        };
        let (found, files) = told_by(&["--policy", "own.yaml"]).await;
        assert_eq!(
            found,
            [
                "unreached warning - 5",
                "unmatched-rule warning z 6",
                "unused-protect warning - 1"
            ]
        );
        assert_eq!(files, vec![json!("own.yaml"); 3]);
        assert_eq!(
            told_by(&["own.yaml"]).await.0,
            found,
            "FILE stands in place of ./jettison.yaml"
        );
        std::fs::remove_file(desk.path("jettison.yaml")).unwrap();
        let (found, files) = told_by(&[]).await;
        assert!(
            found
                .iter()
                .all(|line| line.ends_with(" null") && line.contains("-rule note ")),
            "{found:?}"
        );
        assert!(!found.is_empty() && files.iter().all(Value::is_null));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn without_a_target_the_file_is_checked_and_a_hint_given() {
        let (registry, desk) = world(CONFIG).await;
        let pushed = registry.requests().len();
        let ended = desk.run(&["policy", "check"]).await.exits(0);
        let ended = ended
            .says("ok jettison.yaml: 1 policy with 2 rules")
            .says("HOST/REPOSITORY-GLOB");
        assert_eq!(ended.stderr, "");
        let quiet = desk.run(&["policy", "check", "--quiet"]).await.exits(0);
        assert_eq!(quiet.stdout, "ok jettison.yaml: 1 policy with 2 rules\n");
        let document = desk.run(&["policy", "check", "--output", "json"]).await.exits(0).json();
        assert!(document.get("findings").is_none(), "{document}");
        assert_eq!(registry.requests().len(), pushed);
        let second = desk
            .run(&["policy", "check", "jettison.yaml", "registry.example.com"])
            .await;
        second.exits(2).says("registry.example.com/**");
        desk.run(&["policy", "check", "there/is/none.yaml"])
            .await
            .exits(2)
            .says("none.yaml");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_missing_usage_list_keeps_nothing_back_of_what_needs_none() {
        let usage = "usage:\n  - { name: lists, kind: file, paths: [gone.txt] }\n";
        let (_registry, desk) = world(&format!("{CONFIG}{usage}")).await;
        let ended = desk.run(&["policy", "check", ALL]).await.exits(5);
        let ended = ended.says("unmatched-rule").says("usage source lists is partial");
        assert!(!ended.stderr.contains("nothing is said of rules"), "{}", ended.stderr);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_folder_is_no_policy_and_no_target() {
        let desk = Desk::new("127.0.0.1:1", CONFIG);
        for place in ["/etc", ".", "./nothing/here"] {
            desk.run(&["policy", "check", place])
                .await
                .exits(2)
                .says(&format!("`{place}` is no policy file; name one, or a target"));
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn several_mistakes_are_counted_at_the_end() {
        let desk = Desk::new("127.0.0.1:1", "limits: { max-share: 500 }\nprotekt: []\npolices: []\n");
        let ended = desk.run(&["policy", "check"]).await.exits(2);
        assert!(
            ended.stderr.trim_end().ends_with("3 errors and 1 warning"),
            "{}",
            ended.stderr
        );
        let desk = Desk::new("127.0.0.1:1", "protekt: []\n");
        let ended = desk.run(&["policy", "check"]).await.exits(2);
        assert!(!ended.stderr.contains("1 error"), "{}", ended.stderr);
    }
}
