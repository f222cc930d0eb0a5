//! The agent, on an engine that follows a script and with a clock that stands still unless somebody waits.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jettison_core::host::{CacheRecord, CacheSettings, EngineFacts, HostImage, ImageStore};
use jettison_core::model::{Digest, SourceReport};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::{Listener, Round, Watch};
use crate::host::HostError;
use crate::host::engine::{EngineError, Event, Events, HostContainer, HostEngine, ImageNames, Removed};
use crate::host::ledger::{HostLedger, HostRemoval, HostRun, HostUse, KnownImage, SeenImage};
use crate::store::StoreError;
use crate::store::tests::{digest, hour, open_new};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// What the clock says.
fn noon() -> Timestamp {
    hour(12)
}

/// A step of a stream.
#[derive(Debug, Clone)]
enum Step {
    Tell(Event),
    Wait(Duration),
    /// From now on a name stands for this image.
    Name(&'static str, &'static str),
    Fail,
    End,
}
use Step::{End, Fail, Name, Tell, Wait};

/// `container start web: nginx` or `pull: nginx`, minutes after eleven.
fn event(at: i64, text: &str) -> Step {
    let (what, image) = text.split_once(": ").unwrap();
    let (action, by) = match what.strip_prefix("container ") {
        Some(rest) => rest
            .split_once(' ')
            .map(|(action, name)| (format!("container {action}"), format!("container {name}")))
            .unwrap(),
        None => (what.to_owned(), String::new()),
    };
    Tell(Event {
        at: hour(11) + SignedDuration::from_mins(at),
        image: image.to_owned(),
        action,
        by,
    })
}

/// Everything around the agent, and what it was asked.
#[derive(Debug, Default)]
struct World {
    streams: Mutex<VecDeque<Vec<Step>>>,
    names: Mutex<BTreeMap<String, Digest>>,
    /// Errors that `find` answers with before it answers.
    stumbles: Mutex<Vec<EngineError>>,
    finds: AtomicUsize,
    opened: Mutex<Vec<(Instant, Option<Timestamp>)>>,
    written: Mutex<Vec<Vec<HostUse>>>,
    store_fails: AtomicBool,
    looks: Mutex<Vec<Instant>>,
    runs: Mutex<Vec<Instant>>,
    /// How long a round works on each of its images, and how many these are.
    work: Mutex<(Duration, usize)>,
    removed: AtomicUsize,
    round_fails: AtomicUsize,
    is_full: AtomicBool,
    disk_asked: AtomicUsize,
    lines: Mutex<Vec<String>>,
}

