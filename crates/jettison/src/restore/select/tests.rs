//! Which entries of the journal an undo is about.

use jettison_core::config::Config;

use super::*;
use crate::store::tests::{digest, hour, open_new, registry, repository, tag};
use crate::store::{Action, Intent, Outcome, RunStart, RunStatus};

/// A plain image whose bytes are a manifest that names it.
fn bytes(name: &str) -> Vec<u8> {
    let config = digest(name);
    format!(r#"{{"schemaVersion":2,"config":{{"digest":"{config}","size":1}},"layers":[]}}"#).into_bytes()
}

fn of(name: &str) -> Digest {
    Digest::of(&bytes(name))
}

/// Records a run that did this to these images: name, tags, action, outcomes.
async fn run(store: &Store, at: i64, entries: &[(&str, &[&str], Action, &[Outcome])]) -> RunId {
    let start = RunStart {
        id: RunId::new(hour(at), [0, 1]),
        plan_id: None,
        started_at: hour(at),
        command: "apply".to_owned(),
    };
    let run = store.begin_run(&start).await.unwrap();
    for (sequence, (name, tags, action, outcomes)) in (0..).zip(entries) {
        let intent = Intent {
            registry: registry(),
            repository: repository(),
            digest: of(name),
            action: *action,
            root: of(name),
            tags: tags.iter().map(|name| tag(name)).collect(),
            media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
            bytes: bytes(name),
            referrers: Vec::new(),
            reason_json: "{}".to_owned(),
            sequence,
        };
        let entry = store.record_intent(&run, &[intent]).await.unwrap()[0];
        for outcome in *outcomes {
            store.record_outcome(entry, outcome.clone(), hour(at)).await.unwrap();
        }
    }
    store.end_run(&run, RunStatus::Done, hour(at)).await.unwrap();
    run
}

/// The tags of each selected image, by its name.
fn told(selection: &Selection, names: &[&str]) -> Vec<(String, String)> {
    let of_name = |name: &&str| {
        let found = selection.saved.iter().find(|saved| saved.place.digest == of(name))?;
        let tags: Vec<&str> = found.tags.iter().map(Tag::as_str).collect();
        Some(((*name).to_owned(), tags.join(" ")))
    };
    names.iter().filter_map(of_name).collect()
}

#[tokio::test]
async fn what_was_left_on_purpose_or_gone_before_is_not_touched() {
    let (_directory, store) = open_new().await;
    let skipped = || Outcome::Skipped {
        why: "in use".to_owned(),
    };
    let failed = || Outcome::Failed {
        error: "500".to_owned(),
    };
    let run = run(
        &store,
        1,
        &[
            ("done", &["a"], Action::Delete, &[Outcome::Done]),
            ("gone", &["b"], Action::Delete, &[Outcome::AlreadyGone]),
            ("untagged", &["c"], Action::Untag, &[Outcome::Done]),
            ("failed", &["d"], Action::Delete, &[failed()]),
            ("unknown", &["e"], Action::Delete, &[]),
            ("back", &["f"], Action::Delete, &[Outcome::Done, Outcome::PutBack]),
            (
                "gone-and-back",
                &["i"],
                Action::Delete,
                &[Outcome::AlreadyGone, Outcome::PutBack],
            ),
            ("left", &["g"], Action::Delete, &[skipped()]),
            ("left-and-done", &["h"], Action::Delete, &[skipped(), Outcome::Done]),
        ],
    )
    .await;
    let selection = select(&store, &Config::default(), &[run.to_string()]).await.unwrap();
    let names = [
        "done",
        "gone",
        "untagged",
        "failed",
        "unknown",
        "back",
        "gone-and-back",
        "left",
        "left-and-done",
    ];
    let selected: Vec<String> = told(&selection, &names).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        selected,
        ["done", "untagged", "failed", "unknown", "back", "left-and-done"]
    );
    let image = |name: &str| format!("{}/{}:{name}", registry(), repository());
    let left = select(&store, &Config::default(), &[image("g")]).await;
    assert!(matches!(left, Err(SelectionError::NotRemoved { .. })));
    // Nobody but this run has its bytes: whoever asks for the image gets it.
    let gone = select(&store, &Config::default(), &[image("b")]).await.unwrap();
    assert_eq!(told(&gone, &names), [("gone".to_owned(), "b".to_owned())]);
}

