//! An account of moto with what the tests need, made by the official clients; and jettison's own way into it.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_ecr::types::ImageTagMutability;
use jettison::aws::{AwsConnection, AwsLimits};
use jettison::registry::{Connection, EcrConnection, FetchedManifest, Registry, open};
use jettison::store::Store;
use jettison_core::config::{AwsAccess, EcrPlace};
use jettison_core::model::Digest;
use jettison_testkit::images::Manifest;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::moto::{ACCOUNT, Moto};
use crate::support::program;

pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const HOST: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";

/// A key that moto takes while it checks none.
const ANY_KEY: (&str, &str) = ("AKIAIOSFODNN7EXAMPLE", "any-secret");

/// An account of a moto of its own.
pub(crate) struct Account {
    pub(crate) moto: Moto,
    folder: TempDir,
}

impl Account {
    pub(crate) fn new(moto: Moto) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { moto, folder }
    }

    /// The way in with some key.
    pub(crate) fn way_in(&self) -> AwsConnection {
        self.way_in_with(ANY_KEY)
    }

    /// The way in with this key.
    pub(crate) fn way_in_with(&self, (id, secret): (&str, &str)) -> AwsConnection {
        let mut connection = AwsConnection::new(AwsAccess {
            endpoint: Some(self.moto.url()),
            ..AwsAccess::default()
        });
        connection.credentials = Some(Credentials::new(id, secret, None, None, "test"));
        connection.limits = AwsLimits {
            tries: 2,
            first_pause: Duration::from_millis(1),
            adaptive: false,
            ..AwsLimits::default()
        };
        connection
    }

    /// The registry, as jettison opens it.
    pub(crate) async fn registry(&self, aws: AwsConnection) -> Arc<dyn Registry> {
        let place = EcrPlace {
            account: ACCOUNT.to_owned(),
            region: REGION.to_owned(),
        };
        let store = Store::open(self.folder.path().join("state")).await.unwrap();
        let mut connection = Connection::new(HOST.parse().unwrap());
        connection.ecr = Some(EcrConnection {
            place,
            aws,
            own_reads: Arc::new(store),
        });
        open(&connection).unwrap()
    }

    /// Runs the program with some key, and nothing of whoever runs the tests.
    pub(crate) fn run(&self, config: &str, words: &[&str]) -> Value {
        let folder = self.folder.path();
        std::fs::write(folder.join("jettison.yaml"), config).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_jettison"));
        command
            .args(words)
            .args(["--output", "json"])
            .current_dir(folder)
            .env_clear();
        command.env("HOME", folder).env("AWS_ENDPOINT_URL", self.moto.url());
        command
            .env("AWS_ACCESS_KEY_ID", ANY_KEY.0)
            .env("AWS_SECRET_ACCESS_KEY", ANY_KEY.1);
        let printed = program::run(&mut command).unwrap();
        serde_json::from_str(&printed).unwrap()
    }

    pub(crate) async fn ecr(&self) -> aws_sdk_ecr::Client {
        aws_sdk_ecr::Client::new(&self.way_in().open(REGION).await)
    }

    /// Makes a repository.
    pub(crate) async fn create(&self, repository: &str, mutability: ImageTagMutability) {
        let create = self.ecr().await.create_repository().repository_name(repository);
        create.image_tag_mutability(mutability).send().await.unwrap();
    }

    /// Puts a manifest under a tag. Moto makes digests up unless it is told the real one.
    pub(crate) async fn put(&self, repository: &str, tag: Option<&str>, manifest: &Manifest) -> Digest {
        let put = self.ecr().await.put_image().repository_name(repository);
        let put = put.image_manifest(std::str::from_utf8(&manifest.bytes).unwrap());
        let put = put.image_manifest_media_type(&manifest.media_type);
        let put = put.set_image_tag(tag.map(str::to_owned)).image_digest(&manifest.digest);
        put.send().await.unwrap();
        manifest.digest.parse().unwrap()
    }
}

/// A manifest as jettison reads it.
pub(crate) fn fetched(manifest: &Manifest) -> FetchedManifest {
    FetchedManifest {
        digest: manifest.digest.parse().unwrap(),
        media_type: manifest.media_type.clone(),
        bytes: manifest.bytes.clone(),
    }
}
