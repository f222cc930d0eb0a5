//! What stays on a Docker host that keeps its images in containerd's store, and that the rest goes. There an image's id is
//! the digest of its index or manifest, and what was built on the spot has a digest too.

use jettison::host::engine::HostEngine as _;
use jettison_core::config::ContainerEngine;
use jettison_core::host::ImageStore;

use super::docker::import;
use super::ground::{Ground, calm, reasons, taken};
use crate::support::dockerd::Dockerd;
use crate::support::later_engine_ready;

#[tokio::test(flavor = "multi_thread")]
async fn what_containers_projects_and_people_need_stays_and_only_what_a_registry_has_goes() {
    if !later_engine_ready() {
        return;
    }
    let (mut ground, dockerd) = (Ground::new().await, Dockerd::start_later());
    let engine = calm(ContainerEngine::Docker, &dockerd.host()).await;
    assert_eq!(engine.facts().await.unwrap().store, ImageStore::Containerd);
    let push = |tag: &str| ground.scene.push(tag, tag).image;
    let pull = |image: &str| drop(dockerd.docker(&format!("pull --quiet {image}")));

    let (running, stopped) = (ground.scene.push_index("running").image, push("stopped"));
    dockerd.run_for_long("running", &running);
    dockerd.docker(&format!(
        "run --network none --name stopped {stopped} /bin/busybox true"
    ));
    let moving = push("moving");
    dockerd.docker(&format!("create --network none --name before-it-moved {moving}"));
    let moved = ground.scene.push("moving", "the next one").image;
    pull(&moved);
    let twice = push("two-names");
    pull(&twice);
    let second = format!("{}:second-name", ground.scene.repository());
    dockerd.docker(&format!("tag {twice} {second}"));
    dockerd.docker(&format!("create --network none --name by-one-of-them {second}"));

    let (down, protected) = (push("compose-down"), push("golden"));
    ground.write(
        "shop/compose.yaml",
        &format!("services: {{ web: {{ image: \"{down}\" }} }}"),
    );
    ground.settings.compose = vec!["shop/compose.yaml".to_owned()];
    ground.protect = vec!["**:golden".parse().unwrap()];
    let (unused, index, two_unused) = (
        push("unused"),
        ground.scene.push_index("unused-index").image,
        push("two-unused"),
    );
    for image in [&down, &protected, &unused, &index, &two_unused] {
        pull(image);
    }
    dockerd.docker(&format!("tag {two_unused} another/name:v1"));
    import(
        &dockerd,
        ground.home.path(),
        "labelled:v1",
        &["LABEL io.jettison.keep=true"],
    );
    let never_pushed = format!("{}:never-pushed", ground.scene.repository());
    import(&dockerd, ground.home.path(), &never_pushed, &[]);

    ground.look(&engine, 0).await;
    assert_eq!(ground.plan(&engine, 6).await.go, []);
    let report = ground.prune_asked(&engine, 8).await;

    let why = reasons(&report.plan);
    for (image, expected) in [
        (&running, "in-use container running (running)"),
        (&stopped, "in-use container stopped (exited)"),
        (&moved, "in-use container before-it-moved (created)"),
        (&down, "in-use Compose service web"),
        (&protected, "protected"),
        (&"labelled:v1".to_owned(), "protected"),
    ] {
        let told = why
            .get(image)
            .unwrap_or_else(|| panic!("{image} does not stay: {why:?}"));
        assert!(told.starts_with(expected), "{image}: {told}");
    }
    let used_twice = [&twice, &second].into_iter().find_map(|name| why.get(name));
    assert!(used_twice.is_some_and(|told| told.starts_with("in-use")), "{why:?}");
    // Whatever its digests say, its registry has never seen it.
    let skipped: Vec<&str> = report.skipped.iter().map(|left| left.why.as_str()).collect();
    let stays = why.get(&never_pushed).map(String::as_str);
    assert!(
        stays == Some("local-only") || skipped.iter().any(|why| why.starts_with("cannot be pulled again")),
        "{why:?} {skipped:?}"
    );
    assert_eq!(
        (report.failed.len(), report.interrupted.as_deref()),
        (0, None),
        "{report:?}"
    );

    let mut gone = taken(&report);
    gone.retain(|name| *name != two_unused && name != "another/name:v1");
    assert_eq!((gone.len(), report.removed.len()), (2, 3), "{report:?}");
    assert!(gone.contains(&unused) && gone.contains(&index), "{gone:?}");
    let left = dockerd.docker("images --all --format {{.Repository}}:{{.Tag}}");
    assert!(!left.contains("unused") && !left.contains("another/name"), "{left}");
    for name in [
        &running,
        &stopped,
        &moved,
        &twice,
        &second,
        &down,
        &protected,
        &never_pushed,
    ] {
        assert!(left.contains(name.as_str()), "{name}: {left}");
    }
    // Containers still start.
    dockerd.docker("start before-it-moved by-one-of-them stopped");
}
