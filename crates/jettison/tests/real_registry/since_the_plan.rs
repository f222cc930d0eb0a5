//! What others push between a plan and its apply keeps what it names.

use serde_json::json;

use super::scene::{OLD, scene, set};
use crate::support::jettison::{condemned, days_ago, list, text};

#[test]
fn what_a_tag_or_an_index_names_since_the_plan_stays() {
    let Some(scene) = scene() else { return };
    let push = |tag: &str| scene.web.push_image(tag, OLD, tag);
    let (replaced, rolled_back, tagged, listed, gone) = (
        push("replaced"),
        push("rolled-back"),
        push("tagged"),
        push("listed"),
        push("gone"),
    );
    let kept = scene.web.push_image("keep", &days_ago(0), "keep");
    let going = set([&replaced, &rolled_back, &tagged, &listed, &gone]);
    assert_eq!(condemned(&scene.plan("")), going);

    let newer = scene.web.push_image("replaced", &days_ago(0), "newer");
    scene.web.push_image("keep", OLD, "rolled-back");
    scene.web.push_image("another", OLD, "tagged");
    let (index, _) = scene.web.push_attested(&listed, "index");
    assert_eq!(
        scene.web.manifest("keep").unwrap().digest,
        rolled_back,
        "the kept tag is moved back"
    );

    let applied = scene.apply(4, "--no-usage");
    assert_eq!(
        (&applied["deleted"], &applied["failed"]),
        (&json!(1), &json!(4)),
        "{applied}"
    );
    let staying = [&replaced, &rolled_back, &tagged, &listed, &kept, &newer, &index];
    assert_eq!(scene.present(&staying).len(), staying.len(), "{applied}");
    assert_eq!(
        scene.web.tags(),
        [
            "another",
            "index",
            "keep",
            "listed",
            "replaced",
            "rolled-back",
            "tagged"
        ]
    );
    assert_eq!(scene.present(&[&gone]), [""; 0]);
    let detail = scene.user.json(&format!("history {}", text(&applied["run"])), 0);
    let failed = list(&detail, "actions").filter(|action| action["outcome"] == "failed");
    failed.for_each(|action| assert!(text(&action["why"]).contains("since the plan"), "{action}"));
}
