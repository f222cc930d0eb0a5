//! A registry that is started anew while an apply is under way.

use std::time::Duration;

use jettison_testkit::images::Image;
use jettison_testkit::push::Pusher;

use super::scene::{OLD, Scene, scene};
use crate::support::jettison::{Jettison, condemned, days_ago, list};

const IMAGES: usize = 40;

/// Nobody listens for a second and a half: the apply waits, and does what is left; what it could not do it says, and the
/// next one does it.
#[test]
fn an_apply_outlives_a_restart_of_the_registry() {
    let Some(mut scene) = scene() else { return };
    scene.web.push_image("keep", &days_ago(0), "keep");
    push_old_images(&scene.registry.host());
    assert_eq!(condemned(&scene.plan("")).len(), IMAGES);
    let left = std::thread::scope(|threads| {
        let user = &scene.user;
        let apply = threads.spawn(move || {
            user.run("apply plan.json --yes --policy policy.yaml --no-usage --accept-share 100% --output json")
        });
        // By its log: this registry may fail to list tags while some of them go. Two DELETEs are probes.
        let deletes = || {
            scene
                .registry
                .requests()
                .iter()
                .filter(|line| line.starts_with("DELETE"))
                .count()
        };
        while deletes() < 5 {
            assert!(!apply.is_finished(), "it ended before anything went");
            std::thread::sleep(Duration::from_millis(1));
        }
        scene.registry.stop();
        std::thread::sleep(Duration::from_millis(1500));
        scene.registry.restart();
        let left = images(&scene);
        let ended = apply.join().expect("the apply");
        assert!(matches!(ended.code, 0 | 4), "{}{}", ended.output, ended.said);
        let report: serde_json::Value = serde_json::from_str(&ended.output).expect("its report");
        let figure = |name: &str| report[name].as_u64().expect("a figure");
        let done = figure("deleted") + figure("already_gone");
        assert_eq!(done + figure("failed") + figure("unknown"), IMAGES as u64, "{report:#}");
        assert!(images(&scene) <= 1 + figure("failed") + figure("unknown"), "{report:#}");
        left
    });
    assert!(left > 1, "the registry was stopped too late to matter");
    assert!(scene.web.manifest("keep").is_some());
    scene.user.json(
        "apply plan.json --yes --policy policy.yaml --no-usage --accept-share 100%",
        0,
    );
    assert_eq!(images(&scene), 1);
}

fn push_old_images(host: &str) {
    let pusher = Pusher::new(&format!("http://{host}")).expect("a client");
    let push = async {
        for seed in 0..IMAGES {
            let image = Image::new(seed as u64).created(OLD).build();
            pusher
                .push("apps/web", &[&format!("old-{seed}")], &image)
                .await
                .expect("a push");
        }
    };
    tokio::runtime::Runtime::new().expect("a runtime").block_on(push);
}

/// Manifests behind tags. Distribution removes a manifest first and then its tags: stopped in between, it leaves tags
/// that answer 404. A scan of one who remembers nothing tells them apart.
fn images(scene: &Scene) -> u64 {
    let found = Jettison::new().json(&format!("scan {}", scene.everything()), 0);
    list(&found["repositories"][0], "tags").count() as u64
}
