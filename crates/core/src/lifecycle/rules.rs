//! What the rules of one policy have to be to each other.

use std::collections::BTreeMap;

use super::read::{LifecycleMistake, set_of};
use super::{LifecycleRule, StorageClass, TagSelection};

/// Everything for which AWS would refuse these rules together, each given with its place in the text.
pub(super) fn check_together(rules: &[(usize, &LifecycleRule)]) -> Vec<LifecycleMistake> {
    let mut mistakes = priorities(rules);
    for class in [StorageClass::Standard, StorageClass::Archive] {
        let of_class: Vec<(usize, &LifecycleRule)> = rules
            .iter()
            .filter(|(_, rule)| rule.storage_class == class)
            .copied()
            .collect();
        mistakes.extend(any_comes_last(&of_class));
        mistakes.extend(one_untagged(&of_class));
        mistakes.extend(lists_differ(&of_class));
    }
    mistakes
}

fn wrong(number: usize, message: String) -> LifecycleMistake {
    LifecycleMistake {
        path: format!("rules[{number}]"),
        message,
    }
}

/// "Each rule must have a unique value for `rulePriority`; they need not be sequential" (lifecycle_policy_parameters).
fn priorities(rules: &[(usize, &LifecycleRule)]) -> Vec<LifecycleMistake> {
    let mut seen: BTreeMap<u64, usize> = BTreeMap::new();
    let mut mistakes = Vec::new();
    for (number, rule) in rules {
        if let Some(first) = seen.get(&rule.priority) {
            let message = format!(
                "rulePriority {} is that of rules[{first}] already; each has to be unique.",
                rule.priority
            );
            mistakes.push(wrong(*number, message));
        } else {
            seen.insert(rule.priority, *number);
        }
    }
    mistakes
}

/// "A rule with a tagStatus of any must have the highest value for rulePriority and be evaluated last", for each storage
/// class.
fn any_comes_last(rules: &[(usize, &LifecycleRule)]) -> Vec<LifecycleMistake> {
    let last = rules.iter().map(|(_, rule)| rule.priority).max();
    let mut anys: Vec<_> = rules
        .iter()
        .filter(|(_, rule)| rule.selects == TagSelection::Any)
        .collect();
    // Of two, one is not the last, however they are numbered.
    anys.sort_by_key(|(_, rule)| rule.priority);
    let is_early = |rule: &LifecycleRule| Some(rule.priority) != last;
    let early = anys.iter().filter(|(_, rule)| is_early(rule));
    let message = "Rule for tagStatus=ANY must have the lowest priority per storage class";
    early.map(|(number, _)| wrong(*number, message.to_owned())).collect()
}

/// "Only one rule can select Untagged images per storage class."
fn one_untagged(rules: &[(usize, &LifecycleRule)]) -> Vec<LifecycleMistake> {
    let untagged = rules
        .iter()
        .filter(|(_, rule)| rule.selects == TagSelection::Untagged)
        .skip(1);
    let message = "Only one rule can select Untagged images per storage class.";
    untagged.map(|(number, _)| wrong(*number, message.to_owned())).collect()
}

/// "The set of all rules selecting a specific storage class must contain a unique set of prefixes" (LifecyclePolicies).
fn lists_differ(rules: &[(usize, &LifecycleRule)]) -> Vec<LifecycleMistake> {
    let mut mistakes = Vec::new();
    for (position, (number, rule)) in rules.iter().enumerate() {
        let is_same_list = |earlier: &LifecycleRule| match (&earlier.selects, &rule.selects) {
            (TagSelection::Patterns(_), TagSelection::Patterns(_))
            | (TagSelection::Prefixes(_), TagSelection::Prefixes(_)) => {
                set_of(&earlier.selects) == set_of(&rule.selects)
            }
            _ => false,
        };
        if let Some((first, _)) = rules[..position].iter().find(|(_, earlier)| is_same_list(earlier)) {
            let message =
                format!("rules[{first}] has the same tags already; each storage class needs unique sets of them.");
            mistakes.push(wrong(*number, message));
        }
    }
    mistakes
}
