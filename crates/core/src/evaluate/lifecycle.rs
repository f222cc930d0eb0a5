//! A lifecycle policy of ECR as the judge of a repository: its verdicts, with what they were measured against.
//!
//! What ECR takes for known and is not (a push that nobody saw, pull times that do not reach back) is unknown here, and no
//! reason to delete.

use std::sync::Arc;

use jiff::Timestamp;

use super::dates::{Dates, given};
use super::elapsed;
use crate::graph::{Graph, Node};
use crate::lifecycle::{LifecycleCount, LifecycleImages, LifecycleJudgement, LifecyclePolicy};
use crate::policy::{Conditions, Period};
use crate::ruling::{Measure, Measures, Pulls, Span, Terms, Unknown};

/// What a lifecycle policy says of every manifest of a repository.
pub(super) struct Judged<'a> {
    policy: &'a LifecyclePolicy,
    dates: &'a Dates<'a>,
    now: Timestamp,
    images: LifecycleImages<'a>,
    judgements: Vec<Option<LifecycleJudgement>>,
    /// Where the image of each node is.
    places: Vec<Option<usize>>,
}

impl<'a> Judged<'a> {
    pub(super) fn by(
        policy: &'a LifecyclePolicy,
        (graph, dates): (&'a Graph<'a>, &'a Dates<'a>),
        now: Timestamp,
    ) -> Self {
        let images = LifecycleImages::dated(graph, |node| dates.arrival(node));
        let judgements = policy.judge(&images.images, now);
        let mut places = vec![None; graph.nodes().len()];
        for (place, node) in images.nodes.iter().enumerate() {
            places[*node] = Some(place);
        }
        Self {
            policy,
            dates,
            now,
            images,
            judgements,
            places,
        }
    }

    pub(super) fn of(&self, node: Node) -> Option<LifecycleJudgement> {
        self.judgements[self.places[node]?]
    }

    /// For each rule, what it asks for in the words of jettison.
    pub(super) fn terms(&self, policy: &str, pulls: Pulls) -> Vec<Arc<Terms>> {
        let terms = self.policy.rules().iter().map(|rule| {
            let asks = conditions(rule.count);
            Arc::new(Terms::new((policy, &rule.name()), &[asks], None, pulls))
        });
        terms.collect()
    }

    /// What the rule that has the say measured. Whoever has pulled a part has pulled the whole.
    pub(super) fn measures(&self, node: Node) -> Measures {
        let place = self.places[node];
        let image = place.map(|place| &self.images.images[place]);
        let judgement = self.of(node);
        let rule = judgement.map(|judgement| &self.policy.rules()[judgement.rule]);
        let moment = image.zip(rule).and_then(|(image, rule)| image.moment(rule.count));
        let ago = |moment: Option<Timestamp>| {
            let moment = given(moment).ok_or(Unknown::NoTimeNorSight)?;
            Ok(Span::of_nanoseconds(elapsed(moment, self.now)))
        };
        let pulled = self.dates.pulled(node);
        Measures {
            age: Measure::of_span(ago(moment)),
            archived: archived(image.and_then(|image| image.archived_at), self.now),
            idle: Measure::of_span(ago(
                moment.map(|moment| pulled.map_or(moment, |pulled| pulled.max(moment)))
            )),
            pulled: pulled.is_some(),
            rank: Measure::of(judgement.and_then(|judgement| judgement.younger).ok_or(Unknown::NoTime)),
            size: 0,
        }
    }
}

/// For how long something is in the archive.
pub(super) fn archived(archived_at: Option<Timestamp>, now: Timestamp) -> Measure {
    Measure::of_span(match (archived_at, given(archived_at)) {
        (None, _) => Err(Unknown::NotArchived),
        (_, None) => Err(Unknown::NoArchival),
        (_, Some(at)) => Ok(Span::of_nanoseconds(elapsed(at, now))),
    })
}

/// "N images are younger" is what remains of `imageCountMoreThan`, and days are days.
fn conditions(count: LifecycleCount) -> Conditions {
    // No image is older than a century.
    let period = |days: u64| Some(Period::days(u16::try_from(days).unwrap_or(u16::MAX)));
    match count {
        LifecycleCount::MoreThan(most) => Conditions {
            beyond_newest: Some(most),
            ..Conditions::default()
        },
        LifecycleCount::DaysSincePulled(days) => Conditions {
            not_pulled_for: period(days),
            ..Conditions::default()
        },
        LifecycleCount::DaysSincePushed(days) => Conditions {
            older_than: period(days),
            ..Conditions::default()
        },
        LifecycleCount::DaysSinceTransitioned(days) => Conditions {
            archived_for: period(days),
            ..Conditions::default()
        },
    }
}
