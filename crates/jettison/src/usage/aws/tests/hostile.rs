//! Answers that no service should give: nothing of it passes for the whole truth, and nothing hangs.

use serde_json::{Value, json};

use super::*;

async fn busy() -> Lab {
    let lab = Lab::new().await;
    let (image, _) = lab.push("v1", 1);
    let definition = lab.register(&image);
    lab.ecs().service("prod", "web", &definition, 1);
    lab.lambda().function("resize", &image);
    lab.lambda().alias("resize", "live", "$LATEST", &[]);
    lab
}

/// What is said when the answers to an action are changed so.
async fn edited(action: &str, edit: impl Fn(&mut Value) + Send + Sync + 'static) -> Told {
    let lab = busy().await;
    lab.aws.fail(Fault::edit(edit).on(action));
    lab.ask().await
}

#[tokio::test]
async fn a_list_that_leads_to_itself_is_a_gap() {
    for action in ACTIONS.iter().filter(|action| action.contains(":List")) {
        let lab = busy().await;
        lab.aws.fail(Fault::new(Effect::Loop).on(action));
        let told = lab.ask().await;
        let expected = format!("{PLACE}: {action}: the pages of the list lead back to themselves");
        let is_told = told.gaps.iter().any(|gap| gap.starts_with(&expected));
        assert!(is_told, "{action}: {:?}", told.gaps);
    }
}

#[tokio::test]
async fn a_list_that_goes_round_is_a_gap() {
    let round = std::sync::atomic::AtomicUsize::new(0);
    let told = edited("ecs:ListTaskDefinitionFamilies", move |answer| {
        let turn = round.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        // Tokens that the service would take: it gave them.
        answer["nextToken"] = TOKENS[turn % 2].into();
    });
    const TOKENS: [&str; 2] = [
        // `["ListTaskDefinitionFamilies     ","a"]` and the same with `b`.
        "WyJMaXN0VGFza0RlZmluaXRpb25GYW1pbGllcyAgICAgIiwiYSJd",
        "WyJMaXN0VGFza0RlZmluaXRpb25GYW1pbGllcyAgICAgIiwiYiJd",
    ];
    let told = told.await;
    assert!(told.gaps[0].ends_with("lead back to themselves"), "{:?}", told.gaps);
}

#[tokio::test]
async fn an_expired_token_is_a_gap_and_what_was_read_counts() {
    let lab = busy().await;
    (0..150).for_each(|number| {
        drop(
            lab.ecs()
                .register(&format!("app-{number:03}"), &[("app", "r.io/app:v1")]),
        )
    });
    lab.aws
        .fail(Fault::new(Effect::ExpireToken).on("ecs:ListTaskDefinitionFamilies"));
    let told = lab.ask().await;
    assert_eq!(told.gaps.len(), 1);
    assert!(
        told.gaps[0].starts_with(&format!("{PLACE}: ecs:ListTaskDefinitionFamilies: ")),
        "{:?}",
        told.gaps
    );
    assert_eq!(told.users("r.io/app:v1").len(), 20);
}

#[tokio::test]
async fn an_answer_without_its_list_is_a_gap() {
    for action in ACTIONS.iter().filter(|action| action.contains(":List")) {
        let told = edited(action, |answer| *answer = json!({})).await;
        let expected = format!("{PLACE}: {action}: the answer has no list in it");
        let is_told = told.gaps.iter().any(|gap| gap.starts_with(&expected));
        assert!(is_told, "{action}: {:?}", told.gaps);
    }
}

