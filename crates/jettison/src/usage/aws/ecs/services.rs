//! Services: the task definitions of their deployments and task sets, and their revisions, which hold images by digest.

use std::collections::BTreeSet;

use aws_sdk_ecs::types::{DeploymentControllerType, Service};

use super::cluster::{Cluster, NOT_FOUND};
use super::{history, short};
use crate::usage::aws::place::Call;

const LIST: Call = Call::new("ecs:ListServices").unless(NOT_FOUND);
const DESCRIBE: Call = Call::new("ecs:DescribeServices").unless(NOT_FOUND);

/// Services of one call to DescribeServices.
const MOST: usize = 10;

/// Says what the services of a cluster use, with no task too.
pub(super) async fn ask(cluster: Cluster<'_, '_, '_, '_>) {
    let page = async |token| {
        let asked = cluster.ecs.client.list_services().cluster(cluster.arn);
        let answer = asked.max_results(100).set_next_token(token).send().await?;
        Ok((answer.service_arns, answer.next_token))
    };
    let arns = cluster.ecs.place.every(LIST, page).await;
    let services = described(cluster, &arns).await;
    services.iter().for_each(|service| say(cluster, service));
    history::ask(cluster, &services).await;
}

/// The services of these ARNs that are still there.
pub(super) async fn described(cluster: Cluster<'_, '_, '_, '_>, arns: &[String]) -> Vec<Service> {
    let ask = async |arns| {
        let asked = cluster.ecs.client.describe_services().cluster(cluster.arn);
        let answer = asked.set_services(Some(arns)).send().await?;
        Ok((answer.services, answer.failures))
    };
    let mut services: Vec<Service> = Vec::new();
    let found = |service| services.push(service);
    cluster.ecs.place.described((DESCRIBE, MOST), arns, ask, found).await;
    // For a while AWS still tells of services that are deleted.
    services.retain(|service| service.status() != Some("INACTIVE"));
    services
}

fn say(cluster: Cluster<'_, '_, '_, '_>, service: &Service) {
    let name = told(cluster, service);
    let of = |what: String, definition: Option<&str>| definition.map(|arn| (arn.to_owned(), what));
    let deployments = service.deployments().iter().filter_map(|deployment| {
        let what = format!("{name} deployment {}", deployment.id().unwrap_or("without an id"));
        of(what, deployment.task_definition())
    });
    let sets = service.task_sets().iter().filter_map(|set| {
        let what = format!("{name} task set {}", set.id().unwrap_or("without an id"));
        of(what, set.task_definition())
    });
    let mut named: BTreeSet<(String, String)> = deployments.chain(sets).collect();
    let own = service
        .task_definition()
        .filter(|own| !named.iter().any(|(arn, _)| arn == own));
    named.extend(of(name.clone(), own));
    if named.is_empty() && !is_deployed_by_others(service) {
        cluster
            .ecs
            .place
            .unclear(DESCRIBE, format!("{name} names no task definition"));
    }
    for (arn, what) in named {
        let what = format!("{what} (task definition {})", short(&arn));
        cluster.wanted.add(&arn, what);
    }
}

/// Whether CodeDeploy or somebody else deploys it, by task sets: then it may have none, and has no history.
pub(super) fn is_deployed_by_others(service: &Service) -> bool {
    let controller = service.deployment_controller().map(|controller| controller.r#type());
    matches!(
        controller,
        Some(DeploymentControllerType::External | DeploymentControllerType::CodeDeploy)
    )
}

/// `ecs prod/web`
pub(super) fn told(cluster: Cluster<'_, '_, '_, '_>, service: &Service) -> String {
    let name = service.service_name().or(service.service_arn().map(short));
    format!("ecs {}/{}", cluster.name(), name.unwrap_or("without a name"))
}
