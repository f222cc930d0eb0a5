//! What is said when something fails: the place and the permission; and that all the rest is told.

use super::*;

/// A world in which every call has something to tell.
async fn busy() -> Lab {
    let lab = Lab::new().await;
    let (image, _) = lab.push("v1", 1);
    let definition = lab.register(&image);
    lab.ecs().service("prod", "web", &definition, 1);
    lab.ecs().run("prod", &definition);
    lab.ecs().register("cron", &[("app", "r.io/cron:v1")]);
    lab.lambda().function("resize", "r.io/resize:v1");
    lab.lambda().alias("resize", "live", "$LATEST", &[]);
    // Its digest is not of a registry here.
    let resolved = format!("r.io/resize@{}", Digest::of(b"resize"));
    lab.aws.fail(
        Fault::edit(move |answer| answer["Code"]["ResolvedImageUri"] = resolved.as_str().into())
            .on("lambda:GetFunction"),
    );
    lab
}

#[tokio::test]
async fn every_permission_is_used_and_no_other() {
    let lab = busy().await;
    lab.ask().await.is_whole();
    let mut asked: BTreeSet<String> = lab.aws.requests().into_iter().map(|request| request.action).collect();
    assert!(asked.remove("sts:GetCallerIdentity"), "needs no permission");
    let needed: BTreeSet<String> = ACTIONS.iter().map(|&action| action.to_owned()).collect();
    assert_eq!(asked, needed);
}

#[tokio::test]
async fn a_missing_permission_is_named_with_its_place_and_hides_nothing_else() {
    let all = busy().await.ask().await;
    for &action in ACTIONS {
        let mut lab = busy().await;
        lab.call_as(ACCOUNT, Policy::everything().without(action));
        let told = lab.ask().await;
        assert_eq!(told.gaps.len(), 1, "{action}: {:?}", told.gaps);
        assert!(
            told.gaps[0].starts_with(&format!("{PLACE}: {action}: ")),
            "{:?}",
            told.gaps
        );
        assert!(told.gaps[0].contains(&format!("allow {action}")), "{:?}", told.gaps);
        let depends = |user: &str| match action {
            "ecs:ListClusters" => user.starts_with("ecs prod"),
            "ecs:ListTasks" | "ecs:DescribeTasks" => user.contains(" task ") && user.starts_with("ecs prod"),
            "ecs:ListServices" | "ecs:DescribeServices" => user.starts_with("ecs prod/web") && !user.contains(" task "),
            "ecs:DescribeServiceRevisions" => user.contains(" revision "),
            "ecs:ListServiceDeployments" | "ecs:DescribeServiceDeployments" => false,
            "ecs:ListTaskDefinitionFamilies" | "ecs:ListTaskDefinitions" => user.starts_with("ecs task definition"),
            "ecs:DescribeTaskDefinition" => user.starts_with("ecs"),
            "lambda:ListAliases" => false,
            _ => user.starts_with("lambda"),
        };
        // The aliases of a function are part of how it is called.
        let bare = |user: &str| user.replace(" (alias live)", "");
        let left: BTreeSet<String> = told
            .references
            .iter()
            .map(|reference| bare(&reference.used_by))
            .collect();
        for reference in &all.references {
            let is_told = left.contains(&bare(&reference.used_by));
            assert!(
                is_told || depends(&reference.used_by),
                "{action}: {}",
                reference.used_by
            );
        }
    }
}

#[tokio::test]
async fn with_no_permission_at_all_every_list_is_named() {
    let mut lab = busy().await;
    lab.call_as(ACCOUNT, Policy::nothing());
    let told = lab.ask().await;
    let named: Vec<&str> = told.gaps.iter().map(|gap| gap.split(": ").nth(1).unwrap()).collect();
    assert_eq!(
        named,
        [
            "ecs:ListClusters",
            "ecs:ListTaskDefinitionFamilies",
            "lambda:ListFunctions"
        ]
    );
}

#[tokio::test]
async fn one_failure_of_many_calls_is_told_once_with_their_number() {
    let mut lab = Lab::new().await;
    (0..40).for_each(|number| {
        drop(
            lab.ecs()
                .register(&format!("app-{number:02}"), &[("app", "r.io/app:v1")]),
        )
    });
    lab.call_as(ACCOUNT, Policy::everything().without("ecs:DescribeTaskDefinition"));
    let told = lab.ask().await;
    assert_eq!(told.gaps.len(), 1);
    assert!(
        told.gaps[0].ends_with("(and 39 more of these calls)"),
        "{:?}",
        told.gaps
    );
}

