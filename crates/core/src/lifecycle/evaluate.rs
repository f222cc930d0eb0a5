//! What AWS would do to which image.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{LifecycleAction, LifecycleCount, LifecyclePolicy, LifecycleRule, StorageClass, TagSelection};

/// An image as ECR sees it: any manifest, be it an index, one of its children, a signature or a cache.
#[derive(Debug, Clone, Default)]
pub struct LifecycleImage<'a> {
    /// Its tags.
    pub tags: Vec<&'a str>,
    /// `imagePushedAt`. ECR knows it of every image. Where another registry does not, the image is marked neither for its
    /// age nor by its rank, and takes no place that would make another one surplus.
    pub pushed_at: Option<Timestamp>,
    /// `lastRecordedPullTime`.
    pub pulled_at: Option<Timestamp>,
    /// `lastActivatedAt`: when it last came back from the archive.
    pub activated_at: Option<Timestamp>,
    /// `lastArchivedAt`, of an image that is in the archive.
    pub archived_at: Option<Timestamp>,
}

/// What becomes of an image, and by which rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LifecycleVerdict {
    /// What is done to it.
    pub action: LifecycleAction,
    /// `appliedRulePriority`.
    pub rule_priority: u64,
}

/// Which rule has the say on an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LifecycleJudgement {
    /// Where it stands among [`LifecyclePolicy::rules`]: the first that identifies the image.
    pub rule: usize,
    /// How many younger images that rule identifies, if it counts; `None` if nobody knows when this one was pushed.
    pub younger: Option<u64>,
    /// Whether the rule expires or archives it.
    pub marked: bool,
}

impl LifecycleImage<'_> {
    fn storage_class(&self) -> StorageClass {
        match self.archived_at {
            Some(_) => StorageClass::Archive,
            None => StorageClass::Standard,
        }
    }

    /// "If an image was ever archived and restored, `last_activated_at` is used instead of `pushed_at_time`".
    pub(crate) fn counts_from(&self) -> Option<Timestamp> {
        self.activated_at.or(self.pushed_at)
    }

    /// "If the image was never pulled, `pushed_at_time` is used. If it was restored and not pulled since,
    /// `last_activated_at`".
    fn pulled_or_came(&self) -> Option<Timestamp> {
        let since = |pulled: &Timestamp| self.activated_at.is_none_or(|activated| *pulled >= activated);
        self.pulled_at.filter(since).or_else(|| self.counts_from())
    }

    /// What the age of a rule is measured from.
    pub(crate) fn moment(&self, count: LifecycleCount) -> Option<Timestamp> {
        match count {
            LifecycleCount::MoreThan(_) => None,
            LifecycleCount::DaysSincePushed(_) => self.counts_from(),
            LifecycleCount::DaysSincePulled(_) => self.pulled_or_came(),
            LifecycleCount::DaysSinceTransitioned(_) => self.archived_at,
        }
    }
}

impl LifecycleRule {
    /// Whether the image has the storage class and the tags that the rule speaks of.
    ///
    /// "An image matches if *all* of the patterns (or prefixes) are found among its tags": the list is an AND, over different
    /// tags if need be.
    pub fn identifies(&self, image: &LifecycleImage<'_>) -> bool {
        let any_tag = |fits: &dyn Fn(&str) -> bool| image.tags.iter().any(|tag| fits(tag));
        image.storage_class() == self.storage_class
            && match &self.selects {
                TagSelection::Patterns(patterns) => patterns.iter().all(|pattern| any_tag(&|tag| pattern.fits(tag))),
                TagSelection::Prefixes(prefixes) => prefixes
                    .iter()
                    .all(|prefix| any_tag(&|tag| tag.starts_with(prefix.as_str()))),
                TagSelection::Untagged => image.tags.is_empty(),
                TagSelection::Any => true,
            }
    }

    /// Whether the rule marks an identified image for its age. The comparison is strict: in AWS's own example an image of
    /// one day is not expired by a rule of one day.
    fn is_too_old(&self, image: &LifecycleImage<'_>, now: Timestamp) -> bool {
        let moment = image.moment(self.count);
        let age = moment.map(|moment| now.duration_since(moment));
        age.zip(self.count.age())
            .is_some_and(|(age, most): (SignedDuration, SignedDuration)| age > most)
    }
}

