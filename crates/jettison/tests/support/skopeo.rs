//! skopeo: what a user would look with, and the proof that an image still pulls whole.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::clients::Clients;
use super::program::{ProgramFailure, run};

/// Where images live, as skopeo writes it. Registries here speak plain HTTP.
const DOCKER: &str = "docker://";

impl Clients {
    /// The tags of a repository such as `127.0.0.1:20000/apps/web`, sorted.
    pub(crate) fn list_tags(&self, repository: &str) -> Result<Vec<String>, ProgramFailure> {
        let mut command = self.command("skopeo");
        command.args(["list-tags", "--tls-verify=false", &format!("{DOCKER}{repository}")]);
        let answer = run_json(&mut command)?;
        // `null` once the last tag is gone.
        let tags = answer["Tags"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut tags: Vec<String> = tags.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        tags.sort();
        Ok(tags)
    }

    /// The digest that a reference names now.
    pub(crate) fn digest_of(&self, image: &str) -> Result<String, ProgramFailure> {
        let mut command = self.command("skopeo");
        command.args(["inspect", "--no-tags", "--format={{.Digest}}", "--tls-verify=false"]);
        Ok(run(command.arg(format!("{DOCKER}{image}")))?.trim().to_owned())
    }

    /// The manifest or index of a reference, as it is stored.
    pub(crate) fn manifest_of(&self, image: &str) -> Result<Value, ProgramFailure> {
        let mut command = self.command("skopeo");
        run_json(command.args(["inspect", "--raw", "--tls-verify=false", &format!("{DOCKER}{image}")]))
    }

    /// Copies an image with all its platforms, bytes unchanged, from one reference to another.
    pub(crate) fn copy(&self, from: &str, to: &str) -> Result<(), ProgramFailure> {
        self.copy_all(&format!("{DOCKER}{from}"), &format!("{DOCKER}{to}"))
    }

    /// Deletes by the digest that the reference names: on Distribution every other tag of it goes too.
    pub(crate) fn delete(&self, image: &str) -> Result<(), ProgramFailure> {
        let mut command = self.command("skopeo");
        run(command.args(["delete", "--tls-verify=false", &format!("{DOCKER}{image}")])).map(drop)
    }

    /// Pulls an image with all its platforms and every blob into an OCI layout that is thrown away: it succeeds only
    /// when nothing of the image is missing and all of it has the digest it should have.
    pub(crate) fn pull_whole(&self, image: &str) -> Result<(), ProgramFailure> {
        let layout = self.fresh_name("pulled");
        let pulled = self.copy_all(
            &format!("{DOCKER}{image}"),
            &format!("oci:{}:whole", self.at(&layout).display()),
        );
        // What a failed pull leaves goes with the home at the latest.
        drop(fs::remove_dir_all(self.at(&layout)));
        pulled
    }

    pub(super) fn copy_all(&self, from: &str, to: &str) -> Result<(), ProgramFailure> {
        let mut command = self.command("skopeo");
        command.args(["copy", "--quiet", "--all", "--preserve-digests"]);
        command.args(["--src-tls-verify=false", "--dest-tls-verify=false", from, to]);
        run(&mut command).map(drop)
    }
}

fn run_json(command: &mut Command) -> Result<Value, ProgramFailure> {
    let answer = run(command)?;
    serde_json::from_str(&answer).map_err(|_| ProgramFailure::Unreadable {
        command: format!("{command:?}"),
        answer: answer.clone(),
    })
}
