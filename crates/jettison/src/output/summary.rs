//! A plan, counted: how much goes, what that frees, and why the rest stays, equal reasons taken together.

use std::collections::{BTreeMap, BTreeSet};

use jettison_core::model::{Digest, Inventory, Kind, RegistryHost, RepositoryName};
use jettison_core::plan::{ActionKind, Plan};
use jettison_core::reason::{Hold, Reason, Ruling};
use serde::Serialize;

use super::text::bytes;

type Root<'a> = (&'a RegistryHost, &'a RepositoryName, &'a Digest);

/// A plan, counted.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    /// Roots of all kinds that the plan speaks of.
    pub images: u64,
    /// How many there are of each kind.
    pub kinds: BTreeMap<Kind, u64>,
    /// Roots that are deleted.
    pub go: u64,
    /// Roots that are archived.
    pub archived: u64,
    /// The bytes that move to the archive.
    pub archived_bytes: u64,
    /// Roots that lose tags and stay.
    pub untagged: u64,
    /// Roots that stay as they are.
    pub stay: u64,
    /// Roots that should go or lose tags and cannot.
    pub blocked: u64,
    /// The bytes that are freed.
    pub bytes: u64,
    /// The part of that which a blown fuse refuses.
    pub refused: u64,
    /// Why roots go.
    pub going: Vec<Group>,
    /// Why entries stay.
    pub staying: Vec<Group>,
    /// Why entries cannot go.
    pub blocking: Vec<Group>,
    /// Each repository.
    pub repositories: Vec<RepositoryCount>,
}

/// Equal reasons, taken together.
#[derive(Debug, Clone, Serialize)]
pub struct Group {
    /// The reason.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// The bytes that it frees, or that it holds, if that is known.
    pub bytes: Option<u64>,
    /// One of them.
    pub example: String,
}

/// One repository, counted.
#[derive(Debug, Clone, Serialize)]
pub struct RepositoryCount {
    /// The registry and the repository.
    pub name: String,
    /// Its roots.
    pub images: u64,
    /// Those that go.
    pub go: u64,
    /// Those that are archived.
    pub archived: u64,
    /// The bytes that this frees.
    pub bytes: u64,
    /// Its fuse is blown.
    pub refused: bool,
}

#[derive(Default)]
struct Groups(BTreeMap<String, (u64, u64, String)>);

impl Groups {
    fn add(&mut self, reason: String, bytes: u64, example: impl Fn() -> String) {
        let (count, sum, _) = self.0.entry(reason).or_insert_with(|| (0, 0, example()));
        *count += 1;
        *sum = sum.saturating_add(bytes);
    }

    fn ordered(self, with_bytes: bool) -> Vec<Group> {
        let group = |(reason, (count, bytes, example))| Group {
            reason,
            count,
            bytes: with_bytes.then_some(bytes),
            example,
        };
        let mut groups: Vec<Group> = self.0.into_iter().map(group).collect();
        groups.sort_by(|left, right| right.count.cmp(&left.count).then(left.reason.cmp(&right.reason)));
        groups
    }
}

