//! ECS: clusters, services with their deployments and revisions, tasks, and task definitions (JSON 1.1).

mod definitions;
mod deployments;
mod handle;
mod model;
mod services;
mod tasks;

use jiff::Timestamp;

use super::call::{Answer, Call};
use super::paging::{Page, Rule};
use super::place::Place;
use super::refusal::Refusal;
use super::state::{State, object};
use model::{Cluster, arn_of, arn_of_cluster};

pub use handle::Ecs;
pub(super) use model::Clusters;

/// One call on the clusters of one region.
struct Scene<'c> {
    call: &'c Call,
    place: Place,
    now: Timestamp,
}

pub(super) fn serve(state: &mut State, call: &Call) -> Answer {
    let scene = Scene {
        call,
        place: Place::of(call),
        now: state.now,
    };
    let action = format!("ecs:{}", call.operation);
    for resource in scene.resources() {
        state.identities.check(&call.caller, &action, &resource)?;
    }
    let clusters = &mut state.region(&scene.place).clusters;
    clusters.forget_stopped(scene.now);
    match call.operation.as_str() {
        "ListClusters" => scene.list("clusterArns", Rule::of(100, 100), clusters.arns(&scene.place)),
        "ListServices" => services::list(clusters, &scene),
        "DescribeServices" => services::describe(clusters, &scene),
        "ListServiceDeployments" => deployments::list(clusters, &scene),
        "DescribeServiceDeployments" => deployments::describe(clusters, &scene),
        "DescribeServiceRevisions" => deployments::revisions(clusters, &scene),
        "ListTasks" => tasks::list(clusters, &scene),
        "DescribeTasks" => tasks::describe(clusters, &scene),
        "ListTaskDefinitionFamilies" => definitions::families(clusters, &scene),
        "ListTaskDefinitions" => definitions::list(clusters, &scene),
        "DescribeTaskDefinition" => definitions::describe(clusters, &scene),
        _ => Err(Refusal::new("UnknownOperationException", "")),
    }
}

impl Scene<'_> {
    /// What a permission has to be given for (Service Authorization Reference, "Amazon Elastic Container Service").
    fn resources(&self) -> Vec<String> {
        let cluster = self.cluster_name();
        let arns = |key: &str, kind: &str| {
            let names = self.call.texts(key).into_iter();
            names.map(|name| arn_of(&self.place, kind, &cluster, name)).collect()
        };
        match self.call.operation.as_str() {
            "DescribeServices" => arns("services", "service"),
            "DescribeTasks" => arns("tasks", "task"),
            "DescribeServiceDeployments" => arns("serviceDeploymentArns", "service-deployment"),
            "DescribeServiceRevisions" => arns("serviceRevisionArns", "service-revision"),
            "ListServiceDeployments" => {
                let service = self.call.text("service").unwrap_or_default();
                vec![arn_of(&self.place, "service", &cluster, service)]
            }
            // Of these the reference names no resource, or only container instances.
            _ => vec!["*".to_owned()],
        }
    }

    /// The name of the cluster that is meant, which may be given by ARN; without one it is `default`.
    fn cluster_name(&self) -> String {
        let given = self.call.text("cluster").unwrap_or("default");
        given.rsplit('/').next().unwrap_or(given).to_owned()
    }

    fn cluster_arn(&self) -> String {
        arn_of_cluster(&self.place, &self.cluster_name())
    }

    /// One page of texts, which have to be in their order.
    fn list(&self, key: &str, rule: Rule, texts: impl IntoIterator<Item = String>) -> Answer {
        let page = Page::of(self.call, rule)?;
        let texts = texts.into_iter().filter(|text| page.is_behind(text));
        let (texts, next) = page.cut(texts.map(|text| (text.clone(), text)));
        let mut answer = serde_json::json!({"nextToken": next});
        answer[key] = texts.into();
        Ok(object(answer))
    }
}

/// An entry of `failures`: what was asked for is not there.
fn missing(arn: &str) -> serde_json::Value {
    serde_json::json!({"arn": arn, "reason": "MISSING"})
}

/// The cluster that a call means.
fn cluster<'s>(clusters: &'s Clusters, scene: &Scene<'_>) -> Result<&'s Cluster, Refusal> {
    let found = clusters.clusters.get(&scene.cluster_name());
    found.ok_or_else(|| Refusal::new("ClusterNotFoundException", "Cluster not found."))
}
