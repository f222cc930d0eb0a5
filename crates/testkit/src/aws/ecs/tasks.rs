//! ListTasks, which shows what runs unless it is asked for what stopped, and DescribeTasks.

use serde_json::{Value, json};

use super::super::call::Answer;
use super::super::paging::Rule;
use super::super::state::{epoch, object};
use super::model::{Clusters, Task, arn_of};
use super::{Scene, cluster, missing};

pub(super) fn list(clusters: &Clusters, scene: &Scene<'_>) -> Answer {
    let call = scene.call;
    let found = cluster(clusters, scene)?;
    let wants_stopped = call.text("desiredStatus") == Some("STOPPED");
    let service = call.text("serviceName").map(|name| format!("service:{name}"));
    let family = call.text("family");
    let fits = |task: &Task| {
        task.stopped_at.is_some() == wants_stopped
            && service.as_ref().is_none_or(|group| *group == task.group)
            && family.is_none_or(|family| task.definition.contains(&format!("/{family}:")))
    };
    let arns = found.tasks.iter().filter(|(_, task)| fits(task));
    scene.list("taskArns", Rule::of(100, 100), arns.map(|(arn, _)| arn.clone()))
}

pub(super) fn describe(clusters: &Clusters, scene: &Scene<'_>) -> Answer {
    let found = cluster(clusters, scene)?;
    let names = scene.call.bounded("tasks", 100)?;
    let (mut tasks, mut failures) = (Vec::new(), Vec::new());
    for given in names.iter().filter_map(Value::as_str) {
        let arn = arn_of(&scene.place, "task", &scene.cluster_name(), given);
        match found.tasks.get(&arn) {
            Some(task) => tasks.push(detail(&arn, task, scene)),
            None => failures.push(missing(&arn)),
        }
    }
    Ok(json!({"tasks": tasks, "failures": failures}))
}

fn detail(arn: &str, task: &Task, scene: &Scene<'_>) -> Value {
    let status = if task.stopped_at.is_some() {
        "STOPPED"
    } else {
        "RUNNING"
    };
    let containers = task.containers.iter().map(|container| {
        object(json!({"name": container.name, "taskArn": arn, "image": container.image,
            "imageDigest": container.digest, "lastStatus": status}))
    });
    let containers: Vec<Value> = containers.collect();
    object(
        json!({"taskArn": arn, "taskDefinitionArn": task.definition, "group": task.group,
        "clusterArn": scene.cluster_arn(),
        "startedBy": task.started_by, "desiredStatus": status, "lastStatus": status, "containers": containers,
        "createdAt": epoch(task.created_at), "startedAt": epoch(task.created_at),
        "stoppedAt": task.stopped_at.map(epoch)}),
    )
}
