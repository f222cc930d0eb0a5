//! Takes one image: asks once more what it is called and who uses it, then takes its names off, the last one by its id.
//!
//! Never forced. An image that turns out to be needed keeps its names, or gets them back.

use std::collections::BTreeSet;

use jettison_core::host::Departure;
use jettison_core::model::{Digest, ImageReference, legible};

use crate::host::engine::{EngineError, HostContainer, HostEngine, ImageNames, Removed};

/// How it ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The image is gone.
    Removed,
    /// It stays, for somebody needs it.
    Kept(String),
    /// It could not be taken.
    Failed(String),
    /// The engine does not answer any more. What became of the image is not known.
    Lost(String),
}

/// Whether an image may still go: why not, if not. Asks, and changes nothing.
pub(super) async fn objection(engine: &dyn HostEngine, departure: &Departure) -> Result<Option<String>, EngineError> {
    let Some(names) = engine.names(&departure.id).await? else {
        return Ok(Some("it is gone already".to_owned()));
    };
    if let Some(why) = called_otherwise(departure, &names) {
        return Ok(Some(why));
    }
    for name in &departure.names {
        if engine.find(name).await?.as_ref() != Some(&departure.id) {
            return Ok(Some(format!("{} stands for another image by now", legible(name))));
        }
    }
    let containers = engine.containers().await?;
    let user = containers.iter().find(|container| uses(container, departure));
    Ok(user.map(|container| format!("in use by {}", legible(&container.told))))
}

/// A name that came or went since it was decided: what it was judged by is not what it is.
fn called_otherwise(departure: &Departure, names: &ImageNames) -> Option<String> {
    let known: BTreeSet<&String> = departure.names.iter().chain(&departure.digests).collect();
    let now: BTreeSet<&String> = names.tags.iter().chain(&names.digests).collect();
    let new = || {
        now.difference(&known)
            .next()
            .map(|name| format!("it is called {} since then", legible(name)))
    };
    let old = || {
        known
            .difference(&now)
            .next()
            .map(|name| format!("it is not called {} any more", legible(name)))
    };
    new().or_else(old)
}

fn uses(container: &HostContainer, departure: &Departure) -> bool {
    let names = departure.names.iter().chain(&departure.digests);
    let names: BTreeSet<String> = names.filter_map(|name| meant(name)).collect();
    container.image_id.as_ref() == Some(&departure.id)
        || container.images.iter().any(|image| {
            image.parse().is_ok_and(|id| departure.id == id) || meant(image).is_some_and(|image| names.contains(&image))
        })
}

/// The image that a name stands for, however short it is written.
fn meant(name: &str) -> Option<String> {
    let name: ImageReference = name.parse().ok()?;
    let place = format!("{}/{}", name.registry, name.repository);
    match (name.effective_tag(), &name.digest) {
        (Some(tag), _) => Some(format!("{place}:{tag}")),
        (None, Some(digest)) => Some(format!("{place}@{digest}")),
        (None, None) => None,
    }
}

/// Takes an image.
pub(super) async fn take(engine: &dyn HostEngine, departure: &Departure) -> Outcome {
    match take_names(engine, departure).await {
        Ok(Removed::Gone { image: true } | Removed::NotFound) => Outcome::Removed,
        Ok(Removed::Gone { image: false }) => {
            Outcome::Kept("other images are built on it; its names are gone".to_owned())
        }
        Ok(Removed::Conflict(why)) => Outcome::Kept(put_back(engine, (&departure.id, &departure.names), why).await),
        Err(error) => what_became_of(engine, departure, error).await,
    }
}

/// Takes the names off one by one, and the last one with the image.
async fn take_names(engine: &dyn HostEngine, departure: &Departure) -> Result<Removed, EngineError> {
    let Some((last, others)) = departure.names.split_last() else {
        return take_by_id(engine, departure, None).await;
    };
    for name in others {
        if let Some(refused) = take_name(engine, departure, name).await? {
            return Ok(refused);
        }
    }
    take_by_id(engine, departure, Some(last)).await
}

/// Takes one name off; what came in between, if something did.
async fn take_name(engine: &dyn HostEngine, departure: &Departure, name: &str) -> Result<Option<Removed>, EngineError> {
    // As late as can be: another image may be called so in the meantime.
    match engine.find(name).await? {
        Some(id) if id == departure.id => {}
        Some(_) => {
            return Ok(Some(Removed::Conflict(format!(
                "{} stands for another image by now",
                legible(name)
            ))));
        }
        None => return Ok(None),
    }
    Ok(match engine.remove(name).await? {
        Removed::Conflict(why) => Some(Removed::Conflict(why)),
        Removed::Gone { .. } | Removed::NotFound => None,
    })
}

/// Takes the image itself, by its id: a name could be another image's at that moment. Engines refuse that where it is known
/// in several repositories; so its names by digest in others than that of its last name go before.
async fn take_by_id(
    engine: &dyn HostEngine,
    departure: &Departure,
    last: Option<&String>,
) -> Result<Removed, EngineError> {
    let Some(names) = engine.names(&departure.id).await? else {
        return Ok(Removed::NotFound);
    };
    if names.tags.iter().any(|name| Some(name) != last) {
        return Ok(Removed::Conflict("it has got another name".to_owned()));
    }
    let repository_of_last = last.and_then(|name| name.rsplit_once(':'));
    let repository_of = |name: &str| name.rsplit_once('@').map(|(repository, _)| repository.to_owned());
    let kept = match repository_of_last {
        Some((repository, _)) => Some(repository.to_owned()),
        None => names.digests.first().and_then(|name| repository_of(name)),
    };
    for name in names.digests.iter().filter(|name| repository_of(name) != kept) {
        if let Some(refused) = take_name(engine, departure, name).await? {
            return Ok(refused);
        }
    }
    engine.remove(&departure.id.to_string()).await
}

/// Gives an image that stays its names back: a removal that fails halfway may have taken some, even the last one.
pub(super) async fn put_back(engine: &dyn HostEngine, (id, names): (&Digest, &[String]), why: String) -> String {
    let mut why = why;
    for name in names {
        // One that is another image's meanwhile is left alone.
        if !matches!(engine.find(name).await, Ok(None)) {
            continue;
        }
        let Err(error) = engine.tag(id, name).await else {
            continue;
        };
        // On a full disk an engine may do it, and say that it did not.
        if !matches!(engine.find(name).await, Ok(Some(found)) if found == *id) {
            why = format!("{why}; its name {} could not be put back: {error}", legible(name));
        }
    }
    why
}

/// Looks what a removal came to that was not answered as it should.
async fn what_became_of(engine: &dyn HostEngine, departure: &Departure, error: EngineError) -> Outcome {
    match engine.find(&departure.id.to_string()).await {
        Ok(None) => Outcome::Removed,
        Ok(Some(_)) => Outcome::Failed(put_back(engine, (&departure.id, &departure.names), error.to_string()).await),
        Err(_) => Outcome::Lost(error.to_string()),
    }
}
