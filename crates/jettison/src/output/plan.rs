//! Draws a plan for people.

use std::fmt::Write as _;

use anstyle::Style;
use jettison_core::model::Undo;
use jettison_core::plan::{ActionKind, Plan};
use jettison_core::reason::Reason;

use super::console::{Console, style, styled};
use super::gaps::told_once;
use super::summary::{Group, Summary, image_name};
use super::table::{Column, table};
use super::text::{bytes, count, number};
use super::wrap::hanging;

/// Repositories that are listed one by one.
const LISTED: usize = 15;

/// Reasons that are listed one by one.
const REASONS: usize = 12;

/// What becomes of archived images.
const ARCHIVED: &str = "an archived image is paid for at least 90 days; `jettison undo` brings it back, which takes the \
                        registry a while (ECR: up to 20 minutes)";

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
    let mut page = Page {
        text: String::new(),
        width: console.width(),
        line_width: console.line_width(),
    };
    page.head(plan, summary);
    page.repositories(summary);
    page.reasons("Why they go", &summary.going);
    if console.verbose {
        page.actions(plan);
    }
    page.reasons("Why the rest stays", &summary.staying);
    page.reasons("What should go and cannot", &summary.blocking);
    page.afterwards(plan, summary, remarks);
    page.text
}

/// A text that grows, and how wide it may be.
struct Page {
    text: String,
    /// For what is laid out in columns.
    width: usize,
    /// Where lines break.
    line_width: usize,
}

impl Page {
    fn head(&mut self, plan: &Plan, summary: &Summary) {
        let short: String = plan.id.chars().take(12).collect();
        let lead = format!("{} {short}: ", styled(style::HEADING, "Plan"));
        if summary.repositories.is_empty() {
            let nothing = if plan.gaps.is_empty() {
                "no repository fits"
            } else {
                "nothing could be read"
            };
            return self.line(&lead, nothing);
        }
        let place = count(summary.repositories.len() as u64, "repository");
        self.line(&lead, &format!("{} in {place}", contents(summary)));
        self.blank();
        let go = styled(style::GOES, format!("{:>10} go", number(summary.go)));
        self.line(&format!("{go}      "), &format!("and free {}", bytes(summary.bytes)));
        if summary.refused > 0 {
            let lead = format!("{:>10} ", number(summary.refused));
            let refused = "of these steps are refused by the fuse, until somebody accepts the share";
            self.line(&lead, refused);
        }
        if summary.archived > 0 {
            let lead = format!("{:>10} ", number(summary.archived));
            let moved = bytes(summary.archived_bytes);
            self.line(
                &lead,
                &format!("are archived, and cannot be pulled any more: {moved} move to the archive"),
            );
        }
        if summary.untagged > 0 {
            self.line(&format!("{:>10} ", number(summary.untagged)), "lose tags and stay");
        }
        let stay = styled(style::STAYS, format!("{:>10} stay", number(summary.stay)));
        match summary.blocked {
            0 => self.line(&stay, ""),
            blocked => self.line(
                &format!("{stay}    "),
                &format!("of these, {} should go and cannot", number(blocked)),
            ),
        }
        if plan.limits.waiting > 0 {
            let lead = format!("{:>10} ", number(plan.limits.waiting));
            self.line(&lead, "of these wait for a later run (max-deletions)");
        }
    }

    /// Our own words, with text from anywhere behind them.
    fn line(&mut self, lead: &str, text: &str) {
        let _ = writeln!(self.text, "{}", hanging(lead, text, self.line_width));
    }

    fn blank(&mut self) {
        self.text.push('\n');
    }

