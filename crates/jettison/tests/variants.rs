//! From scan to apply, with the program itself, in each variant that registries come in, and what a scan costs.
//!
//! - `flows`: plan and apply; what is in use and what is kept pulls whole afterwards.
//! - `costs`: the requests of a first scan, of a second one, and after a tag moved.

#[cfg(test)]
#[expect(dead_code, reason = "shared helpers: the history is not looked at here")]
mod common;
#[cfg(test)]
#[path = "variants/costs.rs"]
mod costs;
#[cfg(test)]
#[path = "variants/flows.rs"]
mod flows;
#[cfg(test)]
#[path = "variants/world.rs"]
mod world;
