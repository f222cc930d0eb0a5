//! What a new lifecycle policy changes on one repository: rules that come and go, images that would be judged otherwise, and
//! who uses what it would take. Asks nobody.

use std::collections::{BTreeMap, BTreeSet};

use jettison_core::evaluate::ImageKey;
use jettison_core::graph::{Graph, Node};
use jettison_core::lifecycle::{LifecycleAction, LifecycleImages, LifecyclePolicy, LifecycleRule, LifecycleVerdict};
use jettison_core::model::{Digest, Gap, Repository};
use jettison_core::reason::{Hold, Reason};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::super::evaluate::action;

/// What changes.
#[derive(Debug, Serialize)]
pub(super) struct Difference {
    pub(super) rules: RuleChanges,
    /// What AWS would do now by the policy that is there.
    pub(super) before: Totals,
    /// By the new one.
    pub(super) after: Totals,
    /// Images with which the two do different things.
    pub(super) images: Vec<ImageChange>,
    /// Images in use that the new one would expire or archive.
    pub(super) in_use: Vec<UsedImage>,
    /// Why it is not known what is there, or what is in use.
    pub(super) unknown: Vec<String>,
}

/// Rules by their priority, as AWS writes them.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct RuleChanges {
    pub(super) added: Vec<Value>,
    pub(super) removed: Vec<Value>,
    pub(super) changed: Vec<ChangedRule>,
}

/// One rule.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct ChangedRule {
    pub(super) before: Value,
    pub(super) after: Value,
}

/// How many images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Totals {
    pub(super) expire: u64,
    pub(super) transition: u64,
}

/// An image that would be judged otherwise.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct ImageChange {
    pub(super) digest: Digest,
    pub(super) tags: Vec<String>,
    /// `expire`, `transition` (to the archive) or `none`.
    pub(super) before: &'static str,
    pub(super) after: &'static str,
}

/// An image that is in use, and would be taken.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct UsedImage {
    pub(super) digest: Digest,
    pub(super) tags: Vec<String>,
    /// `expire` or `transition`: what is archived cannot be pulled either.
    pub(super) action: &'static str,
    pub(super) hold: &'static str,
    pub(super) used_by: Vec<String>,
}

/// What is known of one repository.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) repository: &'a Repository,
    /// What usage holds, of all repositories; `None` where nobody was asked.
    pub(super) used: Option<&'a BTreeMap<ImageKey, Reason>>,
    pub(super) now: Timestamp,
}

impl Difference {
    pub(super) fn of(known: Known<'_>, before: Option<&LifecyclePolicy>, after: &LifecyclePolicy) -> Self {
        let graph = Graph::of(known.repository);
        let LifecycleImages { nodes, images } = LifecycleImages::of(known.repository, &graph, known.now);
        let old = before.map_or_else(
            || vec![None; images.len()],
            |policy| policy.evaluate(&images, known.now),
        );
        let new = after.evaluate(&images, known.now);
        let mut difference = Self {
            rules: RuleChanges::between(before, after),
            before: Totals::of(&old),
            after: Totals::of(&new),
            images: Vec::new(),
            in_use: Vec::new(),
            unknown: known.unknown(),
        };
        for (place, image) in images.iter().enumerate() {
            let digest = graph.digest(nodes[place]).clone();
            let tags: Vec<String> = image.tags.iter().map(|tag| (*tag).to_owned()).collect();
            let (before, after) = (action(old[place]), action(new[place]));
            let taken = new[place].is_some();
            difference.in_use.extend(
                known
                    .user_of(&graph, nodes[place])
                    .filter(|_| taken)
                    .map(|(hold, used_by)| UsedImage {
                        digest: digest.clone(),
                        tags: tags.clone(),
                        action: after,
                        hold: hold.as_str(),
                        used_by,
                    }),
            );
            if before != after {
                difference.images.push(ImageChange {
                    digest,
                    tags,
                    before,
                    after,
                });
            }
        }
        difference
    }
}

