//! Rules of jettison as a lifecycle policy of AWS, as far as that can say them.
//!
//! AWS is never told to take what the rules would keep. It judges an image by all of its tags at once and by the first rule
//! that identifies it, so that what cannot be said of some images is turned into a rule that identifies these, or more, and
//! marks none: the rules after it then leave them alone. What the rules leave to holds and limits AWS does not know.

mod counts;
mod selections;
mod unsayable;

use std::collections::BTreeSet;

use super::read::set_of;
use super::{
    LONGEST_TEXT, LifecycleAction, LifecycleCount, LifecyclePolicy, LifecycleRule, MOST_RULES, StorageClass,
    TagSelection,
};
use crate::policy::{Rule, RuleAction, Verb};
use counts::Counted;
use selections::Selected;
pub use unsayable::Unsayable;

/// What became of the rules of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The policy; `None` if none of the rules that expire something can be said.
    pub policy: Option<LifecyclePolicy>,
    /// Each rule, in their order.
    pub rules: Vec<ExportedRule>,
}

/// What became of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedRule {
    /// The name of the rule.
    pub name: String,
    /// How well AWS's policy says it.
    pub fidelity: Fidelity,
    /// What of it AWS has no words for.
    pub reasons: Vec<Unsayable>,
    /// The priorities of the rules that stand for it. A rule that only protects is left out where nothing comes after it.
    pub priorities: Vec<u64>,
}

/// How well a policy of AWS says a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fidelity {
    /// Of what no rule before it speaks of in AWS's policy, it takes the same of every inventory.
    Exact,
    /// It takes less, or keeps more.
    Nearest,
    /// It takes nothing by it.
    Unsayable,
}

impl Fidelity {
    /// The stable word for it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Nearest => "nearest",
            Self::Unsayable => "not-expressible",
        }
    }
}

impl Export {
    /// Says as much of these rules as AWS has words for.
    pub fn of(rules: &[Rule]) -> Self {
        let mut draft = Draft::default();
        for (place, rule) in rules.iter().enumerate() {
            draft.add(place, rule);
        }
        draft.fit();
        draft.finish()
    }

    /// A policy that AWS reads already.
    pub fn of_lifecycle(policy: &LifecyclePolicy) -> Self {
        let rules = policy.rules().iter().map(|rule| ExportedRule {
            name: rule.name(),
            fidelity: Fidelity::Exact,
            reasons: Vec::new(),
            priorities: vec![rule.priority],
        });
        Self {
            rules: rules.collect(),
            policy: Some(policy.clone()),
        }
    }

    /// Whether AWS judges every image of every inventory as the rules do.
    pub fn is_exact(&self) -> bool {
        self.rules.iter().all(|rule| rule.fidelity == Fidelity::Exact)
    }

    /// Whether AWS would also judge children of indexes and what is attached to images by it. Those have no verdict of their
    /// own in jettison, and nothing is said of them here.
    pub fn reaches_parts(&self) -> bool {
        let mut rules = self.policy.iter().flat_map(LifecyclePolicy::rules);
        rules.any(LifecycleRule::may_count_parts)
    }

    /// The text for `PutLifecyclePolicy`.
    pub fn text(&self) -> Option<String> {
        self.policy.as_ref().map(text)
    }
}

/// As people read it, if AWS takes it at that length.
fn text(policy: &LifecyclePolicy) -> String {
    let json = policy.to_json();
    let pretty = format!("{json:#}\n");
    match pretty.chars().count() {
        ..=LONGEST_TEXT => pretty,
        _ => json.to_string(),
    }
}

/// A rule of AWS in the making.
#[derive(Debug, Clone)]
struct Emitted {
    /// The place of the rule that it stands for.
    place: usize,
    class: StorageClass,
    selects: TagSelection,
    /// What it marks, and what becomes of that; `None`: it protects.
    marks: Option<(LifecycleCount, LifecycleAction)>,
}

/// The policy in the making.
#[derive(Debug, Default)]
struct Draft {
    rules: Vec<ExportedRule>,
    emitted: Vec<Emitted>,
}

impl Draft {
    fn add(&mut self, place: usize, rule: &Rule) {
        let selected = Selected::by(rule);
        self.rules.push(ExportedRule {
            name: rule.name.clone(),
            fidelity: Fidelity::Exact,
            reasons: selected.reasons.clone(),
            priorities: Vec::new(),
        });
        let mut takes = false;
        for class in [StorageClass::Standard, StorageClass::Archive] {
            if rule
                .matches
                .archived
                .is_none_or(|archived| archived == (class == StorageClass::Archive))
            {
                takes |= self.add_class(place, rule, (&selected, class));
            }
        }
        let exported = &mut self.rules[place];
        exported.reasons.sort();
        exported.reasons.dedup();
        exported.fidelity = match (&rule.verb, exported.reasons.is_empty()) {
            (_, true) => Fidelity::Exact,
            (Verb::Expire(_), false) if !takes => Fidelity::Unsayable,
            (_, false) => Fidelity::Nearest,
        };
    }

