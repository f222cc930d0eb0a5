//! ECS: what runs, what ran, and what a deployment holds by digest.

use aws_sdk_ecs::types::{DesiredStatus, ServiceDeploymentStatus};
use jiff::SignedDuration;

use super::super::Ecs;
use super::*;
use crate::images::Index;

/// An AWS in which something runs.
pub(super) struct Running {
    pub(super) lab: Lab,
    pub(super) ecs: Ecs,
    pub(super) sdk: aws_sdk_ecs::Client,
}

impl Running {
    /// A cluster, and the images `v1` to `v3`.
    pub(super) async fn new() -> (Self, Vec<String>) {
        let lab = Lab::new().await;
        let ecs = lab.aws.ecs(ACCOUNT, REGION);
        ecs.cluster("prod");
        let digests = (1..=3).map(|version| {
            let image = Index::new().child(Image::new(version).build()).build();
            lab.registry().push(REPOSITORY, &[&format!("v{version}")], &image);
            image.digest
        });
        let digests = digests.collect();
        let sdk = client!(aws_sdk_ecs, lab.aws, &lab.administrator, REGION);
        (Self { lab, ecs, sdk }, digests)
    }

    /// A reference to the image with that tag.
    pub(super) fn image(&self, tag: &str) -> String {
        self.lab.registry().image(REPOSITORY, tag)
    }

    /// The next revision of `web`, with that image.
    pub(super) fn register(&self, tag: &str) -> String {
        self.ecs.register(
            "web",
            &[("app", &self.image(tag)), ("proxy", "docker.io/library/nginx:1")],
        )
    }

    /// The ARNs of the tasks.
    async fn tasks(&self, status: Option<DesiredStatus>) -> Vec<String> {
        let listed = self
            .sdk
            .list_tasks()
            .cluster("prod")
            .set_desired_status(status)
            .send()
            .await
            .unwrap();
        listed.task_arns().to_vec()
    }
}