impl Summary {
    /// Counts a plan. With the inventory at hand, it also tells how much the rules that always keep do hold.
    pub fn of(plan: &Plan, inventory: Option<&Inventory>) -> Self {
        let mut roots: BTreeMap<Root<'_>, Kind> = BTreeMap::new();
        let mut repositories: BTreeMap<(&RegistryHost, &RepositoryName), RepositoryCount> = BTreeMap::new();
        let (mut going, mut staying, mut blocking) = (Groups::default(), Groups::default(), Groups::default());
        let mut summary = Self::default();
        let mut last_rule = String::new();
        for action in &plan.actions {
            let count = repositories
                .entry((&action.registry, &action.repository))
                .or_insert_with(|| RepositoryCount {
                    name: format!("{}/{}", action.registry, action.repository),
                    images: 0,
                    go: 0,
                    archived: 0,
                    bytes: 0,
                    refused: false,
                });
            let sum = match action.action {
                ActionKind::Archive => &mut summary.archived_bytes,
                ActionKind::Delete | ActionKind::Untag => {
                    count.bytes = count.bytes.saturating_add(action.bytes);
                    &mut summary.bytes
                }
            };
            *sum = sum.saturating_add(action.bytes);
            count.refused |= action.refused;
            summary.refused += u64::from(action.refused);
            if matches!(action.reason, Reason::Follows { .. }) {
                going
                    .0
                    .entry(last_rule.clone())
                    .and_modify(|(_, bytes, _)| *bytes = bytes.saturating_add(action.bytes));
                continue;
            }
            roots.insert((&action.registry, &action.repository, &action.digest), action.kind);
            last_rule = format!(
                "{}{}",
                going_because(&action.reason),
                match action.action {
                    ActionKind::Untag => " (tags only)",
                    ActionKind::Archive => " (archived)",
                    ActionKind::Delete => "",
                }
            );
            let example = || {
                image_name(
                    &action.repository,
                    action.tags.first().map(ToString::to_string),
                    &action.digest,
                )
            };
            going.add(last_rule.clone(), action.bytes, example);
            match action.action {
                ActionKind::Delete => {
                    count.go += 1;
                    summary.go += 1;
                }
                ActionKind::Archive => {
                    count.archived += 1;
                    summary.archived += 1;
                }
                ActionKind::Untag => summary.untagged += 1,
            }
        }
        let mut blocked = BTreeSet::new();
        for (list, groups) in [(&plan.kept, &mut staying), (&plan.blocked, &mut blocking)] {
            for kept in list {
                roots
                    .entry((&kept.registry, &kept.repository, &kept.digest))
                    .or_insert(kept.kind);
                let tag = kept.tag.as_ref().map(ToString::to_string);
                groups.add(staying_because(&kept.reason), 0, || {
                    image_name(&kept.repository, tag.clone(), &kept.digest)
                });
            }
        }
        blocked.extend(
            plan.blocked
                .iter()
                .map(|kept| (&kept.registry, &kept.repository, &kept.digest)),
        );
        for (registry, name, _) in roots.keys() {
            let new = || RepositoryCount {
                name: format!("{registry}/{name}"),
                images: 0,
                go: 0,
                archived: 0,
                bytes: 0,
                refused: false,
            };
            repositories.entry((registry, name)).or_insert_with(new).images += 1;
        }
        summary.images = roots.len() as u64;
        for kind in roots.values() {
            *summary.kinds.entry(*kind).or_default() += 1;
        }
        summary.blocked = blocked.len() as u64;
        summary.stay = summary.images - summary.go - summary.archived - summary.untagged;
        summary.going = going.ordered(true);
        summary.staying = staying.ordered(false);
        summary.blocking = blocking.ordered(false);
        summary.repositories = repositories.into_values().collect();
        if let Some(inventory) = inventory {
            summary.add_held_bytes(plan, inventory);
        }
        summary
    }

    /// What the rules that always keep do hold: the blobs of their images, each counted once.
    fn add_held_bytes(&mut self, plan: &Plan, inventory: &Inventory) {
        let manifests: BTreeMap<Root<'_>, _> = inventory
            .repositories
            .iter()
            .flat_map(|repository| {
                repository
                    .manifests
                    .iter()
                    .map(move |manifest| ((&repository.registry, &repository.name, &manifest.digest), manifest))
            })
            .collect();
        let mut held: BTreeMap<String, BTreeMap<(&RegistryHost, &Digest), u64>> = BTreeMap::new();
        for kept in plan
            .kept
            .iter()
            .filter(|kept| matches!(kept.reason, Reason::KeepAlways(_)))
        {
            let blobs = held.entry(staying_because(&kept.reason)).or_default();
            let mut open = vec![&kept.digest];
            let mut seen = BTreeSet::new();
            while let Some(digest) = open.pop() {
                let Some(manifest) = manifests.get(&(&kept.registry, &kept.repository, digest)) else {
                    continue;
                };
                if seen.insert(digest) {
                    blobs.extend(
                        manifest
                            .blobs
                            .iter()
                            .map(|blob| ((&kept.registry, &blob.digest), blob.size)),
                    );
                    open.extend(&manifest.children);
                }
            }
        }
        for group in &mut self.staying {
            group.bytes = held
                .get(&group.reason)
                .map(|blobs| blobs.values().fold(0_u64, |sum, size| sum.saturating_add(*size)));
        }
    }
}

