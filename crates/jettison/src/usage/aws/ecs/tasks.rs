//! Tasks, running and stopped, with the digests of their images.

use aws_sdk_ecs::types::{Container, DesiredStatus, Task};

use super::cluster::{Cluster, NOT_FOUND};
use super::short;
use crate::usage::aws::place::Call;

const LIST: Call = Call::new("ecs:ListTasks").unless(NOT_FOUND);
const DESCRIBE: Call = Call::new("ecs:DescribeTasks").unless(NOT_FOUND);

/// Tasks of one call to DescribeTasks.
const MOST: usize = 100;

/// What marks the ARN of the definition of a managed daemon, which is asked by another operation.
const DAEMON: &str = ":daemon-task-definition/";

/// Says what the tasks of a cluster use.
///
/// Those that are to run come first: one that stops in between is then in both lists, the other way round in none. They
/// include those that are still being provisioned. Stopped ones are told for an hour at least.
pub(super) async fn ask(cluster: Cluster<'_, '_, '_, '_>) {
    let mut arns = listed(cluster, DesiredStatus::Running).await;
    arns.extend(listed(cluster, DesiredStatus::Stopped).await);
    arns.sort();
    arns.dedup();
    let ask = async |arns| {
        let asked = cluster
            .ecs
            .client
            .describe_tasks()
            .cluster(cluster.arn)
            .set_tasks(Some(arns));
        let answer = asked.send().await?;
        Ok((answer.tasks, answer.failures))
    };
    let found = |task| say(cluster, &task);
    cluster.ecs.place.described((DESCRIBE, MOST), &arns, ask, found).await;
}

async fn listed(cluster: Cluster<'_, '_, '_, '_>, status: DesiredStatus) -> Vec<String> {
    let page = async |token| {
        let asked = cluster
            .ecs
            .client
            .list_tasks()
            .cluster(cluster.arn)
            .desired_status(status.clone());
        let answer = asked.max_results(100).set_next_token(token).send().await?;
        Ok((answer.task_arns, answer.next_token))
    };
    cluster.ecs.place.every(LIST, page).await
}

fn say(cluster: Cluster<'_, '_, '_, '_>, task: &Task) {
    let user = told(cluster, task);
    let has_stopped = task.last_status() == Some("STOPPED");
    for container in task.containers() {
        let (image, digest) = (container.image(), container.image_digest());
        match has_stopped {
            true => cluster.ecs.place.used(image, digest, &user),
            false => {
                let image = image.map(|image| without_digest(image, digest));
                cluster.ecs.place.uses(image, digest, &user);
            }
        }
    }
    let has_image = |container: &Container| container.image().is_some_and(|image| !image.is_empty());
    let tells_all = !task.containers().is_empty() && task.containers().iter().all(has_image);
    let definition = task.task_definition_arn().filter(|arn| !arn.contains(DAEMON));
    match definition {
        // The definition of a task that has stopped may be deleted.
        Some(_) if tells_all && has_stopped => {}
        Some(definition) => cluster.wanted.add(definition, user),
        None if tells_all => {}
        None => cluster.ecs.place.unclear(
            DESCRIBE,
            format!("{user} names neither all of its images nor its task definition"),
        ),
    }
}

/// ECS puts the digest behind a tag that it has resolved. The tag alone is what the task definition says, and the digest is
/// told beside it: so a service names as many images with tasks as without.
fn without_digest<'i>(image: &'i str, digest: Option<&str>) -> &'i str {
    let name = digest.and_then(|digest| image.strip_suffix(digest)?.strip_suffix('@'));
    let has_tag = |name: &&str| name.rsplit('/').next().is_some_and(|last| last.contains(':'));
    name.filter(has_tag).unwrap_or(image)
}

/// `ecs prod/web task 9781c248 (RUNNING)`; without the service where the task has none.
fn told(cluster: Cluster<'_, '_, '_, '_>, task: &Task) -> String {
    let service = task.group().and_then(|group| group.strip_prefix("service:"));
    let service = service.map(|name| format!("/{name}")).unwrap_or_default();
    let id = short(task.task_arn().unwrap_or_default());
    let status = task.last_status().unwrap_or("of unknown status");
    format!("ecs {}{service} task {id} ({status})", cluster.name())
}
