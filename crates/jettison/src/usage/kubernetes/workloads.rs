//! Images of what makes pods, or may make them again: the templates of workloads, their history included.

use std::borrow::Cow;
use std::collections::BTreeSet;

use jettison_core::model::{InvalidJson, legible};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::kinds::Place;
use super::pods::{PodSpec, not_whole, read_template};
use crate::usage::said::Said;

/// The longest name of an object or a namespace.
const LONGEST_NAME: usize = 253;

/// Who an object is, and who owns it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata<'a> {
    #[serde(borrow, default)]
    namespace: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    owner_references: Option<Vec<Owner<'a>>>,
    #[serde(borrow, default)]
    labels: Option<Labels<'a>>,
}

#[derive(Debug, Deserialize)]
struct Owner<'a> {
    #[serde(borrow, default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(default)]
    controller: Option<bool>,
}

/// The labels from which the maker of a ReplicaSet is known.
#[derive(Debug, Deserialize)]
struct Labels<'a> {
    #[serde(rename = "pod-template-hash", borrow, default)]
    deployment: Option<Cow<'a, str>>,
    #[serde(rename = "rollouts-pod-template-hash", borrow, default)]
    rollout: Option<Cow<'a, str>>,
}

/// An object of which only its name is wanted.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow, default)]
    metadata: Metadata<'a>,
}

#[derive(Deserialize)]
struct Template<'a> {
    #[serde(borrow, default)]
    spec: Option<PodSpec<'a>>,
}

#[derive(Deserialize)]
struct Templated<'a> {
    #[serde(borrow, default)]
    template: Option<Template<'a>>,
}

impl<'a> Templated<'a> {
    fn pod(self) -> Option<PodSpec<'a>> {
        self.template?.spec
    }
}

/// `spec.template`
#[derive(Deserialize)]
struct Workload<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    spec: Templated<'a>,
}

/// `template`
#[derive(Deserialize)]
struct PodTemplate<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    template: Template<'a>,
}

/// `spec.jobTemplate.spec.template`
#[derive(Deserialize)]
struct CronJob<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    spec: CronJobSpec<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CronJobSpec<'a> {
    #[serde(borrow)]
    job_template: JobTemplate<'a>,
}

#[derive(Deserialize)]
struct JobTemplate<'a> {
    #[serde(borrow)]
    spec: Templated<'a>,
}

/// `data.spec.template`: a patch of what it is a revision of, so any part of it may be missing.
#[derive(Deserialize)]
struct Revision<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow, default)]
    data: Option<Patch<'a>>,
}

#[derive(Deserialize)]
struct Patch<'a> {
    #[serde(borrow, default)]
    spec: Option<Templated<'a>>,
}

/// Reads one workload, and returns the texts that were taken in.
pub(super) fn read(place: Place, kind: &str, item: &RawValue, said: &mut Said) -> BTreeSet<String> {
    match parsed(place, item) {
        Ok((metadata, spec)) => {
            let is_whole = match place {
                // A patch may be of anything.
                Place::Revision => true,
                Place::Rollout => spec.as_ref().is_none_or(PodSpec::is_whole),
                _ => spec.as_ref().is_some_and(PodSpec::is_whole),
            };
            if !is_whole {
                said.gap(not_whole(&metadata.told(kind)));
            }
            read_template(kind, &metadata, &spec.unwrap_or_default(), said)
        }
        Err(error) => {
            said.gap(unreadable(kind, item, error));
            BTreeSet::new()
        }
    }
}

fn parsed(place: Place, item: &RawValue) -> serde_json::Result<(Metadata<'_>, Option<PodSpec<'_>>)> {
    let text = item.get();
    Ok(match place {
        Place::PodTemplate => {
            let object: PodTemplate<'_> = serde_json::from_str(text)?;
            (object.metadata, object.template.spec)
        }
        Place::CronJob => {
            let object: CronJob<'_> = serde_json::from_str(text)?;
            (object.metadata, object.spec.job_template.spec.pod())
        }
        Place::Revision => {
            let object: Revision<'_> = serde_json::from_str(text)?;
            let spec = object.data.and_then(|data| data.spec);
            (object.metadata, spec.and_then(Templated::pod))
        }
        _ => {
            let object: Workload<'_> = serde_json::from_str(text)?;
            (object.metadata, object.spec.pod())
        }
    })
}

/// That an object is not as it should be.
pub(super) fn unreadable(kind: &str, item: &RawValue, error: serde_json::Error) -> String {
    format!(
        "{} cannot be understood: {}",
        named(kind, item),
        InvalidJson::from(error)
    )
}

/// The name of any object: `Deployment shop/web`.
pub(super) fn named(kind: &str, item: &RawValue) -> String {
    let named = serde_json::from_str::<Named<'_>>(item.get());
    named.map_or_else(|_| format!("a {}", short(kind)), |named| named.metadata.told(kind))
}

impl Metadata<'_> {
    /// `Deployment shop/web`; `Namespace shop`.
    pub(super) fn told(&self, kind: &str) -> String {
        let kind = short(kind);
        let name = short(self.name.as_deref().unwrap_or("(no name)"));
        match self.namespace.as_deref() {
            Some(namespace) if !namespace.is_empty() => format!("{kind} {}/{name}", short(namespace)),
            _ => format!("{kind} {name}"),
        }
    }

    /// ` of Deployment web`, if somebody made it.
    pub(super) fn owner(&self) -> String {
        let owners = self.owner_references.as_deref().unwrap_or_default();
        let Some(owner) = owners.iter().find(|owner| owner.controller == Some(true)) else {
            return String::new();
        };
        let (kind, name) = self.maker_of(owner).unwrap_or((&owner.kind, &owner.name));
        format!(" of {} {}", short(kind), short(name))
    }

    /// A pod is of a ReplicaSet, which is of something that people know.
    fn maker_of<'o>(&self, owner: &'o Owner<'_>) -> Option<(&'static str, &'o str)> {
        let labels = self.labels.as_ref().filter(|_| owner.kind == "ReplicaSet")?;
        let (kind, hash) = match (&labels.rollout, &labels.deployment) {
            (Some(hash), _) => ("Rollout", hash),
            (None, hash) => ("Deployment", hash.as_ref()?),
        };
        let name = owner.name.strip_suffix(hash.as_ref())?.strip_suffix('-')?;
        Some((kind, name))
    }
}

fn short(text: &str) -> String {
    legible(text.get(..LONGEST_NAME).unwrap_or(text))
}
