//! Usage from a host with Docker or Podman: its containers in whatever state, the images they mount, and the services
//! and tasks of its Swarm.
//!
//! Only asks (GET), and fails closed: what an engine does not tell, or tells in a way that cannot be understood, is a
//! gap. How an engine is reached, is `crate::engine`'s to know.

mod containers;
#[cfg(feature = "fuzzing")]
pub(super) mod fuzzing;
mod images;
#[cfg(test)]
mod scripted;
mod swarm;
#[cfg(test)]
mod tests;
mod volumes;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use jettison_core::config::{ContainerEngine, EngineSource};
use jettison_core::model::SourceReport;
use jiff::Timestamp;

use super::said::Said;
use crate::engine::{Address, Client, Surroundings};

/// Asks the engine that the configuration names; files are relative to `base`.
pub(super) async fn ask(source: &EngineSource, base: &Path, said: &mut Said) {
    let address = match Address::of(source, base, &Surroundings::of_this_process()) {
        Ok(address) => address,
        Err(error) => return said.gap(error.to_string()),
    };
    match Client::open(&address).await {
        Ok(client) => ask_all(&client, source.engine, source.swarm, said).await,
        Err(error) => said.gap(error.to_string()),
    }
}

/// What an engine that is open already says, within a time limit.
pub(crate) async fn report(client: &Client, limit: Duration, now: Timestamp) -> SourceReport {
    let (engine, kind) = match client.is_podman {
        true => (ContainerEngine::Podman, "podman"),
        false => (ContainerEngine::Docker, "docker"),
    };
    let mut said = Said::new(now, &BTreeSet::new());
    super::within(limit, &mut said, async |said| {
        ask_all(client, engine, false, said).await
    })
    .await;
    super::of_this_host(kind, kind, said)
}

async fn ask_all(client: &Client, engine: ContainerEngine, swarm: bool, said: &mut Said) {
    containers::ask(client, said).await;
    // Either may listen at the usual place of the other.
    if engine == ContainerEngine::Podman || client.is_podman {
        volumes::ask(client, said).await;
    }
    if engine == ContainerEngine::Docker || !client.is_podman {
        swarm::ask(client, swarm, said).await;
    }
}
