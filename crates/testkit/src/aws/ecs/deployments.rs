//! The history of services: their deployments, and the images of each by digest.

use serde_json::{Value, json};

use super::super::call::Answer;
use super::super::paging::{Page, Rule};
use super::super::refusal::Refusal;
use super::super::state::{epoch, object};
use super::model::{Clusters, Revision, Rollout, Service, arn_of_cluster};
use super::{Scene, cluster, missing};

/// How much ListServiceDeployments tells at once.
const RULE: Rule = Rule::of(20, 100);
/// Most ARNs in one call.
const MOST: usize = 20;

pub(super) fn list(clusters: &Clusters, scene: &Scene<'_>) -> Answer {
    let call = scene.call;
    let name = call.required("service")?;
    let name = name.rsplit('/').next().unwrap_or(name);
    let service = cluster(clusters, scene)?.services.get(name);
    let service = service.ok_or_else(|| Refusal::new("ServiceNotFoundException", "Service not found."))?;
    let page = Page::of(call, RULE)?;
    let wanted = call.texts("status");
    let rows = service
        .rollouts
        .iter()
        .enumerate()
        .map(|(position, rollout)| (format!("{position:08}"), rollout))
        .filter(|(key, _)| page.is_behind(key))
        .filter(|(_, rollout)| wanted.is_empty() || wanted.contains(&rollout.status()))
        .map(|(key, rollout)| (key, brief(service, rollout, scene)));
    let (rows, next) = page.cut(rows);
    Ok(object(json!({"serviceDeployments": rows, "nextToken": next})))
}

fn brief(service: &Service, rollout: &Rollout, scene: &Scene<'_>) -> Value {
    object(json!({"serviceDeploymentArn": rollout.arn, "serviceArn": service.arn,
        "clusterArn": scene.cluster_arn(),
        "createdAt": epoch(rollout.created_at), "startedAt": epoch(rollout.created_at),
        "finishedAt": rollout.finished_at.map(epoch), "targetServiceRevisionArn": rollout.target,
        "status": rollout.status()}))
}

pub(super) fn describe(clusters: &Clusters, scene: &Scene<'_>) -> Answer {
    let arns = scene.call.bounded("serviceDeploymentArns", MOST)?;
    let (mut rows, mut failures) = (Vec::new(), Vec::new());
    for arn in arns.iter().filter_map(Value::as_str) {
        let mut all = clusters
            .services()
            .flat_map(|(name, service)| service.rollouts.iter().map(move |rollout| (name, service, rollout)));
        match all.find(|(_, _, rollout)| rollout.arn == arn) {
            Some((name, service, rollout)) => rows.push(deployment(name, service, rollout, scene)),
            None => failures.push(missing(arn)),
        }
    }
    Ok(json!({"serviceDeployments": rows, "failures": failures}))
}

fn deployment(cluster: &str, service: &Service, rollout: &Rollout, scene: &Scene<'_>) -> Value {
    let sources: Vec<Value> = rollout.sources.iter().map(|arn| json!({"arn": arn})).collect();
    object(json!({"serviceDeploymentArn": rollout.arn, "serviceArn": service.arn,
        "clusterArn": arn_of_cluster(&scene.place, cluster), "createdAt": epoch(rollout.created_at),
        "startedAt": epoch(rollout.created_at), "finishedAt": rollout.finished_at.map(epoch),
        "rollback": rollout.rolled_back_to.as_ref().map(|arn| json!({"serviceRevisionArn": arn})),
        "sourceServiceRevisions": sources, "targetServiceRevision": {"arn": rollout.target},
        "status": rollout.status()}))
}

pub(super) fn revisions(clusters: &Clusters, scene: &Scene<'_>) -> Answer {
    let arns = scene.call.bounded("serviceRevisionArns", MOST)?;
    let (mut rows, mut failures) = (Vec::new(), Vec::new());
    for arn in arns.iter().filter_map(Value::as_str) {
        let mut all = clusters
            .services()
            .flat_map(|(name, service)| service.revisions.iter().map(move |revision| (name, service, revision)));
        match all.find(|(_, _, revision)| revision.arn == arn) {
            Some((name, service, found)) => rows.push(revision(name, service, found, scene)),
            None => failures.push(missing(arn)),
        }
    }
    Ok(json!({"serviceRevisions": rows, "failures": failures}))
}

fn revision(cluster: &str, service: &Service, found: &Revision, scene: &Scene<'_>) -> Value {
    let images = found.containers.iter().map(|container| {
        object(json!({"containerName": container.name, "image": container.image, "imageDigest": container.digest}))
    });
    let images: Vec<Value> = images.collect();
    json!({"serviceRevisionArn": found.arn, "serviceArn": service.arn,
        "clusterArn": arn_of_cluster(&scene.place, cluster), "taskDefinition": found.definition,
        "containerImages": images, "createdAt": epoch(found.created_at)})
}

impl Rollout {
    fn status(&self) -> &'static str {
        match self.finished_at {
            Some(_) if self.rolled_back_to.is_some() => "ROLLBACK_SUCCESSFUL",
            Some(_) => "SUCCESSFUL",
            None => "IN_PROGRESS",
        }
    }
}
