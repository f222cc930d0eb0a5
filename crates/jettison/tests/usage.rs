//! `jettison usage`: who uses what, and what is found of it, held against a registry in this process.

#[cfg(test)]
#[expect(dead_code, reason = "shared helpers: nothing is planned or applied here")]
mod common;

#[cfg(test)]
mod usage {
    use jettison_testkit::images::Image;
    use jettison_testkit::push::Pusher;
    use jettison_testkit::registry::{Fault, Options, TestRegistry};
    use serde_json::{Value, json};

    use crate::common::desk::Desk;

    const CONFIG: &str = "\
registries:
  - { host: \"{host}\", aliases: [alias.example.com], mirrors: [mirror.example.com/hub] }
usage:
  - { name: lists, kind: file, paths: [usage.json] }
";

    const ABSENT: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    /// `v1` and `v2` in `apps/web`, and a cluster that uses them and more.
    async fn world() -> (TestRegistry, Desk) {
        let registry = TestRegistry::start(Options::default()).await.unwrap();
        let pusher = Pusher::new(&registry.url()).unwrap();
        for (seed, tag) in [(1, "v1"), (2, "v2")] {
            pusher
                .push("apps/web", &[tag], &Image::new(seed).build())
                .await
                .unwrap();
        }
        let there = registry.tags("apps/web")["v1"].clone();
        let desk = Desk::new(&registry.host(), CONFIG);
        let uses = [
            ("{host}/apps/web:v1", Value::Null, "Pod shop/web-0", Value::Null),
            ("{host}/apps/web:v1", Value::Null, "Pod shop/web-1", Value::Null),
            (
                "alias.example.com/apps/web:v2",
                json!(ABSENT),
                "Pod shop/api-0",
                Value::Null,
            ),
            (
                "{host}/apps/web:gone",
                json!(there),
                "ReplicaSet shop/web-7",
                Value::Null,
            ),
            (
                &format!("{{host}}/apps/web:v2@{ABSENT}"),
                Value::Null,
                "Job shop/nightly",
                Value::Null,
            ),
            (
                &format!("{{host}}/apps/web@{there}"),
                Value::Null,
                "Job shop/daily",
                Value::Null,
            ),
            (
                "mirror.example.com/hub/apps/old:1",
                Value::Null,
                "Pod edge/old",
                Value::Null,
            ),
            ("docker.io/library/nginx:1", Value::Null, "Pod edge/proxy", Value::Null),
            (ABSENT, Value::Null, "Pod edge/side-loaded", Value::Null),
            (
                "{host}/apps/web:over",
                Value::Null,
                "Pod shop/over",
                json!("2026-01-01T00:00:00Z"),
            ),
        ];
        let references = uses.map(|(image, digest, used_by, last_seen_at)| {
            json!({"image": image, "digest": digest, "used_by": used_by, "last_seen_at": last_seen_at})
        });
        let form = json!({"schema": 1, "taken_at": jiff::Timestamp::now(), "sources": [
            {"name": "prod", "kind": "kubernetes", "status": "complete", "references": references}]});
        desk.write("usage.json", &form.to_string());
        registry.clear_requests();
        (registry, desk)
    }

    /// `finding image` of each, with `{host}` for the registry.
    fn told(registry: &TestRegistry, document: &Value) -> Vec<String> {
        let findings = document["findings"].as_array().unwrap().iter();
        let told = findings.map(|found| {
            let image = found["image"].as_str().unwrap().replace(&registry.host(), "{host}");
            format!("{} {image}", found["finding"].as_str().unwrap())
        });
        told.collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn images_in_use_that_the_registry_does_not_have_are_found() {
        let (registry, desk) = world().await;
        let call = ["usage", "--find", "missing", "--output", "json"];
        let document = desk.run(&call).await.exits(0).json();
        let by_digest = format!("missing {{host}}/apps/web:v2@{ABSENT}");
        let expected = [
            "missing {host}/apps/web:gone",
            &by_digest,
            "missing mirror.example.com/hub/apps/old:1",
        ];
        assert_eq!(told(&registry, &document), expected);
        let users = &document["findings"][0]["used_by"];
        assert_eq!(
            *users,
            json!([{"source": "lists", "workload": "ReplicaSet shop/web-7"}]),
            "{users}"
        );
        // A look changes nothing, and reads no more than it must.
        let requests = registry.requests();
        assert!(
            requests
                .iter()
                .all(|request| ["GET", "HEAD"].contains(&request.method.as_str())),
            "{requests:?}"
        );
        let shown = desk.run(&["usage", "--find", "missing"]).await.exits(0);
        shown.says("/apps/web:gone").says("lists: ReplicaSet shop/web-7");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn images_of_which_nobody_knows_the_digest_are_found() {
        let (registry, desk) = world().await;
        let call = ["usage", "--find", "tag-only", "--output", "json"];
        let document = desk.run(&call).await.exits(0).json();
        let expected = [
            "tag-only mirror.example.com/hub/apps/old:1",
            "tag-only {host}/apps/web:v1",
        ];
        let mut told = told(&registry, &document);
        told.sort_by_key(|line| line.contains("{host}"));
        assert_eq!(told, expected);
        assert_eq!(registry.requests().len(), 0, "no registry is asked for that");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn findings_have_an_exit_code_for_those_who_want_one() {
        let (_registry, desk) = world().await;
        desk.run(&["usage", "--find", "missing,tag-only", "--detailed-exit-code"])
            .await
            .exits(10);
        let nothing = ["usage", "--find", "missing", "--detailed-exit-code", "{host}/other/**"];
        desk.run(&nothing).await.exits(0).says("nothing found");
        for mistake in [
            &["usage", "--detailed-exit-code"][..],
            &["usage", "--check", "--find", "missing"],
            &["usage", "--check", "--by", "image"],
            &["usage", "--find", "everything"],
            &["usage", "--by", "image", "apps/web"],
            &["usage", "--accept-shrunk-usage", "list"],
        ] {
            desk.run(mistake).await.exits(2);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_cannot_be_looked_up_is_no_finding_and_is_told() {
        let (registry, desk) = world().await;
        let images: String = (0..60).map(|number| format!("{{host}}/apps/web:{number}\n")).collect();
        desk.write("usage.json", &images);
        registry.fail(Fault::status(403).path("/v2/apps/web/manifests/*"));
        let ended = desk
            .run(&["usage", "--find", "missing", "--output", "json"])
            .await
            .exits(5);
        assert_eq!(ended.json()["findings"], json!([]));
        let ended = ended.says("403").says("was not asked for");
        assert!(ended.stderr.matches("403").count() <= 5, "{}", ended.stderr);
        assert!(
            registry.requests().len() < 40,
            "a registry that refuses is not asked on and on"
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_in_use_is_listed_by_image_and_by_workload() {
        let (_registry, desk) = world().await;
        let shown = async |words: &[&str]| {
            let text = desk.run(words).await.exits(0).stdout.replace(desk.host(), "{host}");
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let by_image = shown(&[
            "usage",
            "--by",
            "image",
            "alias.example.com/apps/web",
            "{host}/apps/old",
        ])
        .await;
        for row in [
            "{host}/apps/web:v1 lists: Pod shop/web-0, lists: Pod shop/web-1",
            "mirror.example.com/hub/apps/old:1 lists: Pod edge/old",
            "{host}/apps/web:v2 sha256:0123456789ab lists: Job shop/nightly",
        ] {
            assert!(by_image.contains(row), "{row} is not in {by_image}");
        }
        assert!(!by_image.contains("nginx"), "{by_image}");
        let by_workload = shown(&["usage", "--by", "workload"]).await;
        for row in [
            "lists Pod edge/proxy docker.io/library/nginx:1",
            "lists Pod shop/over (last seen ",
        ] {
            assert!(by_workload.contains(row), "{row} is not in {by_workload}");
        }
        let sources = shown(&["usage"]).await;
        assert!(sources.ends_with("lists file complete 9 10"), "{sources}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_silent_source_that_covers_nothing_here_is_told() {
        let (_registry, desk) = world().await;
        for (covers, is_told) in [("{host}/other/**", true), ("{host}/apps/*", false), ("**", false)] {
            let source =
                format!("usage: [ {{ name: late, kind: file, paths: [gone.txt], covers: [\"{covers}\"] }} ]\n");
            desk.write(
                "jettison.yaml",
                &format!("registries: [ {{ host: \"{{host}}\" }} ]\n{source}"),
            );
            let ended = desk.run(&["plan"]).await.exits(5);
            let told = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
            let told = told + &ended.stderr;
            let why = "usage source late did not tell everything, and holds nothing here";
            assert_eq!(told.contains(why), is_told, "{covers}: {told}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_source_says_what_it_covers() {
        let (_registry, desk) = world().await;
        let document = desk.run(&["usage", "--output", "json"]).await.exits(0).json();
        assert_eq!(document["sources"][0]["covers"], json!(["**"]));
        assert!(document.get("findings").is_none());
    }
}
