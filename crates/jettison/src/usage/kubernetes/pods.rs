//! Images of pods: what their specification names, and what their status says they run.
//!
//! An image is recorded as the specification writes it, with the digest that runs. Where a specification and a status do
//! not fit each other both count.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jettison_core::model::{Digest, legible};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::image_id::{Running, running};
use super::workloads::{Metadata, unreadable};
use crate::usage::said::Said;

/// A text that is `null` says nothing.
type Text<'a> = Option<Cow<'a, str>>;

#[derive(Deserialize)]
struct Pod<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    spec: PodSpec<'a>,
    #[serde(borrow, default)]
    status: Option<PodStatus<'a>>,
}

/// What a pod is made from, in pods and in the templates of workloads.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodSpec<'a> {
    #[serde(borrow, default)]
    containers: Option<Vec<Container<'a>>>,
    #[serde(borrow, default)]
    init_containers: Option<Vec<Container<'a>>>,
    #[serde(borrow, default)]
    ephemeral_containers: Option<Vec<Container<'a>>>,
    #[serde(borrow, default)]
    volumes: Option<Vec<Volume<'a>>>,
}

#[derive(Deserialize)]
struct Container<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    image: Text<'a>,
}

#[derive(Deserialize)]
struct Volume<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    image: Option<ImageVolume<'a>>,
}

#[derive(Deserialize)]
struct ImageVolume<'a> {
    #[serde(borrow, default)]
    reference: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodStatus<'a> {
    #[serde(borrow, default)]
    container_statuses: Option<Vec<ContainerStatus<'a>>>,
    #[serde(borrow, default)]
    init_container_statuses: Option<Vec<ContainerStatus<'a>>>,
    #[serde(borrow, default)]
    ephemeral_container_statuses: Option<Vec<ContainerStatus<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContainerStatus<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    image: Text<'a>,
    #[serde(rename = "imageID", borrow, default)]
    image_id: Text<'a>,
    #[serde(borrow, default)]
    last_state: Option<BTreeMap<&'a str, Option<State<'a>>>>,
    #[serde(borrow, default)]
    volume_mounts: Option<Vec<VolumeMount<'a>>>,
}

#[derive(Deserialize)]
struct State<'a> {
    #[serde(rename = "imageID", borrow, default)]
    image_id: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VolumeMount<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    volume_status: Option<VolumeStatus<'a>>,
}

#[derive(Deserialize)]
struct VolumeStatus<'a> {
    #[serde(borrow, default)]
    image: Option<MountedImage<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MountedImage<'a> {
    #[serde(borrow, default)]
    image_ref: Text<'a>,
}

/// What is gathered of one pod, or of one template.
struct Reading<'s> {
    said: &'s mut Said,
    /// `Pod shop/web-0`, and what owns it.
    who: String,
    owner: String,
    /// The texts that were taken in.
    known: BTreeSet<String>,
}

/// Reads one pod, and returns the texts that were taken in.
pub(super) fn read(item: &RawValue, said: &mut Said) -> BTreeSet<String> {
    let pod: Pod<'_> = match serde_json::from_str(item.get()) {
        Ok(pod) => pod,
        Err(error) => {
            said.gap(unreadable("Pod", item, error));
            return BTreeSet::new();
        }
    };
    let status = pod.status.unwrap_or_default();
    let mut reading = Reading::of("Pod", &pod.metadata, said);
    if !pod.spec.is_whole() {
        reading.said.gap(not_whole(&reading.who));
    }
    reading.containers(
        "init container",
        pod.spec.init_containers.as_deref(),
        status.init_container_statuses.as_deref(),
    );
    reading.containers(
        "container",
        pod.spec.containers.as_deref(),
        status.container_statuses.as_deref(),
    );
    reading.containers(
        "ephemeral container",
        pod.spec.ephemeral_containers.as_deref(),
        status.ephemeral_container_statuses.as_deref(),
    );
    let statuses = [
        &status.init_container_statuses,
        &status.container_statuses,
        &status.ephemeral_container_statuses,
    ];
    let mounts: Vec<&VolumeMount<'_>> = statuses
        .into_iter()
        .flatten()
        .flatten()
        .flat_map(|status| status.volume_mounts.as_deref().unwrap_or_default())
        .collect();
    reading.volumes(pod.spec.volumes.as_deref(), &mounts);
    reading.known
}

/// Reads the template of a workload, and returns the texts that were taken in.
pub(super) fn read_template(
    kind: &str,
    metadata: &Metadata<'_>,
    spec: &PodSpec<'_>,
    said: &mut Said,
) -> BTreeSet<String> {
    let mut reading = Reading::of(kind, metadata, said);
    reading.containers("init container", spec.init_containers.as_deref(), None);
    reading.containers("container", spec.containers.as_deref(), None);
    reading.containers("ephemeral container", spec.ephemeral_containers.as_deref(), None);
    reading.volumes(spec.volumes.as_deref(), &[]);
    reading.known
}

