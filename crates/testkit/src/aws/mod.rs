//! AWS in this process, on loopback: ECR, ECS, Lambda and STS, as far as somebody needs them who cleans a registry.
//!
//! It speaks the wire forms of the real services, so that the official clients are its clients: JSON 1.1 (ECR, ECS), REST with
//! JSON (Lambda), and queries with XML (STS); and the registry API of ECR beside them. One address serves all accounts and regions,
//! each a world of its own: the scope of a request's signature says which one is asked. [`Handle`] is the way in for tests:
//! worlds, identities with policies, the clock, [`Fault`]s, and the record of what was asked.
//!
//! What the documentation of AWS does not say is decided here by what would hurt a cleaner most. Nothing but tests may use it:
//! whoever knows a literal key may do what its policy says.

mod call;
mod ecr;
mod ecs;
mod fault;
mod handle;
mod identity;
mod lambda;
mod observe;
mod paging;
mod place;
mod policy;
mod refusal;
mod reply;
mod server;
mod signature;
mod state;
mod sts;
#[cfg(test)]
mod tests;

pub use ecr::{Ecr, Held, Status};
pub use ecs::Ecs;
pub use fault::{Effect, Fault};
pub use handle::Handle;
pub use identity::Credentials;
pub use lambda::Lambda;
pub use observe::Request;
pub use policy::{NotAPolicy, Policy};
pub use server::TestAws;
