//! The answers of Docker's API, as far as they are read.

use std::collections::BTreeMap;

use jettison_core::host::{CacheRecord, HostImage};
use jettison_core::model::Digest;
use jiff::Timestamp;
use serde::Deserialize;

use super::labels;
use crate::host::engine::{HostContainer, ImageNames};

/// How engines write that there is no name.
const NO_NAME: &str = "<none>";

/// Its beginning: the year 1, which stands for no time.
const NO_TIME: i64 = -62_135_596_800;

#[derive(Debug, Deserialize)]
pub(in crate::host::engine) struct Info {
    #[serde(rename = "ID", default)]
    pub(in crate::host::engine) id: String,
    #[serde(rename = "Name", default)]
    pub(in crate::host::engine) name: String,
    #[serde(rename = "Driver", default)]
    pub(in crate::host::engine) driver: String,
    #[serde(rename = "DriverStatus", default)]
    pub(in crate::host::engine) driver_status: Option<Vec<Vec<String>>>,
    #[serde(rename = "DockerRootDir", default)]
    pub(in crate::host::engine) root: String,
    #[serde(rename = "ServerVersion", default)]
    pub(in crate::host::engine) version: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    #[serde(rename = "Id")]
    id: String,
    #[serde(rename = "RepoTags", default)]
    tags: Option<Vec<String>>,
    #[serde(rename = "RepoDigests", default)]
    digests: Option<Vec<String>>,
    #[serde(rename = "Created", default)]
    created: i64,
    #[serde(rename = "Size", default)]
    size: i64,
    #[serde(rename = "Labels", default)]
    labels: Option<BTreeMap<String, Option<String>>>,
    /// Podman: it lies in a store that is only read.
    #[serde(rename = "ReadOnly", default)]
    is_read_only: bool,
    /// Podman: a list of manifests that was made here.
    #[serde(rename = "IsManifestList", default)]
    is_list: Option<bool>,
}

impl Listed {
    /// The image; else what stands in the place of its id.
    pub(super) fn image(self, is_of_registry: fn(&str) -> bool) -> Result<HostImage, String> {
        let pinned = match (self.is_read_only, self.is_list) {
            (true, _) => Some("it lies in a store that is only read".to_owned()),
            (false, Some(true)) => Some("it is a list of manifests that was made here".to_owned()),
            _ => None,
        };
        let created = (self.created != NO_TIME).then_some(self.created);
        Ok(HostImage {
            id: Digest::of_image_id(&self.id).ok_or(self.id)?,
            names: named(self.tags),
            digests: named(self.digests)
                .into_iter()
                .filter(|name| is_of_registry(name))
                .collect(),
            bytes: u64::try_from(self.size).unwrap_or(0),
            created_at: created.and_then(|seconds| Timestamp::from_second(seconds).ok()),
            engine_time: None,
            labels: labels(self.labels),
            pinned,
            first_seen_at: None,
            last_used_at: None,
            last_use: None,
        })
    }
}

fn named(names: Option<Vec<String>>) -> Vec<String> {
    let names = names.into_iter().flatten();
    names.filter(|name| !name.contains(NO_NAME)).collect()
}

#[derive(Debug, Deserialize)]
pub(super) struct Inspected {
    #[serde(rename = "Id")]
    pub(super) id: String,
    #[serde(rename = "RepoTags", default)]
    tags: Option<Vec<String>>,
    #[serde(rename = "RepoDigests", default)]
    digests: Option<Vec<String>>,
    #[serde(rename = "Metadata", default)]
    metadata: Option<Metadata>,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    #[serde(rename = "LastTagTime", default)]
    tagged_at: Option<Timestamp>,
}

impl Inspected {
    pub(super) fn names(self) -> ImageNames {
        ImageNames {
            tags: named(self.tags),
            digests: named(self.digests),
        }
    }

