//! A lifecycle policy in the words of jettison, and which of its rules mean the same there for every inventory.
//!
//! "The same" is about images that stand for themselves: what AWS would do to each is what the rules say of all its entries,
//! before any hold or limit. Children of indexes and attached manifests have no verdict of their own in jettison: they stay
//! and go with what they belong to.

use std::fmt;

use super::{LifecycleAction, LifecycleCount, LifecyclePolicy, LifecycleRule, StorageClass, TagPattern, TagSelection};
use crate::model::{Kind, is_hidden};

/// What a policy speaks of, besides its rules.
#[derive(Debug, Clone, Copy)]
pub struct ImportScope<'a> {
    /// The name of the policy.
    pub name: &'a str,
    /// Globs on the repositories it covers; none: all.
    pub repositories: &'a [String],
}

/// A lifecycle policy in the words of jettison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// A configuration with that policy.
    pub yaml: String,
    /// Its rules, in their order.
    pub rules: Vec<ImportedRule>,
}

/// What became of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedRule {
    /// `rulePriority`.
    pub priority: u64,
    /// What it is called in the configuration.
    pub name: String,
    /// Why it does not mean the same for every inventory; `None`: it does.
    pub inexact: Option<Inexact>,
}

/// Why a rule of jettison does not mean what a rule of AWS does. In each case it keeps more, never less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inexact {
    /// It counts images, and AWS counts manifests.
    CountsParts,
    /// It asks for pulls, of which jettison knows otherwise.
    PullsOfParts,
}

impl Inexact {
    /// The stable word for it.
    pub fn code(self) -> &'static str {
        match self {
            Self::CountsParts => "counts-parts",
            Self::PullsOfParts => "pulls-of-parts",
        }
    }
}

impl fmt::Display for Inexact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CountsParts => {
                "AWS counts children of indexes, signatures and the like as images of their own, and jettison does not: it \
                 keeps as many or more"
            }
            Self::PullsOfParts => {
                "jettison also counts pulls of what an image consists of, and does nothing where pulls are not known for \
                 so long: it leaves as many or more"
            }
        })
    }
}

impl Import {
    /// Whether all of it means the same for every inventory.
    pub fn is_exact(&self) -> bool {
        self.rules.iter().all(|rule| rule.inexact.is_none())
    }
}

impl LifecyclePolicy {
    /// The policy in the words of jettison.
    pub fn import(&self, scope: ImportScope<'_>) -> Import {
        let rules: Vec<ImportedRule> = self.rules.iter().map(LifecycleRule::imported).collect();
        let mut yaml = String::from(HEADING);
        let mut line = |text: String| yaml.extend([text.as_str(), "\n"]);
        line("policies:".to_owned());
        line(format!("  - name: {}", quoted(scope.name)));
        if !scope.repositories.is_empty() {
            line(format!("    repositories: {}", list(scope.repositories.iter())));
        }
        if self.rules.iter().any(|rule| rule.action == LifecycleAction::Transition) {
            line("    # archive-anyway: true    # jettison archives only where that saves money".to_owned());
        }
        line("    rules:".to_owned());
        for (rule, imported) in self.rules.iter().zip(&rules) {
            rule.write(imported).into_iter().for_each(&mut line);
        }
        Import { yaml, rules }
    }
}

const HEADING: &str = "\
# From a lifecycle policy of Amazon ECR. Its rules speak of images of every
# kind, by all of their tags, and count from the push alone. What is in use,
# young or protected stays whatever they say.
";

impl LifecycleRule {
    fn imported(&self) -> ImportedRule {
        ImportedRule {
            priority: self.priority,
            name: self.full_name(),
            inexact: self.inexact(),
        }
    }

    /// Its number, and its description as far as a name may be that long. Numbers are unique, descriptions are not.
    fn full_name(&self) -> String {
        let visible = |letter: char| if is_hidden(letter) { ' ' } else { letter };
        let description: String = self
            .description
            .iter()
            .flat_map(|text| text.chars().map(visible))
            .collect();
        let name = match description.trim() {
            "" => self.name(),
            description => format!("{}: {description}", self.name()),
        };
        match name.chars().nth(LONGEST_NAME) {
            None => name,
            Some(_) => name.chars().take(LONGEST_NAME - 1).chain(['…']).collect(),
        }
    }

    /// Ages are known of every image alone. A count is the same if nothing but images can be counted: tags that attach a
    /// manifest to another are on what is no image, and only a pattern that fits none of them leaves it out.
    fn inexact(&self) -> Option<Inexact> {
        match self.count {
            LifecycleCount::MoreThan(_) if self.may_count_parts() => Some(Inexact::CountsParts),
            LifecycleCount::DaysSincePulled(_) => Some(Inexact::PullsOfParts),
            _ => None,
        }
    }

    /// Whether it could identify a child of an index, or what is attached to something.
    pub(super) fn may_count_parts(&self) -> bool {
        match &self.selects {
            TagSelection::Untagged | TagSelection::Any => true,
            TagSelection::Patterns(patterns) => patterns.iter().all(TagPattern::may_attach),
            TagSelection::Prefixes(prefixes) => prefixes.iter().all(|prefix| as_pattern(prefix).may_attach()),
        }
    }

