//! Undo, killed at every request.

use jettison_testkit::registry::Options;
use serde_json::json;

use crate::common::contents::{Contents, text};
use crate::ground::Ground;

async fn killed_everywhere(options: Options, stride: usize) {
    let ground = Ground::start(options, 0).await;
    let before = Contents::of(&ground.registry);
    ground.desk.plan().await;
    let report = ground.desk.apply(&[]).await.exits(0).json();
    let run = text(&report["run"]);
    let after = Contents::of(&ground.registry);
    assert_ne!(before, after);
    ground.keep_state();
    let mut kills = 0;
    for request in (0..).step_by(stride) {
        let killed = ground.kill_at(request, &["undo", &run, "--yes"]).await;
        let between = Contents::of(&ground.registry);
        assert!(after.is_within(&between) && between.is_within(&before));
        ground.desk.run(&["undo", &run, "--yes"]).await.exits(0);
        assert_eq!(Contents::of(&ground.registry), before, "killed at request {request}");
        ground.nothing_is_open().await;
        let again = ground.desk.plan().await;
        assert_eq!(again["actions"], json!([]), "killed at request {request}");
        if !killed {
            break;
        }
        kills += 1;
        ground.take_away_all_but(&after);
        ground.put_state_back();
    }
    assert!(kills > 3, "it was killed {kills} times: nothing was shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn undo_killed_at_any_request_is_finished_by_the_next_and_everything_is_held() {
    killed_everywhere(Options::default(), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_where_tags_can_be_removed_and_referrers_are_listed() {
    let options = Options {
        delete_tag: true,
        referrers: true,
        ..Options::default()
    };
    killed_everywhere(options, 3).await;
}
