//! What the tests against the in-process registry share.
//!
//! - [`desk`]: the place where somebody runs `jettison`: a folder with a configuration, a list of what is in use, and
//!   what the program remembers. The program itself is run, so that output and exit codes are those that scripts see.
//! - [`contents`]: what a registry held before, and whether exactly the planned things are gone.
//!
//! Nothing here leaves the machine, and nobody's own credentials are read.

pub(crate) mod contents;
pub(crate) mod desk;
