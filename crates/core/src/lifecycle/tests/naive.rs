//! A second evaluator, written from the sentences of the rules alone and without any thought of speed, beside the first one
//! on thousands of generated policies; and evaluators that are wrong in the ways that were seen in the wild, which have to
//! differ from it somewhere.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use serde_json::{Value, json};

use super::super::*;
use super::rule;

const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

/// How an evaluator errs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slip {
    None,
    /// What is marked already is not counted any more.
    DropsMarkedBeforeCounting,
    /// One text of the list is enough.
    AnyOfTheList,
    /// Only what a rule marks is out of reach for the later ones.
    OnlyMarkedIsSeen,
    /// What a rule of higher priority has seen is not counted any more.
    DropsSeenBeforeCounting,
    /// A day's image is expired by a rule of one day.
    NotStrict,
}

/// An image with all that is known of it.
#[derive(Debug, Clone)]
struct Known {
    tags: Vec<String>,
    /// Moments, in quarter days before now; those of the archive are later than the push.
    pushed: u32,
    pulled: Option<u32>,
    activated: Option<u32>,
    archived: Option<u32>,
}

fn ago(quarters: u32) -> Timestamp {
    NOW - SignedDuration::from_hours(6 * i64::from(quarters))
}

impl Known {
    fn counts_from(&self) -> Timestamp {
        ago(self.activated.unwrap_or(self.pushed))
    }

    fn pulled_or_came(&self) -> Timestamp {
        match (self.pulled, self.activated) {
            (Some(pulled), Some(activated)) if ago(pulled) < ago(activated) => ago(activated),
            (Some(pulled), _) => ago(pulled),
            (None, _) => self.counts_from(),
        }
    }
}

/// Holds `pattern` against `text`, letter by letter.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) if fits(rest, text) => true,
        (Some((b'*', _)), Some((_, behind))) => fits(pattern, behind),
        (Some((letter, rest)), Some((first, behind))) => letter == first && fits(rest, behind),
        _ => false,
    }
}

fn identified(rule: &LifecycleRule, images: &[Known], slip: Slip) -> Vec<usize> {
    let has_tags = |image: &Known| {
        let found = |tagged: &dyn Fn(&str) -> bool| image.tags.iter().any(|tag| tagged(tag));
        let each: Vec<bool> = match &rule.selects {
            TagSelection::Any => return true,
            TagSelection::Untagged => return image.tags.is_empty(),
            TagSelection::Patterns(patterns) => {
                let found = |pattern: &TagPattern| found(&|tag| fits(pattern.as_str().as_bytes(), tag.as_bytes()));
                patterns.iter().map(found).collect()
            }
            TagSelection::Prefixes(prefixes) => prefixes
                .iter()
                .map(|prefix| found(&|tag| tag.starts_with(prefix.as_str())))
                .collect(),
        };
        match slip {
            Slip::AnyOfTheList => each.contains(&true),
            _ => !each.contains(&false),
        }
    };
    let in_class = |image: &Known| image.archived.is_some() == (rule.storage_class == StorageClass::Archive);
    (0..images.len())
        .filter(|&at| in_class(&images[at]) && has_tags(&images[at]))
        .collect()
}

fn evaluate(policy: &LifecyclePolicy, images: &[Known], slip: Slip) -> Vec<Option<LifecycleVerdict>> {
    let (mut verdicts, mut seen) = (vec![None; images.len()], vec![false; images.len()]);
    for rule in policy.rules() {
        let mut identified = identified(rule, images, slip);
        match slip {
            Slip::DropsMarkedBeforeCounting => identified.retain(|&at| verdicts[at].is_none()),
            Slip::DropsSeenBeforeCounting => identified.retain(|&at| !seen[at]),
            _ => {}
        }
        identified.sort_by_key(|&at| std::cmp::Reverse(images[at].counts_from()));
        let older = |moment: Timestamp, days: u64| {
            let age = NOW.duration_since(moment).as_secs();
            let most = i64::try_from(days).unwrap() * 86_400;
            if slip == Slip::NotStrict {
                age >= most
            } else {
                age > most
            }
        };
        let is_marked = |(rank, &at): (usize, &usize)| match rule.count {
            LifecycleCount::MoreThan(number) => rank as u64 >= number,
            LifecycleCount::DaysSincePushed(days) => older(images[at].counts_from(), days),
            LifecycleCount::DaysSincePulled(days) => older(images[at].pulled_or_came(), days),
            LifecycleCount::DaysSinceTransitioned(days) => {
                images[at].archived.is_some_and(|archived| older(ago(archived), days))
            }
        };
        let marked: Vec<usize> = identified
            .iter()
            .enumerate()
            .filter(|&found| is_marked(found))
            .map(|(_, &at)| at)
            .collect();
        for &at in &marked {
            if !seen[at] && verdicts[at].is_none() {
                verdicts[at] = Some(LifecycleVerdict {
                    action: rule.action,
                    rule_priority: rule.priority,
                });
            }
        }
        let sees = if slip == Slip::OnlyMarkedIsSeen {
            marked
        } else {
            identified
        };
        sees.into_iter().for_each(|at| seen[at] = true);
    }
    verdicts
}

