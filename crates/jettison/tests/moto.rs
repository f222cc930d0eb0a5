//! jettison against moto, an AWS by other hands: the wire format, errors, signatures and policies, as somebody else reads AWS's
//! documentation. What ECR deletes and keeps is not asked here: moto guards less than ECR does.

#[cfg(test)]
#[path = "moto/account.rs"]
mod account;
#[cfg(test)]
#[path = "moto/permissions.rs"]
mod permissions;
#[cfg(test)]
#[path = "moto/registry.rs"]
mod registry;
#[cfg(test)]
#[expect(dead_code, reason = "some parts are for other tests")]
mod support;
#[cfg(test)]
#[path = "moto/usage.rs"]
mod usage;
