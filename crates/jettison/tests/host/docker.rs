//! What stays on a Docker host, each for its own reason, and that the rest goes.

use jettison_core::config::ContainerEngine;

use super::ground::{Ground, calm, reasons, taken};
use crate::support::dockerd::Dockerd;
use crate::support::program::run;
use crate::support::real_engines_ready;

/// Makes an image of one small file, which no registry has.
pub(super) fn import(engine: &Dockerd, folder: &std::path::Path, name: &str, changes: &[&str]) {
    let file = folder.join("import");
    std::fs::write(&file, name).unwrap();
    let archive = folder.join("import.tar");
    run(std::process::Command::new("tar")
        .arg("-C")
        .arg(folder)
        .arg("-cf")
        .arg(&archive)
        .arg("import"))
    .unwrap();
    let archive = archive.display().to_string();
    let changes = changes.iter().flat_map(|change| ["--change", change]);
    let words: Vec<&str> = ["import"]
        .into_iter()
        .chain(changes)
        .chain([archive.as_str(), name])
        .collect();
    engine.docker_words(&words);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_somebody_needs_stays_and_the_rest_goes() {
    if !real_engines_ready() {
        return;
    }
    let (mut ground, dockerd) = (Ground::new().await, Dockerd::start());
    let engine = calm(ContainerEngine::Docker, &dockerd.host()).await;
    let push = |tag: &str| ground.scene.push(tag, tag).image;
    let pull = |image: &str| drop(dockerd.docker(&format!("pull --quiet {image}")));

    let (running, stopped, created) = (push("running"), push("stopped"), push("created"));
    dockerd.run_for_long("running", &running);
    dockerd.docker(&format!(
        "run --network none --name stopped {stopped} /bin/busybox true"
    ));
    dockerd.docker(&format!("create --name created {created}"));

    let twice = push("two-names");
    pull(&twice);
    let second = format!("{}:second-name", ground.scene.repository());
    dockerd.docker(&format!("tag {twice} {second}"));
    dockerd.docker(&format!("create --name by-one-of-them {second}"));

    let (before, now) = (push("service-before"), push("service-now"));
    dockerd.begin_swarm();
    dockerd.docker(&format!("service create --detach --replicas 0 --name shop {before}"));
    dockerd.docker(&format!("service update --detach --image {now} shop"));

    let (down, labelled) = (push("compose-down"), push("compose-scaled-to-zero"));
    ground.write(
        "srv/shop/compose.yaml",
        &format!("services: {{ web: {{ image: \"{down}\" }} }}"),
    );
    ground.settings.compose = vec!["srv/*/compose.yaml".to_owned()];
    let text =
        format!("services: {{ web: {{ image: \"{created}\" }}, job: {{ image: \"{labelled}\", profiles: [x] }} }}");
    let project = ground.write("elsewhere/compose.yaml", &text);
    let folder = project.parent().unwrap().display().to_string();
    let label = "--label com.docker.compose.project";
    dockerd.docker(&format!(
        "create --name of-a-project {label}=elsewhere {label}.working_dir={folder} {label}.config_files={} {created}",
        project.display()
    ));

    let (protected, unused) = (push("golden"), push("unused"));
    ground.protect = vec!["**:golden".parse().unwrap()];
    let two_unused = push("unused-with-two-names");
    for image in [&before, &now, &down, &labelled, &protected, &unused, &two_unused] {
        pull(image);
    }
    dockerd.docker(&format!("tag {two_unused} another/name:v1"));
    import(
        &dockerd,
        ground.home.path(),
        "labelled:v1",
        &["LABEL io.jettison.keep=true"],
    );
    import(
        &dockerd,
        ground.home.path(),
        "pinned:v1",
        &["LABEL io.cri-containerd.pinned=pinned"],
    );
    import(&dockerd, ground.home.path(), "made-here:v1", &[]);

    // Everything was there before jettison came; nothing is old yet.
    ground.look(&engine, 0).await;
    assert_eq!(ground.plan(&engine, 6).await.go, []);
    let report = ground.prune(&engine, 8).await;

    let plan = &report.plan;
    assert_eq!(plan.gaps, [], "{plan:?}");
    let why = reasons(plan);
    let stays = |image: &str, expected: &str| {
        let told = why
            .get(image)
            .unwrap_or_else(|| panic!("{image} does not stay: {why:?}"));
        assert!(told.starts_with(expected), "{image}: {told}");
    };
    stays(&running, "in-use container running (running)");
    stays(&stopped, "in-use container stopped (exited)");
    stays(&created, "in-use Compose service web");
    let twice = why.keys().find(|name| [&twice, &second].contains(name)).unwrap();
    stays(twice, "in-use container by-one-of-them (created)");
    stays(&before, "in-use service shop (previous)");
    stays(&now, "in-use service shop");
    stays(&down, "in-use Compose service web");
    stays(&labelled, "in-use Compose service job");
    stays(&protected, "protected");
    stays("labelled:v1", "protected");
    stays("pinned:v1", "p");
    stays("made-here:v1", "local-only");
    assert_eq!(why.len(), 12, "{why:?}");

    assert_eq!((&report.skipped, &report.failed), (&vec![], &vec![]));
    assert_eq!(report.interrupted, None);
    let mut expected = vec![unused, "another/name:v1".to_owned()];
    expected.sort();
    let mut gone = taken(&report);
    if let Some(name) = gone.iter_mut().find(|name| **name == two_unused) {
        *name = "another/name:v1".to_owned();
    }
    gone.sort();
    assert_eq!(gone, expected);
    let left = dockerd.docker("images --all --format {{.Repository}}:{{.Tag}}");
    assert_eq!(left.lines().count(), 13, "{left}");
    assert!(!left.contains("unused") && !left.contains("another/name"), "{left}");

    // What was made here goes when somebody asks for that.
    ground.settings.local_images = true;
    let report = ground.prune(&engine, 8).await;
    assert_eq!(taken(&report), ["made-here:v1"], "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_of_a_repository_stay_and_age_counts_from_the_last_use() {
    if !real_engines_ready() {
        return;
    }
    let (mut ground, dockerd) = (Ground::new().await, Dockerd::start());
    let engine = calm(ContainerEngine::Docker, &dockerd.host()).await;
    ground.settings.keep_newest = 2;
    let pull = |tag: &str| {
        let image = ground.scene.push(tag, tag).image;
        dockerd.docker(&format!("pull --quiet {image}"));
        image
    };
    let (first, second) = (pull("v1"), pull("v2"));
    ground.look(&engine, 0).await;
    let (third, fourth) = (pull("v3"), pull("v4"));
    dockerd.docker(&format!("create --name v1 {first}"));
    ground.look(&engine, 10).await;
    dockerd.docker("rm v1");

    // v1 was in use when it was last looked at; nobody saw v2 in use.
    assert_eq!(ground.plan(&engine, 16).await.go.len(), 1);
    let report = ground.prune(&engine, 16).await;
    assert_eq!(taken(&report), [second]);
    let why = reasons(&ground.plan(&engine, 18).await);
    assert_eq!(why.values().filter(|why| *why == "keep-newest").count(), 2, "{why:?}");
    let report = ground.prune(&engine, 18).await;
    assert_eq!(report.removed.len(), 1, "{report:?}");
    let left = dockerd.docker("images --format {{.Tag}}");
    assert_eq!(left.lines().count(), 2, "{left}");
    assert!(!left.contains("v2") && third != fourth, "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_of_1970_that_was_just_pulled_stays() {
    if !real_engines_ready() {
        return;
    }
    let (ground, dockerd) = (Ground::new().await, Dockerd::start());
    let engine = calm(ContainerEngine::Docker, &dockerd.host()).await;
    let old = ground.scene.push("of-2024", "of-2024").image;
    dockerd.docker(&format!("pull --quiet {old}"));
    ground.look(&engine, 0).await;
    let epoch = ground.scene.push_of("of-1970", "of-1970", "1970-01-01T00:00:00Z").image;
    let year_one = ground
        .scene
        .push_of("of-the-year-1", "of-the-year-1", "0001-01-01T00:00:00Z")
        .image;
    for image in [&epoch, &year_one] {
        dockerd.docker(&format!("pull --quiet {image}"));
    }
    let report = ground.prune(&engine, 8).await;
    assert_eq!(taken(&report), [old]);
    let why = reasons(&report.plan);
    assert_eq!(
        (why[&epoch].as_str(), why[&year_one].as_str()),
        ("not-expired", "not-expired")
    );
    assert_eq!(ground.prune(&engine, 14).await.removed.len(), 0);
    let report = ground.prune(&engine, 16).await;
    assert_eq!(report.removed.len(), 2, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn freed_bytes_are_what_the_layers_lost_and_not_the_sum_of_the_images() {
    if !real_engines_ready() {
        return;
    }
    let (mut ground, dockerd) = (Ground::new().await, Dockerd::start());
    let engine = calm(ContainerEngine::Docker, &dockerd.host()).await;
    ground.settings.local_images = true;
    // Two images of one layer, of which one stays; and one with a layer of its own.
    let folder = ground.home.path();
    import(&dockerd, folder, "base:v1", &[]);
    let text = |content: &str| format!("FROM base:v1\nCOPY {content} /\n");
    for (name, content) in [("kept", "kept"), ("goes", "own-layer")] {
        ground.write(&format!("{name}/Dockerfile"), &text(content));
        ground.write(&format!("{name}/{content}"), &content.repeat(50_000));
        dockerd.docker(&format!(
            "build --quiet --tag {name}:v1 {}",
            folder.join(name).display()
        ));
    }
    dockerd.docker("create --name holds kept:v1 /x");
    ground.look(&engine, 0).await;
    let report = ground.prune(&engine, 8).await;
    // Without force the engine keeps what others are built on, and its name too.
    assert_eq!(taken(&report), ["goes:v1"], "{report:?}");
    assert!(
        report.skipped[0].why.contains("dependent child") && report.skipped.len() == 1,
        "{report:?}"
    );
    let sum: u64 = report.removed.iter().map(|removal| removal.bytes).sum();
    let own = "own-layer".len() as u64 * 50_000;
    assert!(sum > own, "{report:?}");
    assert_eq!(report.freed_bytes, Some(own), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_built_here_goes_with_its_nameless_parents() {
    if !real_engines_ready() {
        return;
    }
    let (mut ground, dockerd) = (Ground::new().await, Dockerd::start());
    let engine = calm(ContainerEngine::Docker, &dockerd.host()).await;
    ground.settings.local_images = true;
    let folder = ground.home.path().join("built");
    let text = "FROM scratch\nCOPY one /\nCOPY two /\nLABEL a=b\nLABEL c=d\n";
    ground.write("built/Dockerfile", text);
    for content in ["one", "two"] {
        ground.write(&format!("built/{content}"), &content.repeat(50_000));
    }
    dockerd.docker(&format!("build --quiet --tag built:v1 {}", folder.display()));
    assert_eq!(dockerd.docker("images --all --quiet").lines().count(), 4);
    ground.look(&engine, 0).await;
    let report = ground.prune(&engine, 8).await;
    assert_eq!(taken(&report), ["built:v1"], "{report:?}");
    assert_eq!(dockerd.docker("images --all --quiet"), "", "a parent is left");
    assert_eq!(report.freed_bytes, Some(300_000), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_build_cache_shrinks_by_its_last_use_and_its_size() {
    if !real_engines_ready() {
        return;
    }
    let (mut ground, dockerd) = (Ground::new().await, Dockerd::start());
    let engine = calm(ContainerEngine::Docker, &dockerd.host()).await;
    let folder = ground.home.path().join("built");
    ground.write("built/Dockerfile", "FROM scratch\nCOPY content /content\n");
    ground.write("built/content", &"x".repeat(300_000));
    dockerd.build_with_buildkit(&folder, "built:v1");
    let before = ground.look(&engine, 0).await.build_cache;
    assert!(
        before
            .iter()
            .any(|record| record.bytes == 300_000 && record.last_used_at.is_some()),
        "{before:?}"
    );

    // By the engine's own clock everything is fresh; only the size is too large.
    let period = |text: &str| Some(text.parse().unwrap());
    for (unused_for, keep_at_most, left) in [
        (period("1d"), None, before.len()),
        (None, Some(jettison_core::policy::ByteSize(10_000_000)), before.len()),
        (period("1d"), Some(jettison_core::policy::ByteSize(0)), 0),
    ] {
        let cache = jettison_core::host::CacheSettings {
            unused_for,
            keep_at_most,
        };
        ground.settings.build_cache = Some(cache);
        let report = ground.prune(&engine, 0).await;
        let after = ground.look(&engine, 0).await.build_cache;
        assert_eq!(after.len(), left, "{cache:?}: {report:?}");
        assert_eq!(report.build_cache_freed_bytes > 0, left == 0, "{report:?}");
    }
}
