//! Clusters from within: what runs is made here, and what is rolled forward. Where there is nothing of a name, nothing happens.

use super::super::handle::Handle;
use super::super::place::Place;
use super::super::state::State;
use super::model::{Cluster, Clusters, Container, Definition, Deployment, Revision, Rollout, Service, Task, arn_of};

/// The clusters of one account in one region, from within.
#[derive(Debug, Clone)]
pub struct Ecs {
    aws: Handle,
    place: Place,
}

impl Ecs {
    pub(in crate::aws) fn new(aws: Handle, account: &str, region: &str) -> Self {
        Self {
            aws,
            place: Place::new(account, region),
        }
    }

    /// Makes a cluster.
    pub fn cluster(&self, name: &str) {
        self.with(|state, place| {
            clusters(state, place).clusters.entry(name.to_owned()).or_default();
        });
    }

    /// Registers the next revision of a task definition with these containers (name and image); its ARN.
    pub fn register(&self, family: &str, containers: &[(&str, &str)]) -> String {
        self.with(|state, place| {
            let revisions = clusters(state, place).families.entry(family.to_owned()).or_default();
            let revision = revisions.len() + 1;
            let arn = place.arn("ecs", &format!("task-definition/{family}:{revision}"));
            let containers = containers
                .iter()
                .map(|&(name, image)| (name.to_owned(), image.to_owned()));
            revisions.push(Definition {
                arn: arn.clone(),
                revision,
                containers: containers.collect(),
                is_active: true,
            });
            arn
        })
    }

    /// Makes a revision of a task definition inactive.
    pub fn deregister(&self, definition: &str) {
        self.with(|state, place| {
            let revisions = clusters(state, place).families.values_mut().flatten();
            for revision in revisions.filter(|revision| revision.arn == definition) {
                revision.is_active = false;
            }
        });
    }

    /// Makes a service with `desired` tasks, all of which run.
    pub fn service(&self, cluster: &str, name: &str, definition: &str, desired: usize) {
        self.with(|state, place| {
            let service = Service {
                arn: arn_of(place, "service", cluster, name),
                created_at: state.now,
                desired,
                deployments: Vec::new(),
                task_sets: Vec::new(),
                rollouts: Vec::new(),
                revisions: Vec::new(),
            };
            if let Some(found) = clusters(state, place).clusters.get_mut(cluster) {
                found.services.insert(name.to_owned(), service);
            }
        });
        self.deploy(cluster, name, definition);
        self.finish(cluster, name);
    }

    /// Begins to roll a service forward: the tags of its images become digests, new tasks start, the old ones still run.
    pub fn deploy(&self, cluster: &str, name: &str, definition: &str) {
        self.with(|state, place| {
            let Some(containers) = resolved(state, place, definition) else {
                return;
            };
            let (now, id, target) = (state.now, state.id(), state.id());
            let tasks: Vec<String> = (0..desired(state, place, cluster, name)).map(|_| state.id()).collect();
            let Some(found) = clusters(state, place).clusters.get_mut(cluster) else {
                return;
            };
            let Some(service) = found.services.get_mut(name) else {
                return;
            };
            let target = place.arn("ecs", &format!("service-revision/{cluster}/{name}/{target}"));
            let deployment = Deployment {
                id: format!("ecs-svc/{id}"),
                definition: definition.to_owned(),
                revision: target.clone(),
                created_at: now,
            };
            let sources = service.deployments.iter().map(|deployment| deployment.revision.clone());
            let rollout = Rollout {
                arn: place.arn("ecs", &format!("service-deployment/{cluster}/{name}/{id}")),
                target: target.clone(),
                sources: sources.collect(),
                created_at: now,
                finished_at: None,
                rolled_back_to: None,
            };
            service.rollouts.insert(0, rollout);
            service.deployments.insert(0, deployment.clone());
            service.revisions.push(Revision {
                arn: target,
                definition: definition.to_owned(),
                containers: containers.clone(),
                created_at: now,
            });
            let task = Task {
                definition: definition.to_owned(),
                group: format!("service:{name}"),
                started_by: Some(deployment.id),
                containers: containers.into_iter().map(Container::pinned).collect(),
                created_at: now,
                stopped_at: None,
            };
            let arns = tasks.iter().map(|id| arn_of(place, "task", cluster, id));
            found.tasks.extend(arns.map(|arn| (arn, task.clone())));
        });
    }

    /// Ends the rolling forward: the tasks of earlier deployments stop, and their deployments are history.
    pub fn finish(&self, cluster: &str, name: &str) {
        self.with(|state, place| {
            let now = state.now;
            let Some(found) = clusters(state, place).clusters.get_mut(cluster) else {
                return;
            };
            let Some(service) = found.services.get_mut(name) else {
                return;
            };
            for rollout in service
                .rollouts
                .iter_mut()
                .filter(|rollout| rollout.finished_at.is_none())
            {
                rollout.finished_at = Some(now);
            }
            service.deployments.truncate(1);
            let current = service.deployments.first().map(|deployment| deployment.id.clone());
            let group = format!("service:{name}");
            let old = |task: &&mut Task| task.group == group && task.started_by != current && task.stopped_at.is_none();
            found
                .tasks
                .values_mut()
                .filter(old)
                .for_each(|task| task.stopped_at = Some(now));
        });
    }

