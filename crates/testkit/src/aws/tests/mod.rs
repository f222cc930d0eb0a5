//! The fake, asked by the official clients over HTTP.
mod ecr_delete;
mod ecr_lifecycle;
mod ecr_lists;
mod ecr_push;
mod ecr_read;
mod ecr_registry;
mod ecs;
mod ecs_lists;
mod faults;
mod identity;
mod lambda;

use aws_sdk_ecr::config::retry::RetryConfig;
use aws_sdk_ecr::config::{BehaviorVersion, Credentials as SdkCredentials, Region};
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecr::types::ImageIdentifier;
use jiff::Timestamp;

use super::{Credentials, Ecr, Policy, TestAws};
use crate::images::{Image, Manifest};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-central-1";
const REPOSITORY: &str = "apps/web";
/// When attachments say they were made.
const BUILT: &str = "2026-01-01T00:00:00Z";

/// An AWS with an administrator of one account.
struct Lab {
    aws: TestAws,
    administrator: Credentials,
}

/// The configuration of any client: one macro, because each has a type of its own.
macro_rules! client {
    ($sdk:ident, $aws:expr, $credentials:expr, $region:expr) => {{
        let credentials: &Credentials = $credentials;
        let provided = SdkCredentials::new(
            &credentials.access_key_id,
            &credentials.secret_access_key,
            credentials.session_token.clone(),
            None,
            "test",
        );
        $sdk::Client::from_conf(
            $sdk::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new($region.to_owned()))
                .credentials_provider(provided)
                .endpoint_url($aws.url())
                .http_client(aws_smithy_http_client::Builder::new().build_http())
                .retry_config(RetryConfig::disabled())
                .build(),
        )
    }};
}
use client;

impl Lab {
    async fn new() -> Self {
        let aws = TestAws::start().await.unwrap();
        let administrator = aws.user(ACCOUNT, "administrator", Policy::everything());
        Self { aws, administrator }
    }

    /// With an image in the repository, under these tags.
    async fn with_image(tags: &[&str]) -> (Self, Manifest) {
        let lab = Self::new().await;
        let image = Image::new(1).build();
        lab.registry().push(REPOSITORY, tags, &image);
        (lab, image)
    }

    fn registry(&self) -> Ecr {
        self.aws.ecr(ACCOUNT, REGION)
    }

    fn ecr(&self) -> aws_sdk_ecr::Client {
        self.ecr_of(&self.administrator)
    }

    fn ecr_of(&self, credentials: &Credentials) -> aws_sdk_ecr::Client {
        client!(aws_sdk_ecr, self.aws, credentials, REGION)
    }
}

/// The code of the error of a service.
fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> &str {
    error
        .as_service_error()
        .and_then(|error| error.code())
        .unwrap_or("no answer of a service")
}

fn by_tag(tag: &str) -> ImageIdentifier {
    ImageIdentifier::builder().image_tag(tag).build()
}

fn by_digest(digest: &str) -> ImageIdentifier {
    ImageIdentifier::builder().image_digest(digest).build()
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}
