//! Who calls: access keys, users, roles, and the sessions of roles.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

use super::policy::Policy;
use super::refusal::Refusal;

/// An access key, to be given to a client.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `AKIA…` of a user, `ASIA…` of a session.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
    /// The token of a session.
    pub session_token: Option<String>,
}

/// Names the key alone.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.access_key_id)
    }
}

/// Whoever calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) account: String,
    /// `arn:aws:iam::…:user/ci`, or `arn:aws:sts::…:assumed-role/cleaner/session`.
    pub(super) arn: String,
    /// The user or the role whose policy counts.
    pub(super) identity: String,
    pub(super) user_id: String,
}

/// A user or a role.
#[derive(Debug, Clone)]
struct Principal {
    account: String,
    policy: Policy,
    /// ARNs and accounts that may take the role.
    trusts: Vec<String>,
}

#[derive(Clone)]
struct Key {
    secret: String,
    token: Option<String>,
    expires: Option<Timestamp>,
    caller: Caller,
}

/// All accounts' users, roles and keys.
#[derive(Default)]
pub(super) struct Identities {
    keys: BTreeMap<String, Key>,
    principals: BTreeMap<String, Principal>,
    made: u64,
}

/// A session as a role gives it out.
pub(super) struct Session {
    pub(super) credentials: Credentials,
    pub(super) caller: Caller,
    pub(super) expires: Timestamp,
}

impl Identities {
    /// A user with an access key.
    pub(super) fn user(&mut self, account: &str, name: &str, policy: Policy) -> Credentials {
        let arn = format!("arn:aws:iam::{account}:user/{name}");
        self.define(&arn, account, policy, &[]);
        let user_id = self.id("AIDA");
        let caller = Caller {
            account: account.to_owned(),
            identity: arn.clone(),
            arn,
            user_id,
        };
        self.key("AKIA", caller, None)
    }

    /// A role; its ARN.
    pub(super) fn role(&mut self, account: &str, name: &str, policy: Policy, trusts: &[&str]) -> String {
        let arn = format!("arn:aws:iam::{account}:role/{name}");
        self.define(&arn, account, policy, trusts);
        arn
    }

    /// Changes what somebody may; false where there is nobody of that ARN.
    pub(super) fn set_policy(&mut self, arn: &str, policy: Policy) -> bool {
        let principal = self.principals.get_mut(arn);
        principal.map(|principal| principal.policy = policy).is_some()
    }

    /// Makes every session worthless that was given out so far.
    pub(super) fn expire_sessions(&mut self) {
        for key in self.keys.values_mut().filter(|key| key.token.is_some()) {
            key.expires = Some(Timestamp::MIN);
        }
    }

    /// The secret of a key.
    pub(super) fn secret(&self, key_id: &str) -> Option<&str> {
        self.keys.get(key_id).map(|key| key.secret.as_str())
    }

    /// Who uses the key, if it is good with this token at this time.
    pub(super) fn caller(&self, key_id: &str, token: Option<&str>, now: Timestamp) -> Result<Caller, Refusal> {
        let key = self.keys.get(key_id).filter(|key| key.token.as_deref() == token);
        let key = key.ok_or_else(|| {
            let message = "The security token included in the request is invalid.";
            Refusal::new("UnrecognizedClientException", message)
        })?;
        match key.expires.is_some_and(|expires| expires <= now) {
            true => {
                let message = "The security token included in the request is expired";
                Err(Refusal::new("ExpiredTokenException", message))
            }
            false => Ok(key.caller.clone()),
        }
    }

    /// Refuses what the policy of the caller does not allow.
    pub(super) fn check(&self, caller: &Caller, action: &str, resource: &str) -> Result<(), Refusal> {
        let principal = self.principals.get(&caller.identity);
        if principal.is_some_and(|principal| principal.policy.allows(action, resource)) {
            return Ok(());
        }
        let message = format!(
            "User: {} is not authorized to perform: {action} on resource: {resource} because no identity-based policy allows \
             the {action} action",
            caller.arn
        );
        Err(Refusal::new("AccessDeniedException", message))
    }

    /// A session of the role, if it trusts the caller.
    pub(super) fn assume(&mut self, caller: &Caller, role: &str, name: &str, expires: Timestamp) -> Option<Session> {
        let principal = self.principals.get(role)?;
        let account = format!("arn:aws:iam::{}:root", caller.account);
        let known = [caller.identity.as_str(), &caller.account, &account, "*"];
        if !principal.trusts.iter().any(|trusted| known.contains(&trusted.as_str())) {
            return None;
        }
        let (_, role_name) = role.split_once(":role/")?;
        let account = principal.account.clone();
        let user_id = format!("{}:{name}", self.id("AROA"));
        let caller = Caller {
            arn: format!("arn:aws:sts::{account}:assumed-role/{role_name}/{name}"),
            identity: role.to_owned(),
            account,
            user_id,
        };
        let credentials = self.key("ASIA", caller.clone(), Some(expires));
        Some(Session {
            credentials,
            caller,
            expires,
        })
    }

    fn define(&mut self, arn: &str, account: &str, policy: Policy, trusts: &[&str]) {
        let principal = Principal {
            account: account.to_owned(),
            policy,
            trusts: trusts.iter().map(|&trusted| trusted.to_owned()).collect(),
        };
        self.principals.insert(arn.to_owned(), principal);
    }

    fn key(&mut self, prefix: &str, caller: Caller, expires: Option<Timestamp>) -> Credentials {
        let access_key_id = self.id(prefix);
        let secret_access_key = format!("secret-of-{access_key_id}");
        let session_token = expires.map(|_| format!("token-of-{access_key_id}"));
        let key = Key {
            secret: secret_access_key.clone(),
            token: session_token.clone(),
            expires,
            caller,
        };
        self.keys.insert(access_key_id.clone(), key);
        Credentials {
            access_key_id,
            secret_access_key,
            session_token,
        }
    }

    fn id(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}{:016}", self.made)
    }
}
