//! jettison.
fn main() {}
