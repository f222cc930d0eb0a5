//! The policy that `jettison aws setup` prints is enough for all that jettison does on AWS, and allows nothing else.

use std::collections::BTreeSet;

use aws_credential_types::Credentials as Key;
use jettison::aws::AwsConnection;
use jettison::registry::{Connection, LifecyclePolicies};
use jettison_core::config::{AwsAccess, EcrPlace};
use jettison_testkit::aws::{Credentials, Fault, Policy};
use jettison_testkit::images::{Image, Index};
use jiff::SignedDuration;
use serde_json::Value;

use crate::aws::{ACCOUNT, REGION, ROLE, Scene, json};

const HOST: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";

/// Something to delete, to archive and to keep. Nobody waits for a grace period here.
const CONFIG: &str = "
registries:
  - host: 123456789012.dkr.ecr.eu-central-1.amazonaws.com
    repositories: ['apps/**']
    aws: { role-arn: 'arn:aws:iam::123456789012:role/jettison' }
usage:
  - { name: aws, kind: aws, account: '123456789012', regions: [eu-central-1], role-arn: 'arn:aws:iam::123456789012:role/jettison' }
policies:
  - archive-anyway: true
    rules:
      - { name: cold, match: { tags: ['cold-*'] }, expire: { older-than: 30d }, action: archive }
      - { name: old, match: { tags: ['old-*'] }, expire: { older-than: 30d } }
limits: { max-share: 100%, keep-at-least: 0 }
grace: 0h
";

/// An account in which every call has something to tell.
async fn scene() -> Scene {
    let scene = Scene::new(CONFIG).await;
    let (ecr, ecs, lambda) = (
        scene.aws.ecr(ACCOUNT, REGION),
        scene.aws.ecs(ACCOUNT, REGION),
        scene.aws.lambda(ACCOUNT, REGION),
    );
    let now = scene.aws.now();
    scene.aws.set_now(now - SignedDuration::from_hours(24 * 100));
    let image = Image::new;
    ecr.push("apps/web", &["live"], &image(1).build());
    ecr.push("apps/web", &["old-1"], &image(2).build());
    let children = ["linux/amd64", "linux/arm64"].map(|platform| image(3).platform(platform).build());
    ecr.push("apps/web", &["old-2"], &Index::new().children(children).build());
    ecr.push("apps/web", &["cold-1"], &image(4).build());
    ecr.push("apps/resize", &["v1"], &image(5).build());
    ecr.push("other/web", &["old-1"], &image(6).build());
    scene.aws.set_now(now);
    ecs.cluster("prod");
    let definition = ecs.register("web", &[("app", &ecr.image("apps/web", "live"))]);
    ecs.service("prod", "web", &definition, 1);
    lambda.function("resize", &ecr.image("apps/resize", "v1"));
    lambda.alias("resize", "live", "$LATEST", &[]);
    scene
}

/// Whoever takes on the role, and the role, each with what was printed for it.
fn given(scene: &Scene, words: &[&str]) -> (Credentials, Value) {
    let words = [&["aws", "setup", "--output", "json"], words].concat();
    let printed = scene.program_as(&scene.login, &words).exits(0).json();
    let account = &printed["accounts"][0];
    let policy = |document: &Value| Policy::read(&document.to_string()).unwrap();
    let trusts = account["taken_on"]["trust_policy"]["Statement"][0]["Principal"]["AWS"].as_str();
    let role = scene
        .aws
        .role(ACCOUNT, "jettison", policy(&account["policy"]), &[trusts.unwrap()]);
    assert_eq!(role, ROLE);
    let login = scene.aws.user(ACCOUNT, "ci", policy(&account["taken_on"]["policy"]));
    scene.aws.clear_requests();
    (login, account["policy"].clone())
}

/// The actions that were asked for, without those that need no permission.
fn asked(scene: &Scene) -> BTreeSet<String> {
    let requests = scene.aws.requests().into_iter();
    // The call has no permission of its own.
    let asked = requests.map(|request| request.action.replace("ListImageReferrers", "BatchGetImage"));
    asked.filter(|action| !action.starts_with("sts:")).collect()
}

fn denied(scene: &Scene) -> Vec<String> {
    let requests = scene.aws.requests().into_iter();
    let denied = requests.filter(|request| {
        request
            .error
            .as_deref()
            .is_some_and(|error| error.contains("AccessDenied"))
    });
    denied
        .map(|request| format!("{} {}", request.action, request.input))
        .collect()
}

