//! Groupings that tell nothing apart, or tell everything apart.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::look::{Room, Seen};
use super::rules::Named;
use super::tally::Tally;
use super::{Code, ENOUGH, Finding};
use crate::config::Severity;
use crate::model::Digest;
use crate::policy::{GroupBy, Verb};
use crate::words::{count, number};

/// The groups that one rule makes.
pub(super) struct Groups<'f> {
    named: Named<'f>,
    /// It ranks within groups that are not whole repositories.
    is_asked: bool,
    entries: u64,
    ungrouped: Tally,
    /// Repositories with enough images to speak of.
    judged: u64,
    lone: Tally,
    single: Tally,
    /// The groups of the repositories that have but one.
    names: BTreeSet<String>,
}

/// The groups of one repository.
#[derive(Default)]
struct Found<'e> {
    /// One image of each group.
    one_of: HashMap<String, &'e Digest>,
    images: HashSet<&'e Digest>,
    /// Whether a group has two images.
    any_shared: bool,
}

impl<'f> Groups<'f> {
    pub(super) fn new(named: Named<'f>) -> Self {
        Self {
            named,
            is_asked: ranks(named) && named.rule.1.group_by != GroupBy::Repository,
            entries: 0,
            ungrouped: Tally::default(),
            judged: 0,
            lone: Tally::default(),
            single: Tally::default(),
            names: BTreeSet::new(),
        }
    }

    /// The entries that the rule governs in one repository.
    pub(super) fn look(&mut self, room: &Room<'_>, entries: &[Seen<'_>]) {
        if !self.is_asked {
            return;
        }
        self.entries += entries.len() as u64;
        let tags: HashSet<&str> = room.repository.tags.iter().map(|tag| tag.name.as_str()).collect();
        let is_tag = |text: &str| tags.contains(text);
        let (mut found, mut ungrouped) = (Found::default(), Vec::new());
        for entry in entries {
            match self.named.rule.1.group_by.group(entry.tag, entry.labels(), &is_tag) {
                Some(group) => found.add(group.to_owned(), entry.digest()),
                None => ungrouped.push(*entry),
            }
        }
        self.ungrouped.add(room, &ungrouped);
        self.judge(room, entries, &found);
    }

    fn judge(&mut self, room: &Room<'_>, entries: &[Seen<'_>], found: &Found<'_>) {
        let images = found.images.len() as u64;
        if images < ENOUGH {
            return;
        }
        self.judged += 1;
        if !found.any_shared {
            self.lone.add_images(room, images, entries);
        }
        if let (Some(name), 1) = (found.one_of.keys().next(), found.one_of.len()) {
            self.single.add_images(room, images, entries);
            if self.names.len() < 2 {
                self.names.insert(name.clone());
            }
        }
    }

    pub(super) fn findings(&self) -> Vec<Finding> {
        let found = [self.few_grouped(), self.lone_groups(), self.one_group()];
        found.into_iter().flatten().collect()
    }

    fn finding(&self, code: Code, severity: Severity, tally: &Tally) -> Finding {
        Finding {
            count: tally.count,
            examples: tally.examples(),
            ..self.named.finding(code, severity, "group-by")
        }
    }

    fn few_grouped(&self) -> Option<Finding> {
        let is_most = self.ungrouped.count >= ENOUGH && self.ungrouped.count > self.entries / 2;
        is_most.then(|| Finding {
            message: format!(
                "`{}` gives no group to {} of {} {}",
                self.words(),
                number(self.ungrouped.count),
                count(self.entries, "entry"),
                self.ungrouped.whereabouts()
            ),
            hint: "without a group nothing goes by its rank: mend the grouping, or match only what it fits".to_owned(),
            ..self.finding(Code::FewGrouped, Severity::Warning, &self.ungrouped)
        })
    }

    fn lone_groups(&self) -> Option<Finding> {
        (self.lone.count > 0).then(|| Finding {
            message: format!(
                "`{}` puts each of {} {} into a group of its own: each is the newest there, and stays",
                self.words(),
                count(self.lone.count, "image"),
                self.lone.whereabouts()
            ),
            hint: match self.named.rule.1.group_by {
                GroupBy::Branch(_) => "if these are builds of a few branches, give `group-by: { branch: { suffixes: […] } }` what your builds append".to_owned(),
                GroupBy::Label(_) => "group by a label that builds of one thing share".to_owned(),
                _ => "the capture `group` must leave out what tells builds apart".to_owned(),
            },
            ..self.finding(Code::LoneGroups, Severity::Warning, &self.lone)
        })
    }

    /// Only where it is so everywhere: one repository may well have one branch.
    fn one_group(&self) -> Option<Finding> {
        let is_everywhere = self.judged > 0 && self.single.places() == self.judged;
        is_everywhere.then(|| {
            let name = match self.names.first().filter(|_| self.names.len() == 1) {
                Some(name) if name.is_empty() => ", which has no name".to_owned(),
                Some(name) => format!(", {}", crate::config::quoted(name)),
                None => String::new(),
            };
            let each = if self.judged == 1 {
                "one group"
            } else {
                "one group each"
            };
            Finding {
                message: format!(
                    "`{}` puts all {} {} into {each}{name}",
                    self.words(),
                    count(self.single.count, "image"),
                    self.single.whereabouts()
                ),
                hint: "it is as if there were no `group-by`: fine if there is but one, else mend the grouping"
                    .to_owned(),
                ..self.finding(Code::OneGroup, Severity::Note, &self.single)
            }
        })
    }

    fn words(&self) -> String {
        match &self.named.rule.1.group_by {
            GroupBy::Repository => "group-by: repository".to_owned(),
            GroupBy::Branch(_) => "group-by: branch".to_owned(),
            GroupBy::Regex(_) => "group-by: regex".to_owned(),
            GroupBy::Label(name) => format!("group-by: label {name}"),
        }
    }
}

impl<'e> Found<'e> {
    fn add(&mut self, group: String, digest: &'e Digest) {
        self.images.insert(digest);
        self.any_shared |= *self.one_of.entry(group).or_insert(digest) != digest;
    }
}

/// Whether the rule asks where an entry stands in its group. `beyond-newest: 0` does not: all go.
fn ranks(named: Named<'_>) -> bool {
    let rule = named.rule.1;
    let Verb::Expire(alternatives) = &rule.verb else {
        return false;
    };
    let beyond = |conditions: &crate::policy::Conditions| conditions.beyond_newest.is_some_and(|newest| newest > 0);
    rule.unless.is_some() || alternatives.iter().any(beyond)
}
