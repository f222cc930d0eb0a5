//! What runs: clusters, and in them services and tasks; and what says how, the task definitions.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::super::place::Place;

/// How long a stopped task can be seen ("at least 1 hour"; here no longer, which is what hurts).
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);

/// The clusters of one account in one region.
#[derive(Debug, Default)]
pub(in crate::aws) struct Clusters {
    pub(super) clusters: BTreeMap<String, Cluster>,
    /// Revisions by family, the first has the number 1.
    pub(super) families: BTreeMap<String, Vec<Definition>>,
}

/// One cluster.
#[derive(Debug, Default)]
pub(super) struct Cluster {
    pub(super) services: BTreeMap<String, Service>,
    /// By ARN.
    pub(super) tasks: BTreeMap<String, Task>,
}

/// One revision of a task definition.
#[derive(Debug, Clone)]
pub(super) struct Definition {
    pub(super) arn: String,
    pub(super) revision: usize,
    /// Name and image.
    pub(super) containers: Vec<(String, String)>,
    pub(super) is_active: bool,
}

/// A service.
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) arn: String,
    pub(super) created_at: Timestamp,
    pub(super) desired: usize,
    /// Those that still have tasks, the newest first.
    pub(super) deployments: Vec<Deployment>,
    /// ARNs of the task definitions of its task sets.
    pub(super) task_sets: Vec<(String, String)>,
    /// Every deployment there ever was, the newest first.
    pub(super) rollouts: Vec<Rollout>,
    pub(super) revisions: Vec<Revision>,
}

/// What `DescribeServices` tells of a deployment.
#[derive(Debug, Clone)]
pub(super) struct Deployment {
    pub(super) id: String,
    pub(super) definition: String,
    pub(super) revision: String,
    pub(super) created_at: Timestamp,
}

/// A service deployment, as `ListServiceDeployments` remembers it.
#[derive(Debug, Clone)]
pub(super) struct Rollout {
    pub(super) arn: String,
    pub(super) target: String,
    pub(super) sources: Vec<String>,
    pub(super) created_at: Timestamp,
    pub(super) finished_at: Option<Timestamp>,
    /// The revision that was returned to.
    pub(super) rolled_back_to: Option<String>,
}

/// A service revision: the images of one deployment, by digest since then.
#[derive(Debug, Clone)]
pub(super) struct Revision {
    pub(super) arn: String,
    pub(super) definition: String,
    pub(super) containers: Vec<Container>,
    pub(super) created_at: Timestamp,
}

/// A container, and what it runs.
#[derive(Debug, Clone)]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) image: String,
    pub(super) digest: Option<String>,
}

/// A task.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) definition: String,
    /// `service:web`, `family:web`
    pub(super) group: String,
    /// The deployment that began it.
    pub(super) started_by: Option<String>,
    pub(super) containers: Vec<Container>,
    pub(super) created_at: Timestamp,
    pub(super) stopped_at: Option<Timestamp>,
}

/// `arn:aws:ecs:REGION:ACCOUNT:KIND/CLUSTER/NAME`; a name that is an ARN stays what it is.
pub(super) fn arn_of(place: &Place, kind: &str, cluster: &str, name: &str) -> String {
    match name.starts_with("arn:") {
        true => name.to_owned(),
        false => place.arn("ecs", &format!("{kind}/{cluster}/{name}")),
    }
}

/// The ARN of a cluster.
pub(super) fn arn_of_cluster(place: &Place, name: &str) -> String {
    place.arn("ecs", &format!("cluster/{name}"))
}

impl Clusters {
    pub(super) fn arns(&self, place: &Place) -> Vec<String> {
        let names = self.clusters.keys();
        names.map(|name| arn_of_cluster(place, name)).collect()
    }

    /// Forgets tasks that stopped long ago.
    pub(super) fn forget_stopped(&mut self, now: Timestamp) {
        for cluster in self.clusters.values_mut() {
            let is_remembered = |stopped: Timestamp| now < stopped + REMEMBERED;
            cluster
                .tasks
                .retain(|_, task| task.stopped_at.is_none_or(is_remembered));
        }
    }

    /// A task definition by ARN, by `family:revision`, or the newest active one of a family.
    pub(super) fn definition(&self, name: &str) -> Option<&Definition> {
        let name = name.rsplit('/').next().unwrap_or(name);
        match name.split_once(':') {
            Some((family, revision)) => {
                let revision: usize = revision.parse().ok()?;
                self.families.get(family)?.get(revision.checked_sub(1)?)
            }
            None => self
                .families
                .get(name)?
                .iter()
                .rev()
                .find(|definition| definition.is_active),
        }
    }

    pub(super) fn services(&self) -> impl Iterator<Item = (&String, &Service)> {
        let clusters = self.clusters.iter();
        clusters.flat_map(|(name, cluster)| cluster.services.values().map(move |service| (name, service)))
    }
}

impl Definition {
    pub(super) fn family(&self) -> &str {
        let name = self.arn.rsplit('/').next().unwrap_or(&self.arn);
        name.split(':').next().unwrap_or(name)
    }
}
