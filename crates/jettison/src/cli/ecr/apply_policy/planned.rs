//! What is to be done about each repository, and why not. Changes nothing.

use std::collections::BTreeMap;

use jettison_core::evaluate::ImageKey;
use jettison_core::lifecycle::LifecyclePolicy;
use jettison_core::model::Repository;
use jettison_core::reason::Reason;
use jiff::Timestamp;

use super::Wanted;
use super::difference::{Difference, Known, UsedImage};
use super::drawn::deed;
use crate::output::image_name;
use crate::output::text::{count, with_causes};
use crate::registry::{RegistryError, StoredLifecyclePolicy};

/// One repository, and what is to be done about it.
#[derive(Debug)]
pub(super) struct Planned<'g> {
    pub(super) repository: &'g Repository,
    /// The text that is there; `None` if there is no policy.
    pub(super) before: Option<String>,
    /// Not told of one that has the policy already, or whose policy is not known.
    pub(super) difference: Option<Difference>,
    pub(super) decision: Decision,
    /// What else has to be said.
    pub(super) note: Option<String>,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Write,
    /// The policy is there already.
    Unchanged,
    /// It would take what is in use, or nobody knows.
    Refused(String),
    /// The policy that is there could not be read.
    Failed(String),
}

/// What decides.
#[derive(Clone, Copy)]
pub(super) struct Planner<'a> {
    pub(super) wanted: &'a Wanted,
    /// What usage holds; `None` where nobody was asked.
    pub(super) used: Option<&'a BTreeMap<ImageKey, Reason>>,
    pub(super) now: Timestamp,
    pub(super) despite_use: bool,
}

impl Planner<'_> {
    pub(super) fn plan<'g>(
        &self,
        repository: &'g Repository,
        stored: Result<Option<StoredLifecyclePolicy>, RegistryError>,
    ) -> Planned<'g> {
        let mut planned = Planned {
            repository,
            before: None,
            difference: None,
            decision: Decision::Unchanged,
            note: None,
        };
        match stored {
            Ok(stored) => planned.before = stored.map(|stored| stored.text),
            Err(error) => {
                planned.decision = Decision::Failed(with_causes(&error));
                return planned;
            }
        }
        let before = match planned.before.as_deref().map(LifecyclePolicy::parse).transpose() {
            Ok(before) if before.as_ref() == Some(&self.wanted.policy) => return planned,
            Ok(before) => before,
            Err(_) => {
                let note = "the policy that is there cannot be understood, so that what it does is not told";
                planned.note = Some(note.to_owned());
                None
            }
        };
        let known = Known {
            repository,
            used: self.used,
            now: self.now,
        };
        let difference = Difference::of(known, before.as_ref(), &self.wanted.policy);
        let refusal = refusal(repository, &difference).filter(|_| !self.despite_use);
        planned.decision = refusal.map_or(Decision::Write, Decision::Refused);
        planned.difference = Some(difference);
        planned
    }
}

/// Why a policy is not written without a further word.
fn refusal(repository: &Repository, difference: &Difference) -> Option<String> {
    let mut whys = Vec::new();
    if let Some(first) = difference.in_use.first() {
        let images = count(difference.in_use.len() as u64, "image");
        whys.push(format!(
            "it would take {images} in use, such as {}",
            named(repository, first)
        ));
    }
    if let Some(unknown) = difference.unknown.first() {
        let more = match difference.unknown.len() as u64 {
            1 => String::new(),
            several => format!(" (and {} more)", several - 1),
        };
        whys.push(format!("it is not known what else is in use: {unknown}{more}"));
    }
    (!whys.is_empty()).then(|| whys.join("; "))
}

/// `apps/web:v1 (expire; used by …)`.
fn named(repository: &Repository, image: &UsedImage) -> String {
    let name = image_name(&repository.name, image.tags.first().cloned(), &image.digest);
    let action = deed(image.action);
    match image.used_by.first() {
        Some(by) => format!("{name} ({action}; {} by {by})", image.hold),
        None => format!("{name} ({action}; {})", image.hold),
    }
}
