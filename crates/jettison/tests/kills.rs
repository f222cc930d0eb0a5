//! SIGKILL at every step of apply and undo, and what the next call makes of it.
//!
//! The program is killed when its n-th request arrives at the registry, for every n: between two requests it only
//! writes its journal, so that each state of the journal is met. The request itself is still carried out, as one that
//! was on its way. Whatever was interrupted, the next call must end it, and everything must still be undone.

#[cfg(test)]
#[path = "kills/apply.rs"]
mod apply;
#[cfg(test)]
#[expect(dead_code, reason = "shared helpers: nobody here logs in")]
mod common;
#[cfg(test)]
#[path = "kills/ground.rs"]
mod ground;
#[cfg(test)]
#[path = "kills/undo.rs"]
mod undo;
