//! What a plan archives: asked about again like a deletion, in the plan's order, never deleted instead, and brought back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jettison::apply::Happened;
use jettison::output::Face;
use jettison::registry::{
    Aftermath, DeleteSupport, ErrorKind, FetchedManifest, ManifestReference, Referrers, Registry, RegistryError,
    Removed,
};
use jettison::restore::Undoer;
use jettison::store::Action;
use jettison_core::model::{Capabilities, Digest, RegistryHost, RepositoryName, Tag};
use jettison_core::plan::ActionKind;
use jettison_testkit::images::{Image, Index, Manifest};
use jettison_testkit::registry::Options;

use crate::inside::{Inside, of_manifest};
use crate::world::{WEB, World, image};

type Answer<T> = Result<T, RegistryError>;

/// A registry with an archive.
#[derive(Debug)]
struct Archiving {
    registry: Arc<dyn Registry>,
    /// What was asked for: `+` to archive, `-` to bring back.
    asked: Arc<Mutex<Vec<(char, Digest)>>>,
    /// What it fails to archive so many times, and how.
    fails: Mutex<BTreeMap<Digest, (u32, ErrorKind)>>,
}

impl Archiving {
    fn ask(&self, what: char, digest: &Digest) -> Answer<()> {
        self.asked.lock().unwrap().push((what, digest.clone()));
        match self.fails.lock().unwrap().get_mut(digest) {
            Some((left @ 1.., kind)) => {
                *left -= 1;
                Err(RegistryError {
                    kind: *kind,
                    registry: self.host().clone(),
                    operation: "archive".to_owned(),
                    status: None,
                    detail: "told to fail".to_owned(),
                    advised: false,
                })
            }
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Registry for Archiving {
    fn host(&self) -> &RegistryHost {
        self.registry.host()
    }

    fn capabilities(&self) -> Capabilities {
        self.registry.capabilities()
    }

    fn aftermath(&self) -> Aftermath {
        self.registry.aftermath()
    }

    async fn repositories(&self) -> Answer<Vec<RepositoryName>> {
        self.registry.repositories().await
    }

    async fn tags(&self, name: &RepositoryName) -> Answer<Vec<Tag>> {
        self.registry.tags(name).await
    }

    async fn manifest(&self, name: &RepositoryName, of: &ManifestReference) -> Answer<Option<FetchedManifest>> {
        self.registry.manifest(name, of).await
    }

    async fn resolve(&self, name: &RepositoryName, tag: &Tag) -> Answer<Option<Digest>> {
        self.registry.resolve(name, tag).await
    }

    async fn exists(&self, name: &RepositoryName, digest: &Digest) -> Answer<bool> {
        self.registry.exists(name, digest).await
    }

    async fn blob(&self, name: &RepositoryName, digest: &Digest, most: u64) -> Answer<Option<Bytes>> {
        self.registry.blob(name, digest, most).await
    }

    async fn is_readable(&self, _: &RepositoryName, _: &Digest) -> Answer<bool> {
        // What lies in the archive cannot be read.
        Ok(false)
    }

    async fn referrers(&self, name: &RepositoryName, digest: &Digest) -> Answer<Referrers> {
        self.registry.referrers(name, digest).await
    }

    async fn delete_manifest(&self, name: &RepositoryName, digest: &Digest) -> Answer<Removed> {
        self.registry.delete_manifest(name, digest).await
    }

    async fn delete_tag(&self, name: &RepositoryName, tag: &Tag) -> Answer<Removed> {
        self.registry.delete_tag(name, tag).await
    }

    async fn archive(&self, _: &RepositoryName, digest: &Digest) -> Answer<()> {
        self.ask('+', digest)
    }

    async fn unarchive(&self, _: &RepositoryName, digest: &Digest) -> Answer<()> {
        self.ask('-', digest)
    }

    async fn put_manifest(&self, _: &RepositoryName, _: &ManifestReference, _: &FetchedManifest) -> Answer<()> {
        unreachable!("nothing is put where nothing was deleted")
    }

    async fn probe_deletes(&self, name: &RepositoryName) -> Answer<DeleteSupport> {
        self.registry.probe_deletes(name).await
    }
}

/// An index under `old-4`, and what it lists.
fn bundle() -> (Manifest, Manifest) {
    let child = Image::new(40).created("2025-01-01T00:00:00Z").build();
    (Index::new().child(child.clone()).build(), child)
}

/// The three old images and an index, all of which are to be archived; and what the registry was asked for.
struct Scene {
    world: World,
    inside: Inside,
    asked: Arc<Mutex<Vec<(char, Digest)>>>,
}

impl Scene {
    async fn with(fails: &[(&Manifest, u32, ErrorKind)]) -> Self {
        let world = World::start(Options::default()).await;
        world.push(&["old-4"], &bundle().0).await;
        let mut inside = Inside::of(&world).await;
        for action in &mut inside.plan.actions {
            action.action = ActionKind::Archive;
        }
        inside.plan.id = inside.plan.compute_id();
        assert_eq!(inside.plan.actions.len(), 5);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let fails = fails
            .iter()
            .map(|(manifest, times, kind)| (digest(manifest), (*times, *kind)));
        let fails = Mutex::new(fails.collect());
        for registry in inside.registries.values_mut() {
            *registry = Arc::new(Archiving {
                registry: Arc::clone(registry),
                asked: Arc::clone(&asked),
                fails: Mutex::new(std::mem::take(&mut *fails.lock().unwrap())),
            });
        }
        Self { world, inside, asked }
    }

    fn asked(&self) -> Vec<(char, Digest)> {
        self.asked.lock().unwrap().clone()
    }

    /// Nothing was deleted, whatever became of it.
    fn expect_all_there(&self) {
        let (index, child) = bundle();
        for manifest in [&image(1), &image(2), &image(3), &index, &child] {
            assert!(self.world.has(manifest));
        }
        assert_eq!(self.world.deletes(), [""; 0]);
    }
}

fn digest(manifest: &Manifest) -> Digest {
    manifest.digest.parse().unwrap()
}

const WITHIN: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn what_is_archived_is_there_in_the_journal_and_comes_back() {
    let scene = Scene::with(&[]).await;
    let report = scene.inside.apply(&scene.world, WITHIN).await;
    assert_eq!(
        (report.archived, report.deleted, report.failed, report.bytes),
        (5, 0, 0, 0)
    );
    scene.expect_all_there();
    let (index, child) = bundle();
    let place = |manifest: &Manifest| scene.asked().iter().position(|asked| *asked == ('+', digest(manifest)));
    assert!(place(&index).unwrap() < place(&child).unwrap(), "the index first");
    let run = scene.inside.store.run(report.run.as_str()).await.unwrap().unwrap();
    assert_eq!((run.summary.archived, run.summary.deleted), (5, 0));
    assert!(
        run.entries
            .iter()
            .all(|entry| entry.action == Action::Archive && entry.is_archived())
    );

    let undoer = Undoer {
        store: &scene.inside.store,
        registries: &scene.inside.registries,
        config: &scene.inside.config,
        face: Face::Silent,
        back_within: Duration::ZERO,
    };
    scene.asked.lock().unwrap().clear();
    let undone = undoer.undo(&[report.run.to_string()]).await.unwrap();
    assert_eq!((undone.restored, undone.failed), (4, 0), "{undone:?}");
    assert_eq!(scene.asked().len(), 5);
    assert!(scene.asked().iter().all(|(what, _)| *what == '-'));
    let host = scene.world.desk.host().parse().unwrap();
    let memory = scene
        .inside
        .store
        .repository_memory(&host, &WEB.parse().unwrap())
        .await
        .unwrap();
    let held = memory.manifests.values().filter(|memory| memory.restored_at.is_some());
    assert_eq!(held.count(), 5, "no plan takes it at once");
    scene.asked.lock().unwrap().clear();
    let again = undoer.undo(&[report.run.to_string()]).await.unwrap();
    assert_eq!((again.restored, again.already_there, scene.asked().len()), (0, 4, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_without_an_archive_never_deletes_instead() {
    let mut scene = Scene::with(&[]).await;
    scene.inside.registries = Inside::of(&scene.world).await.registries;
    let report = scene.inside.apply(&scene.world, WITHIN).await;
    assert_eq!(
        (report.archived, report.deleted, report.blocked + report.left),
        (0, 0, 5),
        "{report:?}"
    );
    let (outcome, why) = of_manifest(&report, &image(1));
    assert!(outcome == Happened::Blocked && why.contains("has no archive"), "{why}");
    scene.expect_all_there();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_into_use_since_the_plan_is_not_archived() {
    let scene = Scene::with(&[]).await;
    scene
        .world
        .desk
        .write("in-use.txt", "{host}/apps/web:keep\n{host}/apps/web:old-4\n");
    let report = scene.inside.apply(&scene.world, WITHIN).await;
    assert_eq!((report.archived, report.failed), (3, 2), "{report:?}");
    assert_eq!(scene.asked().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_got_another_tag_since_the_plan_is_not_archived() {
    let scene = Scene::with(&[]).await;
    scene.world.push(&["release"], &image(2)).await;
    let report = scene.inside.apply(&scene.world, WITHIN).await;
    assert_eq!((report.archived, report.failed), (4, 1), "{report:?}");
    assert!(!scene.asked().contains(&('+', digest(&image(2)))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_tried_again_and_keeps_what_belongs_to_it() {
    let (index, child) = bundle();
    let scene = Scene::with(&[(&image(1), 1, ErrorKind::Transient), (&index, 9, ErrorKind::Conflict)]).await;
    let report = scene.inside.apply(&scene.world, WITHIN).await;
    assert_eq!((report.archived, report.failed, report.left), (3, 1, 1), "{report:?}");
    assert_eq!(of_manifest(&report, &image(1)).0, Happened::Done);
    assert_eq!(of_manifest(&report, &index).0, Happened::Failed);
    assert_eq!(of_manifest(&report, &child).0, Happened::Left);
    assert!(!scene.asked().contains(&('+', digest(&child))));
    scene.expect_all_there();
}
