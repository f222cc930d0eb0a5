//! What jettison is tested against, and what `jettison demo` runs on: the other side of the wire.
//!
//! - [`registry`]: an OCI registry in this process, on loopback, in the variants real registries come in,
//!   with faults on demand.
//! - [`enemy`]: a server that obeys no rule.
//! - [`images`]: builders of manifests and blobs of every kind that a registry may hold.
//! - [`push`] and [`pull`]: puts them into any registry over HTTP, and pulls them whole again.
//! - [`kubernetes`]: an API server, with faults.
//! - [`aws`]: ECR, ECS, Lambda and STS, with identities, a clock of their own, and faults.
//! - [`company`]: a year of pushes by a small company.
//!
//! The crate shares no code with `jettison` or `jettison-core`: it reads the specifications for itself, so
//! that a misreading on one side does not hide behind the same misreading on the other. Digests are plain
//! texts here. It is no registry for production: everything is in memory and credentials are literals.
pub mod aws;
mod client;
pub mod company;
mod digest;
pub mod enemy;
pub mod images;
pub mod kubernetes;
mod pattern;
pub mod pull;
pub mod push;
mod random;
pub mod registry;

pub use digest::sha256;
