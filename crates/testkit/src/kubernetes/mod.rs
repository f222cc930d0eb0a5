//! A Kubernetes API server in this process: discovery, lists with pages, permissions, and faults on demand.
//!
//! It speaks the wire format of the real one for whoever lists objects, and nothing else: no watch, no write. Objects are put
//! in by tests. It decides who may what from RBAC objects as `kubectl apply` takes them.

mod discovery;
mod fault;
mod kinds;
pub mod objects;
mod paging;
mod rbac;
mod reply;
mod server;
mod state;

pub use fault::Fault;
pub use kinds::Kind;
pub use rbac::{Account, NotRbac, Rbac};
pub use server::{Options, TestCluster};
