//! Lifecycle policies: read, written, taken away, and previewed by AWS itself.

use std::time::{Duration, Instant};

use jettison::registry::{ErrorKind, LifecyclePolicies, PreviewPatience, StoredLifecyclePolicy};
use jettison_core::lifecycle::{LifecycleAction, LifecyclePolicy, LifecycleVerdict};
use jettison_testkit::aws::{Credentials, Effect, Fault, Policy};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::lab::{ACCOUNT, Lab, REPOSITORY, connection, digest, image, kind, repository};

/// Everything older than so many days goes; what is untagged by a rule of its own.
fn older_than(days: u64) -> String {
    let rule = |priority: u64, status: &str| {
        json!({"rulePriority": priority, "selection": {"tagStatus": status, "countType": "sinceImagePushed",
            "countUnit": "days", "countNumber": days}, "action": {"type": "expire"}})
    };
    // AWS gives them back the other way round.
    json!({"rules": [rule(2, "any"), rule(1, "untagged")]}).to_string()
}

impl Lab {
    fn policies(&self) -> LifecyclePolicies {
        self.policies_of(&self.user)
    }

    fn policies_of(&self, user: &Credentials) -> LifecyclePolicies {
        self.policies_within(user, Duration::from_secs(60))
    }

    /// Previews are asked for at once, and given up after so long.
    fn policies_within(&self, user: &Credentials, whole: Duration) -> LifecyclePolicies {
        let connection = connection(&self.aws, user, &self.memory);
        let patience = PreviewPatience {
            first_pause: Duration::from_millis(5),
            longest_pause: Duration::from_millis(20),
            whole,
        };
        let ecr = connection.ecr.as_ref().unwrap();
        LifecyclePolicies::new(&connection, &ecr.place, &ecr.aws).with_patience(patience)
    }

    /// With so many images that are ten days old.
    async fn filled(count: usize) -> Self {
        let lab = Self::new().await;
        let long_ago = lab.aws.now() - SignedDuration::from_hours(240);
        lab.ecr().fill(REPOSITORY, count, |_| long_ago);
        lab
    }
}

fn edit(path: &'static str, value: Value) -> Fault {
    let fault = Fault::edit(move |answer| {
        if let Some(found) = answer.pointer_mut(path) {
            *found = value.clone();
        }
    });
    fault.on("ecr:GetLifecyclePolicyPreview")
}

#[tokio::test]
async fn a_policy_is_written_read_and_taken_away_and_what_is_not_there_is_none() {
    let lab = Lab::filled(1).await;
    let (policies, name, text) = (lab.policies(), repository(), older_than(30));
    assert_eq!(policies.stored(&name).await.unwrap(), None);
    policies.put(&name, &text).await.unwrap();
    let StoredLifecyclePolicy {
        text: stored,
        last_evaluated_at,
    } = policies.stored(&name).await.unwrap().unwrap();
    assert_eq!(LifecyclePolicy::parse(&stored), LifecyclePolicy::parse(&text));
    assert_eq!(last_evaluated_at, None, "1970 means never");
    let at = "2026-10-01T00:00:00Z".parse().unwrap();
    lab.ecr().set_lifecycle_evaluated_at(REPOSITORY, Some(at));
    assert_eq!(
        policies.stored(&name).await.unwrap().unwrap().last_evaluated_at,
        Some(at)
    );
    for _ in 0..2 {
        policies.remove(&name).await.unwrap();
        assert_eq!(lab.ecr().lifecycle(REPOSITORY), None);
    }
    let named = lab.asked("ecr:PutLifecyclePolicy");
    assert_eq!(
        named[0]["registryId"], ACCOUNT,
        "other credentials must not lead elsewhere"
    );
}

#[tokio::test]
async fn a_repository_that_is_missing_is_no_repository_without_a_policy() {
    let lab = Lab::new().await;
    let (policies, name, text) = (lab.policies(), repository(), older_than(30));
    assert_eq!(kind(policies.stored(&name).await), ErrorKind::NotFound);
    assert_eq!(kind(policies.put(&name, &text).await), ErrorKind::NotFound);
    assert_eq!(kind(policies.remove(&name).await), ErrorKind::NotFound);
    assert_eq!(kind(policies.preview(&name, Some(&text)).await), ErrorKind::NotFound);
    lab.ecr().create(REPOSITORY);
    assert_eq!(
        kind(policies.preview(&name, None).await),
        ErrorKind::NotFound,
        "no policy"
    );
    let refused = policies.put(&name, "{}").await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Protocol);
    assert!(refused.to_string().contains("between 100 and 30720"), "{refused}");
}

