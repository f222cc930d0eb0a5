//! Tags that go before their manifests, and come back with what has to stay.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jettison::apply::Happened;
use jettison::store::RunStatus;
use jettison_testkit::images::{Cosign, Image, Index, cosign, cosign_tag};
use jettison_testkit::registry::{Effect, Fault, Options};

use crate::common::contents::Contents;
use crate::inside::{Inside, of_manifest, outcome_of};
use crate::world::{WEB, World, image};

const SECOND: Duration = Duration::from_secs(1);

/// `keep`; `old-1` with a second tag, `old-2` and `old-3`.
async fn start(delete_tag: bool) -> World {
    let world = World::start(Options {
        delete_tag,
        ..Options::default()
    })
    .await;
    world.push(&["old-one"], &image(1)).await;
    world
}

fn path(reference: &str) -> String {
    format!("/v2/{WEB}/manifests/{reference}")
}

/// The references of the DELETE requests that were carried out, in order.
fn deleted(world: &World) -> Vec<String> {
    let path = path("");
    world
        .deletes()
        .iter()
        .map(|deleted| deleted[path.len()..].to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tag_goes_before_any_manifest() {
    let world = start(true).await;
    let inside = Inside::tags_first(&world).await;
    let after = Contents::of(&world.registry).without(&serde_json::to_value(&inside.plan).unwrap());
    let report = inside.apply(&world, SECOND).await;
    assert_eq!((report.deleted, report.failed), (3, 0));
    assert_eq!(Contents::of(&world.registry), after);
    let order = deleted(&world);
    let kinds: Vec<bool> = order.iter().map(|reference| reference.starts_with("sha256:")).collect();
    assert_eq!(kinds, [false, false, false, false, true, true, true], "{order:?}");
    inside.expect_settled().await;
}

/// Where single tags cannot be removed, or too few go, the manifests take their tags along.
#[tokio::test(flavor = "multi_thread")]
async fn where_it_is_not_cheaper_no_tag_goes_first() {
    for delete_tag in [true, false] {
        let world = start(delete_tag).await;
        let inside = match delete_tag {
            true => Inside::of(&world).await,
            false => Inside::tags_first(&world).await,
        };
        assert_eq!(inside.apply(&world, SECOND).await.deleted, 3);
        assert!(deleted(&world).iter().all(|reference| reference.starts_with("sha256:")));
    }
}

/// Every other tag of it is put back.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_whose_tag_moves_meanwhile_gets_the_others_back() {
    let world = start(true).await;
    world.push(&["new"], &image(9)).await;
    let inside = Inside::tags_first(&world).await;
    let moves = Fault::call(|registry| assert!(registry.move_tag(WEB, "old-one", &image(9).digest)));
    world.registry.fail(moves.method("DELETE").path(&path("old-1")));
    // Not only in the end: the manifests of a large repository may take an hour.
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sees = Arc::clone(&seen);
    let looks = Fault::call(move |registry| sees.lock().unwrap().push(registry.tags(WEB).contains_key("old-1")));
    world
        .registry
        .fail(looks.method("DELETE").path(&path("sha256:*")).skip(1));
    let report = inside.apply(&world, SECOND).await;
    let (outcome, why) = outcome_of(&report, 1);
    assert_eq!((outcome, report.deleted), (Happened::Failed, 2), "{why}");
    assert!(why.contains("old-one was moved") && why.contains("put back"), "{why}");
    let tags = world.registry.tags(WEB);
    assert_eq!((&tags["old-1"], &tags["old-one"]), (&image(1).digest, &image(9).digest));
    assert_eq!(*seen.lock().unwrap(), [true, true]);
    let run = inside.store.run(report.run.as_str()).await.unwrap().unwrap();
    let said = format!(
        "{:?}",
        run.entries.iter().map(|entry| entry.outcome()).collect::<Vec<_>>()
    );
    assert!(said.contains("put back"), "the journal says so: {said}");
    inside.expect_settled().await;
}

/// The next run would not find them in the journal.
#[tokio::test(flavor = "multi_thread")]
async fn when_the_store_is_taken_away_in_between_all_that_stands_gets_its_tags_back() {
    // While the tags go, and while the manifests go.
    for (at, some_went) in [("old-*", false), ("sha256:*", true)] {
        let world = start(true).await;
        for number in 4..=20 {
            world.push(&[&format!("old-{number}")], &image(number)).await;
        }
        let inside = Inside::tags_first(&world).await;
        let before = world.registry.tags(WEB);
        let state = world.desk.state();
        let taken_away = Fault::call(move |_| std::fs::remove_dir_all(&state).unwrap());
        world
            .registry
            .fail(taken_away.method("DELETE").path(&path(at)).skip(3).times(1));
        let error = inside.try_apply(&world, SECOND).await.unwrap_err();
        assert!(error.to_string().contains("was deleted or replaced"), "{error}");
        let there = world.registry.manifests(WEB);
        let mut after = before.clone();
        after.retain(|_, digest| there.contains(digest));
        assert!(after.len() > 1);
        assert_eq!(after.len() < before.len(), some_went, "what went stays away: {there:?}");
        assert_eq!(world.registry.tags(WEB), after, "{at}");
    }
}

/// A tag that points to it again was set by somebody, who wants it.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_tagged_again_stays_with_all_its_tags() {
    let last_look = |world: &World, again: Fault| {
        let list = format!("/v2/{WEB}/tags/list");
        world.registry.fail(again.path(&list).skip(1).times(1));
    };
    let right_before = |world: &World, again: Fault| {
        world
            .registry
            .fail(again.method("HEAD").path(&path("old-1")).skip(2).times(1));
    };
    for when in [last_look as fn(&World, Fault), right_before] {
        let world = start(true).await;
        let inside = Inside::tags_first(&world).await;
        let again = Fault::call(|registry| assert!(registry.move_tag(WEB, "old-1", &image(1).digest)));
        when(&world, again);
        let report = inside.apply(&world, SECOND).await;
        let (outcome, why) = outcome_of(&report, 1);
        assert_eq!((outcome, report.deleted), (Happened::Failed, 2), "{why}");
        assert!(why.contains("old-1 points to it"), "{why}");
        let tags = world.registry.tags(WEB);
        assert_eq!((&tags["old-1"], &tags["old-one"]), (&image(1).digest, &image(1).digest));
        inside.expect_settled().await;
    }
}

