//! From the tree of a file to policies.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::matching::LabelPattern;
use super::pattern::Anchored;
use super::{
    BranchPatterns, ByteSize, Conditions, GroupBy, GroupRegex, InvalidGroupRegex, Match, NewestPer, Order, Period,
    Policy, Rule, TagPatterns, Verb,
};
use crate::config::keys;
use crate::config::reader::{Fields, Reader};
use crate::config::tree::{Node, Scalar, Value};
use crate::model::{Kind, Tag};

/// Reads the list behind `policies`.
pub(crate) fn policies(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Vec<Policy>> {
    let items = reader.list(node)?;
    if items.is_empty() {
        reader.warn(
            "no-policies",
            &node.span,
            "without a policy everything stays",
            "leave out `policies` for the built-in policy `standard`",
        );
    }
    let mut names = BTreeMap::new();
    let mut policies: Vec<(Policy, Range<usize>)> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let Some((policy, place)) = policy(reader, item, index, &mut names) else {
            continue;
        };
        let hidden_by = policies.iter().find(|(earlier, _)| covers_all_of(earlier, &policy));
        if let Some((earlier, _)) = hidden_by {
            let message = format!(
                "policy `{}` is never reached: `{}` before it covers the same repositories",
                policy.name, earlier.name
            );
            reader.warn(
                "unreachable-policy",
                &place,
                message,
                "the first policy that covers a repository governs it: put this one first",
            );
        }
        policies.push((policy, place));
    }
    (policies.len() == items.len()).then(|| policies.into_iter().map(|(policy, _)| policy).collect())
}

/// Whether `earlier` covers whatever `later` covers, as can be seen from their text.
fn covers_all_of(earlier: &Policy, later: &Policy) -> bool {
    (earlier.repositories.is_everything() || earlier.repositories == later.repositories)
        && (earlier.registries.is_everything() || earlier.registries == later.registries)
}

/// The name of a policy or rule, and where it stands. None given: its kind and place, from 1.
fn name(
    reader: &mut Reader<'_, '_>,
    fields: &Fields<'_>,
    (kind, index): (&str, usize),
    names: &mut BTreeMap<String, u32>,
) -> Option<(String, Range<usize>)> {
    let (name, span) = match fields.get("name") {
        Some(node) => (reader.name(node).map(str::to_owned), node.span.clone()),
        None => (Some(format!("{kind} {}", index + 1)), fields.span.clone()),
    };
    let name = name?;
    let line = reader.line(&span);
    if let Some(first) = names.get(&name) {
        let message = format!("another {kind} has the name `{name}`, on line {first}");
        reader.error_with(
            "duplicate-name",
            &span,
            message,
            "reports tell rules and policies apart by their names",
        );
    }
    names.entry(name.clone()).or_insert(line);
    Some((name, span))
}

fn policy(
    reader: &mut Reader<'_, '_>,
    node: &Node,
    index: usize,
    names: &mut BTreeMap<String, u32>,
) -> Option<(Policy, Range<usize>)> {
    let fields = reader.fields(node, &keys::POLICY)?;
    let name = name(reader, &fields, ("policy", index), names);
    let repositories = reader.names(fields.get("repositories"));
    let registries = reader.hosts(fields.get("registries"));
    let untag = fields.get("untag").map_or(Some(false), |node| reader.flag(node));
    let rules = rules(reader, fields.get("rules")?);
    let (name, place) = name?;
    let line = reader.line(&fields.span);
    let policy = Policy {
        name,
        repositories: repositories?,
        registries: registries?,
        untag: untag?,
        rules: rules?,
        line,
    };
    Some((policy, place))
}

fn rules(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Vec<Rule>> {
    let items = reader.items(node)?;
    let mut names = BTreeMap::new();
    let mut rules: Vec<Rule> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let Some((rule, place)) = rule(reader, item, index, &mut names) else {
            continue;
        };
        if let Some(earlier) = rules.iter().find(|earlier| earlier.shadows(&rule)) {
            let message = format!(
                "rule `{}` is never reached: `{}` before it fits everything that it fits",
                rule.name, earlier.name
            );
            reader.warn(
                "unreachable-rule",
                &place,
                message,
                "the first rule that fits governs: put this one first",
            );
        }
        rules.push(rule);
    }
    (rules.len() == items.len()).then_some(rules)
}

