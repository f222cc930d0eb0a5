//! Which kinds of objects are read, and how: where images stand in the known ones, and which are looked through.

use std::collections::BTreeSet;

use jettison_core::config::KubernetesSource;
use jettison_core::model::legible;
use serde_json::value::RawValue;

use super::api::Failure;
use super::sweep::Sweep;
use super::{helm, pods, workloads};
use crate::usage::said::Said;

/// Kinds that are never looked through. Secrets are nobody's business; the others name what ran, and no reason to keep it.
const NEVER_SWEPT: [&str; 5] = [
    "secrets",
    "events",
    "events.events.k8s.io",
    "nodes",
    "leases.coordination.k8s.io",
];

/// A kind of object that the server lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kind {
    /// Empty for the first group of all.
    pub(super) group: String,
    pub(super) version: String,
    /// `deployments`.
    pub(super) plural: String,
    /// `Deployment`.
    pub(super) kind: String,
}

/// Where images stand in a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A pod.
    Pod,
    /// `spec.template`.
    Template,
    /// `spec.template`, unless it borrows that of another object.
    Rollout,
    /// `template`.
    PodTemplate,
    /// `spec.jobTemplate.spec.template`.
    CronJob,
    /// `data`, which is a patch.
    Revision,
    /// A release of Helm, packed.
    HelmRelease,
}

/// A list to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) kind: Kind,
    pub(super) place: Option<Place>,
    pub(super) is_swept: bool,
    /// What of it, in the words of a query; empty for all.
    pub(super) selector: &'static str,
}

/// Owners before what they own: what moves on while the lists are read is then seen further on.
const TYPED: [(&str, Place); 12] = [
    ("rollouts.argoproj.io", Place::Rollout),
    ("deployments.apps", Place::Template),
    ("statefulsets.apps", Place::Template),
    ("daemonsets.apps", Place::Template),
    ("cronjobs.batch", Place::CronJob),
    ("podtemplates", Place::PodTemplate),
    ("replicationcontrollers", Place::Template),
    ("replicasets.apps", Place::Template),
    ("controllerrevisions.apps", Place::Revision),
    ("jobs.batch", Place::Template),
    ("pods", Place::Pod),
    ("configmaps", Place::HelmRelease),
];

impl Kind {
    /// As people name it on the command line: `deployments.apps`, `pods`.
    pub(super) fn name(&self) -> String {
        match self.group.as_str() {
            "" => self.plural.clone(),
            group => format!("{}.{group}", self.plural),
        }
    }

    /// The path of its list over all namespaces.
    pub(super) fn path(&self) -> String {
        let Self {
            group, version, plural, ..
        } = self;
        match group.as_str() {
            "" => format!("/api/{version}/{plural}"),
            group => format!("/apis/{group}/{version}/{plural}"),
        }
    }
}

impl Place {
    /// Reads the images of one object, and returns the texts in which it found them.
    pub(super) fn read(self, kind: &str, item: &RawValue, sweep: &Sweep<'_>, said: &mut Said) -> BTreeSet<String> {
        match self {
            Self::Pod => pods::read(item, said),
            Self::HelmRelease => {
                helm::read(item, sweep, said);
                BTreeSet::new()
            }
            _ => workloads::read(self, kind, item, said),
        }
    }
}

impl Task {
    /// What is missing because this list could not be read, and what helps. That the server has none of what it said that
    /// it has is no different: one that starts up, or what stands in front of it, answers so too.
    pub(super) fn told(&self, failure: &Failure) -> String {
        let name = legible(&self.kind.name());
        let told = format!("{name}: {failure}");
        if !matches!(failure, Failure::Forbidden(_)) {
            return match self.place {
                Some(_) => told,
                None => format!("{told}; if no image is named there, let this source `leave-out: [{name}]`"),
            };
        }
        let (group, plural) = (legible(&self.kind.group), legible(&self.kind.plural));
        let rule = format!(r#"{{ apiGroups: ["{group}"], resources: ["{plural}"], verbs: ["list"] }}"#);
        match self.place {
            Some(_) => format!("{told}; its ClusterRole needs the rule {rule}"),
            None => format!("{told}; its ClusterRole needs the rule {rule}, or this source `leave-out: [{name}]`"),
        }
    }
}

/// Whether these are the pods of the cluster.
pub(super) fn is_pods(kind: &Kind) -> bool {
    kind.group.is_empty() && kind.plural == "pods"
}

/// Whether this is of a group that has a name.
pub(super) fn is_grouped(kind: &Kind) -> bool {
    !kind.group.is_empty()
}

/// Whether nothing that counts is missing if a group does not tell its kinds: it is left out, and none of them has places
/// for images.
pub(super) fn may_miss(group: &str, source: &KubernetesSource) -> bool {
    source.leave_out.iter().any(|name| names_group(name, group)) && !has_places(group)
}

/// Whether kinds of this group have places for images: it cannot be left out.
pub(super) fn has_places(group: &str) -> bool {
    let group_of = |name: &'static str| name.split_once('.').map_or("", |(_, group)| group);
    TYPED.iter().any(|(name, _)| group_of(name) == group)
}

/// Whether a name in `leave-out` leaves out a whole group: `*.metrics.k8s.io`.
fn names_group(name: &str, group: &str) -> bool {
    name.strip_prefix("*.").is_some_and(|named| named == group)
}

/// What is to be read of the kinds of a cluster, in this order.
pub(super) fn tasks(kinds: Vec<Kind>, source: &KubernetesSource) -> Vec<Task> {
    let mut tasks: Vec<Task> = kinds.into_iter().filter_map(|kind| task(kind, source)).collect();
    tasks.sort_by_key(|task| {
        let name = task.kind.name();
        TYPED
            .iter()
            .position(|(typed, _)| *typed == name)
            .unwrap_or(TYPED.len())
    });
    tasks
}

fn task(kind: Kind, source: &KubernetesSource) -> Option<Task> {
    let name = kind.name();
    if name == "secrets" {
        return source.helm.then_some(Task {
            kind,
            place: Some(Place::HelmRelease),
            is_swept: false,
            selector: helm::SECRETS,
        });
    }
    let place = TYPED.iter().find(|(typed, _)| *typed == name).map(|(_, place)| *place);
    let place = place.filter(|place| source.helm || *place != Place::HelmRelease);
    let is_left_out = |left: &String| *left == name || names_group(left, &kind.group);
    let is_swept = !NEVER_SWEPT.contains(&name.as_str()) && !source.leave_out.iter().any(is_left_out);
    (place.is_some() || is_swept).then_some(Task {
        kind,
        place,
        is_swept,
        selector: "",
    })
}
