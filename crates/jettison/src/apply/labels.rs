//! What condemned images say of themselves, where no scan has read it: a registry's own list has no labels.
//!
//! It only ever holds. Configs that the cache knows were heard when the plan was made.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;

use futures_util::{StreamExt as _, stream};
use jettison_core::evaluate::says_keep;
use jettison_core::model::Digest;
use jettison_core::reason::Reason;
use jettison_core::recognise::{ConfigFacts, ParsedManifest, ReadManifest, assemble};

use super::look::NotNow;
use super::reading::Reader;
use super::report::Happened;
use super::unit::Condemned;
use crate::registry::MAX_CONFIG_BYTES;
use crate::store::{CachedConfig, StoreError};

/// Configs that are asked for at once; the registry's own limit decides how many really run.
const FETCHES: usize = 16;

/// What must stay because it says so, and what may say so and cannot be asked.
///
/// # Errors
/// Only if the store fails.
pub(super) async fn held_by_labels(
    reader: Reader<'_>,
    condemned: &BTreeMap<Digest, Condemned<'_>>,
) -> Result<BTreeMap<Digest, NotNow>, StoreError> {
    let own = condemned.values().map(|manifest| &manifest.parsed);
    // An index speaks by all its images, those that stay included.
    let below = match reader
        .below(own.clone(), |digest| condemned.contains_key(digest))
        .await?
    {
        Ok(below) => below,
        Err(why) => {
            let held = condemned.keys().map(|digest| (digest.clone(), unheard(&why)));
            return Ok(held.collect());
        }
    };
    let configs: BTreeSet<&Digest> = own.clone().chain(below.values()).filter_map(config).collect();
    let configs: Vec<Digest> = configs.into_iter().cloned().collect();
    let mut heard: BTreeSet<Digest> = BTreeSet::new();
    reader
        .store
        .each_config(&configs, |config| heard.extend(config.read().map(|_| config.digest)))
        .await?;
    let annotated = |manifest: &ParsedManifest| says_keep([&manifest.annotations; 2]).is_some();
    if configs.len() == heard.len() && !own.clone().any(annotated) {
        return Ok(BTreeMap::new());
    }
    let new: Vec<Digest> = configs
        .iter()
        .filter(|digest| !heard.contains(*digest))
        .cloned()
        .collect();
    let silent = hear(reader, &new).await?;
    let mut known: BTreeMap<Digest, ConfigFacts> = BTreeMap::new();
    let take = |config: CachedConfig| known.extend(config.read().map(|facts| (config.digest, facts)));
    reader.store.each_config(&configs, take).await?;
    let own = condemned.iter().map(|(digest, manifest)| (digest, &manifest.parsed));
    let all: BTreeMap<&Digest, &ParsedManifest> = own.chain(&below).collect();
    let mut held = keeping(&all, &known);
    held.extend(
        all.keys()
            .filter_map(|digest| Some(((*digest).clone(), why_unheard(digest, &all, &silent)?))),
    );
    // What goes along with a root is not asked: one platform of an index does not speak for all.
    held.retain(|digest, _| {
        let action = condemned.get(digest).map(|manifest| manifest.action);
        action.is_some_and(|action| !matches!(action.reason, Reason::Follows { .. }))
    });
    Ok(held)
}

/// The config that may say so.
fn config(manifest: &ParsedManifest) -> Option<&Digest> {
    manifest.wanted_config().map(|config| &config.digest)
}

fn unheard(why: &str) -> NotNow {
    let why = format!("its labels could not be read, and may say that it stays: {why}");
    (Happened::Failed, why)
}

/// Why nobody knows what a manifest says: its own config, or that of something below it, could not be read.
fn why_unheard(
    digest: &Digest,
    all: &BTreeMap<&Digest, &ParsedManifest>,
    silent: &BTreeMap<Digest, String>,
) -> Option<NotNow> {
    let (mut open, mut seen) = (vec![digest], BTreeSet::new());
    while let Some(digest) = open.pop() {
        let Some(manifest) = all.get(digest).filter(|_| seen.insert(digest)) else {
            continue;
        };
        if let Some(why) = config(manifest).and_then(|config| silent.get(config)) {
            return Some(unheard(why));
        }
        open.extend(&manifest.children);
    }
    None
}

/// Reads configs into the cache; why some could not be read. One that is gone says nothing for good.
async fn hear(reader: Reader<'_>, configs: &[Digest]) -> Result<BTreeMap<Digest, String>, StoreError> {
    let read = |digest: &Digest| {
        let digest = digest.clone();
        async move {
            let read = read_config(reader, &digest).await;
            (digest, read)
        }
    };
    let mut answers = pin!(stream::iter(configs).map(read).buffer_unordered(FETCHES));
    let (mut silent, mut new) = (BTreeMap::new(), Vec::new());
    while let Some((digest, answer)) = answers.next().await {
        match answer {
            Ok(facts) => new.extend(facts.and_then(|facts| CachedConfig::of(&digest, &facts))),
            Err(why) => drop(silent.insert(digest, why)),
        }
    }
    reader.store.put_configs(&new).await?;
    Ok(silent)
}

async fn read_config(reader: Reader<'_>, digest: &Digest) -> Result<Option<ConfigFacts>, String> {
    if let Some(why) = reader.trouble.why() {
        return Err(why);
    }
    let blob = reader.registry.blob(reader.name, digest, MAX_CONFIG_BYTES).await;
    let blob = blob.map_err(|error| {
        reader.trouble.note(&error);
        error.to_string()
    })?;
    let facts = blob.map(|bytes| ConfigFacts::read(&bytes)).transpose();
    facts.map_err(|error| error.to_string())
}

/// What says that it stays, by the rules by which a scan hears it: an index says what all its images say.
fn keeping(
    all: &BTreeMap<&Digest, &ParsedManifest>,
    known: &BTreeMap<Digest, ConfigFacts>,
) -> BTreeMap<Digest, NotNow> {
    let read = |manifest: &ParsedManifest| ReadManifest {
        parsed: manifest.clone(),
        size: 0,
        config: config(manifest).and_then(|config| known.get(config).cloned()),
    };
    let read = all.iter().map(|(digest, manifest)| ((*digest).clone(), read(manifest)));
    let said = assemble(&read.collect(), &BTreeMap::new()).into_iter();
    said.filter_map(|manifest| {
        let why = says_keep([&manifest.labels, &manifest.annotations])?;
        Some((manifest.digest, (Happened::Blocked, why)))
    })
    .collect()
}
