//! Reads one repository: tags, manifests, what belongs to them, and configs.
//!
//! Never fails whole: what cannot be read becomes a gap, and a repository with a gap loses nothing.
//! It only asks; nothing here changes a registry.

use std::collections::{BTreeSet, HashMap};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{Stream, StreamExt as _, stream};
use jettison_core::model::{Digest, RepositoryName, Tag};
use jettison_core::recognise::ConfigFacts;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::OnceCell;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

use super::collect::{Collector, Here, Parsed};
use super::found::{Ask, Found, Wanted};
use super::keeper::Keeper;
use super::ration::Ration;
use crate::output::Progress;
use crate::output::text::with_causes;
use crate::registry::{ErrorKind, Listing, MAX_CONFIG_BYTES, ManifestReference, Referrers, Registry, RegistryError};
use crate::store::{CachedConfig, RepositoryMemory, Store, StoreError};

/// Calls that may wait for the registry's own limit at once; that limit decides how many really run.
const CALLS: usize = 64;

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
    /// Whether what manifests and configs say is asked for, also where the registry's own list tells everything else.
    pub(super) looks_inside: bool,
}

/// What a registry answered, if it did before the scan of it had to end.
pub(super) type InTime<R> = Result<Result<R, RegistryError>, Elapsed>;

/// Why a read has no answer.
pub(super) enum NoAnswer {
    /// This went wrong.
    Failed(String),
    /// Too much went wrong before, or too much time is gone.
    NotAsked,
}

