//! Draws a plan for people.

use std::fmt::Write as _;

use jettison_core::model::Undo;
use jettison_core::plan::{ActionKind, Plan};
use jettison_core::reason::Reason;

use super::console::{Console, style, styled};
use super::summary::{Group, Summary, image_name};
use super::table::{Column, table};
use super::text::{bytes, count, number};

/// Repositories that are listed one by one.
const LISTED: usize = 15;

/// Reasons that are listed one by one.
const REASONS: usize = 12;

/// What is said of a plan beyond the plan itself.
#[derive(Debug, Clone, Default)]
pub struct Remarks {
    /// When the bytes are really freed, by registry.
    pub freed: Vec<String>,
    /// What the figures do not know.
    pub unknown: Vec<String>,
    /// What else a reader should know before acting.
    pub notes: Vec<String>,
}

/// The whole plan, as text.
pub fn draw(plan: &Plan, summary: &Summary, remarks: &Remarks, console: &Console) -> String {
    let width = console.width();
    let mut text = String::new();
    head(&mut text, plan, summary);
    repositories(&mut text, summary, width);
    reasons(&mut text, "Why they go", &summary.going, width);
    if console.verbose {
        actions(&mut text, plan);
    }
    reasons(&mut text, "Why the rest stays", &summary.staying, width);
    reasons(&mut text, "What should go and cannot", &summary.blocking, width);
    afterwards(&mut text, plan, summary, remarks);
    text
}

fn head(text: &mut String, plan: &Plan, summary: &Summary) {
    let short: String = plan.id.chars().take(12).collect();
    let place = count(summary.repositories.len() as u64, "repository");
    let _ = writeln!(
        text,
        "{} {short}: {} in {place}",
        styled(style::HEADING, "Plan"),
        contents(summary)
    );
    let _ = writeln!(text);
    let go = styled(style::GOES, format!("{:>10} go", number(summary.go)));
    let _ = writeln!(text, "{go}      and free {}", bytes(summary.bytes));
    if summary.refused > 0 {
        let refused = styled(style::NOTE, "refused by the fuse");
        let _ = writeln!(
            text,
            "{:>10} of these steps are {refused}, until somebody accepts the share",
            number(summary.refused)
        );
    }
    if summary.untagged > 0 {
        let _ = writeln!(text, "{:>10} lose tags and stay", number(summary.untagged));
    }
    let stay = styled(style::STAYS, format!("{:>10} stay", number(summary.stay)));
    let blocked = if summary.blocked > 0 {
        format!("    of these, {} should go and cannot", number(summary.blocked))
    } else {
        String::new()
    };
    let _ = writeln!(text, "{stay}{blocked}");
    if plan.limits.waiting > 0 {
        let _ = writeln!(
            text,
            "{:>10} of these wait for a later run (max-deletions)",
            number(plan.limits.waiting)
        );
    }
}

/// `300 images, 12 build caches`.
fn contents(summary: &Summary) -> String {
    let kinds = summary
        .kinds
        .iter()
        .map(|(kind, number_of)| count(*number_of, kind.as_str().replace('-', " ").as_str()));
    let kinds: Vec<String> = kinds.collect();
    if kinds.is_empty() {
        "nothing".to_owned()
    } else {
        kinds.join(", ")
    }
}

fn repositories(text: &mut String, summary: &Summary, width: usize) {
    let mut repositories: Vec<_> = summary.repositories.iter().collect();
    if repositories.len() < 2 {
        return;
    }
    repositories.sort_by(|left, right| {
        right
            .bytes
            .cmp(&left.bytes)
            .then(right.go.cmp(&left.go))
            .then(left.name.cmp(&right.name))
    });
    let columns = [
        Column::Text("REPOSITORY"),
        Column::Figure("IMAGES"),
        Column::Figure("GO"),
        Column::Figure("STAY"),
        Column::Figure("FREES"),
    ];
    let rows = repositories.iter().take(LISTED).map(|repository| {
        let name = if repository.refused {
            format!("{} (fuse)", repository.name)
        } else {
            repository.name.clone()
        };
        vec![
            name,
            number(repository.images),
            number(repository.go),
            number(repository.images - repository.go),
            bytes(repository.bytes),
        ]
    });
    let _ = writeln!(text, "\n{}", table(&columns, rows.collect(), width));
    if repositories.len() > LISTED {
        let _ = writeln!(
            text,
            "   and {} more",
            count((repositories.len() - LISTED) as u64, "repository")
        );
    }
}

