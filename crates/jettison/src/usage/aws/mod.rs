//! What an account of AWS runs in its regions: ECS and Lambda, and what they may return to.
//!
//! Only asks, and never about images: that would move the times of their last pulls. It fails closed: a call that fails
//! makes its place partial and names the permission; all others are asked all the same.

mod ecs;
mod lambda;
mod place;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use futures_util::{StreamExt as _, stream};
use jettison_core::config::AwsSource;
use jettison_core::model::legible;
use tokio::time::{Instant, timeout_at};

use super::said::Said;
use crate::aws::{AwsConnection, in_region, told};
pub use ecs::KnownDefinitions;
use place::Place;

/// The permissions that the source needs, as IAM names them. To ask whose the credentials are needs none.
pub const ACTIONS: &[&str] = &[
    "ecs:DescribeServiceDeployments",
    "ecs:DescribeServiceRevisions",
    "ecs:DescribeServices",
    "ecs:DescribeTaskDefinition",
    "ecs:DescribeTasks",
    "ecs:ListClusters",
    "ecs:ListServiceDeployments",
    "ecs:ListServices",
    "ecs:ListTaskDefinitionFamilies",
    "ecs:ListTaskDefinitions",
    "ecs:ListTasks",
    "lambda:GetFunction",
    "lambda:ListAliases",
    "lambda:ListFunctions",
];

/// Regions that are asked at the same time.
const REGIONS_AT_ONCE: usize = 8;

/// What to ask an account.
pub(super) struct Question<'a> {
    pub(super) source: &'a AwsSource,
    pub(super) connection: AwsConnection,
    /// What was told before, and cannot change.
    pub(super) known: &'a KnownDefinitions,
}

impl Question<'_> {
    /// Asks the account what it runs. What it does not tell, or not in time, is a gap.
    pub(super) async fn ask(&self, said: &mut Said) {
        let source = self.source;
        let before = said.len();
        let deadline = Instant::now() + Duration::from_secs(source.timeout_seconds);
        let said = Mutex::new(said);
        let places: Vec<Place> = source.places().map(|place| Place::new(place, &said)).collect();
        let is_late = format!("it did not tell everything within {} seconds", source.timeout_seconds);
        match timeout_at(deadline, self.identified()).await {
            Ok(Ok(config)) => {
                let asked = stream::iter(&places).for_each_concurrent(REGIONS_AT_ONCE, async |place| {
                    let config = in_region(&config, place.region());
                    if timeout_at(deadline, self.ask_place(&config, place)).await.is_err() {
                        place.gap(&is_late);
                    }
                });
                asked.await;
            }
            Ok(Err(why)) => places.iter().for_each(|place| place.gap(&why)),
            Err(_) => places.iter().for_each(|place| place.gap(&is_late)),
        }
        places.into_iter().for_each(Place::tell_failures);
        let said = said.into_inner().unwrap_or_else(PoisonError::into_inner);
        if said.len() == before && !said.has_gaps() {
            let account = &source.account;
            said.is_empty_because(format!(
                "the account {account} runs nothing there that has an image; are its regions right?"
            ));
        }
    }

    async fn ask_place(&self, config: &SdkConfig, place: &Place<'_, '_>) {
        let source = self.source;
        let ecs = ecs::Question {
            client: aws_sdk_ecs::Client::new(config),
            place,
            newest: usize::try_from(source.task_definitions).unwrap_or(usize::MAX),
            known: self.known,
        };
        let lambda = lambda::Question {
            client: aws_sdk_lambda::Client::new(config),
            place,
            newest: usize::try_from(source.lambda_versions).unwrap_or(usize::MAX),
        };
        futures_util::join!(ecs.ask(), lambda.ask());
    }

    /// The way in, once it is proven to lead into the account that the configuration names: what another one runs would
    /// pass for what this one runs.
    async fn identified(&self) -> Result<SdkConfig, String> {
        let region = self.source.regions.first().map(String::as_str).unwrap_or_default();
        let config = self.connection.open(region).await;
        let asked = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await;
        let identity = asked.map_err(|error| told("sts:GetCallerIdentity", error).to_string())?;
        let account = &self.source.account;
        match identity.account() {
            Some(found) if found == account => Ok(config),
            Some(other) => Err(format!(
                "the credentials belong to the account {}, so nothing was asked; give those of {account}, or the `role-arn` of \
             a role in it",
                legible(other)
            )),
            None => {
                Err("sts:GetCallerIdentity: the answer does not say which account the credentials belong to".to_owned())
            }
        }
    }
}
