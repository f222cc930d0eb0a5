//! Debian's `podman` (Podman 4.3) as a service, with containers of its own.
//!
//! As with [`super::dockerd`], a mount namespace with a `/run` of its own hides it from the machine. It is spoken to by
//! its own client over its socket.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::dockerd::{apart, end_gently};
use super::program::{run, wait_until_up};

/// A running service.
#[derive(Debug)]
pub(crate) struct Podman {
    home: TempDir,
    server: Child,
}

impl Podman {
    /// Starts a service without images, and waits until it answers.
    ///
    /// # Panics
    /// When it does not start: there is nothing to test on then.
    pub(crate) fn start() -> Self {
        let home = tempfile::tempdir().expect("a directory for podman");
        let at = |name: &str| home.path().join(name).display().to_string();
        // Locks in files: the usual ones lie in memory that all of Podman on the machine shares.
        let settings = format!(
            "[engine]\nlock_type = \"file\"\n[network]\nnetwork_config_dir = \"{}\"\n",
            at("network")
        );
        fs::write(at("containers.conf"), settings).expect("its configuration");
        let log = File::create(at("log")).expect("its log");
        let server = apart("podman")
            .args([
                "--root",
                &at("images"),
                "--runroot",
                &at("running"),
                "--tmpdir",
                &at("tmp"),
            ])
            .args([
                "--storage-driver",
                "vfs",
                "--runtime",
                "runc",
                "--cgroup-manager",
                "cgroupfs",
            ])
            .args(["--events-backend", "file", "system", "service", "--time", "0"])
            .arg(format!("unix://{}", at("podman.sock")))
            .env("CONTAINERS_CONF", at("containers.conf"))
            .env("TMPDIR", home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("podman starts");
        let mut engine = Self { home, server };
        engine.wait_until_up();
        engine
    }

    /// Its socket, as addresses name it.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.at("podman.sock").display())
    }

    /// What its client prints when it is called so.
    ///
    /// # Panics
    /// When it fails.
    pub(crate) fn podman(&self, line: &str) -> String {
        let printed = run(self.client().args(line.split_whitespace()));
        printed.expect("podman").trim().to_owned()
    }

    /// Makes a container with few rights; `verb` is `create` or `run`, and more.
    pub(crate) fn container(&self, verb: &str, name: &str, rest: &str) -> String {
        let limits = "--ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --network host";
        self.podman(&format!("{verb} {limits} --name {name} {rest}"))
    }

    /// The server's process id.
    pub(crate) fn process(&self) -> u32 {
        self.server.id()
    }

    fn at(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn client(&self) -> Command {
        let mut command = Command::new("podman");
        command
            .args(["--remote", "--url", &self.host()])
            .env("CONTAINERS_CONF", self.at("containers.conf"))
            .env("HOME", self.home.path())
            .env_remove("CONTAINER_HOST");
        command
    }

    fn wait_until_up(&mut self) {
        let mut ask = self.client();
        wait_until_up(&mut self.server, ask.arg("version"), &self.home.path().join("log"));
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        drop(run(self.client().args(["rm", "--all", "--force", "--time", "0"])));
        end_gently(&mut self.server);
    }
}
