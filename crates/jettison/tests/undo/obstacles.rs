//! What stands in the way: collected blobs, tags that moved, registries that refuse.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jettison::output::Face;
use jettison::registry::{
    Aftermath, Connection, DeleteSupport, FetchedManifest, ManifestReference, Referrers, Registry, RegistryError,
    Removed, open,
};
use jettison::restore::{Came, Undoer};
use jettison::store::Store;
use jettison_core::config::Config;
use jettison_core::model::{Capabilities, Digest, RegistryHost, RepositoryName, Tag, Undo};
use jettison_testkit::images::{Cosign, Index, cosign, cosign_tag};
use jettison_testkit::registry::{Effect, Fault, Options};

use crate::common::contents::text;
use crate::world::{WEB, World, counts, image, outcome_of, told};

fn path_of(reference: &str) -> String {
    format!("/v2/{WEB}/manifests/{reference}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_somebody_has_set_since_stays_where_it_is() {
    let world = World::start(Options::default()).await;
    let run = world.apply().await;
    world.push(&["old-1"], &image(50)).await;
    let said = world.desk.run(&["undo", &run, "--yes"]).await.exits(0);
    let name = image(1).digest[..19].to_owned();
    let said = said
        .says(&format!("/{WEB}@{name} (1 manifest)"))
        .says("old-2 (1 manifest)");
    assert!(
        !said.stdout.contains("old-1 (1 manifest)"),
        "that tag is not its own: {}",
        said.stdout
    );
    world.registry.remove_manifest(WEB, &image(1).digest);
    let report = world.undo(&[&run]).await.exits(0).json();
    assert_eq!(world.tag("old-1"), Some(image(50).digest), "theirs");
    assert!(world.has(&image(1)), "back by its digest");
    let moved = &told(&report, &image(1))["moved_tags"][0];
    assert_eq!(
        (&moved["tag"], &moved["digest"]),
        (&"old-1".into(), &image(50).digest.into())
    );
    let said = world.desk.run(&["undo", &run, "--yes"]).await.exits(0);
    said.says("old-1 points to sha256:").says("now, and stays there");
    let again = world.undo(&[&run]).await.exits(0).json();
    assert_eq!(counts(&again), (0, 3, 0), "nothing is left to do for it");
}

/// The tag is set between the look and the PUT.
#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_somebody_sets_meanwhile_stays_where_it_is() {
    let world = World::start(Options::default()).await;
    world.push(&["theirs"], &image(50)).await;
    let run = world.apply().await;
    let theirs = image(50).digest;
    let set = Fault::call(move |registry| assert!(registry.move_tag(WEB, "old-1", &theirs)));
    world
        .registry
        .fail(set.method("PUT").path(&path_of(&image(1).digest)).times(1));
    world.undo(&[&run]).await.exits(0);
    assert_eq!(world.tag("old-1"), Some(image(50).digest));
    assert_eq!(world.tag("old-2"), Some(image(2).digest));
}

/// A layer of a child is gone: nothing of that index comes back, and everything else does.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_with_a_collected_blob_stays_away_whole() {
    for cached in [false, true] {
        let (world, shapes) = World::with_shapes(Options::default()).await;
        let run = world.apply().await;
        let own = &shapes.index.children[0];
        let layer = own.blobs.last().unwrap().digest();
        match cached {
            // A registry that remembers the length of what it has no more: 200, and not a byte.
            true => world.registry.fail(
                Fault::new(Effect::Status {
                    status: 200,
                    retry_after: None,
                    body: Some(String::new()),
                })
                .path(&format!("/v2/{WEB}/blobs/{layer}")),
            ),
            false => assert!(world.registry.remove_blob(WEB, layer)),
        }
        world.registry.clear_requests();
        let report = world.undo(&[&run]).await.exits(4).json();
        assert_eq!(counts(&report), (4, 0, 1), "{report}");
        let index = told(&report, &shapes.index);
        assert_eq!(index["outcome"], "failed");
        for part in [layer, own.digest.as_str(), "garbage collection"] {
            assert!(text(&index["why"]).contains(part), "{index}");
        }
        assert_eq!(outcome_of(index, own), "failed");
        assert_eq!(outcome_of(index, &shapes.signature), "left");
        // The child that it shares with an index which is back came back for that one's sake.
        let shared = &shapes.index.children[2];
        assert_eq!(outcome_of(index, shared), "restored");
        let puts = world.puts();
        for stays_away in [
            &shapes.index,
            own,
            &shapes.index.children[1],
            &shapes.index.children[3],
            &shapes.bundle,
            &shapes.signature,
        ] {
            assert!(!world.has(stays_away));
            assert!(!puts.iter().any(|path| path.ends_with(&stays_away.digest)), "{puts:?}");
        }
        assert!(world.tag("old-index").is_none() && world.tag(&shapes.signature_tag()).is_none());
        world.puller.pull_whole(WEB, "old-other").await.unwrap();
        world.puller.pull_whole(WEB, "old-1").await.unwrap();
        let undo = world.desk.latest_run().await;
        assert_eq!(
            (&undo["status"], &undo["command"]),
            (&"partly-failed".into(), &"undo".into())
        );
        world
            .desk
            .run(&["undo", &run, "--yes"])
            .await
            .exits(4)
            .says("not back:")
            .says(layer);
    }
}

