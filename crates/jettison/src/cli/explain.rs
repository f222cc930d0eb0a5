//! `jettison explain`: which rule or hold decided on an image, and what would have to change; of a deleted one when,
//! why and by which run, and how to take that back.
//!
//! Reads only what a plan, the journal or the ledger recorded: it explains decisions that were made, and makes none.

mod gone;
mod told;

use clap::Args;
use jettison_core::model::ImageReference;
use jettison_core::plan::Plan;
use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use super::glance::{glance, mark};
use super::nearby;
use crate::exit::Exit;
use crate::output::text::moment;
use crate::output::{Console, hanging, style, styled};
use crate::store::{ImageName, Store};

use gone::{Back, Past, past};
use told::{Told, told};

/// Say which rule or hold decided on an image, and what would have to change.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  jettison explain registry.example.com/apps/web:v1.2.3
  jettison explain registry.example.com/apps/web@sha256:… --plan 3f2a9c1b

Of an image that was deleted: when, why, by which run, and how to put it back.")]
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
        let image = image(&self.image, context)?;
        let store = context.store().await?;
        let explanation = self.explanation(&store, image).await;
        store.close().await;
        let explanation = explanation?;
        context.console.json(&explanation.json())?;
        explanation.print(&context.console);
        Ok(Exit::Done)
    }

    async fn explanation(&self, store: &Store, image: ImageReference) -> Result<Explanation, Failure> {
        let found = self.find(store, &image).await?;
        let past = past(store, &image).await?;
        if found.is_none() && past.is_empty() {
            return Err(nearby::unknown(store, &image, &self.image).await?);
        }
        Ok(Explanation { image, found, past })
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

/// An image as it was asked for, with its registry's own name.
pub(crate) fn image(text: &str, context: &Context) -> Result<ImageReference, Failure> {
    let image: ImageReference = text.parse().map_err(|error| Failure::caused(Exit::Usage, &error))?;
    Ok(ImageReference {
        registry: context.config.canonical_host(&image.registry),
        ..image
    })
}

/// How the store knows an image; none only of what is no image at all.
pub(crate) fn name_of(image: &ImageReference) -> Option<ImageName> {
    match (&image.digest, image.effective_tag()) {
        (Some(digest), _) => Some(ImageName::Digest(digest.clone())),
        (None, tag) => tag.map(ImageName::Tag),
    }
}

/// All that is known of an image.
struct Explanation {
    image: ImageReference,
    found: Option<(Plan, Vec<Told>)>,
    past: Vec<Past>,
}

impl Explanation {
    /// The latest word of the journal on whether it is there.
    fn last_word(&self) -> Option<&Past> {
        self.past.iter().find(|past| past.is_gone() || past.back().is_some())
    }

    /// Whether a run took it, as far as the records go: a plan that was carried out says what was to go, and what
    /// went stands in the journal. What a later plan keeps has come back.
    fn is_gone(&self) -> bool {
        let Some(last) = self.last_word().filter(|past| past.is_gone()) else {
            return false;
        };
        !self.found.iter().any(|(plan, told)| {
            told.iter().any(|told| matches!(told, Told::Stays(..))) || last.at().is_some_and(|at| plan.now > at)
        })
    }

    /// How it came back, if no plan has looked at it since.
    fn back(&self) -> Option<Back<'_>> {
        let back = self.last_word()?.back()?;
        let seen_since = self.found.iter().any(|(plan, _)| plan.now > back.at);
        (!seen_since).then_some(back)
    }

    /// What can be taken back: what was taken last; of what nobody is known to have taken, what was found gone last.
    fn to_take_back(&self) -> Option<usize> {
        let first = |fits: fn(&Past) -> bool| self.past.iter().position(fits);
        first(Past::was_taken).or_else(|| first(Past::was_found_gone))
    }

    fn json(&self) -> serde_json::Value {
        let (plan, told) = match &self.found {
            Some((plan, told)) => (Some(plan), told.as_slice()),
            None => (None, &[][..]),
        };
        json!({
            "schema": 1, "image": self.image.to_string(), "gone": self.is_gone(),
            "held_until": self.back().and_then(|back| back.held_until()),
            "plan": plan.map(|plan| &plan.id), "now": plan.map(|plan| plan.now),
            "verdicts": told.iter().map(Told::json).collect::<Vec<_>>(),
            "runs": self.past.iter().map(Past::json).collect::<Vec<_>>(),
        })
    }

    fn print(&self, console: &Console) {
        let name = styled(style::HEADING, &self.image);
        let width = console.line_width();
        let gone = self.is_gone();
        if gone {
            console.say(format!("{name} is gone"));
        } else if let Some(back) = self.back() {
            console.say(hanging(&format!("{name} "), &back.to_string(), width));
        } else if let Some((plan, told)) = &self.found {
            let short: String = plan.id.chars().take(12).collect();
            let source = format!("as of plan {short}, made {}", moment(plan.now));
            console.say(hanging(&format!("{name} "), &source, width));
            told.iter().for_each(|told| console.say(told.text(plan, width)));
        } else {
            console.say(format!("{name}: no plan speaks of it, its history does"));
        }
        let to_take_back = self.to_take_back().filter(|_| gone);
        for (position, past) in self.past.iter().enumerate() {
            console.say(past.text(width));
            if Some(position) == to_take_back {
                let tried = self.past.iter().take(position).find(|later| later.is_undo());
                console.say(past.way_back(&self.image, tried, width));
            }
        }
    }
}
