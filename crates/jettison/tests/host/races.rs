//! What changes while images are taken: containers, names, the engine itself.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use jettison_core::config::ContainerEngine;
use tokio::sync::watch;

use super::calm::Calm;
use super::docker::import;
use super::ground::{Ground, calm, day, opened, taken};
use crate::support::dockerd::Dockerd;
use crate::support::real_engines_ready;

/// An engine with images that were made here, and that may go on the eighth day.
struct World {
    ground: Ground,
    dockerd: Arc<Mutex<Dockerd>>,
}

impl World {
    async fn new(names: &[&str]) -> Self {
        let (mut ground, dockerd) = (Ground::new().await, Dockerd::start());
        ground.settings.local_images = true;
        for name in names {
            import(&dockerd, ground.home.path(), name, &[]);
        }
        let engine = calm(ContainerEngine::Docker, &dockerd.host()).await;
        ground.look(&engine, 0).await;
        Self {
            ground,
            dockerd: Arc::new(Mutex::new(dockerd)),
        }
    }

    fn docker(&self, line: &str) -> String {
        self.dockerd.lock().unwrap().docker(line)
    }

    fn names(&self) -> Vec<String> {
        let left = self.docker("images --format {{.Repository}}:{{.Tag}}");
        let mut left: Vec<String> = left.lines().map(str::to_owned).collect();
        left.sort();
        left
    }

    /// The engine, and what happens right before one of its calls, once.
    async fn when(&self, call: &'static str, happens: impl Fn(&mut Dockerd, &str) + Send + Sync + 'static) -> Calm {
        let host = self.dockerd.lock().unwrap().host();
        let (dockerd, calls) = (Arc::clone(&self.dockerd), AtomicUsize::new(0));
        Calm::with(
            opened(ContainerEngine::Docker, &host).await.unwrap(),
            move |called, about| {
                if called == call && calls.fetch_add(1, Ordering::SeqCst) == 0 {
                    happens(&mut dockerd.lock().unwrap(), about);
                }
            },
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_is_created_between_mark_and_sweep_keeps_its_image() {
    if !real_engines_ready() {
        return;
    }
    let world = World::new(&["a:v1", "b:v1"]).await;
    let engine = world
        .when("busy", |dockerd, _| drop(dockerd.docker("create a:v1 /x")))
        .await;
    let report = world.ground.prune(&engine, 8).await;
    assert_eq!(
        (taken(&report), world.names()),
        (vec!["b:v1".to_owned()], vec!["a:v1".to_owned()]),
        "{report:?}"
    );
    assert_eq!(report.skipped, [], "the second look saw it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_is_created_after_the_last_look_keeps_its_image_with_all_its_names() {
    if !real_engines_ready() {
        return;
    }
    for moment in ["names", "remove"] {
        let world = World::new(&["a:v1"]).await;
        world.docker("tag a:v1 other/name:v2");
        let engine = world
            .when(moment, |dockerd, _| drop(dockerd.docker("create a:v1 /x")))
            .await;
        // Its second name is new.
        world.ground.look(&engine, 0).await;
        let report = world.ground.prune(&engine, 8).await;
        assert_eq!(report.skipped.len(), 1, "{moment}: {report:?}");
        assert_eq!(
            (report.removed.len(), report.failed.len()),
            (0, 0),
            "{moment}: {report:?}"
        );
        assert_eq!(world.names(), ["a:v1", "other/name:v2"], "{moment}");
        let expected = if moment == "names" {
            "in use by container"
        } else {
            "container"
        };
        assert!(report.skipped[0].why.contains(expected), "{moment}: {report:?}");
    }
}

async fn engine_of(world: &World) -> Calm {
    let host = world.dockerd.lock().unwrap().host();
    calm(ContainerEngine::Docker, &host).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_another_images_by_now_is_left_alone() {
    if !real_engines_ready() {
        return;
    }
    for moment in ["busy", "names", "remove"] {
        let world = World::new(&["a:v1", "b:v1"]).await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let engine = world
            .when(moment, move |dockerd, _| {
                import(dockerd, &path, "a:v1", &["LABEL new=one"])
            })
            .await;
        // A name that is not the last one goes by itself. Between the question and that no engine can be stopped.
        if moment != "remove" {
            world.docker("tag a:v1 second/name:v1");
            world.ground.look(&engine_of(&world).await, 0).await;
        }
        let report = world.ground.prune(&engine, 8).await;
        assert_eq!(report.failed, [], "{moment}: {report:?}");
        let newest = world.docker("image inspect --format {{.Config.Labels.new}} a:v1");
        assert_eq!(newest, "one", "{moment}: {report:?}");
        assert!(!world.names().contains(&"b:v1".to_owned()), "{moment}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_restarts_in_mid_run_loses_nothing_else_and_the_next_run_goes_on() {
    if !real_engines_ready() {
        return;
    }
    let world = World::new(&["a:v1", "b:v1", "c:v1"]).await;
    let engine = world.when("remove", |dockerd, _| dockerd.restart()).await;
    let report = world.ground.prune(&engine, 8).await;
    assert_eq!(report.removed.len() + report.failed.len(), 3, "{report:?}");
    assert_eq!(world.names().len(), report.failed.len(), "{report:?}");
    world.ground.prune(&engine, 8).await;
    assert_eq!(world.names(), [""; 0]);

    // One that does not come back ends the run, and what is left is there.
    let world = World::new(&["a:v1", "b:v1", "c:v1"]).await;
    let engine = world.when("remove", |dockerd, _| dockerd.stop()).await;
    let report = world.ground.prune(&engine, 8).await;
    assert!(report.removed.is_empty() && report.interrupted.is_some(), "{report:?}");
    assert_eq!(report.failed.len(), 1, "{report:?}");
    world.dockerd.lock().unwrap().restart();
    assert_eq!(world.names().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_told_to_stop_ends_between_two_images() {
    if !real_engines_ready() {
        return;
    }
    let world = World::new(&["a:v1", "b:v1", "c:v1"]).await;
    let (stop, stopped) = watch::channel(false);
    let engine = world.when("remove", move |_, _| stop.send(true).unwrap()).await;
    let clock = || day(8);
    let report = world.ground.sweep(&engine, &clock, None).run(&stopped).await.unwrap();
    assert_eq!((report.removed.len(), world.names().len()), (1, 2), "{report:?}");
    assert_eq!(report.interrupted.as_deref(), Some("it was told to stop"));
    assert!(report.run.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_on_the_same_engine_is_refused_with_the_process_that_works() {
    if !real_engines_ready() {
        return;
    }
    let world = World::new(&["a:v1"]).await;
    let host = world.dockerd.lock().unwrap().host();
    let other = calm(ContainerEngine::Docker, &host).await;
    let refused = Arc::new(Mutex::new(String::new()));
    let (clock, (_stop, stopped)) = (|| day(8), watch::channel(false));
    let engine = world.when("busy", |_, _| ()).await;
    let first = world.ground.sweep(&engine, &clock, None);
    let progress = |_: jettison::host::sweep::HostProgress<'_>| {
        let second = world.ground.sweep(&other, &clock, None);
        let ended = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(second.run(&stopped)));
        refused.lock().unwrap().push_str(&ended.unwrap_err().to_string());
    };
    let first = jettison::host::sweep::Sweep {
        progress: &progress,
        ..first
    };
    let report = first.run(&stopped).await.unwrap();
    assert_eq!(report.removed.len(), 1);
    let why = refused.lock().unwrap().clone();
    assert!(why.contains(&format!("(process {})", std::process::id())), "{why}");
}