#[tokio::test]
async fn an_answer_that_leaves_something_out_is_a_gap() {
    for action in [
        "ecs:DescribeServices",
        "ecs:DescribeTasks",
        "ecs:DescribeServiceDeployments",
        "ecs:DescribeServiceRevisions",
    ] {
        let told = edited(action, |answer| *answer = json!({})).await;
        let expected = format!("{PLACE}: {action}: the answer does not tell of all that was asked for");
        let is_told = told.gaps.iter().any(|gap| gap.starts_with(&expected));
        assert!(is_told, "{action}: {:?}", told.gaps);
    }
    for (action, answer) in [
        ("ecs:DescribeTaskDefinition", json!({})),
        (
            "ecs:DescribeTaskDefinition",
            json!({"taskDefinition": {"containerDefinitions": []}}),
        ),
        (
            "ecs:DescribeTaskDefinition",
            json!({"taskDefinition": {"containerDefinitions": [{"name": "app"}]}}),
        ),
        (
            "ecs:DescribeTasks",
            json!({"tasks": [{"taskArn": "arn:aws:ecs:eu-central-1:111122223333:task/prod/1"}]}),
        ),
        (
            "ecs:DescribeServices",
            json!({"services": [{"serviceArn": "arn:aws:ecs:eu-central-1:111122223333:service/prod/web", "runningCount": 1}]}),
        ),
        ("ecs:DescribeServiceRevisions", json!({"serviceRevisions": [{}]})),
        ("lambda:GetFunction", json!({})),
        (
            "lambda:ListFunctions",
            json!({"Functions": [{"PackageType": "Image", "Version": "1"}]}),
        ),
        (
            "lambda:ListFunctions",
            json!({"Functions": [{"FunctionName": "resize"}]}),
        ),
    ] {
        let told = edited(action, {
            let answer = answer.clone();
            move |edited| *edited = answer.clone()
        });
        let told = told.await;
        assert_eq!(told.gaps.len(), 1, "{action} {answer}: {:?}", told.gaps);
        assert!(
            told.gaps[0].starts_with(&format!("{PLACE}: {action}: ")),
            "{:?}",
            told.gaps
        );
    }
}

#[tokio::test]
async fn a_service_without_a_name_is_a_gap() {
    let told = edited("ecs:DescribeServices", |answer| {
        let service = answer["services"][0].as_object_mut().unwrap();
        service.remove("serviceArn");
        service.remove("serviceName");
    });
    let told = told.await;
    assert_eq!(told.gaps.len(), 1, "{:?}", told.gaps);
    assert!(
        told.gaps[0].contains("ecs prod/without a name has no ARN"),
        "{:?}",
        told.gaps
    );
}

#[tokio::test]
async fn failures_of_one_thing_are_gaps_unless_it_is_not_there() {
    for (action, list) in [
        ("ecs:DescribeServices", "services"),
        ("ecs:DescribeTasks", "tasks"),
        ("ecs:DescribeServiceDeployments", "serviceDeployments"),
    ] {
        for (reason, expected) in [("MISSING", 0), ("ACCESS_DENIED", 1), ("", 1)] {
            let told = edited(action, move |answer| {
                let failure =
                    json!({"arn": "arn:aws:ecs:eu-central-1:111122223333:x/y", "reason": reason, "detail": "why"});
                *answer = json!({list: [], "failures": [failure]});
            });
            let told = told.await;
            assert_eq!(told.gaps.len(), expected, "{action} {reason}: {:?}", told.gaps);
        }
        let told = edited(action, move |answer| {
            *answer = json!({list: [], "failures": [{"reason": "MISSING"}]})
        })
        .await;
        assert_eq!(told.gaps.len(), 1, "of nobody knows what");
    }
}

/// AWS tells no revision from before 25 October 2024.
fn hide_revisions(lab: &Lab) {
    let missing = Fault::edit(|answer| {
        let revisions = answer["serviceRevisions"].as_array().unwrap().iter();
        let failures = revisions.map(|revision| json!({"arn": revision["serviceRevisionArn"], "reason": "MISSING"}));
        *answer = json!({"failures": failures.collect::<Vec<_>>()});
    });
    lab.aws.fail(missing.on("ecs:DescribeServiceRevisions"));
}

