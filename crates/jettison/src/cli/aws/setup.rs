//! Brings it together: for each account its policies, and the exclusions with what became of them.

use std::time::Duration;

use jettison_core::config::AwsAccess;
use serde::Serialize;

use super::Setup;
use super::account::Account;
use super::arn::{Doubt, Principal, partition};
use super::document::{Document, LONGEST, named};
use super::drawn::drawn;
use super::exclusion::{ExclusionError, Outcome, caller, exclude};
use crate::aws::{AwsConnection, AwsError, AwsTrouble};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::exit::Exit;
use crate::output::text::number;

/// Who is logged in is worth a moment, where it only saves typing.
const PATIENCE: Duration = Duration::from_secs(10);

const NOTHING_CONFIGURED: &str = "nothing of AWS is configured: in jettison.yaml, list a registry such as `host: \
    123456789012.dkr.ecr.eu-central-1.amazonaws.com` under `registries`, and under `usage` `{ name: aws, kind: aws, account: \
    \"123456789012\", regions: [eu-central-1] }`";

/// Everything that is printed.
#[derive(Debug, Serialize)]
pub(super) struct Form {
    schema: u8,
    pub(super) accounts: Vec<AccountForm>,
}

/// An account as it is reached in one way.
#[derive(Debug, Serialize)]
pub(super) struct AccountForm {
    pub(super) account: String,
    pub(super) profile: Option<String>,
    pub(super) role_arn: Option<String>,
    /// Hosts.
    pub(super) registries: Vec<String>,
    /// Regions in which it is asked what runs.
    pub(super) usage_regions: Vec<String>,
    /// Who works in the account; null where nobody knows.
    pub(super) works_as: Option<String>,
    /// What that role needs.
    pub(super) policy: Document,
    /// Who takes the role on, where the configuration names one.
    pub(super) taken_on: Option<TakenOn>,
    /// What whoever works with ECR's own lifecycle policies needs besides, if that was asked for.
    pub(super) lifecycle_policy: Option<Document>,
    /// What whoever makes the calls below needs.
    pub(super) setup_policy: Option<Document>,
    pub(super) exclusions: Vec<Exclusion>,
    pub(super) notes: Vec<String>,
}

/// How a role is taken on.
#[derive(Debug, Serialize)]
pub(super) struct TakenOn {
    /// By whom; null where nobody knows.
    pub(super) by: Option<String>,
    /// The trust policy of the role.
    pub(super) trust_policy: Document,
    /// What whoever takes it on needs.
    pub(super) policy: Document,
}

/// One principal that is excluded from the pull times of one registry.
#[derive(Debug, Serialize)]
pub(super) struct Exclusion {
    pub(super) region: String,
    pub(super) principal: Option<String>,
    /// The call, to be typed.
    pub(super) command: String,
    pub(super) outcome: Outcome,
    pub(super) error: Option<String>,
}

/// Who jettison is in an account.
struct Who {
    /// Before a role is taken on.
    base: Option<Principal>,
    /// At work.
    works_as: Option<Principal>,
    notes: Vec<String>,
}

