//! A registry that is started anew while an apply is under way.

use std::time::Duration;

use super::scene::{OLD, scene};
use crate::support::jettison::{condemned, days_ago};

const IMAGES: usize = 60;

/// Nobody listens for a second and a half: the apply waits, and does what is left; what it could not do it says, and the
/// next one does it.
#[test]
fn an_apply_outlives_a_restart_of_the_registry() {
    let Some(mut scene) = scene() else { return };
    scene.web.push_image("keep", &days_ago(0), "keep");
    for number in 0..IMAGES {
        scene
            .web
            .push_image(&format!("old-{number}"), OLD, &format!("old-{number}"));
    }
    assert_eq!(condemned(&scene.plan("")).len(), IMAGES);
    let left = std::thread::scope(|threads| {
        let user = &scene.user;
        let apply = threads.spawn(move || {
            user.run("apply plan.json --yes --policy policy.yaml --no-usage --accept-share 100% --output json")
        });
        while scene.web.tags().len() > IMAGES - 2 {
            assert!(!apply.is_finished(), "it ended before anything went");
            std::thread::sleep(Duration::from_millis(1));
        }
        scene.registry.stop();
        std::thread::sleep(Duration::from_millis(1500));
        scene.registry.restart();
        let left = scene.web.tags().len();
        let ended = apply.join().expect("the apply");
        assert!(matches!(ended.code, 0 | 4), "{}{}", ended.output, ended.said);
        let report: serde_json::Value = serde_json::from_str(&ended.output).expect("its report");
        let figure = |name: &str| report[name].as_u64().expect("a figure");
        let done = figure("deleted") + figure("already_gone");
        assert_eq!(done + figure("failed"), IMAGES as u64, "{report:#}");
        assert!(scene.web.tags().len() as u64 <= 1 + figure("failed"), "{report:#}");
        left
    });
    assert!(left > 1, "the registry was stopped too late to matter");
    assert!(scene.web.manifest("keep").is_some());
    scene.user.json(
        "apply plan.json --yes --policy policy.yaml --no-usage --accept-share 100%",
        0,
    );
    assert_eq!(scene.web.tags(), ["keep"]);
}
