//! How AWS is reached: credentials as its own tools find them, a role taken on, another address, limits, and errors
//! in plain words.
//!
//! It asks AWS nothing about images: that is for the adapter of ECR and for the usage source.

mod error;
mod http;

use std::time::Duration;

use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::sdk_config::RetryConfig;
use jettison_core::config::AwsAccess;

pub use error::{AwsError, AwsTrouble};
pub use error::{told, trouble_of};

/// Time to open a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// Time for one answer.
const ANSWER: Duration = Duration::from_secs(60);

/// Time for a call with all its tries.
const CALL: Duration = Duration::from_secs(180);

/// Tries of one call, the first included. Between them the client waits, and slows down all calls while AWS throttles.
const TRIES: u32 = 8;

/// The session of a role that is taken on, as CloudTrail shows it.
const SESSION: &str = "jettison";

/// An account of AWS, and how to get in.
#[derive(Debug, Clone, Default)]
pub struct AwsConnection {
    /// Profile, role and address.
    pub access: AwsAccess,
    /// An access key to use instead of what the environment and AWS's own files say.
    pub credentials: Option<Credentials>,
}

impl AwsConnection {
    /// As `access` says, with the credentials that the environment has.
    pub fn new(access: AwsAccess) -> Self {
        Self {
            access,
            credentials: None,
        }
    }

    /// What every client of AWS's services in `region` starts from. Only where a role is to be taken on, credentials
    /// are fetched by it; any trouble with them shows at the first call.
    pub async fn open(&self, region: &str) -> SdkConfig {
        let retries = RetryConfig::adaptive().with_max_attempts(TRIES);
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .read_timeout(ANSWER)
            .operation_attempt_timeout(ANSWER)
            .operation_timeout(CALL);
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .http_client(http::client(CONNECT, ANSWER))
            .retry_config(retries)
            .timeout_config(timeouts.build());
        if let Some(profile) = &self.access.profile {
            loader = loader.profile_name(profile);
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
