//! What preview and lint look at: repositories with all that is known of their use, and the policy that each has.
//!
//! Reads only. A policy that cannot be read is told, and holds up nothing else.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use futures_util::stream;
use jettison_core::lifecycle::LifecyclePolicy;
use jettison_core::model::{RegistryHost, RepositoryName};
use jiff::Timestamp;

use super::super::Sources;
use super::super::context::{Context, Registries};
use super::super::facts::{Gathered, Reach, gather};
use super::super::failure::Failure;
use crate::output::text::with_causes;
use crate::registry::{AwsPreview, LifecyclePolicies};

/// Repositories that AWS is asked about at a time. How fast calls may follow each other is for what makes them.
const AT_A_TIME: usize = 8;

/// Facts that were just read, and a way to ask for policies.
pub(super) struct Live {
    pub(super) gathered: Gathered,
    pub(super) policies: Policies,
}

/// The lifecycle policies of registries.
#[derive(Default)]
pub(super) struct Policies(BTreeMap<RegistryHost, LifecyclePolicies>);

/// The policy of one repository.
pub(super) enum Stored {
    /// It has this one.
    Is(Box<StoredPolicy>),
    /// It has none.
    None,
    /// What stands in the way of knowing.
    Unread(String),
}

/// A policy and what AWS did with it.
pub(super) struct StoredPolicy {
    pub(super) text: String,
    pub(super) policy: LifecyclePolicy,
    pub(super) last_evaluated_at: Option<Timestamp>,
}

impl Live {
    /// Scans the targets, or all configured registries that are ECR, and asks the usage sources. With `asks_aws` every
    /// registry has to be ECR.
    pub(super) async fn gather(context: &mut Context, sources: &Sources, asks_aws: bool) -> Result<Self, Failure> {
        context.add_new_usage_files(&sources.asked.usage)?;
        let mut choice = context.choice(sources)?;
        if sources.targets.is_empty() {
            choice.retain(|host| context.config.ecr(host).is_some());
            if choice.hosts().is_empty() {
                return Err(Failure::usage(
                    "none of the configured registries is Amazon ECR: give a target such as \
                     123456789012.dkr.ecr.eu-west-1.amazonaws.com/apps/web",
                ));
            }
        }
        let hosts = choice.hosts().into_iter().filter(|_| asks_aws);
        let policies = hosts.map(|host| Ok((host.clone(), context.lifecycle_policies(&host)?)));
        let policies = Policies(policies.collect::<Result<_, Failure>>()?);
        let store = context.store().await?;
        let registries: Registries = context.registries(choice, &store)?;
        let gathered = gather(context, &store, &registries, sources, Reach::Looking).await?;
        store.close().await;
        Ok(Self { gathered, policies })
    }
}

impl Policies {
    /// The policies of repositories, in their order.
    pub(super) async fn stored(&self, places: &[(&RegistryHost, &RepositoryName)]) -> Vec<Stored> {
        let asked = stream::iter(places).map(|(host, name)| self.stored_of(host, name));
        asked.buffered(AT_A_TIME).collect().await
    }

    async fn stored_of(&self, host: &RegistryHost, name: &RepositoryName) -> Stored {
        let Some(policies) = self.0.get(host) else {
            return Stored::Unread("it was not asked for its policy".to_owned());
        };
        let stored = match policies.stored(name).await {
            Ok(Some(stored)) => stored,
            Ok(None) => return Stored::None,
            Err(error) => return Stored::Unread(with_causes(&error)),
        };
        match LifecyclePolicy::parse(&stored.text) {
            Ok(policy) => Stored::Is(Box::new(StoredPolicy {
                text: stored.text,
                policy,
                last_evaluated_at: stored.last_evaluated_at,
            })),
            Err(mistakes) => {
                let mistakes = mistakes.to_string().replace('\n', "; ");
                Stored::Unread(format!("its lifecycle policy is not understood: {mistakes}"))
            }
        }
    }

    /// AWS's own previews: of a text, or of what is stored; only where one is wanted.
    pub(super) async fn previews(
        &self,
        places: &[(&RegistryHost, &RepositoryName)],
        text: Option<&str>,
        wanted: impl Fn(usize) -> bool,
    ) -> Vec<Option<Result<AwsPreview, String>>> {
        let asked = places.iter().enumerate().map(|(at, (host, name))| {
            let policies = self.0.get(*host).filter(|_| wanted(at));
            async move {
                let preview = policies?.preview(name, text).await;
                Some(preview.map_err(|error| with_causes(&error)))
            }
        });
        stream::iter(asked).buffered(AT_A_TIME).collect().await
    }
}
