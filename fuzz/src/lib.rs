//! Fuzz targets: what jettison must make of any bytes whatsoever.
//!
//! Each of [`targets`] is a plain function that panics when something is wrong. libFuzzer drives them for as long as
//! somebody likes (`cargo xtask fuzz`); [`short`] drives the same ones for a fixed number of inputs in the tests.
//! Both start from `seeds/`. Nothing here reads the network, a clock or a registry. See `docs/testing.md`.

mod mutation;
mod oracle;
pub mod short;
pub mod targets;
mod world;

/// One fuzz target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folder of seeds.
    pub name: &'static str,
    /// Looks at one input; panics when something is wrong.
    pub run: fn(&[u8]),
    /// How many inputs a short run makes from the seeds: what takes a second or so in a debug build.
    pub inputs: u32,
}
