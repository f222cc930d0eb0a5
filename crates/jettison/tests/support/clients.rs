//! What the client programs share: a home of their own, so that they see neither the credentials nor the images of
//! the person who runs the tests, and leave nothing there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use super::program::{ProgramFailure, run};

/// The clients, with one temporary home between them.
#[derive(Debug)]
pub(crate) struct Clients {
    home: TempDir,
    used_names: AtomicUsize,
}

impl Clients {
    /// Clients with an empty home.
    ///
    /// # Panics
    /// When no temporary directory can be made.
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().expect("a home for the clients");
        fs::write(home.path().join("auth.json"), "{}").expect("an empty credential file");
        let network = format!(
            "[network]\nnetwork_config_dir = \"{}\"\n",
            home.path().join("network").display()
        );
        fs::write(home.path().join("containers.conf"), network).expect("the clients' configuration");
        Self {
            home,
            used_names: AtomicUsize::new(0),
        }
    }

    /// Where everything of theirs is; gone with this value.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The file or directory `name` in the home.
    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// A name nobody has used here yet, beginning with `prefix`.
    pub(super) fn fresh_name(&self, prefix: &str) -> String {
        format!("{prefix}-{}", self.used_names.fetch_add(1, Ordering::Relaxed))
    }

    /// A command that lives in the home.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("HOME", self.home.path())
            .env("XDG_RUNTIME_DIR", self.home.path())
            .env("XDG_DATA_HOME", self.at("data"))
            .env("XDG_CONFIG_HOME", self.at("settings"))
            .env("REGISTRY_AUTH_FILE", self.at("auth.json"))
            .env("CONTAINERS_CONF", self.at("containers.conf"))
            .env("TMPDIR", self.home.path())
            .current_dir(self.home.path());
        command
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        // The root directories of buildah's layers are read-only, and only root may empty such a directory.
        drop(run(Command::new("chmod").args(["-R", "u+rwX"]).arg(self.home.path())));
    }
}

/// The one line of a file that a program wrote as its answer.
pub(super) fn line_of(path: &Path) -> Result<String, ProgramFailure> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.trim();
    if line.is_empty() {
        return Err(ProgramFailure::Unreadable {
            command: path.display().to_string(),
            answer: text,
        });
    }
    Ok(line.to_owned())
}
