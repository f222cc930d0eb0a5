//! Podman's containers, the images that they mount, and its volumes that are images.

use super::scene::{Scene, assert_gone};
use crate::support::podman::Podman;
use crate::support::real_engines_ready;

#[test]
fn containers_mounted_images_and_volumes_of_images_count() {
    if !real_engines_ready() {
        return;
    }
    let (scene, engine) = (Scene::new(), Podman::start());
    let web = scene.push("web", "web");
    let (stopped, created) = (scene.push("stopped", "stopped"), scene.push_index("created"));
    let (removed, before) = (scene.push("removed", "removed"), scene.push("moving", "before"));
    let (data, volume) = (scene.push("data", "data"), scene.push("volume", "volume"));
    let pull = |image: &str| engine.podman(&format!("pull --quiet --tls-verify=false {image}"));
    for pushed in [&web, &stopped, &created, &removed, &before, &data, &volume] {
        pull(&pushed.image);
    }
    let sleep = "/bin/busybox sleep 600";
    engine.container("run --detach", "running", &format!("{} {sleep}", web.image));
    engine.container("run", "stopped", &format!("{} /bin/busybox true", stopped.image));
    let mount = format!("--mount type=image,source={},destination=/data", data.image);
    engine.container("create", "created", &format!("{mount} {}", created.image));
    engine.container("run --detach", "removed", &format!("{} {sleep}", removed.image));
    engine.podman(&format!("tag {} localhost/another-name:v1", removed.image));
    engine.podman(&format!("untag {0} {0}", removed.image));
    engine.container("run --detach", "moving", &format!("{} {sleep}", before.image));
    let after = scene.push("moving", "after");
    pull(&after.image);
    engine.podman(&format!(
        "volume create --driver image --opt image={} pictures",
        volume.image
    ));

    let source = format!("{{ name: host, kind: podman, host: \"{}\" }}", engine.host());
    let told = scene.told(&source);
    told.assert_complete();
    told.assert_uses("container running (running)", [&web.image, &web.digest, &web.config]);
    told.assert_uses(
        "container stopped (exited)",
        [&stopped.image, &stopped.digest, &stopped.config],
    );
    let index = [&created.image, &created.digest, &created.manifest, &created.config];
    told.assert_uses("container created (created)", index.map(String::as_str));
    told.assert_uses(
        "container created (created), mounted",
        [&data.image, &data.digest, &data.config],
    );
    told.assert_uses("volume pictures", [&volume.image, &volume.digest, &volume.config]);
    // As it is where Podman stands in for Docker.
    let source = format!("{{ name: host, kind: docker, host: \"{}\" }}", engine.host());
    let taken_for_docker = scene.told(&source);
    taken_for_docker.assert_complete();
    assert_eq!(taken_for_docker.used, told.used);
    for (who, pushed) in [("removed", &removed), ("moving", &before)] {
        let used = &told.used[&format!("container {who} (running)")];
        assert!(
            used.contains(&pushed.config) && used.contains(&pushed.image),
            "{who}: {used:?}"
        );
    }
    assert!(
        !told.used.values().any(|names| names.contains(&after.config)),
        "{told:?}"
    );
    assert_eq!(told.used.len(), 7, "{:?}", told.used);

    let pid = "inspect --format {{.State.Pid}} running removed moving";
    let processes = engine.podman(pid);
    let server = engine.process();
    drop(engine);
    processes.split_whitespace().for_each(assert_gone);
    assert_gone(server);
}