impl Known<'_> {
    /// Who uses an image, or what it is attached to: without its signature an image may not be let in. Now, or a short while
    /// ago.
    fn user_of(&self, graph: &Graph<'_>, node: Node) -> Option<(Hold, Vec<String>)> {
        let (mut open, mut seen) = (vec![node], BTreeSet::new());
        while let Some(node) = open.pop() {
            if !seen.insert(node) {
                continue;
            }
            if let Some((hold, used_by)) = self.own_user(graph.digest(node)) {
                let by_way = match seen.len() {
                    1 => String::new(),
                    _ => format!(" (of {}, to which it is attached)", graph.digest(node).short()),
                };
                return Some((hold, used_by.iter().map(|by| format!("{by}{by_way}")).collect()));
            }
            open.extend(graph.subjects(node));
        }
        None
    }

    fn own_user(&self, digest: &Digest) -> Option<(Hold, Vec<String>)> {
        match self.used?.get(&self.key(digest))? {
            Reason::Hold { hold, used_by, .. } if matches!(hold, Hold::InUse | Hold::RecentlyUsed) => {
                Some((*hold, used_by.clone()))
            }
            _ => None,
        }
    }

    /// What a refusal has to say although nothing that is known is in use.
    fn unknown(&self) -> Vec<String> {
        let unread = |gap: &Gap| format!("the repository was not read wholly: {gap}");
        let gaps = self.repository.gaps.iter().map(unread);
        let Some(used) = self.used else {
            return gaps.chain(["nobody was asked what is in use".to_owned()]).collect();
        };
        let manifests = self.repository.manifests.iter();
        let held = manifests.filter_map(|manifest| match used.get(&self.key(&manifest.digest))? {
            Reason::Hold {
                hold: Hold::UsageIncomplete,
                because,
                ..
            } => Some(because.clone()),
            // Where every image is in use, that is all that is told of them.
            Reason::Hold { also, .. } if also.contains(&Hold::UsageIncomplete) => {
                Some("a usage source did not tell everything".to_owned())
            }
            _ => None,
        });
        let whys: BTreeSet<String> = gaps.chain(held).collect();
        whys.into_iter().collect()
    }

    fn key(&self, digest: &Digest) -> ImageKey {
        let Repository { registry, name, .. } = self.repository;
        (registry.clone(), name.clone(), digest.clone())
    }
}

impl RuleChanges {
    pub(super) fn between(before: Option<&LifecyclePolicy>, after: &LifecyclePolicy) -> Self {
        let by_priority = |policy: &LifecyclePolicy| -> BTreeMap<u64, (LifecycleRule, Value)> {
            let json = policy.to_json();
            let texts = json["rules"].as_array().cloned().unwrap_or_default();
            let rules = policy.rules().iter().cloned().zip(texts);
            rules.map(|(rule, text)| (rule.priority, (rule, text))).collect()
        };
        let (mut old, mut changes) = (before.map(by_priority).unwrap_or_default(), Self::default());
        for (priority, (rule, text)) in by_priority(after) {
            match old.remove(&priority) {
                None => changes.added.push(text),
                Some((same, _)) if same == rule => {}
                Some((_, before)) => changes.changed.push(ChangedRule { before, after: text }),
            }
        }
        changes.removed = old.into_values().map(|(_, text)| text).collect();
        changes
    }
}

impl Totals {
    fn of(verdicts: &[Option<LifecycleVerdict>]) -> Self {
        let count = |action| {
            verdicts
                .iter()
                .flatten()
                .filter(|verdict| verdict.action == action)
                .count() as u64
        };
        Self {
            expire: count(LifecycleAction::Expire),
            transition: count(LifecycleAction::Transition),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(rules: &[(u64, &str, u64)]) -> LifecyclePolicy {
        let rule = |(priority, status, count): &(u64, &str, u64)| {
            json!({"rulePriority": priority, "selection": {"tagStatus": status, "countType": "imageCountMoreThan",
                "countNumber": count}, "action": {"type": "expire"}})
        };
        let rules: Vec<Value> = rules.iter().map(rule).collect();
        LifecyclePolicy::parse(&json!({"rules": rules}).to_string()).unwrap()
    }

    #[test]
    fn rules_come_go_and_change_by_their_priority() {
        let (old, new) = (
            policy(&[(1, "untagged", 3), (5, "any", 9)]),
            policy(&[(1, "untagged", 4), (7, "any", 9)]),
        );
        let changes = RuleChanges::between(Some(&old), &new);
        let priorities = |rules: &[Value]| {
            rules
                .iter()
                .map(|rule| rule["rulePriority"].as_u64())
                .collect::<Vec<_>>()
        };
        assert_eq!(priorities(&changes.added), [Some(7)]);
        assert_eq!(priorities(&changes.removed), [Some(5)]);
        let changed: Vec<(Option<u64>, Option<u64>)> = changes
            .changed
            .iter()
            .map(|rule| {
                let count = |rule: &Value| rule["selection"]["countNumber"].as_u64();
                (count(&rule.before), count(&rule.after))
            })
            .collect();
        assert_eq!(changed, [(Some(3), Some(4))]);
        assert_eq!(priorities(&RuleChanges::between(None, &new).added), [Some(1), Some(7)]);
        assert_eq!(RuleChanges::between(Some(&new), &new), RuleChanges::default());
    }
}
