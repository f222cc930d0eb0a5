//! The limits: what never goes, the brake, and the fuse (design, section 6).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::configured::Configured;
use super::times::Times;
use super::world::Id;
use super::{Inspection, Law, Violation};
use crate::model::Kind;
use crate::plan::{ActionKind, Plan, Refused};
use crate::reason::Reason;

/// A fuse never blows for that few roots.
const ALWAYS_ALLOWED: usize = 5;
/// By how much the share that a plan names may exceed the exact one.
const ROUNDED: f64 = 1.01e-4;

/// The limits that hold per repository.
pub(super) fn check(inspection: &mut Inspection<'_, '_>) {
    newest_images_stay(inspection);
    let (plan, doings) = (inspection.plan, inspection.doings);
    let listed: Vec<_> = doings.refused(plan).collect();
    for (_, action) in doings.actions(plan) {
        if action.refused == listed.is_empty() {
            let detail = match action.refused {
                true => "it is refused, and its repository is not listed as refused",
                false => "its repository is listed as refused, and it is not",
            };
            inspection.report(Law::Limits, &action.digest, detail.to_owned());
        }
    }
    fuses(inspection, &listed);
}

/// How new a root is: by its time, and without one, behind all others, by its first sight.
type Newness = (Option<Timestamp>, Option<Timestamp>);

/// Each deleted image has at least that many staying ones which are as new as it, or newer. One that can be pulled needs
/// that many which can be, whether it is deleted or archived.
fn newest_images_stay(inspection: &mut Inspection<'_, '_>) {
    let limit = inspection.holds.configured().keep_at_least();
    let goes = |id: Id| inspection.goes(id).is_some();
    if limit == 0 || !(0..inspection.deleted.len()).any(goes) {
        return;
    }
    let contents = inspection.contents;
    let times = Times::new(contents, inspection.world.facts.now);
    let (mut staying, mut within_reach): (Vec<Newness>, Vec<Newness>) = (Vec::new(), Vec::new());
    let mut going: Vec<(Newness, Id)> = Vec::new();
    for (id, standing) in inspection.standings.iter().enumerate() {
        if !standing.is_root() || contents.kind(id, *standing) != Kind::Image {
            continue;
        }
        let time = times.newest_entry(id, *standing);
        let first_seen = contents.nodes[id].manifest.first_seen_at;
        let newness = (time, first_seen.filter(|_| time.is_none()));
        if goes(id) {
            going.push((newness, id));
        }
        if !inspection.deletes(id) {
            staying.push(newness);
        }
        if !inspection.deletes(id) && !inspection.ends_archived(id) {
            within_reach.push(newness);
        }
    }
    staying.sort_unstable();
    within_reach.sort_unstable();
    for (newness, id) in going {
        let could_be_pulled = contents.nodes[id].manifest.archived_at.is_none();
        let others = if could_be_pulled { &within_reach } else { &staying };
        let newer = others.len() - others.partition_point(|other| *other < newness);
        if u64::try_from(newer).is_ok_and(|newer| newer < limit) {
            let detail = format!("it is among the {limit} newest images, and only {newer} as new as it stay");
            inspection.report(Law::Limits, inspection.digest(id), detail);
        }
    }
}

/// A fuse that should be blown is, and the share named is right: the greatest of all kinds, for whoever accepts that
/// accepts the others too.
fn fuses(inspection: &mut Inspection<'_, '_>, listed: &[&Refused]) {
    let most = inspection.holds.configured().max_share();
    let mut due = BTreeMap::new();
    for (kind, (going, all)) in shares(inspection) {
        if going > ALWAYS_ALLOWED && most.exceeded_by(as_u64(going), as_u64(all)) {
            due.insert(kind, ratio(going, all));
        }
    }
    // The plan rounds up, so that accepting the number that it names is enough.
    let is_named = |it: &&Refused, share: f64| (-1e-9..ROUNDED).contains(&(it.share - share));
    if let Some((kind, share)) = due.iter().max_by(|(_, a), (_, b)| a.total_cmp(b))
        && !listed.iter().any(|it| is_named(it, *share))
    {
        let percent = share * 100.0;
        let detail = format!("{percent:.2} % of its roots of kind {kind} would go, and no fuse is blown for that");
        inspection.report_all(Law::Limits, detail);
    }
    for refused in listed {
        let kind = refused.kind;
        let detail = match due.get(&kind) {
            None => format!("a fuse is blown for {kind}, and too few would go"),
            Some(share) if !is_named(refused, *share) => format!("the share of {kind} that would go is not as named"),
            Some(_) => continue,
        };
        inspection.report_all(Law::Limits, detail);
    }
}

/// Per kind: how many roots would go or lose a tag, those that wait included, and how many there are.
fn shares(inspection: &Inspection<'_, '_>) -> BTreeMap<Kind, (usize, usize)> {
    let (plan, doings, contents) = (inspection.plan, inspection.doings, inspection.contents);
    let mut goes: Vec<bool> = (0..contents.nodes.len())
        .map(|id| inspection.goes(id).is_some())
        .collect();
    let untags = doings.actions(plan).map(|(_, action)| action);
    let untags = untags.filter(|action| action.action == ActionKind::Untag);
    let waits = doings
        .kept(plan)
        .filter(|kept| matches!(kept.reason, Reason::Brake { .. }));
    let digests = untags
        .map(|action| &action.digest)
        .chain(waits.map(|kept| &kept.digest));
    digests
        .filter_map(|digest| contents.id(digest))
        .for_each(|id| goes[id] = true);
    let mut shares: BTreeMap<Kind, (usize, usize)> = BTreeMap::new();
    for (id, standing) in inspection.standings.iter().enumerate() {
        if standing.is_root() {
            let (going, all) = shares.entry(contents.kind(id, *standing)).or_default();
            *going += usize::from(goes[id]);
            *all += 1;
        }
    }
    shares
}

#[expect(clippy::cast_precision_loss, reason = "a share is shown, not counted with")]
fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

/// The limits that hold over the whole run.
pub(super) fn check_run(plan: &Plan, configured: &Configured<'_>) -> Vec<Violation> {
    let expired = plan
        .actions
        .iter()
        .filter(|action| matches!(action.reason, Reason::Expired(_)));
    let gone = expired.filter(|action| action.action != ActionKind::Untag).count();
    let waits = plan
        .kept
        .iter()
        .filter(|kept| matches!(kept.reason, Reason::Brake { .. }));
    let waiting: BTreeSet<_> = waits
        .map(|kept| (&kept.registry, &kept.repository, &kept.digest))
        .collect();
    let mut violations = Vec::new();
    if let Some(most) = configured.max_deletions().filter(|most| as_u64(gone) > *most) {
        violations.push(Violation::of_plan(
            Law::Limits,
            format!("{gone} roots are deleted in one run; {most} may be"),
        ));
    }
    if as_u64(waiting.len()) != plan.limits.waiting {
        let detail = format!(
            "{} roots wait for a later run; the plan says {}",
            waiting.len(),
            plan.limits.waiting
        );
        violations.push(Violation::of_plan(Law::Limits, detail));
    }
    let mut strangers = plan
        .limits
        .refused
        .iter()
        .map(|it| (&it.registry, &it.repository, it.kind));
    let mut seen = BTreeSet::new();
    if !strangers.all(|it| seen.insert(it)) {
        violations.push(Violation::of_plan(Law::Limits, "a fuse is listed twice".to_owned()));
    }
    violations
}

fn as_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
