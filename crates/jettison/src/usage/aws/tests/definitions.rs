//! Task definitions: what may be started at any time.

use super::*;

#[tokio::test]
async fn the_newest_active_revisions_of_every_family_count_whether_anything_runs_them_or_not() {
    let lab = Lab::new().await;
    let definitions: Vec<String> = (1..=12)
        .map(|number| lab.register(&format!("r.io/web:v{number}")))
        .collect();
    lab.ecs()
        .register("web-cron", &[("app", "r.io/cron:v1"), ("proxy", "nginx")]);
    lab.ecs().deregister(&definitions[11]);
    let told = lab.ask().await;
    told.is_whole();
    let images: Vec<&str> = told
        .references
        .iter()
        .map(|reference| reference.image.as_str())
        .collect();
    assert_eq!(images, ["nginx", "r.io/cron:v1", "r.io/web:v10", "r.io/web:v11"]);
    let user = "ecs task definition web:11 in 111122223333/eu-central-1";
    assert_eq!(told.users("r.io/web:v11"), [user]);
}

/// AWS says of the name that is given that it is the whole name of a family, and calls it a prefix.
#[tokio::test]
async fn revisions_of_other_families_take_no_place_among_the_newest() {
    let lab = Lab::new().await;
    (1..=3).for_each(|number| drop(lab.register(&format!("r.io/web:v{number}"))));
    let crowd = Fault::edit(|answer| {
        let listed = answer["taskDefinitionArns"].as_array_mut().unwrap();
        let arn = |number| format!("arn:aws:ecs:eu-central-1:111122223333:task-definition/web-api:{number}");
        listed.splice(0..0, (1..=2).map(|number| arn(number).into()));
    });
    lab.aws.fail(crowd.on("ecs:ListTaskDefinitions"));
    let told = lab.ask().await;
    let images: Vec<&str> = told
        .is_whole()
        .references
        .iter()
        .map(|reference| reference.image.as_str())
        .collect();
    assert_eq!(images, ["r.io/web:v2", "r.io/web:v3"]);
}

#[tokio::test]
async fn a_definition_that_only_a_service_names_counts_when_it_is_no_longer_active() {
    let lab = Lab::new().await;
    let definitions: Vec<String> = (1..=4)
        .map(|number| lab.register(&format!("r.io/web:v{number}")))
        .collect();
    lab.ecs().service("prod", "web", &definitions[0], 0);
    lab.ecs().task_set("prod", "web", &definitions[1]);
    definitions[..2]
        .iter()
        .for_each(|definition| lab.ecs().deregister(definition));
    let told = lab.ask().await;
    told.is_whole();
    let users = told.users("r.io/web:v2");
    assert!(
        users.len() == 1 && users[0].starts_with("ecs prod/web task set ecs-svc/"),
        "{users:?}"
    );
    assert!(!told.users("r.io/web:v1").is_empty());
}

#[tokio::test]
async fn a_task_definition_is_asked_for_once_and_counts_as_long_as_it_is_among_the_newest() {
    let lab = Lab::new().await;
    (1..=3).for_each(|number| drop(lab.register(&format!("r.io/web:v{number}"))));
    let first = lab.ask().await;
    let again = lab.ask().await;
    assert_eq!(first.is_whole().references, again.is_whole().references);
    assert_eq!(lab.aws.count("ecs:DescribeTaskDefinition"), 2);
    lab.register("r.io/web:v4");
    let images: Vec<String> = lab
        .ask()
        .await
        .references
        .into_iter()
        .map(|reference| reference.image)
        .collect();
    assert_eq!(images, ["r.io/web:v3", "r.io/web:v4"]);
    assert_eq!(lab.aws.count("ecs:DescribeTaskDefinition"), 3);
}

#[tokio::test]
async fn a_task_definition_that_does_not_tell_all_is_asked_for_again() {
    let lab = Lab::new().await;
    lab.register("r.io/web:v1");
    let edit = |answer: &mut serde_json::Value| {
        let containers = answer["taskDefinition"]["containerDefinitions"].as_array_mut();
        containers.unwrap().push(serde_json::json!({"name": "proxy"}));
    };
    lab.aws
        .fail(Fault::edit(edit).on("ecs:DescribeTaskDefinition").times(1));
    assert_eq!(lab.ask().await.gaps.len(), 1);
    lab.ask().await.is_whole();
}
