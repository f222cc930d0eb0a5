//! Calls to the API of ECR: the clients, how many calls run at once, and failures put into words.
//!
//! Tries, waits and time limits are the client's own, as `aws/mod.rs` sets them. What must not be done twice goes out once.

use std::fmt;

use aws_sdk_ecr::Client;
use aws_sdk_ecr::config::Builder;
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::http::Response;
use jettison_core::config::EcrPlace;
use jettison_core::model::RegistryHost;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::{Instant, sleep};

use crate::aws::{AwsConnection, AwsError, AwsTrouble, told};
use crate::registry::retry::random_share;
use crate::registry::{Connection, ErrorKind, Limits, RegistryError};

/// The way to one registry.
pub(super) struct Api {
    pub(super) host: RegistryHost,
    pub(super) place: EcrPlace,
    pub(super) limits: Limits,
    aws: AwsConnection,
    clients: OnceCell<Clients>,
    in_flight: Semaphore,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("host", &self.host).finish_non_exhaustive()
    }
}

/// The same client twice.
struct Clients {
    /// Tries again what fails for a moment.
    patient: Client,
    /// Sends everything once.
    careful: Client,
}

/// Why there is no answer, before it is said what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) kind: ErrorKind,
    /// AWS's own word for it: `RepositoryNotFoundException`; empty where there is none.
    pub(super) code: String,
    detail: String,
    advised: bool,
}

impl Trouble {
    pub(super) fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            code: String::new(),
            detail: detail.into(),
            advised: false,
        }
    }

    /// An answer from which nothing may be concluded.
    pub(super) fn strange(detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Protocol, detail)
    }

    /// The same, of another kind.
    pub(super) fn of_kind(self, kind: ErrorKind) -> Self {
        Self { kind, ..self }
    }

    pub(super) fn is(&self, code: &str) -> bool {
        self.code == code
    }

    /// Whether ECR says that there is no such repository, which holds nothing then.
    pub(super) fn is_no_repository(&self) -> bool {
        self.is("RepositoryNotFoundException")
    }
}

impl From<AwsError> for Trouble {
    fn from(error: AwsError) -> Self {
        Self {
            kind: kind_of(&error),
            code: error.code,
            detail: error.detail,
            advised: true,
        }
    }
}

fn kind_of(error: &AwsError) -> ErrorKind {
    match error.trouble {
        AwsTrouble::Unauthenticated => ErrorKind::Unauthenticated,
        AwsTrouble::Denied => ErrorKind::Forbidden,
        AwsTrouble::Throttled => ErrorKind::RateLimited,
        AwsTrouble::Transient => ErrorKind::Transient,
        AwsTrouble::Unclear => ErrorKind::Protocol,
        AwsTrouble::Refused => match error.code.as_str() {
            "RepositoryNotFoundException"
            | "ImageNotFoundException"
            | "LayersNotFoundException"
            | "ReferencedImagesNotFoundException" => ErrorKind::NotFound,
            "ImageTagAlreadyExistsException" => ErrorKind::Immutable,
            "UnknownOperationException" => ErrorKind::Unsupported,
            _ => ErrorKind::Protocol,
        },
    }
}

impl Api {
    pub(super) fn new(connection: &Connection, place: &EcrPlace, aws: &AwsConnection) -> Self {
        Self {
            host: connection.host.clone(),
            place: place.clone(),
            limits: connection.limits.clone(),
            aws: aws.clone(),
            clients: OnceCell::new(),
            in_flight: Semaphore::new(connection.limits.in_flight.clamp(1, Semaphore::MAX_PERMITS)),
        }
    }

    /// The account that every call names: credentials of another one must not lead to another registry.
    pub(super) fn account(&self) -> &str {
        &self.place.account
    }

    /// The client for what may be done twice.
    pub(super) async fn client(&self) -> &Client {
        &self.clients().await.patient
    }

    /// Waits for a place, asks, and puts a failure into words. `action` is what IAM calls the permission.
    pub(super) async fn ask<T, E>(
        &self,
        action: &'static str,
        call: impl Future<Output = Result<T, SdkError<E, Response>>>,
    ) -> Result<T, Trouble>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        // The semaphore is never closed; were it so, going on without a place is the harmless way.
        let _place = self.in_flight.acquire().await.ok();
        Ok(call.await.map_err(|error| told(action, error))?)
    }

    /// The same for what must not be done twice: it is sent again only while AWS says that it did nothing, as it is asked
    /// too often.
    pub(super) async fn ask_once<T, E, F>(&self, action: &'static str, call: impl Fn(Client) -> F) -> Result<T, Trouble>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E, Response>>>,
    {
        let until = Instant::now() + self.aws.limits.turn;
        let mut pause = self.aws.limits.first_pause;
        loop {
            let client = self.clients().await.careful.clone();
            let wait = pause.mul_f64(0.5 + random_share() / 2.0);
            match self.ask(action, call(client)).await {
                Err(trouble) if trouble.kind == ErrorKind::RateLimited && Instant::now() + wait < until => {
                    sleep(wait).await;
                    pause *= 2;
                }
                ended => return ended,
            }
        }
    }

    /// The error that `trouble` is to whoever wanted `operation`.
    pub(super) fn error(&self, operation: impl Into<String>, trouble: Trouble) -> RegistryError {
        RegistryError {
            kind: trouble.kind,
            registry: self.host.clone(),
            operation: operation.into(),
            status: None,
            detail: trouble.detail,
            advised: trouble.advised,
        }
    }

    async fn clients(&self) -> &Clients {
        self.clients.get_or_init(|| self.open()).await
    }

    async fn open(&self) -> Clients {
        let base = self.aws.open(&self.place.region).await;
        let mut builder = Builder::from(&base);
        // Whoever pulls by the names of FIPS wants all of it so.
        if self.host.as_str().contains("ecr-fips.") && base.endpoint_url().is_none() {
            builder = builder.use_fips(true);
        }
        let careful = builder.clone().retry_config(self.aws.limits.retries(1));
        Clients {
            patient: Client::from_conf(builder.build()),
            careful: Client::from_conf(careful.build()),
        }
    }
}
