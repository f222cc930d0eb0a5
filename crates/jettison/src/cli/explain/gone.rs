//! What runs did to an image, in plain words; and how to take it back.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Known;
use std::fmt;

use jettison_core::evaluate::RESTORED_FOR;
use jettison_core::model::{ImageReference, Undo};
use jettison_core::reason::Reason;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::told::why;
use super::{Failure, name_of};
use crate::cli::glance::{glance, mark_of};
use crate::cli::history::{outcome, outcome_code, outcome_why};
use crate::output::text::moment;
use crate::output::{hanging, style, styled};
use crate::store::{Action, EntryRecord, Outcome, RunId, Store};

/// What one run did to an image.
pub(super) struct Past {
    entry: EntryRecord,
    /// The reason as the plan gave it; none if a later version wrote it.
    reason: Option<Reason>,
    /// How far it can be taken back, if the plan is still known.
    undo: Option<Undo>,
}

/// What runs did to an image, newest first.
pub(super) async fn past(store: &Store, image: &ImageReference) -> Result<Vec<Past>, Failure> {
    let Some(name) = name_of(image) else {
        return Ok(Vec::new());
    };
    let entries = store
        .entries_of_image(&image.registry, &image.repository, &name)
        .await?;
    let plans = match entries.is_empty() {
        true => BTreeMap::new(),
        false => store.plans_of_runs().await?,
    };
    let mut past = Vec::with_capacity(entries.len());
    // A plan may be large, and runs that were interrupted and resumed share it.
    let mut depths = BTreeMap::new();
    for entry in entries {
        let undo = match plans.get(&entry.run).cloned().flatten() {
            None => None,
            Some(plan) => match depths.entry((plan, entry.digest.clone())) {
                Known::Occupied(known) => *known.get(),
                Known::Vacant(unknown) => {
                    let depth = undo(store, &unknown.key().0, &entry).await?;
                    *unknown.insert(depth)
                }
            },
        };
        past.push(Past {
            reason: serde_json::from_str(&entry.reason_json).ok(),
            undo,
            entry,
        });
    }
    Ok(past)
}

/// How far the plan said that this could be taken back.
async fn undo(store: &Store, plan: &str, entry: &EntryRecord) -> Result<Option<Undo>, Failure> {
    let mark = mark_of(&entry.digest);
    let Some(saved) = store.plan_with(plan, &mark).await? else {
        return Ok(None);
    };
    let plan = glance(&saved.json, &mark)?;
    let action = plan.actions.iter().find(|action| {
        action.registry == entry.registry && action.repository == entry.repository && action.digest == entry.digest
    });
    Ok(action.map(|action| action.undo))
}

/// That an image came back.
pub(super) struct Back<'p> {
    /// The undo that put it back; none where another hand had.
    run: Option<&'p RunId>,
    /// When.
    pub(super) at: Timestamp,
}

impl Back<'_> {
    /// How long no plan may take it, if an undo put it back: what an undo found there already is held by nothing.
    pub(super) fn held_until(&self) -> Option<Timestamp> {
        let held = SignedDuration::from_secs(RESTORED_FOR.seconds());
        self.run?;
        Some(self.at.saturating_add(held).unwrap_or(Timestamp::MAX))
    }
}

impl fmt::Display for Back<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.run {
            Some(run) => write!(f, "was put back by run {run} at {}", moment(self.at))?,
            None => write!(f, "was there again at {}", moment(self.at))?,
        }
        if let Some(until) = self.held_until() {
            write!(f, ", and is held as `restored` until {}", moment(until))?;
        }
        f.write_str("; no plan has looked at it since")
    }
}

impl Past {
    /// Whether the run took it away.
    pub(super) fn was_taken(&self) -> bool {
        self.entry.outcomes.iter().any(|record| record.outcome == Outcome::Done)
    }

    /// Whether it had gone before the run came to it.
    pub(super) fn was_found_gone(&self) -> bool {
        self.entry.had_gone()
    }

    /// Whether it was gone after the run, and has not been put back.
    pub(super) fn is_gone(&self) -> bool {
        (self.was_taken() || self.was_found_gone()) && self.put_back_at().is_none()
    }

    /// Whether the run was to put it back.
    pub(super) fn is_undo(&self) -> bool {
        self.entry.action == Action::Restore
    }

