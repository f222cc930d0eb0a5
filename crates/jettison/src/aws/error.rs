//! What can go wrong at AWS, said so that an operator knows what to do. Never holds a credential.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jettison_core::model::legible;

use crate::output::text::with_causes;
use crate::registry::excerpt;

/// The permission to take on a role.
const ASSUME_ROLE: &str = "sts:AssumeRole";

/// The kinds of failure that callers tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AwsTrouble {
    /// There are no credentials, or AWS does not take them.
    Unauthenticated,
    /// The account may not do this.
    Denied,
    /// AWS asks for a pause longer than a call may wait.
    Throttled,
    /// A failure that may pass: the network, a time limit, a 5xx.
    Transient,
    /// An answer that cannot be understood, or is too long.
    Unclear,
    /// The service refuses this call: see the code.
    Refused,
}

/// A call to AWS that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{action}: {detail}")]
pub struct AwsError {
    /// What kind of failure it is.
    pub trouble: AwsTrouble,
    /// The call as IAM names its permission: `ecr:DescribeImages`.
    pub action: &'static str,
    /// AWS's own code: `RepositoryNotFoundException`; empty where AWS did not answer.
    pub code: String,
    /// Why it failed, with what to do where that is known.
    pub detail: String,
}

/// The error of the call that needs the permission `action`; that of taking on a role, if it did not come further.
pub fn told<E>(action: &'static str, error: SdkError<E, Response>) -> AwsError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    match of_role(&error) {
        Some(of_role) => read(ASSUME_ROLE, of_role),
        None => read(action, &error),
    }
}

/// The failure to take on a role below another one.
fn of_role<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e SdkError<AssumeRoleError, Response>> {
    let mut causes = std::iter::successors(error.source(), |&error| error.source());
    causes.find_map(|cause| cause.downcast_ref())
}

fn read<E>(action: &'static str, error: &SdkError<E, Response>) -> AwsError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let code = legible(error.code().unwrap_or_default());
    let status = error.raw_response().map_or(0, |answer| answer.status().as_u16());
    let trouble = match error {
        SdkError::ServiceError(_) => trouble_of(&code, status),
        // A proxy or a balancer in between answers in a form of its own.
        SdkError::ResponseError(_) if status >= 300 => trouble_of("", status),
        SdkError::ResponseError(_) => AwsTrouble::Unclear,
        SdkError::TimeoutError(_) => AwsTrouble::Transient,
        // Before anything is sent, credentials are looked for; nothing else of ours can fail there. A connection that was
        // closed without an answer is no such thing: the call may have arrived.
        SdkError::DispatchFailure(failure) if !failure.is_other() || !is_about_credentials(error) => {
            AwsTrouble::Transient
        }
        _ => AwsTrouble::Unauthenticated,
    };
    let said = match error {
        SdkError::ServiceError(_) => match error.message() {
            Some(message) => format!("AWS answered {code}: {}", excerpt(message)),
            None => format!("AWS answered {status} {code}"),
        },
        SdkError::ResponseError(_) if status >= 300 => {
            format!("what stands for AWS answered {status}, in no form of AWS's")
        }
        SdkError::ResponseError(_) => format!("the answer ({status}) cannot be understood: {}", cause_of(error)),
        SdkError::TimeoutError(_) => "AWS did not answer in time".to_owned(),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => "AWS did not answer in time".to_owned(),
        error => cause_of(error),
    };
    AwsError {
        trouble,
        action,
        code,
        detail: format!("{said}{}", hint(trouble, action)),
    }
}

fn is_about_credentials(error: &(dyn Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    causes.any(|cause| cause.is::<CredentialsError>())
}

/// Why something failed, without the words in which the client of AWS wraps it.
fn cause_of(error: &(dyn Error + 'static)) -> String {
    let cause = error.source().unwrap_or(error);
    let cause = match cause.downcast_ref::<ConnectorError>() {
        Some(connector) => connector.source().unwrap_or(cause),
        None => cause,
    };
    excerpt(&with_causes(cause))
}

/// What a code of AWS means, with the status of the answer. Codes are those of "Common Errors" in the reference of
/// each service.
pub fn trouble_of(code: &str, status: u16) -> AwsTrouble {
    match code {
        "AccessDeniedException" | "AccessDenied" | "UnauthorizedOperation" => AwsTrouble::Denied,
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "ExpiredToken"
        | "ExpiredTokenException" => AwsTrouble::Unauthenticated,
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "SlowDown" => AwsTrouble::Throttled,
        // Where something on the way refuses, or a service in another form than its own, there is only the status.
        _ if status == 401 => AwsTrouble::Unauthenticated,
        _ if status == 403 => AwsTrouble::Denied,
        _ if status == 429 => AwsTrouble::Throttled,
        _ if status >= 500 => AwsTrouble::Transient,
        _ => AwsTrouble::Refused,
    }
}

fn hint(trouble: AwsTrouble, action: &str) -> String {
    match trouble {
        AwsTrouble::Unauthenticated => {
            "; give credentials as AWS's own tools take them: a profile, AWS_ACCESS_KEY_ID, or the role of this machine (or \
             is the region not enabled for the account?)"
                .to_owned()
        }
        AwsTrouble::Denied if action == ASSUME_ROLE => {
            format!("; allow {action}, and let the role trust whoever asks (`jettison aws setup` prints the policy)")
        }
        AwsTrouble::Denied if action.contains("LifecyclePolicy") => {
            format!("; allow {action} (`jettison aws setup --lifecycle-policies` prints the policy)")
        }
        AwsTrouble::Denied => format!("; allow {action} (`jettison aws setup` prints the policy)"),
        AwsTrouble::Throttled => "; wait a while and run it again".to_owned(),
        AwsTrouble::Transient => "; run it again later".to_owned(),
        AwsTrouble::Unclear | AwsTrouble::Refused => String::new(),
    }
}