fn first_evaluator(policy: &LifecyclePolicy, images: &[Known]) -> Vec<Option<LifecycleVerdict>> {
    let given: Vec<LifecycleImage<'_>> = images
        .iter()
        .map(|image| LifecycleImage {
            tags: image.tags.iter().map(String::as_str).collect(),
            pushed_at: Some(ago(image.pushed)),
            pulled_at: image.pulled.map(ago),
            activated_at: image.activated.map(ago),
            archived_at: image.archived.map(ago),
        })
        .collect();
    policy.evaluate(&given, NOW)
}

fn image() -> impl Strategy<Value = Known> {
    let tags = prop::collection::btree_set("(a|b|ab|prod)-?[12]?", 0..3);
    let moment = || prop::option::weighted(0.3, 0..2000_u32);
    (tags, 0..2000_u32, moment(), moment(), moment()).prop_map(|(tags, pushed, pulled, activated, archived)| Known {
        tags: tags.into_iter().collect(),
        pushed,
        pulled: pulled.map(|pulled| pulled.min(pushed)),
        activated: activated.map(|activated| activated.min(pushed)),
        archived: archived.map(|archived| archived.min(pushed)),
    })
}

/// A rule without its priority; what AWS would refuse is sorted out later.
fn selection() -> impl Strategy<Value = (Value, &'static str)> {
    let text = "\\*?(a|b|ab|prod|p)?(\\*|-)?[12ab]?\\*?";
    let texts = prop::collection::vec(text.prop_filter("some text", |text| !text.is_empty()), 1..3);
    let tags = prop_oneof![
        texts
            .clone()
            .prop_map(|texts| json!({"tagStatus": "tagged", "tagPatternList": texts})),
        texts.prop_map(|texts| json!({"tagStatus": "tagged", "tagPrefixList": texts})),
        Just(json!({"tagStatus": "untagged"})),
        Just(json!({"tagStatus": "any"})),
    ];
    let count = prop_oneof![
        4 => (1..6_u64).prop_map(|number| (json!({"countType": "imageCountMoreThan", "countNumber": number}), "expire")),
        3 => (1..400_u64).prop_map(|days| (json!({"countType": "sinceImagePushed", "countNumber": days}), "expire")),
        1 => (1..400_u64).prop_map(|days| (json!({"countType": "sinceImagePushed", "countNumber": days}), "transition")),
        1 => (1..400_u64).prop_map(|days| (json!({"countType": "sinceImagePulled", "countNumber": days}), "transition")),
        2 => (90..400_u64).prop_map(|days| (json!({"countType": "sinceImageTransitioned", "storageClass": "archive", "countNumber": days}), "expire")),
    ];
    (tags, count).prop_map(|(mut tags, (count, action))| {
        tags.as_object_mut().unwrap().extend(count.as_object().unwrap().clone());
        (tags, action)
    })
}

/// Policies that AWS accepts: rules that would make one unacceptable are left out.
pub(in crate::lifecycle) fn policy() -> impl Strategy<Value = LifecyclePolicy> {
    let rules = prop::collection::vec((selection(), 1..90_u64), 1..6);
    let accepted = rules.prop_map(|rules| {
        let mut accepted: Option<(Vec<Value>, LifecyclePolicy)> = None;
        for ((selection, action), priority) in rules {
            let mut more = accepted.as_ref().map(|(rules, _)| rules.clone()).unwrap_or_default();
            more.push(rule(priority, selection, action));
            if let Ok(read) = LifecyclePolicy::parse(&json!({"rules": &more}).to_string()) {
                accepted = Some((more, read));
            }
        }
        accepted
    });
    accepted.prop_filter_map("an acceptable rule", |accepted| accepted.map(|(_, policy)| policy))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_evaluators_judge_alike(policy in policy(), images in prop::collection::vec(image(), 0..12)) {
        prop_assert_eq!(first_evaluator(&policy, &images), evaluate(&policy, &images, Slip::None));
    }

    #[test]
    fn a_policy_that_is_written_and_read_is_the_same(policy in policy()) {
        prop_assert_eq!(LifecyclePolicy::parse(&policy.to_json().to_string()).unwrap(), policy);
    }
}

/// Each of the wrong evaluators is told from the right one by some generated case: cases like these tell them apart.
#[test]
fn every_wrong_evaluator_is_found_out() {
    let slips = [
        Slip::DropsMarkedBeforeCounting,
        Slip::AnyOfTheList,
        Slip::OnlyMarkedIsSeen,
        Slip::DropsSeenBeforeCounting,
        Slip::NotStrict,
    ];
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let case = (policy(), prop::collection::vec(image(), 0..12));
    let mut left = slips.to_vec();
    for _ in 0..5_000 {
        let (policy, images) = case.new_tree(&mut runner).unwrap().current();
        let right = first_evaluator(&policy, &images);
        left.retain(|&slip| evaluate(&policy, &images, slip) == right);
        if left.is_empty() {
            return;
        }
    }
    panic!("nobody notices {left:?}");
}
