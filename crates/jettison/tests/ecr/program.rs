//! The program itself on ECR.

use std::process::Stdio;

use jettison_testkit::aws::{Credentials, Policy, TestAws};
use jettison_testkit::images::Image;
use serde_json::Value;
use tokio::process::Command;

use crate::common::desk::Desk;

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-central-1";

/// Runs `jettison` with credentials in its environment, as AWS's own tools take them.
async fn run(desk: &Desk, aws: &TestAws, user: &Credentials, arguments: &[&str]) -> (i32, String, String) {
    let variables = aws.environment(user, REGION);
    let output = Command::new(env!("CARGO_BIN_EXE_jettison"))
        .args(arguments)
        .args(["--state", "state"])
        .env_clear()
        .env("HOME", desk.folder())
        .envs(variables.into_iter().filter(|(name, _)| *name != "AWS_ENDPOINT_URL"))
        .current_dir(desk.folder())
        .stdin(Stdio::null())
        .output();
    let output = output.await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn desk(aws: &TestAws) -> Desk {
    let host = aws.ecr(ACCOUNT, REGION).host();
    let config = format!(
        "registries:\n  - {{ host: '{{host}}', expects: none, aws: {{ endpoint: '{}' }} }}\n",
        aws.url()
    );
    Desk::new(&host, &config)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_reads_a_registry_of_ecr() {
    let aws = TestAws::start().await.unwrap();
    let user = aws.user(ACCOUNT, "cleaner", Policy::everything());
    let desk = desk(&aws);
    aws.ecr(ACCOUNT, REGION)
        .push("apps/web", &["v1"], &Image::new(1).build());
    aws.ecr(ACCOUNT, REGION)
        .push("apps/web", &["v2", "latest"], &Image::new(2).build());
    let (code, stdout, stderr) = run(&desk, &aws, &user, &["scan", "--output", "json"]).await;
    assert_eq!(code, 0, "{stderr}");
    let inventory: Value = serde_json::from_str(&stdout).unwrap();
    let repository = &inventory["repositories"][0];
    assert_eq!(repository["gaps"], serde_json::json!([]), "{repository:#}");
    assert_eq!(repository["tags"].as_array().unwrap().len(), 3);
    assert_eq!(repository["capabilities"]["archive"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_no_way_in_and_missing_credentials_are_told_as_awss() {
    let aws = TestAws::start().await.unwrap();
    let user = aws.user(ACCOUNT, "cleaner", Policy::everything());
    let desk = desk(&aws);
    let (code, _, stderr) = run(&desk, &aws, &user, &["scan", "--username", "AWS", "--password-stdin"]).await;
    assert!(code == 2 && stderr.contains("AWS credentials"), "{code} {stderr}");
    let nobody = Credentials {
        access_key_id: "AKIANOBODY".to_owned(),
        ..user.clone()
    };
    let (code, _, stderr) = run(&desk, &aws, &nobody, &["scan"]).await;
    assert!(
        code == 5 && stderr.contains("AWS_ACCESS_KEY_ID") && !stderr.contains("docker login"),
        "{code} {stderr}"
    );
}
