//! ECS: task definitions, pages, and the bounds of batches.

use aws_sdk_ecs::types::{SortOrder, TaskDefinitionStatus};

use super::ecs::Running;
use super::*;

#[tokio::test]
async fn task_definitions_come_newest_first_if_asked_for_and_active_ones_unless_asked_otherwise() {
    let (run, _) = Running::new().await;
    let definitions: Vec<String> = (0..12).map(|_| run.register("v1")).collect();
    run.ecs.register("old", &[("app", "old:1")]);
    run.ecs.deregister(&definitions[11]);
    run.ecs
        .deregister("arn:aws:ecs:eu-central-1:111122223333:task-definition/old:1");
    let list = || run.sdk.list_task_definitions().family_prefix("web");
    let newest = list().sort(SortOrder::Desc).max_results(2).send().await.unwrap();
    assert_eq!(
        newest.task_definition_arns(),
        [definitions[10].clone(), definitions[9].clone()]
    );
    let next = list()
        .sort(SortOrder::Desc)
        .max_results(2)
        .next_token(newest.next_token().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(
        next.task_definition_arns(),
        [definitions[8].clone(), definitions[7].clone()]
    );
    assert_eq!(list().send().await.unwrap().task_definition_arns(), &definitions[..11]);
    let inactive = list().status(TaskDefinitionStatus::Inactive).send().await.unwrap();
    assert_eq!(inactive.task_definition_arns(), [definitions[11].clone()]);

    let families = |status| run.sdk.list_task_definition_families().set_status(status).send();
    assert_eq!(families(None).await.unwrap().families(), ["old", "web"]);
    assert_eq!(families(Some("ACTIVE".into())).await.unwrap().families(), ["web"]);
    let found = run
        .sdk
        .describe_task_definition()
        .task_definition(&definitions[0])
        .send()
        .await
        .unwrap();
    let found = found.task_definition().unwrap();
    assert_eq!((found.family(), found.revision()), (Some("web"), 1));
    assert_eq!(found.container_definitions()[0].image(), Some(run.image("v1").as_str()));
    let newest = run
        .sdk
        .describe_task_definition()
        .task_definition("web")
        .send()
        .await
        .unwrap();
    assert_eq!(newest.task_definition().unwrap().revision(), 11);
    let none = run
        .sdk
        .describe_task_definition()
        .task_definition("none")
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(&none), "ClientException");
}

#[tokio::test]
async fn lists_page_and_batches_are_bounded() {
    let (run, _) = Running::new().await;
    let definition = run.register("v1");
    for number in 0..12 {
        run.ecs.service("prod", &format!("service-{number:02}"), &definition, 0);
    }
    for _ in 0..101 {
        run.ecs.run("prod", &definition);
    }
    run.ecs.cluster("other");
    let clusters = run.sdk.list_clusters().send().await.unwrap();
    assert_eq!(clusters.cluster_arns().len(), 2);
    let services = run.sdk.list_services().cluster("prod").send().await.unwrap();
    assert_eq!(
        (services.service_arns().len(), services.next_token().is_some()),
        (10, true)
    );
    let rest = run
        .sdk
        .list_services()
        .cluster("prod")
        .next_token(services.next_token().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!((rest.service_arns().len(), rest.next_token()), (2, None));
    let tasks = run
        .sdk
        .list_tasks()
        .cluster(&clusters.cluster_arns()[1])
        .send()
        .await
        .unwrap();
    assert_eq!((tasks.task_arns().len(), tasks.next_token().is_some()), (100, true));

    let many = |count: usize| Some(vec!["x".to_owned(); count]);
    let services = run
        .sdk
        .describe_services()
        .cluster("prod")
        .set_services(many(11))
        .send()
        .await;
    assert_eq!(code(&services.unwrap_err()), "InvalidParameterException");
    let tasks = run
        .sdk
        .describe_tasks()
        .cluster("prod")
        .set_tasks(many(101))
        .send()
        .await;
    assert_eq!(code(&tasks.unwrap_err()), "InvalidParameterException");
    let revisions = run
        .sdk
        .describe_service_revisions()
        .set_service_revision_arns(many(21))
        .send()
        .await;
    assert_eq!(code(&revisions.unwrap_err()), "InvalidParameterException");
    let nowhere = run.sdk.list_tasks().cluster("none").send().await;
    assert_eq!(code(&nowhere.unwrap_err()), "ClusterNotFoundException");
    let none = run
        .sdk
        .list_service_deployments()
        .cluster("prod")
        .service("none")
        .send()
        .await;
    assert_eq!(code(&none.unwrap_err()), "ServiceNotFoundException");
}
