//! Which image an event is about. Events tell names, and names move.

use std::collections::HashMap;

use jettison_core::model::Digest;

use crate::host::engine::{EngineError, HostEngine};

/// The most names, and the most containers, that are remembered. Forgetting costs a question.
const MOST: usize = 4096;

/// No reference to an image is longer, in bytes; nobody asks for one that is.
const LONGEST: usize = 1024;

/// What names stand for, as long as nothing happened to images, and what containers were made from.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: HashMap<String, Option<Digest>>,
    containers: HashMap<String, Digest>,
}

impl Names {
    /// The image that a name or id stands for now.
    pub(super) async fn image(&mut self, engine: &dyn HostEngine, name: &str) -> Result<Option<Digest>, EngineError> {
        if name.is_empty() || name.len() > LONGEST {
            return Ok(None);
        }
        if let Some(known) = self.known.get(name) {
            return Ok(known.clone());
        }
        let found = engine.find(name).await?;
        make_room(&mut self.known);
        self.known.insert(name.to_owned(), found.clone());
        Ok(found)
    }

    /// The image of a container: that of its first event, for the name that it was made by may have moved since.
    pub(super) async fn image_of_container(
        &mut self,
        engine: &dyn HostEngine,
        (container, action): (&str, &str),
        name: &str,
    ) -> Result<Option<Digest>, EngineError> {
        let begins = action == "container create";
        if let Some(known) = self.containers.get(container).filter(|_| !begins) {
            return Ok(Some(known.clone()));
        }
        let found = self.image(engine, name).await?;
        if let Some(image) = &found
            && !container.is_empty()
            && container.len() <= LONGEST
        {
            make_room(&mut self.containers);
            self.containers.insert(container.to_owned(), image.clone());
        }
        Ok(found)
    }

    /// A container is gone; another one may get its name.
    pub(super) fn forget_container(&mut self, container: &str) {
        self.containers.remove(container);
    }

    /// Something happened to an image: any name may stand for another one now.
    pub(super) fn may_have_moved(&mut self) {
        self.known.clear();
    }

    /// Nobody knows what was missed.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

fn make_room<T>(map: &mut HashMap<String, T>) {
    if map.len() >= MOST {
        map.clear();
    }
}
