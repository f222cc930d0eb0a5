//! What changed between the plan and the delete: tags, indexes, signatures, usage.

use jettison_testkit::images::{Cosign, Image, Index, Manifest, cosign, cosign_tag, sigstore_bundle};
use jettison_testkit::registry::{Effect, Fault, Options};
use serde_json::json;

use crate::common::desk::Ended;
use crate::world::{WEB, World, configured, expect_outcomes, image};

/// The run is in the history with the same figures, failures included.
async fn recorded(world: &World, ended: &Ended) {
    let (report, run) = (ended.json(), world.desk.latest_run().await);
    assert_eq!(run["id"], report["run"]);
    for figure in ["status", "deleted", "untagged"] {
        assert_eq!(run[figure], report[figure], "{figure}");
    }
    assert_eq!(run["status"], "partly-failed");
    assert_eq!(
        run["actions"].as_array().unwrap().len(),
        report["actions"].as_array().unwrap().len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_moved_keeps_both_images() {
    let world = World::start(Options::default()).await;
    world.desk.plan().await;
    let newer = image(9);
    world.push(&["old-1"], &newer).await;
    let ended = world.desk.apply(&[]).await.exits(4);
    expect_outcomes(
        &ended,
        &[
            (&image(1), "failed", "old-1 was moved"),
            (&image(2), "done", ""),
            (&image(3), "done", ""),
        ],
    );
    assert!(world.has(&image(1)) && world.has(&newer) && !world.has(&image(2)));
    world.puller.pull_whole(WEB, "old-1").await.unwrap();
    recorded(&world, &ended).await;
}

/// A delete by digest takes every tag along, also one that the plan never saw.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_tag_on_a_condemned_image_keeps_it() {
    for tag in ["hotfix", "old-77"] {
        let world = World::start(Options::default()).await;
        world.desk.plan().await;
        assert!(world.registry.move_tag(WEB, tag, &image(1).digest));
        let ended = world.desk.apply(&[]).await.exits(4);
        let why = format!("tag {tag} points to it since the plan");
        expect_outcomes(
            &ended,
            &[
                (&image(1), "failed", &why),
                (&image(2), "done", ""),
                (&image(3), "done", ""),
            ],
        );
        for stays in [tag, "old-1"] {
            world.puller.pull_whole(WEB, stays).await.unwrap();
        }
        recorded(&world, &ended).await;
    }
}

/// Whoever rolls back points a tag that stays at an image that was to go.
#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_to_a_condemned_image_keeps_it() {
    let world = World::start(Options::default()).await;
    world.desk.plan().await;
    for tag in ["keep", "old-2"] {
        assert!(world.registry.move_tag(WEB, tag, &image(1).digest));
    }
    let ended = world.desk.apply(&[]).await.exits(4);
    expect_outcomes(
        &ended,
        &[
            (&image(1), "failed", "keep points to it"),
            (&image(2), "failed", "old-2 was moved"),
            (&image(3), "done", ""),
        ],
    );
    for tag in ["keep", "old-1", "old-2"] {
        world.puller.pull_whole(WEB, tag).await.unwrap();
    }
    recorded(&world, &ended).await;
}

fn platforms(seed: u64) -> [Manifest; 2] {
    ["linux/amd64", "linux/arm64"].map(|platform| {
        let seed = seed + u64::from(platform.ends_with("arm64"));
        Image::new(seed)
            .platform(platform)
            .created("2025-01-01T00:00:00Z")
            .build()
    })
}

/// A build that changed one platform alone lists the old child again.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_index_that_lists_a_condemned_child_keeps_it() {
    for depth in [1, 2] {
        let world = World::start(Options::default()).await;
        let [amd64, arm64] = platforms(10);
        let old = Index::new().children([amd64.clone(), arm64.clone()]).build();
        world.push(&["old-index"], &old).await;
        world.desk.plan().await;
        let mut newer = Index::new().children([image(30), arm64.clone()]).build();
        if depth == 2 {
            newer = Index::new().child(newer).build();
        }
        world.push(&["release"], &newer).await;
        let ended = world.desk.apply(&[]).await.exits(4);
        assert!(world.has(&arm64), "{}", ended.stdout);
        world.puller.pull_whole(WEB, "release").await.unwrap();
        world.puller.pull_whole(WEB, "old-index").await.unwrap();
        assert!(!world.has(&image(1)), "what has nothing to do with it goes");
        recorded(&world, &ended).await;
    }
}

