//! The adapter of ECR: what it lists, reads, deletes and puts back.

use aws_sdk_ecr::types::ImageTagMutability;
use jettison::registry::{ErrorKind, ManifestReference, Removed};
use jettison_core::model::{Digest, RepositoryName, Tag};
use jettison_testkit::images::{Image, Index};

use crate::account::{Account, fetched};
use crate::support::moto::Moto;
use crate::support::moto_ready;

fn name(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_is_listed_looked_up_and_read_byte_by_byte() {
    if !moto_ready() {
        return;
    }
    let account = Account::new(Moto::start());
    for repository in ["apps/web", "apps/api", "base"] {
        account.create(repository, ImageTagMutability::Mutable).await;
    }
    let (single, child) = (Image::new(1).build(), Image::new(2).build());
    let index = Index::new().child(child.clone()).build();
    account.put("apps/web", Some("v1"), &single).await;
    account.put("apps/web", None, &child).await;
    account.put("apps/web", Some("v2"), &index).await;
    let registry = account.registry(account.way_in()).await;
    let web = name("apps/web");

    let all = ["apps/api", "apps/web", "base"].map(name);
    assert_eq!(registry.repositories().await.unwrap(), all);
    assert_eq!(registry.tags(&web).await.unwrap(), [tag("v1"), tag("v2")]);
    let listing = registry.listing(&web).await.unwrap().unwrap();
    assert_eq!(listing.manifests.len(), 3);
    assert_eq!(listing.tags[&tag("v1")].digest, single.digest.parse().unwrap());
    assert!(listing.manifests.values().all(|listed| listed.pushed_at.is_some()));
    for manifest in [&single, &child, &index] {
        let digest: Digest = manifest.digest.parse().unwrap();
        assert_eq!(listing.manifests[&digest].media_type, manifest.media_type);
        let read = registry
            .manifest(&web, &ManifestReference::Digest(digest.clone()))
            .await;
        assert_eq!(read.unwrap().unwrap(), fetched(manifest));
        assert!(registry.exists(&web, &digest).await.unwrap());
    }
    let resolved = registry.resolve(&web, &tag("v2")).await.unwrap();
    assert_eq!(resolved, Some(index.digest.parse().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_told_from_what_cannot_be_told() {
    if !moto_ready() {
        return;
    }
    let account = Account::new(Moto::start());
    account.create("apps/web", ImageTagMutability::Mutable).await;
    account.put("apps/web", Some("v1"), &Image::new(1).build()).await;
    let registry = account.registry(account.way_in()).await;
    let (web, none) = (name("apps/web"), name("apps/none"));
    let absent = Digest::of(b"absent");
    assert_eq!(registry.resolve(&web, &tag("v2")).await.unwrap(), None);
    assert!(!registry.exists(&web, &absent).await.unwrap());
    let read = registry
        .manifest(&web, &ManifestReference::Digest(absent.clone()))
        .await;
    assert_eq!(read.unwrap(), None);
    assert_eq!(
        registry.delete_manifest(&web, &absent).await.unwrap(),
        Removed::AlreadyGone
    );
    assert_eq!(
        registry.delete_tag(&web, &tag("v2")).await.unwrap(),
        Removed::AlreadyGone
    );
    assert_eq!(registry.listing(&none).await.unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(registry.tags(&none).await.unwrap_err().kind, ErrorKind::NotFound);
    // Moto has no addresses of layers: that it cannot say is not that there is none.
    assert!(registry.blob(&web, &absent, 1000).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_is_gone_and_comes_back_as_it_was() {
    if !moto_ready() {
        return;
    }
    let account = Account::new(Moto::start());
    account.create("apps/web", ImageTagMutability::Mutable).await;
    let (old, other) = (Image::new(1).build(), Image::new(2).build());
    let digest = account.put("apps/web", Some("old"), &old).await;
    let kept = account.put("apps/web", Some("kept"), &other).await;
    account.put("apps/web", Some("also"), &other).await;
    let registry = account.registry(account.way_in()).await;
    let web = name("apps/web");

    assert_eq!(registry.delete_manifest(&web, &digest).await.unwrap(), Removed::Now);
    assert!(!registry.exists(&web, &digest).await.unwrap());
    assert_eq!(registry.resolve(&web, &tag("old")).await.unwrap(), None);
    assert_eq!(registry.delete_tag(&web, &tag("also")).await.unwrap(), Removed::Now);
    let last = registry.delete_tag(&web, &tag("kept")).await.unwrap_err();
    assert_eq!(last.kind, ErrorKind::Unsupported);
    assert_eq!(registry.resolve(&web, &tag("kept")).await.unwrap(), Some(kept));

    let by_tag = ManifestReference::Tag(tag("old"));
    registry.put_manifest(&web, &by_tag, &fetched(&old)).await.unwrap();
    let back = registry.manifest(&web, &by_tag).await;
    assert_eq!(back.unwrap().unwrap(), fetched(&old));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_is_immutable_is_not_moved() {
    if !moto_ready() {
        return;
    }
    let account = Account::new(Moto::start());
    account.create("apps/web", ImageTagMutability::Immutable).await;
    let first = account.put("apps/web", Some("v1"), &Image::new(1).build()).await;
    let registry = account.registry(account.way_in()).await;
    let (web, v1) = (name("apps/web"), tag("v1"));
    let second = fetched(&Image::new(2).build());
    let moved = registry.put_manifest(&web, &v1.clone().into(), &second).await;
    assert_eq!(moved.unwrap_err().kind, ErrorKind::Immutable);
    assert_eq!(registry.resolve(&web, &v1).await.unwrap(), Some(first));
}