#[tokio::test]
async fn a_service_rolled_forward_twice_tells_its_deployments_and_what_each_holds() {
    let (run, digests) = Running::new().await;
    let definitions = ["v1", "v2", "v3"].map(|tag| run.register(tag));
    run.ecs.service("prod", "web", &definitions[0], 2);
    run.ecs.deploy("prod", "web", &definitions[1]);
    run.ecs.finish("prod", "web");
    run.ecs.deploy("prod", "web", &definitions[2]);
    // The tag moves: what the service holds stays.
    run.lab.registry().push(REPOSITORY, &["v3"], &Image::new(9).build());

    let described = run
        .sdk
        .describe_services()
        .cluster("prod")
        .services("web")
        .services("none")
        .send()
        .await
        .unwrap();
    assert_eq!(described.failures()[0].reason(), Some("MISSING"));
    let service = &described.services()[0];
    let told: Vec<_> = service
        .deployments()
        .iter()
        .map(|deployment| {
            (
                deployment.status().unwrap(),
                deployment.task_definition().unwrap(),
                deployment.running_count(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("PRIMARY", definitions[2].as_str(), 2),
            ("ACTIVE", definitions[1].as_str(), 2)
        ]
    );
    assert_eq!(service.task_definition(), Some(definitions[2].as_str()));

    let listed = run
        .sdk
        .list_service_deployments()
        .cluster("prod")
        .service("web")
        .send()
        .await
        .unwrap();
    let statuses: Vec<_> = listed
        .service_deployments()
        .iter()
        .map(|found| found.status().unwrap().clone())
        .collect();
    let done = ServiceDeploymentStatus::Successful;
    assert_eq!(statuses, [ServiceDeploymentStatus::InProgress, done.clone(), done]);
    let arns: Vec<_> = listed
        .service_deployments()
        .iter()
        .map(|found| found.target_service_revision_arn().unwrap())
        .collect();
    let call = run
        .sdk
        .describe_service_revisions()
        .set_service_revision_arns(Some(arns.iter().map(|&arn| arn.into()).collect()));
    let revisions = call.service_revision_arns("arn:aws:ecs:none").send().await.unwrap();
    assert_eq!(revisions.failures().len(), 1);
    for (revision, (tag, digest)) in revisions
        .service_revisions()
        .iter()
        .zip(["v3", "v2", "v1"].iter().zip(digests.iter().rev()))
    {
        let images = revision.container_images();
        assert_eq!(images[0].image(), Some(run.image(tag).as_str()));
        assert_eq!(images[0].image_digest(), Some(digest.as_str()));
        assert_eq!(images[1].image_digest(), None, "of a registry that nobody here knows");
    }
    let arn = listed.service_deployments()[0].service_deployment_arn().unwrap();
    let detail = run
        .sdk
        .describe_service_deployments()
        .service_deployment_arns(arn)
        .send()
        .await
        .unwrap();
    let detail = &detail.service_deployments()[0];
    assert_eq!(detail.target_service_revision().unwrap().arn(), Some(arns[0]));
    assert_eq!(detail.source_service_revisions()[0].arn(), Some(arns[1]));
    let status = run
        .sdk
        .list_service_deployments()
        .cluster("prod")
        .service("web")
        .status(ServiceDeploymentStatus::InProgress);
    assert_eq!(status.send().await.unwrap().service_deployments().len(), 1);
}

#[tokio::test]
async fn tasks_that_run_are_listed_and_those_that_stopped_only_if_asked_for_and_for_an_hour() {
    let (run, digests) = Running::new().await;
    let definition = run.register("v1");
    run.ecs.service("prod", "web", &definition, 1);
    let alone = run.ecs.run("prod", &run.register("v2")).unwrap();
    assert_eq!(run.tasks(None).await.len(), 2);
    assert_eq!(run.tasks(Some(DesiredStatus::Stopped)).await.len(), 0);
    run.ecs.stop("prod", &alone);
    assert_eq!(run.tasks(None).await.len(), 1);
    assert_eq!(
        run.tasks(Some(DesiredStatus::Stopped)).await,
        std::slice::from_ref(&alone)
    );

    let of_service = run.tasks(None).await.remove(0);
    let described = run
        .sdk
        .describe_tasks()
        .cluster("prod")
        .tasks(&of_service)
        .tasks(&alone)
        .tasks("none")
        .send()
        .await
        .unwrap();
    assert_eq!(described.failures().len(), 1);
    let (running, stopped) = (&described.tasks()[0], &described.tasks()[1]);
    let pinned = format!("{}@{}", run.image("v1"), digests[0]);
    assert_eq!(
        running.containers()[0].image(),
        Some(pinned.as_str()),
        "as services report it"
    );
    assert_eq!(running.containers()[0].image_digest(), Some(digests[0].as_str()));
    assert_eq!(
        (running.group(), running.last_status()),
        (Some("service:web"), Some("RUNNING"))
    );
    assert_eq!(stopped.containers()[0].image(), Some(run.image("v2").as_str()));
    assert_eq!(stopped.containers()[0].image_digest(), Some(digests[1].as_str()));
    assert_eq!(stopped.last_status(), Some("STOPPED"));

    run.lab.aws.advance(SignedDuration::from_hours(1));
    assert_eq!(run.tasks(Some(DesiredStatus::Stopped)).await.len(), 0);
    let gone = run
        .sdk
        .describe_tasks()
        .cluster("prod")
        .tasks(&alone)
        .send()
        .await
        .unwrap();
    assert_eq!(gone.failures()[0].reason(), Some("MISSING"));
}

#[tokio::test]
async fn a_service_without_tasks_and_a_task_set_still_name_their_definitions() {
    let (run, _) = Running::new().await;
    let (first, second) = (run.register("v1"), run.register("v2"));
    run.ecs.service("prod", "web", &first, 1);
    run.ecs.task_set("prod", "web", &second);
    run.ecs.scale("prod", "web", 0);
    assert_eq!(run.tasks(None).await.len(), 0);
    let described = run
        .sdk
        .describe_services()
        .cluster("prod")
        .services("web")
        .send()
        .await
        .unwrap();
    let service = &described.services()[0];
    assert_eq!(service.deployments()[0].task_definition(), Some(first.as_str()));
    assert_eq!(service.task_sets()[0].task_definition(), Some(second.as_str()));
    run.ecs.remove_service("prod", "web");
    let gone = run
        .sdk
        .describe_services()
        .cluster("prod")
        .services("web")
        .send()
        .await
        .unwrap();
    assert_eq!((gone.services().len(), gone.failures().len()), (0, 1));
}

#[tokio::test]
async fn each_permission_of_ecs_can_be_taken_away() {
    let (run, _) = Running::new().await;
    run.ecs.service("prod", "web", &run.register("v1"), 1);
    let task = run.tasks(None).await.remove(0);
    let policy = Policy::everything();
    let reader = run.lab.aws.user(ACCOUNT, "reader", policy.clone());
    let sdk = client!(aws_sdk_ecs, run.lab.aws, &reader, REGION);
    for action in [
        "ListServices",
        "DescribeServices",
        "ListTasks",
        "DescribeTasks",
        "ListServiceDeployments",
        "DescribeTaskDefinition",
    ] {
        let action = format!("ecs:{action}");
        run.lab
            .aws
            .set_policy("arn:aws:iam::111122223333:user/reader", policy.without(&action));
        let codes = [
            sdk.list_services()
                .cluster("prod")
                .send()
                .await
                .err()
                .map(|error| code(&error).to_owned()),
            sdk.describe_services()
                .cluster("prod")
                .services("web")
                .send()
                .await
                .err()
                .map(|error| code(&error).to_owned()),
            sdk.list_tasks()
                .cluster("prod")
                .send()
                .await
                .err()
                .map(|error| code(&error).to_owned()),
            sdk.describe_tasks()
                .cluster("prod")
                .tasks(&task)
                .send()
                .await
                .err()
                .map(|error| code(&error).to_owned()),
            sdk.list_service_deployments()
                .cluster("prod")
                .service("web")
                .send()
                .await
                .err()
                .map(|error| code(&error).to_owned()),
            sdk.describe_task_definition()
                .task_definition("web")
                .send()
                .await
                .err()
                .map(|error| code(&error).to_owned()),
        ];
        let denied: Vec<String> = codes.into_iter().flatten().collect();
        assert_eq!(denied, ["AccessDeniedException"], "{action}");
    }
}

#[tokio::test]
async fn a_service_that_is_rolled_back_tells_what_it_returned_to() {
    let (run, _) = Running::new().await;
    let definitions = ["v1", "v2"].map(|tag| run.register(tag));
    run.ecs.service("prod", "web", &definitions[0], 1);
    run.ecs.deploy("prod", "web", &definitions[1]);
    run.ecs.roll_back("prod", "web");
    let described = run.sdk.describe_services().cluster("prod").services("web");
    let described = described.send().await.unwrap();
    let service = &described.services()[0];
    assert_eq!(service.task_definition(), Some(definitions[0].as_str()));
    assert_eq!(service.current_service_revisions()[0].running_task_count(), 1);
    assert_eq!(
        (
            run.tasks(None).await.len(),
            run.tasks(Some(DesiredStatus::Stopped)).await.len()
        ),
        (1, 1)
    );

    let detail = run.sdk.describe_service_deployments();
    let detail = detail.service_deployment_arns(service.current_service_deployment().unwrap());
    let detail = detail.send().await.unwrap();
    let failed = &detail.service_deployments()[0];
    assert_eq!(failed.status(), Some(&ServiceDeploymentStatus::RollbackSuccessful));
    let before = service.current_service_revisions()[0].arn();
    assert_eq!(failed.rollback().unwrap().service_revision_arn(), before);
    assert_ne!(failed.target_service_revision().unwrap().arn(), before);
}