#[tokio::test]
async fn a_permission_that_is_missing_is_named_with_the_policy_that_has_it() {
    let lab = Lab::filled(1).await;
    let (name, text) = (repository(), older_than(30));
    lab.ecr().set_lifecycle(REPOSITORY, &text);
    for action in [
        "ecr:GetLifecyclePolicy",
        "ecr:PutLifecyclePolicy",
        "ecr:DeleteLifecyclePolicy",
        "ecr:StartLifecyclePolicyPreview",
        "ecr:GetLifecyclePolicyPreview",
    ] {
        let user = lab.aws.user(ACCOUNT, action, Policy::everything().without(action));
        let policies = lab.policies_of(&user);
        let errors = [
            policies.stored(&name).await.err(),
            policies.put(&name, &text).await.err(),
            policies.preview(&name, None).await.err(),
            policies.remove(&name).await.err(),
        ];
        let errors: Vec<_> = errors.into_iter().flatten().collect();
        assert_eq!(errors.len(), 1, "{action}: {errors:?}");
        let said = errors[0].to_string();
        let hint = format!("allow {action} (`jettison aws setup --lifecycle-policies` prints the policy)");
        assert!(errors[0].kind == ErrorKind::Forbidden && said.contains(&hint), "{said}");
        lab.ecr().set_lifecycle(REPOSITORY, &text);
    }
}

#[tokio::test]
async fn a_preview_is_read_to_its_last_page() {
    let lab = Lab::filled(250).await;
    let (policies, name) = (lab.policies(), repository());
    let preview = policies.preview(&name, Some(&older_than(5))).await.unwrap();
    assert_eq!(preview.images.len(), 250);
    let verdict = LifecycleVerdict {
        action: LifecycleAction::Expire,
        rule_priority: 2,
    };
    assert!(preview.images.values().all(|found| *found == verdict));
    assert_eq!(
        lab.count("ecr:GetLifecyclePolicyPreview"),
        4,
        "it was not done at first"
    );
    let transition = json!({"rules": [{"rulePriority": 7, "selection": {"tagStatus": "tagged", "tagPatternList": ["*"],
        "countType": "imageCountMoreThan", "countNumber": 100}, "action": {"type": "transition",
        "targetStorageClass": "archive"}}]});
    lab.ecr().set_lifecycle(REPOSITORY, &transition.to_string());
    let preview = policies.preview(&name, None).await.unwrap();
    let verdict = LifecycleVerdict {
        action: LifecycleAction::Transition,
        rule_priority: 7,
    };
    assert!(preview.images.len() == 150 && preview.images.values().all(|found| *found == verdict));
    lab.ecr().push(REPOSITORY, &["v1"], &image(1));
    let preview = policies.preview(&name, None).await.unwrap();
    assert!(preview.images.len() == 151 && !preview.images.contains_key(&digest(&image(1))));
}

#[tokio::test]
async fn the_preview_of_somebody_else_is_waited_for_and_not_taken_for_ours() {
    let lab = Lab::filled(3).await;
    let (policies, name) = (lab.policies(), repository());
    lab.ecr().set_preview_polls(2);
    assert!(lab.ecr().begin_preview(REPOSITORY, &older_than(99)));
    let preview = policies.preview(&name, Some(&older_than(5))).await.unwrap();
    assert_eq!(preview.images.len(), 3);
    assert_eq!(lab.count("ecr:StartLifecyclePolicyPreview"), 3);
    // Now somebody begins one between our beginning and our reading.
    let other = Fault::call(|aws| {
        let ecr = aws.ecr(ACCOUNT, "eu-central-1");
        assert!(ecr.begin_preview(REPOSITORY, &older_than(99)));
    });
    lab.aws.fail(other.on("ecr:GetLifecyclePolicyPreview").times(1));
    let error = policies.preview(&name, Some(&older_than(5))).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient);
    assert!(error.to_string().contains("preview of another policy"), "{error}");
}

