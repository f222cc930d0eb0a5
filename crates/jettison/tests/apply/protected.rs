//! What was protected between the plan and the delete: by an `undo`, or in the configuration.

use jettison::store::Store;
use jettison_core::model::Digest;
use jettison_testkit::images::{Image, Index};
use jettison_testkit::registry::Options;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::common::contents::Contents;
use crate::world::{WEB, World, configured, expect_outcomes, image};

const WIDE: &str = "limits: { max-share: 100%, keep-at-least: 0 }\n";

async fn restored(world: &World, digest: &str, at: Timestamp) {
    let store = Store::open(world.desk.state()).await.unwrap();
    let digest: Digest = digest.parse().unwrap();
    let host = world.desk.host().parse().unwrap();
    store
        .mark_restored(&host, &WEB.parse().unwrap(), &[digest], at)
        .await
        .unwrap();
    store.close().await;
}

/// Since the plan, or a while before it without the plan's knowledge: made on another machine, say.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_undo_put_back_stays() {
    for hours in [0, -24] {
        let world = World::start(Options::default()).await;
        world.desk.plan().await;
        restored(
            &world,
            &image(1).digest,
            Timestamp::now() + SignedDuration::from_hours(hours),
        )
        .await;
        let ended = world.desk.apply(&[]).await.exits(4);
        expect_outcomes(
            &ended,
            &[
                (&image(1), "left", "undo put it back"),
                (&image(2), "done", ""),
                (&image(3), "done", ""),
            ],
        );
        let run = world.desk.latest_run().await;
        let figures = ["status", "deleted", "left", "failed"].map(|name| run[name].clone());
        assert_eq!(
            figures,
            [json!("refused"), json!(2), json!(1), json!(0)],
            "nothing failed"
        );
        world.puller.pull_whole(WEB, "old-1").await.unwrap();
    }
}

/// A child keeps the index above it, and with that its siblings.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_of_which_an_undo_put_a_child_back_stays_whole() {
    let world = World::start(Options::default()).await;
    let child = Image::new(10).created("2025-01-01T00:00:00Z").build();
    let index = Index::new().children([child.clone(), image(11)]).build();
    world.push(&["old-index"], &index).await;
    world.desk.plan().await;
    restored(&world, &child.digest, Timestamp::now()).await;
    world.desk.apply(&[]).await.exits(4);
    world.puller.pull_whole(WEB, "old-index").await.unwrap();
    assert!(!world.has(&image(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_configuration_protects_by_now_stays() {
    let digest = image(1).digest;
    for added in [
        "protect: ['{host}/apps/web:old-1']".to_owned(),
        "protect: ['apps/web:*-1']".to_owned(),
        format!("protect: ['**/web@{digest}']"),
        "immutable: [ { repositories: ['**'], tags: ['old-1'] } ]".to_owned(),
    ] {
        let world = World::start(Options::default()).await;
        world.desk.plan().await;
        world
            .desk
            .write("jettison.yaml", &format!("{}{added}\n", configured(WIDE)));
        let ended = world.desk.apply(&[]).await.exits(4);
        expect_outcomes(
            &ended,
            &[
                (&image(1), "left", "by now"),
                (&image(2), "done", ""),
                (&image(3), "done", ""),
            ],
        );
        world.puller.pull_whole(WEB, "old-1").await.unwrap();
    }
    let world = World::start(Options::default()).await;
    world.desk.plan().await;
    let before = Contents::of(&world.registry);
    let all = format!("{}protect: ['apps/web']\n", configured(WIDE));
    world.desk.write("jettison.yaml", &all);
    world.desk.apply(&[]).await.exits(4);
    assert_eq!(Contents::of(&world.registry), before);
}

/// A root with any hold but `immutable` loses no tag: also where it is another tag that protects it.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_protected_by_now_loses_no_tag() {
    for added in [
        "protect: ['apps/web:keep']",
        "protect: ['apps/web:old-1']",
        "immutable: [ { repositories: ['**'], tags: ['old-2'] } ]",
    ] {
        let world = crate::races::untagging(true).await;
        let before = Contents::of(&world.registry);
        world.desk.plan().await;
        let config = std::fs::read_to_string(world.desk.path("jettison.yaml")).unwrap();
        world.desk.write("jettison.yaml", &format!("{config}{added}\n"));
        world.desk.apply(&[]).await.exits(4).says("by now");
        assert_eq!(Contents::of(&world.registry), before, "{added}");
    }
}
