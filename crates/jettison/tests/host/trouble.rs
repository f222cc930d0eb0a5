//! Bad days: a full disk, a closed door, a pull in progress, registries that do not have an image any more.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use jettison::host::engine::EngineError;
use jettison::host::pullable::AskRegistries;
use jettison::registry::Connection;
use jettison_core::config::{ContainerEngine, Share};
use jettison_core::host::{DiskMarks, GoReason};
use jettison_testkit::images::Image;
use jettison_testkit::push::Pusher;
use jettison_testkit::registry::{Effect, Fault, Options, TestRegistry};
use tempfile::TempDir;

use super::docker::import;
use super::ground::{Ground, calm, opened, taken};
use crate::support::dockerd::Dockerd;
use crate::support::podman::Podman;
use crate::support::program::run;
use crate::support::real_engines_ready;

/// A small file system of its own.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount(options: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "none"])
            .arg(folder.path()))
        .unwrap();
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("data")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(run(Command::new("umount").arg("--lazy").arg(self.0.path())));
    }
}

/// Makes an image with a layer of so many bytes.
fn import_large(engine: &Dockerd, folder: &Path, name: &str, bytes: usize) {
    let file = folder.join("large");
    std::fs::write(&file, vec![b'x'; bytes]).unwrap();
    std::fs::write(folder.join("name"), name).unwrap();
    let archive = folder.join("large.tar");
    run(Command::new("tar")
        .arg("-C")
        .arg(folder)
        .arg("-cf")
        .arg(&archive)
        .args(["large", "name"]))
    .unwrap();
    engine.docker(&format!("import {} {name}", archive.display()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_too_full_loses_what_was_not_used_for_longest_until_it_is_not() {
    if !real_engines_ready() {
        return;
    }
    let (mut ground, disk) = (Ground::new().await, SmallDisk::mount("size=64m"));
    let dockerd = Dockerd::start_in(&disk.path());
    let engine = calm(ContainerEngine::Docker, &dockerd.host()).await;
    ground.settings.local_images = true;
    let names = ["first:v1", "second:v1", "third:v1", "fourth:v1"];
    for (days, name) in (0..).zip(names) {
        import_large(&dockerd, ground.home.path(), name, 14_000_000);
        ground.look(&engine, days).await;
    }
    // Not one of them is unused for seven days.
    assert_eq!(ground.prune(&engine, 5).await.removed, []);
    ground.settings.disk = Some(DiskMarks {
        high: Share::percent(80),
        low: Share::percent(50),
    });
    let report = ground.prune(&engine, 5).await;
    assert_eq!(taken(&report), ["first:v1", "second:v1"], "{report:?}");
    assert!(
        report
            .plan
            .go
            .iter()
            .all(|departure| matches!(departure.reason, GoReason::DiskPressure(_)))
    );
    let free = |disk: &Option<jettison_core::host::Disk>| disk.as_ref().unwrap().free_bytes;
    assert!(
        free(&report.disk_after) > free(&report.disk_before) + 27_000_000,
        "{report:?}"
    );

    // Full to the last byte, the engine cannot even note what it lost; with a little room it is emptied.
    let rest = std::fs::File::create(disk.path().join("rest")).unwrap();
    let filled = std::io::copy(&mut std::io::Read::take(std::io::repeat(0), 1 << 30), &mut &rest);
    assert!(filled.is_err(), "the disk is full");
    let report = ground.prune(&engine, 5).await;
    assert_eq!((report.removed.len(), report.failed.len()), (0, 2), "{report:?}");
    assert!(report.failed[0].why.contains("no space left on device"), "{report:?}");
    let left = dockerd.docker("images --format {{.Repository}}");
    assert_eq!(left.lines().count(), 2, "they are called what they were: {left}");
    assert!(!left.contains("<none>"), "{left}");
    rest.set_len(rest.metadata().unwrap().len() - 65_536).unwrap();
    let report = ground.prune(&engine, 5).await;
    assert_eq!(taken(&report), ["fourth:v1", "third:v1"], "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_nobody_may_open_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let socket = home.path().join("engine.sock");
    let host = format!("unix://{}", socket.display());
    let error = opened(ContainerEngine::Docker, &host).await.unwrap_err();
    assert!(
        matches!(&error, EngineError::Unreachable(why) if why.contains("there is no socket")),
        "{error}"
    );
    let listener = tokio::net::UnixListener::bind(&socket).unwrap();
    std::fs::set_permissions(&socket, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    // Nobody denies anything to root.
    if tokio::net::UnixStream::connect(&socket).await.is_err() {
        let error = opened(ContainerEngine::Docker, &host).await.unwrap_err();
        let why = error.to_string();
        assert!(matches!(error, EngineError::Unreachable(_)), "{why}");
        assert!(
            why.contains("permission denied on the socket") && why.contains("`docker`"),
            "{why}"
        );
    }
    drop(listener);
    let error = opened(ContainerEngine::Docker, &host).await.unwrap_err();
    assert!(matches!(error, EngineError::Unreachable(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_in_progress_postpones_and_nothing_goes() {
    if !real_engines_ready() {
        return;
    }
    let (mut ground, dockerd) = (Ground::new().await, Dockerd::start());
    let engine = opened(ContainerEngine::Docker, &dockerd.host()).await.unwrap();
    ground.settings.local_images = true;
    import(&dockerd, ground.home.path(), "old:v1", &[]);
    ground.look(engine.as_ref(), 0).await;
    // It came in a moment ago, which may be a part of something larger.
    let report = ground.prune(engine.as_ref(), 8).await;
    let why = report.postponed.clone().unwrap_or_default();
    assert!(
        why.contains("import of sha256:") || why.contains("tag of sha256:"),
        "{report:?}"
    );
    assert!(report.removed.is_empty() && report.run.is_none());

    let registry = TestRegistry::start(Options::default()).await.unwrap();
    let manifest = Image::new(7).layers(&[2_000_000]).build();
    Pusher::new(&registry.handle().url())
        .unwrap()
        .push("apps/slow", &["v1"], &manifest)
        .await
        .unwrap();
    let slow = Effect::SlowBody {
        bytes_per_second: 10_000,
    };
    registry
        .handle()
        .fail(Fault::new(slow).method("GET").path("/v2/apps/slow/blobs/*"));
    let image = format!("{}/apps/slow:v1", registry.handle().host());
    let pull = Ends(dockerd.begin_docker(&["pull", &image]));
    let mut seen = None;
    for _ in 0..500 {
        seen = engine
            .busy()
            .await
            .unwrap()
            .filter(|why| why.starts_with("a pull is in progress"));
        if seen.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(seen.is_some_and(|why| why.contains("GetImageBlob")));
    let report = ground.prune(engine.as_ref(), 8).await;
    assert!(report.postponed.unwrap().contains("GetImageBlob") && report.removed.is_empty());
    drop(pull);
}

/// A process that ends with its value.
struct Ends(std::process::Child);

impl Drop for Ends {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_registry_does_not_have_any_more_stays_when_it_is_asked() {
    if !real_engines_ready() {
        return;
    }
    let (ground, dockerd) = (Ground::new().await, Dockerd::start());
    let engine = calm(ContainerEngine::Docker, &dockerd.host()).await;
    let (there, gone) = (ground.scene.push("there", "there"), ground.scene.push("gone", "gone"));
    for pushed in [&there, &gone] {
        dockerd.docker(&format!("pull --quiet {}", pushed.image));
    }
    ground.look(&engine, 0).await;
    ground.scene.web.delete_manifest(&gone.digest);
    let connect = |host: &_| Connection::new(Clone::clone(host));
    let report = ground
        .prune_verified(&engine, 8, Some(&AskRegistries::new(&connect)))
        .await;
    assert_eq!(taken(&report), std::slice::from_ref(&there.image), "{report:?}");
    assert!(
        report.skipped[0].why.starts_with("cannot be pulled again: "),
        "{report:?}"
    );
    let mut ground = ground;
    ground.scene.registry.stop();
    let again = ground
        .prune_verified(&engine, 8, Some(&AskRegistries::new(&connect)))
        .await;
    assert_eq!((again.removed.len(), again.skipped.len()), (0, 1), "{again:?}");
    // Nobody is asked: it goes.
    assert_eq!(taken(&ground.prune(&engine, 8).await), [gone.image]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_podman_service_tells_when_images_come_in() {
    if !real_engines_ready() {
        return;
    }
    let (podman, home) = (Podman::start(), tempfile::tempdir().unwrap());
    let engine = opened(ContainerEngine::Podman, &podman.host()).await.unwrap();
    assert_eq!(engine.busy().await.unwrap(), None);
    let archive = home.path().join("empty.tar");
    run(Command::new("tar")
        .arg("-C")
        .arg(home.path())
        .arg("-cf")
        .arg(&archive)
        .args(["--files-from", "/dev/null"]))
    .unwrap();
    podman.podman(&format!("import {} here:v1", archive.display()));
    let busy = engine.busy().await.unwrap().unwrap_or_default();
    assert!(busy.contains("have just come in"), "{busy}");
}
