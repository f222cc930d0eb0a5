//! Policies as IAM reads them (IAM User Guide, "IAM JSON policy elements reference").

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};

use super::account::Account;
use super::arn::{Principal, partition, widened};
use super::permissions::{ARCHIVE, ASSUME, DELETE, LIFECYCLE, LIFECYCLE_WRITE, READ, SETUP, Scope, UNDO, scope};
use crate::usage::aws::ACTIONS as USAGE;

/// What a managed policy may hold, in characters without white space (IAM User Guide, "IAM and AWS STS quotas").
pub(super) const LONGEST: usize = 6_144;

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Document {
    version: &'static str,
    statement: Vec<Statement>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    sid: String,
    effect: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<Trusted>,
    #[serde(serialize_with = "one_or_many")]
    action: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "one_or_many")]
    resource: Vec<String>,
}

/// IAM takes one text as well as a list of one; it is shorter.
fn one_or_many<T: Serialize, S: Serializer>(all: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    match all {
        [one] => one.serialize(serializer),
        many => many.serialize(serializer),
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Trusted {
    #[serde(rename = "AWS")]
    arn: String,
}

impl Document {
    /// What the role needs that works in an account. `read_only`: without what deletes, archives and puts back.
    pub(super) fn of_role(account: &Account, read_only: bool) -> Self {
        let mut needs = Vec::new();
        if !account.registries.is_empty() {
            needs.push(("Read", READ.to_vec()));
        }
        if !account.registries.is_empty() && !read_only {
            let archives = account.registries.iter().any(|registry| registry.archives);
            let archive = ARCHIVE.iter().copied().filter(|_| archives);
            needs.push(("Delete", DELETE.iter().copied().chain(archive).collect()));
            needs.push(("Undo", UNDO.to_vec()));
        }
        if !account.asked.is_empty() {
            needs.push(("Usage", USAGE.to_vec()));
        }
        Self::new(
            needs
                .iter()
                .flat_map(|(name, actions)| statements(name, actions, account)),
        )
    }

    /// What whoever works with ECR's own lifecycle policies needs beyond reading images. `read_only`: without what writes.
    pub(super) fn of_lifecycle(account: &Account, read_only: bool) -> Self {
        let mut statements = statements("Lifecycle", &LIFECYCLE, account);
        if !read_only {
            statements.extend(self::statements("LifecycleWrite", &LIFECYCLE_WRITE, account));
        }
        Self::new(statements)
    }

    /// What whoever makes the calls of setup needs.
    pub(super) fn of_setup(account: &Account) -> Self {
        Self::new(statements("Setup", &SETUP, account))
    }

    /// Who may take a role on.
    pub(super) fn of_trust(by: &str) -> Self {
        let trusted = Trusted { arn: by.to_owned() };
        Self::new([Statement::new("JettisonTrust", vec![ASSUME], Some(trusted), Vec::new())])
    }

    /// What whoever takes a role on needs.
    pub(super) fn of_taker(role: &str) -> Self {
        let role = vec![role.to_owned()];
        Self::new([Statement::new("JettisonTakeOn", vec![ASSUME], None, role)])
    }

    /// How long it is to IAM.
    pub(super) fn length(&self) -> usize {
        // Nothing in it has white space of its own.
        serde_json::to_string(self).map_or(0, |text| text.len())
    }

    fn new(statements: impl IntoIterator<Item = Statement>) -> Self {
        Self {
            version: "2012-10-17",
            statement: statements.into_iter().collect(),
        }
    }
}

impl Statement {
    fn new(sid: &str, action: Vec<&'static str>, principal: Option<Trusted>, resource: Vec<String>) -> Self {
        Self {
            sid: sid.to_owned(),
            effect: "Allow",
            principal,
            action,
            resource,
        }
    }
}

/// A statement for each kind of resource that the actions are asked of.
fn statements(name: &str, actions: &[&'static str], account: &Account) -> Vec<Statement> {
    let mut by_scope: BTreeMap<Scope, Vec<&'static str>> = BTreeMap::new();
    for action in actions {
        by_scope.entry(scope(action)).or_default().push(action);
    }
    let statement = |(scope, actions): (Scope, Vec<&'static str>)| {
        let sid = format!("Jettison{name}{scope:?}");
        Statement::new(&sid, actions, None, resources(scope, account))
    };
    by_scope.into_iter().map(statement).collect()
}

/// The resources of a scope, sorted.
fn resources(scope: Scope, account: &Account) -> Vec<String> {
    let arn = |service: &str, region: &str, resource: &str| {
        format!("arn:{}:{service}:{region}:{}:{resource}", partition(region), account.id)
    };
    let mut found = BTreeSet::new();
    match scope {
        Scope::Anywhere => found.extend(["*".to_owned()]),
        Scope::Catalog => {
            let places = account.registries.iter();
            found.extend(places.map(|registry| arn("ecr", &registry.region, "repository/*")));
        }
        Scope::Images => {
            for registry in &account.registries {
                let patterns = widened(&registry.repositories).into_iter();
                found.extend(patterns.map(|pattern| arn("ecr", &registry.region, &format!("repository/{pattern}"))));
            }
        }
        Scope::Workloads => {
            for region in &account.asked {
                found.extend([arn("ecs", region, "*"), arn("lambda", region, "function:*")]);
            }
        }
    }
    found.into_iter().collect()
}

/// Who is named where nobody knows: to be replaced.
pub(super) fn named(principal: Option<&Principal>, partition: &str, account: &str) -> String {
    principal.map_or_else(
        || format!("arn:{partition}:iam::{account}:role/ROLE"),
        |principal| principal.arn.clone(),
    )
}

#[cfg(test)]
mod tests {
    use jettison_core::config::Config;

    use super::*;

    const TWO: &str = "registries:
  - { host: 123456789012.dkr.ecr.eu-central-1.amazonaws.com, repositories: ['apps/**', '!apps/old/**'] }
  - { host: 123456789012.dkr.ecr.us-east-1.amazonaws.com }
";

    fn statements_of(config: &str, read_only: bool) -> BTreeMap<String, (Vec<&'static str>, Vec<String>)> {
        let accounts = Account::all(&Config::parse("test", config).unwrap().0);
        let document = Document::of_role(&accounts[0], read_only);
        let statements = document.statement.into_iter();
        statements
            .map(|statement| (statement.sid, (statement.action, statement.resource)))
            .collect()
    }

    #[test]
    fn images_are_those_of_the_scanned_repositories_alone() {
        let statements = statements_of(TWO, false);
        let names: Vec<&str> = statements.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "JettisonDeleteImages",
                "JettisonReadCatalog",
                "JettisonReadImages",
                "JettisonUndoImages"
            ]
        );
        for name in ["JettisonDeleteImages", "JettisonReadImages", "JettisonUndoImages"] {
            assert_eq!(
                statements[name].1,
                [
                    "arn:aws:ecr:eu-central-1:123456789012:repository/apps/*",
                    "arn:aws:ecr:us-east-1:123456789012:repository/*"
                ]
            );
        }
        assert_eq!(
            statements["JettisonReadCatalog"].1,
            [
                "arn:aws:ecr:eu-central-1:123456789012:repository/*",
                "arn:aws:ecr:us-east-1:123456789012:repository/*"
            ]
        );
    }

    #[test]
    fn lifecycle_policies_of_scanned_repositories_are_read_and_written_by_a_policy_of_their_own() {
        let accounts = Account::all(&Config::parse("test", TWO).unwrap().0);
        let of = |read_only| {
            let statements = Document::of_lifecycle(&accounts[0], read_only).statement.into_iter();
            statements.map(|statement| (statement.sid, statement.action.len(), statement.resource))
        };
        let images = statements_of(TWO, true)["JettisonReadImages"].1.clone();
        let read = ("JettisonLifecycleImages".to_owned(), 3, images.clone());
        let write = ("JettisonLifecycleWriteImages".to_owned(), 2, images);
        assert_eq!(of(true).collect::<Vec<_>>(), std::slice::from_ref(&read));
        assert_eq!(of(false).collect::<Vec<_>>(), [read, write]);
        let of_role = serde_json::to_string(&Document::of_role(&accounts[0], false)).unwrap();
        assert!(!of_role.contains("Lifecycle"), "{of_role}");
    }

    #[test]
    fn archiving_is_allowed_only_where_a_rule_archives() {
        let archives = "policies: [{ rules: [{ match: {}, expire: { older-than: 90d }, action: archive }] }]\n";
        let with = statements_of(&format!("{TWO}{archives}"), false);
        assert_eq!(
            with["JettisonDeleteImages"].0,
            ["ecr:BatchDeleteImage", "ecr:UpdateImageStorageClass"]
        );
        assert_eq!(
            statements_of(TWO, false)["JettisonDeleteImages"].0,
            ["ecr:BatchDeleteImage"]
        );
    }

    #[test]
    fn who_only_reads_may_change_nothing() {
        let usage = "usage: [{ name: a, kind: aws, account: '123456789012', regions: [cn-north-1] }]\n";
        let statements = statements_of(&format!("{TWO}{usage}"), true);
        let names: Vec<&str> = statements.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "JettisonReadCatalog",
                "JettisonReadImages",
                "JettisonUsageAnywhere",
                "JettisonUsageWorkloads"
            ]
        );
        assert_eq!(
            statements["JettisonUsageWorkloads"].1,
            [
                "arn:aws-cn:ecs:cn-north-1:123456789012:*",
                "arn:aws-cn:lambda:cn-north-1:123456789012:function:*"
            ]
        );
    }
}