impl PodSpec<'_> {
    /// No server takes a pod, or a template of pods, without containers.
    pub(super) fn is_whole(&self) -> bool {
        self.containers.is_some()
    }
}

/// That an object has no containers.
pub(super) fn not_whole(who: &str) -> String {
    format!("{who}: it has no containers, so this is not all of it")
}

impl<'s> Reading<'s> {
    fn of(kind: &str, metadata: &Metadata<'_>, said: &'s mut Said) -> Self {
        Self {
            said,
            who: metadata.told(kind),
            owner: metadata.owner(),
            known: BTreeSet::new(),
        }
    }

    fn containers(
        &mut self,
        role: &str,
        specified: Option<&[Container<'_>]>,
        statuses: Option<&[ContainerStatus<'_>]>,
    ) {
        let mut statuses = by_name(statuses.unwrap_or_default().iter(), |status| text(&status.name));
        for container in specified.unwrap_or_default() {
            let (name, image) = (text(&container.name), text(&container.image));
            let who = self.user(role, name);
            self.known.insert(image.to_owned());
            let mut has_digest = false;
            for status in statuses.remove(name).unwrap_or_default() {
                has_digest |= self.runs(image, status, &who);
            }
            if !has_digest {
                self.said.uses(image, None, &who);
            }
        }
        // What is specified nowhere.
        for status in statuses.into_values().flatten() {
            let who = self.user(role, text(&status.name));
            self.runs("", status, &who);
        }
    }

    /// What a status says runs; whether it gave a digest.
    fn runs(&mut self, image: &str, status: &ContainerStatus<'_>, who: &str) -> bool {
        let before = status.last_state.iter().flat_map(BTreeMap::values).flatten();
        let ids = std::iter::once(&status.image_id).chain(before.map(|state| &state.image_id));
        let mut has_digest = false;
        for id in ids {
            has_digest |= self.is_of(image, text(id), who);
        }
        let named = text(&status.image);
        if let Running::Digest(digest) = running(named) {
            self.uses(image, digest, who);
            has_digest = true;
        } else if !has_digest && named != image {
            // The only thing that is known of what runs.
            self.said.uses(named, None, who);
        }
        self.known.insert(named.to_owned());
        has_digest
    }

    fn is_of(&mut self, image: &str, id: &str, who: &str) -> bool {
        match running(id) {
            Running::Unknown => false,
            Running::Garbled => {
                // Told as what it is, unless it is to be passed over.
                if !self.said.ignores(id) {
                    let id = legible(id);
                    self.said.gap(format!("{who}: `{id}` is no imageID of a container"));
                }
                false
            }
            Running::Digest(digest) => {
                self.uses(image, digest, who);
                let name = id.split_once("://").map_or(id, |(_, name)| name);
                self.known.insert(name.to_owned());
                true
            }
        }
    }

    fn uses(&mut self, image: &str, digest: Digest, who: &str) {
        self.known.insert(digest.to_string());
        self.said.uses(image, Some(digest), who);
    }

    fn volumes(&mut self, volumes: Option<&[Volume<'_>]>, mounts: &[&VolumeMount<'_>]) {
        let mounts = by_name(mounts.iter().copied(), |mount| text(&mount.name));
        let images = volumes.unwrap_or_default().iter();
        for (name, image) in images.filter_map(|volume| Some((text(&volume.name), volume.image.as_ref()?))) {
            let who = self.user("volume", name);
            let image = text(&image.reference);
            self.known.insert(image.to_owned());
            let mounted = mounts.get(name).into_iter().flatten();
            let mounted = mounted.filter_map(|mount| mount.volume_status.as_ref()?.image.as_ref());
            let mut has_digest = false;
            for mounted in mounted {
                has_digest |= self.is_of(image, text(&mounted.image_ref), &who);
            }
            if !has_digest {
                self.said.uses(image, None, &who);
            }
        }
    }

    fn user(&self, role: &str, name: &str) -> String {
        format!("{} {role} {}{}", self.who, legible(name), self.owner)
    }
}

/// Names may be many, so they are looked up.
fn by_name<'t, T>(
    items: impl Iterator<Item = &'t T>,
    name: impl Fn(&'t T) -> &'t str,
) -> BTreeMap<&'t str, Vec<&'t T>> {
    let mut by_name: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for item in items {
        by_name.entry(name(item)).or_default().push(item);
    }
    by_name
}

fn text<'t>(text: &'t Text<'_>) -> &'t str {
    text.as_deref().unwrap_or_default()
}