    pub(super) fn tagged_at(&self) -> Option<Timestamp> {
        let tagged = self.metadata.as_ref()?.tagged_at;
        tagged.filter(|at| at.as_second() != NO_TIME)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct ListedContainer {
    #[serde(rename = "Id", default)]
    id: String,
    #[serde(rename = "Names", default)]
    names: Option<Vec<String>>,
    #[serde(rename = "State", default)]
    state: String,
    #[serde(rename = "Image", default)]
    image: String,
    #[serde(rename = "ImageID", default)]
    image_id: String,
    #[serde(rename = "Labels", default)]
    labels: Option<BTreeMap<String, Option<String>>>,
    #[serde(rename = "Mounts", default)]
    mounts: Option<Vec<ListedMount>>,
}

/// A mount. Podman's list tells only where it is, as a text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum ListedMount {
    Told {
        #[serde(rename = "Type", default)]
        kind: String,
        #[serde(rename = "Source", default)]
        source: String,
        #[serde(rename = "Name", default)]
        name: String,
    },
    Other(serde::de::IgnoredAny),
}

impl ListedMount {
    fn images(self) -> impl Iterator<Item = String> {
        let (source, name) = match self {
            Self::Told { kind, source, name } if kind == "image" => (source, name),
            Self::Told { .. } | Self::Other(_) => Default::default(),
        };
        [source, name]
            .into_iter()
            .filter(|image| !image.is_empty() && !image.starts_with('/'))
    }
}

impl ListedContainer {
    /// The container; else what stands in the place of its image's id.
    pub(super) fn container(self) -> Result<HostContainer, String> {
        let image_id = match self.image_id.as_str() {
            // Podman runs a plain folder too, which is no image.
            "" => None,
            id => Some(Digest::of_image_id(id).ok_or_else(|| id.to_owned())?),
        };
        let name = self.names.into_iter().flatten().next().unwrap_or(self.id);
        let mounted = self.mounts.into_iter().flatten().flat_map(ListedMount::images);
        let mut images: Vec<String> = mounted.collect();
        images.push(self.image);
        Ok(HostContainer {
            told: format!("container {} ({})", name.trim_start_matches('/'), self.state),
            image_id,
            images,
            labels: labels(self.labels),
        })
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Removal {
    #[serde(rename = "Deleted", default)]
    deleted: Option<String>,
}

impl Removal {
    pub(super) fn is_of_image(&self) -> bool {
        self.deleted.is_some()
    }
}

#[derive(Debug, Deserialize)]
pub(in crate::host::engine) struct DiskUsage {
    #[serde(rename = "LayersSize", default)]
    pub(in crate::host::engine) layers: Option<i64>,
    #[serde(rename = "BuildCache", default)]
    cache: Option<Vec<CacheItem>>,
}

impl DiskUsage {
    pub(in crate::host::engine) fn cache(self) -> Vec<CacheRecord> {
        self.cache.into_iter().flatten().map(CacheItem::record).collect()
    }
}

#[derive(Debug, Deserialize)]
struct CacheItem {
    #[serde(rename = "ID", default)]
    id: String,
    #[serde(rename = "Type", default)]
    kind: String,
    #[serde(rename = "Description", default)]
    description: String,
    #[serde(rename = "InUse", default)]
    in_use: bool,
    #[serde(rename = "Shared", default)]
    shared: bool,
    #[serde(rename = "Size", default)]
    size: i64,
    #[serde(rename = "CreatedAt", default)]
    created_at: Option<Timestamp>,
    #[serde(rename = "LastUsedAt", default)]
    last_used_at: Option<Timestamp>,
    #[serde(rename = "UsageCount", default)]
    usage_count: u64,
}

impl CacheItem {
    fn record(self) -> CacheRecord {
        let time = |at: Option<Timestamp>| at.filter(|at| at.as_second() != NO_TIME);
        CacheRecord {
            id: self.id,
            kind: self.kind,
            description: self.description,
            in_use: self.in_use,
            shared: self.shared,
            bytes: u64::try_from(self.size).unwrap_or(0),
            created_at: time(self.created_at),
            last_used_at: time(self.last_used_at),
            usage_count: self.usage_count,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn image(mut value: Value) -> Result<HostImage, String> {
        let id = value["Id"].take();
        value["Id"] = if id.is_null() { json!("0".repeat(64)) } else { id };
        serde_json::from_value::<Listed>(value)
            .unwrap()
            .image(|name| !name.starts_with("localhost/"))
    }

    #[test]
    fn an_image_is_read_as_each_engine_writes_it() {
        let digest = format!("r.io/a@sha256:{}", "1".repeat(64));
        let none = image(json!({"RepoTags": ["<none>:<none>"], "RepoDigests": ["<none>@<none>"], "Created": NO_TIME}));
        let none = none.unwrap();
        assert_eq!((none.names.len(), none.digests.len(), none.created_at), (0, 0, None));
        let null =
            image(json!({"RepoTags": null, "RepoDigests": null, "Labels": null, "Created": 0, "Size": -1})).unwrap();
        assert_eq!(
            (null.names.len(), null.bytes, null.created_at),
            (0, 0, Some(Timestamp::UNIX_EPOCH))
        );
        let local = format!("localhost/a@sha256:{}", "1".repeat(64));
        let pulled = json!({"RepoTags": ["r.io/a:1"], "RepoDigests": [digest, local], "Labels": {"a": null, "b": "c"}});
        let pulled = image(pulled).unwrap();
        assert_eq!((pulled.digests, pulled.pinned), (vec![digest], None));
        assert_eq!(pulled.labels["a"], "");
        for (key, expected) in [("ReadOnly", "only read"), ("IsManifestList", "list of manifests")] {
            assert!(
                image(json!({key: true})).unwrap().pinned.unwrap().contains(expected),
                "{key}"
            );
        }
        assert_eq!(image(json!({"Id": "sha256:12"})).unwrap_err(), "sha256:12");
    }

    #[test]
    fn a_container_uses_its_image_and_those_that_it_mounts() {
        let id = format!("sha256:{}", "a".repeat(64));
        let container = |value: Value| serde_json::from_value::<ListedContainer>(value).unwrap().container();
        let docker = json!({"Id": "c", "Names": ["/web"], "State": "created", "Image": "r.io/a:1", "ImageID": id,
            "Mounts": [{"Type": "image", "Source": "r.io/b:1"}, {"Type": "bind", "Source": "r.io/no:1"},
                {"Type": "image", "Source": "/var/lib/x", "Name": "r.io/c:1"}]});
        let docker = container(docker).unwrap();
        assert_eq!(
            (docker.told.as_str(), docker.images),
            (
                "container web (created)",
                ["r.io/b:1", "r.io/c:1", "r.io/a:1"].map(str::to_owned).to_vec()
            )
        );
        // Podman's list tells where a mount is, and no more; and a container may be of a plain folder.
        let podman = container(json!({"Id": "c", "Mounts": ["/data"], "ImageID": "", "Labels": null})).unwrap();
        assert_eq!((podman.image_id, podman.images), (None, vec![String::new()]));
        assert_eq!(container(json!({"ImageID": "odd"})).unwrap_err(), "odd");
    }
}