fn actions(policy: &Value) -> BTreeSet<String> {
    Policy::read(&policy.to_string())
        .unwrap()
        .actions()
        .into_iter()
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_and_its_undo_need_all_of_it_and_nothing_else() {
    let scene = scene().await;
    let (login, policy) = given(&scene, &[]);
    let report = scene.program_as(&login, &json(&["run", "--yes"])).exits(0).json();
    assert_eq!(
        (&report["deleted"], &report["archived"]),
        (&4.into(), &1.into()),
        "{report:#}"
    );
    let run = report["run"].as_str().unwrap();
    // Of what no image has any more ECR gives nothing out: what it still has is asked in another way then.
    let inaccessible = Fault::error(400, "LayerInaccessibleException");
    scene.aws.fail(inaccessible.on("ecr:GetDownloadUrlForLayer"));
    let undone = scene.program_as(&login, &json(&["undo", run, "--yes"])).exits(0).json();
    assert_eq!(undone["restored"], 3, "{undone:#}");
    assert_eq!(denied(&scene), Vec::<String>::new());
    assert_eq!(asked(&scene), actions(&policy));
}

/// AWS's own preview of a policy, asked as the role.
async fn preview(scene: &Scene, login: &Credentials, text: &str) {
    let mut aws = AwsConnection::new(AwsAccess {
        endpoint: Some(scene.aws.url()),
        role_arn: Some(ROLE.to_owned()),
        ..AwsAccess::default()
    });
    aws.credentials = Some(Key::new(
        &login.access_key_id,
        &login.secret_access_key,
        None,
        None,
        "test",
    ));
    let place = EcrPlace {
        account: ACCOUNT.to_owned(),
        region: REGION.to_owned(),
    };
    let policies = LifecyclePolicies::new(&Connection::new(HOST.parse().unwrap()), &place, &aws);
    policies
        .preview(&"apps/web".parse().unwrap(), Some(text))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn lifecycle_policies_need_all_of_their_own_policy_and_nothing_else() {
    let scene = scene().await;
    let words = ["aws", "setup", "--lifecycle-policies", "--output", "json"];
    let printed = scene.program_as(&scene.login, &words).exits(0).json();
    let (login, _) = given(&scene, &[]);
    let account = &printed["accounts"][0];
    let mut both = account["policy"].clone();
    let lifecycle = account["lifecycle_policy"]["Statement"].as_array().unwrap();
    both["Statement"]
        .as_array_mut()
        .unwrap()
        .extend(lifecycle.iter().cloned());
    assert!(scene.aws.set_policy(ROLE, Policy::read(&both.to_string()).unwrap()));
    let text = r#"{"rules": [{"rulePriority": 1, "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan",
        "countNumber": 999}, "action": {"type": "expire"}}]}"#;
    scene.place.write("policy.json", text);
    let target = format!("{HOST}/apps/web");
    let apply = ["ecr", "apply-policy", "policy.json", &target, "--yes"];
    let report = scene.program_as(&login, &json(&apply)).exits(0).json();
    preview(&scene, &login, text).await;
    let undo = [
        "ecr",
        "apply-policy",
        "--undo",
        report["run"].as_str().unwrap(),
        "--yes",
    ];
    scene.program_as(&login, &undo).exits(0);
    assert_eq!(denied(&scene), Vec::<String>::new());
    let asked: BTreeSet<String> = asked(&scene)
        .into_iter()
        .filter(|action| action.contains("Lifecycle"))
        .collect();
    assert_eq!(asked, actions(&account["lifecycle_policy"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_read_can_plan_and_changes_nothing() {
    let scene = scene().await;
    let (login, policy) = given(&scene, &["--read-only"]);
    scene.program_as(&login, &["scan"]).exits(0);
    scene.program_as(&login, &["usage", "--check"]).exits(0);
    scene.program_as(&login, &["plan", "--out", "plan.json"]).exits(0);
    assert_eq!(denied(&scene), Vec::<String>::new());
    assert!(actions(&policy).is_superset(&asked(&scene)));
    let before = scene.aws.ecr(ACCOUNT, REGION).images("apps/web");
    scene.program_as(&login, &["apply", "plan.json", "--yes"]).exits(4);
    let after = scene.aws.ecr(ACCOUNT, REGION).images("apps/web");
    let digests = |images: &[jettison_testkit::aws::Held]| {
        let digests = images.iter().map(|image| (image.digest.clone(), image.tags.clone()));
        digests.collect::<Vec<_>>()
    };
    assert_eq!(digests(&before), digests(&after));
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_that_are_not_scanned_cannot_be_read() {
    let scene = scene().await;
    let (login, _) = given(&scene, &[]);
    let target = format!("{HOST}/other/web");
    let inventory = scene.program_as(&login, &json(&["scan", &target])).exits(5).json();
    assert_eq!(
        inventory["repositories"][0]["manifests"],
        serde_json::json!([]),
        "{inventory:#}"
    );
    assert!(!denied(&scene).is_empty());
}
