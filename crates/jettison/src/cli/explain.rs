//! `jettison explain`: which rule or hold decided on an image, and what would have to change.
//!
//! Reads only what a plan or the journal recorded: it explains decisions that were made, and makes none.

use std::collections::BTreeMap;

use clap::Args;
use jettison_core::model::{Digest, ImageReference, Tag};
use jettison_core::plan::{Action, ActionKind, Kept, Plan};
use jettison_core::reason::{Hold, Reason, Relation, Ruling};
use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use super::glance::{glance, mark};
use super::history::outcome;
use crate::exit::Exit;
use crate::output::text::{ago, bytes, moment};
use crate::output::{staying_because, style, styled};
use crate::store::{EntryRecord, ImageName, Outcome, Store};

/// Say which rule or hold decided on an image, and what would have to change.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison explain registry.example.com/apps/web:v1.2.3
  jettison explain registry.example.com/apps/web@sha256:… --plan 3f2a9c1b")]
pub(crate) struct Explain {
    // As an attribute: in a doc comment the brackets would be a link.
    #[arg(value_name = "IMAGE", help = "HOST[:PORT]/REPOSITORY with :TAG or @DIGEST")]
    image: String,
    /// The plan to explain, by its id [default: the newest that speaks of the image]
    #[arg(long, value_name = "ID")]
    plan: Option<String>,
}

impl Explain {
    /// To explain one image by the newest plan.
    pub(crate) fn of(image: &str) -> Self {
        Self {
            image: image.to_owned(),
            plan: None,
        }
    }

    pub(crate) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let image: ImageReference = self
            .image
            .parse()
            .map_err(|error| Failure::caused(Exit::Usage, &error))?;
        let image = ImageReference {
            registry: context.config.canonical_host(&image.registry),
            ..image
        };
        let store = context.store().await?;
        let found = self.find(&store, &image).await?;
        let recorded = recorded(&store, &image).await?;
        store.close().await;
        if found.is_none() && recorded.is_empty() {
            return Err(Failure::usage(format!(
                "no plan and no run speaks of {image}; see whether the tag is right, or make a plan: jettison plan {}/{}",
                image.registry, image.repository
            )));
        }
        let done: Vec<_> = recorded
            .iter()
            .map(|entry| json!({"run": entry.run, "action": entry.action, "digest": entry.digest}))
            .collect();
        let (plan, told) = found.map_or((None, None), |(plan, told)| (Some(plan), Some(told)));
        context.console.json(&json!({
            "schema": 1, "image": image.to_string(),
            "plan": plan.as_ref().map(|plan| &plan.id), "now": plan.as_ref().map(|plan| plan.now),
            "verdicts": told.iter().flatten().map(Told::json).collect::<Vec<_>>(), "runs": done,
        }))?;
        // A plan that was carried out says what was to go: what went stands in the history.
        let went = |entry: &EntryRecord| matches!(entry.outcome(), Some(Outcome::Done | Outcome::AlreadyGone));
        let gone = recorded.iter().any(went) && told.iter().flatten().all(|told| matches!(told, Told::Goes(_)));
        if let (Some(plan), Some(told), false) = (&plan, &told, gone) {
            context.console.say(format!(
                "{} as of plan {}, made {}",
                styled(style::HEADING, &image),
                short(&plan.id),
                moment(plan.now)
            ));
            told.iter().for_each(|told| context.console.say(told.text(plan)));
        }
        if gone {
            context
                .console
                .say(format!("{} is gone", styled(style::HEADING, &image)));
        }
        for entry in &recorded {
            let removed = format!(
                "{} of {} in run {}: {}",
                entry.action,
                entry.digest.short(),
                entry.run,
                outcome(entry)
            );
            context
                .console
                .say(format!("{} {removed}", styled(style::HEADING, "history:")));
        }
        Ok(Exit::Done)
    }

    /// The newest plan that speaks of the image, with what it says.
    async fn find(&self, store: &Store, image: &ImageReference) -> Result<Option<(Plan, Vec<Told>)>, Failure> {
        let Some(mark) = mark(image) else { return Ok(None) };
        let ids = match &self.plan {
            None => store.plan_ids().await?,
            Some(id) => match store.plan(id).await? {
                Some(saved) => vec![saved.id],
                None => return Err(Failure::usage(format!("there is no plan `{id}`"))),
            },
        };
        for id in ids {
            let Some(saved) = store.plan_with(&id, &mark).await? else {
                continue;
            };
            let plan = glance(&saved.json, &mark)?;
            let told = told(&plan, image);
            if !told.is_empty() {
                return Ok(Some((plan, told)));
            }
        }
        Ok(None)
    }
}

fn short(id: &str) -> String {
    id.chars().take(12).collect()
}

async fn recorded(store: &Store, image: &ImageReference) -> Result<Vec<EntryRecord>, Failure> {
    let name = match (&image.digest, image.effective_tag()) {
        (Some(digest), _) => ImageName::Digest(digest.clone()),
        (None, Some(tag)) => ImageName::Tag(tag),
        (None, None) => return Ok(Vec::new()),
    };
    Ok(store
        .entries_of_image(&image.registry, &image.repository, &name)
        .await?)
}

