//! What a plan says of an image, in plain words.

use std::collections::BTreeMap;

use jettison_core::model::{Digest, ImageReference, Tag};
use jettison_core::plan::{Action, ActionKind, Kept, Plan};
use jettison_core::reason::{Hold, Reason, Relation, Ruling};
use serde_json::json;

use crate::output::text::{ago, bytes, moment, plain};
use crate::output::{hanging, staying_because, style, styled};

/// What a plan says of one entry of an image.
pub(super) enum Told {
    /// It goes, or loses tags.
    Goes(Action),
    /// It stays; or, if true, it should go and cannot.
    Stays(Kept, bool),
}

/// What the plan says of each entry of the image.
pub(super) fn told(plan: &Plan, image: &ImageReference) -> Vec<Told> {
    let wanted = |digest: &Digest, tags: &[&Tag]| match (&image.digest, image.effective_tag()) {
        (Some(wanted), _) => wanted == digest,
        (None, tag) => tags.iter().any(|has| Some(*has) == tag.as_ref()),
    };
    let actions = plan.actions.iter().filter(|action| {
        action.registry == image.registry
            && action.repository == image.repository
            && wanted(&action.digest, &action.tags.iter().collect::<Vec<_>>())
    });
    let entries = |list: &'_ [Kept], blocked| {
        let fitting = list.iter().filter(|kept| {
            kept.registry == image.registry
                && kept.repository == image.repository
                && wanted(&kept.digest, &kept.tag.iter().collect::<Vec<_>>())
        });
        fitting
            .cloned()
            .map(|kept| Told::Stays(kept, blocked))
            .collect::<Vec<_>>()
    };
    let mut told: Vec<Told> = actions.cloned().map(Told::Goes).collect();
    told.extend(entries(&plan.kept, false));
    told.extend(entries(&plan.blocked, true));
    told
}

impl Told {
    pub(super) fn json(&self) -> serde_json::Value {
        match self {
            Self::Goes(action) => json!({"verdict": "expire", "action": action}),
            Self::Stays(kept, blocked) => json!({"verdict": if *blocked { "blocked" } else { "keep" }, "entry": kept}),
        }
    }

    /// What is said of the entry, and what would have to change, in lines of at most `width` columns.
    pub(super) fn text(&self, plan: &Plan, width: usize) -> String {
        match self {
            Self::Goes(action) => goes(action, width),
            Self::Stays(kept, blocked) => stays(kept, *blocked, plan, width),
        }
    }
}

fn goes(action: &Action, width: usize) -> String {
    let what = match action.action {
        ActionKind::Delete => "goes",
        ActionKind::Archive => "is archived",
        ActionKind::Untag => "loses the tags",
    };
    let tags: Vec<&str> = action.tags.iter().map(Tag::as_str).collect();
    let lead = format!("  {} {} ", action.digest.short(), styled(style::GOES, what));
    let tags = if tags.is_empty() {
        "no tag".to_owned()
    } else {
        tags.join(" ")
    };
    let mut lines = vec![hanging(&lead, &format!("({}, {tags})", action.kind), width)];
    lines.extend(why(&action.reason, width));
    for entry in &action.entries {
        let rule = format!("rule `{}`", entry.ruling.rule());
        lines.push(hanging(&format!("    tag {}: ", entry.tag), &rule, width));
    }
    lines.push(match action.action {
        ActionKind::Archive => format!("    moves {} to the archive", bytes(action.bytes)),
        ActionKind::Delete | ActionKind::Untag => format!("    frees {}", bytes(action.bytes)),
    });
    let keep = "list it under `protect`, set its label io.jettison.keep=true, or add a rule with `keep: always` above";
    lines.push(hanging("    to keep it: ", keep, width));
    if action.refused {
        let fuse = "the fuse of its repository is blown, so that nothing is done until somebody accepts it";
        lines.push(hanging("    ", fuse, width));
    }
    lines.join("\n")
}

fn stays(kept: &Kept, blocked: bool, plan: &Plan, width: usize) -> String {
    let what = if blocked {
        styled(style::NOTE, "should go and cannot")
    } else {
        styled(style::STAYS, "stays")
    };
    let tag = kept.tag.as_ref().map_or("no tag", |tag| tag.as_str());
    let since = kept
        .time
        .map(|time| format!(", of {} ({})", moment(time), ago(time, plan.now)))
        .unwrap_or_default();
    let lead = format!("  {} {what} ", kept.digest.short());
    let mut lines = vec![hanging(&lead, &format!("({}, {tag}{since})", kept.kind), width)];
    lines.extend(why(&kept.reason, width));
    lines.push(hanging("    for it to go: ", &what_would_change(&kept.reason), width));
    lines.join("\n")
}

/// Why, and what was measured: of what goes and what stays, of what will go and what went.
pub(super) fn why(reason: &Reason, width: usize) -> Vec<String> {
    let words = match reason {
        Reason::Expired(_) | Reason::Follows { .. } => why_goes(reason),
        _ => why_stays(reason),
    };
    let mut lines = vec![hanging("    why: ", &words, width)];
    lines.extend(reason.ruling().into_iter().flat_map(|ruling| evidence(ruling, width)));
    lines
}

