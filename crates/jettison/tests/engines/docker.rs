//! Docker's containers: running, stopped and created ones, by whatever name they were started, whatever became of it.

use super::scene::{Scene, assert_gone};
use crate::support::dockerd::Dockerd;
use crate::support::{later_engine_ready, real_engines_ready};

#[test]
fn every_container_counts_whatever_its_state_and_whatever_became_of_the_name() {
    if !real_engines_ready() {
        return;
    }
    let (scene, engine) = (Scene::new(), Dockerd::start());
    let web = scene.push("web", "web");
    let (stopped, created) = (scene.push("stopped", "stopped"), scene.push_index("created"));
    let (by_digest, by_id) = (scene.push("by-digest", "by-digest"), scene.push("by-id", "by-id"));
    let (removed, before) = (scene.push("removed", "removed"), scene.push("moving", "before"));
    let pinned = format!("{}@{}", scene.repository(), by_digest.digest);

    engine.run_for_long("running", &web.image);
    engine.docker(&format!(
        "run --network none --name stopped {} /bin/busybox true",
        stopped.image
    ));
    engine.docker(&format!("create --name created {}", created.image));
    engine.run_for_long("by-digest", &pinned);
    engine.docker(&format!("pull --quiet {}", by_id.image));
    engine.run_for_long("by-id", &by_id.config["sha256:".len()..][..12]);
    engine.run_for_long("removed", &removed.image);
    engine.docker(&format!("tag {} another-name:v1", removed.image));
    engine.docker(&format!("rmi {}", removed.image));
    engine.run_for_long("moving", &before.image);
    let after = scene.push("moving", "after");
    engine.docker(&format!("pull --quiet {}", after.image));
    assert_ne!(before.digest, after.digest);

    let source = format!("{{ name: host, kind: docker, host: \"{}\" }}", engine.host());
    let told = scene.told(&source);
    told.assert_complete();
    told.assert_uses("container running (running)", [&web.image, &web.digest, &web.config]);
    told.assert_uses(
        "container stopped (exited)",
        [&stopped.image, &stopped.digest, &stopped.config],
    );
    told.assert_uses(
        "container created (created)",
        [&created.image, &created.digest, &created.config],
    );
    told.assert_uses(
        "container by-digest (running)",
        [&pinned, &by_digest.digest, &by_digest.config],
    );
    told.assert_uses("container by-id (running)", [&by_id.digest, &by_id.config]);
    // The engine forgets with a name what was pulled by it. The id remains.
    told.assert_uses("container removed (running)", [&removed.image, &removed.config]);
    told.assert_uses(
        "container moving (running)",
        [&before.image, &before.digest, &before.config],
    );
    assert_eq!(told.used.len(), 7, "{:?}", told.used);

    let processes = engine.processes();
    let server = engine.process();
    assert_eq!(processes.len(), 5);
    drop(engine);
    processes.iter().for_each(assert_gone);
    assert_gone(server);
    let told = scene.told(&source);
    assert_eq!((told.code, told.status.as_str()), (5, "partial"), "{told:?}");
    assert!(told.gaps[0].contains("there is no socket"), "{told:?}");
}

#[test]
fn an_engine_with_the_store_of_containerd_tells_the_index_and_the_manifest_that_run() {
    if !later_engine_ready() {
        return;
    }
    let (scene, engine) = (Scene::new(), Dockerd::start_later());
    let (web, moved) = (scene.push_index("web"), scene.push("moving", "before"));
    engine.run_for_long("running", &web.image);
    engine.docker(&format!("create --network none --name created {}", moved.image));
    let after = scene.push("moving", "after");
    engine.docker(&format!("pull --quiet {}", after.image));

    let told = scene.told(&format!("{{ name: host, kind: docker, host: \"{}\" }}", engine.host()));
    told.assert_complete();
    told.assert_uses("container running (running)", [&web.image, &web.digest]);
    told.assert_uses("container created (created)", [&moved.image, &moved.digest]);
    assert_eq!(told.used.len(), 2, "{:?}", told.used);
    let server = engine.process();
    drop(engine);
    assert_gone(server);
}