/// The index above it stays as well, although it would have gone first.
#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_is_tagged_again_keeps_its_index() {
    let world = start(true).await;
    let child = Image::new(10).created("2025-01-01T00:00:00Z").build();
    let index = Index::new().child(child.clone()).build();
    world.push(&["old-index"], &index).await;
    world.push(&["old-child"], &child).await;
    let inside = Inside::tags_first(&world).await;
    let digest = child.digest.clone();
    let again = Fault::call(move |registry| assert!(registry.move_tag(WEB, "old-child", &digest)));
    let list = format!("/v2/{WEB}/tags/list");
    world.registry.fail(again.path(&list).skip(1).times(1));
    let report = inside.apply(&world, SECOND).await;
    assert_eq!((report.deleted, report.failed, report.left), (3, 1, 1), "{report:?}");
    let tags: Vec<String> = world.registry.tags(WEB).into_keys().collect();
    assert_eq!(tags, ["keep", "old-child", "old-index"]);
    world.puller.pull_whole(WEB, "old-index").await.unwrap();
}

/// Some registries take the tag of a signature away together with that of its image.
#[tokio::test(flavor = "multi_thread")]
async fn a_signature_whose_tag_went_along_gets_it_back() {
    let world = start(true).await;
    let tag = cosign_tag(&image(2).digest, Cosign::Signature);
    world.push(&[&tag], &cosign(&image(2).digest, Cosign::Signature)).await;
    let inside = Inside::tags_first(&world).await;
    let signature = tag.clone();
    let cascades = Fault::call(move |registry| assert!(registry.remove_tag(WEB, &signature)));
    world
        .registry
        .fail(cascades.method("DELETE").path(&path("old-2")).times(1));
    world
        .registry
        .fail(Fault::status(403).method("DELETE").path(&path(&image(2).digest)));
    let report = inside.apply(&world, SECOND).await;
    assert_eq!((report.deleted, report.failed, report.left), (2, 1, 1), "{report:?}");
    let tags: Vec<String> = world.registry.tags(WEB).into_keys().collect();
    assert_eq!(tags, ["keep".to_owned(), "old-2".to_owned(), tag]);
}

