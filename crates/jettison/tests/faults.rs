//! Faults that jettison has to survive. `docs/faults.md` lists every one with the test that shows it, here or elsewhere.
//!
//! - `scanning`: a registry in trouble, or one that misbehaves, during a scan.
//! - `enemies`: a registry that wants memory, time, credentials or the terminal.
//! - `applying`: trouble in the middle of an apply.
//! - `logins`: a token that expires in the middle.
//! - `state`: a full disk and a damaged file under the store.
//! - `clocks`: two clocks that are an hour apart.

#[cfg(test)]
#[path = "faults/applying.rs"]
mod applying;
#[cfg(test)]
#[path = "faults/clocks.rs"]
mod clocks;
#[cfg(test)]
#[expect(dead_code, reason = "shared helpers: some are for other tests")]
mod common;
#[cfg(test)]
#[path = "faults/enemies.rs"]
mod enemies;
#[cfg(test)]
#[expect(
    dead_code,
    reason = "an apply in this process: some of it is for the apply tests alone"
)]
#[path = "apply/inside.rs"]
mod inside;
#[cfg(test)]
#[path = "faults/logins.rs"]
mod logins;
#[cfg(test)]
#[path = "faults/scanner.rs"]
mod scanner;
#[cfg(test)]
#[path = "faults/scanning.rs"]
mod scanning;
#[cfg(test)]
#[path = "faults/state.rs"]
mod state;
#[cfg(test)]
#[expect(dead_code, reason = "the world of the apply tests: some of it is for them alone")]
#[path = "apply/world.rs"]
mod world;
