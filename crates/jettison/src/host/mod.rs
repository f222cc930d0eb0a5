//! The disks of servers: what container engines keep there, what of that goes, and taking it away.
//!
//! Gathers facts (`look.rs`), lets [`jettison_core::host`] decide, and carries that out (`sweep.rs`): marked at one look,
//! taken only after a second one that agrees. Decides nothing itself, forces nothing, and never asks an engine to prune
//! images by its own rules.

pub mod disk;
pub mod engine;
mod error;
pub mod kubernetes;
pub mod ledger;
mod lock;
pub mod look;
pub mod pullable;
pub mod sweep;
pub mod watch;

pub use error::HostError;
