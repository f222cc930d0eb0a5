//! How container engines are reached: where one listens (`address.rs`, `context.rs`, `tunnel.rs`), and calls to it that
//! are bounded and whose errors say what to do (`client.rs`, `lines.rs`, `error.rs`).
//!
//! Knows nothing of what the answers mean: `usage/engine/` asks who uses what, `host/` what lies on a server's disk.

mod address;
mod client;
mod context;
mod error;
mod lines;
mod tunnel;
mod version;

pub(crate) use address::{Address, Surroundings};
pub(crate) use client::{Client, ITEM_BYTES, LIST_BYTES};
pub(crate) use error::ClientError;
pub(crate) use lines::Lines;
