//! An account in a region: a world of its own.

use super::call::Call;

/// Whose it is, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) account: String,
    pub(super) region: String,
}

impl Place {
    pub(super) fn new(account: &str, region: &str) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
        }
    }

    /// The world of whoever calls.
    pub(super) fn of(call: &Call) -> Self {
        Self::new(&call.caller.account, &call.region)
    }

    /// `arn:aws:ecr:eu-central-1:111122223333:repository/apps/web`
    pub(super) fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }

    /// The host of the registry: `111122223333.dkr.ecr.eu-central-1.amazonaws.com`
    pub(super) fn host(&self) -> String {
        format!("{}.dkr.ecr.{}.amazonaws.com", self.account, self.region)
    }

    /// The place whose registry has this host.
    pub(super) fn of_host(host: &str) -> Option<Self> {
        let (account, rest) = host.split_once(".dkr.ecr.")?;
        Some(Self::new(account, rest.strip_suffix(".amazonaws.com")?))
    }
}
