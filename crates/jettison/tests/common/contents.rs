//! What a registry holds, seen from within, and what a plan may take out of it.

use std::collections::{BTreeMap, BTreeSet};

use jettison_testkit::pull::Puller;
use jettison_testkit::registry::Handle;
use serde_json::Value;

/// Manifests and tags of every repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    manifests: BTreeSet<(String, String)>,
    tags: BTreeMap<(String, String), String>,
}

impl Contents {
    /// As they are now.
    pub(crate) fn of(registry: &Handle) -> Self {
        let (mut manifests, mut tags) = (BTreeSet::new(), BTreeMap::new());
        for name in registry.repositories() {
            manifests.extend(
                registry
                    .manifests(&name)
                    .into_iter()
                    .map(|digest| (name.clone(), digest)),
            );
            let tagged = registry.tags(&name).into_iter();
            tags.extend(tagged.map(|(tag, digest)| ((name.clone(), tag), digest)));
        }
        Self { manifests, tags }
    }

    /// What must be left after `plan` was carried out: nothing more may go than it names.
    pub(crate) fn without(&self, plan: &Value) -> Self {
        let mut left = self.clone();
        for action in plan["actions"].as_array().unwrap() {
            let image = (text(&action["repository"]), text(&action["digest"]));
            if action["action"] == "delete" {
                assert!(
                    left.manifests.remove(&image),
                    "{image:?} is deleted twice, or was never there"
                );
                left.tags
                    .retain(|(name, _), digest| (name, &*digest) != (&image.0, &image.1));
            } else {
                for tag in action["tags"].as_array().unwrap() {
                    left.tags.remove(&(image.0.clone(), text(tag)));
                }
            }
        }
        left
    }

    /// Whether everything that is here is there as well, tags where they are here.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.manifests.is_subset(&other.manifests)
            && self
                .tags
                .iter()
                .all(|(tag, digest)| other.tags.get(tag) == Some(digest))
    }

    /// Manifests that are here and not there, as repository and digest.
    pub(crate) fn manifests_not_in(&self, other: &Self) -> Vec<(String, String)> {
        self.manifests.difference(&other.manifests).cloned().collect()
    }

    /// Tags that are here and not there, as repository and tag.
    pub(crate) fn tags_not_in(&self, other: &Self) -> Vec<(String, String)> {
        let new = self.tags.keys().filter(|tag| !other.tags.contains_key(*tag));
        new.cloned().collect()
    }
}

/// Pulls what a plan keeps, whole, and finds every tag that it keeps where it was.
pub(crate) async fn kept_pull_whole(plan: &Value, puller: &Puller) -> usize {
    let kept = plan["kept"].as_array().unwrap();
    for entry in kept {
        let (name, digest) = (text(&entry["repository"]), text(&entry["digest"]));
        puller.pull_whole(&name, &digest).await.unwrap();
        if let Some(tag) = entry["tag"].as_str() {
            puller.pull_whole(&name, tag).await.unwrap();
        }
    }
    kept.len()
}

/// The digests of a plan's deletions, in its order.
pub(crate) fn deletions(plan: &Value) -> Vec<String> {
    let actions = plan["actions"].as_array().unwrap().iter();
    actions
        .filter(|action| action["action"] == "delete")
        .map(|action| text(&action["digest"]))
        .collect()
}

/// A JSON text.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
