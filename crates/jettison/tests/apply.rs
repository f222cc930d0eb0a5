//! The safety of apply: whatever changes or fails after the plan, nothing goes that somebody needs.
//!
//! - `refusals`: plans that are not applied at all, and the fuse.
//! - `races`: what changed between the plan and the delete.
//! - `failures`: what the registry refuses, ignores or interrupts.
//! - `belongings`: indexes, children, signatures, and the journal.

#[cfg(test)]
#[path = "apply/belongings.rs"]
mod belongings;
#[cfg(test)]
#[expect(dead_code, reason = "shared helpers: nobody here logs in")]
mod common;
#[cfg(test)]
#[path = "apply/failures.rs"]
mod failures;
#[cfg(test)]
#[path = "apply/races.rs"]
mod races;
#[cfg(test)]
#[path = "apply/refusals.rs"]
mod refusals;
#[cfg(test)]
#[path = "apply/world.rs"]
mod world;
