//! What is to be written, what was, and what came back: for people.

use std::collections::BTreeMap;

use serde_json::Value;

use super::difference::{Difference, ImageChange, RuleChanges};
use super::planned::{Decision, Planned};
use super::undo::{Back, List, UndoReport};
use super::write::{Outcome, Report};
use crate::output::text::{count, moment, number};
use crate::output::{Column, Console, hanging, image_name, style, styled, table};

/// Repositories or images that are told one by one.
const TOLD: usize = 20;

/// Images of one repository that are told one by one.
const TOLD_IMAGES: usize = 5;

/// What is to be written.
pub(super) fn planned(planned: &[Planned<'_>], console: &Console) -> String {
    let width = console.line_width();
    let mut blocks: Vec<String> = rules(planned, width);
    let differing: Vec<(&Planned<'_>, &Difference)> = planned
        .iter()
        .filter_map(|planned| Some((planned, planned.difference.as_ref()?)))
        .collect();
    if !differing.is_empty() {
        blocks.push(totals(&differing, console));
    }
    let images = images(&differing, console);
    if !images.is_empty() {
        blocks.push(images.join("\n"));
    }
    let mut lines = Vec::new();
    for one in planned {
        let place = place(one);
        let remark = |style, label: &str, why: &str| {
            hanging(&format!("{} ", styled(style, label)), &format!("{place}: {why}"), width)
        };
        match &one.decision {
            Decision::Refused(why) => lines.push(remark(style::STAYS, "refused:", why)),
            Decision::Failed(why) => lines.push(remark(style::GOES, "failed:", why)),
            Decision::Write | Decision::Unchanged => {}
        }
        if let Some(note) = &one.note {
            lines.push(remark(style::NOTE, "note:", note));
        }
    }
    let refused = planned.iter().any(|one| matches!(one.decision, Decision::Refused(_)));
    cut(&mut lines, console);
    if refused {
        lines.push(hanging(
            "",
            "--despite-use writes it all the same; what AWS takes then, no undo brings back.",
            width,
        ));
    }
    if !lines.is_empty() {
        blocks.push(lines.join("\n"));
    }
    let unchanged = planned.iter().filter(|one| one.decision == Decision::Unchanged).count() as u64;
    if unchanged > 0 {
        blocks.push(format!("{} already so", has(unchanged)));
    }
    blocks.join("\n\n")
}

/// `2 repositories are`.
fn has(repositories: u64) -> String {
    let verb = if repositories == 1 { "is" } else { "are" };
    format!("{} {verb}", count(repositories, "repository"))
}

fn place(planned: &Planned<'_>) -> String {
    format!("{}/{}", planned.repository.registry, planned.repository.name)
}

/// The rules that change; repositories with the same changes together.
fn rules(planned: &[Planned<'_>], width: usize) -> Vec<String> {
    let mut equal: BTreeMap<String, Vec<&Planned<'_>>> = BTreeMap::new();
    for one in planned {
        if let Some(difference) = &one.difference {
            let text = rule_lines(&difference.rules, width).join("\n");
            equal.entry(text).or_default().push(one);
        }
    }
    let blocks = equal.into_iter().map(|(text, of)| {
        let whose = match of.as_slice() {
            [one] => place(one),
            several => format!(
                "{} such as {}",
                count(several.len() as u64, "repository"),
                place(several[0])
            ),
        };
        let heading = hanging(&format!("{} ", styled(style::HEADING, "Rules of")), &whose, width);
        format!("{heading}\n{text}")
    });
    blocks.collect()
}

fn rule_lines(rules: &RuleChanges, width: usize) -> Vec<String> {
    let line = |sign: &str, rule: &Value| hanging(&format!("  {sign} "), &told(rule), width);
    let mut lines: Vec<(u64, usize, String)> = Vec::new();
    let priority = |rule: &Value| rule["rulePriority"].as_u64().unwrap_or_default();
    let mut push = |order, sign, rule: &Value| lines.push((priority(rule), order, line(sign, rule)));
    rules.removed.iter().for_each(|rule| push(0, "-", rule));
    rules.added.iter().for_each(|rule| push(1, "+", rule));
    for changed in &rules.changed {
        push(0, "-", &changed.before);
        push(1, "+", &changed.after);
    }
    lines.sort();
    lines.into_iter().map(|(_, _, line)| line).collect()
}

/// `2: tagged [v*] imageCountMoreThan 9: expire ("keep nine")`.
fn told(rule: &Value) -> String {
    let selection = &rule["selection"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let lists = ["tagPatternList", "tagPrefixList"].map(|list| {
        let entries = selection[list].as_array()?;
        let entries: Vec<String> = entries.iter().map(text).collect();
        let kind = if list == "tagPrefixList" { "prefixes " } else { "" };
        Some(format!(" [{kind}{}]", entries.join(", ")))
    });
    let lists: String = lists.into_iter().flatten().collect();
    let class = selection["storageClass"]
        .as_str()
        .map(|class| format!(" in {class}"))
        .unwrap_or_default();
    let days = if selection["countUnit"].is_string() {
        " days"
    } else {
        ""
    };
    let action = deed(rule["action"]["type"].as_str().unwrap_or_default());
    let said = rule["description"]
        .as_str()
        .map(|said| format!(" (\"{said}\")"))
        .unwrap_or_default();
    format!(
        "{}: {}{lists}{class} {} {}{days}: {action}{said}",
        rule["rulePriority"],
        text(&selection["tagStatus"]),
        text(&selection["countType"]),
        selection["countNumber"],
    )
}

/// An action of AWS's in plain words.
pub(super) fn deed(action: &str) -> &str {
    match action {
        "transition" => "archive",
        other => other,
    }
}

/// How many images AWS would take now, before and after.
fn totals(differing: &[(&Planned<'_>, &Difference)], console: &Console) -> String {
    let columns = [
        Column::Text("REPOSITORY"),
        Column::Figure("EXPIRES"),
        Column::Figure("ARCHIVES"),
        Column::Figure("IN USE"),
    ];
    let mut rows: Vec<_> = differing.iter().collect();
    // What weighs most comes first.
    rows.sort_by_key(|(planned, difference)| {
        let weight = (difference.in_use.len(), difference.images.len());
        (
            std::cmp::Reverse(weight),
            &planned.repository.registry,
            &planned.repository.name,
        )
    });
    let shown = if console.verbose { usize::MAX } else { TOLD };
    let change = |before: u64, after: u64| format!("{} → {}", number(before), number(after));
    let cells = rows.iter().take(shown).map(|(planned, difference)| {
        let (before, after) = (difference.before, difference.after);
        vec![
            planned.repository.name.to_string(),
            change(before.expire, after.expire),
            change(before.transition, after.transition),
            number(difference.in_use.len() as u64),
        ]
    });
    let mut text = table(&columns, cells.collect(), console.line_width());
    if rows.len() > shown {
        text.push_str(&format!("\nand {} more: --verbose", rows.len() - shown));
    }
    text
}

/// The images with which something else would be done.
fn images(differing: &[(&Planned<'_>, &Difference)], console: &Console) -> Vec<String> {
    let shown = if console.verbose { usize::MAX } else { TOLD_IMAGES };
    let mut lines = Vec::new();
    for (planned, difference) in differing {
        let name =
            |image: &ImageChange| image_name(&planned.repository.name, image.tags.first().cloned(), &image.digest);
        let told = difference.images.iter().take(shown);
        lines.extend(told.map(|image| format!("  {} → {}  {}", deed(image.before), deed(image.after), name(image))));
        if difference.images.len() > shown {
            let more = difference.images.len() - shown;
            lines.push(format!("  and {more} more of {}: --verbose", planned.repository.name));
        }
    }
    cut(&mut lines, console);
    lines
}

fn cut(lines: &mut Vec<String>, console: &Console) {
    let untold = lines.len().saturating_sub(TOLD);
    if !console.verbose && untold > 0 {
        lines.truncate(TOLD);
        lines.push(format!("and {untold} more lines: --verbose"));
    }
}

/// What was written.
pub(super) fn written(report: &Report, console: &Console) -> String {
    let width = console.line_width();
    let mut lines = Vec::new();
    let untold = [Outcome::Written, Outcome::Unchanged, Outcome::Refused];
    for one in report.repositories.iter().filter(|one| !untold.contains(&one.outcome)) {
        let label = if one.outcome == Outcome::Unknown {
            "not known:"
        } else {
            "failed:"
        };
        let why = one.why.as_deref().unwrap_or_default();
        let text = format!("{}/{}: {why}", one.registry, one.repository);
        lines.push(hanging(&format!("{} ", styled(style::GOES, label)), &text, width));
    }
    cut(&mut lines, console);
    let told = [
        (Outcome::Written, "written"),
        (Outcome::Unchanged, "unchanged"),
        (Outcome::Refused, "refused"),
        (Outcome::Failed, "failed"),
        (Outcome::Unknown, "not known"),
    ];
    let told = told.map(|(outcome, word)| (report.count(outcome), word));
    let told = told.into_iter().filter(|(count, _)| *count > 0);
    let told: Vec<String> = told.map(|(count, word)| format!("{} {word}", number(count))).collect();
    lines.push(format!("{} {}", styled(style::HEADING, "Policies:"), told.join(", ")));
    lines.extend(
        report
            .run
            .as_ref()
            .map(|run| format!("Take it back: jettison ecr apply-policy --undo {run}")),
    );
    lines.join("\n")
}

/// What came back.
pub(super) fn undone(report: &UndoReport, console: &Console) -> String {
    let width = console.line_width();
    let mut lines = Vec::new();
    for one in &report.repositories {
        let (style, label) = match one.outcome {
            Back::Restored => (style::STAYS, "back:"),
            Back::AlreadyThere => (style::FAINT, "as it was:"),
            Back::Left => (style::NOTE, "left:"),
            Back::Failed => (style::GOES, "failed:"),
        };
        let why = one.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        let text = format!("{}/{}{why}", one.registry, one.repository);
        lines.push((
            one.outcome,
            hanging(&format!("{} ", styled(style, label)), &text, width),
        ));
    }
    // What is not back comes first.
    lines.sort_by_key(|(outcome, _)| matches!(outcome, Back::Restored | Back::AlreadyThere));
    let mut lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
    cut(&mut lines, console);
    lines.push(format!(
        "{} {} back, {} as it was, {} left, {} failed",
        styled(style::HEADING, format!("Before {}:", report.run)),
        report.count(Back::Restored),
        report.count(Back::AlreadyThere),
        report.count(Back::Left),
        report.count(Back::Failed)
    ));
    lines.join("\n")
}

/// The calls that can be taken back.
pub(super) fn listed(list: &List, console: &Console) -> String {
    if list.runs.is_empty() {
        return "no lifecycle policy was written".to_owned();
    }
    let columns = [
        Column::Whole("ID"),
        Column::Text("WHEN"),
        Column::Figure("WRITTEN"),
        Column::Figure("UNKNOWN"),
        Column::Figure("UNDONE"),
    ];
    let rows = list.runs.iter().map(|run| {
        vec![
            run.id.clone(),
            moment(run.at),
            format!("{} of {}", number(run.written), number(run.repositories)),
            number(run.unknown),
            number(run.undone),
        ]
    });
    table(&columns, rows.collect(), console.line_width())
}
