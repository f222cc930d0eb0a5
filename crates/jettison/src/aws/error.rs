//! What can go wrong at AWS, said so that an operator knows what to do. Never holds a credential.

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::output::text::with_causes;
use crate::registry::excerpt;

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

/// The error of the call that needs the permission `action`.
pub fn told<E>(action: &'static str, error: SdkError<E, Response>) -> AwsError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let (code, status) = match &error {
        SdkError::ServiceError(answer) => (
            answer.err().code().unwrap_or_default().to_owned(),
            Some(answer.raw().status().as_u16()),
        ),
        _ => (String::new(), None),
    };
    let trouble = match &error {
        SdkError::ServiceError(_) => trouble_of(&code, status.unwrap_or_default()),
        SdkError::ResponseError(_) => AwsTrouble::Unclear,
        SdkError::DispatchFailure(failure) if !failure.is_other() => AwsTrouble::Transient,
        SdkError::TimeoutError(_) => AwsTrouble::Transient,
        // Before anything is sent, credentials are looked for; nothing else of ours can fail there.
        _ => AwsTrouble::Unauthenticated,
    };
    let said = match &error {
        SdkError::ServiceError(answer) => match answer.err().message() {
            Some(message) => format!("AWS answered {code}: {}", excerpt(message)),
            None => format!("AWS answered {} {code}", status.unwrap_or_default()),
        },
        SdkError::TimeoutError(_) => "AWS did not answer in time".to_owned(),
        error => excerpt(&with_causes(error)),
    };
    AwsError {
        trouble,
        action,
        code,
        detail: format!("{said}{}", hint(trouble, action)),
    }
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
        "Throttling" | "ThrottlingException" | "TooManyRequestsException" | "RequestLimitExceeded" => {
            AwsTrouble::Throttled
        }
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
            "; give credentials as AWS's own tools take them: a profile, AWS_ACCESS_KEY_ID, or the role of this machine"
                .to_owned()
        }
        AwsTrouble::Denied => format!("; allow {action} (`jettison aws setup` prints the policy)"),
        AwsTrouble::Throttled => "; wait a while and run it again".to_owned(),
        AwsTrouble::Transient => "; run it again later".to_owned(),
        AwsTrouble::Unclear | AwsTrouble::Refused => String::new(),
    }
}