fn reasons(text: &mut String, heading: &str, groups: &[Group], width: usize) {
    if groups.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", styled(style::HEADING, heading));
    for group in groups.iter().take(REASONS) {
        let size = group
            .bytes
            .filter(|size| *size > 0)
            .map(|size| format!(" ({})", bytes(size)))
            .unwrap_or_default();
        let line = format!("{:>10}  {}{size}", number(group.count), group.reason);
        let example = styled(style::FAINT, format!("  e.g. {}", group.example));
        let fits = line.chars().count() + group.example.chars().count() + 7 <= width;
        let _ = writeln!(text, "{line}{}", if fits { example } else { String::new() });
    }
    let rest: u64 = groups.iter().skip(REASONS).map(|group| group.count).sum();
    if rest > 0 {
        let _ = writeln!(
            text,
            "{:>10}  for {} more",
            number(rest),
            count((groups.len() - REASONS) as u64, "reason")
        );
    }
}

fn actions(text: &mut String, plan: &Plan) {
    let _ = writeln!(text, "\n{}", styled(style::HEADING, "In this order"));
    for action in &plan.actions {
        let word = match (action.action, &action.reason) {
            (ActionKind::Untag, _) => "untag ",
            (ActionKind::Delete, Reason::Follows { .. }) => "  with",
            (ActionKind::Delete, _) => "delete",
        };
        let tags: Vec<String> = action.tags.iter().map(ToString::to_string).collect();
        let name = image_name(&action.repository, None, &action.digest);
        let refused = if action.refused { "  (refused by the fuse)" } else { "" };
        let _ = writeln!(
            text,
            "  {word}  {}/{name}  {}{refused}",
            action.registry,
            tags.join(" ")
        );
    }
}

fn afterwards(text: &mut String, plan: &Plan, summary: &Summary, remarks: &Remarks) {
    let _ = writeln!(text);
    for refused in &plan.limits.refused {
        let share = percent(refused.share);
        let _ = writeln!(
            text,
            "{} {}/{} would lose {share} of its roots of kind {}: refused, until somebody accepts it with --accept-share {share}",
            styled(style::NOTE, "fuse:"),
            refused.registry,
            refused.repository,
            refused.kind
        );
    }
    for violation in &plan.violations {
        let _ = writeln!(text, "{} {violation}", styled(style::GOES, "violation:"));
    }
    if summary.go > 0 {
        for line in &remarks.freed {
            let _ = writeln!(text, "{} {line}", styled(style::HEADING, "freed:"));
        }
        let _ = writeln!(text, "{} {}", styled(style::HEADING, "undo:"), undo(plan));
        for line in &remarks.unknown {
            let _ = writeln!(text, "{} {line}", styled(style::HEADING, "not known:"));
        }
    }
    for gap in &plan.gaps {
        let _ = writeln!(text, "{} {gap}", styled(style::NOTE, "gap:"));
    }
    for note in plan.warnings.iter().chain(&remarks.notes) {
        let _ = writeln!(text, "{} {note}", styled(style::NOTE, "note:"));
    }
}

fn undo(plan: &Plan) -> &'static str {
    match plan
        .actions
        .iter()
        .map(|action| action.undo)
        .max_by_key(|undo| *undo as u8)
    {
        Some(Undo::None) => "some of it cannot be taken back on that registry",
        Some(Undo::Native) => "by the registry's own means",
        _ => {
            "the journal keeps every deleted manifest, so that it can be put back until the registry's garbage collection \
             removes the blobs (the command for it is not in this version)"
        }
    }
}

/// A ratio as people accept it: `97%`, `97.5%`; never less than it is.
pub fn percent(ratio: f64) -> String {
    let hundredths = (ratio * 10_000.0 - 1e-6).ceil() / 100.0;
    format!("{hundredths}%")
}
