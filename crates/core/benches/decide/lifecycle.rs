//! What a lifecycle policy of ECR of the greatest length costs on one repository, beside sorting its images as often as the
//! policy has rules.

use std::fmt;
use std::hint::black_box;
use std::time::Duration;

use jettison_core::graph::Graph;
use jettison_core::lifecycle::{LifecycleImages, LifecycleMistakes, LifecyclePolicy, MOST_RULES};
use jettison_core::model::Digest;
use jiff::Timestamp;

use crate::facts::MadeUp;
use crate::measure::timed;

/// Each way is timed so often, in turn.
const ROUNDS: usize = 5;

/// Judging, and sorting once for each rule.
pub(crate) struct Lifecycle {
    images: usize,
    marked: usize,
    sorts: Duration,
    laying_out: Duration,
    judging: Duration,
}

/// Judges one repository of the registry that was made up.
pub(crate) fn measure(made_up: &MadeUp) -> Result<Lifecycle, LifecycleMistakes> {
    let policy = policy()?;
    let inventory = made_up.inventory();
    let repository = &inventory.repositories[0];
    let graph = Graph::of(repository);
    let pairs: Vec<(Option<Timestamp>, Digest)> = repository
        .manifests
        .iter()
        .rev()
        .map(|manifest| (manifest.pushed_at, manifest.digest.clone()))
        .collect();
    let mut rounds: Vec<(Duration, Duration, Duration)> = Vec::with_capacity(ROUNDS);
    let mut marked = 0;
    for _ in 0..ROUNDS {
        let mut copies = vec![pairs.clone(); MOST_RULES];
        let (sorts, ()) = timed(|| copies.iter_mut().for_each(|copy| copy.sort_unstable()));
        drop(black_box(copies));
        let (laying_out, images) = timed(|| LifecycleImages::of(repository, &graph, made_up.now));
        let (judging, verdicts) = timed(|| policy.evaluate(&images.images, made_up.now));
        marked = verdicts.iter().flatten().count();
        rounds.push((sorts, laying_out, judging));
    }
    let mut median = |of: fn(&(Duration, Duration, Duration)) -> Duration| {
        rounds.sort_by_key(of);
        of(&rounds[ROUNDS / 2])
    };
    Ok(Lifecycle {
        images: pairs.len(),
        marked,
        sorts: median(|times| times.0),
        laying_out: median(|times| times.1),
        judging: median(|times| times.2),
    })
}

/// As many rules as AWS takes: patterns of every shape, prefixes, two tags at once, the untagged and the rest.
fn policy() -> Result<LifecyclePolicy, LifecycleMistakes> {
    let shapes = [
        "\"main-*{n}\"",
        "\"*-{n}*\"",
        "\"prod-{n}*\", \"*\"",
        "\"*{n}*f*1*\"",
        "\"v{n}.*\"",
        "\"feature-*-{n}*\"",
    ];
    let counts = [
        r#""countType":"imageCountMoreThan","countNumber":100"#,
        r#""countType":"sinceImagePushed","countUnit":"days","countNumber":90"#,
    ];
    let tagged = (1..MOST_RULES - 1).map(|number| {
        let texts = shapes[number % shapes.len()].replace("{n}", &number.to_string());
        let list = if number % 7 == 0 {
            "tagPrefixList"
        } else {
            "tagPatternList"
        };
        format!(r#""tagged","{list}":[{texts}],{}"#, counts[number % 2])
    });
    let rest = [
        format!(r#""untagged",{}"#, counts[1]),
        format!(r#""any",{}"#, counts[0]),
    ];
    let rules = (1..)
        .zip(tagged.chain(rest))
        .map(|(priority, selection): (u64, String)| {
            format!(
                r#"{{"rulePriority":{priority},"selection":{{"tagStatus":{selection}}},"action":{{"type":"expire"}}}}"#
            )
        });
    let text = format!(r#"{{"rules":[{}]}}"#, rules.collect::<Vec<_>>().join(","));
    LifecyclePolicy::parse(&text)
}

impl fmt::Display for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = |duration: Duration| duration.as_secs_f64() * 1e3;
        let all = self.judging + self.laying_out;
        write!(
            f,
            "{} images, {MOST_RULES} rules, {} marked: {:.1} ms, of which {:.1} ms to lay them out; {MOST_RULES} sorts {:.1} ms: {:.2} of them",
            self.images,
            self.marked,
            milliseconds(all),
            milliseconds(self.laying_out),
            milliseconds(self.sorts),
            all.as_secs_f64() / self.sorts.as_secs_f64(),
        )
    }
}
