//! An AWS, and a folder from which the program asks it.

use std::process::{Command, Output, Stdio};

use jettison_testkit::aws::{Credentials, Ecs, Policy, TestAws};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const OTHER: &str = "444455556666";
pub(crate) const REGION: &str = "eu-central-1";

pub(crate) struct World {
    pub(crate) aws: TestAws,
    folder: TempDir,
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl World {
    /// With these sources.
    pub(crate) async fn new(usage: &str) -> Self {
        let aws = TestAws::start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let world = Self { aws, folder };
        world.write("jettison.yaml", usage);
        world
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Value {
        let text = std::fs::read(self.folder.path().join(name)).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    /// The clusters of the account that is asked.
    pub(crate) fn ecs(&self) -> Ecs {
        self.aws.ecs(ACCOUNT, REGION)
    }

    /// Somebody who may do so much, as the environment of the program.
    pub(crate) fn login(&self, account: &str, policy: Policy) -> Vec<(&'static str, String)> {
        let key = self.aws.user(account, "ci", policy);
        self.environment(&key)
    }

    pub(crate) fn environment(&self, key: &Credentials) -> Vec<(&'static str, String)> {
        self.aws.environment(key, REGION)
    }

    /// Calls the program with this environment alone.
    pub(crate) async fn call(&self, environment: &[(&'static str, String)], words: &str) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jettison"));
        command
            .args(words.split(' '))
            .args(["--state", "state"])
            .env_clear()
            .env("HOME", self.folder.path())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(environment.iter().map(|(name, value)| (*name, value)))
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        let ended = tokio::task::spawn_blocking(move || command.output());
        Ended::of(ended.await.unwrap().unwrap())
    }
}

impl Ended {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What the only source said, which has to have exited so.
    #[track_caller]
    pub(crate) fn source(&self, code: i32, position: usize) -> Value {
        assert_eq!(self.code, Some(code), "{self:#?}");
        let usage: Value = serde_json::from_str(&self.out).unwrap();
        usage["sources"][position].clone()
    }
}

/// Who uses an image that is written so.
pub(crate) fn users(source: &Value, image: &str) -> Vec<String> {
    let references = source["references"].as_array().unwrap().iter();
    let fitting = references.filter(|reference| reference["image"] == image);
    fitting
        .map(|reference| reference["used_by"].as_str().unwrap().to_owned())
        .collect()
}
