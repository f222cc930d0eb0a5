//! ListServices and DescribeServices.

use serde_json::{Value, json};

use super::super::call::Answer;
use super::super::paging::Rule;
use super::super::state::epoch;
use super::model::{Cluster, Clusters, Service, Task, arn_of};
use super::{Scene, cluster, missing};

pub(super) fn list(clusters: &Clusters, scene: &Scene<'_>) -> Answer {
    let found = cluster(clusters, scene)?;
    let arns = found.services.values().map(|service| service.arn.clone());
    scene.list("serviceArns", Rule::of(10, 100), arns)
}

pub(super) fn describe(clusters: &Clusters, scene: &Scene<'_>) -> Answer {
    let found = cluster(clusters, scene)?;
    let names = scene.call.bounded("services", 10)?;
    let (mut services, mut failures) = (Vec::new(), Vec::new());
    for given in names.iter().filter_map(Value::as_str) {
        let name = given.rsplit('/').next().unwrap_or(given);
        match found.services.get(name) {
            Some(service) => services.push(detail(found, name, service, scene)),
            None => failures.push(missing(&arn_of(&scene.place, "service", &scene.cluster_name(), given))),
        }
    }
    Ok(json!({"services": services, "failures": failures}))
}

fn detail(cluster: &Cluster, name: &str, service: &Service, scene: &Scene<'_>) -> Value {
    let running = |deployment: &str| {
        let own = |task: &&Task| task.started_by.as_deref() == Some(deployment) && task.stopped_at.is_none();
        cluster.tasks.values().filter(own).count()
    };
    let deployments = service.deployments.iter().enumerate().map(|(position, deployment)| {
        json!({"id": deployment.id, "status": if position == 0 { "PRIMARY" } else { "ACTIVE" },
            "taskDefinition": deployment.definition, "desiredCount": if position == 0 { service.desired } else { 0 },
            "pendingCount": 0, "runningCount": running(&deployment.id), "failedTasks": 0,
            "createdAt": epoch(deployment.created_at), "updatedAt": epoch(deployment.created_at),
            "rolloutState": if service.deployments.len() == 1 { "COMPLETED" } else { "IN_PROGRESS" }})
    });
    let deployments: Vec<Value> = deployments.collect();
    let task_sets = service.task_sets.iter().map(|(id, definition)| {
        json!({"id": id, "taskSetArn": format!("{}/{id}", service.arn.replacen(":service/", ":task-set/", 1)),
            "serviceArn": service.arn, "status": "ACTIVE", "taskDefinition": definition})
    });
    let task_sets: Vec<Value> = task_sets.collect();
    let revisions = service.deployments.iter().enumerate().map(|(position, deployment)| {
        json!({"arn": deployment.revision, "requestedTaskCount": if position == 0 { service.desired } else { 0 },
            "runningTaskCount": running(&deployment.id), "pendingTaskCount": 0})
    });
    let revisions: Vec<Value> = revisions.collect();
    let current = service.deployments.first();
    json!({"serviceArn": service.arn, "serviceName": name, "status": "ACTIVE",
        "clusterArn": scene.cluster_arn(),
        "desiredCount": service.desired, "pendingCount": 0,
        "runningCount": service.deployments.iter().map(|deployment| running(&deployment.id)).sum::<usize>(),
        "taskDefinition": current.map(|deployment| &deployment.definition), "deployments": deployments,
        "taskSets": task_sets, "createdAt": epoch(service.created_at),
        "currentServiceRevisions": revisions,
        "currentServiceDeployment": service.rollouts.first().map(|rollout| &rollout.arn)})
}
