//! Which kinds of objects a cluster has and lists.
//!
//! Asks for everything at once, as servers since 1.26 answer it; an older one is asked group by group. Of a kind that is
//! there in several versions the one that the server prefers is taken: they show the same objects.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};
use jettison_core::model::{InvalidJson, legible};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::api::{Api, Failure};
use super::kinds::{self, Kind};

/// More kinds than any cluster has.
pub(super) const MOST_KINDS: usize = 20_000;

/// Aggregated discovery, else the older lists.
const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
    application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

/// Groups that are asked at a time.
const GROUPS_AT_ONCE: usize = 8;

/// What a cluster lists.
#[derive(Debug, Default)]
pub(super) struct Discovered {
    pub(super) kinds: Vec<Kind>,
    /// Groups that did not tell theirs; `api` and `apis` stand for all.
    pub(super) failed: Vec<(String, Failure)>,
    /// Some are missing because there are so many.
    pub(super) too_many: bool,
    /// Whether both halves of the API told what they have, as far as they know.
    pub(super) was_answered: bool,
    seen: BTreeSet<(String, String)>,
}

/// Either form of an answer.
#[derive(Debug, Deserialize)]
struct Answer {
    kind: String,
    /// Aggregated.
    #[serde(default)]
    items: Vec<AggregatedGroup>,
    /// Of `/apis`, the older form.
    #[serde(default)]
    groups: Vec<Group>,
    /// Of `/api`, the older form.
    #[serde(default)]
    versions: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct AggregatedGroup {
    #[serde(default)]
    metadata: GroupName,
    #[serde(default)]
    versions: Vec<AggregatedVersion>,
}

#[derive(Debug, Default, Deserialize)]
struct GroupName {
    #[serde(default)]
    name: String,
}

#[derive(Debug, Deserialize)]
struct AggregatedVersion {
    version: String,
    #[serde(default)]
    freshness: String,
    #[serde(default)]
    resources: Vec<AggregatedResource>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AggregatedResource {
    resource: String,
    #[serde(default)]
    response_kind: Option<ResponseKind>,
    #[serde(default)]
    verbs: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct ResponseKind {
    #[serde(default)]
    kind: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    name: String,
    versions: Vec<GroupVersion>,
    #[serde(default)]
    preferred_version: Option<GroupVersion>,
}

#[derive(Debug, Clone, Deserialize)]
struct GroupVersion {
    version: String,
}

#[derive(Debug, Deserialize)]
struct ResourceList {
    resources: Vec<Resource>,
}

#[derive(Debug, Deserialize)]
struct Resource {
    name: String,
    kind: String,
    #[serde(default)]
    verbs: Vec<String>,
}

/// Asks for every kind.
pub(super) async fn discover(api: &Api) -> Discovered {
    let mut found = Discovered::default();
    for (root, older) in [("api", "APIVersions"), ("apis", "APIGroupList")] {
        match json::<Answer>(api, &format!("/{root}")).await {
            Ok(answer) if answer.kind == "APIGroupDiscoveryList" => found.aggregated(answer.items),
            Ok(answer) if answer.kind == older => found.older(api, groups(answer)).await,
            Ok(answer) => {
                let why = format!("it is a `{}`, and no list of kinds", legible(&answer.kind));
                found.failed.push((root.to_owned(), Failure::Garbled(why)));
            }
            Err(failure) => found.failed.push((root.to_owned(), failure)),
        }
    }
    let is_whole = |(name, _): &(String, Failure)| name == "api" || name == "apis";
    found.was_answered = !found.failed.iter().any(is_whole);
    found
}

/// That a group did not tell its kinds, and what helps.
pub(super) fn told(group: &str, failure: &Failure) -> String {
    let name = match group {
        "" => "the core group".to_owned(),
        group => format!("the group {}", legible(group)),
    };
    let rule = r#"{ nonResourceURLs: ["/api", "/api/*", "/apis", "/apis/*"], verbs: ["get"] }"#;
    match (failure, group) {
        (Failure::Forbidden(_), _) => {
            format!("which kinds it has could not be asked: {failure}; its ClusterRole needs the rule {rule}")
        }
        (_, "api" | "apis") => format!("which kinds it has could not be asked: {failure}"),
        (_, group) if kinds::has_places(group) => {
            format!("{name} did not tell its kinds: {failure}; mend it: images stand there, so it cannot be left out")
        }
        (_, group) => format!(
            "{name} did not tell its kinds: {failure}; mend it, or let this source `leave-out: [\"*.{}\"]`",
            legible(group)
        ),
    }
}

/// The groups and versions of the older form, the preferred version first.
fn groups(answer: Answer) -> Vec<(String, String)> {
    let core = answer.versions.into_iter().map(|version| (String::new(), version));
    let named = answer.groups.into_iter().flat_map(|group| {
        let preferred = group.preferred_version.into_iter();
        let versions: Vec<_> = preferred.chain(group.versions).map(|known| known.version).collect();
        versions.into_iter().map(move |version| (group.name.clone(), version))
    });
    core.chain(named).collect()
}

async fn json<T: DeserializeOwned>(api: &Api, path: &str) -> Result<T, Failure> {
    let body = api.get(path, ACCEPT).await?;
    serde_json::from_slice(&body).map_err(|error| Failure::Garbled(InvalidJson::from(error).to_string()))
}

impl Discovered {
    fn aggregated(&mut self, groups: Vec<AggregatedGroup>) {
        for group in groups {
            let name = group.metadata.name;
            for version in group.versions {
                if version.freshness == "Stale" {
                    let why = format!(
                        "what it said of {} is old, as its server does not answer",
                        version.version
                    );
                    self.failed.push((name.clone(), Failure::Lost(why)));
                }
                for resource in version.resources {
                    let kind = Kind {
                        group: name.clone(),
                        version: version.version.clone(),
                        kind: resource.response_kind.map(|kind| kind.kind).unwrap_or_default(),
                        plural: resource.resource,
                    };
                    self.add(kind, &resource.verbs);
                }
            }
        }
    }

    /// Asks group by group.
    async fn older(&mut self, api: &Api, mut groups: Vec<(String, String)>) {
        let mut seen = BTreeSet::new();
        groups.retain(|group| seen.len() < MOST_KINDS && seen.insert(group.clone()));
        let mut lists = stream::iter(groups)
            .map(|(group, version)| async move {
                let path = match group.as_str() {
                    "" => format!("/api/{version}"),
                    group => format!("/apis/{group}/{version}"),
                };
                (group, version, json::<ResourceList>(api, &path).await)
            })
            .buffered(GROUPS_AT_ONCE);
        while let Some((group, version, list)) = lists.next().await {
            match list {
                Ok(list) => self.listed(&group, &version, list),
                // Also if it is said to be gone: it was named a moment ago.
                Err(failure) => self.failed.push((group, failure)),
            }
        }
    }

    fn listed(&mut self, group: &str, version: &str, list: ResourceList) {
        for resource in list.resources {
            let kind = Kind {
                group: group.to_owned(),
                version: version.to_owned(),
                plural: resource.name,
                kind: resource.kind,
            };
            self.add(kind, &resource.verbs);
        }
    }

    fn add(&mut self, mut kind: Kind, verbs: &[String]) {
        let is_listed = verbs.iter().any(|verb| verb == "list") && !kind.plural.contains('/');
        let key = (kind.group.clone(), kind.plural.clone());
        if !is_listed || self.seen.contains(&key) {
            return;
        }
        if self.kinds.len() >= MOST_KINDS {
            self.too_many = true;
            return;
        }
        if kind.kind.is_empty() {
            kind.kind = kind.plural.clone();
        }
        self.seen.insert(key);
        self.kinds.push(kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: impl Iterator<Item = String>, verb: &str) -> ResourceList {
        let resource = |name| Resource {
            name,
            kind: "Thing".to_owned(),
            verbs: vec![verb.to_owned()],
        };
        ResourceList {
            resources: names.map(resource).collect(),
        }
    }

    #[test]
    fn only_what_can_be_listed_counts_and_each_kind_once() {
        let mut found = Discovered::default();
        let names = || ["things", "things/status"].map(str::to_owned).into_iter();
        found.listed("example.com", "v2", list(names(), "watch"));
        assert!(found.kinds.is_empty());
        for version in ["v2", "v1"] {
            found.listed("example.com", version, list(names(), "list"));
        }
        assert_eq!(found.kinds.len(), 1);
        assert_eq!(found.kinds[0].path(), "/apis/example.com/v2/things");
    }

    #[test]
    fn more_kinds_than_any_cluster_has_are_noticed() {
        let mut found = Discovered::default();
        let names = |count: usize| (0..count).map(|number| number.to_string());
        found.listed("example.com", "v1", list(names(MOST_KINDS), "list"));
        assert!(!found.too_many);
        found.listed("example.com", "v1", list(names(MOST_KINDS + 1), "list"));
        assert!(found.too_many && found.kinds.len() == MOST_KINDS);
    }
}
