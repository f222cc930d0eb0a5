//! Runs `jettison` as a person or a script would, and reads what it says.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// Well beyond what any call needs here; a program that hangs fails its test.
const LONGEST_RUN: Duration = Duration::from_secs(100);

/// A folder from which one registry is looked after.
pub(crate) struct Desk {
    folder: TempDir,
    host: String,
}

/// How a call ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Desk {
    /// A desk with this configuration, in which `{host}` stands for the registry.
    pub(crate) fn new(host: &str, config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let desk = Self {
            folder,
            host: host.to_owned(),
        };
        desk.write("jettison.yaml", config);
        desk
    }

    /// Logs in as `docker login` would.
    pub(crate) fn log_in(&self, user: &str, password: &str) {
        let auth = BASE64_STANDARD.encode(format!("{user}:{password}"));
        self.write(
            "docker/config.json",
            &json!({"auths": {&self.host: {"auth": auth}}}).to_string(),
        );
    }

    /// Writes a file of the folder; `{host}` stands for the registry.
    pub(crate) fn write(&self, name: &str, content: &str) {
        let file = self.path(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content.replace("{host}", &self.host)).unwrap();
    }

    /// A file of the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `jettison` to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ended {
        let output = self.start(arguments).wait_with_output();
        let output = tokio::time::timeout(LONGEST_RUN, output).await;
        let output = output
            .unwrap_or_else(|_| panic!("jettison {arguments:?} hangs"))
            .unwrap();
        Ended {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Starts `jettison` without a terminal; it is ended when the child is dropped.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        let arguments = arguments.iter().map(|argument| argument.replace("{host}", &self.host));
        Command::new(env!("CARGO_BIN_EXE_jettison"))
            .args(arguments)
            .args(["--state", "state"])
            .env_clear()
            .env("HOME", self.folder.path())
            .env("DOCKER_CONFIG", self.path("docker"))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    /// Makes a plan of everything that is configured, in the file `plan.json`.
    pub(crate) async fn plan(&self) -> Value {
        self.plan_with(0).await
    }

    /// The same, with another exit code.
    pub(crate) async fn plan_with(&self, code: i32) -> Value {
        let ended = self.run(&["plan", "--out", "plan.json", "--output", "json"]).await;
        ended.exits(code).json()
    }

    /// Applies the file `plan.json`.
    pub(crate) async fn apply(&self, more: &[&str]) -> Ended {
        let arguments = [&["apply", "plan.json", "--yes", "--output", "json"], more].concat();
        self.run(&arguments).await
    }

    /// The latest run as `jettison history RUN` shows it.
    pub(crate) async fn latest_run(&self) -> Value {
        let runs = self.run(&["history", "--output", "json"]).await.exits(0).json();
        let id = runs["runs"][0]["id"].as_str().unwrap();
        self.run(&["history", id, "--output", "json"]).await.exits(0).json()
    }

    /// Every byte that the program left in its folder of state.
    pub(crate) fn remembered_bytes(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.path("state")).unwrap();
        files
            .flat_map(|file| std::fs::read(file.unwrap().path()).unwrap())
            .collect()
    }

    /// The folder of state, for a look from within.
    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// The registry as it stands in image references.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The folder itself.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Ended {
    /// Fails the test, with all that was said, unless the exit code is this.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Fails the test unless this was said on either stream.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        let said = self.stdout.contains(text) || self.stderr.contains(text);
        assert!(
            said,
            "`{text}` is not in\nstdout: {}\nstderr: {}",
            self.stdout, self.stderr
        );
        self
    }

    /// The only JSON value on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {} {}", self.stdout, self.stderr))
    }
}