impl RepositoryReader<'_> {
    /// Reads everything that can be read, beginning with what the registry's own list told, if it has one.
    ///
    /// # Errors
    /// Only if the store fails: what the registry does not give is a gap.
    pub(super) async fn read(&self, listing: InTime<Option<Listing>>) -> Result<Found, StoreError> {
        let mut found = Found::default();
        let listing = match self.answer(listing) {
            Ok(Some(listing)) => self.read_list(listing, &mut found).await.map(Ok)?,
            Ok(None) => self.read_all_tags(&mut found).await?,
            Err(no) => Err(no),
        };
        if let Err(no) = listing {
            match no {
                NoAnswer::Failed(why) => found.gap(why),
                NoAnswer::NotAsked => found.gap(self.late()),
            }
            return Ok(found);
        }
        self.follow(&mut found).await?;
        self.read_configs(&mut found).await?;
        let failures = self.failures.load(Ordering::Relaxed);
        if failures >= MAX_FAILURES {
            found.main_gap(format!("after {failures} failures the rest was not asked for"));
        } else if Instant::now() >= self.until {
            found.main_gap(self.late());
        }
        Ok(found)
    }

    fn late(&self) -> String {
        format!(
            "the scan of {} took so long that the rest was not asked for",
            self.registry.host()
        )
    }

    /// Without the tags there is nothing to begin with.
    async fn read_all_tags(&self, found: &mut Found) -> Result<Result<(), NoAnswer>, StoreError> {
        match self.ask(self.registry.tags(self.name)).await {
            Ok(tags) => self.read_tags(tags, found).await.map(Ok),
            Err(no) => Ok(Err(no)),
        }
    }

    async fn read_tags(&self, tags: Vec<Tag>, found: &mut Found) -> Result<(), StoreError> {
        self.progress.expect(tags.len() as u64);
        let remembered = |tag: &Tag| self.memory.tags.get(tag).map(|memory| memory.digest.clone());
        let cached: BTreeSet<Digest> = tags.iter().filter_map(remembered).collect();
        let mut collector = Collector::new(self.store, cached.into_iter().collect(), self.ration).await?;
        let known = |tag: &Tag| remembered(tag).filter(|digest| collector.has(digest));
        let tags: Vec<(Tag, Option<Digest>)> = tags.into_iter().map(|tag| (tag.clone(), known(&tag))).collect();
        let mut answers = pin!(self.each(tags, |(tag, known)| self.read_tag(tag, known)));
        while let Some(((tag, _), answer)) = answers.next().await {
            match answer {
                Ok(Some(here)) => {
                    let digest = collector.add(here, found).await?;
                    found.tags.insert(tag, digest);
                }
                Ok(None) => drop(found.dangling.insert(tag)),
                Err(NoAnswer::Failed(why)) => found.gap(format!("tag {tag}: {why}")),
                Err(NoAnswer::NotAsked) => {}
            }
        }
        collector.finish().await
    }

    /// A tag that points where it did costs one HEAD; any other one GET.
    async fn read_tag(&self, tag: Tag, known: Option<Digest>) -> Result<Option<Here>, NoAnswer> {
        if let Some(known) = known {
            match self.ask(self.registry.resolve(self.name, &tag)).await? {
                None => return Ok(None),
                Some(digest) if digest == known => return Ok(Some(Here::Cached(known))),
                Some(_) => {}
            }
        }
        self.fetch(ManifestReference::Tag(tag)).await
    }

    pub(super) async fn fetch(&self, reference: ManifestReference) -> Result<Option<Here>, NoAnswer> {
        let Some(fetched) = self.ask(self.registry.manifest(self.name, &reference)).await? else {
            return Ok(None);
        };
        let parsed = Parsed::read(&fetched.media_type, &fetched.bytes);
        let parsed = parsed.map_err(|error| NoAnswer::Failed(with_causes(&error)))?;
        self.admit(parsed.size())?;
        Ok(Some(Here::Fetched(Box::new(parsed), fetched)))
    }

    /// Children, subjects, referrers, and manifests that had a tag once, until nothing new turns up.
    async fn follow(&self, found: &mut Found) -> Result<(), StoreError> {
        let mut others: Vec<Digest> = self.memory.manifests.keys().cloned().collect();
        for _ in 0..MAX_ROUNDS {
            let mut wanted = found.related(&self.memory.referrers);
            if wanted.is_empty() {
                wanted = found.unknown(std::mem::take(&mut others));
            }
            // A list names the subject of each.
            if wanted.is_empty() && found.listing.is_empty() {
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
        let remembered = wanted
            .keys()
            .filter(|digest| self.memory.manifests.contains_key(digest));
        let mut collector = Collector::new(self.store, remembered.cloned().collect(), self.ration).await?;
        let known = |(digest, ask)| {
            let is_cached = collector.has(&digest);
            (digest, ask, is_cached)
        };
        let wanted: Vec<(Digest, Ask, bool)> = wanted.into_iter().map(known).collect();
        let mut answers = pin!(self.each(wanted, |wanted| self.read_digest(wanted)));
        while let Some(((digest, ..), answer)) = answers.next().await {
            match answer {
                Ok(Some(here)) => drop(collector.add(here, found).await?),
                Ok(None) => drop(found.missing.insert(digest)),
                Err(NoAnswer::Failed(why)) => found.gap(format!("{}: {why}", digest.short())),
                Err(NoAnswer::NotAsked) => {}
            }
        }
        collector.finish().await
    }

    /// What was here before and is listed by something that is here costs nothing.
    async fn read_digest(&self, (digest, ask, is_cached): (Digest, Ask, bool)) -> Result<Option<Here>, NoAnswer> {
        if !is_cached {
            return self.fetch(ManifestReference::Digest(digest)).await;
        }
        let here = ask == Ask::IfUnknown || self.ask(self.registry.exists(self.name, &digest)).await?;
        Ok(here.then_some(Here::Cached(digest)))
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
        let mut answers = pin!(self.each(subjects, ask));
        while let Some((subject, answer)) = answers.next().await {
            match answer {
                Ok(Referrers::Listed(referrers)) => drop(found.referrers.insert(subject, referrers)),
                Ok(Referrers::Unsupported) | Err(NoAnswer::NotAsked) => {}
                Err(NoAnswer::Failed(why)) => found.gap(format!("what is attached to {}: {why}", subject.short())),
            }
        }
    }

    /// Reads the configs of images: dates, labels and platforms stand nowhere else.
    async fn read_configs(&self, found: &mut Found) -> Result<(), StoreError> {
        let wanted: Vec<Digest> = found.wanted_configs().into_iter().collect();
        let mut facts = self.cached_configs(&wanted).await?;
        let unknown: Vec<Digest> = wanted
            .into_iter()
            .filter(|digest| !facts.contains_key(digest))
            .collect();
        self.progress.expect(unknown.len() as u64);
        let mut keeper = Keeper::new(self.store);
        let mut answers = pin!(self.each(unknown, |digest| self.read_config(digest)));
        while let Some((digest, answer)) = answers.next().await {
            match answer {
                Ok(Some(read)) => {
                    if let Some(config) = CachedConfig::of(&digest, &read) {
                        keeper.add(config).await?;
                    }
                    facts.insert(digest, read);
                }
                // An image whose config is gone cannot be pulled; what it said of itself is unknown for good.
                Ok(None) | Err(NoAnswer::NotAsked) => {}
                Err(NoAnswer::Failed(why)) => found.gap(format!("config {}: {why}", digest.short())),
            }
        }
        found.add_configs(&facts, self.ration);
        keeper.finish().await
    }

    /// What the cache knows of configs; what cannot be read counts as not cached.
    async fn cached_configs(&self, digests: &[Digest]) -> Result<HashMap<Digest, ConfigFacts>, StoreError> {
        let mut facts = HashMap::with_capacity(digests.len());
        let read = |config: CachedConfig| {
            // What has no room is asked for again, and said to have none.
            let read = config.read().filter(|read| self.ration.takes(read.label_bytes()));
            facts.extend(read.map(|read| (config.digest, read)));
        };
        self.store.each_config(digests, read).await?;
        Ok(facts)
    }

    async fn read_config(&self, digest: Digest) -> Result<Option<ConfigFacts>, NoAnswer> {
        let fetched = self
            .ask(self.registry.blob(self.name, &digest, MAX_CONFIG_BYTES))
            .await?;
        let read = fetched.map(|bytes| ConfigFacts::read(&bytes)).transpose();
        let read = read.map_err(|error| NoAnswer::Failed(with_causes(&error)))?;
        self.admit(read.as_ref().map_or(0, ConfigFacts::label_bytes))?;
        Ok(read)
    }

    /// Runs one read for each item, many at once, and hands over each answer as it comes.
    pub(super) fn each<T: Clone, R, F>(
        &self,
        items: Vec<T>,
        read: impl Fn(T) -> F,
    ) -> impl Stream<Item = (T, Result<R, NoAnswer>)>
    where
        F: Future<Output = Result<R, NoAnswer>>,
    {
        let one = move |item: T| {
            let failures = self.failures.load(Ordering::Relaxed);
            let read = (failures < MAX_FAILURES).then(|| read(item.clone()));
            async move {
                let answer = match read {
                    Some(read) => read.await,
                    None => Err(NoAnswer::NotAsked),
                };
                self.progress.advance();
                (item, answer)
            }
        };
        stream::iter(items).map(one).buffer_unordered(CALLS)
    }

    async fn ask<R>(&self, call: impl Future<Output = Result<R, RegistryError>>) -> Result<R, NoAnswer> {
        self.answer(timeout_at(self.until, call).await)
    }

    fn answer<R>(&self, answer: InTime<R>) -> Result<R, NoAnswer> {
        let Ok(answer) = answer else {
            return Err(NoAnswer::NotAsked);
        };
        answer.map_err(|error| {
            // A registry that refuses one call refuses the next ones too. One that has had enough of them is left alone
            // below the trait.
            let weight = match error.kind {
                ErrorKind::Unauthenticated | ErrorKind::Forbidden => MAX_FAILURES,
                _ => 1,
            };
            self.failures.fetch_add(weight, Ordering::Relaxed);
            NoAnswer::Failed(error.to_string())
        })
    }

    /// Whether there is room for something of `size` bytes.
    fn admit(&self, size: u64) -> Result<(), NoAnswer> {
        if self.ration.takes(size) {
            return Ok(());
        }
        self.failures.fetch_add(MAX_FAILURES, Ordering::Relaxed);
        Err(NoAnswer::Failed(format!(
            "with its {size} bytes the manifests and labels of this registry are too large to be kept in memory"
        )))
    }
}
