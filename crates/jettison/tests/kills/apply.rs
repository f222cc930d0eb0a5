//! Apply, killed at every request.

use jettison_testkit::registry::Options;

use crate::common::contents::{Contents, kept_pull_whole};
use crate::ground::Ground;

const APPLY: [&str; 3] = ["apply", "plan.json", "--yes"];

/// Kills apply at every `stride`-th request, from `first` on, until it is through before it is killed.
async fn killed_everywhere(options: Options, more: u64, first: u64, stride: usize) {
    let ground = Ground::start(options, more).await;
    let before = Contents::of(&ground.registry);
    let plan = ground.desk.plan().await;
    let after = before.without(&plan);
    assert_ne!(before, after);
    ground.keep_state();
    let mut kills = 0;
    for request in (first..).step_by(stride) {
        let killed = ground.kill_at(request, &APPLY).await;
        let between = Contents::of(&ground.registry);
        assert!(
            after.is_within(&between),
            "killed at request {request}: something went that the plan keeps"
        );
        ground.desk.run(&APPLY).await.exits(0);
        assert_eq!(
            Contents::of(&ground.registry),
            after,
            "killed at request {request}, and run again"
        );
        kept_pull_whole(&plan, &ground.puller).await;
        ground.nothing_is_open().await;
        ground.undo_everything().await;
        assert_eq!(
            Contents::of(&ground.registry),
            before,
            "killed at request {request}, run again, and undone"
        );
        if !killed {
            break;
        }
        kills += 1;
        ground.push_all().await;
        ground.put_state_back();
    }
    assert!(kills > 3, "it was killed {kills} times: nothing was shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn apply_killed_at_any_request_is_finished_by_the_next_and_can_be_undone() {
    killed_everywhere(Options::default(), 0, 0, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_where_tags_can_be_removed_and_referrers_are_listed() {
    let options = Options {
        delete_tag: true,
        referrers: true,
        ..Options::default()
    };
    killed_everywhere(options, 0, 0, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn run_killed_at_any_request_is_finished_by_the_next() {
    let ground = Ground::start(Options::default(), 0).await;
    let before = Contents::of(&ground.registry);
    let plan = ground.desk.plan().await;
    let after = before.without(&plan);
    ground.keep_state();
    for request in (0..).step_by(5) {
        let killed = ground.kill_at(request, &["run", "--yes"]).await;
        assert!(after.is_within(&Contents::of(&ground.registry)));
        ground.desk.run(&["run", "--yes"]).await.exits(0);
        kept_pull_whole(&plan, &ground.puller).await;
        ground.nothing_is_open().await;
        ground.undo_everything().await;
        assert_eq!(Contents::of(&ground.registry), before, "killed at request {request}");
        if !killed {
            break;
        }
        ground.put_state_back();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn apply_ended_by_a_signal_says_which_run_is_left_and_the_next_finishes_it() {
    let ground = Ground::start(Options::default(), 0).await;
    let before = Contents::of(&ground.registry);
    let plan = ground.desk.plan().await;
    let after = before.without(&plan);
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        // The first delete that takes something: the run is in the journal by then.
        let ended = ground.signal_at(signal, 12, &APPLY).await;
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(code), "{said}");
        let run = ground.desk.run(&["history", "--output", "json"]).await.json()["runs"][0].clone();
        let line = format!(
            "interrupted: run {} is in the journal; the next apply, run or undo finishes or drops it",
            run["id"].as_str().unwrap()
        );
        assert!(said.contains(&line), "{said}");
        assert_eq!(run["status"], "interrupted", "{run}");
        assert!(after.is_within(&Contents::of(&ground.registry)));
    }
    ground.desk.run(&APPLY).await.exits(0);
    assert_eq!(Contents::of(&ground.registry), after);
    ground.nothing_is_open().await;
    let id = ground.desk.run(&["history", "--output", "json"]).await.json()["runs"][0]["id"].clone();
    let ended = ground
        .signal_at("INT", 6, &["undo", id.as_str().unwrap(), "--yes"])
        .await;
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(
        ended.status.code() == Some(130) && said.contains("interrupted: "),
        "{said}"
    );
    ground.undo_everything().await;
    assert_eq!(Contents::of(&ground.registry), before);
    ground.nothing_is_open().await;
}