    /// Gives the rolling forward up: the tasks of the newest deployment stop, and the service is what it was before.
    pub fn roll_back(&self, cluster: &str, name: &str) {
        self.with(|state, place| {
            let now = state.now;
            let Some(found) = clusters(state, place).clusters.get_mut(cluster) else {
                return;
            };
            let Some(service) = found
                .services
                .get_mut(name)
                .filter(|service| service.deployments.len() > 1)
            else {
                return;
            };
            let failed = service.deployments.remove(0);
            if let Some(rollout) = service.rollouts.first_mut() {
                rollout.finished_at = Some(now);
                rollout.rolled_back_to = service.deployments.first().map(|before| before.revision.clone());
            }
            let own = |task: &&mut Task| task.started_by.as_ref() == Some(&failed.id) && task.stopped_at.is_none();
            found
                .tasks
                .values_mut()
                .filter(own)
                .for_each(|task| task.stopped_at = Some(now));
        });
    }

    /// Changes how many tasks a service has; with 0 all of them stop. What is added comes with the next deployment.
    pub fn scale(&self, cluster: &str, name: &str, desired: usize) {
        self.with(|state, place| {
            let now = state.now;
            let Some(found) = clusters(state, place).clusters.get_mut(cluster) else {
                return;
            };
            if let Some(service) = found.services.get_mut(name) {
                service.desired = desired;
            }
            let group = format!("service:{name}");
            let own = |task: &&mut Task| task.group == group && task.stopped_at.is_none();
            let surplus = found.tasks.values_mut().filter(own).skip(desired);
            surplus.for_each(|task| task.stopped_at = Some(now));
        });
    }

    /// Adds a task set to a service, as external deployments have them; without tasks.
    pub fn task_set(&self, cluster: &str, name: &str, definition: &str) {
        self.with(|state, place| {
            let id = format!("ecs-svc/{}", state.id());
            let found = clusters(state, place).clusters.get_mut(cluster);
            if let Some(service) = found.and_then(|found| found.services.get_mut(name)) {
                service.task_sets.push((id, definition.to_owned()));
            }
        });
    }

    /// Removes a service; its tasks stop.
    pub fn remove_service(&self, cluster: &str, name: &str) {
        self.scale(cluster, name, 0);
        self.with(|state, place| {
            if let Some(found) = clusters(state, place).clusters.get_mut(cluster) {
                found.services.remove(name);
            }
        });
    }

    /// Runs a task that belongs to no service; its ARN.
    pub fn run(&self, cluster: &str, definition: &str) -> Option<String> {
        self.with(|state, place| {
            let containers = resolved(state, place, definition)?;
            let (now, id) = (state.now, state.id());
            let family = clusters(state, place).definition(definition)?.family().to_owned();
            let found: &mut Cluster = clusters(state, place).clusters.get_mut(cluster)?;
            let arn = arn_of(place, "task", cluster, &id);
            let task = Task {
                definition: definition.to_owned(),
                group: format!("family:{family}"),
                started_by: None,
                containers,
                created_at: now,
                stopped_at: None,
            };
            found.tasks.insert(arn.clone(), task);
            Some(arn)
        })
    }

    /// Stops a task; an hour later nobody knows of it.
    pub fn stop(&self, cluster: &str, task: &str) {
        self.with(|state, place| {
            let now = state.now;
            let found = clusters(state, place).clusters.get_mut(cluster);
            if let Some(task) = found.and_then(|found| found.tasks.get_mut(task)) {
                task.stopped_at = Some(now);
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut State, &Place) -> T) -> T {
        act(&mut self.aws.state(), &self.place)
    }
}

impl Container {
    /// As a task of a service tells of it: the image with its digest.
    fn pinned(self) -> Self {
        let image = match &self.digest {
            Some(digest) if !self.image.contains('@') => format!("{}@{digest}", self.image),
            _ => self.image,
        };
        Self { image, ..self }
    }
}

fn clusters<'s>(state: &'s mut State, place: &Place) -> &'s mut Clusters {
    &mut state.region(place).clusters
}

fn desired(state: &mut State, place: &Place, cluster: &str, name: &str) -> usize {
    let service = clusters(state, place)
        .clusters
        .get(cluster)
        .and_then(|found| found.services.get(name));
    service.map_or(0, |service| service.desired)
}

/// The containers of a task definition, with the digests that their tags have now.
fn resolved(state: &mut State, place: &Place, definition: &str) -> Option<Vec<Container>> {
    let containers = clusters(state, place).definition(definition)?.containers.clone();
    let containers = containers.into_iter().map(|(name, image)| Container {
        digest: state.resolve(&image),
        name,
        image,
    });
    Some(containers.collect())
}
