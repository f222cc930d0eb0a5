//! The safety of apply: whatever changes or fails after the plan, nothing goes that somebody needs.
//!
//! - `refusals`: plans that are not applied at all, and the fuse.
//! - `races`: what changed between the plan and the delete.
//! - `asked`: deletes of which it is not known whether they were done.
//! - `clusters`: a cluster is asked again and again while things are removed.
//! - `failures`: what the registry refuses, ignores or interrupts.
//! - `belongings`: indexes, children, signatures, and the journal.
//! - `protected`: what was protected between the plan and the delete.
//! - `tags_first`: tags that go before their manifests, and come back.
//! - `kills`: an apply that ends at any request, and what the next one makes of it.
//! - `trouble`: a registry that does not want to be asked any more.
//! - `archive`: what is archived, and never deleted instead.
//! - `guards`: limits of what an apply relies on.

#[cfg(test)]
#[path = "apply/archive.rs"]
mod archive;
#[cfg(test)]
#[path = "apply/asked.rs"]
mod asked;
#[cfg(test)]
#[path = "apply/belongings.rs"]
mod belongings;
#[cfg(test)]
#[path = "apply/clusters.rs"]
mod clusters;
#[cfg(test)]
#[expect(dead_code, reason = "shared helpers: nobody here logs in")]
mod common;
#[cfg(test)]
#[path = "apply/failures.rs"]
mod failures;
#[cfg(test)]
#[path = "apply/guards.rs"]
mod guards;
#[cfg(test)]
#[path = "apply/inside.rs"]
mod inside;
#[cfg(test)]
#[path = "apply/kills.rs"]
mod kills;
#[cfg(test)]
#[path = "apply/protected.rs"]
mod protected;
#[cfg(test)]
#[path = "apply/races.rs"]
mod races;
#[cfg(test)]
#[path = "apply/refusals.rs"]
mod refusals;
#[cfg(test)]
#[path = "apply/tags_first.rs"]
mod tags_first;
#[cfg(test)]
#[path = "apply/trouble.rs"]
mod trouble;
#[cfg(test)]
#[path = "apply/world.rs"]
mod world;