impl LifecyclePolicy {
    /// What AWS would do to each image at `now`; `None`: nothing. The answers are in the order of the images.
    pub fn evaluate(&self, images: &[LifecycleImage<'_>], now: Timestamp) -> Vec<Option<LifecycleVerdict>> {
        let judgements = self.judge(images, now).into_iter();
        judgements.map(|judgement| self.verdict(judgement.as_ref()?)).collect()
    }

    /// What a judgement means for its image.
    pub fn verdict(&self, judgement: &LifecycleJudgement) -> Option<LifecycleVerdict> {
        let rule = self.rules.get(judgement.rule).filter(|_| judgement.marked)?;
        Some(LifecycleVerdict {
            action: rule.action,
            rule_priority: rule.priority,
        })
    }

    /// Which rule has the say on each image at `now`, and whether it marks it; `None`: no rule identifies it. The answers
    /// are in the order of the images.
    ///
    /// - "All rules are evaluated at the same time, regardless of rule priority. After all rules are evaluated, they are
    ///   then applied based on rule priority."
    /// - "An image is expired or archived by exactly one or zero rules."
    /// - "An image that matches the tagging requirements of a rule cannot be expired or archived by a rule with a lower
    ///   priority", also where the rule itself leaves it alone: so the first rule that identifies an image is the only one
    ///   that can mark it.
    /// - "Rules can never mark images that are marked by higher priority rules, but can still identify them as if they
    ///   haven't been expired or archived": they take a place among the youngest.
    /// - "All images are ordered by `pushed_at_time`": of the same moment, the one that is given later counts as older.
    ///
    /// That "an image that is referenced by a manifest list cannot be expired or archived without the manifest list being
    /// deleted or archived first" is looked at when AWS carries a verdict out, and not here: its own preview lists such
    /// images.
    pub fn judge(&self, images: &[LifecycleImage<'_>], now: Timestamp) -> Vec<Option<LifecycleJudgement>> {
        let mut judgements = vec![None; images.len()];
        self.identify(images, now, Later::Counting, |position, judgement| {
            judgements[position].get_or_insert(judgement);
        });
        judgements
    }

    /// Tells of each image, the youngest first, the rules that identify it, by priority, and what each would do if none
    /// before it identified the image too. One image after the other, so that each is looked at once.
    pub(crate) fn identify(
        &self,
        images: &[LifecycleImage<'_>],
        now: Timestamp,
        later: Later,
        mut found: impl FnMut(usize, LifecycleJudgement),
    ) {
        let mut youngest_first: Vec<(Option<Timestamp>, usize)> =
            images.iter().map(LifecycleImage::counts_from).zip(0..).collect();
        youngest_first.sort_by_key(|(came, _)| std::cmp::Reverse(*came));
        // How many each rule has identified so far.
        let mut identified = vec![0_u64; self.rules.len()];
        for (came, position) in youngest_first {
            let image = &images[position];
            let mut is_judged = false;
            for ((number, rule), identified) in self.rules.iter().enumerate().zip(&mut identified) {
                let counts = matches!(rule.count, LifecycleCount::MoreThan(_));
                let is_idle = is_judged && !counts && later == Later::Counting;
                if is_idle || !rule.identifies(image) {
                    continue;
                }
                is_judged = true;
                // What nobody knows the time of comes last, and takes no place before another.
                let younger = came.is_some().then_some(*identified);
                *identified += 1;
                let judgement = LifecycleJudgement {
                    rule: number,
                    younger: younger.filter(|_| counts),
                    marked: match rule.count {
                        LifecycleCount::MoreThan(most) => younger.is_some_and(|younger| younger >= most),
                        _ => rule.is_too_old(image, now),
                    },
                };
                found(position, judgement);
            }
        }
    }
}

/// Which rules are asked about an image that a rule has had its say on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Later {
    /// Those that count: it takes a place of theirs. Who is older does not care for the others.
    Counting,
    /// All.
    All,
}
