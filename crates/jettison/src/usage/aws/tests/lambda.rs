//! Lambda: functions that are images, their versions, and the aliases that lead to them.

use super::*;

/// A function with so many versions, of the images `v1` and on, which have moved since.
fn function(lab: &Lab, versions: u64) -> Vec<Digest> {
    let digests = (1..=versions).map(|version| {
        let (image, digest) = lab.push(&format!("v{version}"), version);
        lab.lambda().function("resize", &image);
        lab.lambda().publish("resize");
        digest
    });
    let digests = digests.collect();
    (1..=versions).for_each(|version| drop(lab.push(&format!("v{version}"), 99)));
    digests
}

#[tokio::test]
async fn what_runs_the_newest_versions_and_every_version_of_an_alias_count_by_digest() {
    let lab = Lab::new().await;
    let digests = function(&lab, 12);
    lab.lambda().alias("resize", "live", "3", &[("2", 0.1)]);
    lab.lambda().alias("resize", "old", "3", &[]);
    lab.lambda().alias("resize", "canary", "12", &[]);
    let told = lab.ask().await;
    told.is_whole();
    for (version, users) in [
        (1, vec!["lambda resize:2 (alias live 10 %)"]),
        (2, vec!["lambda resize:3 (alias live 90 %, alias old)"]),
        (10, vec!["lambda resize:11"]),
        (11, vec!["lambda resize:$LATEST", "lambda resize:12 (alias canary)"]),
    ] {
        let users: Vec<String> = users.iter().map(|user| format!("{user} in {PLACE}")).collect();
        assert_eq!(told.users_of(&digests[version]), users, "version {}", version + 1);
    }
    let held = digests.iter().filter(|digest| !told.users_of(digest).is_empty());
    assert_eq!(held.count(), 4);
    // The tag counts as well: the next deployment may go by it.
    assert_eq!(told.users(&lab.ecr().image("apps/web", "v3")).len(), 1);
}

#[tokio::test]
async fn functions_that_are_no_images_cost_no_further_call() {
    let lab = Lab::new().await;
    function(&lab, 1);
    (0..60).for_each(|number| lab.lambda().archive_function(&format!("zip-{number:02}")));
    lab.ask().await.is_whole();
    assert_eq!(lab.aws.count("lambda:ListFunctions"), 2);
    assert_eq!(lab.aws.count("lambda:ListAliases"), 1);
    assert_eq!(lab.aws.count("lambda:GetFunction"), 2);
}

#[tokio::test]
async fn all_pages_of_functions_versions_and_aliases_are_read() {
    let lab = Lab::new().await;
    let digests = function(&lab, 60);
    for number in 1..=55 {
        lab.lambda()
            .alias("resize", &format!("alias-{number:02}"), &number.to_string(), &[]);
    }
    let told = lab.ask().await;
    told.is_whole();
    let held = digests.iter().filter(|digest| !told.users_of(digest).is_empty());
    assert_eq!(held.count(), 57);
}

#[tokio::test]
async fn a_function_of_unknown_form_and_versions_that_are_no_numbers_are_asked() {
    let lab = Lab::new().await;
    let digests = function(&lab, 4);
    let odd = Fault::edit(|answer| {
        answer["Functions"]
            .as_array_mut()
            .unwrap()
            .retain(|found| found["Version"] != "$LATEST");
        for found in answer["Functions"].as_array_mut().unwrap() {
            found.as_object_mut().unwrap().remove("PackageType");
        }
        answer["Functions"][0]["Version"] = "$LATEST.PUBLISHED".into();
    });
    lab.aws.fail(odd.on("lambda:ListFunctions"));
    let told = lab.ask().await;
    told.is_whole();
    let asked: Vec<String> = lab
        .aws
        .requests()
        .iter()
        .filter(|request| request.action == "lambda:GetFunction")
        .map(|request| request.input["Qualifier"].as_str().unwrap().to_owned())
        .collect();
    let asked: BTreeSet<&str> = asked.iter().map(String::as_str).collect();
    assert_eq!(asked, BTreeSet::from(["$LATEST", "$LATEST.PUBLISHED", "3", "4"]));
    assert!(!told.users_of(&digests[3]).is_empty());
}

#[tokio::test]
async fn a_function_that_vanishes_on_the_way_is_no_gap() {
    for action in ["lambda:ListAliases", "lambda:GetFunction"] {
        let lab = Lab::new().await;
        function(&lab, 1);
        lab.register("r.io/web:v1");
        lab.aws.fail(
            Fault::call(|aws| {
                aws.lambda(ACCOUNT, REGION).remove("resize");
            })
            .on(action),
        );
        lab.ask().await.is_whole();
    }
}

#[tokio::test]
async fn an_image_whose_digest_is_not_told_is_a_gap() {
    for resolved in [
        "",
        "no image at all",
        "111122223333.dkr.ecr.eu-central-1.amazonaws.com/apps/web:v1",
        "r.io/web@sha256:12",
    ] {
        let lab = Lab::new().await;
        function(&lab, 1);
        lab.aws.fail(
            Fault::edit(move |answer| answer["Code"]["ResolvedImageUri"] = resolved.into()).on("lambda:GetFunction"),
        );
        let told = lab.ask().await;
        assert_eq!(told.gaps.len(), 1, "{resolved}: {:?}", told.gaps);
        assert!(
            told.gaps[0].starts_with(&format!("{PLACE}: lambda:GetFunction: lambda resize:")),
            "{:?}",
            told.gaps
        );
        // What is told counts.
        assert_eq!(told.users(&lab.ecr().image("apps/web", "v1")).len(), 2);
    }
    let lab = Lab::new().await;
    function(&lab, 1);
    lab.aws
        .fail(Fault::edit(|answer| answer["Code"] = serde_json::Value::Null).on("lambda:GetFunction"));
    assert_eq!(lab.ask().await.gaps.len(), 1);
}
