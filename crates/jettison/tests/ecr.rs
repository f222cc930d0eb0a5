//! The adapter of ECR on the fake AWS: what a scan over it reads, by the program itself.

#[cfg(test)]
#[expect(dead_code, reason = "shared helpers: some are for other tests")]
mod common;
#[cfg(test)]
#[path = "ecr/program.rs"]
mod program;
