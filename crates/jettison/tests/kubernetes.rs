//! What a Kubernetes cluster uses, asked of an API server in this process that authorises from `deploy/kubernetes/`.
//!
//! - `typed`: every kind that names images in fields of its own, and all that a status may say.
//! - `sweep`: images in any other text of any other object.
//! - `lists`: pages, expired tokens, answers that are cut short, late or wrong.
//! - `permissions`: what the roles in `deploy/kubernetes/` allow, and what is said when something is missing.
//! - `helm`: the history of Helm.
//! - `connection`: kubeconfigs, certificates, credential plugins.
//! - `bad_days`: the program from end to end, beside a registry.
//! - `who_must_answer`: the same with several clusters, and with wrong ones.
//! - `hostile`: objects that were made to harm.

#[cfg(test)]
#[path = "kubernetes/bad_days.rs"]
mod bad_days;
#[cfg(test)]
#[path = "kubernetes/cluster.rs"]
mod cluster;
#[cfg(test)]
#[expect(dead_code, reason = "shared helpers: nobody here logs in")]
mod common;
#[cfg(test)]
#[path = "kubernetes/connection.rs"]
mod connection;
#[cfg(test)]
#[path = "kubernetes/helm.rs"]
mod helm;
#[cfg(test)]
#[path = "kubernetes/hostile.rs"]
mod hostile;
#[cfg(test)]
#[path = "kubernetes/lists.rs"]
mod lists;
#[cfg(test)]
#[path = "kubernetes/permissions.rs"]
mod permissions;
#[cfg(test)]
#[path = "kubernetes/sweep.rs"]
mod sweep;
#[cfg(test)]
#[path = "kubernetes/typed.rs"]
mod typed;
#[cfg(test)]
#[path = "kubernetes/who_must_answer.rs"]
mod who_must_answer;
#[cfg(test)]
#[path = "kubernetes/world.rs"]
mod world;