/// The tag is there, and what it points to is not to be had: nobody knows what that lists.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_tag_whose_manifest_cannot_be_had_keeps_what_it_might_list() {
    let world = World::start(Options::default()).await;
    let [amd64, arm64] = platforms(10);
    let old = Index::new().children([amd64, arm64.clone()]).build();
    world.push(&["old-index"], &old).await;
    world.desk.plan().await;
    let newer = Index::new().children([image(30), arm64.clone()]).build();
    world.push(&["release"], &newer).await;
    let unknown = Effect::Status {
        status: 404,
        retry_after: None,
        body: Some(r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#.to_owned()),
    };
    let late = Fault::new(unknown).path(&format!("/v2/{WEB}/manifests/{}", newer.digest));
    world.registry.fail(late);
    let ended = world.desk.apply(&[]).await;
    world.registry.clear_faults();
    world
        .puller
        .pull_whole(WEB, "release")
        .await
        .unwrap_or_else(|error| panic!("{error}: {}", ended.stdout));
}

/// By the referrers API, by the tag that stands for it, and by cosign's own tag.
#[tokio::test(flavor = "multi_thread")]
async fn a_signature_attached_since_keeps_its_subject() {
    for referrers in [true, false] {
        let world = World::start(Options {
            referrers,
            ..Options::default()
        })
        .await;
        world.desk.plan().await;
        let bundle = sigstore_bundle(&image(1), "2026-01-01T00:00:00Z");
        world.pusher.push_referrer(WEB, &bundle).await.unwrap();
        let signature = cosign(&image(2).digest, Cosign::Signature);
        world
            .push(&[&cosign_tag(&image(2).digest, Cosign::Signature)], &signature)
            .await;
        let ended = world.desk.apply(&[]).await.exits(4);
        expect_outcomes(
            &ended,
            &[
                (&image(1), "failed", "attached to it"),
                (&image(2), "failed", "attached to it"),
                (&image(3), "done", ""),
            ],
        );
        assert!(
            [&image(1), &image(2), &bundle, &signature]
                .into_iter()
                .all(|manifest| world.has(manifest))
        );
        recorded(&world, &ended).await;
    }
}

/// By tag, digest, the digest of a child, and that of a config.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_into_use_since_stays() {
    let [amd64, arm64] = platforms(10);
    let old = Index::new().children([amd64.clone(), arm64.clone()]).build();
    let config = amd64.config_digest.clone().unwrap();
    for used in [
        "{host}/apps/web:old-index".to_owned(),
        "mirror.example.com/apps/web:old-index".to_owned(),
        format!("{{host}}/apps/web@{}", old.digest),
        format!("elsewhere.example.com/copy@{}", old.digest),
        format!("{{host}}/apps/web@{}", arm64.digest),
        arm64.digest.clone(),
        config,
    ] {
        let world = World::start(Options::default()).await;
        world.push(&["old-index"], &old).await;
        world.desk.plan().await;
        world
            .desk
            .write("in-use.txt", &format!("{{host}}/apps/web:keep\n{used}\n"));
        let ended = world.desk.apply(&[]).await.exits(4).says("in use by now");
        world.puller.pull_whole(WEB, "old-index").await.unwrap();
        assert!(!world.has(&image(1)), "{used}");
        recorded(&world, &ended).await;
    }
}

/// Who cannot be asked might use anything.
#[tokio::test(flavor = "multi_thread")]
async fn when_usage_cannot_be_read_any_more_nothing_goes() {
    for now in [
        None,
        Some(""),
        Some("not an image!\n"),
        Some("{\"schema\":1"),
        Some("other.example.com/x:1\n"),
    ] {
        let world = World::start(Options::default()).await;
        world.desk.plan().await;
        match now {
            Some(content) => world.desk.write("in-use.txt", content),
            None => std::fs::remove_file(world.desk.path("in-use.txt")).unwrap(),
        }
        let ended = world.desk.apply(&[]).await.exits(3);
        assert_eq!(ended.json()["deleted"], 0, "{now:?}");
        assert_eq!(world.deletes(), Vec::<String>::new(), "{now:?}");
        assert_eq!(world.registry.manifests(WEB).len(), 4);
    }
}

/// The tag leaves a moment before the delete: the delete is by digest, so that it does not follow the tag.
#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_moves_between_the_last_look_and_the_delete_is_not_taken_along() {
    let world = World::start(Options {
        delete_tag: true,
        ..Options::default()
    })
    .await;
    world.desk.plan().await;
    let newer = image(9);
    world.push(&["newer"], &newer).await;
    let (digest, target) = (image(1).digest, newer.digest.clone());
    let moves = Fault::call(move |registry| assert!(registry.move_tag(WEB, "old-1", &target)));
    world
        .registry
        .fail(moves.method("DELETE").path(&format!("/v2/{WEB}/manifests/{digest}")));
    world.desk.apply(&[]).await.exits(0);
    assert_eq!(world.registry.tags(WEB).get("old-1"), Some(&newer.digest));
    world.puller.pull_whole(WEB, "old-1").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_has_deleted_is_no_failure() {
    let world = World::start(Options::default()).await;
    world.desk.plan().await;
    world.registry.remove_manifest(WEB, &image(1).digest);
    world.registry.remove_tag(WEB, "old-2");
    let ended = world.desk.apply(&[]).await.exits(0);
    expect_outcomes(
        &ended,
        &[
            (&image(1), "already-gone", ""),
            (&image(2), "done", ""),
            (&image(3), "done", ""),
        ],
    );
    let run = world.desk.latest_run().await;
    assert_eq!(
        (&run["status"], &run["deleted"], &run["already_gone"], &run["failed"]),
        (&json!("done"), &json!(2), &json!(1), &json!(0)),
        "what it removed itself"
    );
}