    /// Says a rule for the images of one class; whether AWS takes some of them by it.
    fn add_class(&mut self, place: usize, rule: &Rule, (selected, class): (&Selected, StorageClass)) -> bool {
        let counted = match &rule.verb {
            Verb::KeepAlways => Counted::nothing(),
            Verb::Expire(alternatives) => Counted::by(rule, alternatives, (place, class), selected),
        };
        self.rules[place].reasons.extend(counted.reasons);
        let action = match rule.action {
            RuleAction::Delete => LifecycleAction::Expire,
            RuleAction::Archive => LifecycleAction::Transition,
        };
        let mut takes = false;
        for selects in &selected.selections {
            let emitted = Emitted {
                place,
                class,
                selects: selects.clone(),
                marks: counted.marks.map(|count| (count, action)),
            };
            match self.hidden_by(&emitted) {
                // Nothing is left for it: what is before it identifies all.
                Some(earlier) if emitted.marks.is_some() => {
                    let earlier = &self.rules[earlier];
                    let hidden = Unsayable::HiddenBehind(earlier.name.clone());
                    if earlier.fidelity != Fidelity::Exact {
                        self.rules[place].reasons.push(hidden);
                    }
                }
                Some(_) => {}
                None => {
                    takes |= emitted.marks.is_some();
                    self.emitted.push(emitted);
                }
            }
        }
        takes
    }

    /// The rule that identifies everything that another one would. AWS takes no set of texts twice, one rule for untagged
    /// images, and nothing after one for all.
    fn hidden_by(&self, emitted: &Emitted) -> Option<usize> {
        let wanted = set_of(&emitted.selects);
        let of_class = self.emitted.iter().filter(|earlier| earlier.class == emitted.class);
        let mut hiding = of_class.filter(|earlier| match (&earlier.selects, &wanted) {
            (TagSelection::Any, _) => true,
            (TagSelection::Untagged, _) => emitted.selects == TagSelection::Untagged,
            (selects, Some(wanted)) => set_of(selects).is_some_and(|set: BTreeSet<&str>| set.is_subset(wanted)),
            (_, None) => false,
        });
        hiding.next().map(|earlier| earlier.place)
    }

    /// Leaves out what protects from nothing, and from the end what AWS does not take any more.
    fn fit(&mut self) {
        self.leave_out_idle();
        while let Some(reason) = self.too_much() {
            let Some(dropped) = self.emitted.pop() else { return };
            let others_take = self
                .emitted
                .iter()
                .any(|emitted| emitted.place == dropped.place && emitted.marks.is_some());
            let rule = &mut self.rules[dropped.place];
            if dropped.marks.is_some() {
                rule.reasons.push(reason);
                rule.fidelity = if others_take {
                    Fidelity::Nearest
                } else {
                    Fidelity::Unsayable
                };
            }
            self.leave_out_idle();
        }
    }

    fn leave_out_idle(&mut self) {
        for class in [StorageClass::Standard, StorageClass::Archive] {
            let last = self
                .emitted
                .iter()
                .rposition(|emitted| emitted.class == class && emitted.marks.is_some());
            let mut position = 0;
            self.emitted.retain(|emitted| {
                position += 1;
                emitted.class != class || last.is_some_and(|last| position <= last + 1)
            });
        }
    }

    fn too_much(&self) -> Option<Unsayable> {
        if self.emitted.len() > MOST_RULES {
            return Some(Unsayable::TooManyRules);
        }
        let policy = self.policy()?;
        (text(&policy).chars().count() > LONGEST_TEXT).then_some(Unsayable::TooLong)
    }

    fn policy(&self) -> Option<LifecyclePolicy> {
        let priorities = self.priorities();
        let rules: Vec<LifecycleRule> = self
            .emitted
            .iter()
            .zip(priorities)
            .map(|(emitted, priority)| {
                let protects = (emitted.class.ages(CENTURY), LifecycleAction::Expire);
                let (count, action) = emitted.marks.unwrap_or(protects);
                LifecycleRule {
                    priority,
                    description: self.description(emitted),
                    selects: emitted.selects.clone(),
                    storage_class: emitted.class,
                    count,
                    action,
                }
            })
            .collect();
        (!rules.is_empty()).then_some(LifecyclePolicy { rules })
    }

    /// What the rule is called; of one that marks nothing, that it does.
    fn description(&self, emitted: &Emitted) -> Option<String> {
        let name = &self.rules[emitted.place].name;
        match emitted.marks {
            Some(_) => numbered(name).1.map(str::to_owned),
            None => Some(format!("stays: {name}")),
        }
    }

    /// Those in the names of the rules, if they are such; else numbers from 1 on.
    fn priorities(&self) -> Vec<u64> {
        let named = |emitted: &Emitted| numbered(&self.rules[emitted.place].name).0;
        let named: Option<Vec<u64>> = self.emitted.iter().map(named).collect();
        let ascend = |numbers: &Vec<u64>| numbers.windows(2).all(|pair| pair[0] < pair[1]);
        let counted = || (1..).take(self.emitted.len()).collect();
        named.filter(ascend).unwrap_or_else(counted)
    }

    fn finish(mut self) -> Export {
        for (emitted, priority) in self.emitted.iter().zip(self.priorities()) {
            self.rules[emitted.place].priorities.push(priority);
        }
        Export {
            policy: self.policy(),
            rules: self.rules,
        }
    }
}

/// Days that nothing is old enough for.
const CENTURY: u64 = 36_500;

impl StorageClass {
    /// The rule that marks the images of the class by their age.
    fn ages(self, days: u64) -> LifecycleCount {
        match self {
            Self::Standard => LifecycleCount::DaysSincePushed(days),
            Self::Archive => LifecycleCount::DaysSinceTransitioned(days),
        }
    }
}

/// The priority and the description in a name that an import gave; of another name, no priority and all of it.
fn numbered(name: &str) -> (Option<u64>, Option<&str>) {
    let read = || {
        let rest = name.strip_prefix("priority ")?;
        let (number, description) = match rest.split_once(": ") {
            Some((number, description)) => (number, Some(description)),
            None => (rest, None),
        };
        let number = number.parse().ok().filter(|number| *number > 0)?;
        Some((Some(number), description))
    };
    read().unwrap_or((None, Some(name)))
}
