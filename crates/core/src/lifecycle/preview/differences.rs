//! What AWS's own preview says otherwise, with the likely cause where one is known.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::super::{LifecycleCount, LifecycleOutlook, LifecycleVerdict, Nature};
use crate::model::Digest;

/// A scan and a preview by AWS are that far apart at most: an age that is so close to its limit may have passed it between
/// the two.
const BETWEEN: SignedDuration = SignedDuration::from_hours(6);

/// An image of which the two say different things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LifecycleDifference {
    /// Its digest.
    pub digest: Digest,
    /// Its tags, as far as the scan knows them.
    pub tags: Vec<String>,
    /// What jettison works out.
    pub jettison: Option<LifecycleVerdict>,
    /// What AWS says.
    pub aws: Option<LifecycleVerdict>,
    /// Why they differ, if there is a likely reason.
    pub likely_cause: Option<&'static str>,
}

const NOT_SCANNED: &str = "the scan did not see it: it was pushed since";
const PUSHED_SINCE: &str = "it was pushed while the scan went on";
const OWN_READS: &str = "jettison takes its own reads out of pull times, and AWS does not";
const PROTECTED_BY_INDEX: &str = "AWS leaves what an index lists that stays";
const CLOSE: &str = "its age passed the limit between the scan and the preview";
const SAME_MOMENT: &str =
    "others were pushed in the same moment, and AWS does not say which of these counts as younger";

impl LifecycleOutlook<'_> {
    /// Every image of which AWS's own preview says otherwise. `taken_at` is when the scan began.
    pub fn differences(
        &self,
        aws: &BTreeMap<Digest, LifecycleVerdict>,
        taken_at: Timestamp,
    ) -> Vec<LifecycleDifference> {
        let graph = &self.evaluated.graph;
        let (mut differences, moments) = (Vec::new(), self.moments());
        for (position, node) in self.images.nodes.iter().enumerate() {
            let digest = graph.digest(*node);
            let (jettison, theirs) = (self.verdict(position), aws.get(digest).copied());
            if jettison != theirs {
                let tags = self.images.images[position].tags.iter();
                differences.push(LifecycleDifference {
                    digest: digest.clone(),
                    tags: tags.map(|tag| (*tag).to_owned()).collect(),
                    jettison,
                    aws: theirs,
                    likely_cause: self.likely_cause(position, theirs, (taken_at, &moments)),
                });
            }
        }
        let unseen = aws.iter().filter(|(digest, _)| {
            let node = graph.node(digest);
            node.and_then(|node| self.position(node)).is_none()
        });
        differences.extend(unseen.map(|(digest, verdict)| LifecycleDifference {
            digest: digest.clone(),
            tags: Vec::new(),
            jettison: None,
            aws: Some(*verdict),
            likely_cause: Some(NOT_SCANNED),
        }));
        differences
    }

    fn likely_cause(
        &self,
        position: usize,
        aws: Option<LifecycleVerdict>,
        (taken_at, moments): (Timestamp, &Moments),
    ) -> Option<&'static str> {
        let image = &self.images.images[position];
        let judgement = self.judgements[position].as_ref();
        let rule = judgement.map(|judgement| &self.policy.rules()[judgement.rule]);
        if image.counts_from().is_some_and(|came| came >= taken_at) {
            return Some(PUSHED_SINCE);
        }
        let is_marked_here_alone = aws.is_none();
        if is_marked_here_alone
            && self.natures[position] == Nature::Child
            && self.owner(position).is_some_and(|it| it.1)
        {
            return Some(PROTECTED_BY_INDEX);
        }
        let rule = rule?;
        if is_marked_here_alone && matches!(rule.count, LifecycleCount::DaysSincePulled(_)) {
            return Some(OWN_READS);
        }
        let over = image.moment(rule.count).zip(rule.count.age());
        let over = over.map(|(moment, most)| self.now.duration_since(moment) - most);
        if over.is_some_and(|over| over.abs() <= BETWEEN) {
            return Some(CLOSE);
        }
        let is_rank = matches!(rule.count, LifecycleCount::MoreThan(_));
        let shared = moments.get(&(judgement?.rule, image.counts_from()));
        (is_rank && shared.is_some_and(|images| *images > 1)).then_some(SAME_MOMENT)
    }

    /// How many images each rule has the say on of each moment.
    fn moments(&self) -> Moments {
        let mut moments = Moments::new();
        for (image, judgement) in self.images.images.iter().zip(&self.judgements) {
            if let Some(judgement) = judgement {
                *moments.entry((judgement.rule, image.counts_from())).or_default() += 1;
            }
        }
        moments
    }
}

type Moments = BTreeMap<(usize, Option<Timestamp>), u64>;
