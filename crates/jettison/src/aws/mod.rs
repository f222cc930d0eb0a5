//! How AWS is reached: credentials as its own tools find them, a role taken on, another address, limits, and errors
//! in plain words.
//!
//! It asks AWS nothing about images: that is for the adapter of ECR and for the usage source.

mod error;
mod http;
#[cfg(test)]
mod tests;

use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::sdk_config::RetryConfig;
use jettison_core::config::AwsAccess;

pub use error::{AwsError, AwsTrouble, told, trouble_of};

/// The session of a role that is taken on, as CloudTrail shows it.
const SESSION: &str = "jettison";

/// How long and how often AWS is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsLimits {
    /// Time to open a connection.
    pub connect: Duration,
    /// Time for one answer.
    pub answer: Duration,
    /// Time for a call with all its tries.
    pub call: Duration,
    /// How long a call that must not be done twice waits for its turn while AWS throttles it. Those who have looked right
    /// before they sent it rely on that.
    pub turn: Duration,
    /// Tries of one call, the first included.
    pub tries: u32,
    /// The longest first wait after a failure; doubles with every further one.
    pub first_pause: Duration,
    /// Whether all calls of the process to a service in a region slow down while AWS throttles one of them.
    pub adaptive: bool,
}

impl Default for AwsLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(60),
            call: Duration::from_secs(180),
            turn: Duration::from_secs(20),
            tries: 6,
            first_pause: Duration::from_secs(1),
            adaptive: true,
        }
    }
}

impl AwsLimits {
    /// How calls are repeated that come to at most `tries`.
    pub(crate) fn retries(&self, tries: u32) -> RetryConfig {
        let retries = if self.adaptive {
            RetryConfig::adaptive()
        } else {
            RetryConfig::standard()
        };
        retries.with_max_attempts(tries).with_initial_backoff(self.first_pause)
    }
}

/// An account of AWS, and how to get in.
#[derive(Debug, Clone, Default)]
pub struct AwsConnection {
    /// Profile, role and address.
    pub access: AwsAccess,
    /// An access key to use instead of what the environment and AWS's own files say.
    pub credentials: Option<Credentials>,
    /// Times and tries.
    pub limits: AwsLimits,
}

impl AwsConnection {
    /// As `access` says, with the credentials that the environment has.
    pub fn new(access: AwsAccess) -> Self {
        Self {
            access,
            ..Self::default()
        }
    }

    /// What every client of AWS's services in `region` starts from. Only where a role is to be taken on, credentials
    /// are fetched by it; any trouble with them shows at the first call.
    pub async fn open(&self, region: &str) -> SdkConfig {
        let limits = &self.limits;
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(limits.connect)
            .read_timeout(limits.answer)
            .operation_attempt_timeout(limits.answer)
            .operation_timeout(limits.call);
        let client = http::client(limits.connect, limits.answer);
        let place = Region::new(region.to_owned());
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(place.clone())
            .http_client(client.clone())
            .retry_config(limits.retries(limits.tries))
            .timeout_config(timeouts.build())
            // A helper that a profile names, or a role behind a role, takes more than the five seconds that are usual.
            .identity_cache(IdentityCache::lazy().load_timeout(limits.answer).build());
        if let Some(profile) = &self.access.profile {
            let settings = ProviderConfig::without_region().with_region(Some(place));
            let settings = settings.with_http_client(client);
            // By itself a key in the environment would take precedence over the profile that was asked for.
            let named = ProfileFileCredentialsProvider::builder().configure(&settings);
            let named = named.profile_name(profile).build();
            loader = loader.profile_name(profile).credentials_provider(named);
        }
        if let Some(endpoint) = &self.access.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        if let Some(credentials) = &self.credentials {
            loader = loader.credentials_provider(credentials.clone());
        }
        let base = loader.load().await;
        let Some(role) = &self.access.role_arn else {
            return base;
        };
        let role = AssumeRoleProvider::builder(role).session_name(SESSION).configure(&base);
        let role = SharedCredentialsProvider::new(role.build().await);
        base.into_builder().credentials_provider(role).build()
    }
}

/// The same way in, to another region.
pub fn in_region(config: &SdkConfig, region: &str) -> SdkConfig {
    config.to_builder().region(Region::new(region.to_owned())).build()
}
