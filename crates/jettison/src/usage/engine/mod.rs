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

use std::path::Path;

use jettison_core::config::{ContainerEngine, EngineSource};

use super::said::Said;
use crate::engine::{Address, Client, Surroundings};

/// Asks the engine that the configuration names; files are relative to `base`.
pub(super) async fn ask(source: &EngineSource, base: &Path, said: &mut Said) {
    let address = match Address::of(source, base, &Surroundings::of_this_process()) {
        Ok(address) => address,
        Err(error) => return said.gap(error.to_string()),
    };
    match Client::open(&address).await {
        Ok(client) => ask_all(source, &client, said).await,
        Err(error) => said.gap(error.to_string()),
    }
}

async fn ask_all(source: &EngineSource, client: &Client, said: &mut Said) {
    containers::ask(client, said).await;
    // Either may listen at the usual place of the other.
    if source.engine == ContainerEngine::Podman || client.is_podman {
        volumes::ask(client, said).await;
    }
    if source.engine == ContainerEngine::Docker || !client.is_podman {
        swarm::ask(client, source.swarm, said).await;
    }
}