/// The same plan applied three times, and by the second run something of its own.
#[tokio::test]
async fn a_run_that_came_too_late_took_nothing_and_names_the_one_that_did() {
    let (_directory, store) = open_new().await;
    let gone: &[Outcome] = &[Outcome::AlreadyGone];
    let first = run(&store, 1, &[("first", &["v1"], Action::Delete, &[Outcome::Done])]).await;
    let second = run(
        &store,
        2,
        &[
            ("first", &["v1"], Action::Delete, gone),
            ("second", &["v2"], Action::Delete, &[Outcome::Done]),
        ],
    )
    .await;
    let third = run(&store, 3, &[("first", &["v1"], Action::Delete, gone)]).await;
    let alien = run(&store, 4, &[("alien", &["v3"], Action::Delete, gone)]).await;
    let names = ["first", "second"];
    let selected = async |what: &str| select(&store, &Config::default(), &[what.to_owned()]).await;
    let own = selected(second.as_str()).await.unwrap();
    assert_eq!(told(&own, &names), [("second".to_owned(), "v2".to_owned())]);
    for (late, expected) in [(&third, vec![first.clone()]), (&alien, Vec::new())] {
        let Err(SelectionError::TookNothing { run, takers }) = selected(late.as_str()).await else {
            panic!("{late} took nothing")
        };
        assert_eq!((&run, takers.into_iter().collect::<Vec<_>>()), (late, expected));
    }
    let image = selected(&format!("{}/{}:v1", registry(), repository())).await.unwrap();
    assert_eq!(image.saved[0].run, first, "not the latest that speaks of it");
}

/// The newest run that took it, not the newest that speaks of it; and all tags that this run took.
#[tokio::test]
async fn an_image_is_looked_for_in_the_newest_run_that_took_it() {
    let (_directory, store) = open_new().await;
    let skipped = Outcome::Skipped {
        why: "in use".to_owned(),
    };
    run(&store, 1, &[("first", &["main"], Action::Delete, &[Outcome::Done])]).await;
    run(
        &store,
        2,
        &[("second", &["main", "v2"], Action::Delete, &[Outcome::Done])],
    )
    .await;
    run(&store, 3, &[("third", &["main"], Action::Delete, &[skipped])]).await;
    let image = |rest: &str| vec![format!("{}/{}{rest}", registry(), repository())];
    let names = ["first", "second", "third"];
    for (rest, expected) in [
        (":main".to_owned(), ("second", "main v2")),
        (":v2".to_owned(), ("second", "main v2")),
        (format!("@{}", of("first")), ("first", "main")),
        (format!(":v9@{}", of("first")), ("first", "main")),
    ] {
        let selection = select(&store, &Config::default(), &image(&rest)).await.unwrap();
        let expected = vec![(expected.0.to_owned(), expected.1.to_owned())];
        assert_eq!(told(&selection, &names), expected, "{rest}");
        assert_eq!(selection.outlived.len(), 0);
    }
}

/// Two runs took the same tag off two images: it goes to the one that had it last.
#[tokio::test]
async fn a_tag_comes_back_once() {
    let (_directory, store) = open_new().await;
    let first = run(
        &store,
        1,
        &[("first", &["main", "v1"], Action::Delete, &[Outcome::Done])],
    )
    .await;
    let second = run(
        &store,
        2,
        &[("second", &["main", "v2"], Action::Delete, &[Outcome::Done])],
    )
    .await;
    for arguments in [[&first, &second], [&second, &first]] {
        let arguments = arguments.map(ToString::to_string);
        let selection = select(&store, &Config::default(), &arguments).await.unwrap();
        let expected = [("first", "v1"), ("second", "main v2")].map(|(name, tags)| (name.to_owned(), tags.to_owned()));
        assert_eq!(told(&selection, &["first", "second"]), expected);
        let outlived: Vec<_> = selection.outlived.values().flatten().collect();
        assert_eq!(outlived, [(&tag("main"), &of("second"))]);
    }
}
