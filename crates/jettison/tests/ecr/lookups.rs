//! Looking up by tag and digest: a hundred a call, and no pull.

use futures_util::future::join_all;
use jettison::registry::ErrorKind;
use jettison_core::model::{Digest, Tag};
use jettison_testkit::aws::Fault;

use crate::lab::{Lab, REPOSITORY, digest, image, kind, repository, tag};

/// With images under the tags `main-0000000` and so on.
async fn filled(count: usize) -> (Lab, Vec<Tag>) {
    let lab = Lab::new().await;
    let now = lab.aws.now();
    lab.ecr().fill(REPOSITORY, count, |_| now);
    let tags = (0..count).map(|number| tag(&format!("main-{number:07}"))).collect();
    (lab, tags)
}

impl Lab {
    async fn resolve_all(&self, tags: &[Tag]) -> Vec<Option<Digest>> {
        let name = repository();
        let asked = join_all(tags.iter().map(|tag| self.registry.resolve(&name, tag))).await;
        asked.into_iter().map(Result::unwrap).collect()
    }
}

#[tokio::test]
async fn who_looks_at_the_same_time_shares_calls_of_at_most_a_hundred() {
    let (lab, tags) = filled(250).await;
    let known = lab.ecr().tags(REPOSITORY);
    let found = lab.resolve_all(&tags).await;
    for (tag, digest) in tags.iter().zip(&found) {
        assert_eq!(digest.as_ref().map(Digest::to_string).as_ref(), known.get(tag.as_str()));
    }
    let asked = lab.asked("ecr:DescribeImages");
    let sizes: Vec<usize> = asked
        .iter()
        .map(|call| call["imageIds"].as_array().unwrap().len())
        .collect();
    assert_eq!((sizes.len(), sizes.iter().sum::<usize>()), (3, 250), "{sizes:?}");
    assert!(sizes.iter().all(|size| *size <= 100));
    assert!(
        asked.iter().all(|call| call["filter"]["imageStatus"] == "ANY"),
        "archived ones are there too"
    );
    assert_eq!(lab.count("ecr:BatchGetImage"), 0, "a look is no pull");
}

#[tokio::test]
async fn what_is_missing_among_others_is_found_out_with_few_calls() {
    let (lab, mut tags) = filled(99).await;
    tags.insert(50, tag("nobody"));
    let found = lab.resolve_all(&tags).await;
    assert!(
        found
            .iter()
            .zip(&tags)
            .all(|(digest, name)| digest.is_some() == (*name != tag("nobody")))
    );
    // All, its ten parts, the ten of one of these, and one twice.
    assert_eq!(lab.count("ecr:DescribeImages"), 1 + 10 + 10 + 1);
    let gone: Vec<Digest> = (0..100_u8).map(|number| Digest::of(&[number])).collect();
    let name = repository();
    let there = join_all(gone.iter().map(|digest| lab.registry.exists(&name, digest))).await;
    assert!(there.into_iter().all(|there| there == Ok(false)));
}

#[tokio::test]
async fn what_is_not_there_is_asked_for_twice() {
    let (lab, image) = Lab::with_image(&["v1"]).await;
    let name = repository();
    assert!(!lab.registry.exists(&name, &Digest::of(b"nothing")).await.unwrap());
    assert_eq!(lab.count("ecr:DescribeImages"), 2);
    for code in ["ImageNotFoundException", "RepositoryNotFoundException"] {
        lab.aws.fail(Fault::error(400, code).on("ecr:DescribeImages").times(1));
        assert!(lab.registry.exists(&name, &image).await.unwrap(), "{code}");
    }
    let elsewhere = "no/where".parse().unwrap();
    assert_eq!(lab.registry.resolve(&elsewhere, &tag("v1")).await, Ok(None));
    assert_eq!(lab.registry.manifest(&elsewhere, &tag("v1").into()).await, Ok(None));
}

#[tokio::test]
async fn a_failure_of_one_part_is_not_that_of_the_others() {
    let (lab, mut tags) = filled(99).await;
    tags.push(tag("nobody"));
    lab.aws.fail(
        Fault::error(400, "AccessDeniedException")
            .on("ecr:DescribeImages")
            .about("main-0000003")
            .skip(1),
    );
    let name = repository();
    let found = join_all(tags.iter().map(|tag| lab.registry.resolve(&name, tag))).await;
    let (failed, fine): (Vec<_>, Vec<_>) = found.into_iter().partition(Result::is_err);
    assert!(!failed.is_empty() && failed.len() <= 10, "{}", failed.len());
    assert!(failed.into_iter().all(|result| kind(result) == ErrorKind::Forbidden));
    assert_eq!(fine.into_iter().filter(|result| *result == Ok(None)).count(), 1);
}

#[tokio::test]
async fn a_tag_is_where_it_is_now() {
    let (lab, first) = Lab::with_image(&["latest"]).await;
    let name = repository();
    assert_eq!(
        lab.registry.resolve(&name, &tag("latest")).await,
        Ok(Some(first.clone()))
    );
    lab.ecr().push(REPOSITORY, &["latest"], &image(2));
    assert_eq!(
        lab.registry.resolve(&name, &tag("latest")).await,
        Ok(Some(digest(&image(2))))
    );
    assert_eq!(
        lab.registry.exists(&name, &first).await,
        Ok(true),
        "untagged, and there"
    );
}