    fn write(&self, imported: &ImportedRule) -> Vec<String> {
        let mut lines = vec![format!("      - name: {}", quoted(&imported.name))];
        let mut key = |text: String| lines.push(format!("        {text}"));
        if let Some(why) = imported.inexact {
            wrapped(&format!("Not exact: {why}.")).into_iter().for_each(&mut key);
        }
        if self.count.period().is_none_or(|days| days < self.count.number()) && self.count.age().is_some() {
            key(format!(
                "# AWS says {} days; nothing is older than a century.",
                self.count.number()
            ));
        }
        key("match:".to_owned());
        self.matches().into_iter().for_each(|line| key(format!("  {line}")));
        if !matches!(self.count, LifecycleCount::DaysSinceTransitioned(_)) {
            key("since: push".to_owned());
        }
        if matches!(self.count, LifecycleCount::MoreThan(_)) {
            key("rank-among: fitting".to_owned());
        }
        key(format!("expire: {{ {} }}", self.condition()));
        if self.action == LifecycleAction::Transition {
            key("action: archive".to_owned());
        }
        lines
    }

    fn matches(&self) -> Vec<String> {
        let kinds: Vec<&str> = Kind::ALL.into_iter().map(Kind::as_str).collect();
        let is_archived = self.storage_class == StorageClass::Archive;
        let mut keys = vec![
            format!("kinds: [{}]", kinds.join(", ")),
            format!("archived: {is_archived}"),
        ];
        match &self.selects {
            TagSelection::Patterns(patterns) => keys.push(format!("image-tags: {}", list(patterns.iter().map(glob)))),
            TagSelection::Prefixes(prefixes) => {
                let globs = prefixes.iter().map(|prefix| bounded(escaped(prefix) + "*"));
                keys.push(format!("image-tags: {}", list(globs)));
            }
            TagSelection::Untagged => keys.push("untagged: true".to_owned()),
            TagSelection::Any => {}
        }
        keys
    }

    fn condition(&self) -> String {
        let days = self.count.period().unwrap_or_default();
        match self.count {
            LifecycleCount::MoreThan(most) => format!("beyond-newest: {most}"),
            LifecycleCount::DaysSincePushed(_) => format!("older-than: {days}d"),
            LifecycleCount::DaysSincePulled(_) => format!("not-pulled-for: {days}d"),
            LifecycleCount::DaysSinceTransitioned(_) => format!("archived-for: {days}d"),
        }
    }
}

impl LifecycleCount {
    /// Its days, as far as jettison has words for them.
    fn period(self) -> Option<u64> {
        self.age().map(|_| self.number().min(MOST_DAYS))
    }
}

/// What a name may measure, in characters.
const LONGEST_NAME: usize = 200;

/// The longest period of a policy: a century.
const MOST_DAYS: u64 = 36_525;

/// What a glob may measure, in bytes.
const LONGEST_GLOB: usize = 1_024;

/// A prefix of ECR is text, stars included, and no tag has one: such a prefix is a pattern of nothing.
pub(super) fn as_pattern(prefix: &str) -> TagPattern {
    let text = match prefix.contains('*') {
        true => String::new(),
        false => format!("{prefix}*"),
    };
    TagPattern::unbounded(text)
}

/// The glob that fits the same tags. The pattern of nothing fits no tag, and a glob has to be something.
fn glob(pattern: &TagPattern) -> String {
    let pieces: Vec<String> = pattern.as_str().split('*').map(escaped).collect();
    match pieces.join("*") {
        nothing if nothing.is_empty() => NO_TAG.to_owned(),
        glob => bounded(glob),
    }
}

/// No tag is so long that such a glob could fit it.
fn bounded(glob: String) -> String {
    match glob.len() {
        ..=LONGEST_GLOB => glob,
        _ => NO_TAG.to_owned(),
    }
}

/// The glob that fits the empty text alone, and so no tag.
pub(super) const NO_TAG: &str = "{,}";

/// Text that means itself in a glob.
fn escaped(text: &str) -> String {
    let special = |letter: &char| matches!(letter, '*' | '?' | '[' | ']' | '{' | '}' | '!' | '\\');
    text.chars()
        .flat_map(|letter| special(&letter).then_some('\\').into_iter().chain([letter]))
        .collect()
}

fn list(texts: impl Iterator<Item = impl AsRef<str>>) -> String {
    let texts: Vec<String> = texts.map(|text| quoted(text.as_ref())).collect();
    format!("[{}]", texts.join(", "))
}

/// A comment in lines that fit a page.
fn wrapped(text: &str) -> Vec<String> {
    const WIDEST: usize = 72;
    let mut lines = vec!["#".to_owned()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < WIDEST => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("# {word}")),
        }
    }
    lines
}

/// Texts of JSON are texts of YAML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
