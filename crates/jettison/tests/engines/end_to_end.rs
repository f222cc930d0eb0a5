//! The whole way: everything goes but what Docker runs, may start again, or was started from; and that still pulls.

use super::scene::{OLD, Scene};
use crate::support::clients::Clients;
use crate::support::dockerd::Dockerd;
use crate::support::real_engines_ready;

/// Nothing but use holds anything.
const EVERYTHING_GOES: &str = r#"
grace: 0h
limits: { keep-at-least: 0, max-share: 100% }
policies:
  - name: everything
    rules:
      - { name: tagged, match: { tags: ["*"] }, expire: { older-than: 0h } }
      - { name: untagged, match: { untagged: true }, expire: { older-than: 0h } }
"#;

/// Images that nobody uses.
const UNUSED: usize = 60;

#[test]
fn an_aggressive_policy_takes_all_but_what_docker_uses_and_that_still_pulls() {
    if !real_engines_ready() {
        return;
    }
    let (scene, engine) = (Scene::new(), Dockerd::start());
    let web = &scene.web;
    let unused: Vec<String> = (0..UNUSED)
        .map(|number| web.push_image(&format!("main-{number}"), OLD, &format!("unused {number}")))
        .collect();
    let (by_tag, by_digest) = (scene.push("by-tag", "by-tag"), scene.push("by-digest", "by-digest"));
    let (by_platform, moved) = (scene.push_index("by-platform"), scene.push("moved", "moved"));
    let at = |digest: &str| format!("{}@{digest}", scene.repository());

    engine.run_for_long("by-tag", &by_tag.image);
    engine.docker(&format!("create --name by-digest {}", at(&by_digest.digest)));
    let platform = at(&by_platform.manifest);
    engine.docker(&format!(
        "run --network none --name by-platform {platform} /bin/busybox true"
    ));
    // The image runs, its tag is another's by now, and a second tag would expire.
    engine.run_for_long("moved", &moved.image);
    scene.push("release-7", "moved");
    let newer = scene.push("moved", "newer");
    let clients = Clients::new();

    let host = engine.host();
    let usage = format!("usage: [ {{ name: host, kind: docker, host: \"{host}\" }} ]\n");
    scene.user.write("jettison.yaml", &(usage + EVERYTHING_GOES));
    let line = format!("run {} --trust-created --yes", scene.registry.image("**"));
    let run = scene.user.json(&line, 0);
    assert_eq!(run["deleted"], UNUSED, "{run}");

    assert!(unused.iter().all(|digest| web.manifest(digest).is_none()));
    // The tag that a container was started by may start it again: what it names now stays too.
    assert_eq!(web.tags(), ["by-digest", "by-platform", "by-tag", "moved", "release-7"]);
    engine.docker("rm --force by-tag by-digest by-platform moved");
    engine.docker("image prune --all --force");
    for image in [
        &by_tag.image,
        &at(&by_digest.digest),
        &platform,
        &by_platform.image,
        &at(&moved.digest),
        &newer.image,
    ] {
        clients.pull_whole(image).unwrap();
        engine.docker(&format!("pull --quiet {image}"));
    }
}
