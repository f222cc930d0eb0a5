//! A Swarm's services: what they run, and what a rollback would return to.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::scene::{Scene, assert_gone};
use crate::support::dockerd::Dockerd;
use crate::support::real_engines_ready;

#[test]
fn a_service_counts_with_the_image_that_a_rollback_returns_to() {
    if !real_engines_ready() {
        return;
    }
    let (scene, engine) = (Scene::new(), Dockerd::start());
    let source = |swarm: bool| {
        format!(
            "{{ name: swarm, kind: docker, host: \"{}\", swarm: {swarm}, allow-empty: true }}",
            engine.host()
        )
    };
    scene.told(&source(false)).assert_complete();
    let told = scene.told(&source(true));
    assert_eq!(told.status, "partial");
    assert!(told.gaps[0].contains("has to manage a Swarm"), "{told:?}");

    let (v1, v2, idle) = (
        scene.push("v1", "v1"),
        scene.push("v2", "v2"),
        scene.push("idle", "idle"),
    );
    engine.begin_swarm();
    let create = "service create --detach --network host --name";
    engine.docker(&format!(
        "{create} shop_web --stop-grace-period 0s {} /bin/busybox sleep 600",
        v1.image
    ));
    engine.docker(&format!(
        "{create} shop_idle --replicas 0 --no-resolve-image {}",
        idle.image
    ));
    wait_for_container(&engine, "v1");
    engine.docker(&format!("service update --detach --image {} shop_web", v2.image));
    wait_for_container(&engine, "v2");

    let told = scene.told(&source(true));
    told.assert_complete();
    let (old, new) = (
        format!("{}@{}", v1.image, v1.digest),
        format!("{}@{}", v2.image, v2.digest),
    );
    told.assert_uses("service shop_web", [&new]);
    told.assert_uses("service shop_web (previous)", [&old]);
    // Nothing runs of it, and it pins no digest.
    told.assert_uses("service shop_idle", [&idle.image]);
    let of_tasks: BTreeSet<&String> = told
        .used
        .iter()
        .filter(|(who, _)| who.starts_with("task shop_web.1 ("))
        .flat_map(|(_, names)| names)
        .collect();
    assert_eq!(of_tasks, BTreeSet::from([&old, &new]), "{told:?}");
    assert!(
        told.used.keys().any(|who| who.starts_with("container shop_web.1.")),
        "{told:?}"
    );

    let (processes, server) = (engine.processes(), engine.process());
    drop(engine);
    processes.iter().for_each(assert_gone);
    assert_gone(server);
}

fn wait_for_container(engine: &Dockerd, tag: &str) {
    let started = Instant::now();
    while !engine.docker("ps --format {{.Image}}").contains(&format!(":{tag}")) {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "{}",
            engine.docker("service ps shop_web --no-trunc")
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}