/// `apps/web:main-1a2b3c4`, or with a short digest where there is no tag.
pub fn image_name(repository: &RepositoryName, tag: Option<String>, digest: &Digest) -> String {
    match tag {
        Some(tag) => format!("{repository}:{tag}"),
        None => format!("{repository}@{}", digest.short()),
    }
}

fn rule_name(ruling: &Ruling) -> String {
    format!("rule `{}` of `{}`", ruling.rule(), ruling.policy())
}

fn going_because(reason: &Reason) -> String {
    match reason {
        Reason::Expired(ruling) => {
            let conditions: Vec<String> = ruling
                .conditions()
                .iter()
                .map(|(name, finding)| format!("{name} {}", finding.limit))
                .collect();
            format!("{}: {}", rule_name(ruling), conditions.join(", "))
        }
        other => other.code().to_owned(),
    }
}

/// A reason in plain words, the same for all that share it.
pub fn staying_because(reason: &Reason) -> String {
    match reason {
        Reason::KeepAlways(ruling) => format!("{} keeps them always", rule_name(ruling)),
        Reason::NotExpired(ruling) => match undecided(ruling) {
            Some(unknown) => format!("{} does not expire them; {unknown}", rule_name(ruling)),
            None => format!("{} does not expire them yet", rule_name(ruling)),
        },
        Reason::Unless(ruling) => format!("{} spares the newest of each period", rule_name(ruling)),
        Reason::NoRule { policy: Some(policy) } => format!("no rule of `{policy}` fits them"),
        Reason::NoRule { policy: None } => "no policy covers their repository".to_owned(),
        Reason::Hold { hold, because, .. } => held_because(*hold, because),
        Reason::Needed { .. } => "something that stays needs them".to_owned(),
        Reason::KeepAtLeast { limit, .. } => {
            format!("they are among the newest {limit} of their repository, which never go")
        }
        Reason::SharesImage { .. } => "another tag of the same image stays".to_owned(),
        Reason::Brake { limit, .. } => format!("they wait: one run deletes at most {limit} (max-deletions)"),
        Reason::CannotUntag { .. } => {
            "the registry cannot remove a single tag, and other tags of the image stay".to_owned()
        }
        Reason::CannotDelete { .. } => "the registry has deletes switched off".to_owned(),
        Reason::Archived(_) => "they are archived already".to_owned(),
        Reason::CannotArchive { .. } => "the registry has no archive that is known of".to_owned(),
        Reason::ArchiveSavesNothing { stored, .. } => {
            format!(
                "archiving them saves nothing: their registry holds {}, and it pays from 150 TB on",
                bytes(*stored)
            )
        }
        Reason::ArchiveMinimum { .. } => {
            "they were archived less than 90 days ago: deleting them now would cost as much as leaving them".to_owned()
        }
        Reason::Expired(_) | Reason::Follows { .. } => reason.code().to_owned(),
    }
}

/// What a rule could not decide, and why: `not-pulled-for is unknown: no pull times are known here`.
fn undecided(ruling: &Ruling) -> Option<String> {
    let mut conditions = ruling.conditions().into_iter();
    let (name, finding) = conditions.find(|(_, finding)| finding.holds.is_none())?;
    let name = name.split('#').next().unwrap_or(&name);
    Some(format!("{name} is {}", finding.found))
}

fn held_because(hold: Hold, because: &str) -> String {
    match hold {
        Hold::InUse => "in use".to_owned(),
        Hold::RecentlyUsed => "in use not long ago".to_owned(),
        Hold::Restored => "put back by undo not long ago".to_owned(),
        Hold::Grace if because.contains("first seen") => "first seen less than the grace period ago".to_owned(),
        Hold::Grace => "arrived or changed less than the grace period ago".to_owned(),
        Hold::Protected => "protected by the configuration or a label".to_owned(),
        Hold::Immutable => "their tags must not be removed".to_owned(),
        Hold::UsageIncomplete => "what is in use is not known completely".to_owned(),
        Hold::Incomplete => "their repository, or what they are attached to, was not read completely".to_owned(),
    }
}
