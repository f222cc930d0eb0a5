//! Services: what runs, and what may run again.

use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn a_service_rolled_forward_twice_holds_by_digest_what_it_may_return_to() {
    let lab = Lab::new().await;
    let (digests, definitions) = versions(&lab, 4);
    let ecs = lab.ecs();
    ecs.service("prod", "web", &definitions[0], 2);
    for definition in &definitions[1..=2] {
        lab.aws.advance(SignedDuration::from_hours(1));
        ecs.deploy("prod", "web", definition);
        ecs.finish("prod", "web");
    }
    forget_tasks(&lab);
    ecs.deploy("prod", "web", &definitions[3]);
    // All tags move: what was deployed is still what it was.
    move_tags(&lab, 4);
    let told = lab.ask().await;
    told.is_whole();
    assert_eq!(
        told.users_of(&digests[0]),
        [""; 0],
        "older than the newest two that went well"
    );
    assert_eq!(told.users_of(&digests[1]).len(), 1);
    let revision = told.users_of(&digests[1])[0];
    assert!(revision.starts_with("ecs prod/web revision "), "{revision}");
    assert!(
        revision.ends_with(" (task definition web:2) in 111122223333/eu-central-1"),
        "{revision}"
    );
    for running in [&digests[2], &digests[3]] {
        let users = told.users_of(running);
        assert!(
            users
                .iter()
                .any(|user| user.contains(" task ") && user.contains(" (RUNNING)")),
            "{users:?}"
        );
    }
    let by_tag = told.users(&lab.ecr().image("apps/web", "v3"));
    assert!(
        by_tag
            .iter()
            .any(|user| user.starts_with("ecs prod/web deployment ecs-svc/")),
        "{by_tag:?}"
    );
}

#[tokio::test]
async fn a_service_with_no_task_holds_its_image_by_tag_and_by_digest() {
    let lab = Lab::new().await;
    let (digests, definitions) = versions(&lab, 4);
    lab.ecs().service("prod", "web", &definitions[0], 1);
    lab.ecs().scale("prod", "web", 0);
    lab.ecs().deregister(&definitions[0]);
    forget_tasks(&lab);
    move_tags(&lab, 4);
    let told = lab.ask().await;
    told.is_whole();
    assert_eq!(told.users_of(&digests[0]).len(), 1);
    let by_tag = told.users(&lab.ecr().image("apps/web", "v1"));
    assert!(
        by_tag.iter().any(|user| user.starts_with("ecs prod/web deployment ")),
        "{by_tag:?}"
    );
}

/// The list of deployments forgets what is older than 90 days. Either the deployment that failed tells what it came from, or
/// what the service returned to.
#[tokio::test]
async fn a_service_that_was_rolled_back_holds_what_it_returned_to_however_old_that_is() {
    for untold in ["sourceServiceRevisions", "rollback"] {
        let mut lab = Lab::new().await;
        lab.source.task_definitions = 1;
        let (digests, definitions) = versions(&lab, 2);
        let ecs = lab.ecs();
        ecs.service("prod", "web", &definitions[0], 0);
        ecs.deploy("prod", "web", &definitions[1]);
        ecs.roll_back("prod", "web");
        move_tags(&lab, 2);
        let forgets = Fault::edit(|answer| answer["serviceDeployments"] = json!([]));
        lab.aws.fail(forgets.on("ecs:ListServiceDeployments"));
        let silent = Fault::edit(|answer| answer["services"][0]["currentServiceRevisions"] = json!([]));
        lab.aws.fail(silent.on("ecs:DescribeServices"));
        let hides = Fault::edit(move |answer| answer["serviceDeployments"][0][untold] = Value::Null);
        lab.aws.fail(hides.on("ecs:DescribeServiceDeployments"));
        let told = lab.ask().await;
        assert!(!told.is_whole().users_of(&digests[0]).is_empty(), "{untold}");
    }
}

#[tokio::test]
async fn the_task_definition_of_a_service_counts_without_any_deployment() {
    let lab = Lab::new().await;
    let definition = lab.register("r.io/web:v1");
    lab.ecs().service("prod", "web", &definition, 0);
    lab.ecs().deregister(&definition);
    let silent = Fault::edit(|answer| answer["services"][0]["deployments"] = json!([]));
    lab.aws.fail(silent.on("ecs:DescribeServices"));
    let told = lab.ask().await;
    let user = format!("ecs prod/web (task definition web:1) in {PLACE}");
    assert!(
        told.is_whole().users("r.io/web:v1").contains(&user.as_str()),
        "{told:?}"
    );
}

#[tokio::test]
async fn current_revisions_count_without_any_deployment() {
    let lab = Lab::new().await;
    let (digests, definitions) = versions(&lab, 1);
    lab.ecs().service("prod", "web", &definitions[0], 0);
    let forgets = Fault::edit(|answer| answer["serviceDeployments"] = json!([]));
    lab.aws.fail(forgets.on("ecs:*ServiceDeployments"));
    let unknown = Fault::edit(|answer| answer["services"][0]["currentServiceDeployment"] = Value::Null);
    lab.aws.fail(unknown.on("ecs:DescribeServices"));
    let told = lab.ask().await;
    told.is_whole();
    assert_eq!(told.users_of(&digests[0]).len(), 1);
}

