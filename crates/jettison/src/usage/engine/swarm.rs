//! The services and tasks of a Swarm, told by its managers alone: the image of each service, the one that a rollback
//! would return to, and those of its tasks, the last finished ones too.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::containers::Mount;
use crate::engine::{Client, ITEM_BYTES, LIST_BYTES};
use crate::usage::said::Said;

#[derive(Debug, Deserialize)]
struct Info {
    #[serde(rename = "Swarm")]
    swarm: Membership,
}

#[derive(Debug, Deserialize)]
struct Membership {
    #[serde(rename = "LocalNodeState", default)]
    state: String,
    #[serde(rename = "ControlAvailable", default)]
    manages: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Service {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Spec")]
    spec: ServiceSpec,
    /// What a rollback returns to.
    #[serde(rename = "PreviousSpec", default)]
    previous: Option<ServiceSpec>,
}

#[derive(Debug, Deserialize)]
struct ServiceSpec {
    #[serde(rename = "Name", default)]
    name: String,
    #[serde(rename = "TaskTemplate")]
    task: TaskSpec,
}

/// What runs: a container, a plugin, or nothing that has an image.
#[derive(Debug, Deserialize)]
struct TaskSpec {
    #[serde(rename = "ContainerSpec", default)]
    container: Option<ContainerSpec>,
    #[serde(rename = "PluginSpec", default)]
    plugin: Option<PluginSpec>,
}

#[derive(Debug, Deserialize)]
struct ContainerSpec {
    #[serde(rename = "Image")]
    image: String,
    #[serde(rename = "Mounts", default)]
    mounts: Option<Vec<Mount>>,
}

#[derive(Debug, Deserialize)]
struct PluginSpec {
    /// The reference that it is pulled by.
    #[serde(rename = "Remote")]
    remote: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Task {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "ServiceID", default)]
    service: String,
    #[serde(rename = "Slot", default)]
    slot: Option<u64>,
    #[serde(rename = "Spec")]
    spec: TaskSpec,
    #[serde(rename = "Status", default)]
    status: TaskStatus,
}

#[derive(Debug, Default, Deserialize)]
struct TaskStatus {
    #[serde(rename = "State", default)]
    state: String,
}

/// Says what the services use, if the engine manages a Swarm; that it does may be `required`.
pub(super) async fn ask(client: &Client, required: bool, said: &mut Said) {
    let info: Info = match client.get("info", &[], ITEM_BYTES).await {
        Ok(info) => info,
        Err(error) => return said.gap(error.to_string()),
    };
    match (info.swarm.manages, info.swarm.state.as_str()) {
        (true, _) => ask_manager(client, said).await,
        (false, state) if required => said.gap(format!(
            "it has to manage a Swarm (`swarm: true`) and does not; its state there: {}",
            told(state)
        )),
        // A worker has nothing to tell. Of these states nobody knows whether it is one.
        (false, "locked" | "error" | "pending") => said.gap(format!(
            "whether it manages a Swarm is not known; its state there: {}",
            told(&info.swarm.state)
        )),
        (false, _) => {}
    }
}

fn told(state: &str) -> &str {
    if state.is_empty() { "none" } else { state }
}

async fn ask_manager(client: &Client, said: &mut Said) {
    let services: Option<Vec<Service>> = match client.get("services", &[], LIST_BYTES).await {
        Ok(services) => services,
        Err(error) => return said.gap(error.to_string()),
    };
    let names = say_services(services, said);
    match client.get("tasks", &[], LIST_BYTES).await {
        Ok(tasks) => say_tasks(tasks, &names, said),
        Err(error) => said.gap(error.to_string()),
    }
}

/// Says what services use, and returns their names by their ids.
pub(super) fn say_services(services: Option<Vec<Service>>, said: &mut Said) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for service in services.into_iter().flatten() {
        let name = if service.spec.name.is_empty() {
            &service.id
        } else {
            &service.spec.name
        };
        service.spec.task.say(&format!("service {name}"), said);
        if let Some(previous) = &service.previous {
            previous.task.say(&format!("service {name} (previous)"), said);
        }
        names.insert(service.id, service.spec.name);
    }
    names
}

/// Says what tasks use, of services with these names.
pub(super) fn say_tasks(tasks: Option<Vec<Task>>, names: &BTreeMap<String, String>, said: &mut Said) {
    for task in tasks.into_iter().flatten() {
        task.spec.say(&task.told(names), said);
    }
}

impl TaskSpec {
    fn say(&self, used_by: &str, said: &mut Said) {
        if let Some(container) = &self.container {
            said.uses(&container.image, None, used_by);
            for image in container.mounts.iter().flatten().filter_map(Mount::image) {
                said.uses(image, None, &format!("{used_by}, mounted"));
            }
        }
        if let Some(plugin) = &self.plugin {
            said.uses(&plugin.remote, None, used_by);
        }
    }
}

impl Task {
    /// The task, for people: `task shop_web.1 (running)`.
    fn told(&self, names: &BTreeMap<String, String>) -> String {
        let name = names.get(&self.service).filter(|name| !name.is_empty());
        let name = name.map_or(self.id.as_str(), String::as_str);
        // A service that runs on every node has no slots.
        let slot = self.slot.filter(|slot| *slot > 0);
        let slot = slot.map(|slot| format!(".{slot}")).unwrap_or_default();
        format!("task {name}{slot} ({})", self.status.state)
    }
}