fn rule(
    reader: &mut Reader<'_, '_>,
    node: &Node,
    index: usize,
    names: &mut BTreeMap<String, u32>,
) -> Option<(Rule, Range<usize>)> {
    let fields = reader.fields(node, &keys::RULE)?;
    let name = name(reader, &fields, ("rule", index), names);
    let matches = fields
        .get("match")
        .map_or_else(|| Some(Match::default()), |node| matches(reader, node));
    let verb = verb(reader, &fields);
    let group_by = fields
        .get("group-by")
        .map_or(Some(GroupBy::Repository), |node| group_by(reader, node));
    let order = fields
        .get("order")
        .map_or(Some(Order::Time), |node| order(reader, node));
    let unless = fields.get("unless").map(|node| unless(reader, node));
    if fields.get("unless").is_some() && fields.get("expire").is_none() {
        let span = fields.key_span("unless");
        reader.error_with(
            "unless-without-expire",
            &span,
            "`unless` says what `expire` spares, but there is no `expire`",
            "leave `unless` out",
        );
    }
    let (name, place) = name?;
    let unless = match unless {
        Some(read) => Some(read?),
        None => None,
    };
    let line = reader.line(&fields.span);
    let rule = Rule {
        name,
        matches: matches?,
        verb: verb?,
        group_by: group_by?,
        order: order?,
        unless,
        line,
    };
    check_ranking(reader, &fields, &rule);
    Some((rule, place))
}

/// Warns of a ranking that ranks nothing.
fn check_ranking(reader: &mut Reader<'_, '_>, fields: &Fields<'_>, rule: &Rule) {
    let ranks = match &rule.verb {
        Verb::Expire(alternatives) => {
            alternatives.iter().any(|conditions| conditions.beyond_newest.is_some()) || rule.unless.is_some()
        }
        Verb::KeepAlways => false,
    };
    for key in ["group-by", "order"]
        .into_iter()
        .filter(|key| !ranks && fields.get(key).is_some())
    {
        let message = format!("`{key}` has no effect in this rule: it ranks nothing");
        reader.warn(
            "unused-key",
            &fields.key_span(key),
            message,
            "it belongs to `beyond-newest` and `newest-per`",
        );
    }
    if ranks && rule.matches.untagged && matches!(rule.group_by, GroupBy::Branch(_) | GroupBy::Regex(_)) {
        let message = "images without a tag have no such group, so they are never ranked";
        reader.warn(
            "never-ranked",
            &fields.key_span("group-by"),
            message,
            "group them by repository or label",
        );
    }
}

fn verb(reader: &mut Reader<'_, '_>, fields: &Fields<'_>) -> Option<Verb> {
    match (fields.get("keep"), fields.get("expire")) {
        (Some(keep), None) => reader.choice(keep, &["always"]).map(|_| Verb::KeepAlways),
        (None, Some(node)) => expire(reader, node).map(Verb::Expire),
        (Some(keep), Some(node)) => {
            reader.error_with(
                "verb-twice",
                &fields.key_span("keep"),
                "a rule either keeps or expires",
                "leave out `keep` or `expire`",
            );
            reader.choice(keep, &["always"]);
            expire(reader, node);
            None
        }
        (None, None) => {
            let hint = "write `keep: always`, or for example `expire: { older-than: 30d }`";
            reader.error_with(
                "verb-missing",
                &fields.span,
                "the rule does not say what shall become of what it fits",
                hint,
            );
            None
        }
    }
}

