//! From the tree of a file to policies.

mod group;
mod matching;

use std::collections::BTreeMap;
use std::ops::Range;

pub(crate) use matching::{kind, only_true, tags, texts_by_key};

use super::{
    ByteSize, Conditions, GroupBy, Match, Order, Period, Policy, RankAmong, Rule, RuleAction, Rules, Since, Verb,
};
use crate::config::keys::{self, Language, Object};
use crate::config::reader::{Fields, Reader};
use crate::config::tree::{Node, Scalar, Value};
use crate::lifecycle::{LifecycleMistakes, LifecyclePolicy};
use crate::model::legible;
use group::{group_by, order, unless};
use matching::matches;

/// Reads the list behind `policies`, written in that language.
pub(crate) fn policies(reader: &mut Reader<'_, '_>, node: &Node, language: &'static Language) -> Option<Vec<Policy>> {
    let items = reader.list(node)?;
    if items.is_empty() {
        reader.warn(
            "no-policies",
            &node.span,
            "without a policy everything stays",
            format!("leave out `policies` for {}", language.built_in),
        );
    }
    let mut names = BTreeMap::new();
    let mut policies: Vec<(Policy, Range<usize>)> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let Some((policy, place)) = policy(reader, (item, index), &mut names, language) else {
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
    (node, index): (&Node, usize),
    names: &mut BTreeMap<String, u32>,
    language: &'static Language,
) -> Option<(Policy, Range<usize>)> {
    let fields = reader.fields(node, language.policy)?;
    let name = name(reader, &fields, ("policy", index), names);
    let repositories = reader.names(fields.get("repositories"));
    let registries = reader.hosts(fields.get("registries"));
    let untag = fields.get("untag").map_or(Some(false), |node| reader.flag(node));
    let archive_anyway = fields
        .get("archive-anyway")
        .map_or(Some(false), |node| reader.flag(node));
    let rules = judge(reader, &fields, language);
    if untag == Some(true) && rules.as_ref().is_some_and(looks_at_all_tags) {
        // The image would be another one after its first tag is gone, and the next run would judge that.
        reader.error_with(
            "image-tags-with-untag",
            &fields.key_span("untag"),
            "`untag` takes single tags off images, and `image-tags` judges an image by all of its tags",
            "leave out `untag`, or write `tags`; or make it two policies",
        );
        return None;
    }
    let (name, place) = name?;
    let line = reader.line(&fields.span);
    let policy = Policy {
        name,
        repositories: repositories?,
        registries: registries?,
        untag: untag?,
        archive_anyway: archive_anyway?,
        rules: rules?,
        line,
    };
    if policy.archive_anyway && !policy.archives() {
        reader.warn(
            "unused-key",
            &fields.key_span("archive-anyway"),
            "`archive-anyway` has no effect in this policy: none of its rules archives",
            "it belongs to rules with `action: archive`",
        );
    }
    Some((policy, place))
}

fn looks_at_all_tags(rules: &Rules) -> bool {
    rules.own().iter().any(|rule| rule.matches.image_tags.is_some())
}

/// The rules, or the lifecycle policy that stands in their place.
fn judge(reader: &mut Reader<'_, '_>, fields: &Fields<'_>, language: &'static Language) -> Option<Rules> {
    let (own, ecr) = (fields.get("rules"), fields.get("ecr-policy"));
    let ecr_policy = ecr.map(|node| lifecycle(reader, node));
    let own_rules = own.map(|node| rules(reader, node, language));
    match (own_rules, ecr_policy) {
        (Some(rules), None) => rules.map(Rules::Own),
        (None, Some(policy)) => policy.map(Rules::Ecr),
        (Some(_), Some(_)) => {
            reader.error_with(
                "rules-twice",
                &fields.key_span("ecr-policy"),
                "a policy has either `rules` or an `ecr-policy`",
                "leave out one of them, or make it two policies",
            );
            None
        }
        // Noted already.
        (None, None) if language.policy.keys.iter().any(|key| key.required) => None,
        (None, None) => {
            reader.error_with(
                "missing-key",
                &fields.span,
                "the policy has no `rules`",
                "add `rules`, or name a lifecycle policy of Amazon ECR with `ecr-policy`",
            );
            None
        }
    }
}

/// Reads the lifecycle policy of a file; all that AWS would refuse in it is noted where the file is named.
fn lifecycle(reader: &mut Reader<'_, '_>, node: &Node) -> Option<LifecyclePolicy> {
    let text = reader.beside(node)?;
    match LifecyclePolicy::parse(&text) {
        Ok(policy) => Some(policy),
        Err(LifecycleMistakes(mistakes)) => {
            let name = node.scalar().map_or("", |(_, name)| name).to_owned();
            for mistake in mistakes {
                let message = format!("{}: AWS would refuse it: {mistake}", legible(&name));
                reader.error("ecr-policy", &node.span, message);
            }
            None
        }
    }
}

fn rules(reader: &mut Reader<'_, '_>, node: &Node, language: &'static Language) -> Option<Vec<Rule>> {
    let items = reader.items(node)?;
    let mut names = BTreeMap::new();
    let mut rules: Vec<Rule> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let Some((rule, place)) = rule(reader, (item, index), &mut names, language) else {
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
    (node, index): (&Node, usize),
    names: &mut BTreeMap<String, u32>,
    language: &'static Language,
) -> Option<(Rule, Range<usize>)> {
    let fields = reader.fields(node, language.rule)?;
    let name = name(reader, &fields, ("rule", index), names);
    let matches = fields
        .get("match")
        .map_or_else(|| Some(Match::default()), |node| matches(reader, node, language));
    let verb = verb(reader, &fields, language.conditions);
    let action = fields
        .get("action")
        .map_or(Some(RuleAction::default()), |node| action(reader, node));
    let since = fields
        .get("since")
        .map_or(Some(Since::default()), |node| since(reader, node));
    let rank_among = fields
        .get("rank-among")
        .map_or(Some(RankAmong::default()), |node| rank_among(reader, node));
    let group_by = fields
        .get("group-by")
        .map_or(Some(GroupBy::Repository), |node| group_by(reader, node));
    let order = fields
        .get("order")
        .map_or(Some(Order::Time), |node| order(reader, node));
    let unless = fields.get("unless").map(|node| unless(reader, node));
    for (key, code, says) in [
        ("unless", "unless-without-expire", "what `expire` spares"),
        ("action", "action-without-expire", "what is done with what expires"),
    ] {
        if fields.get(key).is_some() && fields.get("expire").is_none() {
            let message = format!("`{key}` says {says}, but there is no `expire`");
            reader.error_with(code, &fields.key_span(key), message, format!("leave `{key}` out"));
        }
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
        action: action?,
        since: since?,
        group_by: group_by?,
        rank_among: rank_among?,
        order: order?,
        unless,
        line,
    };
    check_ranking(reader, &fields, &rule);
    Some((rule, place))
}

/// Warns of a ranking that ranks nothing, and of a moment that nothing counts from.
fn check_ranking(reader: &mut Reader<'_, '_>, fields: &Fields<'_>, rule: &Rule) {
    let ranks = rule.ranks();
    if fields.get("since").is_some() && !(ranks || rule.asks_for_time()) {
        reader.warn(
            "unused-key",
            &fields.key_span("since"),
            "`since` has no effect in this rule: it asks for no age and ranks nothing",
            "it belongs to `older-than`, `not-pulled-for`, `beyond-newest` and `newest-per`",
        );
    }
    if ranks && rule.matches.archived == Some(true) {
        // What one run archives would push others out of the ranking, and the next run would delete those.
        reader.error_with(
            "ranked-archive",
            &fields.span,
            "a rule on archived images cannot rank them: each image that is archived would push another one out",
            "use `archived-for` or `older-than`, or leave `archived` out",
        );
    }
    for key in ["group-by", "order", "rank-among"]
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

fn since(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Since> {
    Some(match reader.choice(node, keys::SINCE)? {
        "push" => Since::Push,
        _ => Since::Latest,
    })
}

fn rank_among(reader: &mut Reader<'_, '_>, node: &Node) -> Option<RankAmong> {
    Some(match reader.choice(node, keys::RANK_AMONG)? {
        "fitting" => RankAmong::Fitting,
        _ => RankAmong::Governed,
    })
}

fn action(reader: &mut Reader<'_, '_>, node: &Node) -> Option<RuleAction> {
    Some(match reader.choice(node, keys::ACTIONS)? {
        "archive" => RuleAction::Archive,
        _ => RuleAction::Delete,
    })
}

fn verb(reader: &mut Reader<'_, '_>, fields: &Fields<'_>, known: &'static Object) -> Option<Verb> {
    match (fields.get("keep"), fields.get("expire")) {
        (Some(keep), None) => reader.choice(keep, &["always"]).map(|_| Verb::KeepAlways),
        (None, Some(node)) => expire(reader, node, known).map(Verb::Expire),
        (Some(keep), Some(node)) => {
            reader.error_with(
                "verb-twice",
                &fields.key_span("keep"),
                "a rule either keeps or expires",
                "leave out `keep` or `expire`",
            );
            reader.choice(keep, &["always"]);
            expire(reader, node, known);
            None
        }
        (None, None) => {
            let example = known.keys.first().map_or("", |key| key.name);
            let hint = format!("write `keep: always`, or for example `expire: {{ {example}: 30d }}`");
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

fn expire(reader: &mut Reader<'_, '_>, node: &Node, known: &'static Object) -> Option<Vec<Conditions>> {
    match &node.value {
        Value::List(items) if items.is_empty() => {
            empty_expire(reader, node);
            None
        }
        Value::List(items) => {
            let read: Vec<Conditions> = items
                .iter()
                .filter_map(|item| conditions(reader, item, known))
                .collect();
            (read.len() == items.len()).then_some(read)
        }
        _ => conditions(reader, node, known).map(|conditions| vec![conditions]),
    }
}

fn empty_expire(reader: &mut Reader<'_, '_>, node: &Node) {
    let hint = "name a condition; `beyond-newest: 0` would fit all";
    reader.error_with("empty-expire", &node.span, "an empty `expire` names no condition", hint);
}

fn conditions(reader: &mut Reader<'_, '_>, node: &Node, known: &'static Object) -> Option<Conditions> {
    if let Some((Scalar::Nothing, _)) = node.scalar() {
        empty_expire(reader, node);
        return None;
    }
    let fields = reader.fields(node, known)?;
    if matches!(&node.value, Value::Map(entries) if entries.is_empty()) {
        empty_expire(reader, node);
        return None;
    }
    let archived_for = optional(fields.get("archived-for"), |node| period(reader, node));
    let older_than = optional(fields.get("older-than"), |node| period(reader, node));
    let unused_for = optional(fields.get("unused-for"), |node| period(reader, node));
    let not_pulled_for = optional(fields.get("not-pulled-for"), |node| period(reader, node));
    let beyond_newest = optional(fields.get("beyond-newest"), |node| reader.count(node, 0));
    let larger_than = optional(fields.get("larger-than"), |node| size(reader, node));
    Some(Conditions {
        archived_for: archived_for?,
        older_than: older_than?,
        unused_for: unused_for?,
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

fn bad_regex(reader: &mut Reader<'_, '_>, text: &str, problem: &str, span: &Range<usize>) {
    let text = crate::config::quoted(text);
    reader.error(
        "bad-regex",
        span,
        format!("{text} is not a regular expression: {problem}"),
    );
}
