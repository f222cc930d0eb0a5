//! What lifecycle policies would do, on an AWS in this process: `ecr preview`, AWS's own beside it, and `ecr lint`.

use jettison_testkit::aws::{Ecr, Fault, Policy, TestAws};
use jettison_testkit::images::{Image, Index, Manifest};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::jettison::{Jettison, text};
use crate::world::{ACCOUNT, REGION};

/// A registry of whose account nobody has to be asked.
struct Scene {
    aws: TestAws,
    user: Jettison,
}

/// A policy of one rule for each: which tags, what is counted, up to what.
fn policy(rules: &[(&str, &str, u64)]) -> String {
    let rules = rules.iter().zip(1..).map(|((tags, count, number), priority)| {
        let mut selection = json!({"tagStatus": tags, "countType": count, "countNumber": number});
        if !matches!(*tags, "any" | "untagged") {
            selection["tagStatus"] = json!("tagged");
            selection["tagPatternList"] = json!([tags]);
        }
        if *count != "imageCountMoreThan" {
            selection["countUnit"] = json!("days");
        }
        let action = match *count {
            "sinceImagePulled" => json!({"type": "transition", "targetStorageClass": "archive"}),
            _ => json!({"type": "expire"}),
        };
        json!({"rulePriority": priority, "selection": selection, "action": action})
    });
    json!({"rules": rules.collect::<Vec<_>>()}).to_string()
}

impl Scene {
    async fn new() -> Self {
        let aws = TestAws::start().await.unwrap();
        aws.set_now(Timestamp::now());
        let key = aws.user(ACCOUNT, "cleaner", Policy::everything());
        let user = Jettison::in_environment(aws.environment(&key, REGION));
        let host = aws.ecr(ACCOUNT, REGION).host();
        user.write(
            "jettison.yaml",
            &format!("registries: [ {{ host: {host}, expects: none }} ]\ngrace: 0h\n"),
        );
        user.write("in-use.txt", &format!("{host}/apps/web:v2 # Service shop/web\n"));
        Self { aws, user }
    }

    fn registry(&self) -> Ecr {
        self.aws.ecr(ACCOUNT, REGION)
    }

    /// Pushes an image so many days ago.
    fn push(&self, repository: &str, days: i64, tags: &[&str], manifest: &Manifest) {
        let then = self.aws.now() - SignedDuration::from_hours(24 * days);
        self.aws
            .at(then, |aws| aws.ecr(ACCOUNT, REGION).push(repository, tags, manifest));
    }

    /// Three versions, the youngest pushed ten days ago.
    fn fill(&self, repository: &str) {
        for (seed, tag) in [(1_u32, "v3"), (2, "v2"), (3, "v1")] {
            self.push(
                repository,
                10 * i64::from(seed),
                &[tag],
                &Image::new(seed.into()).build(),
            );
        }
    }

    fn set(&self, repository: &str, rules: &[(&str, &str, u64)]) {
        assert!(self.registry().set_lifecycle(repository, &policy(rules)));
    }

    /// AWS was asked for nothing that changes anything.
    fn is_untouched(&self) {
        for request in self.aws.requests() {
            let changes = ["Put", "Delete", "Update", "Initiate", "Register"];
            let changes = changes.iter().any(|verb| request.action.contains(verb));
            assert!(!changes, "{}", request.action);
        }
    }
}

