//! The source against an AWS in this process: what is told of each account and region, and what is said when something
//! is missing or wrong.

mod definitions;
mod failures;
mod hostile;
mod lambda;
mod services;
mod tasks;

use std::collections::BTreeSet;

use aws_credential_types::Credentials;
use jettison_core::config::{AwsAccess, AwsSource};
use jettison_core::model::{Digest, Reference};
use jettison_testkit::aws::{Ecr, Ecs, Effect, Fault, Lambda, Policy, TestAws};
use jettison_testkit::images::{Image, Manifest};
use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::aws::AwsLimits;

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-central-1";
const PLACE: &str = "111122223333/eu-central-1";

/// An account with a region, and somebody who asks it.
struct Lab {
    aws: TestAws,
    source: AwsSource,
    connection: AwsConnection,
    known: KnownDefinitions,
}

/// What was told.
#[derive(Debug)]
struct Told {
    references: Vec<Reference>,
    gaps: Vec<String>,
}

impl Lab {
    /// With a cluster `prod`, and a caller who may do everything.
    async fn new() -> Self {
        let aws = TestAws::start().await.unwrap();
        aws.ecs(ACCOUNT, REGION).cluster("prod");
        let access = AwsAccess {
            endpoint: Some(aws.url()),
            ..AwsAccess::default()
        };
        let source = AwsSource {
            account: ACCOUNT.to_owned(),
            regions: vec![REGION.to_owned()],
            access: access.clone(),
            task_definitions: 2,
            lambda_versions: 2,
            timeout_seconds: 300,
        };
        let mut lab = Self {
            aws,
            source,
            connection: AwsConnection {
                limits: AwsLimits {
                    tries: 3,
                    first_pause: Duration::from_millis(1),
                    adaptive: false,
                    ..AwsLimits::default()
                },
                ..AwsConnection::new(access)
            },
            known: KnownDefinitions::default(),
        };
        lab.call_as(ACCOUNT, Policy::everything());
        lab
    }

    /// From now on somebody of this account calls, who may do so much.
    fn call_as(&mut self, account: &str, policy: Policy) {
        let key = self.aws.user(account, "jettison", policy);
        let credentials = Credentials::new(key.access_key_id, key.secret_access_key, None, None, "test");
        self.connection.credentials = Some(credentials);
    }

    fn question(&self) -> Question<'_> {
        Question {
            source: &self.source,
            connection: self.connection.clone(),
            known: &self.known,
        }
    }

    async fn ask(&self) -> Told {
        let mut said = Said::new(Timestamp::UNIX_EPOCH, &BTreeSet::new());
        self.question().ask(&mut said).await;
        let (references, gaps) = said.finish(false);
        Told {
            references,
            gaps: gaps.iter().map(ToString::to_string).collect(),
        }
    }

    fn ecs(&self) -> Ecs {
        self.aws.ecs(ACCOUNT, REGION)
    }

    fn lambda(&self) -> Lambda {
        self.aws.lambda(ACCOUNT, REGION)
    }

    fn ecr(&self) -> Ecr {
        self.aws.ecr(ACCOUNT, REGION)
    }

    /// Pushes an image, and says how to refer to it.
    fn push(&self, tag: &str, seed: u64) -> (String, Digest) {
        let image: Manifest = Image::new(seed).build();
        self.ecr().push("apps/web", &[tag], &image);
        (self.ecr().image("apps/web", tag), image.digest.parse().unwrap())
    }

    /// Registers the next revision of `web` with this image.
    fn register(&self, image: &str) -> String {
        self.ecs().register("web", &[("app", image)])
    }
}

impl Told {
    /// Those who use an image by this text, with or without a digest.
    fn users(&self, image: &str) -> Vec<&str> {
        let fitting = self.references.iter().filter(|reference| reference.image == image);
        fitting.map(|reference| reference.used_by.as_str()).collect()
    }

    /// Those who use this digest.
    fn users_of(&self, digest: &Digest) -> Vec<&str> {
        let fitting = self
            .references
            .iter()
            .filter(|reference| reference.digest.as_ref() == Some(digest));
        fitting.map(|reference| reference.used_by.as_str()).collect()
    }

    fn tells(&self, digest: &Digest, user: &str) -> bool {
        let user = format!("{user} in {PLACE}");
        self.users_of(digest).iter().any(|told| **told == user)
    }

    #[track_caller]
    fn is_whole(&self) -> &Self {
        assert!(self.gaps.is_empty(), "{:#?}", self.gaps);
        self
    }
}

/// Images `v1` to `vN`, each with its digest, and a revision of `web` for each.
fn versions(lab: &Lab, number: u64) -> (Vec<Digest>, Vec<String>) {
    let pushed = (1..=number).map(|version| lab.push(&format!("v{version}"), version));
    let registered = pushed.map(|(image, digest)| (digest, lab.register(&image)));
    registered.unzip()
}

/// All tags of `versions` move to an image that nobody uses.
fn move_tags(lab: &Lab, number: u64) {
    (1..=number).for_each(|version| drop(lab.push(&format!("v{version}"), 99)));
}

/// Everything that stopped is forgotten.
fn forget_tasks(lab: &Lab) {
    lab.aws.advance(SignedDuration::from_hours(2));
}
