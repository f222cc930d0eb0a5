//! Doors for the fuzz targets into what reads an engine's answers.

use http::StatusCode;
use serde::de::DeserializeOwned;

use super::containers::{Listed, understand};
use super::images::{Images, say};
use super::swarm::{say_services, say_tasks};
use crate::engine::ClientError;
use crate::usage::said::Said;

/// A list of containers, with the same answer about each of them, and about each of their images.
pub(in crate::usage) fn containers(list: &[u8], container: Option<&[u8]>, image: Option<&[u8]>, said: &mut Said) {
    let listed: Option<Vec<Listed>> = match answer(Some(list)) {
        Ok(listed) => listed,
        Err(error) => return said.gap(error.to_string()),
    };
    let mut images = Images::default();
    for listed in listed.into_iter().flatten() {
        understand(&listed, answer(container), &mut images, said);
    }
    for (name, uses) in images.all() {
        say(&name, &uses, answer(image), said);
    }
}

/// Services, and tasks.
pub(in crate::usage) fn swarm(services: &[u8], tasks: &[u8], said: &mut Said) {
    match (answer(Some(services)), answer(Some(tasks))) {
        (Ok(services), Ok(tasks)) => {
            let names = say_services(services, said);
            say_tasks(tasks, &names, said);
        }
        (Err(error), _) | (_, Err(error)) => said.gap(error.to_string()),
    }
}

/// As the client reads it; without it the engine has no such thing.
fn answer<T: DeserializeOwned>(body: Option<&[u8]>) -> Result<T, ClientError> {
    let (place, what) = ("the engine".to_owned(), "it".to_owned());
    let Some(body) = body else {
        return Err(ClientError::Refused {
            place,
            what,
            status: StatusCode::NOT_FOUND,
            message: ": No such container".to_owned(),
        });
    };
    let why = |error: serde_json::Error| jettison_core::model::legible(&error.to_string());
    serde_json::from_slice(body).map_err(|error| ClientError::Unreadable {
        place,
        what,
        why: why(error),
    })
}
