//! Which accounts the configuration reaches, how, and for what. Asks nobody.

use std::collections::BTreeSet;

use jettison_core::config::{AwsAccess, Config, EcrPlace, UsageKind};

/// An account as it is reached in one way: what is needed there, one role needs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Account {
    /// Its twelve digits.
    pub(super) id: String,
    /// How it is reached.
    pub(super) access: AwsAccess,
    /// Its registries.
    pub(super) registries: Vec<EcrRegistry>,
    /// The regions in which it is asked what runs there.
    pub(super) asked: BTreeSet<String>,
}

/// One registry of an account.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct EcrRegistry {
    /// The host, as it stands in image references.
    pub(super) host: String,
    /// Its region.
    pub(super) region: String,
    /// Globs on the repositories that are scanned, as they are written.
    pub(super) repositories: Vec<String>,
    /// Whether a rule archives there.
    pub(super) archives: bool,
}

impl Account {
    /// All of them, in the order of the file.
    pub(super) fn all(config: &Config) -> Vec<Self> {
        let mut all = Vec::new();
        for registry in &config.registries {
            let Some(place) = registry.ecr() else { continue };
            let mut policies = config.policies.iter().flatten();
            let found = EcrRegistry {
                host: registry.host.to_string(),
                region: place.region,
                repositories: registry.repositories.patterns().to_vec(),
                archives: policies.any(|policy| policy.archives() && policy.registries.fits(registry.host.as_str())),
            };
            Self::of(&mut all, &place.account, &registry.aws).registries.push(found);
        }
        for source in &config.usage {
            if let UsageKind::Aws(source) = &source.kind {
                let account = Self::of(&mut all, &source.account, &source.access);
                account.asked.extend(source.regions.iter().cloned());
            }
        }
        all
    }

    /// Where its registries lie, each place once.
    pub(super) fn places(&self) -> BTreeSet<EcrPlace> {
        let place = |registry: &EcrRegistry| EcrPlace {
            account: self.id.clone(),
            region: registry.region.clone(),
        };
        self.registries.iter().map(place).collect()
    }

    /// A region of it, to ask who somebody is there. Every account here has one.
    pub(super) fn region(&self) -> &str {
        let of_registry = self.registries.first().map(|registry| registry.region.as_str());
        of_registry
            .or(self.asked.first().map(String::as_str))
            .unwrap_or_default()
    }

    /// The account that is reached in this way, among those that are known.
    fn of<'a>(all: &'a mut Vec<Self>, id: &str, access: &AwsAccess) -> &'a mut Self {
        let known = all.iter().position(|known| known.id == id && known.access == *access);
        let at = known.unwrap_or_else(|| {
            all.push(Self {
                id: id.to_owned(),
                access: access.clone(),
                registries: Vec::new(),
                asked: BTreeSet::new(),
            });
            all.len() - 1
        });
        &mut all[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts(text: &str) -> Vec<Account> {
        Account::all(&Config::parse("test", text).unwrap().0)
    }

    #[test]
    fn what_is_reached_in_the_same_way_is_one_account() {
        let all = accounts(
            "registries:
  - { host: 123456789012.dkr.ecr.eu-central-1.amazonaws.com, aws: { profile: prod } }
  - { host: registry.example.com }
  - { host: 123456789012.dkr.ecr.us-east-1.amazonaws.com, aws: { profile: prod }, repositories: ['apps/**'] }
  - { host: 210987654321.dkr.ecr.us-east-1.amazonaws.com, aws: { profile: prod } }
usage:
  - { name: same, kind: aws, account: '123456789012', regions: [us-east-1, eu-central-1], profile: prod }
  - { name: other, kind: aws, account: '123456789012', regions: [us-west-2], profile: jobs }
",
        );
        let told: Vec<_> = all
            .iter()
            .map(|account| {
                (
                    account.id.as_str(),
                    account.registries.len(),
                    account.asked.len(),
                    account.region(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("123456789012", 2, 2, "eu-central-1"),
                ("210987654321", 1, 0, "us-east-1"),
                ("123456789012", 0, 1, "us-west-2")
            ]
        );
        assert_eq!(all[0].registries[1].repositories, ["apps/**"]);
    }

    #[test]
    fn only_a_registry_of_a_policy_that_archives_is_archived_to() {
        let all = accounts(
            "registries:
  - { host: 123456789012.dkr.ecr.eu-central-1.amazonaws.com }
  - { host: 123456789012.dkr.ecr.us-east-1.amazonaws.com }
policies:
  - registries: ['*.us-east-1.*']
    rules: [{ match: {}, expire: { older-than: 90d }, action: archive }]
",
        );
        let archives: Vec<bool> = all[0].registries.iter().map(|registry| registry.archives).collect();
        assert_eq!(archives, [false, true]);
    }
}