/// Every distinct blob of a repository is asked for once, by its first byte.
#[tokio::test(flavor = "multi_thread")]
async fn each_blob_is_asked_for_once_and_no_layer_is_read() {
    let (world, _) = World::with_shapes(Options::default()).await;
    let run = world.apply().await;
    world.registry.clear_requests();
    world.undo(&[&run]).await.exits(0);
    let mut blobs: Vec<_> = world.registry.requests();
    blobs.retain(|request| request.path.contains("/blobs/"));
    let asked = blobs.len();
    assert!(
        asked > 10 && blobs.iter().all(|request| request.status == Some(206)),
        "{blobs:?}"
    );
    blobs.sort_by(|left, right| left.path.cmp(&right.path));
    blobs.dedup_by(|left, right| left.path == right.path);
    assert_eq!(blobs.len(), asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_with_a_collected_blob_stops_itself_alone() {
    let world = World::start(Options::default()).await;
    let signature = cosign(&image(1).digest, Cosign::Signature);
    let tag = cosign_tag(&image(1).digest, Cosign::Signature);
    world.push(&[&tag], &signature).await;
    let run = world.apply().await;
    assert!(world.registry.remove_blob(WEB, signature.blobs[1].digest()));
    let report = world.undo(&[&run]).await.exits(4).json();
    let told = told(&report, &image(1));
    assert_eq!((counts(&report), &told["outcome"]), ((3, 0, 0), &"restored".into()));
    assert!(text(&told["why"]).contains("attached"), "{told}");
    assert_eq!(outcome_of(told, &signature), "failed");
    world.puller.pull_whole(WEB, "old-1").await.unwrap();
    assert!(!world.has(&signature) && world.tag(&tag).is_none());
}

/// Something attached that lists others comes back whole or not at all, as an image does.
#[tokio::test(flavor = "multi_thread")]
async fn an_attached_index_with_a_collected_blob_stays_away_whole() {
    let world = World::start(Options {
        referrers: true,
        ..Options::default()
    })
    .await;
    let attached = Index::new().subject(&image(1)).children([image(21), image(22)]).build();
    world.push(&[], &attached).await;
    let run = world.apply().await;
    assert!(!world.has(&attached) && !world.has(&image(22)));
    assert!(world.registry.remove_blob(WEB, image(21).blobs[0].digest()));
    let report = world.undo(&[&run]).await.exits(4).json();
    let told = told(&report, &image(1));
    assert_eq!(told["outcome"], "restored");
    assert_eq!(outcome_of(told, &image(21)), "failed");
    assert_eq!(
        (outcome_of(told, &image(22)), outcome_of(told, &attached)),
        ("left".into(), "left".into())
    );
    assert!(world.has(&image(1)) && !world.has(&image(22)) && !world.has(&attached));
}

/// A child that nobody has any more, and of which nobody has the bytes.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_whose_child_is_nowhere_stays_away() {
    let (world, shapes) = World::with_shapes(Options::default()).await;
    world.apply().await;
    // It stayed for the sake of `newer`; somebody else took both.
    world.registry.remove_manifest(WEB, &shapes.newer.digest);
    world.registry.remove_manifest(WEB, &shapes.other.children[1].digest);
    let report = world
        .undo(&[&format!("{{host}}/{WEB}:old-other")])
        .await
        .exits(4)
        .json();
    let why = text(&told(&report, &shapes.other)["why"]);
    assert!(
        why.contains(&shapes.other.children[1].digest) && why.contains("neither in the registry nor in the journal"),
        "{why}"
    );
    assert!(!world.has(&shapes.other) && !world.has(&shapes.other.children[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_or_a_tag_that_is_refused_stops_that_image_alone() {
    for (reference, there) in [(image(2).digest, false), ("old-2".to_owned(), true)] {
        for status in [403, 405, 409, 412, 400] {
            let world = World::start(Options::default()).await;
            let run = world.apply().await;
            world
                .registry
                .fail(Fault::status(status).method("PUT").path(&path_of(&reference)));
            let report = world.undo(&[&run]).await.exits(4).json();
            assert_eq!(counts(&report), (2, 0, 1), "{reference} {status}: {report}");
            assert!(text(&told(&report, &image(2))["why"]).contains(&status.to_string()));
            assert_eq!(
                (world.has(&image(2)), world.tag("old-2")),
                (there, None),
                "{reference} {status}"
            );
            world.puller.pull_whole(WEB, "old-1").await.unwrap();
            world.puller.pull_whole(WEB, "old-3").await.unwrap();
            world.registry.clear_faults();
            world.undo(&[&run]).await.exits(0);
            world.puller.pull_whole(WEB, "old-2").await.unwrap();
        }
    }
}

/// The index is refused: its children are there, and neither a tag nor a signature points to nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_on_a_refused_index_is_not_tried() {
    let (world, shapes) = World::with_shapes(Options::default()).await;
    let run = world.apply().await;
    let refusal = Fault::status(403).method("PUT").path(&path_of(&shapes.index.digest));
    world.registry.fail(refusal);
    let report = world.undo(&[&run]).await.exits(4).json();
    let index = told(&report, &shapes.index);
    assert_eq!(
        (outcome_of(index, &shapes.index), outcome_of(index, &shapes.bundle)),
        ("failed".into(), "left".into())
    );
    assert!(world.tag("old-index").is_none() && world.tag(&shapes.signature_tag()).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_registry_is_told_and_nothing_is_lost() {
    let world = World::start(Options::default()).await;
    let before = world.contents();
    let run = world.apply().await;
    world.registry.set_read_only(true);
    let report = world.undo(&[&run]).await.exits(4).json();
    assert_eq!(counts(&report), (0, 0, 3));
    world.registry.set_read_only(false);
    world.undo(&[&run]).await.exits(0);
    assert_eq!(world.contents(), before);
}

/// In trouble for a moment: each PUT may be sent again, a tag only after another look.
#[tokio::test(flavor = "multi_thread")]
async fn a_registry_in_trouble_is_asked_again() {
    let world = World::start(Options::default()).await;
    let before = world.contents();
    let run = world.apply().await;
    for reference in [image(1).digest.as_str(), "old-1"] {
        world
            .registry
            .fail(Fault::status(503).method("PUT").path(&path_of(reference)).times(1));
    }
    for reference in [image(2).digest.as_str(), "old-2"] {
        let lost = Fault::new(Effect::ResetAfter).method("PUT").path(&path_of(reference));
        world.registry.fail(lost.times(1));
    }
    world.undo(&[&run]).await.exits(0);
    assert_eq!(world.contents(), before);
}

/// A registry that says 201 and stores nothing, or something else.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_accepted_and_not_there_is_a_failure() {
    let accepted = || {
        Fault::new(Effect::Status {
            status: 201,
            retry_after: None,
            body: Some(String::new()),
        })
        .method("PUT")
    };
    for reference in [image(1).digest.as_str(), "old-1"] {
        let world = World::start(Options::default()).await;
        let run = world.apply().await;
        world.registry.fail(accepted().path(&path_of(reference)));
        let store = Store::open(&world.desk.state()).await.unwrap();
        let host: RegistryHost = world.registry.host().parse().unwrap();
        let registries = [(host.clone(), open(&Connection::new(host)).unwrap())].into();
        let undoer = Undoer {
            store: &store,
            registries: &registries,
            config: &Config::default(),
            face: Face::Silent,
            back_within: Duration::from_millis(300),
        };
        let report = undoer.undo(&[run]).await.unwrap();
        assert_eq!((report.restored, report.failed), (2, 1), "{report:?}");
        let failed = report
            .images
            .iter()
            .find(|image| image.outcome == Came::Failed)
            .unwrap();
        assert!(
            failed.why.as_deref().unwrap().contains("later it is not there"),
            "{failed:?}"
        );
    }
}

/// A copy in the journal that rotted is noticed, and stops that image alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_copy_in_the_journal_stops_that_image_alone() {
    let world = World::start(Options::default()).await;
    let run = world.apply().await;
    let store = Store::open(&world.desk.state()).await.unwrap();
    let file = format!("sqlite://{}", store.file().display());
    store.close().await;
    let database = sqlx::SqlitePool::connect(&file).await.unwrap();
    let rot = sqlx::query("UPDATE saved_manifest SET bytes = x'7b7d' WHERE digest = $1").bind(image(2).digest);
    assert_eq!(rot.execute(&database).await.unwrap().rows_affected(), 1);
    database.close().await;
    let report = world.undo(&[&run]).await.exits(4).json();
    assert_eq!(counts(&report), (2, 0, 1));
    assert!(text(&told(&report, &image(2))["why"]).contains("damaged"), "{report}");
    world.puller.pull_whole(WEB, "old-1").await.unwrap();
    assert!(!world.has(&image(2)));
}

/// Of a registry that declares no such undo, nothing is even asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_takes_nothing_back_is_not_tried() {
    let world = World::start(Options::default()).await;
    let run = world.apply().await;
    let store = Store::open(&world.desk.state()).await.unwrap();
    let host: RegistryHost = world.registry.host().parse().unwrap();
    for (undo, why) in [(Undo::None, "cannot take back"), (Undo::Native, "by its own means")] {
        let registry: Arc<dyn Registry> = Arc::new(Unasked(host.clone(), undo));
        let registries = [(host.clone(), registry)].into();
        let undoer = Undoer {
            store: &store,
            registries: &registries,
            config: &Config::default(),
            face: Face::Silent,
            back_within: Duration::ZERO,
        };
        let report = undoer.undo(std::slice::from_ref(&run)).await.unwrap();
        assert_eq!((report.restored, report.failed), (0, 3), "{report:?}");
        assert!(
            report
                .images
                .iter()
                .all(|image| image.why.as_deref().unwrap().contains(why)),
            "{report:?}"
        );
    }
}

/// A registry with another undo, of which any question fails the test.
#[derive(Debug)]
struct Unasked(RegistryHost, Undo);

type Answer<T> = Result<T, RegistryError>;

#[async_trait]
impl Registry for Unasked {
    fn host(&self) -> &RegistryHost {
        &self.0
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            undo: self.1,
            ..Capabilities::default()
        }
    }

    fn aftermath(&self) -> Aftermath {
        unreachable!()
    }

    async fn repositories(&self) -> Answer<Vec<RepositoryName>> {
        unreachable!()
    }

    async fn tags(&self, _: &RepositoryName) -> Answer<Vec<Tag>> {
        unreachable!()
    }

    async fn manifest(&self, _: &RepositoryName, _: &ManifestReference) -> Answer<Option<FetchedManifest>> {
        unreachable!()
    }

    async fn resolve(&self, _: &RepositoryName, _: &Tag) -> Answer<Option<Digest>> {
        unreachable!()
    }

    async fn exists(&self, _: &RepositoryName, _: &Digest) -> Answer<bool> {
        unreachable!()
    }

    async fn blob(&self, _: &RepositoryName, _: &Digest, _: u64) -> Answer<Option<Bytes>> {
        unreachable!()
    }

    async fn is_readable(&self, _: &RepositoryName, _: &Digest) -> Answer<bool> {
        unreachable!()
    }

    async fn referrers(&self, _: &RepositoryName, _: &Digest) -> Answer<Referrers> {
        unreachable!()
    }

    async fn delete_manifest(&self, _: &RepositoryName, _: &Digest) -> Answer<Removed> {
        unreachable!()
    }

    async fn delete_tag(&self, _: &RepositoryName, _: &Tag) -> Answer<Removed> {
        unreachable!()
    }

    async fn put_manifest(&self, _: &RepositoryName, _: &ManifestReference, _: &FetchedManifest) -> Answer<()> {
        unreachable!()
    }

    async fn probe_deletes(&self, _: &RepositoryName) -> Answer<DeleteSupport> {
        unreachable!()
    }
}