fn repository<'v>(form: &'v Value, name: &str) -> &'v Value {
    let mut all = form["repositories"].as_array().unwrap().iter();
    all.find(|one| one["repository"] == name)
        .unwrap_or_else(|| panic!("no {name}: {form:#}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_in_use_that_the_stored_policy_takes_is_told_first() {
    let scene = Scene::new().await;
    scene.fill("apps/web");
    scene.set("apps/web", &[("v*", "imageCountMoreThan", 1)]);
    let form = scene.user.json("ecr preview --detailed-exit-code", 0);
    assert_eq!(repository(&form, "apps/web")["preview"]["usage"]["status"], "unasked");
    let line = "ecr preview --usage in-use.txt";
    let form = scene.user.json(&format!("{line} --detailed-exit-code"), 10);
    let preview = &repository(&form, "apps/web")["preview"];
    assert_eq!(
        (&preview["images"], &preview["expire"]),
        (&3.into(), &2.into()),
        "{form:#}"
    );
    assert_eq!(preview["held"], json!({"in-use": 1}));
    let first = &preview["marked"][0];
    assert_eq!(first["tags"], json!(["v2"]));
    let used_by = text(&first["hold"]["used_by"][0]);
    assert!(used_by.starts_with("Service shop/web"), "{used_by}");
    let said = scene.user.run(line);
    let host = scene.registry().host();
    assert_eq!(said.code, 0, "{}", said.said);
    assert!(
        said.output
            .starts_with("AWS would expire 2 of 3 images; 1 of them is in use\n"),
        "{}",
        said.output
    );
    assert!(said.output.contains("Service shop/web"), "{}", said.output);
    let never = format!("note: AWS has never evaluated the policy of {host}/apps/web");
    assert!(said.output.contains(&never), "{}", said.output);
    // Who used it a moment ago still counts.
    scene.user.write("in-use.txt", &format!("{host}/apps/web:v3\n"));
    let form = scene.user.json(&format!("{line} --detailed-exit-code"), 10);
    assert_eq!(
        repository(&form, "apps/web")["preview"]["held"],
        json!({"recently-used": 1})
    );
    scene.is_untouched();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_of_a_file_is_held_against_what_is_there_whatever_is_stored() {
    let scene = Scene::new().await;
    scene.fill("apps/web");
    scene.fill("apps/none");
    scene.set("apps/web", &[("v*", "imageCountMoreThan", 1)]);
    scene
        .user
        .write("policy.json", &policy(&[("v*", "sinceImagePushed", 25)]));
    let form = scene.user.json("ecr preview --policy policy.json --ask-aws", 0);
    for name in ["apps/web", "apps/none"] {
        let one = repository(&form, name);
        assert_eq!(one["preview"]["expire"], 1, "{form:#}");
        assert_eq!(one["aws"], json!({"images": 1, "differences": []}), "{form:#}");
    }
    assert_eq!(scene.aws.count("ecr:GetLifecyclePolicy"), 0);
    scene.user.write("policy.json", "{\"rules\": []}");
    let refused = scene.user.run("ecr preview --policy policy.json");
    assert_eq!(refused.code, 2);
    assert!(refused.said.contains("AWS takes 100 at least"), "{}", refused.said);
    scene.is_untouched();
}

#[tokio::test(flavor = "multi_thread")]
async fn where_aws_says_otherwise_every_difference_is_told_with_its_cause() {
    let scene = Scene::new().await;
    let index = Index::new()
        .children([7, 8].map(|seed| Image::new(seed).build()))
        .build();
    scene.push("apps/web", 100, &["index"], &index);
    scene.push("apps/web", 100, &["plain"], &Image::new(9).build());
    scene.set("apps/web", &[("*", "sinceImagePulled", 30)]);
    // The scan reads the index, and AWS takes that for a pull.
    let form = scene.user.json("ecr preview --ask-aws", 0);
    let one = repository(&form, "apps/web");
    assert_eq!(one["preview"]["transition"], 2, "{form:#}");
    assert_eq!(one["aws"]["images"], 1);
    let differences = one["aws"]["differences"].as_array().unwrap();
    assert_eq!(differences.len(), 1, "{form:#}");
    assert_eq!(differences[0]["digest"], index.digest.as_str());
    assert_eq!(differences[0]["aws"], Value::Null);
    assert_eq!(
        differences[0]["jettison"],
        json!({"action": "transition", "rule_priority": 1})
    );
    assert!(
        text(&differences[0]["likely_cause"]).contains("its own reads"),
        "{form:#}"
    );
    let said = scene.user.run("ecr preview --ask-aws");
    assert!(said.output.contains("1 image, 1 difference"), "{}", said.output);
    scene.is_untouched();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_without_a_policy_is_told_and_is_no_gap() {
    let scene = Scene::new().await;
    scene.fill("apps/none");
    let form = scene.user.json("ecr preview", 0);
    assert_eq!(repository(&form, "apps/none")["status"], "no-policy");
    let said = scene.user.run("ecr preview");
    assert!(
        said.output.contains("apps/none has no lifecycle policy"),
        "{}",
        said.output
    );
    let linted = scene.user.json("ecr lint", 0);
    let place = format!("{}/apps/none", scene.registry().host());
    assert_eq!(linted["without_policy"], json!([place]));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_repositories_the_one_that_cannot_be_asked_holds_up_none() {
    let scene = Scene::new().await;
    for name in ["apps/a", "apps/b", "apps/web"] {
        scene.fill(name);
        scene.set(name, &[("v*", "imageCountMoreThan", 2)]);
    }
    for action in ["ecr:GetLifecyclePolicy", "ecr:StartLifecyclePolicyPreview"] {
        scene
            .aws
            .fail(Fault::error(403, "AccessDeniedException").on(action).about("apps/b"));
        let form = scene.user.json("ecr preview --ask-aws", 5);
        let gap = form["gaps"].as_array().unwrap();
        assert_eq!(gap.len(), 1, "{form:#}");
        let gap = text(&gap[0]);
        assert!(gap.contains("/apps/b: ") && gap.contains(action), "{gap}");
        for name in ["apps/a", "apps/web"] {
            let one = repository(&form, name);
            assert_eq!(one["preview"]["expire"], 1, "{form:#}");
            assert_eq!(one["aws"]["differences"], json!([]));
        }
        assert_eq!(repository(&form, "apps/b")["aws"], Value::Null);
        scene.aws.clear_faults();
    }
    // What is held is found although not all could be read.
    scene.aws.fail(
        Fault::error(403, "AccessDeniedException")
            .on("ecr:GetLifecyclePolicy")
            .about("apps/b"),
    );
    scene
        .user
        .write("in-use.txt", &format!("{}/apps/a:v1\n", scene.registry().host()));
    scene
        .user
        .json("ecr preview --usage in-use.txt --detailed-exit-code", 10);
    let linted = scene.user.json("ecr lint", 5);
    assert_eq!(linted["policies"].as_array().unwrap().len(), 1, "{linted:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_many_have_is_linted_once_and_one_that_never_ran_is_told() {
    let scene = Scene::new().await;
    for name in ["apps/a", "apps/b", "apps/web"] {
        scene.fill(name);
        scene.set(name, &[("v*", "imageCountMoreThan", 5)]);
    }
    let registry = scene.registry();
    scene.set("apps/b", &[("w*", "imageCountMoreThan", 5)]);
    for name in ["apps/b", "apps/web"] {
        registry.set_lifecycle_evaluated_at(name, Some(scene.aws.now() - SignedDuration::from_hours(3)));
    }
    let linted = scene.user.json("ecr lint --detailed-exit-code", 10);
    let policies = linted["policies"].as_array().unwrap();
    let host = registry.host();
    let shape: Vec<(Value, Vec<String>)> = policies
        .iter()
        .map(|policy| {
            let findings = policy["findings"].as_array().unwrap().iter();
            (
                policy["repositories"].clone(),
                findings.map(|finding| text(&finding["code"])).collect(),
            )
        })
        .collect();
    assert_eq!(
        shape,
        [
            (
                json!([format!("{host}/apps/a"), format!("{host}/apps/web")]),
                vec!["never-evaluated".to_owned()]
            ),
            (
                json!([format!("{host}/apps/b")]),
                vec!["unmatched-text".to_owned(), "unreached".to_owned()]
            ),
        ],
        "{linted:#}"
    );
    assert_eq!(
        policies[0]["findings"][0]["examples"],
        json!([format!("{host}/apps/a")])
    );
    scene.is_untouched();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_ecr_has_no_stored_policy_and_is_refused_before_anything_is_asked() {
    let scene = Scene::new().await;
    for command in ["preview", "lint", "preview --policy policy.json --ask-aws"] {
        scene
            .user
            .write("policy.json", &policy(&[("v*", "sinceImagePushed", 25)]));
        let said = scene.user.run(&format!("ecr {command} r.example.com/apps/web"));
        assert_eq!(said.code, 2, "{command}: {}", said.said);
        assert!(
            said.said.contains("r.example.com is no registry of Amazon ECR"),
            "{}",
            said.said
        );
    }
    scene
        .user
        .write("other.yaml", "registries: [ { host: r.example.com } ]\n");
    let said = scene.user.run("ecr preview --config other.yaml");
    assert_eq!(said.code, 2, "{}", said.said);
    assert!(
        said.said.contains("none of the configured registries is Amazon ECR"),
        "{}",
        said.said
    );
    assert_eq!(scene.aws.requests().len(), 0);
}
