//! Doors for the fuzz targets into what reads the answers of usage sources, which is private otherwise.
//!
//! Only with the feature `fuzzing`. Nothing is asked, and no file is read.

use std::collections::BTreeSet;

use jettison_core::model::{Gap, Reference, RegistryHost};
use jiff::Timestamp;

use super::said::Said;
use super::{compose, engine, file, kubernetes};

/// What a source says: its references, and its gaps.
pub type Told = (Vec<Reference>, Vec<Gap>);

fn told(now: Timestamp, read: impl FnOnce(&mut Said)) -> Told {
    let mut said = Said::new(now, &BTreeSet::new());
    read(&mut said);
    said.finish(false)
}

/// A file of this content.
pub fn understood(text: &str, now: Timestamp) -> Told {
    told(now, |said| file::read_text("list", text, said))
}

/// One page of a list of a cluster: its objects are of this kind (`deployments.apps`), and only `managed` is managed. What
/// leads to the next page, or why it is no page; `None` if the kind is never listed.
pub fn listed(kind: &str, body: &[u8], managed: &RegistryHost) -> Option<(Told, Result<Option<String>, String>)> {
    let mut next = None;
    let told = told(Timestamp::UNIX_EPOCH, |said| {
        next = kubernetes::fuzzing::listed(kind, body, managed, said);
    });
    Some((told, next?))
}

/// A Compose file with an `.env` file beside it.
pub fn composed(text: &str, env: &str) -> Told {
    told(Timestamp::UNIX_EPOCH, |said| compose::read_text(text, env, said))
}

/// The containers of an engine: their list, and what it answers about each, and about each image. `None` where it has no
/// such thing.
pub fn engine_runs(list: &[u8], container: Option<&[u8]>, image: Option<&[u8]>) -> Told {
    told(Timestamp::UNIX_EPOCH, |said| {
        engine::fuzzing::containers(list, container, image, said);
    })
}

/// The services of a Swarm, and its tasks.
pub fn swarm_runs(services: &[u8], tasks: &[u8]) -> Told {
    told(Timestamp::UNIX_EPOCH, |said| {
        engine::fuzzing::swarm(services, tasks, said)
    })
}
