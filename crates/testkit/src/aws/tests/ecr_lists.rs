//! DescribeRepositories, DescribeImages and ListImages.

use aws_sdk_ecr::types::{
    DescribeImagesFilter, ImageIdentifier, ImageStatus, ImageStatusFilter, ListImagesFilter, TagStatus,
};

use super::*;
use crate::images::media_type::{CONFIG, INDEX, MANIFEST};
use crate::images::{Blob, Cosign, Index, cosign, cosign_tag, sigstore_bundle};

#[tokio::test]
async fn images_come_in_pages_of_100_unless_up_to_1000_are_asked_for() {
    let lab = Lab::new().await;
    lab.registry().fill(REPOSITORY, 250, |_| time("2026-01-01T00:00:00Z"));
    for (size, pages) in [
        (None, vec![100, 100, 50]),
        (Some(120), vec![120, 120, 10]),
        (Some(250), vec![250]),
        (Some(1000), vec![250]),
    ] {
        let (mut found, mut seen, mut token) = (Vec::new(), Vec::new(), None);
        loop {
            let call = lab
                .ecr()
                .describe_images()
                .repository_name(REPOSITORY)
                .set_max_results(size);
            let page = call.set_next_token(token).send().await.unwrap();
            found.push(page.image_details().len());
            seen.extend(
                page.image_details()
                    .iter()
                    .map(|image| image.image_digest().unwrap().to_owned()),
            );
            token = page.next_token().map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
        seen.sort();
        seen.dedup();
        assert_eq!((found, seen.len()), (pages, 250), "{size:?}");
    }
    for size in [0, 1001] {
        let call = lab
            .ecr()
            .describe_images()
            .repository_name(REPOSITORY)
            .max_results(size);
        assert_eq!(
            code(&call.send().await.unwrap_err()),
            "InvalidParameterException",
            "{size}"
        );
    }
}

#[tokio::test]
async fn a_token_is_opaque_and_good_for_its_own_list_alone() {
    let lab = Lab::new().await;
    for repository in [REPOSITORY, "apps/api"] {
        lab.registry().fill(repository, 2, |_| time("2026-01-01T00:00:00Z"));
    }
    let ecr = lab.ecr();
    let page = ecr
        .list_images()
        .repository_name(REPOSITORY)
        .max_results(1)
        .send()
        .await
        .unwrap();
    let token = page.next_token().unwrap();
    assert!(!token.contains("sha256"), "{token}");
    let other = ecr
        .list_images()
        .repository_name("apps/api")
        .next_token(token)
        .send()
        .await;
    assert_eq!(code(&other.unwrap_err()), "InvalidParameterException");
    let other = ecr
        .describe_images()
        .repository_name(REPOSITORY)
        .next_token(token)
        .send()
        .await;
    assert_eq!(code(&other.unwrap_err()), "InvalidParameterException");
    let other = ecr
        .list_images()
        .repository_name(REPOSITORY)
        .next_token("guess")
        .send()
        .await;
    assert_eq!(code(&other.unwrap_err()), "InvalidParameterException");
}

#[tokio::test]
async fn images_asked_for_by_name_are_at_most_100_come_in_no_pages_and_all_have_to_be_there() {
    let (lab, image) = Lab::with_image(&["v1", "latest"]).await;
    let describe = || lab.ecr().describe_images().repository_name(REPOSITORY);
    let found = describe()
        .image_ids(by_tag("v1"))
        .image_ids(by_digest(&image.digest))
        .send()
        .await
        .unwrap();
    let digests: Vec<_> = found
        .image_details()
        .iter()
        .map(|found| found.image_digest().unwrap())
        .collect();
    assert_eq!(digests, [&image.digest, &image.digest]);
    assert_eq!(found.image_details()[0].image_tags(), ["latest", "v1"]);

    let paged = describe().image_ids(by_tag("v1")).max_results(10).send().await;
    assert_eq!(code(&paged.unwrap_err()), "InvalidParameterException");
    let many = describe().set_image_ids(Some(vec![by_tag("v1"); 101])).send().await;
    assert_eq!(code(&many.unwrap_err()), "InvalidParameterException");
    let missing = describe().image_ids(by_tag("v1")).image_ids(by_tag("v2")).send().await;
    assert_eq!(code(&missing.unwrap_err()), "ImageNotFoundException");
    let nowhere = lab.ecr().describe_images().repository_name("apps/none").send().await;
    assert_eq!(code(&nowhere.unwrap_err()), "RepositoryNotFoundException");
}

#[tokio::test]
async fn what_is_archived_or_on_its_way_back_shows_only_if_it_is_asked_for() {
    let lab = Lab::new().await;
    let images = [1, 2, 3].map(|seed| Image::new(seed).build());
    for (image, tag) in images.iter().zip(["active", "archived", "activating"]) {
        lab.registry().push(REPOSITORY, &[tag], image);
    }
    lab.registry().archive(REPOSITORY, &images[1].digest);
    lab.registry().archive(REPOSITORY, &images[2].digest);
    let restore = lab
        .ecr()
        .update_image_storage_class()
        .repository_name(REPOSITORY)
        .image_id(by_tag("activating"));
    restore.target_storage_class("STANDARD".into()).send().await.unwrap();
    for (status, expected) in [
        (None, vec!["active"]),
        (Some(ImageStatusFilter::Active), vec!["active"]),
        (Some(ImageStatusFilter::Archived), vec!["archived"]),
        (Some(ImageStatusFilter::Activating), vec!["activating"]),
        (Some(ImageStatusFilter::Any), vec!["activating", "active", "archived"]),
    ] {
        let filter = DescribeImagesFilter::builder().set_image_status(status.clone()).build();
        let described = lab
            .ecr()
            .describe_images()
            .repository_name(REPOSITORY)
            .filter(filter)
            .send()
            .await
            .unwrap();
        let mut tags: Vec<_> = described
            .image_details()
            .iter()
            .flat_map(|image| image.image_tags())
            .collect();
        tags.sort();
        assert_eq!(tags, expected, "described: {status:?}");
        let filter = ListImagesFilter::builder().set_image_status(status.clone()).build();
        let listed = lab
            .ecr()
            .list_images()
            .repository_name(REPOSITORY)
            .filter(filter)
            .send()
            .await
            .unwrap();
        let mut tags: Vec<_> = listed.image_ids().iter().map(|id| id.image_tag().unwrap()).collect();
        tags.sort_unstable();
        assert_eq!(tags, expected, "listed: {status:?}");
    }
}

#[tokio::test]
async fn a_list_has_a_row_for_each_tag_and_one_for_an_image_without() {
    let lab = Lab::new().await;
    let (tagged, untagged) = (Image::new(1).build(), Image::new(2).build());
    lab.registry().push(REPOSITORY, &["v1", "latest"], &tagged);
    lab.registry().push(REPOSITORY, &[], &untagged);
    let row = |digest: &str, tag: Option<&str>| {
        ImageIdentifier::builder()
            .image_digest(digest)
            .set_image_tag(tag.map(str::to_owned))
            .build()
    };
    let of_tagged = vec![row(&tagged.digest, Some("latest")), row(&tagged.digest, Some("v1"))];
    let of_untagged = vec![row(&untagged.digest, None)];
    let all = [of_tagged.clone(), of_untagged.clone()].concat();
    for (status, expected) in [
        (TagStatus::Tagged, of_tagged),
        (TagStatus::Untagged, of_untagged),
        (TagStatus::Any, all),
    ] {
        let filter = ListImagesFilter::builder().tag_status(status.clone()).build();
        // Pages break between the tags of one image.
        let pages = lab
            .ecr()
            .list_images()
            .repository_name(REPOSITORY)
            .filter(filter)
            .max_results(1);
        let mut rows = pages.into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(row) = rows.next().await {
            found.push(row.unwrap());
        }
        found.sort_by_key(|row| (row.image_tag.is_none(), row.image_tag.clone()));
        assert_eq!(found, expected, "{status:?}");
    }
}

#[tokio::test]
async fn a_detail_tells_type_size_times_and_subject() {
    let lab = Lab::new().await;
    lab.aws.set_now(time("2026-03-01T10:00:00.250Z"));
    let image = |seed, size| Image::new(seed).layer(Blob::random(seed, size)).build();
    let (small, large) = (image(1, 1000), image(2, 5000));
    let size = |manifest: &Manifest| manifest.blobs.iter().map(|blob| blob.bytes().len() as i64).sum::<i64>();
    let index = Index::new().children([small.clone(), large.clone()]).build();
    let bundle = sigstore_bundle(&index, BUILT);
    let signature = cosign(&index.digest, Cosign::Signature);
    lab.registry().push(REPOSITORY, &["v1"], &index);
    lab.registry().push(REPOSITORY, &[], &bundle);
    lab.registry()
        .push(REPOSITORY, &[&cosign_tag(&index.digest, Cosign::Signature)], &signature);
    for (manifest, media_type, artifact, bytes, subject) in [
        (&small, MANIFEST, Some(CONFIG), size(&small), None),
        // As documented, an index has the size of its largest manifest.
        (&index, INDEX, None, size(&large), None),
        (
            &bundle,
            MANIFEST,
            bundle.artifact_type.as_deref(),
            size(&bundle),
            Some(index.digest.as_str()),
        ),
        (&signature, MANIFEST, Some(CONFIG), size(&signature), None),
    ] {
        let found = lab
            .ecr()
            .describe_images()
            .repository_name(REPOSITORY)
            .image_ids(by_digest(&manifest.digest));
        let found = found.send().await.unwrap();
        let found = &found.image_details()[0];
        assert_eq!(found.image_manifest_media_type(), Some(media_type));
        assert_eq!(found.artifact_media_type(), artifact);
        assert_eq!(found.image_size_in_bytes(), Some(bytes));
        assert_eq!(found.subject_manifest_digest(), subject);
        assert_eq!(found.image_status(), Some(&ImageStatus::Active));
        assert_eq!(
            found.image_pushed_at().unwrap().to_millis().unwrap(),
            lab.aws.now().as_millisecond()
        );
        assert_eq!(
            (found.last_recorded_pull_time(), found.registry_id()),
            (None, Some(ACCOUNT))
        );
    }
    // No field tells the parents of a child.
    let listed = lab
        .ecr()
        .describe_images()
        .repository_name(REPOSITORY)
        .send()
        .await
        .unwrap();
    let untagged = listed
        .image_details()
        .iter()
        .filter(|image| image.image_tags.is_none())
        .count();
    assert_eq!((listed.image_details().len(), untagged), (5, 3));
}

#[tokio::test]
async fn repositories_come_in_pages_or_by_name() {
    let lab = Lab::new().await;
    for name in ["apps/api", "apps/web", "base"] {
        lab.registry().create(name);
    }
    lab.registry()
        .set_mutability("base", "IMMUTABLE_WITH_EXCLUSION", &["latest*"]);
    let first = lab.ecr().describe_repositories().max_results(2).send().await.unwrap();
    assert_eq!(first.repositories().len(), 2);
    let second = lab
        .ecr()
        .describe_repositories()
        .next_token(first.next_token().unwrap())
        .send()
        .await
        .unwrap();
    let base = &second.repositories()[0];
    assert_eq!(base.repository_name(), Some("base"));
    assert_eq!(
        base.repository_uri(),
        Some("111122223333.dkr.ecr.eu-central-1.amazonaws.com/base")
    );
    assert_eq!(
        base.repository_arn(),
        Some("arn:aws:ecr:eu-central-1:111122223333:repository/base")
    );
    assert_eq!(
        base.image_tag_mutability().unwrap().as_str(),
        "IMMUTABLE_WITH_EXCLUSION"
    );
    assert_eq!(base.image_tag_mutability_exclusion_filters()[0].filter(), "latest*");
    assert_eq!(second.next_token(), None);
    let named = lab
        .ecr()
        .describe_repositories()
        .repository_names("apps/web")
        .send()
        .await
        .unwrap();
    assert_eq!(named.repositories().len(), 1);
    let paged = lab
        .ecr()
        .describe_repositories()
        .repository_names("base")
        .max_results(5)
        .send()
        .await;
    assert_eq!(code(&paged.unwrap_err()), "InvalidParameterException");
    let missing = lab.ecr().describe_repositories().repository_names("none").send().await;
    assert_eq!(code(&missing.unwrap_err()), "RepositoryNotFoundException");
    let registry = lab.ecr().describe_registry().send().await.unwrap();
    assert_eq!(registry.registry_id(), Some(ACCOUNT));
}

#[tokio::test]
async fn a_paginator_walks_through_a_filled_repository() {
    let lab = Lab::new().await;
    let count = 2_000;
    lab.registry().fill(REPOSITORY, count, |number| {
        time("2026-01-01T00:00:00Z") + jiff::SignedDuration::from_secs(number as i64)
    });
    let pages = lab
        .ecr()
        .describe_images()
        .repository_name(REPOSITORY)
        .max_results(1000)
        .into_paginator();
    let mut rows = pages.items().send();
    let mut found = 0;
    while let Some(row) = rows.next().await {
        found += row.unwrap().image_tags().len();
    }
    assert_eq!((found, lab.aws.count("ecr:DescribeImages")), (count, count / 1000));
}
