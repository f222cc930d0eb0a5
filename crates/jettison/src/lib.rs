//! jettison: everything that touches the world. What is decided, is decided in `jettison-core`.
//!
//! The flow is scan → evaluate → plan → verify → apply → journal; `docs/ARCHITECTURE.md` shows the rooms.

pub mod apply;
pub mod aws;
pub mod cli;
mod engine;
pub mod exit;
pub mod host;
pub mod output;
pub mod registry;
pub mod restore;
pub mod scan;
pub mod store;
pub mod usage;
