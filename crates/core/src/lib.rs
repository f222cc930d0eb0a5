//! What jettison decides, and nothing else.
pub mod audit;
pub mod config;
pub mod evaluate;
pub mod facts;
pub mod find;
pub mod forecast;
pub mod graph;
pub mod growth;
mod hashed;
pub mod host;
pub mod lifecycle;
pub mod lint;
pub mod model;
pub mod money;
pub mod plan;
pub mod policy;
pub mod reason;
pub mod recognise;
mod ruling;
pub mod verify;
pub mod words;
#[cfg(test)]
mod worlds;