#[tokio::test]
async fn a_revision_that_is_needed_and_not_known_is_a_gap_unless_tasks_run_it_or_its_service_is_gone() {
    for (tasks, is_removed, expected) in [(0, false, 1), (1, false, 0), (0, true, 0)] {
        let lab = busy().await;
        lab.ecs().scale("prod", "web", tasks);
        hide_revisions(&lab);
        if is_removed {
            let remove = Fault::call(|aws| aws.ecs(ACCOUNT, REGION).remove_service("prod", "web"));
            lab.aws.fail(remove.on("ecs:DescribeServices").skip(1));
        }
        let told = lab.ask().await;
        assert_eq!(told.gaps.len(), expected, "{tasks} {is_removed}: {:?}", told.gaps);
        if let Some(gap) = told.gaps.first() {
            let expected = format!("{PLACE}: AWS does not tell the images of ecs prod/web revision ");
            assert!(gap.starts_with(&expected), "{gap}");
        }
    }
}

#[tokio::test]
async fn a_revision_is_needed_by_the_word_of_the_service_and_by_that_of_its_deployment() {
    for untold in ["currentServiceRevisions", "currentServiceDeployment"] {
        let lab = busy().await;
        lab.ecs().scale("prod", "web", 0);
        hide_revisions(&lab);
        lab.aws
            .fail(Fault::edit(move |answer| answer["services"][0][untold] = Value::Null).on("ecs:DescribeServices"));
        assert_eq!(lab.ask().await.gaps.len(), 1, "{untold}");
    }
    // What went well before the last one may be forgotten.
    let lab = busy().await;
    let definition = lab.register("r.io/web:v2");
    lab.ecs().deploy("prod", "web", &definition);
    lab.ecs().finish("prod", "web");
    hide_revisions(&lab);
    lab.ask().await.is_whole();
}

