//! Lists and their pages.

use super::*;
use crate::images::{fallback_tag, notation_signature, referrer, sigstore_bundle};

/// Follows `Link` to the end and collects what `key` lists on every page.
async fn pages(lab: &Lab, first: &str, key: &str) -> Vec<Vec<serde_json::Value>> {
    let mut pages = Vec::new();
    let mut next = Some(first.to_owned());
    while let Some(path) = next {
        assert!(path.starts_with("/v2/"), "relative: {path}");
        let response = lab.get(&path).await;
        let link = header(&response, "link").to_owned();
        next = link
            .strip_prefix('<')
            .and_then(|rest| rest.strip_suffix(">; rel=\"next\""))
            .map(str::to_owned);
        pages.push(json(response).await[key].as_array().unwrap().clone());
    }
    pages
}

async fn with_tags(options: Options, count: usize) -> Lab {
    let tags: Vec<String> = (0..count).map(|number| format!("t{number}")).collect();
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    Lab::with_image(options, &tags).await.0
}

#[tokio::test]
async fn distribution_lists_all_tags_at_once_whatever_is_asked() {
    let lab = with_tags(Options::default(), 5).await;
    let path = format!("/v2/{REPOSITORY}/tags/list?n=2&last=t3");
    let response = lab.get(&path).await;
    assert_eq!(header(&response, "link"), "");
    assert_eq!(json(response).await["tags"].as_array().unwrap().len(), 5);
    let unknown = lab.get("/v2/other/tags/list").await;
    assert_eq!(refusal(unknown).await, (404, "NAME_UNKNOWN".into()));
}

#[tokio::test]
async fn an_emptied_repository_stays_with_null_tags() {
    let (lab, image) = Lab::with_image(Options::default(), &["a"]).await;
    lab.manifest(Method::DELETE, &image.digest).await;
    let path = format!("/v2/{REPOSITORY}/tags/list");
    assert_eq!(json(lab.get(&path).await).await["tags"], serde_json::Value::Null);
    assert_eq!(json(lab.get("/v2/_catalog").await).await["repositories"][0], REPOSITORY);
}

#[tokio::test]
async fn pages_of_tags_end_and_hold_every_tag_once() {
    let lab = with_tags(
        Options {
            page_size: Some(3),
            ..Options::default()
        },
        10,
    )
    .await;
    for (query, sizes) in [
        ("", vec![3, 3, 3, 1]),
        ("?n=5", vec![3, 3, 3, 1]),
        ("?n=2", vec![2; 5]),
        ("?n=0", vec![0]),
    ] {
        let pages = pages(&lab, &format!("/v2/{REPOSITORY}/tags/list{query}"), "tags").await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), sizes, "{query}");
        let mut all: Vec<String> = pages.concat().iter().map(ToString::to_string).collect();
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count, "{query}");
    }
    let after = json(lab.get(&format!("/v2/{REPOSITORY}/tags/list?last=t7")).await).await;
    assert_eq!(after["tags"], serde_json::json!(["t8", "t9"]));
    for query in ["n=x", "cursor=%21"] {
        let response = lab.get(&format!("/v2/{REPOSITORY}/tags/list?{query}")).await;
        assert_eq!(response.status(), 400, "{query}");
    }
}

#[tokio::test]
async fn the_catalogue_always_pages() {
    let lab = Lab::new(Options::default()).await;
    let pusher = Pusher::new(&lab.registry.url()).unwrap();
    for number in 0..250 {
        pusher
            .push(&format!("r{number}"), &["a"], &crate::images::Index::new().build())
            .await
            .unwrap();
    }
    let pages = pages(&lab, "/v2/_catalog", "repositories").await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 50]);
    assert_eq!(
        json(lab.get("/v2/_catalog?n=1000").await).await["repositories"]
            .as_array()
            .unwrap()
            .len(),
        250
    );
    let refused = lab.get("/v2/_catalog?n=1001").await;
    assert_eq!(refusal(refused).await, (400, "PAGINATION_NUMBER_INVALID".into()));
}

