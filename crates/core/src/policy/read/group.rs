//! What rules rank by: `group-by`, `order` and `unless`.

use super::{bad_regex, optional};
use crate::config::keys;
use crate::config::reader::Reader;
use crate::config::tree::{Node, Value};
use crate::model::Tag;
use crate::policy::{BranchPatterns, GroupBy, GroupRegex, InvalidGroupRegex, NewestPer, Order};

pub(super) fn group_by(reader: &mut Reader<'_, '_>, node: &Node) -> Option<GroupBy> {
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

pub(super) fn order(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Order> {
    Some(match reader.choice(node, &["time", "semver"])? {
        "semver" => Order::Semver,
        _ => Order::Time,
    })
}

pub(super) fn unless(reader: &mut Reader<'_, '_>, node: &Node) -> Option<NewestPer> {
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
