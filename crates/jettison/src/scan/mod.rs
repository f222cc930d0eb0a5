//! Gathers the facts: registries in, an inventory out, with what could not be read in it.
//!
//! A scan never fails because of a registry, and never changes one. It asks what deletes are possible only
//! when told to (`--probe`, `apply`).

mod collect;
mod found;
mod keeper;
mod listed;
mod ration;
mod repository;
mod target;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use futures_util::future::join;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jettison_core::config::Config;
use jettison_core::model::{
    Capabilities, Gap, Inventory, Manifest, RegistryHost, Repository, RepositoryName, Schema, TagEntry,
};
use jettison_core::policy::Policy;
use jettison_core::recognise::assemble;
use jiff::Timestamp;
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};

use crate::output::{Face, Progress};
use crate::registry::Registry;
use crate::store::{Observation, RepositoryMemory, Store, StoreError};

use found::Found;
use ration::Ration;
use repository::RepositoryReader;
pub use target::{InvalidTarget, Selection, Target};

/// Repositories that are read at once. Their calls share the registry's own limit.
const REPOSITORIES: usize = 4;

/// A registry and what to read of it.
#[derive(Debug, Clone)]
pub struct ScanTarget {
    /// The registry.
    pub registry: Arc<dyn Registry>,
    /// Which of its repositories.
    pub selection: Selection,
}

/// How to scan.
#[derive(Debug, Clone, Copy)]
pub struct ScanOptions<'a> {
    /// Whose policies tell how much has to be read.
    pub config: &'a Config,
    /// When the scan begins.
    pub taken_at: Timestamp,
    /// Ask each registry what can be deleted, with a DELETE of what nobody has.
    pub probe: bool,
    /// Read every manifest, also where the registry's own list would do.
    pub inside: bool,
    /// How to report progress.
    pub face: Face,
    /// What one registry may cost.
    pub limits: ScanLimits,
}

/// What one registry may cost a scan. What is not read because of a limit is a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanLimits {
    /// The time for one registry. A first scan of ten million manifests takes about two hours.
    pub time: Duration,
    /// Bytes in memory of manifests and labels that are larger than the ordinary (8 KiB each).
    pub excess_bytes: u64,
}

impl Default for ScanLimits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(6 * 3600),
            excess_bytes: 512 * 1024 * 1024,
        }
    }
}

/// Reads every target. What a registry does not give is a gap of the inventory.
///
/// # Errors
/// Only if the store fails.
pub async fn scan(store: &Store, targets: &[ScanTarget], options: ScanOptions<'_>) -> Result<Inventory, StoreError> {
    let mut inventory = Inventory {
        schema: Schema,
        taken_at: options.taken_at,
        complete_registries: BTreeSet::new(),
        repositories: Vec::new(),
        gaps: Vec::new(),
    };
    for target in targets {
        let progress = Progress::start(options.face, &format!("scanning {}", target.registry.host()), 0);
        let scan = RegistryScan {
            store,
            registry: target.registry.as_ref(),
            options,
            progress: &progress,
            referrers_api: &OnceCell::new(),
            until: Instant::now() + options.limits.time,
            ration: &Ration::new(options.limits.excess_bytes),
        };
        progress
            .while_watched(scan.read(&target.selection, &mut inventory))
            .await?;
        progress.finish();
    }
    inventory
        .repositories
        .sort_by(|left, right| (&left.registry, &left.name).cmp(&(&right.registry, &right.name)));
    Ok(inventory)
}

struct RegistryScan<'a> {
    store: &'a Store,
    registry: &'a dyn Registry,
    options: ScanOptions<'a>,
    progress: &'a Progress,
    referrers_api: &'a OnceCell<bool>,
    /// After that nothing more is asked for.
    until: Instant,
    ration: &'a Ration,
}

