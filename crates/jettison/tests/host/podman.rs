//! What stays on a host with Podman, and that the rest goes.

use jettison_core::config::ContainerEngine;

use super::ground::{Ground, calm, reasons, taken};
use crate::support::podman::Podman;
use crate::support::real_engines_ready;

#[tokio::test(flavor = "multi_thread")]
async fn what_podman_runs_mounts_or_made_stays_and_the_rest_goes() {
    if !real_engines_ready() {
        return;
    }
    let (mut ground, podman) = (Ground::new().await, Podman::start());
    let engine = calm(ContainerEngine::Podman, &podman.host()).await;
    let push = |tag: &str| ground.scene.push(tag, tag).image;
    let (running, stopped, created) = (push("running"), push("stopped"), push("created"));
    let (mounted, volume, unused, two) = (push("mounted"), push("volume"), push("unused"), push("two-names"));
    let local = push("tagged-here");
    for image in [&running, &stopped, &created, &mounted, &volume, &unused, &two, &local] {
        podman.podman(&format!("pull --quiet --tls-verify=false {image}"));
    }
    podman.container("run --detach", "running", &format!("{running} /bin/busybox sleep 600"));
    podman.container("run", "stopped", &format!("{stopped} /bin/busybox true"));
    let mount = format!("--mount type=image,source={mounted},destination=/data");
    podman.container("create", "created", &format!("{mount} {created}"));
    podman.podman(&format!("volume create --driver image --opt image={volume} pictures"));
    podman.podman(&format!("tag {two} r.io/second:name"));
    podman.podman(&format!("tag {local} localhost/only-here:v1"));
    podman.podman(&format!("untag {local} {local}"));

    ground.look(&engine, 0).await;
    assert_eq!(ground.plan(&engine, 6).await.go, []);
    // Its digests prove nothing: nobody said that they may be believed.
    let report = ground.prune(&engine, 8).await;
    assert!(report.removed.is_empty() && report.skipped.len() == 2, "{report:?}");
    assert!(report.skipped[0].why.contains("--verify-pullable"), "{report:?}");
    ground.settings.local_images = false;
    let report = ground.prune_asked(&engine, 8).await;
    let why = reasons(&report.plan);
    for (image, expected) in [
        (running.as_str(), "in-use container running (running)"),
        (&stopped, "in-use container stopped (exited)"),
        (&created, "in-use container created (created)"),
        (&mounted, "in-use container created (created), mounted"),
        (&volume, "in-use volume pictures"),
        ("localhost/only-here:v1", "local-only"),
    ] {
        let told = why
            .get(image)
            .unwrap_or_else(|| panic!("{image} does not stay: {why:?}"));
        assert!(told.starts_with(expected), "{image}: {told}");
    }
    assert_eq!(
        (why.len(), report.skipped.len(), report.failed.len()),
        (6, 0, 0),
        "{report:?}"
    );
    assert_eq!(taken(&report).len(), 2, "{report:?}");
    let left = podman.podman("images --format {{.Repository}}:{{.Tag}}");
    assert_eq!(left.lines().count(), 6, "{left}");
    assert!(
        !left.contains("unused") && !left.contains("second") && !left.contains("two-names"),
        "{left}"
    );
}