    fn repositories(&mut self, summary: &Summary) {
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
                number(repository.images - repository.go - repository.archived),
                bytes(repository.bytes),
            ]
        });
        let drawn = table(&columns, rows.collect(), self.line_width);
        let _ = writeln!(self.text, "\n{drawn}");
        if repositories.len() > LISTED {
            let _ = writeln!(
                self.text,
                "   and {} more",
                count((repositories.len() - LISTED) as u64, "repository")
            );
        }
    }

    fn reasons(&mut self, heading: &str, groups: &[Group]) {
        if groups.is_empty() {
            return;
        }
        self.blank();
        self.line(&styled(style::HEADING, heading), "");
        for group in groups.iter().take(REASONS) {
            self.reason(group);
        }
        let rest: u64 = groups.iter().skip(REASONS).map(|group| group.count).sum();
        if rest > 0 {
            let reasons = count((groups.len() - REASONS) as u64, "reason");
            self.line(&format!("{:>10}  ", number(rest)), &format!("for {} more", reasons));
        }
    }

    fn reason(&mut self, group: &Group) {
        let size = group
            .bytes
            .filter(|size| *size > 0)
            .map(|size| format!(" ({})", bytes(size)))
            .unwrap_or_default();
        let lead = format!("{:>10}  ", number(group.count));
        let text = format!("{}{size}", group.reason);
        let fits = lead.len() + text.chars().count() + group.example.chars().count() + 7 <= self.width;
        let example = styled(style::FAINT, format!("  e.g. {}", group.example));
        let line = hanging(&lead, &text, self.line_width);
        let _ = writeln!(self.text, "{line}{}", if fits { &*example } else { "" });
    }

    fn actions(&mut self, plan: &Plan) {
        self.blank();
        self.line(&styled(style::HEADING, "In this order"), "");
        for action in &plan.actions {
            let word = match (action.action, &action.reason) {
                (ActionKind::Untag, _) => "untag ",
                (_, Reason::Follows { .. }) => "  with",
                (ActionKind::Delete, _) => "delete",
                (ActionKind::Archive, _) => "archive",
            };
            let tags: Vec<String> = action.tags.iter().map(ToString::to_string).collect();
            let name = image_name(&action.repository, None, &action.digest);
            let refused = if action.refused { "  (refused by the fuse)" } else { "" };
            let image = format!("{}/{name}  {}{refused}", action.registry, tags.join(" "));
            self.line(&format!("  {word}  "), &image);
        }
    }

    fn afterwards(&mut self, plan: &Plan, summary: &Summary, remarks: &Remarks) {
        self.blank();
        for refused in &plan.limits.refused {
            let share = percent(refused.share);
            let text = format!(
                "{}/{} would lose {share} of its roots of kind {}: refused, until somebody accepts it with --accept-share {share}",
                refused.registry, refused.repository, refused.kind
            );
            self.remark(style::NOTE, "fuse:", &text);
        }
        for violation in &plan.violations {
            self.remark(style::GOES, "violation:", &violation.to_string());
        }
        if summary.go > 0 {
            for line in &remarks.freed {
                self.remark(style::HEADING, "freed:", line);
            }
            self.remark(style::HEADING, "undo:", undo(plan));
            for line in &remarks.unknown {
                self.remark(style::HEADING, "not known:", line);
            }
        }
        if summary.archived > 0 {
            self.remark(style::HEADING, "archived:", ARCHIVED);
        }
        for gap in &told_once(&plan.gaps) {
            self.remark(style::NOTE, "gap:", gap);
        }
        for note in plan.warnings.iter().chain(&remarks.notes) {
            self.remark(style::NOTE, "note:", note);
        }
    }

    fn remark(&mut self, style: Style, label: &str, text: &str) {
        self.line(&format!("{} ", styled(style, label)), text);
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

fn undo(plan: &Plan) -> &'static str {
    match plan
        .actions
        .iter()
        .filter(|action| action.action != ActionKind::Archive)
        .map(|action| action.undo)
        .max_by_key(|undo| *undo as u8)
    {
        Some(Undo::None) => "some of it cannot be taken back on that registry",
        Some(Undo::Native) => "by the registry's own means",
        _ => {
            "`jettison undo` puts everything back from the journal, until the registry's garbage collection removes the \
             blobs"
        }
    }
}

/// A ratio as people accept it: `97%`, `97.5%`; never less than it is.
pub fn percent(ratio: f64) -> String {
    let hundredths = (ratio * 10_000.0 - 1e-6).ceil() / 100.0;
    format!("{hundredths}%")
}
