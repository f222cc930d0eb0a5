//! One size: sorting, deciding, the second opinion, hashing and writing, each timed by itself.

use std::fmt;
use std::hint::black_box;
use std::time::Duration;

use jettison_core::config::Config;
use jettison_core::facts::{Facts, Origin, Repositories as _};
use jettison_core::model::{Digest, Inventory, Repository};
use jettison_core::plan::{Plan, draft, plan};
use jettison_core::verify::verify_laws;
use jiff::Timestamp;

use crate::clock;
use crate::facts::MadeUp;

/// What came out for one size.
pub(crate) struct Row {
    entries: usize,
    sort: Duration,
    /// Evaluating and planning.
    draft: Duration,
    verify: Duration,
    hash: Duration,
    json: Duration,
    json_bytes: u64,
    actions: usize,
}

/// Times everything on facts that are in memory.
pub(crate) fn measure(made_up: &MadeUp, config: &Config) -> Row {
    let (inventory, usage) = (made_up.inventory(), made_up.usage());
    let facts = Facts {
        inventory: &inventory,
        usage: Some(&usage),
        config,
        now: made_up.now,
        origin: Origin::SavedFacts,
    };
    let pairs = pairs(&inventory, made_up.entries());
    let mut runs: Vec<Row> = (0..repetitions(made_up)).map(|_| run(&pairs, &facts)).collect();
    let median = |of: fn(&Row) -> Duration, runs: &mut Vec<Row>| {
        runs.sort_by_key(of);
        of(&runs[runs.len() / 2])
    };
    let sort = median(|row| row.sort, &mut runs);
    let draft = median(|row| row.draft, &mut runs);
    let verify = median(|row| row.verify, &mut runs);
    let hash = median(|row| row.hash, &mut runs);
    let json = median(|row| row.json, &mut runs);
    Row {
        sort,
        draft,
        verify,
        hash,
        json,
        ..runs.swap_remove(0)
    }
}

/// The most memory that this process needs to decide on facts that are handed out one repository at a time.
pub(crate) fn memory(made_up: &MadeUp, config: &Config) -> u64 {
    let usage = made_up.usage();
    let facts = Facts {
        inventory: made_up,
        usage: Some(&usage),
        config,
        now: made_up.now,
        origin: Origin::SavedFacts,
    };
    assert!(
        plan(&facts).violations.is_empty(),
        "the plan of a benchmark has to be right"
    );
    clock::peak_memory()
}

/// Large ones take long enough to be measured few times.
fn repetitions(made_up: &MadeUp) -> usize {
    match made_up.count() {
        0..100 => 9,
        100..1_000 => 5,
        _ => 3,
    }
}

/// The moments and digests of all tags and of as many manifests as there are entries without one: what is sorted to
/// compare with, as the facts hold it.
fn pairs(inventory: &Inventory, of_one_repository: usize) -> Vec<(Option<Timestamp>, Digest)> {
    let of_one = |repository: &'_ Repository| {
        let tags = repository.tags.iter().map(|tag| (tag.updated_at, tag.digest.clone()));
        let manifests = repository.manifests.iter().rev();
        let manifests = manifests.map(|manifest| (manifest.pushed_at, manifest.digest.clone()));
        tags.chain(manifests).take(of_one_repository).collect::<Vec<_>>()
    };
    inventory.repositories.iter().flat_map(of_one).collect()
}

fn run(pairs: &[(Option<Timestamp>, Digest)], facts: &Facts<'_>) -> Row {
    let mut pairs = pairs.to_vec();
    let entries = pairs.len();
    let (sort, ()) = timed(|| pairs.sort_unstable());
    drop(black_box(pairs));
    let (draft, mut plan) = shared(|| draft(facts));
    let (verify, violations) = shared(|| verify_laws(&plan, facts));
    assert!(
        violations.is_empty(),
        "the plan of a benchmark has to be right: {:?}",
        violations.first()
    );
    let (hash, id) = timed(|| plan.compute_id());
    plan.id = id;
    let (json, json_bytes) = timed(|| written(&plan));
    Row {
        entries,
        sort,
        draft,
        verify,
        hash,
        json,
        json_bytes,
        actions: plan.actions.len(),
    }
}

/// The processor time of what all threads share, for one of them.
pub(crate) fn shared<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let (all, done) = timed(work);
    let threads = u32::try_from(rayon::current_num_threads()).unwrap_or(1);
    (all / threads, done)
}

/// The processor time of all threads.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let began = clock::of_all_threads();
    let done = work();
    (clock::of_all_threads().saturating_sub(began), done)
}

/// Writes the plan to nowhere; how many bytes that were.
fn written(plan: &Plan) -> u64 {
    struct Nowhere(u64);
    impl std::io::Write for Nowhere {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut nowhere = std::io::BufWriter::with_capacity(64 << 10, Nowhere(0));
    drop(serde_json::to_writer(&mut nowhere, plan));
    nowhere.into_inner().map_or(0, |nowhere| nowhere.0)
}

impl Row {
    pub(crate) const HEAD: &str =
        "   entries    actions     sort s  eval+plan s   verify s   x sort  µs/entry    hash s    json s  json MB";

    fn deciding(&self) -> Duration {
        self.draft + self.verify
    }

    /// How much longer ten times as much takes, in tenfolds.
    pub(crate) fn growth_since(&self, smaller: &Self) -> String {
        let times = self.deciding().as_secs_f64() / smaller.deciding().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a ratio to look at")]
        let more = self.entries as f64 / smaller.entries as f64;
        format!(
            "{} entries take {times:.1} times as long as {}: {:.2} of linear",
            self.entries,
            smaller.entries,
            times / more
        )
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |duration: Duration| duration.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "figures to look at")]
        let each = seconds(self.deciding()) * 1e6 / self.entries as f64;
        write!(
            f,
            "{:>10} {:>10} {:>10.4} {:>12.4} {:>10.4} {:>8.1} {each:>9.2} {:>9.3} {:>9.3} {:>8}",
            self.entries,
            self.actions,
            seconds(self.sort),
            seconds(self.draft),
            seconds(self.verify),
            seconds(self.deciding()) / seconds(self.sort),
            seconds(self.hash),
            seconds(self.json),
            self.json_bytes / 1_000_000,
        )
    }
}