impl World {
    /// Lives as long as the tests do: streams outlive whoever asked for them.
    fn with(streams: impl IntoIterator<Item = Vec<Step>>) -> &'static Self {
        let world = &*Box::leak(Box::new(Self::default()));
        *world.streams.lock().unwrap() = streams.into_iter().collect();
        for (name, image) in [("web:1", "web"), ("db:1", "db")] {
            world.names.lock().unwrap().insert(name.to_owned(), digest(image));
        }
        world
    }

    fn watch(&'static self) -> Watch<'static, World> {
        Watch {
            engine: Box::leak(Box::new(self)),
            ledger: self,
            round: self,
            listener: self,
            every: HOUR,
            observe_only: false,
            now: noon,
        }
    }

    async fn watched(&'static self, time: Duration) -> &'static Self {
        self.watch().run(sleep(time)).await;
        self
    }

    /// `web 3 container web: start`: the latest use of each image that was written, with its minutes after eleven.
    fn uses(&self) -> Vec<String> {
        let mut latest: BTreeMap<Digest, HostUse> = BTreeMap::new();
        for used in self.written.lock().unwrap().iter().flatten() {
            let known = latest.entry(used.id.clone()).or_insert_with(|| used.clone());
            if known.at < used.at {
                *known = used.clone();
            }
        }
        let names = ["web", "db", "new"].map(|name| (digest(name), name));
        let draw = |(id, name): &(Digest, &str)| {
            let used = latest.get(id)?;
            let minutes = used.at.duration_since(hour(11)).as_mins();
            Some(format!("{name} {minutes} {}", used.what))
        };
        names.iter().filter_map(draw).collect()
    }

    fn since(&self) -> Vec<Option<i64>> {
        let opened = self.opened.lock().unwrap();
        let minutes = |since: Timestamp| since.duration_since(hour(11)).as_mins();
        opened.iter().map(|(_, since)| since.map(minutes)).collect()
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

/// Seconds from one moment to the next.
fn gaps(moments: &[Instant]) -> Vec<u64> {
    moments
        .windows(2)
        .map(|pair| pair[1].duration_since(pair[0]).as_secs())
        .collect()
}

#[derive(Debug)]
struct Stream(&'static World, VecDeque<Step>);

#[async_trait]
impl Events for Stream {
    async fn next(&mut self) -> Result<Option<Event>, EngineError> {
        while let Some(step) = self.1.pop_front() {
            match step {
                Tell(event) => return Ok(Some(event)),
                Wait(time) => sleep(time).await,
                Name(name, image) => {
                    let mut names = self.0.names.lock().unwrap();
                    names.insert(name.to_owned(), digest(image));
                }
                Fail => return Err(EngineError::Failed("the connection broke".to_owned())),
                End => return Ok(None),
            }
        }
        std::future::pending().await
    }
}

#[async_trait]
impl HostEngine for &'static World {
    fn told(&self) -> String {
        "an engine that follows a script".to_owned()
    }

    async fn facts(&self) -> Result<EngineFacts, EngineError> {
        Ok(EngineFacts {
            id: "scripted".to_owned(),
            kind: "docker".to_owned(),
            version: "1".to_owned(),
            store: ImageStore::GraphDriver,
            driver: "overlay2".to_owned(),
            root: Some("/var/lib/scripted".to_owned()),
            layers_bytes: None,
        })
    }

    async fn images(&self, _times: bool) -> Result<Vec<HostImage>, EngineError> {
        unimplemented()
    }

    async fn usage(&self, _now: Timestamp) -> SourceReport {
        panic!("only looks ask that")
    }

    async fn build_cache(&self) -> Result<Vec<CacheRecord>, EngineError> {
        unimplemented()
    }

    async fn layers_bytes(&self) -> Result<Option<u64>, EngineError> {
        unimplemented()
    }

    async fn busy(&self) -> Result<Option<String>, EngineError> {
        unimplemented()
    }

    async fn find(&self, name: &str) -> Result<Option<Digest>, EngineError> {
        self.finds.fetch_add(1, Ordering::Relaxed);
        match self.stumbles.lock().unwrap().pop() {
            Some(error) => Err(error),
            None => Ok(self.names.lock().unwrap().get(name).cloned()),
        }
    }

    async fn names(&self, _image: &Digest) -> Result<Option<ImageNames>, EngineError> {
        unimplemented()
    }

    async fn containers(&self) -> Result<Vec<HostContainer>, EngineError> {
        unimplemented()
    }

    async fn tag(&self, _image: &Digest, _name: &str) -> Result<(), EngineError> {
        unimplemented()
    }

    async fn remove(&self, _name: &str) -> Result<Removed, EngineError> {
        unimplemented()
    }

    async fn shrink_build_cache(&self, _settings: &CacheSettings) -> Result<u64, EngineError> {
        unimplemented()
    }

    async fn events(&self, since: Option<Timestamp>) -> Result<Box<dyn Events>, EngineError> {
        self.opened.lock().unwrap().push((Instant::now(), since));
        match self.streams.lock().unwrap().pop_front() {
            Some(steps) => Ok(Box::new(Stream(self, steps.into()))),
            None => Err(EngineError::Unreachable("nobody is there".to_owned())),
        }
    }
}

/// The agent asks for nothing of that itself: looks and rounds do.
fn unimplemented<T>() -> Result<T, EngineError> {
    panic!("only looks and rounds ask that")
}

#[async_trait]
impl HostLedger for World {
    async fn observe(
        &self,
        _engine: &str,
        _seen: &[SeenImage],
        _now: Timestamp,
    ) -> Result<BTreeMap<Digest, KnownImage>, StoreError> {
        panic!("only looks observe")
    }

    async fn known_since(&self, _engine: &str) -> Result<Option<Timestamp>, StoreError> {
        panic!("only looks observe")
    }

    async fn note_uses(&self, engine: &str, uses: &[HostUse]) -> Result<(), StoreError> {
        assert_eq!(engine, "scripted");
        if self.store_fails.load(Ordering::Relaxed) {
            return Err(StoreError::NoDirectory);
        }
        self.written.lock().unwrap().push(uses.to_vec());
        Ok(())
    }

    async fn mark(
        &self,
        _engine: &str,
        _going: &[Digest],
        _now: Timestamp,
    ) -> Result<BTreeMap<Digest, Timestamp>, StoreError> {
        panic!("only rounds mark")
    }

    async fn begin_run(&self, _engine: &str, _now: Timestamp) -> Result<i64, StoreError> {
        panic!("only rounds remove")
    }

    async fn removing(&self, _run: i64, _removal: &HostRemoval) -> Result<(), StoreError> {
        panic!("only rounds remove")
    }

    async fn removed(&self, _run: i64, _image: &Digest, _outcome: &str) -> Result<(), StoreError> {
        panic!("only rounds remove")
    }

    async fn end_run(&self, _run: i64, _freed_bytes: Option<u64>, _now: Timestamp) -> Result<(), StoreError> {
        panic!("only rounds remove")
    }

    async fn runs(&self, _engine: &str, _most: usize) -> Result<Vec<HostRun>, StoreError> {
        panic!("nobody asks")
    }
}

#[async_trait]
impl Round for World {
    type Report = usize;

    async fn look(&self) -> Result<(), HostError> {
        self.looks.lock().unwrap().push(Instant::now());
        Ok(())
    }

    async fn run(&self, stop: &watch::Receiver<bool>) -> Result<usize, HostError> {
        self.runs.lock().unwrap().push(Instant::now());
        let failing = self.round_fails.load(Ordering::Relaxed);
        if failing > 0 {
            self.round_fails.store(failing - 1, Ordering::Relaxed);
            return Err(EngineError::Failed("the engine had a cold".to_owned()).into());
        }
        let (each, images) = *self.work.lock().unwrap();
        for _ in 0..images {
            if *stop.borrow() {
                break;
            }
            sleep(each).await;
            self.removed.fetch_add(1, Ordering::Relaxed);
        }
        Ok(self.removed.load(Ordering::Relaxed))
    }

    fn is_disk_full(&self, root: &str) -> bool {
        assert_eq!(root, "/var/lib/scripted");
        self.disk_asked.fetch_add(1, Ordering::Relaxed);
        self.is_full.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Listener<usize> for World {
    fn said(&self, line: &str) {
        self.lines.lock().unwrap().push(line.to_owned());
    }

    fn warned(&self, line: &str) {
        self.lines.lock().unwrap().push(format!("warning: {line}"));
    }

    async fn report(&self, removed: &usize) {
        self.lines.lock().unwrap().push(format!("removed {removed}"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_events_mean_for_the_use_of_images() {
    let table: &[(&str, &[Step], &[&str])] = &[
        (
            "what a container does is a use at that time, from its creation to its end",
            &[
                event(1, "container create one: web:1"),
                event(9, "container destroy one: web:1"),
            ],
            &["web 9 container one: destroy"],
        ),
        (
            "an image that comes or gets a name is used",
            &[event(3, "pull: web:1"), event(4, "tag: db:1")],
            &["web 3 pulled", "db 4 tagged"],
        ),
        (
            "nobody uses what loses a name, is sent away, or is nothing that is known",
            &[
                event(1, "untag: web:1"),
                event(2, "delete: web:1"),
                event(3, "push: web:1"),
                event(4, "shave: db:1"),
            ],
            &[],
        ),
        (
            "of events in any order, and twice, the latest counts",
            &[
                event(5, "container start one: web:1"),
                event(2, "pull: web:1"),
                event(5, "container start one: web:1"),
            ],
            &["web 5 container one: start"],
        ),
        (
            "what happens in the future happened now",
            &[event(600_000, "container start one: web:1")],
            &["web 60 container one: start"],
        ),
        (
            "a name that moved stands for the image that it stands for then",
            &[event(1, "pull: web:1"), Name("web:1", "new"), event(2, "pull: web:1")],
            &["web 1 pulled", "new 2 pulled"],
        ),
        (
            "a container stays what it was made from when its name moves on",
            &[
                event(1, "container create one: web:1"),
                Name("web:1", "new"),
                event(2, "tag: web:1"),
                event(3, "container die one: web:1"),
            ],
            &["web 3 container one: die", "new 2 tagged"],
        ),
        (
            "but another one of the same name is made anew",
            &[
                event(1, "container create one: web:1"),
                event(2, "container destroy one: web:1"),
                Name("web:1", "new"),
                event(3, "tag: web:1"),
                event(4, "container create one: web:1"),
                event(5, "container die one: web:1"),
            ],
            &["web 2 container one: destroy", "new 5 container one: die"],
        ),
        (
            "what the engine does not know, nobody uses",
            &[event(1, "pull: gone:1"), event(2, "container die gone: gone:1")],
            &[],
        ),
    ];
    for (what, steps, expected) in table {
        let world = World::with([steps.to_vec()]).watched(MINUTE).await;
        assert_eq!(world.uses(), *expected, "{what}");
        assert_eq!(world.lines(), Vec::<String>::new(), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn hostile_names_are_neither_asked_for_nor_repeated_as_they_are() {
    let long = "x".repeat(1_000_000);
    let steps = [
        event(1, &format!("pull: {long}")),
        event(1, &format!("container start {long}: web:1")),
        event(2, "container start \u{1b}[31m: db:1"),
        event(3, "pull: "),
    ];
    let world = World::with([steps.to_vec()]).watched(MINUTE).await;
    assert_eq!(world.finds.load(Ordering::Relaxed), 2);
    let written = world.written.lock().unwrap();
    let what: Vec<&String> = written.iter().flatten().map(|used| &used.what).collect();
    assert_eq!(what.len(), 2);
    assert!(
        what.iter().all(|what| what.len() < 1000 && !what.contains('\u{1b}')),
        "{what:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_events_are_few_questions_and_few_writes() {
    let steps = (0..10_000).map(|n| {
        event(
            n / 200,
            &format!(
                "container start {}: {}",
                n % 300,
                ["web:1", "db:1"][usize::try_from(n % 2).unwrap()]
            ),
        )
    });
    let world = World::with([steps.collect()]).watched(MINUTE).await;
    assert_eq!(world.finds.load(Ordering::Relaxed), 2);
    assert_eq!(world.written.lock().unwrap().len(), 1);
    let expected = ["web 49 container 298: start", "db 49 container 299: start"];
    let uses = world.uses();
    assert_eq!(uses.len(), expected.len(), "{uses:?}");
    assert!(uses.iter().all(|used| used.contains(" 49 ")), "{uses:?}");
}

#[tokio::test(start_paused = true)]
async fn images_without_end_are_written_in_parts_and_none_is_lost() {
    let world = World::with([(0..10_000).map(|n| event(1, &format!("pull: image:{n}"))).collect()]);
    for n in 0..10_000 {
        let name = format!("image:{n}");
        world.names.lock().unwrap().insert(name.clone(), digest(&name));
    }
    world.watched(MINUTE).await;
    let written = world.written.lock().unwrap();
    assert_eq!(written.iter().map(Vec::len).sum::<usize>(), 10_000);
    assert!(written.iter().all(|part| part.len() <= super::noted::MOST));
}

#[tokio::test(start_paused = true)]
async fn after_a_break_events_are_asked_for_from_the_last_one_and_everything_is_looked_at_again() {
    let first = vec![event(7, "container start one: web:1"), event(3, "pull: db:1"), Fail];
    let second = vec![
        event(7, "container start one: web:1"),
        event(9, "container die one: web:1"),
        Wait(2 * MINUTE),
        End,
    ];
    let world = World::with([first, second, vec![]]).watched(3 * MINUTE).await;
    assert_eq!(world.since(), [None, Some(7), Some(9)]);
    assert_eq!(world.looks.lock().unwrap().len(), 3);
    assert_eq!(world.uses(), ["web 9 container one: die", "db 3 pulled"]);
    let expected = [
        "warning: events are not heard for a moment, and asked for again: the connection broke",
        "events are heard again",
        "warning: events are not heard for a moment, and asked for again: the engine ended its events",
        "events are heard again",
    ];
    assert_eq!(world.lines(), expected);
}

#[tokio::test(start_paused = true)]
async fn an_event_from_the_future_hides_none_that_come_after_a_break() {
    let first = vec![event(600_000, "pull: web:1"), End];
    let second = vec![event(59, "container start one: db:1")];
    let world = World::with([first, second]).watched(MINUTE).await;
    assert_eq!(world.since(), [None, Some(60)]);
    assert_eq!(world.uses(), ["web 60 pulled", "db 59 container one: start"]);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_gone_is_asked_ever_more_rarely_and_that_is_said_once() {
    let world = World::with([]).watched(10 * MINUTE).await;
    let opened: Vec<Instant> = world.opened.lock().unwrap().iter().map(|(at, _)| *at).collect();
    assert_eq!(gaps(&opened)[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
    assert_eq!(
        world
            .lines()
            .iter()
            .filter(|line| line.contains("nobody is there"))
            .count(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn streams_that_break_at_once_do_not_make_it_look_all_the_time() {
    let streams = (0..10_000).map(|_| vec![event(1, "pull: web:1"), End]);
    let world = World::with(streams).watched(HOUR).await;
    let looks = world.looks.lock().unwrap().len();
    assert!((55..75).contains(&looks), "{looks}");
}

#[tokio::test(start_paused = true)]
async fn a_use_is_not_lost_because_the_engine_could_not_say_of_what() {
    let steps = vec![event(5, "pull: db:1"), event(7, "container start one: web:1")];
    let again = vec![
        event(5, "pull: db:1"),
        event(7, "container start one: web:1"),
        event(8, "pull: db:1"),
    ];
    for error in [
        EngineError::Unreachable("it restarts".to_owned()),
        EngineError::Failed("it has a cold".to_owned()),
    ] {
        let world = World::with([steps.clone(), again.clone()]);
        *world.stumbles.lock().unwrap() = vec![error];
        world.watched(MINUTE).await;
        assert_eq!(world.uses(), ["web 7 container one: start", "db 8 pulled"]);
        assert_eq!(world.since().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_nobody_understands_keeps_no_other_away() {
    let steps = vec![event(5, "pull: db:1"), event(7, "container start one: web:1")];
    let world = World::with([steps.clone(), steps]);
    *world.stumbles.lock().unwrap() = (0..2).map(|_| EngineError::Failed("what?".to_owned())).collect();
    world.watched(MINUTE).await;
    assert_eq!(world.uses(), ["web 7 container one: start"]);
    assert!(
        world
            .lines()
            .contains(&"warning: a use of `db:1` is not noted: what?".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_is_kept_and_written_later() {
    let world = World::with([vec![
        event(1, "pull: web:1"),
        Wait(20 * MINUTE),
        event(30, "pull: db:1"),
    ]]);
    world.store_fails.store(true, Ordering::Relaxed);
    let mend = async {
        sleep(10 * MINUTE).await;
        world.store_fails.store(false, Ordering::Relaxed);
        sleep(20 * MINUTE).await;
    };
    world.watch().run(mend).await;
    assert_eq!(world.uses(), ["web 1 pulled", "db 30 pulled"]);
    let warned = world.lines().len();
    assert!((2..10).contains(&warned), "{:?}", world.lines());
}

#[tokio::test(start_paused = true)]
async fn rounds_come_when_they_are_due_and_one_that_failed_comes_sooner() {
    let world = World::with([vec![]]);
    world.round_fails.store(2, Ordering::Relaxed);
    let begun = Instant::now();
    world.watched(3 * HOUR).await;
    let runs = world.runs.lock().unwrap();
    let first = runs[0].duration_since(begun).as_secs();
    assert_eq!((first, gaps(&runs)), (300, vec![60, 120, 3600, 3600]));
    let lines = world.lines();
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.contains("the engine had a cold"))
            .count(),
        2
    );
    assert_eq!(lines.iter().filter(|line| *line == "removed 0").count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_brings_a_round_before_its_time_but_not_all_the_time() {
    let world = World::with([vec![]]);
    let begun = Instant::now();
    let fill = async {
        sleep(HOUR).await;
        world.is_full.store(true, Ordering::Relaxed);
        sleep(6 * HOUR).await;
    };
    world.watch().run(fill).await;
    let runs = world.runs.lock().unwrap();
    let (first, second) = (runs[0].duration_since(begun), runs[1].duration_since(begun));
    assert_eq!(first.as_secs(), 300);
    assert!((HOUR..=HOUR + Duration::from_secs(30)).contains(&second), "{second:?}");
    assert_eq!(
        gaps(&runs[1..]),
        [300, 600, 1200, 2400, 3600, 3600, 3600, 3600][..gaps(&runs[1..]).len()]
    );
    assert!(runs.len() >= 7, "{}", runs.len());
}

#[tokio::test(start_paused = true)]
async fn when_it_only_observes_nothing_is_removed_however_full_the_disk_is() {
    let world = World::with([vec![event(1, "pull: web:1")]]);
    world.is_full.store(true, Ordering::Relaxed);
    let watch = Watch {
        observe_only: true,
        ..world.watch()
    };
    watch.run(sleep(3 * HOUR)).await;
    assert_eq!(world.runs.lock().unwrap().len(), 0);
    assert_eq!(world.uses(), ["web 1 pulled"]);
    assert_eq!(world.looks.lock().unwrap().len(), 1 + 3);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_a_round_between_two_images_and_writes_what_was_noted() {
    let world = World::with([vec![Wait(6 * MINUTE - Duration::from_secs(1)), event(1, "pull: web:1")]]);
    *world.work.lock().unwrap() = (Duration::from_secs(40), 1000);
    let begun = Instant::now();
    world.watched(6 * MINUTE).await;
    assert_eq!(begun.elapsed().as_secs(), 380, "at the end of the second image");
    assert_eq!(world.removed.load(Ordering::Relaxed), 2);
    assert_eq!(world.uses(), ["web 1 pulled"]);
}

#[tokio::test(start_paused = true)]
async fn a_round_that_hangs_does_not_keep_it_from_ending() {
    let world = World::with([vec![]]);
    *world.work.lock().unwrap() = (24 * HOUR, 1);
    let begun = Instant::now();
    world.watched(HOUR).await;
    assert_eq!(begun.elapsed(), HOUR + MINUTE);
}

#[tokio::test(start_paused = true)]
async fn while_nothing_happens_it_does_nothing_but_look_at_the_disk() {
    let world = World::with([vec![]]).watched(24 * HOUR).await;
    assert_eq!(world.opened.lock().unwrap().len(), 1);
    assert_eq!(world.looks.lock().unwrap().len(), 1);
    assert_eq!(world.runs.lock().unwrap().len(), 24);
    assert_eq!(world.written.lock().unwrap().len(), 0);
    assert_eq!(world.finds.load(Ordering::Relaxed), 0);
    let asked = world.disk_asked.load(Ordering::Relaxed);
    assert!(asked <= 24 * 120 + 24, "{asked}");
}

#[tokio::test]
async fn what_it_notes_is_known_at_the_next_look() {
    let (_directory, store) = open_new().await;
    let ledger: &dyn HostLedger = &store;
    let seen = [SeenImage {
        id: digest("web"),
        names: vec!["web:1".to_owned()],
        used_by: None,
    }];
    let before = |hours| {
        let at = Timestamp::now() - SignedDuration::from_hours(hours);
        Timestamp::from_second(at.as_second()).unwrap()
    };
    let (first, used) = (before(9), before(3));
    ledger.observe("scripted", &seen, first).await.unwrap();
    let start = Event {
        at: used,
        image: "web:1".to_owned(),
        action: "container start".to_owned(),
        by: "container one".to_owned(),
    };
    let world = World::with([vec![Tell(start)]]);
    let watch = Watch {
        ledger,
        now: Timestamp::now,
        ..world.watch()
    };
    watch.run(sleep(Duration::from_millis(300))).await;
    let known = ledger.observe("scripted", &seen, Timestamp::now()).await.unwrap();
    let expected = KnownImage {
        first_seen_at: first,
        last_used_at: Some(used),
        last_use: Some("container one: start".to_owned()),
    };
    assert_eq!(known[&digest("web")], expected);
}