/// A refusal of one manifest, and of an index: what belongs to it stays as it was, its signature too.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_deleted_gets_its_tags_back_and_so_does_what_belongs_to_it() {
    let world = start(true).await;
    let child = Image::new(10).created("2025-01-01T00:00:00Z").build();
    let index = Index::new().child(child.clone()).build();
    world.push(&["old-index"], &index).await;
    world.push(&["old-child"], &child).await;
    let signature = cosign(&index.digest, Cosign::Signature);
    world
        .push(&[&cosign_tag(&index.digest, Cosign::Signature)], &signature)
        .await;
    let before = world.registry.tags(WEB);
    let inside = Inside::tags_first(&world).await;
    assert_eq!(inside.plan.actions.len(), 6);
    for refused in [&index, &image(1)] {
        world
            .registry
            .fail(Fault::status(403).method("DELETE").path(&path(&refused.digest)));
    }
    let report = inside.apply(&world, SECOND).await;
    assert_eq!((report.failed, report.left, report.deleted), (2, 2, 2), "{report:?}");
    for manifest in [&index, &child, &signature, &image(1)] {
        let (_, why) = of_manifest(&report, manifest);
        assert!(world.has(manifest) && why.contains("put back"), "{why}");
    }
    let mut expected = before;
    expected.retain(|tag, _| !matches!(tag.as_str(), "old-2" | "old-3"));
    assert_eq!(world.registry.tags(WEB), expected);
    inside.expect_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_whose_tag_removal_is_accepted_and_ignored_stays() {
    let world = start(true).await;
    let inside = Inside::tags_first(&world).await;
    world
        .registry
        .fail(Fault::new(Effect::DeleteIgnored).method("DELETE").path(&path("old-1")));
    let report = inside.apply(&world, SECOND).await;
    assert_eq!((report.failed, report.deleted), (1, 2), "{report:?}");
    let tags: Vec<String> = world.registry.tags(WEB).into_keys().collect();
    assert_eq!(tags, ["keep", "old-1", "old-one"]);
}

/// Some registries let a manifest go with its last tag: the first one shows it, and the others go the usual way.
#[tokio::test(flavor = "multi_thread")]
async fn where_a_manifest_goes_with_its_last_tag_the_others_go_the_usual_way() {
    let world = start(true).await;
    let inside = Inside::tags_first(&world).await;
    for seed in 1..=3 {
        let takes_all = Fault::call(move |registry| {
            registry.remove_manifest(WEB, &image(seed).digest);
        });
        world
            .registry
            .fail(takes_all.method("DELETE").path(&path(&format!("old-{seed}"))));
    }
    let report = inside.apply(&world, SECOND).await;
    assert_eq!((report.deleted, report.failed), (3, 0), "{report:?}");
    assert_eq!(world.registry.manifests(WEB), [image(0).digest]);
    let order = world
        .registry
        .requests()
        .into_iter()
        .filter(|request| request.method == "DELETE");
    let tags = order.filter(|request| request.path.starts_with(&path("old-")));
    assert!(tags.count() <= 2, "the tags of one image at most");
}

/// That must never be overlooked, and never be forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn tags_that_cannot_be_put_back_are_told_and_put_back_by_the_next() {
    let world = start(true).await;
    let before = world.registry.tags(WEB);
    let inside = Inside::tags_first(&world).await;
    world
        .registry
        .fail(Fault::status(403).method("DELETE").path(&path("sha256:*")).skip(1));
    world.registry.fail(Fault::status(403).method("PUT"));
    let report = inside.apply(&world, SECOND).await;
    assert_eq!(
        (report.failed, report.status),
        (3, RunStatus::PartlyFailed),
        "{report:?}"
    );
    for seed in 1..=3 {
        let (_, why) = outcome_of(&report, seed);
        let named = why.contains("ATTENTION") && why.contains(&format!("old-{seed}"));
        assert!(
            named && why.contains(&image(seed).digest) && why.contains("jettison undo"),
            "{why}"
        );
    }
    assert_eq!(world.registry.tags(WEB).len(), 1);
    world.registry.clear_faults();
    let settled = inside.settle().await;
    assert_eq!(settled.runs[0].put_back, 3);
    assert_eq!(world.registry.tags(WEB), before);
    inside.expect_settled().await;
}
