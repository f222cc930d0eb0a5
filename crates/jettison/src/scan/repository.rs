//! Reads one repository: tags, manifests, what belongs to them, and configs.
//!
//! Never fails whole: what cannot be read becomes a gap, and a repository with a gap loses nothing.
//! It only asks; nothing here changes a registry.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{StreamExt as _, stream};
use jettison_core::model::{Digest, RepositoryName, Tag};
use jettison_core::recognise::{ConfigFacts, ParsedManifest};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};

use super::found::{Ask, Found, Wanted};
use super::ration::Ration;
use crate::output::Progress;
use crate::output::text::with_causes;
use crate::registry::{
    ErrorKind, FetchedManifest, MAX_CONFIG_BYTES, ManifestReference, Referrers, Registry, RegistryError,
    RepositoryFacts,
};
use crate::store::{CachedConfig, CachedManifest, RepositoryMemory, Store, StoreError};

/// Calls that may wait for the registry's own limit at once; that limit decides how many really run.
const CALLS: usize = 64;

/// Manifests whose bytes are in memory at once.
const BATCH: usize = 1_000;

/// Children of children, referrers of referrers: no builder goes so deep, and an enemy might.
const MAX_ROUNDS: usize = 32;

/// After so many failures in one repository the rest is not asked for: it has a gap anyway.
const MAX_FAILURES: usize = 50;

/// So long an answer of the referrers API is believed. An apply asks anew before it deletes.
const REFERRERS_TRUSTED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Reads one repository with what is remembered of it.
pub(super) struct RepositoryReader<'a> {
    pub(super) registry: &'a dyn Registry,
    pub(super) name: &'a RepositoryName,
    pub(super) store: &'a Store,
    pub(super) memory: &'a RepositoryMemory,
    /// When the scan began.
    pub(super) taken_at: Timestamp,
    pub(super) progress: &'a Progress,
    /// Whether the registry has a referrers API, once somebody has asked; shared by its repositories.
    pub(super) referrers_api: &'a OnceCell<bool>,
    pub(super) failures: AtomicUsize,
    /// After that nothing more is asked for.
    pub(super) until: Instant,
    pub(super) ration: &'a Ration,
}

/// The manifest of one tag or digest.
struct Read {
    digest: Digest,
    parsed: ParsedManifest,
    size: u64,
    /// The bytes, if they came from the registry just now.
    fetched: Option<FetchedManifest>,
}

/// Why a read has no answer.
enum NoAnswer {
    /// This went wrong.
    Failed(String),
    /// Too much went wrong before, or too much time is gone.
    NotAsked,
}

