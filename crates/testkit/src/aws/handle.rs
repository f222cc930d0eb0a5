//! AWS from within: what a test looks at and changes without a signature.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::ecr::Ecr;
use super::ecs::Ecs;
use super::fault::{Fault, Faults};
use super::identity::Credentials;
use super::lambda::Lambda;
use super::observe::Request;
use super::policy::Policy;
use super::state::State;

/// A cheap copy of the way into a running AWS; faults get one too.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Inside>,
}

struct Inside {
    address: SocketAddr,
    state: Mutex<State>,
}

impl Handle {
    pub(super) fn new(address: SocketAddr) -> Self {
        let state = Mutex::new(State::new(format!("http://{address}"), Timestamp::now()));
        Self {
            shared: Arc::new(Inside { address, state }),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `http://127.0.0.1:PORT`: the endpoint of every service, and the address of every registry.
    pub fn url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// What time it is there.
    pub fn now(&self) -> Timestamp {
        self.state().now
    }

    /// Sets the clock, back too: images that are pushed then are old. Clients compare the end of a session with their own clock.
    pub fn set_now(&self, now: Timestamp) {
        self.state().now = now;
    }

    /// Lets time pass: restores come to their end, stopped tasks are forgotten.
    pub fn advance(&self, duration: SignedDuration) {
        self.state().now += duration;
    }

    /// Does something as if the clock stood at `time`: `aws.at(may, |aws| aws.ecr(account, region).push(…))`.
    pub fn at<T>(&self, time: Timestamp, act: impl FnOnce(&Self) -> T) -> T {
        let now = self.now();
        self.set_now(time);
        let done = act(self);
        self.set_now(now);
        done
    }

    /// What a process needs in its environment to be this caller in this region, and to ask here instead of AWS.
    pub fn environment(&self, credentials: &Credentials, region: &str) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("AWS_ENDPOINT_URL", self.url()),
            ("AWS_REGION", region.to_owned()),
            ("AWS_ACCESS_KEY_ID", credentials.access_key_id.clone()),
            ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key.clone()),
            // Nobody asks the machine for another identity.
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ];
        let token = credentials.session_token.clone();
        variables.extend(token.map(|token| ("AWS_SESSION_TOKEN", token)));
        variables
    }

    /// Makes a user of an account, with an access key.
    pub fn user(&self, account: &str, name: &str, policy: Policy) -> Credentials {
        self.state().identities.user(account, name, policy)
    }

    /// Makes a role that these may take: ARNs of users and roles, or accounts. Returns its ARN.
    pub fn role(&self, account: &str, name: &str, policy: Policy, trusts: &[&str]) -> String {
        self.state().identities.role(account, name, policy, trusts)
    }

    /// Changes what a user or a role may do; false where there is nobody of that ARN.
    pub fn set_policy(&self, arn: &str, policy: Policy) -> bool {
        self.state().identities.set_policy(arn, policy)
    }

    /// Makes the credentials of all sessions of roles expire at once.
    pub fn expire_sessions(&self) {
        self.state().identities.expire_sessions();
    }

    /// The registry of an account in a region.
    pub fn ecr(&self, account: &str, region: &str) -> Ecr {
        Ecr::new(self.clone(), account, region)
    }

    /// The clusters of an account in a region.
    pub fn ecs(&self, account: &str, region: &str) -> Ecs {
        Ecs::new(self.clone(), account, region)
    }

    /// The functions of an account in a region.
    pub fn lambda(&self, account: &str, region: &str) -> Lambda {
        Lambda::new(self.clone(), account, region)
    }

    /// Adds a fault; those added before it come first.
    pub fn fail(&self, fault: Fault) {
        self.state().faults.add(fault);
    }

    /// Takes all faults back.
    pub fn clear_faults(&self) {
        self.state().faults = Faults::default();
    }

    /// The calls so far, in order of arrival (the last 500,000).
    pub fn requests(&self) -> Vec<Request> {
        self.state().log.requests()
    }

    /// How often an action was asked for: `ecr:DescribeImages`.
    pub fn count(&self, action: &str) -> usize {
        self.state().log.count(action)
    }

    /// Forgets the calls.
    pub fn clear_requests(&self) {
        self.state().log.clear();
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({})", self.shared.address)
    }
}
