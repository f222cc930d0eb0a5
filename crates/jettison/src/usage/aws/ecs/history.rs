//! The deployments of services, as far as ECS or somebody may return to them, and the images of each by digest.
//!
//! ECS makes a digest of a tag when a deployment begins, and starts its tasks from that digest for ever: the tag may move,
//! and with no task running nothing else tells which image it was.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::types::{
    Service, ServiceDeployment, ServiceDeploymentBrief, ServiceDeploymentStatus, ServiceRevision,
};
use futures_util::{StreamExt as _, stream};
use jettison_core::model::legible;

use super::cluster::Cluster;
use super::services::{described, is_deployed_by_others, told};
use super::short;
use crate::usage::aws::place::{CALLS_AT_ONCE, Call};

const LIST: Call = Call::new("ecs:ListServiceDeployments").unless("ServiceNotFoundException");
const DEPLOYMENTS: Call = Call::new("ecs:DescribeServiceDeployments");
const REVISIONS: Call = Call::new("ecs:DescribeServiceRevisions");

/// Deployments or revisions of one call.
const MOST: usize = 20;

/// Which revisions to ask for.
#[derive(Debug, Default)]
struct Revisions {
    all: BTreeSet<String>,
    /// The ARNs of the services that they are of.
    services: BTreeSet<String>,
    /// Those that AWS has to know as long as their service is there, by their ARN; with the ARN of the service.
    needed: BTreeMap<String, String>,
    /// Those that have tasks, which tell their digests themselves.
    running: BTreeSet<String>,
}

/// Says what the services of a cluster hold by digest.
pub(super) async fn ask(cluster: Cluster<'_, '_, '_, '_>, services: &[Service]) {
    let own = services.iter().filter(|service| !is_deployed_by_others(service));
    let own: Vec<&Service> = own.collect();
    let mut revisions = Revisions::default();
    own.iter().for_each(|service| revisions.add_current(service));
    let current = own.iter();
    let current = current.filter_map(|service| service.current_service_deployment.clone());
    let current: BTreeSet<String> = current.collect();
    let mut deployments = current.clone();
    let mut listed = stream::iter(&own)
        .map(|service| past(cluster, service))
        .buffer_unordered(CALLS_AT_ONCE);
    while let Some(listed) = listed.next().await {
        for brief in listed {
            // That one is known even if nothing else of the deployment is told.
            revisions.add(brief.target_service_revision_arn(), brief.service_arn());
            deployments.extend(brief.service_deployment_arn);
        }
    }
    let deployments: Vec<String> = deployments.into_iter().collect();
    let found = |deployment: ServiceDeployment| {
        let is_current = deployment
            .service_deployment_arn()
            .is_some_and(|arn| current.contains(arn));
        revisions.add_deployment(&deployment, is_current);
    };
    describe(cluster, &deployments, found).await;
    own.iter().for_each(|service| revisions.check(cluster, service));
    revisions.say(cluster).await;
}

/// The deployments of a service that it may return to: those that are not over, and the newest that went well. ECS rolls
/// back to the last of these, and people may go back further.
async fn past(cluster: Cluster<'_, '_, '_, '_>, service: &Service) -> Vec<ServiceDeploymentBrief> {
    let Some(arn) = service.service_arn() else {
        let name = told(cluster, service);
        cluster.ecs.place.unclear(LIST, format!("{name} has no ARN to ask by"));
        return Vec::new();
    };
    let page = async |token| {
        let asked = cluster
            .ecs
            .client
            .list_service_deployments()
            .cluster(cluster.arn)
            .service(arn);
        let answer = asked.max_results(100).set_next_token(token).send().await?;
        Ok((answer.service_deployments, answer.next_token))
    };
    let mut deployments = cluster.ecs.place.every(LIST, page).await;
    // Of unknown age counts as newest.
    deployments.sort_by_key(|deployment| (deployment.created_at.is_some(), Reverse(deployment.created_at)));
    let mut left = cluster.ecs.newest;
    deployments.retain(|deployment| {
        let went_well = deployment.status == Some(ServiceDeploymentStatus::Successful);
        let counts = went_well && left > 0;
        left -= usize::from(counts);
        counts || !is_over(deployment.status.as_ref())
    });
    deployments
}

/// Whether nothing happens in a deployment any more (Amazon ECS Developer Guide, "View service history").
fn is_over(status: Option<&ServiceDeploymentStatus>) -> bool {
    matches!(
        status,
        Some(
            ServiceDeploymentStatus::Successful
                | ServiceDeploymentStatus::Stopped
                | ServiceDeploymentStatus::RollbackSuccessful
                | ServiceDeploymentStatus::RollbackFailed
        )
    )
}

async fn describe(cluster: Cluster<'_, '_, '_, '_>, deployments: &[String], found: impl FnMut(ServiceDeployment)) {
    let ask = async |arns| {
        let asked = cluster.ecs.client.describe_service_deployments();
        let answer = asked.set_service_deployment_arns(Some(arns)).send().await?;
        Ok((answer.service_deployments, answer.failures))
    };
    let place = cluster.ecs.place;
    place.described((DEPLOYMENTS, MOST), deployments, ask, found).await;
}

