//! Looks again before anything goes: at the tags, at what is attached, at what is in use.
//!
//! By the same rules as the plan; all it can do is to hold something.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};
use jettison_core::evaluate::used;
use jettison_core::facts::{Facts, Origin};
use jettison_core::model::{
    Blob, Capabilities, Digest, Inventory, Kind, Manifest, RegistryHost, Repository, RepositoryName, Schema, Tag,
    TagEntry, Usage,
};
use jettison_core::plan::ActionKind;
use jettison_core::reason::{Hold, Reason};
use jettison_core::recognise::ParsedManifest;
use jiff::Timestamp;
use tokio::time::Instant;

use super::reading::Reader;
use super::report::Happened;
use super::repository::RepositoryRun;
use super::unit::Condemned;
use super::watch::Watch;
use super::{Asked, FRESH};
use crate::registry::{Referrers, RegistryError};
use crate::store::StoreError;

/// Questions about referrers at once; the registry's own limit decides how many really run.
const QUESTIONS: usize = 16;

/// Why something is not removed now after all, and what that counts as.
pub(super) type NotNow = (Happened, String);

pub(super) fn failed(held: impl IntoIterator<Item = (Digest, String)>) -> impl Iterator<Item = (Digest, NotNow)> {
    held.into_iter().map(|(digest, why)| (digest, (Happened::Failed, why)))
}

/// Something that came into use is a failure of the plan; a source that does not answer is a refusal.
fn describe(reason: &Reason) -> NotNow {
    match reason {
        Reason::Hold {
            hold: Hold::UsageIncomplete,
            because,
            ..
        } => (Happened::Refused, because.clone()),
        Reason::Hold { used_by, because, .. } => (
            Happened::Failed,
            format!("in use by now: {because} ({})", used_by.join(", ")),
        ),
        other => (Happened::Failed, other.code().to_owned()),
    }
}

/// What was seen, and when.
#[derive(Debug)]
pub(super) struct Look {
    at: Instant,
    /// What must not go after all: in use now, wanted by a tag, attached to since.
    pub(super) held: BTreeMap<Digest, NotNow>,
}

impl Look {
    /// A look that holds everything, for the same reason.
    pub(super) fn holding(digests: &[Digest], why: &NotNow) -> Self {
        Self {
            at: Instant::now(),
            held: digests.iter().map(|digest| (digest.clone(), why.clone())).collect(),
        }
    }

    /// Until when a removal may rely on it.
    pub(super) fn fresh_until(&self) -> Instant {
        self.at + FRESH
    }

    /// Whether a removal may still rely on it.
    pub(super) fn is_fresh(&self) -> bool {
        self.at.elapsed() < FRESH
    }
}

/// Everything that is needed to look again.
pub(super) struct Looking<'r, 'a> {
    pub(super) run: &'r RepositoryRun<'a>,
    pub(super) reader: Reader<'r>,
    pub(super) condemned: &'r BTreeMap<Digest, Condemned<'a>>,
    /// The tags that stay, by what they point to.
    pub(super) kept_tags: BTreeMap<&'a Digest, Vec<&'a Tag>>,
    pub(super) watch: Watch<'r>,
    pub(super) asked: &'r mut Asked<'a>,
}