#[tokio::test]
async fn a_deployment_that_is_not_over_counts_besides_the_newest() {
    let mut lab = Lab::new().await;
    lab.source.task_definitions = 1;
    let (digests, definitions) = versions(&lab, 2);
    lab.ecs().service("prod", "web", &definitions[0], 0);
    lab.aws.advance(SignedDuration::from_hours(1));
    lab.ecs().deploy("prod", "web", &definitions[1]);
    move_tags(&lab, 2);
    for status in ["PENDING", "IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "A_NEW_ONE"] {
        lab.aws.clear_faults();
        let edit = Fault::edit(move |answer| answer["serviceDeployments"][0]["status"] = status.into());
        lab.aws.fail(edit.on("ecs:*ServiceDeployments"));
        let silent = Fault::edit(|answer| {
            answer["services"][0]["currentServiceRevisions"] = json!([]);
            answer["services"][0]["currentServiceDeployment"] = Value::Null;
        });
        lab.aws.fail(silent.on("ecs:DescribeServices"));
        let told = lab.ask().await;
        told.is_whole();
        assert!(
            digests.iter().all(|digest| !told.users_of(digest).is_empty()),
            "{status}"
        );
    }
}

#[tokio::test]
async fn services_that_others_deploy_have_task_sets_and_no_history() {
    let lab = Lab::new().await;
    let definition = lab.register("r.io/web:v1");
    lab.ecs().service("prod", "web", &definition, 0);
    lab.ecs().task_set("prod", "web", &definition);
    for controller in ["EXTERNAL", "CODE_DEPLOY"] {
        lab.aws.clear_faults();
        lab.aws.clear_requests();
        let others = Fault::edit(move |answer| {
            answer["services"][0]["deploymentController"] = json!({"type": controller});
            answer["services"][0]["deployments"] = json!([]);
            answer["services"][0]["taskDefinition"] = Value::Null;
        });
        lab.aws.fail(others.on("ecs:DescribeServices"));
        let told = lab.ask().await;
        told.is_whole();
        assert!(told.users("r.io/web:v1").iter().any(|user| user.contains(" task set ")));
        assert_eq!(lab.aws.count("ecs:ListServiceDeployments"), 0);
    }
}

#[tokio::test]
async fn pages_and_batches_lose_nothing() {
    let lab = Lab::new().await;
    let images: Vec<String> = (0..230).map(|number| format!("r.io/app-{number:03}:v1")).collect();
    for (number, image) in images.iter().enumerate() {
        let definition = lab.ecs().register(&format!("app-{number:03}"), &[("app", image)]);
        let (cluster, service) = (format!("cluster-{}", number % 3), format!("app-{number:03}"));
        lab.ecs().cluster(&cluster);
        lab.ecs().service(&cluster, &service, &definition, 1);
        lab.ecs().deregister(&definition);
    }
    (0..110).for_each(|number| lab.ecs().cluster(&format!("empty-{number}")));
    for number in 0..230 {
        let definition = lab
            .ecs()
            .register("job", &[("job", &format!("r.io/job-{number:03}:v1"))]);
        lab.ecs().run("prod", &definition);
        lab.ecs().deregister(&definition);
    }
    let told = lab.ask().await;
    told.is_whole();
    let named: BTreeSet<&str> = told
        .references
        .iter()
        .map(|reference| reference.image.as_str())
        .collect();
    assert_eq!(named.len(), 460);
}

#[tokio::test]
async fn a_cluster_or_a_service_that_vanishes_on_the_way_is_no_gap() {
    for action in [
        "ecs:ListTasks",
        "ecs:DescribeServices",
        "ecs:ListServiceDeployments",
        "ecs:DescribeServiceRevisions",
    ] {
        let lab = Lab::new().await;
        let definition = lab.register("r.io/web:v1");
        lab.ecs().cluster("other");
        lab.ecs().service("other", "web", &definition, 0);
        lab.aws
            .fail(Fault::call(|aws| aws.ecs(ACCOUNT, REGION).remove_service("other", "web")).on(action));
        lab.ask().await.is_whole();
    }
    let lab = Lab::new().await;
    lab.register("r.io/web:v1");
    let gone = Fault::error(400, "ClusterNotFoundException");
    lab.aws.fail(gone.clone().on("ecs:ListTasks"));
    lab.aws.fail(gone.on("ecs:ListServices"));
    lab.ask().await.is_whole();
}

#[tokio::test]
async fn a_service_that_is_deleted_and_still_told_of_is_no_gap() {
    let lab = Lab::new().await;
    let definition = lab.register("r.io/web:v1");
    lab.ecs().service("prod", "web", &definition, 0);
    let inactive = Fault::edit(|answer| answer["services"][0] = json!({"serviceName": "web", "status": "INACTIVE"}));
    lab.aws.fail(inactive.on("ecs:DescribeServices"));
    lab.ask().await.is_whole();
}
