//! What may be archived, what is said of the archive, and what must not be deleted from it yet.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::times::{plausible, since};
use super::world::{Id, World};
use super::{Inspection, Law};
use crate::hashed::Map;
use crate::model::{Digest, Manifest, RegistryHost};
use crate::plan::{Action, ActionKind};
use crate::policy::RuleAction;
use crate::reason::{Reason, Ruling};

/// Deleting what was archived less than that ago costs as much as to leave it.
const MINIMUM: SignedDuration = SignedDuration::from_hours(90 * 24);
/// From 150 TB in a registry on archived bytes are cheaper than others.
const CHEAPER_FROM: u128 = 150 * 1_000_000_000_000;

pub(super) fn check(inspection: &mut Inspection<'_, '_>) {
    let (plan, doings) = (inspection.plan, inspection.doings);
    let founded = founded_archivals(inspection);
    for (_, action) in doings.actions(plan) {
        let Some(id) = inspection.contents.id(&action.digest) else {
            continue;
        };
        let problem = match action.action {
            ActionKind::Delete => too_early(inspection, id).or_else(|| is_to_be_archived(inspection, action)),
            ActionKind::Archive => cannot_be_archived(inspection, id).or_else(|| {
                let detail = "no rule archives it, nor anything that needs it".to_owned();
                (!founded[id]).then_some((Law::EveryVerdictHasAReason, detail))
            }),
            ActionKind::Untag => None,
        };
        if let Some((law, detail)) = problem {
            inspection.report(law, &action.digest, detail);
        }
    }
}

type Problem = (Law, String);

fn too_early(inspection: &Inspection<'_, '_>, id: Id) -> Option<Problem> {
    let manifest = inspection.node(id).manifest;
    let recent = is_recent(manifest, inspection.world.facts.now);
    recent.then(|| {
        (
            Law::Limits,
            "it was archived less than 90 days ago, or nobody knows when".to_owned(),
        )
    })
}

fn is_recent(manifest: &Manifest, now: Timestamp) -> bool {
    let long_ago = |at| plausible(Some(at)).is_some_and(|at| since(at, now) >= MINIMUM);
    manifest.archived_at.is_some_and(|at| !long_ago(at))
}

/// The rulings of an action, its own and those of its tags.
fn rulings(action: &Action) -> impl Iterator<Item = &Ruling> {
    let own = action.reason.ruling().into_iter();
    own.chain(action.entries.iter().map(|entry| &entry.ruling))
}

/// Whether the rule that a ruling names archives what it expires.
fn archives(inspection: &Inspection<'_, '_>, ruling: &Ruling) -> bool {
    let policy = inspection.local.policy.filter(|policy| policy.name == ruling.policy());
    policy.and_then(|policy| policy.rules.action(ruling.rule())?) == Some(RuleAction::Archive)
}

fn is_to_be_archived(inspection: &Inspection<'_, '_>, action: &Action) -> Option<Problem> {
    let ruling = rulings(action).find(|ruling| archives(inspection, ruling))?;
    let detail = format!("it is deleted, and rule `{}` archives", ruling.rule());
    Some((Law::EveryVerdictHasAReason, detail))
}

fn cannot_be_archived(inspection: &Inspection<'_, '_>, id: Id) -> Option<Problem> {
    if inspection.node(id).manifest.archived_at.is_some() {
        return Some((Law::Facts, "it is archived already".to_owned()));
    }
    let policy = inspection.local.policy;
    if !policy.is_some_and(|policy| policy.archive_anyway) && stored(inspection) < CHEAPER_FROM {
        return Some((
            Law::Limits,
            "its registry holds so little that archiving saves nothing".to_owned(),
        ));
    }
    None
}

