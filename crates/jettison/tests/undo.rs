//! Undo: what an apply took comes back as it was, whole or not at all, and over nothing that somebody has set since.
//!
//! - `whole`: runs that come back exactly, on every kind of registry; a company's whole year.
//! - `images`: one image out of a run, by whatever it is called.
//! - `obstacles`: blobs that were collected, tags that moved, registries that refuse.
//! - `again`: undone twice, undone in part, interrupted, undone and taken once more.
//! - `afterwards`: what plans and explanations say of what came back.

#[cfg(test)]
#[path = "undo/afterwards.rs"]
mod afterwards;
#[cfg(test)]
#[path = "undo/again.rs"]
mod again;
#[cfg(test)]
#[expect(dead_code, reason = "shared helpers: nobody here logs in")]
mod common;
#[cfg(test)]
#[path = "undo/images.rs"]
mod images;
#[cfg(test)]
#[path = "undo/obstacles.rs"]
mod obstacles;
#[cfg(test)]
#[path = "undo/whole.rs"]
mod whole;
#[cfg(test)]
#[path = "undo/world.rs"]
mod world;