fn expire(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Vec<Conditions>> {
    match &node.value {
        Value::List(items) if items.is_empty() => {
            empty_expire(reader, node);
            None
        }
        Value::List(items) => {
            let read: Vec<Conditions> = items.iter().filter_map(|item| conditions(reader, item)).collect();
            (read.len() == items.len()).then_some(read)
        }
        _ => conditions(reader, node).map(|conditions| vec![conditions]),
    }
}

fn empty_expire(reader: &mut Reader<'_, '_>, node: &Node) {
    let hint = "name a condition; `beyond-newest: 0` would fit all";
    reader.error_with("empty-expire", &node.span, "an empty `expire` names no condition", hint);
}

fn conditions(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Conditions> {
    if let Some((Scalar::Nothing, _)) = node.scalar() {
        empty_expire(reader, node);
        return None;
    }
    let fields = reader.fields(node, &keys::CONDITIONS)?;
    if matches!(&node.value, Value::Map(entries) if entries.is_empty()) {
        empty_expire(reader, node);
        return None;
    }
    let older_than = optional(fields.get("older-than"), |node| period(reader, node));
    let not_pulled_for = optional(fields.get("not-pulled-for"), |node| period(reader, node));
    let beyond_newest = optional(fields.get("beyond-newest"), |node| reader.count(node, 0));
    let larger_than = optional(fields.get("larger-than"), |node| size(reader, node));
    Some(Conditions {
        older_than: older_than?,
        not_pulled_for: not_pulled_for?,
        beyond_newest: beyond_newest?,
        larger_than: larger_than?,
    })
}

/// `Some(None)` if nothing is there to read, `None` if it is wrong.
pub(crate) fn optional<'n, T>(node: Option<&'n Node>, read: impl FnOnce(&'n Node) -> Option<T>) -> Option<Option<T>> {
    match node {
        Some(node) => read(node).map(Some),
        None => Some(None),
    }
}

pub(crate) fn period(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Period> {
    reader.scalar(node, "bad-duration", |text| {
        text.parse::<Period>()
            .map_err(|error| (error.to_string(), error.hint().to_owned()))
    })
}

pub(crate) fn size(reader: &mut Reader<'_, '_>, node: &Node) -> Option<ByteSize> {
    reader.scalar(node, "bad-size", |text| {
        text.parse::<ByteSize>()
            .map_err(|error| (error.to_string(), error.hint().to_owned()))
    })
}

fn matches(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Match> {
    let fields = reader.fields(node, &keys::MATCH)?;
    let kinds = optional(fields.get("kinds"), |node| kinds(reader, node));
    let tags = optional(fields.get("tags"), |node| tags(reader, node));
    let tags_regex = optional(fields.get("tags-regex"), |node| tags_regex(reader, node));
    let untagged = fields
        .get("untagged")
        .map_or(Some(false), |node| only_true(reader, node, "untagged"));
    let labels = fields
        .get("labels")
        .map_or_else(|| Some(BTreeMap::new()), |node| labels(reader, node));
    let platforms = optional(fields.get("platforms"), |node| reader.names(Some(node)));
    for key in ["tags", "tags-regex"]
        .into_iter()
        .filter(|key| fields.get("untagged").is_some() && fields.get(key).is_some())
    {
        let message = format!("`{key}` fits tagged images only, `untagged` those without a tag");
        reader.error_with("tags-with-untagged", &fields.key_span(key), message, "write two rules");
    }
    Some(Match {
        kinds: kinds?,
        tags: tags?,
        tags_regex: tags_regex?,
        untagged: untagged?,
        labels: labels?,
        platforms: platforms?,
    })
}

/// A key that is either `true` or not there: `false` could mean "only the others" as well as "no matter".
pub(crate) fn only_true(reader: &mut Reader<'_, '_>, node: &Node, key: &str) -> Option<bool> {
    let flag = reader.flag(node)?;
    if !flag {
        reader.error_with(
            "false-is-no-value",
            &node.span,
            format!("`{key}: false` says nothing"),
            "leave it out",
        );
    }
    flag.then_some(true)
}

pub(crate) fn tags(reader: &mut Reader<'_, '_>, node: &Node) -> Option<TagPatterns> {
    let globs = reader.globs(node, |texts| TagPatterns::new(texts))?;
    let impossible = |text: &str| text.contains(['/', ':', ' ', '@']);
    for (text, span) in reader.texts(node)?.iter().filter(|(text, _)| impossible(text)) {
        let message = format!("no tag fits `{text}`: tags hold letters, digits and `. _ -` only");
        reader.warn(
            "never-fits",
            span,
            message,
            "repositories stand under `repositories`, not in front of the tag",
        );
    }
    Some(globs)
}

fn tags_regex(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Anchored> {
    let texts = match &node.value {
        Value::List(_) => reader.texts(node)?,
        _ => vec![(reader.text(node)?, node.span.clone())],
    };
    let fine = reader.room_for(texts.len(), &node.span);
    let patterns: Vec<Anchored> = texts
        .iter()
        .filter_map(|(text, span)| anchored(reader, text, span))
        .collect();
    let all: Vec<String> = texts.iter().map(|(text, _)| (*text).to_owned()).collect();
    (fine && patterns.len() == texts.len()).then(|| Anchored::new(&all).ok())?
}

fn anchored(reader: &mut Reader<'_, '_>, text: &str, span: &Range<usize>) -> Option<Anchored> {
    let read = Anchored::new(&[text.to_owned()]);
    read.map_err(|(_, problem)| bad_regex(reader, text, &problem, span))
        .ok()
}

fn bad_regex(reader: &mut Reader<'_, '_>, text: &str, problem: &str, span: &Range<usize>) {
    let text = crate::config::quoted(text);
    reader.error(
        "bad-regex",
        span,
        format!("{text} is not a regular expression: {problem}"),
    );
}

fn kinds(reader: &mut Reader<'_, '_>, node: &Node) -> Option<BTreeSet<Kind>> {
    let items = reader.items(node)?;
    let read: Vec<Kind> = items.iter().filter_map(|item| kind(reader, item)).collect();
    (read.len() == items.len()).then(|| read.into_iter().collect())
}

pub(crate) fn kind(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Kind> {
    let word = reader.choice(node, keys::KINDS)?;
    Kind::ALL.into_iter().find(|kind| kind.as_str() == word)
}

fn labels(reader: &mut Reader<'_, '_>, node: &Node) -> Option<BTreeMap<String, LabelPattern>> {
    let entries = texts_by_key(reader, node)?;
    let mut fine = reader.room_for(entries.len(), &node.span);
    let mut labels = BTreeMap::new();
    for (key, text, span) in entries {
        if text.starts_with('!') {
            let hint = "a label cannot be excluded; write `[!]…` if its value begins with `!`";
            reader.error_with("bad-glob", &span, "`!` has no meaning in front of a label's glob", hint);
            fine = false;
            continue;
        }
        match LabelPattern::new(&text) {
            Ok(pattern) => _ = labels.insert(key, pattern),
            Err(problem) => {
                reader.bad_glob(&text, &problem, &span);
                fine = false;
            }
        }
    }
    fine.then_some(labels)
}

/// A mapping of texts with free keys that must hold one.
pub(crate) fn texts_by_key(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Vec<(String, String, Range<usize>)>> {
    let Value::Map(entries) = &node.value else {
        reader.error(
            "wrong-type",
            &node.span,
            format!("expected a mapping of texts, found {}", node.describe()),
        );
        return None;
    };
    if entries.is_empty() {
        reader.error_with(
            "empty-mapping",
            &node.span,
            "an empty mapping",
            "name a label, or leave the key out",
        );
        return None;
    }
    let read: Vec<_> = entries
        .iter()
        .filter_map(|entry| {
            Some((
                entry.key.clone(),
                reader.text(&entry.value)?.to_owned(),
                entry.value.span.clone(),
            ))
        })
        .collect();
    (read.len() == entries.len()).then_some(read)
}

fn group_by(reader: &mut Reader<'_, '_>, node: &Node) -> Option<GroupBy> {
    if !matches!(node.value, Value::Map(_)) {
        return match reader.choice(node, &["repository", "branch"])? {
            "branch" => Some(GroupBy::Branch(BranchPatterns::default())),
            _ => Some(GroupBy::Repository),
        };
    }
    let fields = reader.fields(node, &keys::GROUP)?;
    let regex = optional(fields.get("regex"), |node| group_regex(reader, node));
    let label = optional(fields.get("label"), |node| {
        reader.name(node).map(|name| GroupBy::Label(name.to_owned()))
    });
    let branch = optional(fields.get("branch"), |node| branch_patterns(reader, node));
    let given: Vec<GroupBy> = [regex?, label?, branch?].into_iter().flatten().collect();
    match <[GroupBy; 1]>::try_from(given) {
        Ok([group_by]) => Some(group_by),
        Err(given) => {
            let problem = if given.is_empty() {
                "this names nothing to group by"
            } else {
                "a rule groups by one thing"
            };
            reader.error_with(
                "bad-group-by",
                &node.span,
                problem,
                "write one of `regex`, `label` and `branch`",
            );
            None
        }
    }
}

fn group_regex(reader: &mut Reader<'_, '_>, node: &Node) -> Option<GroupBy> {
    let text = reader.text(node)?;
    if !reader.room_for(1, &node.span) {
        return None;
    }
    match GroupRegex::new(text) {
        Ok(regex) => Some(GroupBy::Regex(regex)),
        Err(InvalidGroupRegex::Regex(problem)) => {
            bad_regex(reader, text, &problem, &node.span);
            None
        }
        Err(error @ InvalidGroupRegex::NoGroup) => {
            reader.error_with(
                "no-group",
                &node.span,
                error,
                "name the part that tells groups apart: `^(?<group>.+)-[0-9]+$`",
            );
            None
        }
    }
}

fn branch_patterns(reader: &mut Reader<'_, '_>, node: &Node) -> Option<GroupBy> {
    let fields = reader.fields(node, &keys::BRANCH)?;
    let suffixes = optional(fields.get("suffixes"), |node| reader.texts(node));
    let trunks = optional(fields.get("trunks"), |node| trunks(reader, node));
    let suffixes = suffixes?;
    let patterns: Option<Vec<String>> = suffixes
        .as_ref()
        .map(|list| list.iter().map(|(text, _)| (*text).to_owned()).collect());
    let mut fine = reader.room_for(patterns.as_ref().map_or(0, Vec::len), &node.span);
    for (text, span) in suffixes.iter().flatten() {
        if let Err((_, problem)) = BranchPatterns::new(Some(&[(*text).to_owned()]), None) {
            bad_regex(reader, text, &problem, span);
            fine = false;
        }
    }
    let trunks = trunks?;
    fine.then(|| BranchPatterns::new(patterns.as_deref(), trunks.as_deref()).ok())?
        .map(GroupBy::Branch)
}

/// Names of branches, as they stand in tags.
fn trunks(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Vec<String>> {
    let items = reader.items(node)?;
    let read: Vec<String> = items
        .iter()
        .filter_map(|item| reader.parsed::<Tag>(item, "bad-tag").map(String::from))
        .collect();
    (read.len() == items.len()).then_some(read)
}

fn order(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Order> {
    Some(match reader.choice(node, &["time", "semver"])? {
        "semver" => Order::Semver,
        _ => Order::Time,
    })
}

fn unless(reader: &mut Reader<'_, '_>, node: &Node) -> Option<NewestPer> {
    let fields = reader.fields(node, &keys::UNLESS)?;
    let node = fields.get("newest-per")?;
    let fields = reader.fields(node, &keys::NEWEST_PER)?;
    if matches!(&node.value, Value::Map(entries) if entries.is_empty()) {
        let hint = "write for example `{ day: 7, week: 4, month: 12 }`";
        reader.error_with(
            "empty-newest-per",
            &node.span,
            "an empty `newest-per` keeps nothing",
            hint,
        );
        return None;
    }
    let mut count = |key| fields.get(key).map_or(Some(0), |node| reader.count(node, 1));
    let (day, week, month, year) = (count("day"), count("week"), count("month"), count("year"));
    Some(NewestPer {
        day: day?,
        week: week?,
        month: month?,
        year: year?,
    })
}