#[tokio::test]
async fn a_preview_that_never_ends_is_given_up_whoever_began_it() {
    let lab = Lab::filled(1).await;
    let policies = lab.policies_within(&lab.user, Duration::from_millis(200));
    let (name, text) = (repository(), older_than(5));
    lab.ecr().set_preview_polls(u64::MAX);
    let begun = Instant::now();
    for said in [
        "the preview is still under way",
        "another preview of this repository is still under way",
    ] {
        let error = policies.preview(&name, Some(&text)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Transient);
        assert!(
            error.to_string().contains(said) && error.to_string().contains("run it again later"),
            "{error}"
        );
    }
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn what_a_preview_says_that_cannot_be_understood_is_an_error_and_no_guess() {
    let row = "/previewResults/0";
    for (path, value, expected, said) in [
        ("/status", json!("FAILED"), ErrorKind::Transient, "failed"),
        ("/status", json!("EXPIRED"), ErrorKind::Transient, "expired"),
        ("/status", json!("PAUSED"), ErrorKind::Protocol, "`PAUSED`"),
        (
            "/lifecyclePolicyText",
            json!("{}"),
            ErrorKind::Transient,
            "another policy",
        ),
        (row, json!({}), ErrorKind::Protocol, "it lists ``"),
        (
            "/previewResults/0/imageDigest",
            json!("sha256:short"),
            ErrorKind::Protocol,
            "sha256:short",
        ),
        (
            "/previewResults/0/action/type",
            json!("SHRED"),
            ErrorKind::Protocol,
            "`SHRED`",
        ),
        (
            "/previewResults/0/action",
            json!({"type": "TRANSITION"}),
            ErrorKind::Protocol,
            "`TRANSITION`",
        ),
        (
            "/previewResults/0/action",
            json!({"type": "TRANSITION", "targetStorageClass": "GLACIER"}),
            ErrorKind::Protocol,
            "GLACIER",
        ),
        (
            "/previewResults/0/appliedRulePriority",
            json!(0),
            ErrorKind::Protocol,
            "which rule",
        ),
    ] {
        let lab = Lab::filled(2).await;
        lab.aws.fail(edit(path, value));
        let error = lab
            .policies()
            .preview(&repository(), Some(&older_than(5)))
            .await
            .unwrap_err();
        assert_eq!(error.kind, expected, "{path}: {error}");
        assert!(error.to_string().contains(said), "{path}: {error}");
    }
}

#[tokio::test]
async fn a_list_that_turns_in_circles_or_contradicts_itself_is_no_preview() {
    let lab = Lab::filled(150).await;
    let (policies, name, text) = (lab.policies(), repository(), older_than(5));
    lab.aws
        .fail(Fault::new(Effect::Loop).on("ecr:GetLifecyclePolicyPreview"));
    let error = policies.preview(&name, Some(&text)).await.unwrap_err();
    assert!(
        error.kind == ErrorKind::Protocol && error.to_string().contains("circles"),
        "{error}"
    );
    lab.aws.clear_faults();
    let twice = Fault::edit(|answer| {
        if let Some(rows) = answer["previewResults"].as_array_mut() {
            let mut again = rows[0].clone();
            again["appliedRulePriority"] = json!(1);
            rows.push(again);
        }
    });
    lab.aws.fail(twice.on("ecr:GetLifecyclePolicyPreview").skip(1));
    let error = policies.preview(&name, Some(&text)).await.unwrap_err();
    assert!(
        error.kind == ErrorKind::Protocol && error.to_string().contains("two things"),
        "{error}"
    );
    lab.aws.clear_faults();
    // Between two pages it begins anew.
    lab.aws.fail(edit("/status", json!("IN_PROGRESS")).skip(2));
    let error = policies.preview(&name, Some(&text)).await.unwrap_err();
    assert!(error.to_string().contains("and then was not"), "{error}");
}

#[tokio::test]
async fn throttled_calls_are_tried_again_and_a_write_is_sent_once_unless_aws_did_nothing() {
    let lab = Lab::filled(1).await;
    let (policies, name, text) = (lab.policies(), repository(), older_than(5));
    for action in [
        "ecr:PutLifecyclePolicy",
        "ecr:GetLifecyclePolicy",
        "ecr:StartLifecyclePolicyPreview",
    ] {
        lab.aws.fail(Fault::new(Effect::Throttle).on(action).times(1));
    }
    policies.put(&name, &text).await.unwrap();
    assert!(policies.stored(&name).await.unwrap().is_some());
    assert_eq!(policies.preview(&name, None).await.unwrap().images.len(), 1);
    for (write, action) in [(true, "ecr:PutLifecyclePolicy"), (false, "ecr:DeleteLifecyclePolicy")] {
        lab.aws.clear_requests();
        lab.aws.fail(Fault::new(Effect::Status(500)).on(action));
        let written = match write {
            true => policies.put(&name, &text).await,
            false => policies.remove(&name).await,
        };
        assert_eq!(kind(written), ErrorKind::Transient);
        assert_eq!(lab.count(action), 1);
    }
    lab.aws.fail(Fault::new(Effect::Throttle).on("ecr:GetLifecyclePolicy"));
    assert_eq!(kind(policies.stored(&name).await), ErrorKind::RateLimited);
}
