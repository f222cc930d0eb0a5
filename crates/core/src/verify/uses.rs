//! Who uses what, read from the usage reports alone.

use std::collections::BTreeSet;

use super::Inspection;
use super::configured::Configured;
use super::times::{length, plausible, since};
use super::world::{Id, Place, World};
use crate::hashed::Map;
use crate::model::{Digest, ImageReference, Reference, RegistryHost, RepositoryName, SourceStatus, Tag, Usage};
use crate::reason::Hold;

/// Every reference that holds something, by what it names.
#[derive(Default)]
pub(super) struct Uses<'a> {
    digests: Map<Digest, Use<'a>>,
    tags: Map<(RegistryHost, RepositoryName), Map<Tag, Use<'a>>>,
    /// Path and tag at hosts that no scanned registry has: they count everywhere.
    tags_anywhere: Map<RepositoryName, Map<Tag, Use<'a>>>,
    /// Sources that named something that cannot be read.
    pub(super) unreadable: BTreeSet<usize>,
}

/// One use: the stronger of in-use and recently-used, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Use<'a> {
    pub(super) hold: Hold,
    pub(super) by: &'a str,
}

impl<'a> Uses<'a> {
    pub(super) fn new(world: &World<'a>, configured: &Configured<'a>) -> Self {
        let mut uses = Self::default();
        let scanned = scanned_hosts(world, configured);
        for (number, source) in world
            .facts
            .usage
            .iter()
            .flat_map(|usage| usage.sources.iter().enumerate())
        {
            for reference in &source.references {
                let Some(used) = still_counts(world, reference) else {
                    continue;
                };
                uses.add(reference, used, configured, &scanned);
                if cannot_be_read(reference) {
                    uses.unreadable.insert(number);
                }
            }
        }
        uses
    }

    fn add(
        &mut self,
        reference: &Reference,
        used: Use<'a>,
        configured: &Configured<'a>,
        scanned: &BTreeSet<RegistryHost>,
    ) {
        let image = parse(&reference.image);
        for digest in reference.digest.clone().into_iter().chain(image.digest()) {
            strengthen(self.digests.entry(digest).or_insert(used), used);
        }
        let Named::Image(image) = image else { return };
        let Some(tag) = image.effective_tag() else { return };
        for place in configured.behind_mirrors(&image) {
            strengthen(
                self.tags.entry(place).or_default().entry(tag.clone()).or_insert(used),
                used,
            );
        }
        let host = configured.canonical(&image.registry).clone();
        let slots = if scanned.contains(&host) {
            self.tags.entry((host, image.repository)).or_default()
        } else {
            self.tags_anywhere.entry(image.repository).or_default()
        };
        strengthen(slots.entry(tag).or_insert(used), used);
    }

    /// The uses of tags in one repository.
    pub(super) fn of_tags(&self, (host, name): Place<'_>, configured: &Configured<'_>) -> TagUses<'_, 'a> {
        let host = configured.canonical(host).clone();
        [self.tags.get(&(host, name.clone())), self.tags_anywhere.get(name)]
    }

    /// The use of a manifest, by its digest, its config's digest, or a tag.
    pub(super) fn of(&self, inspection: &Inspection<'_, '_>, id: Id, tags: TagUses<'_, 'a>) -> Option<Use<'a>> {
        let node = inspection.node(id);
        let by_digest = [Some(&node.manifest.digest), node.manifest.config_digest.as_ref()];
        let by_digest = by_digest
            .into_iter()
            .flatten()
            .filter_map(|digest| self.digests.get(digest));
        let by_tag = tags.into_iter().flatten().flat_map(|uses| {
            let tags = inspection.contents.tags_of(node);
            tags.filter_map(|tag| uses.get(&tag.name))
        });
        by_digest.chain(by_tag).min().copied()
    }
}

/// The uses of the tags of one repository: by its own name, and by that path at any host.
pub(super) type TagUses<'u, 'a> = [Option<&'u Map<Tag, Use<'a>>>; 2];

/// Sources that did not say everything, by their place in the usage.
pub(super) fn partial_sources(usage: &Usage, uses: &Uses<'_>) -> BTreeSet<usize> {
    let partial = usage.sources.iter().enumerate().filter(|(number, source)| {
        source.status == SourceStatus::Partial || !source.gaps.is_empty() || uses.unreadable.contains(number)
    });
    partial.map(|(number, _)| number).collect()
}

fn strengthen<'a>(known: &mut Use<'a>, used: Use<'a>) {
    *known = (*known).min(used);
}

/// One that was read and has no repository is as good as none: what a reference to it means is not known.
fn scanned_hosts(world: &World<'_>, configured: &Configured<'_>) -> BTreeSet<RegistryHost> {
    let hosts = world.places.keys().map(|(host, _)| *host);
    hosts.map(|host| configured.canonical(host).clone()).collect()
}

/// What the reference means today: in use, in use not long ago, or nothing any more.
fn still_counts<'a>(world: &World<'a>, reference: &'a Reference) -> Option<Use<'a>> {
    let taken_at = world.facts.usage?.taken_at;
    let by = reference.used_by.as_str();
    match plausible(reference.last_seen_at).filter(|seen| *seen < taken_at) {
        None => Some(Use { hold: Hold::InUse, by }),
        Some(seen) if since(seen, world.facts.now) <= length(world.facts.config.usage_memory) => Some(Use {
            hold: Hold::RecentlyUsed,
            by,
        }),
        Some(_) => None,
    }
}

/// What the text of a reference names.
enum Named {
    Image(ImageReference),
    Digest(Digest),
    Nothing,
    Unreadable,
}

impl Named {
    fn digest(&self) -> Option<Digest> {
        match self {
            Self::Image(image) => image.digest.clone(),
            Self::Digest(digest) => Some(digest.clone()),
            Self::Nothing | Self::Unreadable => None,
        }
    }
}

/// Engines write `docker-pullable://…` and bare digests beside references.
fn parse(image: &str) -> Named {
    let text = image.split_once("://").map_or(image, |(_, rest)| rest);
    if text.is_empty() {
        return Named::Nothing;
    }
    if let Some(digest) = Digest::of_image_id(text) {
        return Named::Digest(digest);
    }
    text.parse().map_or(Named::Unreadable, Named::Image)
}

fn cannot_be_read(reference: &Reference) -> bool {
    match parse(&reference.image) {
        Named::Unreadable => true,
        Named::Nothing => reference.digest.is_none(),
        Named::Image(_) | Named::Digest(_) => false,
    }
}