/// Deployed longer ago than AWS remembers, and scaled to zero: ECS would start a digest that nobody tells.
#[tokio::test]
async fn a_service_without_any_revision_is_a_gap_unless_it_has_tasks_or_others_deploy_it() {
    for (tasks, controller, expected) in [(0, "ECS", 1), (1, "ECS", 0), (0, "EXTERNAL", 0)] {
        let lab = busy().await;
        lab.ecs().scale("prod", "web", tasks);
        lab.aws
            .fail(Fault::edit(|answer| answer["serviceDeployments"] = json!([])).on("ecs:ListServiceDeployments"));
        let silent = Fault::edit(move |answer| {
            let service = &mut answer["services"][0];
            service["currentServiceRevisions"] = json!([]);
            service["currentServiceDeployment"] = Value::Null;
            service["deploymentController"] = json!({"type": controller});
        });
        lab.aws.fail(silent.on("ecs:DescribeServices"));
        let told = lab.ask().await;
        assert_eq!(told.gaps.len(), expected, "{tasks} {controller}: {:?}", told.gaps);
        if let Some(gap) = told.gaps.first() {
            assert!(
                gap.starts_with(&format!("{PLACE}: AWS does not tell the revision of ecs prod/web, ")),
                "{gap}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_no_image_or_no_digest_is_a_gap_with_who_uses_it() {
    let told = edited("ecs:DescribeTasks", |answer| {
        let container = &mut answer["tasks"][0]["containers"][0];
        container["image"] = "not an image".into();
        container["imageDigest"] = "sha256:12".into();
    });
    let told = told.await;
    assert_eq!(told.gaps.len(), 2, "{:?}", told.gaps);
    assert!(
        told.gaps.iter().all(|gap| gap.starts_with("ecs prod/web task ")),
        "{:?}",
        told.gaps
    );
    let told = edited("ecs:DescribeTaskDefinition", |answer| {
        answer["taskDefinition"]["containerDefinitions"][0]["image"] = "${IMAGE}".into();
    });
    assert!(
        told.await
            .gaps
            .iter()
            .any(|gap| gap.contains("`${IMAGE}` is not an image reference"))
    );
}

#[tokio::test]
async fn huge_texts_and_texts_that_steer_a_terminal_are_told_in_part_and_made_visible() {
    let evil = format!("\u{1b}[2J{}", "x".repeat(1_000_000));
    for (action, pointer) in [
        ("ecs:DescribeServices", "/services/0/serviceName"),
        ("ecs:DescribeServices", "/services/0/deployments/0/id"),
        ("ecs:DescribeTasks", "/tasks/0/taskArn"),
        ("ecs:DescribeTasks", "/tasks/0/containers/0/image"),
        ("ecs:DescribeTasks", "/tasks/0/containers/0/imageDigest"),
        ("ecs:DescribeTasks", "/tasks/0/lastStatus"),
        ("ecs:DescribeServiceRevisions", "/serviceRevisions/0/serviceArn"),
        (
            "ecs:DescribeTaskDefinition",
            "/taskDefinition/containerDefinitions/0/image",
        ),
        ("lambda:GetFunction", "/Code/ResolvedImageUri"),
        ("lambda:GetFunction", "/Code/ImageUri"),
        ("lambda:ListAliases", "/Aliases/0/Name"),
        ("sts:GetCallerIdentity", "/Account"),
    ] {
        let text = evil.clone();
        let told = edited(action, move |answer| {
            *answer.pointer_mut(pointer).unwrap() = text.clone().into()
        })
        .await;
        let users = told.references.iter().map(|reference| &reference.used_by);
        for said in users.chain(&told.gaps) {
            assert!(
                said.len() < 2_000 && !said.contains('\u{1b}'),
                "{action} {pointer}: {said:.200}"
            );
        }
    }
}

#[tokio::test]
async fn errors_that_are_hostile_are_told_in_part_and_made_visible() {
    let lab = busy().await;
    let error = Effect::Error {
        status: 400,
        code: format!("\u{1b}[2J{}", "x".repeat(100_000)),
        message: format!("\u{1b}[2J{}", "y".repeat(100_000)),
    };
    lab.aws.fail(Fault::new(error).on("ecs:ListClusters"));
    let told = lab.ask().await;
    assert_eq!(told.gaps.len(), 1);
    assert!(
        told.gaps[0].len() < 2_000 && !told.gaps[0].contains('\u{1b}'),
        "{:.200}",
        told.gaps[0]
    );
}

#[tokio::test]
async fn an_address_that_is_not_known_is_no_proof_that_nothing_is_there() {
    let lab = busy().await;
    for action in [
        "ecs:ListClusters",
        "ecs:ListTasks",
        "lambda:ListFunctions",
        "lambda:GetFunction",
    ] {
        lab.aws.clear_faults();
        lab.aws.fail(Fault::new(Effect::Status(404)).on(action));
        let told = lab.ask().await;
        assert_eq!(told.gaps.len(), 1, "{action}: {:?}", told.gaps);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_is_none_is_a_gap() {
    for effect in [Effect::Cut(20), Effect::Status(404), Effect::Status(400)] {
        let lab = busy().await;
        lab.aws.fail(Fault::new(effect).on("lambda:ListAliases"));
        let told = lab.ask().await;
        assert_eq!(told.gaps.len(), 1, "{:?}", told.gaps);
        assert!(
            told.gaps[0].starts_with(&format!("{PLACE}: lambda:ListAliases: ")),
            "{:?}",
            told.gaps
        );
        assert!(
            told.references
                .iter()
                .any(|reference| reference.used_by.starts_with("lambda resize"))
        );
    }
}

/// What somebody has stopped may be no image at all, and perhaps that is why it stopped. Its digest counts all the same.
#[tokio::test]
async fn what_a_stopped_task_names_and_is_no_image_is_no_gap() {
    let lab = Lab::new().await;
    let definition = lab.register("r.io/web:v1");
    let task = lab.ecs().run("prod", &definition).unwrap();
    lab.ecs().stop("prod", &task);
    let digest = Digest::of(b"ran");
    let text = digest.to_string();
    let edit = move |answer: &mut Value| {
        let told = json!([{"image": "not an image", "imageDigest": text}, {"image": "not an image"}]);
        answer["tasks"][0]["containers"] = told;
    };
    lab.aws.fail(Fault::edit(edit).on("ecs:DescribeTasks"));
    let told = lab.ask().await;
    assert_eq!(told.is_whole().users_of(&digest).len(), 1);
    assert!(
        told.references
            .iter()
            .all(|reference| !reference.image.is_empty() || reference.digest.is_some())
    );
}