#[tokio::test]
async fn credentials_of_another_account_ask_nothing() {
    let mut lab = busy().await;
    lab.call_as("999988887777", Policy::everything());
    lab.source.regions.push("us-east-1".to_owned());
    let told = lab.ask().await;
    assert_eq!(told.gaps.len(), 2, "{:?}", told.gaps);
    for (gap, region) in told.gaps.iter().zip(["eu-central-1", "us-east-1"]) {
        assert!(
            gap.starts_with(&format!(
                "111122223333/{region}: the credentials belong to the account 999988887777"
            )),
            "{gap}"
        );
    }
    assert!(told.references.is_empty());
    assert!(
        lab.aws
            .requests()
            .iter()
            .all(|request| request.action == "sts:GetCallerIdentity")
    );
}

#[tokio::test]
async fn an_identity_that_is_not_told_asks_nothing() {
    for fault in [
        Fault::error(403, "AccessDenied"),
        Fault::edit(|answer| answer["Account"] = serde_json::Value::Null),
        Fault::edit(|answer| answer["Account"] = "".into()),
    ] {
        let lab = busy().await;
        lab.aws.fail(fault.on("sts:GetCallerIdentity"));
        let told = lab.ask().await;
        assert_eq!((told.gaps.len(), told.references.len()), (1, 0), "{told:?}");
    }
}

#[tokio::test]
async fn regions_are_asked_each_by_itself() {
    let mut lab = busy().await;
    let regions = ["eu-west-1", "us-east-1"];
    for region in regions {
        lab.aws
            .ecs(ACCOUNT, region)
            .register("web", &[("app", &format!("r.io/{region}:v1"))]);
        lab.source.regions.push(region.to_owned());
    }
    lab.aws.fail(
        Fault::error(403, "AccessDeniedException")
            .on("ecs:*")
            .region("us-east-1"),
    );
    let told = lab.ask().await;
    assert_eq!(
        told.users("r.io/eu-west-1:v1"),
        ["ecs task definition web:1 in 111122223333/eu-west-1"]
    );
    assert_eq!(told.users("r.io/us-east-1:v1"), [""; 0]);
    assert!(
        told.gaps
            .iter()
            .all(|gap| gap.starts_with("111122223333/us-east-1: ecs:")),
        "{:?}",
        told.gaps
    );
    assert_eq!(told.gaps.len(), 2);
}

#[tokio::test]
async fn what_is_throttled_is_asked_again() {
    let mut lab = busy().await;
    let whole = lab.ask().await;
    for action in ACTIONS {
        lab.aws.fail(Fault::new(Effect::Throttle).on(action).times(2));
    }
    lab.known = KnownDefinitions::default();
    let told = lab.ask().await;
    assert_eq!(told.is_whole().references, whole.references);
    lab.aws.fail(Fault::new(Effect::Throttle).on("ecs:ListClusters"));
    let told = lab.ask().await;
    assert_eq!(told.gaps.len(), 1);
    assert!(
        told.gaps[0].contains("ecs:ListClusters: AWS answered ThrottlingException"),
        "{:?}",
        told.gaps
    );
}

#[tokio::test]
async fn what_takes_too_long_is_a_gap_of_its_place_and_what_was_told_counts() {
    let mut lab = busy().await;
    lab.source.timeout_seconds = 1;
    lab.aws.fail(Fault::new(Effect::Hang).on("ecs:DescribeTasks"));
    let told = lab.ask().await;
    assert_eq!(
        told.gaps,
        [format!("{PLACE}: it did not tell everything within 1 seconds")]
    );
    assert!(
        told.references
            .iter()
            .any(|reference| reference.used_by.starts_with("lambda resize"))
    );

    lab.aws.fail(Fault::new(Effect::Hang));
    let told = lab.ask().await;
    assert_eq!(told.gaps.len(), 1);
    assert!(told.references.is_empty());
}

#[tokio::test]
async fn an_account_that_runs_nothing_is_a_gap_until_somebody_says_that_it_may() {
    let lab = Lab::new().await;
    let told = lab.ask().await;
    assert_eq!(
        told.gaps,
        ["the account 111122223333 runs nothing there that has an image; are its regions right?"]
    );
    let mut said = Said::new(Timestamp::UNIX_EPOCH, &BTreeSet::new());
    lab.question().ask(&mut said).await;
    assert!(said.finish(true).1.is_empty());
}
