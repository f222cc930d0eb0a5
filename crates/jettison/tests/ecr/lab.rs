//! A fake AWS with one registry, and the adapter on it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use aws_credential_types::Credentials as SdkCredentials;
use jettison::aws::{AwsConnection, AwsLimits};
use jettison::registry::{Connection, EcrConnection, ErrorKind, OwnRead, OwnReads, Registry, RegistryError, open};
use jettison_core::config::{AwsAccess, EcrPlace};
use jettison_core::model::{Digest, RegistryHost, RepositoryName, Tag};
use jettison_testkit::aws::{Credentials, Ecr, Policy, TestAws};
use jettison_testkit::images::Manifest;
use serde_json::Value;

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const REPOSITORY: &str = "apps/web";

/// An AWS with somebody who may do everything, and the adapter for the registry of one account.
pub(crate) struct Lab {
    pub(crate) aws: TestAws,
    pub(crate) user: Credentials,
    pub(crate) memory: Arc<Memory>,
    pub(crate) registry: Arc<dyn Registry>,
}

impl Lab {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// With something special about the connection.
    pub(crate) async fn with(change: impl FnOnce(&mut Connection)) -> Self {
        let aws = TestAws::start().await.unwrap();
        let user = aws.user(ACCOUNT, "cleaner", Policy::everything());
        let memory = Arc::new(Memory::default());
        let mut connection = connection(&aws, &user, &memory);
        change(&mut connection);
        let registry = open(&connection).unwrap();
        Self {
            aws,
            user,
            memory,
            registry,
        }
    }

    /// With one image under these tags.
    pub(crate) async fn with_image(tags: &[&str]) -> (Self, Digest) {
        let lab = Self::new().await;
        let image = image(1);
        lab.ecr().push(REPOSITORY, tags, &image);
        (lab, digest(&image))
    }

    /// The same registry from within.
    pub(crate) fn ecr(&self) -> Ecr {
        self.aws.ecr(ACCOUNT, REGION)
    }

    /// The registry as somebody else sees it.
    pub(crate) fn registry_of(&self, user: &Credentials) -> Arc<dyn Registry> {
        open(&connection(&self.aws, user, &self.memory)).unwrap()
    }

    /// How many calls of this action there were.
    pub(crate) fn count(&self, action: &str) -> usize {
        self.aws.count(action)
    }

    /// The parameters of all calls of this action.
    pub(crate) fn asked(&self, action: &str) -> Vec<Value> {
        let requests = self.aws.requests().into_iter();
        let asked = requests.filter(|request| request.action == action);
        asked.map(|request| request.input).collect()
    }
}

/// Times for tests: what is tried again is tried at once, and nobody else is slowed down.
pub(crate) fn quick() -> AwsLimits {
    AwsLimits {
        connect: Duration::from_secs(5),
        answer: Duration::from_secs(5),
        call: Duration::from_secs(10),
        turn: Duration::from_millis(300),
        tries: 3,
        first_pause: Duration::from_millis(5),
        adaptive: false,
    }
}

pub(crate) fn connection(aws: &TestAws, user: &Credentials, memory: &Arc<Memory>) -> Connection {
    let credentials = SdkCredentials::new(
        &user.access_key_id,
        &user.secret_access_key,
        user.session_token.clone(),
        None,
        "test",
    );
    let access = AwsAccess {
        endpoint: Some(aws.url()),
        ..AwsAccess::default()
    };
    let ecr = EcrConnection {
        place: EcrPlace {
            account: ACCOUNT.to_owned(),
            region: REGION.to_owned(),
        },
        aws: AwsConnection {
            access,
            credentials: Some(credentials),
            limits: quick(),
        },
        own_reads: Arc::clone(memory) as Arc<dyn OwnReads>,
    };
    Connection {
        ecr: Some(ecr),
        ..Connection::new(aws.ecr(ACCOUNT, REGION).host().parse().unwrap())
    }
}

/// Own reads, remembered for one test.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    reads: Mutex<BTreeMap<RepositoryName, Vec<OwnRead>>>,
    pub(crate) is_broken: Mutex<bool>,
}

impl Memory {
    /// All reads of the repository, in the order in which they were noted.
    pub(crate) fn reads(&self) -> Vec<OwnRead> {
        let reads = self.reads.lock().unwrap();
        reads.get(&repository()).cloned().unwrap_or_default()
    }

    fn check(&self) -> Result<(), String> {
        match *self.is_broken.lock().unwrap() {
            true => Err("the disk is full".to_owned()),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl OwnReads for Memory {
    async fn note(&self, (_, repository): (&RegistryHost, &RepositoryName), reads: &[OwnRead]) -> Result<(), String> {
        self.check()?;
        let mut all = self.reads.lock().unwrap();
        let noted = all.entry(repository.clone()).or_default();
        for read in reads {
            noted.retain(|old| (&old.digest, old.began_at) != (&read.digest, read.began_at));
            noted.push(read.clone());
        }
        Ok(())
    }

    async fn of(
        &self,
        (_, repository): (&RegistryHost, &RepositoryName),
    ) -> Result<BTreeMap<Digest, Vec<OwnRead>>, String> {
        self.check()?;
        let mut found: BTreeMap<Digest, Vec<OwnRead>> = BTreeMap::new();
        for read in self.reads.lock().unwrap().get(repository).into_iter().flatten() {
            found.entry(read.digest.clone()).or_default().push(read.clone());
        }
        Ok(found)
    }
}

pub(crate) fn repository() -> RepositoryName {
    REPOSITORY.parse().unwrap()
}

pub(crate) fn tag(name: &str) -> Tag {
    name.parse().unwrap()
}

pub(crate) fn digest(manifest: &Manifest) -> Digest {
    manifest.digest.parse().unwrap()
}

pub(crate) fn image(seed: u64) -> Manifest {
    jettison_testkit::images::Image::new(seed).layers(&[100]).build()
}

/// The kind of an error, and that it speaks to people.
pub(crate) fn kind<T>(result: Result<T, RegistryError>) -> ErrorKind {
    let error = result.err().expect("an error");
    assert!(!error.to_string().contains("docker login"), "{error}");
    error.kind
}