/// Each condition with what was found; a second alternative begins with `or`.
fn evidence(ruling: &Ruling, width: usize) -> Vec<String> {
    let mut alternatives: BTreeMap<u32, Vec<(String, &String)>> = BTreeMap::new();
    let conditions = ruling.conditions();
    for (name, finding) in &conditions {
        let (name, alternative) = match name.split_once('#') {
            Some((name, number)) => (name, number.parse().unwrap_or(2)),
            None => (name.as_str(), 1),
        };
        let holds = match finding.holds {
            Some(true) => "yes",
            Some(false) => "no ",
            None => "?  ",
        };
        let lead = format!("{holds}  {} {}: ", plain(name), plain(&finding.limit));
        alternatives
            .entry(alternative)
            .or_default()
            .push((lead, &finding.found));
    }
    let mut lines = Vec::new();
    for (position, conditions) in alternatives.into_values().enumerate() {
        for (place, (lead, found)) in conditions.into_iter().enumerate() {
            let word = if position > 0 && place == 0 { "or" } else { "  " };
            lines.push(hanging(&format!("      {word} {lead}"), found, width));
        }
    }
    lines
}

fn why_goes(reason: &Reason) -> String {
    match reason {
        Reason::Expired(ruling) => format!("rule `{}` of policy `{}` expires it", ruling.rule(), ruling.policy()),
        Reason::Follows { root, relation } => format!("it goes along with {}, {}", root.short(), related(*relation)),
        other => other.code().to_owned(),
    }
}

fn related(relation: Relation) -> &'static str {
    match relation {
        Relation::Child => "which lists it",
        Relation::Attached => "to which it is attached",
        Relation::Subject => "which is attached to it",
        Relation::Index => "which it lists and which no other index would hold",
    }
}

fn why_stays(reason: &Reason) -> String {
    match reason {
        Reason::Hold {
            hold,
            used_by,
            because,
            also,
        } => {
            let users = if used_by.is_empty() {
                String::new()
            } else {
                format!(" by {}", some(used_by))
            };
            let others: Vec<&str> = also.iter().map(|hold| hold.as_str()).collect();
            let others = if others.is_empty() {
                String::new()
            } else {
                format!("; also held: {}", others.join(", "))
            };
            format!("hold `{hold}`{users}: {because}{others}")
        }
        Reason::KeepAlways(ruling) => format!(
            "rule `{}` of policy `{}` keeps it always",
            ruling.rule(),
            ruling.policy()
        ),
        Reason::NotExpired(ruling) => format!(
            "rule `{}` of policy `{}` governs it, and does not expire it yet",
            ruling.rule(),
            ruling.policy()
        ),
        Reason::Unless(ruling) => format!(
            "rule `{}` of policy `{}` would expire it, but spares the newest of each period",
            ruling.rule(),
            ruling.policy()
        ),
        Reason::Archived(ruling) => format!(
            "rule `{}` of policy `{}` archives it, and it is archived already",
            ruling.rule(),
            ruling.policy()
        ),
        Reason::ArchiveMinimum { archived_at, ruling } => format!(
            "rule `{}` expires it, but it was archived at {}, and is paid for 90 days in any case",
            ruling.rule(),
            moment(*archived_at)
        ),
        Reason::Needed { by, relation, ruling } => {
            format!(
                "rule `{}` expires it, but {} stays, {}",
                ruling.rule(),
                by.short(),
                related(*relation)
            )
        }
        Reason::SharesImage { with, ruling } => {
            let with: Vec<String> = with.iter().map(ToString::to_string).collect();
            format!(
                "rule `{}` expires this tag, but the same image stays as {}",
                ruling.rule(),
                some(&with)
            )
        }
        other => staying_because(other),
    }
}

/// The first few, and how many more.
fn some(names: &[String]) -> String {
    const TOLD: usize = 4;
    let mut text = names.iter().take(TOLD).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > TOLD {
        text.push_str(&format!(" and {} more", names.len() - TOLD));
    }
    text
}

fn what_would_change(reason: &Reason) -> String {
    match reason {
        Reason::Hold { hold, .. } => match hold {
            Hold::InUse => "nobody may use it any more, and then `usage-memory` has to pass",
            Hold::RecentlyUsed => "`usage-memory` has to pass without anybody using it",
            Hold::Restored => "30 days have to pass since it was put back",
            Hold::Grace => "the grace period has to pass",
            Hold::Protected => "take it off `protect`, or take the label io.jettison.keep away",
            Hold::Immutable => "take its tag off `immutable`",
            Hold::UsageIncomplete => "every usage source that could refer to it has to answer completely",
            Hold::Incomplete => "its repository has to be read without a gap",
        }
        .to_owned(),
        Reason::KeepAlways(ruling) => format!(
            "rule `{}` has to change, or an earlier rule has to fit it",
            ruling.rule()
        ),
        Reason::NotExpired(ruling) => format!(
            "the conditions of rule `{}` marked `no` or `?` have to hold",
            ruling.rule()
        ),
        Reason::Unless(_) => "a newer image has to take its place in its period".to_owned(),
        Reason::NoRule { .. } => "a rule has to fit it".to_owned(),
        Reason::Needed { by, .. } => format!("{} has to go", by.short()),
        Reason::KeepAtLeast { .. } => "newer images have to be pushed, or `limits.keep-at-least` lowered".to_owned(),
        Reason::SharesImage { .. } => {
            "the other tags have to expire too, or the policy has to say `untag: true`".to_owned()
        }
        Reason::Brake { .. } => "a later run will take it".to_owned(),
        Reason::CannotUntag { .. } => "the registry has to be able to remove a single tag".to_owned(),
        Reason::CannotDelete { .. } => "deletes have to be switched on in the registry".to_owned(),
        Reason::Archived(_) => "a rule that deletes has to fit it".to_owned(),
        Reason::CannotArchive { .. } => {
            "the registry has to have an archive; else write `action: delete` in the rule".to_owned()
        }
        Reason::ArchiveSavesNothing { .. } => {
            "the policy has to say `archive-anyway: true`, or the rule `action: delete`".to_owned()
        }
        Reason::ArchiveMinimum { .. } => "90 days have to pass since it was archived".to_owned(),
        Reason::Expired(_) | Reason::Follows { .. } => "nothing".to_owned(),
    }
}