impl Looking<'_, '_> {
    /// Looks at some condemned manifests.
    ///
    /// # Errors
    /// Only if the store fails: what the registry or a source does not tell holds everything.
    pub(super) async fn look(&mut self, digests: &[Digest]) -> Result<Look, StoreError> {
        let begun = Instant::now();
        let mut held: BTreeMap<Digest, NotNow> = BTreeMap::new();
        // An image that only loses tags stays, whatever else points to it. One that is archived cannot be pulled.
        let deletes = |digest: &&Digest| {
            self.condemned
                .get(*digest)
                .is_some_and(|condemned| condemned.action.action != ActionKind::Untag)
        };
        let deleted: Vec<Digest> = digests.iter().filter(deletes).cloned().collect();
        match self.watch.wanted().await {
            Ok(wanted) => {
                for digest in &deleted {
                    if let Some(why) = wanted.get(digest) {
                        held.insert(digest.clone(), (Happened::Failed, format!("{why} since the plan")));
                    }
                }
            }
            Err(why) => {
                let why = format!("its tags could not be looked up again: {why}");
                held.extend(failed(digests.iter().map(|digest| (digest.clone(), why.clone()))));
            }
        }
        if !self.watch.knows_what_is_attached() {
            for (digest, why) in failed(self.newly_attached(&deleted).await?) {
                held.entry(digest).or_insert(why);
            }
        }
        if let Some(usage) = self.asked.usage().await?.cloned() {
            let in_use = match self.inventory(digests).await? {
                Ok(inventory) => self.in_use(digests, &usage, &inventory),
                Err(why) => failed(digests.iter().map(|digest| (digest.clone(), why.clone()))).collect(),
            };
            for (digest, why) in in_use {
                held.entry(digest).or_insert(why);
            }
        }
        // As old as the oldest of its parts, which may have been seen for an earlier look.
        let parts = [self.watch.seen_at(), self.asked.at()];
        let at = parts.into_iter().flatten().fold(begun, Instant::min);
        let look = Look { at, held };
        if look.is_fresh() {
            return Ok(look);
        }
        let seconds = FRESH.as_secs();
        let why = format!(
            "looking everything up again took more than {seconds} s, so that something may have changed meanwhile"
        );
        self.reader.trouble.stop(&why);
        Ok(Look::holding(digests, &(Happened::Failed, why)))
    }

    /// Referrers that were pushed since the plan, where the registry lists referrers. The next scan shall know them.
    async fn newly_attached(&self, digests: &[Digest]) -> Result<Vec<(Digest, String)>, StoreError> {
        let Some(first) = digests.first() else {
            return Ok(Vec::new());
        };
        let Reader { registry, name, .. } = self.reader;
        if registry.referrers(name, first).await == Ok(Referrers::Unsupported) {
            return Ok(Vec::new());
        }
        let ask = |digest: Digest| async move {
            let answer = self.attached_since(&digest).await;
            (digest, answer)
        };
        let answers: Vec<_> = stream::iter(digests.iter().cloned())
            .map(ask)
            .buffer_unordered(QUESTIONS)
            .collect()
            .await;
        let mut held = Vec::new();
        let mut learnt = BTreeMap::new();
        for (digest, answer) in answers {
            match answer {
                Ok(None) => {}
                Ok(Some((new, referrers))) => {
                    let why = format!("{} was attached to it since the plan", new.short());
                    held.push((digest.clone(), why));
                    learnt.insert(digest, referrers);
                }
                Err(why) => held.push((digest, why)),
            }
        }
        if !learnt.is_empty() {
            self.run.learn(learnt).await?;
        }
        Ok(held)
    }

    /// A referrer that the plan does not take along, with all that are listed. One that is listed and not there (some
    /// registries' lists lag behind) holds nothing.
    async fn attached_since(&self, subject: &Digest) -> Result<Option<(Digest, Vec<Digest>)>, String> {
        let Reader {
            registry,
            name,
            trouble,
            ..
        } = self.reader;
        if let Some(why) = trouble.why() {
            return Err(why);
        }
        let told = |error: RegistryError| {
            trouble.note(&error);
            error.to_string()
        };
        let Referrers::Listed(referrers) = registry.referrers(name, subject).await.map_err(told)? else {
            return Ok(None);
        };
        for new in referrers
            .iter()
            .filter(|referrer| !self.condemned.contains_key(referrer))
        {
            if registry.exists(name, new).await.map_err(told)? {
                return Ok(Some((new.clone(), referrers)));
            }
        }
        Ok(None)
    }