/// Applying again what was applied is harmless, also after the tags were given to other images.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_is_applied_twice_does_nothing_more() {
    let world = World::start(Options::default()).await;
    world.desk.plan().await;
    world.desk.apply(&[]).await.exits(0);
    world.push(&["old-1"], &image(40)).await;
    let again = world.desk.apply(&[]).await;
    assert!(matches!(again.code, 0 | 4), "{}", again.stdout);
    world.puller.pull_whole(WEB, "old-1").await.unwrap();
    assert_eq!(world.registry.tags(WEB).len(), 2);
}

/// One image with a tag that goes and one that stays, and a policy that takes expired tags off it.
pub(crate) async fn untagging(delete_tag: bool) -> World {
    let world = World::empty(Options {
        delete_tag,
        ..Options::default()
    })
    .await;
    world.push(&["keep", "old-1", "old-2"], &image(0)).await;
    let config =
        configured("limits: { max-share: 100% }\n").replace("  - name: test\n", "  - name: test\n    untag: true\n");
    world
        .desk
        .write("jettison.yaml", &config.replace("[in-use.txt]", "[other.txt]"));
    world.desk.write("other.txt", "{host}/apps/api:keep\n");
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_tag_is_taken_off_an_image_that_stays() {
    let world = untagging(true).await;
    let plan = world.desk.plan().await;
    assert_eq!(plan["actions"][0]["action"], "untag", "{plan}");
    let report = world.desk.apply(&[]).await.exits(0).json();
    assert_eq!((&report["untagged"], &report["deleted"]), (&json!(1), &json!(0)));
    assert_eq!(world.registry.tags(WEB).into_keys().collect::<Vec<_>>(), ["keep"]);
    world.puller.pull_whole(WEB, "keep").await.unwrap();
    assert_eq!(world.desk.latest_run().await["untagged"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_moved_is_not_taken_off_its_new_image() {
    let world = untagging(true).await;
    world.desk.plan().await;
    world.push(&["old-1"], &image(9)).await;
    world.desk.apply(&[]).await.exits(4).says("old-1 was moved");
    for tag in ["keep", "old-1", "old-2"] {
        world.puller.pull_whole(WEB, tag).await.unwrap();
    }
}

/// A root that is in use loses no tag.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_came_into_use_since_loses_no_tag() {
    for used in ["{host}/apps/web:old-1", "{host}/apps/web:keep"] {
        let world = untagging(true).await;
        world.desk.plan().await;
        world
            .desk
            .write("other.txt", &format!("{{host}}/apps/api:keep\n{used}\n"));
        let ended = world.desk.apply(&[]).await;
        assert_eq!(
            (ended.code, world.registry.tags(WEB).len()),
            (4, 3),
            "{used}: {}",
            ended.stdout
        );
        ended.says("in use by now");
    }
}

/// Where a single tag cannot be removed, a delete by digest would take the kept one along.
#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_cannot_be_removed_alone_stays() {
    let world = untagging(false).await;
    world.desk.plan().await;
    let report = world.desk.apply(&[]).await.exits(3).json();
    assert_eq!((&report["blocked"], &report["untagged"]), (&json!(1), &json!(0)));
    assert_eq!(world.registry.tags(WEB).len(), 3);
    assert_eq!(world.deletes(), Vec::<String>::new());
    let run = world
        .desk
        .run(&["run", "--yes", "--output", "json"])
        .await
        .exits(0)
        .json();
    assert_eq!(run["actions"], json!([]), "a run asks first, and plans accordingly");
}

/// Some registries remove the image with its last tag, or with any: that is told, and no success.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_goes_with_its_tag_is_a_failure() {
    let world = untagging(true).await;
    world.desk.plan().await;
    let digest = image(0).digest;
    let takes_all = Fault::call(move |registry| assert!(registry.remove_manifest(WEB, &digest)));
    let removal = takes_all.method("DELETE").path(&format!("/v2/{WEB}/manifests/old-1"));
    world.registry.fail(removal.times(1));
    world.desk.apply(&[]).await.exits(4).says("so is the image");
}
