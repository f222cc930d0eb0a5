//! The adapter of ECR on the fake AWS: each trap of its API, and what a scan over it reads.
//!
//! - `lists`: repositories, tags and images, page by page, and lists that do not end.
//! - `lookups`: images by tag and digest, a hundred a call.
//! - `pulls`: own reads do not count as pulls.
//! - `removals`: batches, partial failures, last tags, and the probe.
//! - `archive`: there and back.
//! - `putting`: manifests put back, and their blobs.
//! - `lifecycle`: lifecycle policies, and AWS's previews of them.
//! - `trouble`: permissions, credentials, throttling.
//! - `program`: the program itself, with its configuration and its exit codes.

#[cfg(test)]
#[path = "ecr/archive.rs"]
mod archive;
#[cfg(test)]
#[expect(dead_code, reason = "shared helpers: some are for other tests")]
mod common;
#[cfg(test)]
#[path = "ecr/lab.rs"]
mod lab;
#[cfg(test)]
#[path = "ecr/lifecycle.rs"]
mod lifecycle;
#[cfg(test)]
#[path = "ecr/lists.rs"]
mod lists;
#[cfg(test)]
#[path = "ecr/lookups.rs"]
mod lookups;
#[cfg(test)]
#[path = "ecr/program.rs"]
mod program;
#[cfg(test)]
#[path = "ecr/pulls.rs"]
mod pulls;
#[cfg(test)]
#[path = "ecr/putting.rs"]
mod putting;
#[cfg(test)]
#[path = "ecr/removals.rs"]
mod removals;
#[cfg(test)]
#[path = "ecr/trouble.rs"]
mod trouble;
