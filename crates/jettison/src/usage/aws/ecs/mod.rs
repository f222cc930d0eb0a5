//! ECS: tasks, services with all that they may return to, and the newest task definitions.

mod cluster;
mod definitions;
mod history;
mod services;
mod tasks;

use aws_sdk_ecs::Client;

use super::place::Place;
pub use definitions::KnownDefinitions;
use definitions::Wanted;

/// What to ask of ECS.
pub(super) struct Question<'a, 'p, 's> {
    pub(super) client: Client,
    pub(super) place: &'a Place<'p, 's>,
    /// So many of the newest revisions of a task definition, and deployments of a service, may be returned to.
    pub(super) newest: usize,
    /// What need not be asked again.
    pub(super) known: &'a KnownDefinitions,
}

impl Question<'_, '_, '_> {
    /// Says what runs, and what may run again.
    pub(super) async fn ask(&self) {
        let wanted = Wanted::default();
        futures_util::join!(cluster::ask_all(self, &wanted), definitions::ask_newest(self, &wanted));
        definitions::ask(self, wanted).await;
    }
}

/// What an ARN ends with: the name of a cluster or service, the id of a task, `web:7`.
fn short(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