impl Setup {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let accounts = Account::all(&context.config);
        if accounts.is_empty() {
            return Err(Failure::usage(NOTHING_CONFIGURED));
        }
        let mut form = Form {
            schema: 1,
            accounts: Vec::with_capacity(accounts.len()),
        };
        let mut logins = Logins::default();
        for account in &accounts {
            form.accounts.push(self.prepare(account, &mut logins).await);
        }
        context.console.json(&form)?;
        context.console.say(drawn(&form, &context.console)?);
        let exclusions = form.accounts.iter().flat_map(|account| &account.exclusions);
        let failed: Vec<&Exclusion> = exclusions.filter(|one| one.outcome == Outcome::Failed).collect();
        for one in &failed {
            let why = one.error.as_deref().unwrap_or_default();
            context.console.warn(format!("{}: {why}", one.region));
        }
        Ok(if failed.is_empty() { Exit::Done } else { Exit::Failed })
    }

    async fn prepare(&self, account: &Account, logins: &mut Logins) -> AccountForm {
        let mut who = self.who(account, logins).await;
        who.notes.extend(remarks(account));
        let policy = Document::of_role(account, self.read_only);
        if policy.length() > LONGEST {
            who.notes.push(format!(
                "the policy has {} characters, and a managed policy may have {}: use fewer or wider patterns of repositories, or \
                 make a policy of each statement",
                number(policy.length() as u64),
                number(LONGEST as u64)
            ));
        }
        let has_registries = !account.registries.is_empty();
        AccountForm {
            account: account.id.clone(),
            profile: account.access.profile.clone(),
            role_arn: account.access.role_arn.clone(),
            registries: account
                .registries
                .iter()
                .map(|registry| registry.host.clone())
                .collect(),
            usage_regions: account.asked.iter().cloned().collect(),
            policy,
            taken_on: account
                .access
                .role_arn
                .as_deref()
                .map(|role| taken_on(role, who.base.as_ref(), account)),
            lifecycle_policy: (has_registries && self.lifecycle_policies)
                .then(|| Document::of_lifecycle(account, self.read_only)),
            setup_policy: has_registries.then(|| Document::of_setup(account)),
            exclusions: self.exclusions(account, who.works_as.as_ref()).await,
            works_as: who.works_as.map(|principal| principal.arn),
            notes: who.notes,
        }
    }

    /// Who jettison is: as the configuration and the command line say, else whoever is logged in.
    async fn who(&self, account: &Account, logins: &mut Logins) -> Who {
        let mut notes = Vec::new();
        let base = match &self.runs_as {
            Some(principal) => Some(principal.clone()),
            None => logins.of(account).await.map_err(|why| notes.push(why)).ok(),
        };
        let role = account.access.role_arn.as_deref().and_then(|role| role.parse().ok());
        let works_as = role.or_else(|| base.clone());
        notes.extend(base.as_ref().and_then(doubted));
        if let Some(other) = works_as.as_ref().filter(|works_as| works_as.account != account.id) {
            notes.push(format!(
                "{} is of another account than {}: policies of the repositories there have to let it in, or name a `role-arn` of \
                 that account",
                other.arn, account.id
            ));
        }
        Who { base, works_as, notes }
    }

    async fn exclusions(&self, account: &Account, works_as: Option<&Principal>) -> Vec<Exclusion> {
        let connection = AwsConnection::new(account.access.clone());
        let refused = match self.apply {
            true => may_change(&connection, account).await.err(),
            false => None,
        };
        let mut exclusions = Vec::new();
        for place in account.places() {
            let outcome = match (self.apply, works_as, &refused) {
                (false, ..) => Ok(Outcome::NotAsked),
                (true, _, Some(refused)) => Err(refused.clone()),
                (true, None, None) => Err(ExclusionError::Unknown),
                (true, Some(principal), None) => exclude(&connection, &place.region, &principal.arn).await,
            };
            exclusions.push(Exclusion {
                command: command(account, &place.region, works_as),
                principal: works_as.map(|principal| principal.arn.clone()),
                error: outcome.as_ref().err().map(ToString::to_string),
                outcome: outcome.unwrap_or(Outcome::Failed),
                region: place.region,
            });
        }
        exclusions
    }
}

/// Who is logged in, before any role is taken on; each way in is asked once.
#[derive(Debug, Default)]
struct Logins {
    known: Vec<(AwsAccess, Result<Principal, String>)>,
}

