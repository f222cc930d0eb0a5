//! Whose pulls leave no trace: who calls, who is excluded already, and adding somebody.

use aws_sdk_ecr::error::ProvideErrorMetadata as _;
use aws_types::sdk_config::RetryConfig;
use serde::Serialize;

use super::arn::{NoPrincipal, Principal};
use crate::aws::{AwsConnection, AwsError, AwsTrouble, told};

/// What became of one exclusion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    /// Nobody asked for it.
    NotAsked,
    /// It was there before.
    AlreadyThere,
    /// It was made.
    Made,
    /// It could not be made.
    Failed,
}

/// A list of at most 100 that takes more pages than this does not end.
const MOST_PAGES: usize = 100;

/// Why somebody is not excluded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ExclusionError {
    /// AWS refused a call, or could not be asked.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// Whoever is logged in cannot be excluded.
    #[error(transparent)]
    Nobody(#[from] NoPrincipal),
    /// The login belongs to another account, whose list this would go on.
    #[error(
        "{arn} is logged in, of the account {account}, and the registry belongs to {wanted}: its list can only be changed from \
         within; set `profile` or `role-arn`, or make the call there"
    )]
    OtherAccount {
        /// Who is logged in.
        arn: String,
        /// Of which account.
        account: String,
        /// Whose registry it is.
        wanted: String,
    },
    /// Nobody says who is to be excluded.
    #[error("nobody says who is to be excluded: name the role of jettison with --runs-as")]
    Unknown,
    /// The list is full.
    #[error(
        "the registry has {listed} exclusions, and ECR allows no more ({error}); take back one that is of no use, with \
         `aws ecr deregister-pull-time-update-exclusion`"
    )]
    Full {
        /// How many there are.
        listed: usize,
        /// What ECR said.
        error: AwsError,
    },
}

/// Who calls.
pub(super) async fn caller(connection: &AwsConnection, region: &str) -> Result<Principal, ExclusionError> {
    let sts = aws_sdk_sts::Client::new(&connection.open(region).await);
    let identity = sts.get_caller_identity().send().await;
    let identity = identity.map_err(|error| told("sts:GetCallerIdentity", error))?;
    Ok(identity.arn().unwrap_or_default().parse::<Principal>()?)
}

/// Sees to it that pulls by `arn` leave no trace in the registry of this region.
pub(super) async fn exclude(connection: &AwsConnection, region: &str, arn: &str) -> Result<Outcome, ExclusionError> {
    let ecr = aws_sdk_ecr::Client::new(&connection.open(region).await);
    let there = listed(&ecr).await?;
    if there.iter().any(|there| there == arn) {
        return Ok(Outcome::AlreadyThere);
    }
    // Not tried again: that the list is full has the code of a throttle, which would be waited for.
    let once = aws_sdk_ecr::config::Builder::new().retry_config(RetryConfig::disabled());
    let register = ecr.register_pull_time_update_exclusion().principal_arn(arn);
    let registered = register.customize().config_override(once).send().await;
    match registered {
        Ok(_) => Ok(Outcome::Made),
        Err(error) => match error.code() {
            // Somebody else was quicker.
            Some("ExclusionAlreadyExistsException") => Ok(Outcome::AlreadyThere),
            Some("LimitExceededException") => Err(ExclusionError::Full {
                listed: there.len(),
                error: told("ecr:RegisterPullTimeUpdateExclusion", error),
            }),
            _ => Err(told("ecr:RegisterPullTimeUpdateExclusion", error).into()),
        },
    }
}

/// Everybody on the list of a registry.
async fn listed(ecr: &aws_sdk_ecr::Client) -> Result<Vec<String>, AwsError> {
    const ACTION: &str = "ecr:ListPullTimeUpdateExclusions";
    let mut all = Vec::new();
    let mut token = None;
    for _ in 0..MOST_PAGES {
        let page = ecr
            .list_pull_time_update_exclusions()
            .set_next_token(token)
            .send()
            .await;
        let page = page.map_err(|error| told(ACTION, error))?;
        all.extend_from_slice(page.pull_time_update_exclusions());
        token = page.next_token;
        if token.is_none() {
            return Ok(all);
        }
    }
    Err(AwsError {
        trouble: AwsTrouble::Unclear,
        action: ACTION,
        code: String::new(),
        detail: format!("the list does not end within {MOST_PAGES} pages"),
    })
}