impl RepositoryReader<'_> {
    /// Reads everything that can be read.
    ///
    /// # Errors
    /// Only if the store fails: what the registry does not give is a gap.
    pub(super) async fn read(&self) -> Result<Found, StoreError> {
        let mut found = Found::default();
        let tags = match self.ask(self.registry.tags(self.name)).await {
            Ok(tags) => tags,
            Err(NoAnswer::Failed(why)) => {
                found.gap(why);
                return Ok(found);
            }
            Err(NoAnswer::NotAsked) => {
                found.gap(self.late());
                return Ok(found);
            }
        };
        match self.ask(self.registry.facts(self.name)).await {
            Ok(facts) => found.facts = facts,
            Err(NoAnswer::Failed(why)) => found.gap(why),
            Err(NoAnswer::NotAsked) => {}
        }
        self.read_tags(tags, &mut found).await?;
        let facts = found.facts.clone();
        self.follow(&facts, &mut found).await?;
        self.read_configs(&mut found).await?;
        let failures = self.failures.load(Ordering::Relaxed);
        if failures >= MAX_FAILURES {
            found.gap(format!("after {failures} failures the rest was not asked for"));
        } else if Instant::now() >= self.until {
            found.gap(self.late());
        }
        Ok(found)
    }

    fn late(&self) -> String {
        format!(
            "the scan of {} took so long that the rest was not asked for",
            self.registry.host()
        )
    }

    async fn read_tags(&self, tags: Vec<Tag>, found: &mut Found) -> Result<(), StoreError> {
        self.progress.expect(tags.len() as u64);
        for tags in tags.chunks(BATCH) {
            let remembered = tags.iter().filter_map(|tag| self.memory.tags.get(tag));
            let cache = self
                .store
                .manifests(&remembered.map(|tag| tag.digest.clone()).collect::<Vec<_>>())
                .await?;
            let cache = &cache;
            let answers = self
                .each(tags.to_vec(), |tag| async move { self.read_tag(&tag, cache).await })
                .await;
            let mut fetched = Vec::new();
            for (tag, answer) in answers {
                match answer {
                    Ok(Some(read)) => {
                        found.tags.insert(tag, read.digest.clone());
                        fetched.extend(
                            found
                                .add(read.digest, read.parsed, read.size)
                                .then_some(read.fetched)
                                .flatten(),
                        );
                    }
                    Ok(None) => drop(found.dangling.insert(tag)),
                    Err(NoAnswer::Failed(why)) => found.gap(format!("tag {tag}: {why}")),
                    Err(NoAnswer::NotAsked) => {}
                }
            }
            self.remember(fetched).await?;
        }
        Ok(())
    }

    /// A tag that points where it did costs one HEAD; any other one GET.
    async fn read_tag(&self, tag: &Tag, cache: &HashMap<Digest, CachedManifest>) -> Result<Option<Read>, NoAnswer> {
        let remembered = self.memory.tags.get(tag).and_then(|memory| cache.get(&memory.digest));
        if let Some(cached) = remembered {
            match self.ask(self.registry.resolve(self.name, tag)).await? {
                None => return Ok(None),
                Some(digest) if digest == cached.digest => return self.admit(Read::cached(cached)?).map(Some),
                Some(_) => {}
            }
        }
        let fetched = self
            .ask(self.registry.manifest(self.name, &ManifestReference::Tag(tag.clone())))
            .await?;
        fetched.map(|fetched| self.admit(Read::fetched(fetched)?)).transpose()
    }

    /// Children, subjects, referrers, and manifests that had a tag once, until nothing new turns up.
    async fn follow(&self, facts: &RepositoryFacts, found: &mut Found) -> Result<(), StoreError> {
        let mut others: Vec<Digest> = facts.untagged.clone();
        others.extend(self.memory.manifests.keys().cloned());
        for _ in 0..MAX_ROUNDS {
            let mut wanted = found.related(&self.memory.referrers);
            if wanted.is_empty() {
                wanted = found.unknown(std::mem::take(&mut others));
            }
            if wanted.is_empty() {
                wanted = self.ask_referrers(found).await;
            }
            if wanted.is_empty() {
                return Ok(());
            }
            self.read_digests(wanted, found).await?;
        }
        found.gap(format!(
            "after {MAX_ROUNDS} rounds there were still manifests that belong to others"
        ));
        Ok(())
    }

    async fn read_digests(&self, wanted: Wanted, found: &mut Found) -> Result<(), StoreError> {
        self.progress.expect(wanted.len() as u64);
        let wanted: Vec<(Digest, Ask)> = wanted.into_iter().collect();
        for wanted in wanted.chunks(BATCH) {
            let known = wanted
                .iter()
                .map(|(digest, _)| digest)
                .filter(|digest| self.memory.manifests.contains_key(digest));
            let cache = self.store.manifests(&known.cloned().collect::<Vec<_>>()).await?;
            let cache = &cache;
            let read = |(digest, ask): (Digest, Ask)| async move { self.read_digest(&digest, ask, cache).await };
            let mut fetched = Vec::new();
            for ((digest, _), answer) in self.each(wanted.to_vec(), read).await {
                match answer {
                    Ok(Some(read)) => {
                        fetched.extend(
                            found
                                .add(read.digest, read.parsed, read.size)
                                .then_some(read.fetched)
                                .flatten(),
                        );
                    }
                    Ok(None) => drop(found.missing.insert(digest)),
                    Err(NoAnswer::Failed(why)) => found.gap(format!("{}: {why}", digest.short())),
                    Err(NoAnswer::NotAsked) => {}
                }
            }
            self.remember(fetched).await?;
        }
        Ok(())
    }

    /// What was here before and is listed by something that is here costs nothing.
    async fn read_digest(
        &self,
        digest: &Digest,
        ask: Ask,
        cache: &HashMap<Digest, CachedManifest>,
    ) -> Result<Option<Read>, NoAnswer> {
        if let Some(cached) = cache.get(digest) {
            let here = ask == Ask::IfUnknown || self.ask(self.registry.exists(self.name, digest)).await?;
            return here.then(|| self.admit(Read::cached(cached)?)).transpose();
        }
        let reference = ManifestReference::Digest(digest.clone());
        let fetched = self.ask(self.registry.manifest(self.name, &reference)).await?;
        fetched.map(|fetched| self.admit(Read::fetched(fetched)?)).transpose()
    }

    /// Asks what is attached to manifests of which nobody has asked that before.
    async fn ask_referrers(&self, found: &mut Found) -> Wanted {
        let known = |digest: &Digest| {
            let answer = self.memory.referrers.get(digest);
            answer.is_some_and(|answer| self.taken_at.duration_since(answer.asked_at) < REFERRERS_TRUSTED)
        };
        let unasked = |digest: &&Digest| !known(digest) && !found.referrers.contains_key(*digest);
        let subjects: Vec<Digest> = found.manifests.keys().filter(unasked).cloned().collect();
        let Some(first) = subjects.first() else {
            return Wanted::new();
        };
        match self.has_referrers_api(first).await {
            Ok(true) => self.ask_each(subjects, found).await,
            // Remembered as an answer, so that the next scan does not ask again.
            Ok(false) => found
                .referrers
                .extend(subjects.into_iter().map(|subject| (subject, Vec::new()))),
            Err(NoAnswer::Failed(why)) => found.gap(format!("what is attached to {}: {why}", first.short())),
            Err(NoAnswer::NotAsked) => {}
        }
        let referrers = found.referrers.values().flatten().cloned().collect();
        found.unknown(referrers)
    }

    /// One question answers it for the whole registry, however many repositories are read at once.
    async fn has_referrers_api(&self, subject: &Digest) -> Result<bool, NoAnswer> {
        let ask = || async {
            let answer = self.ask(self.registry.referrers(self.name, subject)).await?;
            Ok(answer != Referrers::Unsupported)
        };
        self.referrers_api.get_or_try_init(ask).await.copied()
    }

    async fn ask_each(&self, subjects: Vec<Digest>, found: &mut Found) {
        self.progress.expect(subjects.len() as u64);
        let ask = |subject: Digest| async move { self.ask(self.registry.referrers(self.name, &subject)).await };
        for (subject, answer) in self.each(subjects, ask).await {
            match answer {
                Ok(Referrers::Listed(referrers)) => drop(found.referrers.insert(subject, referrers)),
                Ok(Referrers::Unsupported) | Err(NoAnswer::NotAsked) => {}
                Err(NoAnswer::Failed(why)) => found.gap(format!("what is attached to {}: {why}", subject.short())),
            }
        }
    }

    /// Reads the configs of images: dates, labels and platforms stand nowhere else.
    async fn read_configs(&self, found: &mut Found) -> Result<(), StoreError> {
        let wanted: BTreeSet<Digest> = found.wanted_configs();
        let wanted: Vec<Digest> = wanted.into_iter().collect();
        self.progress.expect(wanted.len() as u64);
        for wanted in wanted.chunks(BATCH) {
            let cached = self.store.configs(wanted).await?;
            let cached = &cached;
            let mut facts: BTreeMap<Digest, ConfigFacts> = BTreeMap::new();
            let mut fresh = Vec::new();
            for (digest, answer) in self
                .each(wanted.to_vec(), |digest| self.read_config(digest, cached))
                .await
            {
                match answer {
                    Ok(Some((read, is_fresh))) => {
                        fresh.extend(is_fresh.then(|| cacheable(&digest, &read)).flatten());
                        facts.insert(digest, read);
                    }
                    // An image whose config is gone cannot be pulled; what it said of itself is unknown for good.
                    Ok(None) | Err(NoAnswer::NotAsked) => {}
                    Err(NoAnswer::Failed(why)) => found.gap(format!("config {}: {why}", digest.short())),
                }
            }
            self.store.put_configs(&fresh).await?;
            found.add_configs(&facts, self.ration);
        }
        Ok(())
    }

    /// Facts, and whether they were read just now.
    async fn read_config(
        &self,
        digest: Digest,
        cached: &HashMap<Digest, CachedConfig>,
    ) -> Result<Option<(ConfigFacts, bool)>, NoAnswer> {
        let known = cached
            .get(&digest)
            .and_then(|cached| serde_json::from_str(&cached.facts).ok());
        if let Some(facts) = known {
            return Ok(Some((facts, false)));
        }
        let Some(bytes) = self
            .ask(self.registry.blob(self.name, &digest, MAX_CONFIG_BYTES))
            .await?
        else {
            return Ok(None);
        };
        let facts = ConfigFacts::read(&bytes).map_err(|error| NoAnswer::Failed(with_causes(&error)))?;
        Ok(Some((facts, true)))
    }

    async fn remember(&self, fetched: Vec<FetchedManifest>) -> Result<(), StoreError> {
        let manifests: Vec<CachedManifest> = fetched
            .into_iter()
            .map(|fetched| CachedManifest {
                digest: fetched.digest,
                media_type: fetched.media_type,
                bytes: fetched.bytes.to_vec(),
            })
            .collect();
        self.store.put_manifests(&manifests).await
    }

    /// Runs one read for each item, many at once, in the order in which they end.
    async fn each<T: Clone, R, F>(&self, items: Vec<T>, read: impl Fn(T) -> F) -> Vec<(T, Result<R, NoAnswer>)>
    where
        F: Future<Output = Result<R, NoAnswer>>,
    {
        let read = &read;
        stream::iter(items)
            .map(|item| async move {
                let answer = if self.failures.load(Ordering::Relaxed) < MAX_FAILURES {
                    read(item.clone()).await
                } else {
                    Err(NoAnswer::NotAsked)
                };
                self.progress.advance();
                (item, answer)
            })
            .buffer_unordered(CALLS)
            .collect()
            .await
    }

    async fn ask<R>(&self, call: impl Future<Output = Result<R, RegistryError>>) -> Result<R, NoAnswer> {
        let Ok(answer) = timeout_at(self.until, call).await else {
            return Err(NoAnswer::NotAsked);
        };
        answer.map_err(|error| {
            // A registry that refuses one call, or has had enough of them, refuses the next ones too.
            let weight = match error.kind {
                ErrorKind::Unauthenticated | ErrorKind::Forbidden | ErrorKind::RateLimited => MAX_FAILURES,
                _ => 1,
            };
            self.failures.fetch_add(weight, Ordering::Relaxed);
            NoAnswer::Failed(error.to_string())
        })
    }

    /// What was read, if there is room for it.
    fn admit(&self, read: Read) -> Result<Read, NoAnswer> {
        if self.ration.takes(read.size) {
            return Ok(read);
        }
        self.failures.fetch_add(MAX_FAILURES, Ordering::Relaxed);
        let size = read.size;
        Err(NoAnswer::Failed(format!(
            "with its {size} bytes the manifests of this registry are too large to be kept in memory"
        )))
    }
}

impl Read {
    fn cached(cached: &CachedManifest) -> Result<Self, NoAnswer> {
        let parsed = parse(&cached.media_type, &cached.bytes)?;
        Ok(Self {
            digest: cached.digest.clone(),
            parsed,
            size: cached.bytes.len() as u64,
            fetched: None,
        })
    }

    fn fetched(fetched: FetchedManifest) -> Result<Self, NoAnswer> {
        let parsed = parse(&fetched.media_type, &fetched.bytes)?;
        let size = fetched.bytes.len() as u64;
        Ok(Self {
            digest: fetched.digest.clone(),
            parsed,
            size,
            fetched: Some(fetched),
        })
    }
}

fn parse(media_type: &str, bytes: &[u8]) -> Result<ParsedManifest, NoAnswer> {
    ParsedManifest::read(Some(media_type), bytes).map_err(|error| NoAnswer::Failed(with_causes(&error)))
}

fn cacheable(digest: &Digest, facts: &ConfigFacts) -> Option<CachedConfig> {
    Some(CachedConfig {
        digest: digest.clone(),
        facts: serde_json::to_string(facts).ok()?,
    })
}
