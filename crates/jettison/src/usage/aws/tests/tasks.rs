//! Tasks: what runs and what ran.

use super::*;

#[tokio::test]
async fn tasks_of_their_own_count_while_they_run_and_as_long_as_aws_knows_that_they_stopped() {
    let lab = Lab::new().await;
    let (digests, definitions) = versions(&lab, 4);
    let tasks = [0, 1].map(|version: usize| lab.ecs().run("prod", &definitions[version]).unwrap());
    lab.ecs().stop("prod", &tasks[1]);
    lab.ecs().deregister(&definitions[1]);
    move_tags(&lab, 4);
    let told = lab.ask().await;
    told.is_whole();
    let id = |arn: &str| arn.rsplit('/').next().unwrap().to_owned();
    assert!(told.tells(&digests[0], &format!("ecs prod task {} (RUNNING)", id(&tasks[0]))));
    assert!(told.tells(&digests[1], &format!("ecs prod task {} (STOPPED)", id(&tasks[1]))));
    forget_tasks(&lab);
    let told = lab.ask().await;
    assert_eq!(told.users_of(&digests[1]), [""; 0]);
}

#[tokio::test]
async fn a_task_that_stops_between_the_two_lists_is_in_the_second() {
    let lab = Lab::new().await;
    let (digests, definitions) = versions(&lab, 1);
    let task = lab.ecs().run("prod", &definitions[0]).unwrap();
    move_tags(&lab, 1);
    // As soon as the first list was asked for.
    lab.aws.fail(
        Fault::call(move |aws| aws.ecs(ACCOUNT, REGION).stop("prod", &task))
            .on("ecs:ListTasks")
            .skip(1),
    );
    let told = lab.ask().await;
    told.is_whole();
    assert_eq!(told.users_of(&digests[0]).len(), 1);
}

#[tokio::test]
async fn a_task_that_is_still_provisioned_counts_by_its_task_definition() {
    let lab = Lab::new().await;
    let (_, definitions) = versions(&lab, 4);
    lab.ecs().run("prod", &definitions[0]).unwrap();
    lab.ecs().deregister(&definitions[0]);
    let early = Fault::edit(|answer| {
        answer["tasks"][0]["lastStatus"] = "PROVISIONING".into();
        answer["tasks"][0]["containers"] = serde_json::json!([{"name": "app"}]);
    });
    lab.aws.fail(early.on("ecs:DescribeTasks"));
    let told = lab.ask().await;
    told.is_whole();
    let users = told.users(&lab.ecr().image("apps/web", "v1"));
    assert!(users.iter().any(|user| user.contains("(PROVISIONING)")), "{users:?}");
}

/// What only comes and goes must not make the source seem to shrink, and what tasks tell is no more than what is specified.
#[tokio::test]
async fn tasks_add_nothing_to_the_images_that_are_specified() {
    let lab = Lab::new().await;
    let (image, digest) = lab.push("v1", 1);
    let definition = lab.register(&image);
    lab.ecs().service("prod", "web", &definition, 1);
    for number in 0..10 {
        let definition = lab.ecs().register("job", &[("job", &format!("r.io/job-{number}:v1"))]);
        let task = lab.ecs().run("prod", &definition).unwrap();
        lab.ecs().stop("prod", &task);
        lab.ecs().deregister(&definition);
    }
    let mut said = Said::new(Timestamp::UNIX_EPOCH, &BTreeSet::new());
    lab.question().ask(&mut said).await;
    assert_eq!(said.specified(), BTreeSet::from([image]));
    let (references, gaps) = said.finish(false);
    assert!(gaps.is_empty(), "{gaps:?}");
    assert!(references.iter().any(|reference| reference.image == "r.io/job-7:v1"));
    let pinned = references
        .iter()
        .filter(|reference| reference.digest.as_ref() == Some(&digest));
    assert!(pinned.count() > 1);
}

#[tokio::test]
async fn a_digest_in_the_text_of_a_task_counts_whatever_is_told_beside_it() {
    let lab = Lab::new().await;
    let (image, digest) = lab.push("v1", 1);
    let other = Digest::of(b"other");
    let definition = lab.register(&image);
    lab.ecs().run("prod", &definition);
    for (text, told_digest) in [
        (format!("{image}@{digest}"), Some(other.clone())),
        (format!("{image}@{digest}"), None),
        (format!("r.io/apps/web@{digest}"), Some(digest.clone())),
    ] {
        let (edited, beside) = (text.clone(), told_digest.clone());
        lab.aws.clear_faults();
        let edit = move |answer: &mut serde_json::Value| {
            let container = &mut answer["tasks"][0]["containers"][0];
            container["image"] = edited.as_str().into();
            container["imageDigest"] = beside.as_ref().map(ToString::to_string).into();
        };
        lab.aws.fail(Fault::edit(edit).on("ecs:DescribeTasks"));
        let told = lab.ask().await;
        assert_eq!(told.is_whole().users(&text).len(), 1, "{text}: {:?}", told.references);
    }
}
