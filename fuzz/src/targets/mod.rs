//! One module a target. Each says at its top what it feeds to what, and what has to hold.

pub mod challenge;
pub mod cluster;
pub mod compose;
pub mod engine;
pub mod facts;
pub mod helm;
pub mod login;
pub mod manifest;
pub mod pages;
pub mod plan;
pub mod policy;
pub mod reference;
pub mod repository;
pub mod usage;

use crate::Target;

/// Every target.
pub const ALL: [Target; 14] = [
    target("challenge", challenge::run, 20_000),
    target("cluster", cluster::run, 4_000),
    target("compose", compose::run, 1_000),
    target("engine", engine::run, 3_000),
    target("facts", facts::run, 600),
    target("helm", helm::run, 1_000),
    target("login", login::run, 20_000),
    target("manifest", manifest::run, 10_000),
    target("pages", pages::run, 10_000),
    target("plan", plan::run, 1_500),
    target("policy", policy::run, 400),
    target("reference", reference::run, 20_000),
    target("repository", repository::run, 600),
    target("usage", usage::run, 10_000),
];

const fn target(name: &'static str, run: fn(&[u8]), inputs: u32) -> Target {
    Target { name, run, inputs }
}
