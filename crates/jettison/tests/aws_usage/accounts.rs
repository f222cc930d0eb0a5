//! Accounts and regions, and the ways into them.

use jettison::usage::aws::ACTIONS;
use jettison_testkit::aws::Policy;
use serde_json::json;

use crate::world::{ACCOUNT, OTHER, REGION, World, users};

const ONE: &str = "usage: [ { name: aws, kind: aws, account: '111122223333', regions: [eu-central-1] } ]";

/// Exactly the permissions that the source says it needs.
fn needed() -> Policy {
    let document =
        json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ACTIONS, "Resource": "*"}});
    Policy::read(&document.to_string()).unwrap()
}

#[tokio::test]
async fn accounts_and_regions_are_asked_by_role_and_say_for_which_place_they_answer() {
    let world = World::new(
        "usage:
  - { name: prod, kind: aws, account: '111122223333', regions: [us-east-1, eu-central-1] }
  - { name: other, kind: aws, account: '444455556666', regions: [eu-central-1],
      role-arn: 'arn:aws:iam::444455556666:role/reader' }",
    )
    .await;
    world.aws.role(OTHER, "reader", needed(), &[ACCOUNT]);
    let places = [
        (ACCOUNT, REGION),
        (ACCOUNT, "us-east-1"),
        (OTHER, REGION),
        (OTHER, "us-east-1"),
    ];
    for (account, region) in places {
        let image = format!("r.io/{account}-{region}:v1");
        world.aws.ecs(account, region).register("web", &[("app", &image)]);
    }
    let login = world.login(ACCOUNT, Policy::everything());
    let ended = world.call(&login, "usage --output json").await;
    let (prod, other) = (ended.source(0, 0), ended.source(0, 1));
    assert_eq!(prod["status"], "complete");
    assert_eq!(
        prod["answers_for"],
        json!(["111122223333/eu-central-1", "111122223333/us-east-1"])
    );
    assert_eq!(other["answers_for"], json!(["444455556666/eu-central-1"]));
    assert_eq!(prod["references"].as_array().unwrap().len(), 2);
    assert_eq!(other["references"].as_array().unwrap().len(), 1);
    assert_eq!(
        users(&prod, "r.io/111122223333-us-east-1:v1"),
        ["ecs task definition web:1 in 111122223333/us-east-1"]
    );
    assert_eq!(
        users(&other, "r.io/444455556666-eu-central-1:v1"),
        ["ecs task definition web:1 in 444455556666/eu-central-1"]
    );
}

#[tokio::test]
async fn a_profile_of_the_files_of_aws_is_a_way_in() {
    let world = World::new(&ONE.replace("regions:", "profile: prod, regions:")).await;
    world.ecs().register("web", &[("app", "r.io/web:v1")]);
    let key = world.aws.user(ACCOUNT, "ci", needed());
    let files = format!(
        "[profile prod]\naws_access_key_id = {}\naws_secret_access_key = {}\nendpoint_url = {}\n",
        key.access_key_id,
        key.secret_access_key,
        world.aws.url()
    );
    world.write("aws-config", &files);
    let place = [("AWS_CONFIG_FILE", "aws-config".to_owned())];
    let source = world.call(&place, "usage --output json").await.source(0, 0);
    assert_eq!(source["references"].as_array().unwrap().len(), 1);

    world.write("aws-config", &files.replace("profile prod", "profile other"));
    let ended = world.call(&place, "usage --check").await;
    assert_eq!(ended.code, Some(5), "{ended:?}");
    assert!(
        ended.err.contains("111122223333/eu-central-1: sts:GetCallerIdentity: "),
        "{ended:?}"
    );
}

#[tokio::test]
async fn credentials_of_another_account_and_none_at_all_are_told_as_such() {
    let world = World::new(ONE).await;
    let login = world.login(OTHER, Policy::everything());
    let ended = world.call(&login, "usage --check").await;
    assert_eq!(ended.code, Some(5), "{ended:?}");
    let expected =
        "111122223333/eu-central-1: the credentials belong to the account 444455556666, so nothing was asked";
    assert!(ended.err.contains(expected), "{ended:?}");

    let address = [("AWS_ENDPOINT_URL", world.aws.url())];
    let ended = world.call(&address, "usage --check").await;
    assert_eq!(ended.code, Some(5), "{ended:?}");
    assert!(
        ended.err.contains("give credentials as AWS's own tools take them"),
        "{ended:?}"
    );
}

#[tokio::test]
async fn what_the_policy_lacks_is_named_by_check() {
    let world = World::new(ONE).await;
    let definition = world.ecs().register("web", &[("app", "r.io/web:v1")]);
    world.ecs().cluster("prod");
    world.ecs().service("prod", "web", &definition, 0);
    let ended = world.call(&world.login(ACCOUNT, needed()), "usage --check").await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let missing = [
        "ecs:ListClusters",
        "ecs:DescribeServiceRevisions",
        "lambda:ListFunctions",
    ];
    let policy = missing.iter().fold(needed(), |policy, action| policy.without(action));
    let ended = world.call(&world.login(ACCOUNT, policy), "usage --check").await;
    assert_eq!(ended.code, Some(5), "{ended:?}");
    for action in ["ecs:ListClusters", "lambda:ListFunctions"] {
        let expected = format!("aws: 111122223333/eu-central-1: {action}: AWS answered AccessDeniedException: ");
        assert!(ended.err.contains(&expected), "{ended:?}");
        assert!(
            ended
                .err
                .contains(&format!("allow {action} (`jettison aws setup` prints the policy)")),
            "{ended:?}"
        );
    }
}