impl Revisions {
    fn add_current(&mut self, service: &Service) {
        for revision in service.current_service_revisions() {
            self.add(revision.arn(), service.service_arn());
            self.need(revision.arn(), service.service_arn());
            let runs = revision.running_task_count() > 0;
            self.running.extend(revision.arn.clone().filter(|_| runs));
        }
    }

    fn add_deployment(&mut self, deployment: &ServiceDeployment, is_current: bool) {
        let goes_on = !is_over(deployment.status());
        let service = deployment.service_arn();
        let target = deployment.target_service_revision().and_then(|revision| revision.arn());
        let rollback = deployment.rollback();
        let rollback = rollback.and_then(|rollback| rollback.service_revision_arn());
        for arn in [target, rollback] {
            self.add(arn, service);
            self.need(arn, service.filter(|_| goes_on || is_current));
        }
        // What was before an older deployment is none of those that count.
        let sources = deployment.source_service_revisions().iter();
        for source in sources.filter(|_| goes_on || is_current) {
            self.add(source.arn(), service);
            self.need(source.arn(), service.filter(|_| goes_on));
        }
    }

    /// One more revision, of this service.
    fn add(&mut self, arn: Option<&str>, service: Option<&str>) {
        if let Some(arn) = arn {
            self.all.insert(arn.to_owned());
            self.services.extend(service.map(str::to_owned));
        }
    }

    fn need(&mut self, arn: Option<&str>, service: Option<&str>) {
        if let (Some(arn), Some(service)) = (arn, service) {
            self.needed.insert(arn.to_owned(), service.to_owned());
        }
    }

    /// A service of which neither a revision nor a task is known could start anything.
    fn check(&self, cluster: Cluster<'_, '_, '_, '_>, service: &Service) {
        let is_known = service.service_arn().is_some_and(|arn| self.services.contains(arn));
        if !is_known && service.running_count() == 0 {
            let name = told(cluster, service);
            unknown(cluster, &format!("the revision of {name}, which has no task"));
        }
    }

    async fn say(self, cluster: Cluster<'_, '_, '_, '_>) {
        let ask = async |arns| {
            let asked = cluster.ecs.client.describe_service_revisions();
            let answer = asked.set_service_revision_arns(Some(arns)).send().await?;
            Ok((answer.service_revisions, answer.failures))
        };
        let arns: Vec<String> = self.all.iter().cloned().collect();
        let found = |revision| say(cluster, &revision);
        let missing = cluster.ecs.place.described((REVISIONS, MOST), &arns, ask, found).await;
        self.look_again(cluster, &missing).await;
    }

    /// A revision that is needed and cannot be told is a gap, unless its service is gone. AWS tells of none that was made
    /// before 25 October 2024.
    async fn look_again(&self, cluster: Cluster<'_, '_, '_, '_>, missing: &[String]) {
        let missing = missing.iter().filter(|arn| !self.running.contains(*arn));
        let needed = missing.filter_map(|arn| Some((arn, self.needed.get(arn)?)));
        let needed: BTreeMap<&String, &String> = needed.collect();
        let services: BTreeSet<String> = needed.values().map(|&service| service.clone()).collect();
        let services: Vec<String> = services.into_iter().collect();
        let left = described(cluster, &services).await;
        let is_left = |arn: &String| left.iter().any(|service| service.service_arn() == Some(arn));
        for (revision, service) in needed.into_iter().filter(|(_, service)| is_left(service)) {
            let what = format!("ecs {}/{} revision {}", cluster.name(), short(service), short(revision));
            unknown(cluster, &format!("the images of {what}, which no task runs"));
        }
    }
}

/// Something without which nobody knows what a service would start.
fn unknown(cluster: Cluster<'_, '_, '_, '_>, what: &str) {
    let what = legible(what);
    let gap = format!("AWS does not tell {what}; deploy the service again, or delete it");
    cluster.ecs.place.gap(&gap);
}

fn say(cluster: Cluster<'_, '_, '_, '_>, revision: &ServiceRevision) {
    let service = short(revision.service_arn().unwrap_or_default());
    let id = short(revision.service_revision_arn().unwrap_or_default());
    let user = format!("ecs {}/{service} revision {id}", cluster.name());
    let definition = revision.task_definition();
    let with_definition = definition.map(|arn| format!("{user} (task definition {})", short(arn)));
    let user = with_definition.unwrap_or(user);
    for container in revision.container_images() {
        cluster
            .ecs
            .place
            .uses(container.image(), container.image_digest(), &user);
    }
    match definition {
        // An old definition may be deleted: it is asked only where nothing else tells the images.
        _ if !revision.container_images().is_empty() => {}
        Some(arn) => cluster.wanted.add(arn, user),
        None => cluster.ecs.place.unclear(REVISIONS, format!("{user} names no image")),
    }
}
