//! Why nothing could be done on a server at all. What goes wrong with one image is told with that image.

use super::engine::EngineError;
use crate::store::StoreError;

/// Why nothing could be done, or no more.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The engine does not answer as it should.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// What was seen or done cannot be noted.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another run works on the same engine.
    #[error("another jettison works on the images of {engine}{}", holder(*.process))]
    Locked {
        /// The engine.
        engine: String,
        /// The process that holds the lock, where it is known.
        process: Option<i32>,
    },
    /// The lock cannot be taken for another reason.
    #[error("the lock for the images of {engine} cannot be taken: {source}")]
    NoLock {
        /// The engine.
        engine: String,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
}

fn holder(process: Option<i32>) -> String {
    process.map_or_else(String::new, |process| {
        format!(" (process {process}); wait until it has ended")
    })
}
