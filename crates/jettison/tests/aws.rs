//! ECR and what AWS runs from it: the program from end to end, on an AWS in this process.
//!
//! - `world`: one account with everything that uses images, and everything that nobody needs.
//! - `program`: what a user does on ECR: labels, pull times, the archive, undo.
//! - `previews`: what ECR's own lifecycle policies would do, and what AWS says of it.
//! - `counts`: an aggressive policy deletes nothing of what is used and everything else, whatever permission is missing.

#[cfg(test)]
#[path = "aws/counts.rs"]
mod counts;
#[cfg(test)]
#[path = "aws/previews.rs"]
mod previews;
#[cfg(test)]
#[path = "aws/program.rs"]
mod program;
#[cfg(test)]
#[expect(dead_code, reason = "shared with the tests on real parts")]
mod support;
#[cfg(test)]
#[path = "aws/world.rs"]
mod world;