/// What a plan says of one entry of an image.
enum Told {
    Goes(Action),
    Stays(Kept, bool),
}

fn told(plan: &Plan, image: &ImageReference) -> Vec<Told> {
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
    fn json(&self) -> serde_json::Value {
        match self {
            Self::Goes(action) => json!({"verdict": "expire", "action": action}),
            Self::Stays(kept, blocked) => json!({"verdict": if *blocked { "blocked" } else { "keep" }, "entry": kept}),
        }
    }

    fn text(&self, plan: &Plan) -> String {
        let mut lines = Vec::new();
        match self {
            Self::Goes(action) => {
                let what = match action.action {
                    ActionKind::Delete => "goes",
                    ActionKind::Untag => "loses the tags",
                };
                let tags: Vec<&str> = action.tags.iter().map(Tag::as_str).collect();
                lines.push(format!(
                    "  {} {} ({}, {})",
                    action.digest.short(),
                    styled(style::GOES, what),
                    action.kind,
                    tags.join(" ")
                ));
                lines.push(format!("    why: {}", why_goes(&action.reason)));
                lines.extend(action.reason.ruling().into_iter().flat_map(evidence));
                for entry in &action.entries {
                    lines.push(format!("    tag {}: rule `{}`", entry.tag, entry.ruling.rule));
                }
                lines.push(format!("    frees {}", bytes(action.bytes)));
                lines.push("    to keep it: list it under `protect`, set its label io.jettison.keep=true, or add a rule with `keep: always` above".to_owned());
                if action.refused {
                    lines.push(
                        "    the fuse of its repository is blown, so that nothing is done until somebody accepts it"
                            .to_owned(),
                    );
                }
            }
            Self::Stays(kept, blocked) => {
                let what = if *blocked {
                    styled(style::NOTE, "should go and cannot")
                } else {
                    styled(style::STAYS, "stays")
                };
                let tag = kept.tag.as_ref().map_or("no tag", |tag| tag.as_str());
                let since = kept
                    .time
                    .map(|time| format!(", of {} ({})", moment(time), ago(time, plan.now)))
                    .unwrap_or_default();
                lines.push(format!(
                    "  {} {what} ({}, {tag}{since})",
                    kept.digest.short(),
                    kept.kind
                ));
                lines.push(format!("    why: {}", why_stays(&kept.reason)));
                lines.extend(kept.reason.ruling().into_iter().flat_map(evidence));
                lines.push(format!("    for it to go: {}", what_would_change(&kept.reason)));
            }
        }
        lines.join("\n")
    }
}

/// Each condition with what was found; a second alternative begins with `or`.
fn evidence(ruling: &Ruling) -> Vec<String> {
    let mut alternatives: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for (name, finding) in &ruling.conditions {
        let (name, alternative) = match name.split_once('#') {
            Some((name, number)) => (name, number.parse().unwrap_or(2)),
            None => (name.as_str(), 1),
        };
        let holds = match finding.holds {
            Some(true) => "yes",
            Some(false) => "no ",
            None => "?  ",
        };
        let line = format!("{holds}  {name} {}: {}", finding.limit, finding.found);
        alternatives.entry(alternative).or_default().push(line);
    }
    let mut lines = Vec::new();
    for (position, conditions) in alternatives.into_values().enumerate() {
        for (place, condition) in conditions.into_iter().enumerate() {
            let word = if position > 0 && place == 0 { "or" } else { "  " };
            lines.push(format!("      {word} {condition}"));
        }
    }
    lines
}

fn why_goes(reason: &Reason) -> String {
    match reason {
        Reason::Expired(ruling) => format!("rule `{}` of policy `{}` expires it", ruling.rule, ruling.policy),
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
        Reason::KeepAlways(ruling) => format!("rule `{}` of policy `{}` keeps it always", ruling.rule, ruling.policy),
        Reason::NotExpired(ruling) => format!(
            "rule `{}` of policy `{}` governs it, and does not expire it yet",
            ruling.rule, ruling.policy
        ),
        Reason::Unless(ruling) => format!(
            "rule `{}` of policy `{}` would expire it, but spares the newest of each period",
            ruling.rule, ruling.policy
        ),
        Reason::Needed { by, relation, ruling } => {
            format!(
                "rule `{}` expires it, but {} stays, {}",
                ruling.rule,
                by.short(),
                related(*relation)
            )
        }
        Reason::SharesImage { with, ruling } => {
            let with: Vec<String> = with.iter().map(ToString::to_string).collect();
            format!(
                "rule `{}` expires this tag, but the same image stays as {}",
                ruling.rule,
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
        Reason::KeepAlways(ruling) => format!("rule `{}` has to change, or an earlier rule has to fit it", ruling.rule),
        Reason::NotExpired(ruling) => format!(
            "the conditions of rule `{}` marked `no` or `?` have to hold",
            ruling.rule
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
        Reason::Expired(_) | Reason::Follows { .. } => "nothing".to_owned(),
    }
}