#[tokio::test]
async fn referrers_are_listed_filtered_and_paged() {
    let (lab, image) = Lab::with_image(
        Options {
            referrers: true,
            page_size: Some(2),
            ..Options::default()
        },
        &["a"],
    )
    .await;
    let pusher = Pusher::new(&lab.registry.url()).unwrap();
    for referrer in [
        sigstore_bundle(&image, "2026-05-01T00:00:00Z"),
        notation_signature(&image),
        referrer(&image, "application/spdx+json", "x"),
    ] {
        let noted = pusher.push_referrer(REPOSITORY, &referrer).await;
        noted.unwrap();
    }
    assert_eq!(
        lab.registry.tags(REPOSITORY).len(),
        1,
        "OCI-Subject was answered: no fallback tag"
    );
    let path = format!("/v2/{REPOSITORY}/referrers/{}", image.digest);
    assert_eq!(
        pages(&lab, &path, "manifests")
            .await
            .iter()
            .map(Vec::len)
            .collect::<Vec<_>>(),
        [2, 1]
    );
    let filtered = lab
        .get(&format!("{path}?artifactType=application/vnd.cncf.notary.signature"))
        .await;
    assert_eq!(header(&filtered, "oci-filters-applied"), "artifactType");
    assert_eq!(header(&filtered, "content-type"), media_type::INDEX);
    let manifests = json(filtered).await["manifests"].clone();
    assert_eq!(manifests.as_array().unwrap().len(), 1);
    assert_eq!(manifests[0]["artifactType"], "application/vnd.cncf.notary.signature");
    let unknown = json(
        lab.get(&format!("/v2/{REPOSITORY}/referrers/sha256:{}", "0".repeat(64)))
            .await,
    )
    .await;
    assert_eq!(unknown["manifests"], serde_json::json!([]));
}

#[tokio::test]
async fn a_deleted_referrer_is_listed_no_more() {
    let (lab, image) = Lab::with_image(
        Options {
            referrers: true,
            ..Options::default()
        },
        &["a"],
    )
    .await;
    let signature = notation_signature(&image);
    lab.push(&[], &signature).await;
    lab.manifest(Method::DELETE, &signature.digest).await;
    let list = json(lab.get(&format!("/v2/{REPOSITORY}/referrers/{}", image.digest)).await).await;
    assert_eq!(list["manifests"], serde_json::json!([]));
}

#[tokio::test]
async fn without_the_api_referrers_are_listed_under_the_fallback_tag() {
    let (lab, image) = Lab::with_image(Options::default(), &["a"]).await;
    let path = format!("/v2/{REPOSITORY}/referrers/{}", image.digest);
    assert_eq!(lab.get(&path).await.status(), 404);
    let pusher = Pusher::new(&lab.registry.url()).unwrap();
    let bundle = sigstore_bundle(&image, "2026-05-01T00:00:00Z");
    for referrer in [&bundle, &notation_signature(&image), &bundle] {
        pusher.push_referrer(REPOSITORY, referrer).await.unwrap();
    }
    let index = json(lab.manifest(Method::GET, &fallback_tag(&image.digest)).await).await;
    assert_eq!(index["manifests"].as_array().unwrap().len(), 2);
    assert_eq!(index["manifests"][1]["digest"], bundle.digest.as_str());
    assert_eq!(
        index["manifests"][1]["annotations"]["dev.sigstore.bundle.content"],
        "dsse-envelope"
    );
}

#[tokio::test]
async fn the_extensions_are_there_when_asked_for() {
    let options = Options {
        list_untagged: true,
        push_times: true,
        ..Options::default()
    };
    let (lab, image) = Lab::with_image(options, &["a"]).await;
    let untagged = Image::new(2).build();
    lab.push(&[], &untagged).await;
    let digests = json(lab.get(&format!("/v2/{REPOSITORY}/_untagged")).await).await;
    assert_eq!(digests["digests"], serde_json::json!([untagged.digest]));
    lab.registry
        .set_pushed_at(REPOSITORY, &image.digest, "2026-05-01T10:00:00Z".parse().unwrap());
    lab.push(&["a"], &image).await;
    let times = json(lab.get(&format!("/v2/{REPOSITORY}/_times")).await).await;
    assert_eq!(
        times["times"][&image.digest], "2026-05-01T10:00:00Z",
        "a second push does not refresh it"
    );
    let plain = Lab::with_image(Options::default(), &["a"]).await.0;
    for call in ["_untagged", "_times"] {
        assert_eq!(plain.get(&format!("/v2/{REPOSITORY}/{call}")).await.status(), 404);
    }
}

#[tokio::test]
async fn fifty_thousand_tags_are_listed_and_deleted_quickly() {
    let (lab, image) = Lab::with_image(
        Options {
            page_size: Some(1_000),
            ..Options::default()
        },
        &["a"],
    )
    .await;
    for number in 0..50_000 {
        lab.registry
            .move_tag(REPOSITORY, &format!("main-{number:07x}"), &image.digest);
    }
    let start = std::time::Instant::now();
    let pages = pages(&lab, &format!("/v2/{REPOSITORY}/tags/list"), "tags").await;
    assert_eq!(pages.iter().map(Vec::len).sum::<usize>(), 50_001);
    assert_eq!(lab.manifest(Method::DELETE, &image.digest).await.status(), 202);
    assert!(lab.registry.tags(REPOSITORY).is_empty());
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}