impl Logins {
    /// Whoever is logged in; else why that is not known.
    async fn of(&mut self, account: &Account) -> Result<Principal, String> {
        let access = AwsAccess {
            role_arn: None,
            ..account.access.clone()
        };
        if let Some((_, known)) = self.known.iter().find(|(known, _)| *known == access) {
            return known.clone();
        }
        let connection = AwsConnection::new(access.clone());
        let asked = tokio::time::timeout(PATIENCE, caller(&connection, account.region())).await;
        let login = match asked {
            Ok(Ok(principal)) => Ok(principal),
            Ok(Err(ExclusionError::Aws(error))) if is_nobody(&error) => Err("nobody is logged in".to_owned()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("nobody answered within {} seconds", PATIENCE.as_secs())),
        };
        let login = login.map_err(|why| {
            format!(
                "who jettison runs as is not known ({why}): put its role in the place of ROLE, or say it with --runs-as"
            )
        });
        self.known.push((access, login.clone()));
        login
    }
}

/// Whether there are no credentials at all: AWS was not asked.
fn is_nobody(error: &AwsError) -> bool {
    error.trouble == AwsTrouble::Unauthenticated && error.code.is_empty()
}

/// Whether the login is of the account whose list is to be changed: ECR takes the account from the login.
async fn may_change(connection: &AwsConnection, account: &Account) -> Result<(), ExclusionError> {
    if account.registries.is_empty() {
        return Ok(());
    }
    let caller = caller(connection, account.region()).await?;
    match caller.account == account.id {
        true => Ok(()),
        false => Err(ExclusionError::OtherAccount {
            arn: caller.arn,
            account: caller.account,
            wanted: account.id.clone(),
        }),
    }
}

fn doubted(principal: &Principal) -> Option<String> {
    let arn = &principal.arn;
    match principal.doubt? {
        Doubt::Path => Some(format!(
            "{arn} is made from the session that is logged in, which does not tell a role's path: if it has one \
             (role/PATH/NAME), say --runs-as"
        )),
        Doubt::Person => Some(format!(
            "{arn} is how a person is logged in: say with --runs-as which role jettison runs as"
        )),
    }
}

/// What the policy cannot say.
fn remarks(account: &Account) -> Option<String> {
    let patterns = account.registries.iter().flat_map(|registry| &registry.repositories);
    let excluding: Vec<&str> = patterns
        .map(String::as_str)
        .filter(|pattern| pattern.starts_with('!'))
        .collect();
    (!excluding.is_empty()).then(|| {
        format!(
            "what `repositories` leaves out ({}) the policy allows all the same: IAM has no exceptions within a pattern",
            excluding.join(", ")
        )
    })
}

fn taken_on(role: &str, base: Option<&Principal>, account: &Account) -> TakenOn {
    let by = named(base, partition(account.region()), "ACCOUNT");
    TakenOn {
        by: base.map(|principal| principal.arn.clone()),
        trust_policy: Document::of_trust(&by),
        policy: Document::of_taker(role),
    }
}

/// The call as people type it, one option a line.
fn command(account: &Account, region: &str, works_as: Option<&Principal>) -> String {
    let AwsAccess {
        profile,
        role_arn,
        endpoint,
    } = &account.access;
    let arn = named(works_as, partition(region), &account.id);
    // With a role to take on, the profile is that of another account.
    let profile = profile.as_deref().filter(|_| role_arn.is_none());
    let options = [
        ("--profile", profile),
        ("--endpoint-url", endpoint.as_deref()),
        ("--region", Some(region)),
        ("--principal-arn", Some(&arn)),
    ];
    let mut line = "aws ecr register-pull-time-update-exclusion".to_owned();
    for (option, value) in options {
        if let Some(value) = value {
            line.push_str(&format!(" \\\n    {option} {}", quoted(value)));
        }
    }
    line
}

/// A word of a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@,+".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_one_of_the_shell_whatever_the_profile_is_called() {
        for (word, expected) in [
            ("prod", "prod"),
            (
                "arn:aws:iam::123456789012:role/a+b",
                "arn:aws:iam::123456789012:role/a+b",
            ),
            ("my prod", "'my prod'"),
            ("a'; rm -r /", "'a'\\''; rm -r /'"),
            ("$HOME", "'$HOME'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }
}