    /// What somebody uses now, by the same rules as in the plan.
    fn in_use(&self, digests: &[Digest], usage: &Usage, inventory: &Inventory) -> Vec<(Digest, NotNow)> {
        let config = self.run.applier.config;
        let facts = Facts {
            inventory,
            usage: Some(usage),
            config,
            now: Timestamp::now(),
            origin: Origin::Registries,
        };
        let condemned: BTreeSet<&Digest> = digests.iter().collect();
        let held = used(&facts)
            .into_iter()
            .filter(|((_, _, digest), _)| condemned.contains(digest));
        held.map(|((_, _, digest), reason)| (digest, describe(&reason)))
            .collect()
    }

    /// The condemned manifests, and whatever below them stays, as far as usage needs to know them.
    async fn inventory(&self, digests: &[Digest]) -> Result<Result<Inventory, String>, StoreError> {
        let condemned: BTreeMap<&Digest, &ParsedManifest> = digests
            .iter()
            .filter_map(|digest| Some((digest, &self.condemned.get(digest)?.parsed)))
            .collect();
        let below = self
            .reader
            .below(condemned.values().copied(), |digest| condemned.contains_key(digest));
        let below = match below.await? {
            Ok(below) => below,
            Err(why) => return Ok(Err(why)),
        };
        let all = condemned.into_iter().chain(&below);
        let manifests: BTreeMap<Digest, Manifest> = all
            .map(|(digest, parsed)| (digest.clone(), manifest(digest, parsed)))
            .collect();
        // Tags that stay count as well: of images that only lose others, and of children that stay.
        let tags: Vec<TagEntry> = manifests.keys().flat_map(|digest| self.tags_of(digest)).collect();
        let here = Repository {
            tags,
            manifests: manifests.into_values().collect(),
            ..empty(self.run.host, self.run.name)
        };
        // Other registries of the plan: a reference to one of them says nothing about this one.
        let others = self.run.hosts().into_iter().filter(|host| *host != self.run.host);
        let others = others.map(|host| empty(host, self.run.name));
        Ok(Ok(Inventory {
            schema: Schema,
            taken_at: Timestamp::now(),
            complete_registries: BTreeSet::new(),
            repositories: std::iter::once(here).chain(others).collect(),
            gaps: Vec::new(),
        }))
    }
}

/// A repository of which nothing is said.
fn empty(registry: &RegistryHost, name: &RepositoryName) -> Repository {
    Repository {
        registry: registry.clone(),
        name: name.clone(),
        capabilities: Capabilities::default(),
        pull_data_since: None,
        scanned_since: None,
        missing: BTreeSet::new(),
        dangling: BTreeSet::new(),
        gaps: Vec::new(),
        tags: Vec::new(),
        manifests: Vec::new(),
    }
}

impl Looking<'_, '_> {
    fn tags_of<'s>(&'s self, digest: &'s Digest) -> impl Iterator<Item = TagEntry> + 's {
        let condemned = self
            .condemned
            .get(digest)
            .into_iter()
            .flat_map(|condemned| &condemned.action.tags);
        let kept = self.kept_tags.get(digest).into_iter().flatten().copied();
        let entry = |tag: &Tag| TagEntry {
            name: tag.clone(),
            digest: digest.clone(),
            updated_at: None,
            immutable: false,
        };
        condemned.chain(kept).map(entry)
    }
}

/// As much of a manifest as usage needs: digests and relations.
fn manifest(digest: &Digest, parsed: &ParsedManifest) -> Manifest {
    Manifest {
        digest: digest.clone(),
        kind: parsed.kind.unwrap_or(Kind::Image),
        media_type: parsed.media_type.clone(),
        artifact_type: None,
        config_media_type: None,
        config_digest: parsed.config.as_ref().map(|config| config.digest.clone()),
        size: 0,
        blobs: Vec::<Blob>::new(),
        children: parsed.children.clone(),
        subject: parsed.subject.clone(),
        platform: None,
        created_at: None,
        pushed_at: None,
        untagged_at: None,
        last_pulled_at: None,
        first_seen_at: None,
        archived_at: None,
        restored_at: None,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
    }
}
