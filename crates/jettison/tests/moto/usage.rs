//! The usage source: tasks, task definitions and functions. Moto knows no history of services.

use std::collections::BTreeSet;

use aws_sdk_ecs::types::{ContainerDefinition, LaunchType};
use aws_sdk_lambda::types::{FunctionCode, PackageType};

use crate::account::{Account, REGION};
use crate::permissions::iam;
use crate::support::moto::{ACCOUNT, Moto};
use crate::support::moto_ready;

const TRUST: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
    "Principal": {"Service": "lambda.amazonaws.com"}}]}"#;

/// A task of a definition that has a newer revision.
async fn run_a_task(account: &Account) {
    let ecs = aws_sdk_ecs::Client::new(&account.way_in().open(REGION).await);
    ecs.create_cluster().cluster_name("prod").send().await.unwrap();
    for image in ["r.io/apps/web:v1", "r.io/apps/web:v2"] {
        let container = ContainerDefinition::builder()
            .name("app")
            .image(image)
            .memory(64)
            .build();
        let register = ecs.register_task_definition().family("web");
        register.container_definitions(container).send().await.unwrap();
    }
    let run = ecs.run_task().cluster("prod").task_definition("web:1");
    run.launch_type(LaunchType::Fargate).send().await.unwrap();
}

/// A function with a published version behind an alias.
async fn make_a_function(account: &Account) {
    let (status, role) = iam(
        &account.moto,
        "CreateRole",
        &[("RoleName", "lambda"), ("AssumeRolePolicyDocument", TRUST)],
    )
    .await;
    assert_eq!(status, 200, "{role}");
    let lambda = aws_sdk_lambda::Client::new(&account.way_in().open(REGION).await);
    let code = FunctionCode::builder().image_uri("r.io/apps/resize:v1").build();
    let create = lambda.create_function().function_name("resize").code(code);
    let create = create
        .package_type(PackageType::Image)
        .role(format!("arn:aws:iam::{ACCOUNT}:role/lambda"));
    create.send().await.unwrap();
    let version = lambda.publish_version().function_name("resize").send().await.unwrap();
    let alias = lambda.create_alias().function_name("resize").name("live");
    alias.function_version(version.version.unwrap()).send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_definitions_and_functions_are_told() {
    if !moto_ready() {
        return;
    }
    let account = Account::new(Moto::start());
    run_a_task(&account).await;
    make_a_function(&account).await;
    let config = format!("usage: [{{ name: aws, kind: aws, account: '{ACCOUNT}', regions: [{REGION}] }}]\n");
    let told = account.run(&config, &["usage"]);
    let source = &told["sources"][0];
    assert_eq!(
        (&source["status"], &source["gaps"]),
        (&"complete".into(), &serde_json::json!([]))
    );
    let references = source["references"].as_array().unwrap().iter();
    let users: BTreeSet<String> = references
        .map(|reference| {
            format!(
                "{} {}",
                reference["image"].as_str().unwrap(),
                reference["used_by"].as_str().unwrap()
            )
        })
        .collect();
    for expected in [
        "r.io/apps/web:v1 ecs prod task",
        "r.io/apps/web:v1 ecs task definition web:1",
        "r.io/apps/web:v2 ecs task definition web:2",
        "r.io/apps/resize:v1 lambda resize",
    ] {
        assert!(
            users.iter().any(|user| user.starts_with(expected)),
            "{expected}: {users:#?}"
        );
    }
}
