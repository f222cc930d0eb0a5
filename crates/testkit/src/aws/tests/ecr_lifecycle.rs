//! Lifecycle policies: what ECR takes, how it gives it back, and previews.

use aws_sdk_ecr::operation::get_lifecycle_policy_preview::GetLifecyclePolicyPreviewOutput;
use aws_sdk_ecr::types::{
    ImageActionType, LifecyclePolicyPreviewStatus, LifecyclePolicyStorageClass, LifecyclePolicyTargetStorageClass,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::*;
use crate::images::Index;

/// A rule that expires.
fn rule(priority: u64, tags: &Value, count_type: &str, number: u64) -> Value {
    let mut selection = json!({"tagStatus": tags, "countType": count_type, "countNumber": number});
    if let Some(patterns) = tags.as_array() {
        selection["tagStatus"] = json!("tagged");
        selection["tagPatternList"] = json!(patterns);
    }
    if count_type != "imageCountMoreThan" {
        selection["countUnit"] = json!("days");
    }
    json!({"rulePriority": priority, "selection": selection, "action": {"type": "expire"}})
}

fn policy(rules: &[Value]) -> String {
    json!({"rules": rules}).to_string()
}

fn untagged() -> String {
    policy(&[rule(1, &json!("untagged"), "imageCountMoreThan", 1)])
}

impl Lab {
    /// The code of the error with which ECR refuses a policy, and what it says.
    async fn put_lifecycle(&self, text: &str) -> Result<(), (String, String)> {
        let call = self.ecr().put_lifecycle_policy().repository_name(REPOSITORY);
        let put = call.lifecycle_policy_text(text).send().await.map(drop);
        put.map_err(|error| {
            let said = error.as_service_error().and_then(|error| error.message());
            (code(&error).to_owned(), said.unwrap_or_default().to_owned())
        })
    }

    async fn start(&self, text: Option<&str>) -> Result<(), String> {
        let call = self.ecr().start_lifecycle_policy_preview().repository_name(REPOSITORY);
        let call = call.set_lifecycle_policy_text(text.map(str::to_owned));
        let started = call.send().await.map_err(|error| code(&error).to_owned())?;
        assert_eq!(started.status(), Some(&LifecyclePolicyPreviewStatus::InProgress));
        Ok(())
    }

    async fn page(&self, token: Option<&str>) -> Result<GetLifecyclePolicyPreviewOutput, String> {
        let call = self.ecr().get_lifecycle_policy_preview().repository_name(REPOSITORY);
        let call = call.set_next_token(token.map(str::to_owned));
        call.send().await.map_err(|error| code(&error).to_owned())
    }

    /// The first page of a preview that is done.
    async fn preview(&self, text: Option<&str>) -> GetLifecyclePolicyPreviewOutput {
        self.start(text).await.unwrap();
        let first = self.page(None).await.unwrap();
        assert_eq!(first.status(), Some(&LifecyclePolicyPreviewStatus::InProgress));
        assert!(first.preview_results().is_empty() && first.summary().is_none());
        let page = self.page(None).await.unwrap();
        assert_eq!(page.status(), Some(&LifecyclePolicyPreviewStatus::Complete));
        page
    }
}

#[tokio::test]
async fn a_policy_is_given_back_with_its_rules_by_priority_and_was_never_evaluated_at_first() {
    let lab = Lab::new().await;
    lab.registry().create(REPOSITORY);
    let get = || lab.ecr().get_lifecycle_policy().repository_name(REPOSITORY).send();
    assert_eq!(code(&get().await.unwrap_err()), "LifecyclePolicyNotFoundException");
    let (early, late) = (
        rule(1, &json!("untagged"), "imageCountMoreThan", 1),
        rule(2, &json!("any"), "imageCountMoreThan", 9),
    );
    let written = serde_json::to_string_pretty(&json!({"rules": [late, early]})).unwrap();
    lab.put_lifecycle(&written).await.unwrap();
    let got = get().await.unwrap();
    let expected = policy(&[early, late]);
    assert_eq!(got.lifecycle_policy_text(), Some(expected.as_str()));
    assert_eq!(got.last_evaluated_at().unwrap().secs(), 0);
    assert_eq!(lab.registry().lifecycle(REPOSITORY), Some(expected));
    let at = time("2026-10-01T00:00:00Z");
    lab.registry().set_lifecycle_evaluated_at(REPOSITORY, Some(at));
    assert_eq!(get().await.unwrap().last_evaluated_at().unwrap().secs(), at.as_second());
    let delete = || lab.ecr().delete_lifecycle_policy().repository_name(REPOSITORY).send();
    delete().await.unwrap();
    assert_eq!(code(&get().await.unwrap_err()), "LifecyclePolicyNotFoundException");
    assert_eq!(code(&delete().await.unwrap_err()), "LifecyclePolicyNotFoundException");
}

#[tokio::test]
async fn what_ecr_would_refuse_is_refused_in_its_words() {
    let lab = Lab::new().await;
    lab.registry().create(REPOSITORY);
    let of = |tags: Value| rule(1, &tags, "imageCountMoreThan", 1);
    let with = |path: &str, value: Value| {
        let mut rule = of(json!(["v*"]));
        *rule.pointer_mut(path).unwrap() = value;
        policy(&[rule])
    };
    let second = |mut rule: Value| {
        rule["rulePriority"] = json!(2);
        rule
    };
    let mut pulled = rule(1, &json!("any"), "sinceImagePulled", 90);
    let too_early = {
        let mut rule = rule(1, &json!("any"), "sinceImageTransitioned", 89);
        rule["selection"]["storageClass"] = json!("archive");
        policy(&[rule])
    };
    for (text, said) in [
        ("{}".to_owned(), "between 100 and 30720"),
        (format!("{}{}", untagged(), " ".repeat(30_720)), "between 100 and 30720"),
        ("x".repeat(200), "Invalid JSON"),
        (policy(&[of(json!("any")), of(json!("untagged"))]), "unique"),
        (
            policy(&[of(json!("any")), second(of(json!("untagged")))]),
            "tagStatus=ANY must have the lowest priority",
        ),
        (
            policy(&[of(json!("untagged")), second(of(json!("untagged")))]),
            "Only one rule can select Untagged",
        ),
        (
            policy(&[of(json!("tagged"))]),
            "Must specify tagPrefixList or tagPatternList",
        ),
        (policy(&[of(json!(["a*b*c*d*e*f"]))]), "at most 4 wildcards"),
        (with("/selection/countNumber", json!(0)), "at least 1"),
        (with("/selection/tagStatus", json!("any")), "need tagStatus=TAGGED"),
        (with("/action/type", json!("archive")), "do not go together"),
        (policy(&[pulled.clone()]), "do not go together"),
        (too_early, "do not go together"),
    ] {
        let (code, message) = lab.put_lifecycle(&text).await.unwrap_err();
        assert_eq!(code, "InvalidParameterException");
        assert!(message.contains(said), "{text}: {message}");
        assert_eq!(lab.start(Some(&text)).await, Err(code), "{text}");
        assert!(!lab.registry().set_lifecycle(REPOSITORY, &text));
    }
    assert_eq!(lab.registry().lifecycle(REPOSITORY), None);
    pulled["action"] = json!({"type": "transition", "targetStorageClass": "archive"});
    let mut archived = rule(2, &json!("any"), "sinceImageTransitioned", 365);
    archived["selection"]["storageClass"] = json!("archive");
    lab.put_lifecycle(&policy(&[pulled, archived])).await.unwrap();
}

/// A worked example of the documentation: "Examples of lifecycle policies".
struct Example {
    name: &'static str,
    /// Tags, and days since the push.
    images: Vec<(&'static str, i64)>,
    rules: Vec<Value>,
    /// Which of the images go, and by which rule.
    goes: &'static [(usize, i32)],
}

fn examples() -> Vec<Example> {
    let example = |name, images, rules, goes| Example {
        name,
        images,
        rules,
        goes,
    };
    let many = "imageCountMoreThan";
    let multiple = || vec![("beta-1 prod-1", 10), ("beta-2 prod-2", 9), ("beta-3", 8)];
    let (prod, beta, alpha) = (json!(["prod*"]), json!(["beta*"]), json!(["alpha*"]));
    let both = json!(["alpha*", "beta*"]);
    vec![
        example(
            "V1",
            multiple(),
            vec![rule(1, &prod, many, 1), rule(2, &beta, many, 1)],
            &[(0, 1)],
        ),
        example(
            "V2",
            multiple(),
            vec![rule(1, &beta, many, 1), rule(2, &prod, many, 1)],
            &[(0, 1), (1, 1)],
        ),
        example(
            "V3",
            vec![
                ("alpha-1", 12),
                ("beta-1", 11),
                ("alpha-2 beta-2", 10),
                ("alpha-3", 4),
                ("beta-3", 3),
                ("alpha-4 beta-4", 2),
            ],
            vec![rule(1, &both, "sinceImagePushed", 5)],
            &[(2, 1)],
        ),
        example(
            "V4",
            vec![
                ("alpha-1 beta-1 gamma-1", 10),
                ("alpha-2 beta-2", 9),
                ("alpha-3 beta-3 gamma-2", 8),
            ],
            vec![rule(1, &both, many, 1)],
            &[(0, 1), (1, 1)],
        ),
        example(
            "V5",
            vec![("alpha-1", 4), ("beta-1", 3), ("", 2), ("alpha-2", 1)],
            vec![rule(1, &json!("any"), many, 1)],
            &[(0, 1), (1, 1), (2, 1)],
        ),
        example(
            "V6",
            // Both of the last two were pushed "1 day ago", the untagged one later.
            vec![("alpha-1 beta-1", 4), ("", 3), ("alpha-2", 2), ("git-hash", 1), ("", 1)],
            vec![
                rule(1, &alpha, many, 1),
                rule(2, &json!("untagged"), "sinceImagePushed", 1),
                rule(3, &json!("any"), many, 1),
            ],
            &[(0, 1), (1, 2), (3, 3)],
        ),
    ]
}

#[tokio::test]
async fn the_worked_examples_of_the_documentation_come_out_as_it_says() {
    for Example {
        name,
        images,
        rules,
        goes,
    } in examples()
    {
        let lab = Lab::new().await;
        let (now, count) = (lab.aws.now(), images.len() - 1);
        let mut digests = Vec::new();
        for (number, (tags, days)) in images.into_iter().enumerate() {
            let image = Image::new(number as u64).build();
            let tags: Vec<&str> = tags.split_whitespace().collect();
            // Of the same day the last one is the youngest: by the second.
            let at = now - SignedDuration::from_hours(24 * days) - SignedDuration::from_secs((count - number) as i64);
            lab.aws
                .at(at, |aws| aws.ecr(ACCOUNT, REGION).push(REPOSITORY, &tags, &image));
            digests.push(image.digest);
        }
        let found = lab.preview(Some(&policy(&rules))).await;
        let mut found: Vec<(usize, i32)> = found
            .preview_results()
            .iter()
            .map(|row| {
                assert_eq!(row.action().unwrap().r#type(), Some(&ImageActionType::Expire));
                let place = digests
                    .iter()
                    .position(|digest| Some(digest.as_str()) == row.image_digest());
                (place.unwrap(), row.applied_rule_priority().unwrap())
            })
            .collect();
        found.sort_unstable();
        assert_eq!(found, goes, "{name}");
    }
}

#[tokio::test]
async fn a_preview_tells_each_image_with_its_rule_and_counts_them() {
    let lab = Lab::new().await;
    let index = Index::new()
        .children([1, 2].map(|seed| Image::new(seed).build()))
        .build();
    let (cold, frozen) = (Image::new(3).build(), Image::new(4).build());
    let long_ago = lab.aws.now() - SignedDuration::from_hours(24 * 400);
    lab.aws.at(long_ago, |aws| {
        let registry = aws.ecr(ACCOUNT, REGION);
        registry.push(REPOSITORY, &["v1"], &index);
        registry.push(REPOSITORY, &["cold"], &cold);
        registry.push(REPOSITORY, &["frozen"], &frozen);
        registry.archive(REPOSITORY, &frozen.digest);
    });
    let mut transition = rule(2, &json!(["cold"]), "sinceImagePulled", 90);
    transition["action"] = json!({"type": "transition", "targetStorageClass": "archive"});
    let mut thaw = rule(3, &json!("any"), "sinceImageTransitioned", 365);
    thaw["selection"]["storageClass"] = json!("archive");
    let rules = [rule(1, &json!("untagged"), "sinceImagePushed", 5), transition, thaw];
    assert!(lab.registry().set_lifecycle(REPOSITORY, &policy(&rules)));
    let found = lab.preview(None).await;
    assert_eq!(found.lifecycle_policy_text(), Some(policy(&rules).as_str()));
    let row = |digest: &str| {
        let mut rows = found.preview_results().iter();
        let row = rows.find(|row| row.image_digest() == Some(digest)).unwrap();
        (
            row.action().unwrap().r#type().unwrap().clone(),
            row.action().unwrap().target_storage_class().cloned(),
            row.storage_class().unwrap().clone(),
            row.applied_rule_priority().unwrap(),
        )
    };
    let (archive, standard) = (
        LifecyclePolicyTargetStorageClass::Archive,
        LifecyclePolicyStorageClass::Standard,
    );
    for child in &index.children {
        // The index still lists it: that is no matter to a preview.
        assert_eq!(row(&child.digest), (ImageActionType::Expire, None, standard.clone(), 1));
    }
    assert_eq!(
        row(&cold.digest),
        (ImageActionType::Transition, Some(archive), standard, 2)
    );
    assert_eq!(
        row(&frozen.digest),
        (ImageActionType::Expire, None, LifecyclePolicyStorageClass::Archive, 3)
    );
    assert_eq!(found.preview_results().len(), 4, "the index stays");
    let summary = found.summary().unwrap();
    let transitioning = &summary.transitioning_image_total_counts()[0];
    assert_eq!(
        (summary.expiring_image_total_count(), transitioning.image_total_count()),
        (Some(3), Some(1))
    );
}

#[tokio::test]
async fn what_came_back_from_the_archive_is_as_young_as_that() {
    let lab = Lab::new().await;
    let image = Image::new(1).build();
    let long_ago = lab.aws.now() - SignedDuration::from_hours(24 * 400);
    lab.aws.at(long_ago, |aws| {
        let registry = aws.ecr(ACCOUNT, REGION);
        registry.push(REPOSITORY, &["v1"], &image);
        registry.archive(REPOSITORY, &image.digest);
    });
    lab.registry().set_pulled_at(REPOSITORY, &image.digest, Some(long_ago));
    let call = lab.ecr().put_image().repository_name(REPOSITORY).image_tag("v1");
    let text = String::from_utf8(image.bytes.to_vec()).unwrap();
    call.image_manifest(text).send().await.unwrap();
    let mut pulled = rule(1, &json!("any"), "sinceImagePulled", 90);
    pulled["action"] = json!({"type": "transition", "targetStorageClass": "archive"});
    for rule in [pulled, rule(1, &json!("any"), "sinceImagePushed", 5)] {
        let found = lab.preview(Some(&policy(&[rule]))).await;
        assert!(found.preview_results().is_empty(), "{found:?}");
    }
}

#[tokio::test]
async fn previews_come_one_at_a_time_in_pages_of_a_hundred() {
    let lab = Lab::new().await;
    let text = policy(&[rule(1, &json!("any"), "sinceImagePushed", 5)]);
    assert_eq!(lab.start(Some(&text)).await, Err("RepositoryNotFoundException".into()));
    lab.registry().fill(REPOSITORY, 250, |_| time("2026-01-01T00:00:00Z"));
    assert_eq!(
        lab.page(None).await.unwrap_err(),
        "LifecyclePolicyPreviewNotFoundException"
    );
    assert_eq!(lab.start(None).await, Err("LifecyclePolicyNotFoundException".into()));
    lab.registry().set_preview_polls(2);
    lab.start(Some(&text)).await.unwrap();
    let again = lab.start(Some(&text)).await;
    assert_eq!(again, Err("LifecyclePolicyPreviewInProgressException".into()));
    let page = lab.page(None).await.unwrap();
    assert_eq!(page.status(), Some(&LifecyclePolicyPreviewStatus::InProgress));
    let mut page = lab.page(None).await.unwrap();
    let mut sizes = vec![page.preview_results().len()];
    while let Some(token) = page.next_token().map(str::to_owned) {
        page = lab.page(Some(&token)).await.unwrap();
        sizes.push(page.preview_results().len());
        assert_eq!(page.summary().unwrap().expiring_image_total_count(), Some(250));
    }
    assert_eq!(sizes, [100, 100, 50]);
    let call = lab.ecr().get_lifecycle_policy_preview().repository_name(REPOSITORY);
    let too_many = call.max_results(101).send().await.unwrap_err();
    assert_eq!(code(&too_many), "InvalidParameterException");
    lab.start(Some(&text)).await.unwrap();
}

#[tokio::test]
async fn each_call_needs_the_permission_of_its_name() {
    let lab = Lab::new().await;
    let text = untagged();
    lab.registry().set_lifecycle(REPOSITORY, &text);
    for action in [
        "GetLifecyclePolicy",
        "PutLifecyclePolicy",
        "DeleteLifecyclePolicy",
        "StartLifecyclePolicyPreview",
        "GetLifecyclePolicyPreview",
    ] {
        let user = lab
            .aws
            .user(ACCOUNT, action, Policy::everything().without(&format!("ecr:{action}")));
        let ecr = lab.ecr_of(&user);
        let name = REPOSITORY;
        let refused = match action {
            "GetLifecyclePolicy" => code(
                &ecr.get_lifecycle_policy()
                    .repository_name(name)
                    .send()
                    .await
                    .unwrap_err(),
            )
            .to_owned(),
            "PutLifecyclePolicy" => {
                let call = ecr
                    .put_lifecycle_policy()
                    .repository_name(name)
                    .lifecycle_policy_text(&text);
                code(&call.send().await.unwrap_err()).to_owned()
            }
            "DeleteLifecyclePolicy" => code(
                &ecr.delete_lifecycle_policy()
                    .repository_name(name)
                    .send()
                    .await
                    .unwrap_err(),
            )
            .to_owned(),
            "StartLifecyclePolicyPreview" => code(
                &ecr.start_lifecycle_policy_preview()
                    .repository_name(name)
                    .send()
                    .await
                    .unwrap_err(),
            )
            .to_owned(),
            _ => code(
                &ecr.get_lifecycle_policy_preview()
                    .repository_name(name)
                    .send()
                    .await
                    .unwrap_err(),
            )
            .to_owned(),
        };
        assert_eq!(refused, "AccessDeniedException", "{action}");
    }
    assert_eq!(lab.registry().lifecycle(REPOSITORY).unwrap(), text);
}
