//! Asks a `docker-credential-NAME` program (the protocol of docker-credential-helpers): without a
//! shell, for a limited time, reading a limited answer.

use std::env;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use super::{CredentialError, Credentials};
use crate::registry::error::excerpt;

/// The longest answer; a helper's is a few hundred bytes, with a token some thousands.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

/// One helper, by the name in the login file.
pub(super) struct Helper<'a> {
    pub(super) name: &'a str,
    pub(super) path: Option<&'a Path>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

impl Helper<'_> {
    /// The credentials for `server`; anonymous where the helper says that it has none.
    pub(super) async fn get(&self, server: &str, timeout: Duration) -> Result<Credentials, CredentialError> {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        if self.name.is_empty() || !self.name.bytes().all(legal) {
            return Err(self.problem("has a name that no helper has: expected lower-case letters, digits and - _ ."));
        }
        // Dropping the future kills the helper.
        let run = tokio::time::timeout(timeout, self.run(server));
        let late = |_| self.problem(format!("did not answer within {} s", timeout.as_secs_f64()));
        let (status, answer) = run.await.map_err(late)??;
        self.read(status, &answer)
    }

    async fn run(&self, server: &str) -> Result<(ExitStatus, Vec<u8>), CredentialError> {
        let mut child = self
            .start()
            .map_err(|error| self.problem(format!("cannot be started: {error}")))?;
        let failed = |error| self.problem(format!("cannot be spoken to: {error}"));
        if let Some(mut input) = child.stdin.take() {
            // A helper that ends without reading has said what it has to say.
            let _ = input.write_all(server.as_bytes()).await;
        }
        let mut answer = Vec::new();
        if let Some(output) = child.stdout.take() {
            read_bounded(output, &mut answer).await.map_err(failed)?;
        }
        if answer.len() as u64 > MAX_ANSWER_BYTES {
            return Err(self.problem(format!("answered more than {MAX_ANSWER_BYTES} bytes")));
        }
        Ok((child.wait().await.map_err(failed)?, answer))
    }

    fn start(&self) -> std::io::Result<Child> {
        let mut command = Command::new(format!("docker-credential-{}", self.name));
        command
            .arg("get")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        if let Some(path) = self.path {
            let usual = env::var_os("PATH").unwrap_or_default();
            let all = std::iter::once(path.to_owned()).chain(env::split_paths(&usual));
            command.env("PATH", env::join_paths(all).map_err(std::io::Error::other)?);
        }
        command.spawn()
    }

    fn read(&self, status: ExitStatus, answer: &[u8]) -> Result<Credentials, CredentialError> {
        if !status.success() {
            let said = String::from_utf8_lossy(answer);
            if said.to_ascii_lowercase().contains("credentials not found") {
                return Ok(Credentials::Anonymous);
            }
            return Err(self.problem(format!("failed ({status}): {}", excerpt(&said))));
        }
        // What it printed may be a password: not repeated.
        let answer: Answer = serde_json::from_slice(answer)
            .map_err(|_| self.problem("answered something other than JSON with Username and Secret"))?;
        Ok(Credentials::stored(answer.username, answer.secret))
    }

    fn problem(&self, problem: impl Into<String>) -> CredentialError {
        CredentialError::Helper {
            name: excerpt(self.name),
            problem: problem.into(),
        }
    }
}

async fn read_bounded(output: impl AsyncRead + Unpin, into: &mut Vec<u8>) -> std::io::Result<usize> {
    output.take(MAX_ANSWER_BYTES + 1).read_to_end(into).await
}