    /// How it came back, if it did.
    pub(super) fn back(&self) -> Option<Back<'_>> {
        let run = self.is_undo().then_some(&self.entry.run);
        let at = self.put_back_at()?;
        Some(Back { run, at })
    }

    /// When its outcome was known.
    pub(super) fn at(&self) -> Option<Timestamp> {
        self.entry.outcomes.first().map(|record| record.at)
    }

    /// When it was put back.
    pub(super) fn put_back_at(&self) -> Option<Timestamp> {
        let back = self.entry.outcomes.iter().rev();
        back.clone()
            .find(|record| record.outcome == Outcome::PutBack)
            .map(|record| record.at)
    }

    pub(super) fn json(&self) -> serde_json::Value {
        let entry = &self.entry;
        json!({
            "run": entry.run, "action": entry.action, "registry": entry.registry, "repository": entry.repository,
            "digest": entry.digest, "root": entry.root, "tags": entry.tags, "reason": self.reason,
            "outcome": outcome_code(entry), "why": outcome_why(entry), "at": self.at(),
            "put_back_at": self.put_back_at(), "undo": self.undo,
        })
    }

    /// What was done, when and why.
    pub(super) fn text(&self, width: usize) -> String {
        let mut lines = vec![self.deed(width)];
        lines.extend(self.reason.iter().flat_map(|reason| why(reason, width)));
        if let Some(at) = self.put_back_at().filter(|_| !self.is_undo()) {
            let back = moment(at);
            lines.push(hanging(
                &format!("    {} ", styled(style::STAYS, "put back:")),
                &back,
                width,
            ));
        }
        lines.join("\n")
    }

    /// How to put `image` back, and how far that goes: an undo that has tried it since knows better than the plan.
    pub(super) fn way_back(&self, image: &ImageReference, tried: Option<&Self>, width: usize) -> String {
        let run = &self.entry.run;
        let how = match self.undo {
            Some(Undo::None) => "that registry offers no way".to_owned(),
            _ if self.was_found_gone() => format!("jettison undo {image}"),
            _ => format!("jettison undo {image}, or the whole run: jettison undo {run}"),
        };
        let how_far = match tried {
            Some(tried) => format!("the last undo could not: {}", outcome(&tried.entry)),
            None => how_far(self.undo).to_owned(),
        };
        let lines = [("    to put it back: ", how), ("    how far: ", how_far)];
        lines.map(|(lead, text)| hanging(lead, &text, width)).join("\n")
    }

    fn deed(&self, width: usize) -> String {
        let entry = &self.entry;
        let when = self.at().map(|at| format!(" at {}", moment(at))).unwrap_or_default();
        if self.was_found_gone() {
            let lead = format!(
                "  {} {} ",
                entry.digest.short(),
                styled(style::GOES, "was gone already")
            );
            return hanging(&lead, &format!("when run {} came to it{when}", entry.run), width);
        }
        let what = match (entry.action, self.was_taken()) {
            (Action::Restore, _) if self.back().is_some() => "was put back",
            (Action::Restore, _) => "was to be put back",
            (Action::Delete, true) => "was deleted",
            (Action::Archive, true) => "was archived",
            (Action::Archive, false) => "was to be archived",
            (Action::Untag, true) => "lost its tag",
            (Action::Delete, false) => "was to be deleted",
            (Action::Untag, false) => "was to lose its tag",
        };
        let what_came = match entry.outcome() {
            Some(Outcome::Done | Outcome::PutBack) => String::new(),
            _ => format!(": {}", outcome(entry)),
        };
        let lead = format!("  {} {}", entry.digest.short(), styled(style::GOES, what));
        hanging(
            &format!("{lead} "),
            &format!("by run {}{when}{what_came}", entry.run),
            width,
        )
    }
}

/// How far putting back goes on a registry.
fn how_far(undo: Option<Undo>) -> &'static str {
    match undo {
        Some(Undo::Native) => "whole, by the registry's own means",
        Some(Undo::None) => "not at all",
        Some(Undo::UntilGarbageCollection) | None => {
            "whole, until the registry's garbage collection removes its blobs; undo looks whether they are all there \
             before it puts anything back"
        }
    }
}
