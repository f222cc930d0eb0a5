//! What condemned images say of themselves, where no scan has read it: a registry's own list has no labels.
//!
//! It only ever holds. Configs that the cache knows were heard when the plan was made.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};
use jettison_core::evaluate::says_keep;
use jettison_core::model::Digest;
use jettison_core::reason::Reason;
use jettison_core::recognise::{ConfigFacts, ReadManifest, assemble};

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
    let wanted = |condemned: &Condemned<'_>| condemned.parsed.wanted_config().map(|config| config.digest.clone());
    let wanted: BTreeSet<Digest> = condemned.values().filter_map(wanted).collect();
    let mut known: BTreeMap<Digest, Option<ConfigFacts>> = BTreeMap::new();
    let digests: Vec<Digest> = wanted.iter().cloned().collect();
    let take = |config: CachedConfig| drop(known.insert(config.digest, serde_json::from_str(&config.facts).ok()));
    reader.store.each_config(&digests, take).await?;
    let unheard: BTreeSet<Digest> = wanted
        .into_iter()
        .filter(|digest| !known.contains_key(digest))
        .collect();
    let annotated = |condemned: &Condemned<'_>| says_keep([&condemned.parsed.annotations; 2]).is_some();
    if unheard.is_empty() && !condemned.values().any(annotated) {
        return Ok(BTreeMap::new());
    }
    let unread = hear(reader, &unheard, &mut known).await?;
    let mut held = keeping(condemned, &known);
    for (digest, manifest) in condemned {
        let config = manifest.parsed.wanted_config().map(|config| &config.digest);
        if let Some(why) = config.and_then(|config| unread.get(config)) {
            let why = format!("its labels could not be read, and may say that it stays: {why}");
            held.insert(digest.clone(), (Happened::Failed, why));
        }
    }
    Ok(held)
}

/// Reads configs into `known` and into the cache; why some could not be read. One that is gone says nothing for good.
async fn hear(
    reader: Reader<'_>,
    configs: &BTreeSet<Digest>,
    known: &mut BTreeMap<Digest, Option<ConfigFacts>>,
) -> Result<BTreeMap<Digest, String>, StoreError> {
    let read = |digest: &Digest| {
        let digest = digest.clone();
        async move {
            let read = read_config(reader, &digest).await;
            (digest, read)
        }
    };
    let answers: Vec<_> = stream::iter(configs)
        .map(read)
        .buffer_unordered(FETCHES)
        .collect()
        .await;
    let (mut unread, mut new) = (BTreeMap::new(), Vec::new());
    for (digest, answer) in answers {
        match answer {
            Ok(facts) => {
                if let Some(facts) = facts.as_ref().and_then(|facts| serde_json::to_string(facts).ok()) {
                    new.push(CachedConfig {
                        digest: digest.clone(),
                        facts,
                    });
                }
                known.insert(digest, facts);
            }
            Err(why) => drop(unread.insert(digest, why)),
        }
    }
    reader.store.put_configs(&new).await?;
    Ok(unread)
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
    condemned: &BTreeMap<Digest, Condemned<'_>>,
    known: &BTreeMap<Digest, Option<ConfigFacts>>,
) -> BTreeMap<Digest, NotNow> {
    let read = |manifest: &Condemned<'_>| {
        let config = manifest.parsed.wanted_config();
        ReadManifest {
            parsed: manifest.parsed.clone(),
            size: 0,
            config: config.and_then(|config| known.get(&config.digest).cloned().flatten()),
        }
    };
    let read = condemned
        .iter()
        .map(|(digest, manifest)| (digest.clone(), read(manifest)));
    let said = assemble(&read.collect(), &BTreeMap::new()).into_iter();
    // What goes along with a root is not asked: one platform of an index does not speak for all.
    let is_root = |digest: &Digest| {
        !matches!(
            condemned.get(digest).map(|manifest| &manifest.action.reason),
            Some(Reason::Follows { .. })
        )
    };
    said.filter(|manifest| is_root(&manifest.digest))
        .filter_map(|manifest| {
            let why = says_keep([&manifest.labels, &manifest.annotations])?;
            Some((manifest.digest, (Happened::Blocked, why)))
        })
        .collect()
}