impl RegistryScan<'_> {
    /// Adds what the registry has of `selection` to the inventory.
    async fn read(&self, selection: &Selection, inventory: &mut Inventory) -> Result<(), StoreError> {
        let host = self.registry.host();
        let (names, listed_all) = match timeout_at(self.until, selection.resolve(self.registry)).await {
            Ok(Ok(resolved)) => resolved,
            Ok(Err(error)) => {
                inventory.gaps.push(Gap(error.to_string()));
                return Ok(());
            }
            Err(_) => {
                let limit = self.options.limits.time.as_secs();
                let gap = format!("could not list the repositories of {host}: it took longer than {limit} s");
                inventory.gaps.push(Gap(gap));
                return Ok(());
            }
        };
        if names.is_empty() {
            inventory
                .gaps
                .push(Gap(format!("no repository of {host} fits {selection}")));
        }
        let repositories = stream::iter(names).map(|name| async move { self.repository(&name).await });
        let repositories: Vec<Repository> = repositories.buffer_unordered(REPOSITORIES).try_collect().await?;
        if listed_all && repositories.iter().all(|repository| repository.gaps.is_empty()) {
            inventory.complete_registries.insert(host.clone());
        }
        inventory.repositories.extend(repositories);
        Ok(())
    }

    /// What one step needs is dropped before the next begins: a large repository is in memory as seldom as can be.
    async fn repository(&self, name: &RepositoryName) -> Result<Repository, StoreError> {
        let found = self.find(name).await?;
        let memory = self.observe(name, &found).await?;
        let capabilities = self.capabilities(name, &found).await;
        Ok(describe(self.registry.host(), name, &found, &memory, capabilities))
    }

    async fn find(&self, name: &RepositoryName) -> Result<Found, StoreError> {
        // The registry is far away: what is remembered is read meanwhile.
        let listing = timeout_at(self.until, self.registry.listing(name));
        let (listing, memory) = join(listing, self.store.repository_memory(self.registry.host(), name)).await;
        let memory = memory?;
        let reader = RepositoryReader {
            registry: self.registry,
            name,
            store: self.store,
            memory: &memory,
            taken_at: self.options.taken_at,
            progress: self.progress,
            referrers_api: self.referrers_api,
            failures: AtomicUsize::new(0),
            until: self.until,
            ration: self.ration,
            looks_inside: self.looks_inside(name),
        };
        reader.read(listing).await
    }

    /// Whether somebody, or the policy of a repository, asks for what only manifests and configs say.
    fn looks_inside(&self, name: &RepositoryName) -> bool {
        let policy = self.options.config.policy_of(self.registry.host(), name);
        self.options.inside || policy.is_some_and(Policy::looks_inside)
    }

    async fn observe(&self, name: &RepositoryName, found: &Found) -> Result<RepositoryMemory, StoreError> {
        let observation = Observation {
            registry: self.registry.host().clone(),
            repository: name.clone(),
            taken_at: self.options.taken_at,
            complete: found.is_complete(),
            tags: found.tags.clone(),
            manifests: found.manifests.keys().cloned().collect(),
            gone: found.missing.clone(),
            referrers: found.referrers.clone(),
        };
        self.store.observe(&observation).await
    }

    /// What can be deleted is asked only when told to. An answer that tells nothing leaves it unknown.
    async fn capabilities(&self, name: &RepositoryName, found: &Found) -> Capabilities {
        let known = self.registry.capabilities();
        if !self.options.probe || !found.is_complete() {
            return known;
        }
        match self.registry.probe_deletes(name).await {
            Ok(support) => Capabilities {
                delete: support.delete.or(known.delete),
                delete_tag: support.delete_tag.or(known.delete_tag),
                ..known
            },
            Err(_) => known,
        }
    }
}

/// The facts of one repository: what was found, with the times that the registry and the ledger know.
fn describe(
    host: &RegistryHost,
    name: &RepositoryName,
    found: &Found,
    memory: &RepositoryMemory,
    capabilities: Capabilities,
) -> Repository {
    let tags = found.tags.iter().map(|(tag, digest)| {
        let listed = found.listing.tags.get(tag);
        let remembered = memory.tags.get(tag).and_then(|memory| memory.set_at);
        TagEntry {
            name: tag.clone(),
            digest: digest.clone(),
            updated_at: listed.and_then(|listed| listed.updated_at).or(remembered),
            immutable: listed.is_some_and(|listed| listed.immutable),
        }
    });
    let manifests = assemble(&found.manifests, &found.tags);
    Repository {
        registry: host.clone(),
        name: name.clone(),
        capabilities,
        pull_data_since: found.listing.pull_data_since,
        scanned_since: memory.scanned_since,
        missing: found.missing.clone(),
        dangling: found.dangling.clone(),
        gaps: found.gaps(),
        tags: tags.collect(),
        manifests: manifests
            .into_iter()
            .map(|manifest| with_times(manifest, found, memory))
            .collect(),
    }
}

fn with_times(mut manifest: Manifest, found: &Found, memory: &RepositoryMemory) -> Manifest {
    if let Some(listed) = found.listing.manifests.get(&manifest.digest) {
        manifest.pushed_at = listed.pushed_at;
        manifest.last_pulled_at = listed.last_pulled_at;
        manifest.archived_at = listed.stored.archived_at();
        if manifest.config_media_type.is_none() {
            manifest.config_media_type.clone_from(&listed.config_media_type);
        }
    }
    if let Some(remembered) = memory.manifests.get(&manifest.digest) {
        manifest.first_seen_at = Some(remembered.first_seen_at);
        manifest.untagged_at = remembered.untagged_at;
        manifest.restored_at = remembered.restored_at;
        manifest.last_pulled_at = manifest.last_pulled_at.max(remembered.last_pulled_at);
    }
    manifest
}