/// What a rule archives, what was archived before, and what those need, to the end. What a rule would archive, and what
/// stays all the same, is no reason to delete what would have been archived with it: it and what it needs count as well.
fn founded_archivals(inspection: &Inspection<'_, '_>) -> Vec<bool> {
    let (plan, doings, contents) = (inspection.plan, inspection.doings, inspection.contents);
    let actions = doings.actions(plan).map(|(_, action)| action);
    let by_rule = actions.filter(|action| rulings(action).any(|ruling| archives(inspection, ruling)));
    let by_rule = by_rule.filter_map(|action| contents.id(&action.digest));
    let before = (0..contents.nodes.len()).filter(|id| inspection.node(*id).manifest.archived_at.is_some());
    let mut founded = reached(inspection, by_rule.chain(before), |id| inspection.ends_archived(id));
    let waits = |reason: &Reason| reason.ruling().is_some_and(|ruling| archives(inspection, ruling));
    let waiting = doings.kept(plan).filter(|kept| waits(&kept.reason));
    let waiting = waiting.filter_map(|kept| contents.id(&kept.digest));
    let with_waiting = reached(inspection, waiting, |id| !inspection.deletes(id));
    founded
        .iter_mut()
        .zip(with_waiting)
        .for_each(|(founded, also)| *founded |= also);
    founded
}

/// What these lead to, over relations of any sort and through what passes.
fn reached(inspection: &Inspection<'_, '_>, from: impl Iterator<Item = Id>, passes: impl Fn(Id) -> bool) -> Vec<bool> {
    let mut reached = vec![false; inspection.contents.nodes.len()];
    let mut open: Vec<Id> = from.collect();
    while let Some(id) = open.pop() {
        if passes(id) && !std::mem::replace(&mut reached[id], true) {
            let node = inspection.node(id);
            let related = [&node.indexes, &node.children, &node.present_subjects, &node.referrers];
            open.extend(related.into_iter().flatten());
        }
    }
    reached
}

fn stored(inspection: &Inspection<'_, '_>) -> u128 {
    inspection.world.stored(inspection.place.0)
}

/// What is wrong with a reason that speaks of the archive, if anything is.
pub(super) fn unfounded(inspection: &Inspection<'_, '_>, digest: &Digest, reason: &Reason) -> Option<String> {
    let manifest = inspection.node(inspection.contents.id(digest)?).manifest;
    let capabilities = inspection.contents.record.capabilities;
    let archives = reason.ruling().is_some_and(|ruling| archives(inspection, ruling));
    let founded = match reason {
        Reason::Archived(_) => archives && manifest.archived_at.is_some(),
        Reason::CannotArchive { .. } => {
            let able = capabilities.archive == Some(true) && capabilities.delete != Some(false);
            archives && !able && manifest.archived_at.is_none()
        }
        Reason::ArchiveSavesNothing { stored: said, .. } => {
            let stored = stored(inspection);
            let anyway = inspection.local.policy.is_some_and(|policy| policy.archive_anyway);
            archives && !anyway && stored < CHEAPER_FROM && u128::from(*said) == stored
        }
        Reason::ArchiveMinimum { archived_at, .. } => {
            let recent = is_recent(manifest, inspection.world.facts.now);
            !archives && recent && manifest.archived_at == Some(*archived_at)
        }
        _ => true,
    };
    (!founded).then(|| "what it says of the archive is not so".to_owned())
}

impl World<'_> {
    /// How many bytes all repositories of a registry hold, whatever is stored several times counted once.
    pub(super) fn stored(&self, host: &RegistryHost) -> u128 {
        let stored = self.stored.get_or_init(|| self.add_up_stored());
        stored.get(host).copied().unwrap_or_default()
    }

    fn add_up_stored(&self) -> BTreeMap<RegistryHost, u128> {
        let mut sizes: BTreeMap<&RegistryHost, Map<u64, u64>> = BTreeMap::new();
        for ((host, _), positions) in &self.places {
            let sizes = sizes.entry(host).or_default();
            for record in self.records(positions) {
                for manifest in &record.manifests {
                    let blobs = manifest.blobs.iter().map(|blob| (&blob.digest, blob.size));
                    for (digest, size) in blobs.chain([(&manifest.digest, manifest.size)]) {
                        let known = sizes.entry(digest.trailing()).or_default();
                        *known = size.max(*known);
                    }
                }
            }
        }
        let sums = sizes.into_iter();
        sums.map(|(host, sizes)| (host.clone(), sizes.into_values().map(u128::from).sum()))
            .collect()
    }
}
