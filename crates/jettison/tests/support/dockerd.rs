//! Debian's `dockerd` (Docker 20.10) with containers of its own, and that of a later Debian (Docker 26.1), which keeps
//! images in containerd's store.
//!
//! It runs in a mount namespace with a `/run` of its own: whatever it mounts there is gone with it, and nothing of an
//! engine that the machine has is seen or touched. No bridge, no rules for packets: containers have the network of the
//! host, or none.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::port::PortLease;
use super::program::{self, run, wait_until_up};

/// How long it may take to end its containers and itself.
const LONGEST_END: Duration = Duration::from_secs(20);

/// A running engine.
#[derive(Debug)]
pub(crate) struct Dockerd {
    home: TempDir,
    server: Child,
    /// For its Swarm, or for TLS, if it has any.
    port: PortLease,
}

/// Begins a command in a mount namespace of its own, with an empty `/run`.
pub(super) fn apart(program: &str) -> Command {
    let script = "mount -t tmpfs none /run && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", script, "sh", program]);
    command
}

/// Begins a command in the later Debian that `cargo xtask test` unpacks, in the same way. It sees `home` under its own name.
fn apart_later(program: &str, home: &Path) -> Command {
    let script = r#"root=$1; home=$2; shift 2
        mount --bind "$root" "$root"
        mount -t tmpfs none "$root/tmp"; mkdir -p "$root$home"; mount --bind "$home" "$root$home"
        mount -t proc proc "$root/proc"; mount --rbind /sys "$root/sys"; mount --rbind /dev "$root/dev"
        mount -t tmpfs none "$root/run"; exec chroot "$root" "$@""#;
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-e", "-c", script, "sh"]);
    command.arg(Dockerd::later_debian()).arg(home).arg(program);
    command
}

/// Asks a server to end, and waits until it has.
pub(super) fn end_gently(server: &mut Child) {
    drop(run(Command::new("kill").arg(server.id().to_string())));
    let started = Instant::now();
    while started.elapsed() < LONGEST_END {
        if matches!(server.try_wait(), Ok(Some(_)) | Err(_)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    program::end(server);
}

impl Dockerd {
    /// Starts an engine without images, and waits until it answers.
    ///
    /// # Panics
    /// When it does not start: there is nothing to test on then.
    pub(crate) fn start() -> Self {
        Self::start_with(|_| Vec::new())
    }

    /// As [`Dockerd::start`], and it also listens by TLS with `ca.pem`, `server.pem` and `server.key` of a folder, for
    /// whoever shows a certificate of that authority.
    ///
    /// # Panics
    /// When it does not start.
    pub(crate) fn start_encrypted(certificates: &Path) -> Self {
        let option = |name: &str, file: &str| format!("--{name}={}", certificates.join(file).display());
        Self::start_with(|port| {
            vec![
                "--tlsverify".to_owned(),
                option("tlscacert", "ca.pem"),
                option("tlscert", "server.pem"),
                option("tlskey", "server.key"),
                format!("--host=tcp://127.0.0.1:{port}"),
            ]
        })
    }

    /// Starts the one of the later Debian: its images lie in containerd's store.
    ///
    /// # Panics
    /// When it does not start.
    pub(crate) fn start_later() -> Self {
        let home = tempfile::tempdir().expect("a directory for dockerd");
        let command = apart_later("dockerd", home.path());
        Self::begin(
            home,
            command,
            r#"{"features": {"containerd-snapshotter": true}}"#,
            |_| Vec::new(),
        )
    }

    /// Where `cargo xtask test` unpacks the later Debian.
    pub(crate) fn later_debian() -> PathBuf {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root.canonicalize().expect("the workspace");
        root.join("target/tools/later-debian")
    }

    /// As [`Dockerd::start`], with its images in this folder.
    ///
    /// # Panics
    /// When it does not start.
    pub(crate) fn start_in(data: &Path) -> Self {
        let home = tempfile::tempdir().expect("a directory for dockerd");
        fs::create_dir_all(data).expect("its folder");
        std::os::unix::fs::symlink(data, home.path().join("data")).expect("a link to it");
        Self::begin(home, apart("dockerd"), "{}", |_| Vec::new())
    }

    fn start_with(options: impl FnOnce(u16) -> Vec<String>) -> Self {
        let home = tempfile::tempdir().expect("a directory for dockerd");
        Self::begin(home, apart("dockerd"), "{}", options)
    }

    fn begin(home: TempDir, command: Command, settings: &str, options: impl FnOnce(u16) -> Vec<String>) -> Self {
        let port = PortLease::take();
        fs::write(home.path().join("daemon.json"), settings).expect("its configuration");
        let server = Self::spawn(home.path(), command, options(port.number()));
        let mut engine = Self { home, server, port };
        engine.wait_until_up();
        engine
    }

    fn spawn(home: &Path, mut command: Command, options: Vec<String>) -> Child {
        let at = |name: &str| home.join(name).display().to_string();
        let log = File::create(at("log")).expect("its log");
        command
            .args(["--config-file", &at("daemon.json"), "--data-root", &at("data")])
            .args(["--exec-root", &at("exec"), "--pidfile", &at("pid"), "-H"])
            .arg(format!("unix://{}", at("docker.sock")))
            .args([
                "--bridge=none",
                "--iptables=false",
                "--ip6tables=false",
                "--ip-forward=false",
            ])
            .args(options)
            .env_remove("DOCKER_HOST")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("dockerd starts")
    }

    /// Where it listens by TLS.
    pub(crate) fn encrypted_host(&self) -> String {
        format!("tcp://127.0.0.1:{}", self.port.number())
    }

    /// Its socket, as addresses name it.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.at("docker.sock").display())
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.at("docker.sock")
    }

    /// What `docker` prints when it is called so.
    ///
    /// # Panics
    /// When it fails.
    pub(crate) fn docker(&self, line: &str) -> String {
        self.docker_words(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// The same, with words that may hold spaces.
    ///
    /// # Panics
    /// When it fails.
    pub(crate) fn docker_words(&self, words: &[&str]) -> String {
        let printed = run(self.client().args(words));
        printed.expect("docker").trim().to_owned()
    }

    /// Begins to call `docker` so, and does not wait for its end.
    ///
    /// # Panics
    /// When it does not start.
    pub(crate) fn begin_docker(&self, words: &[&str]) -> Child {
        let mut command = self.client();
        command
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().expect("docker")
    }

    /// Builds the `Dockerfile` of a folder by BuildKit, with Debian's client: newer ones need a plugin for that.
    ///
    /// # Panics
    /// When it fails.
    pub(crate) fn build_with_buildkit(&self, folder: &Path, name: &str) {
        let mut build = self.client_of("/usr/bin/docker");
        let folder = folder.display().to_string();
        let build = build.args(["build", "--quiet", "--tag", name, &folder]);
        run(build.env("DOCKER_BUILDKIT", "1")).expect("docker build");
    }

    /// Ends the engine gently and starts it again on what it has.
    ///
    /// # Panics
    /// When it does not start.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.server = Self::spawn(self.home.path(), apart("dockerd"), Vec::new());
        self.wait_until_up();
    }

    /// Ends the engine, which leaves what it has.
    pub(crate) fn stop(&mut self) {
        end_gently(&mut self.server);
    }

    /// Runs a container for as long as the engine runs.
    pub(crate) fn run_for_long(&self, name: &str, image: &str) {
        self.docker(&format!(
            "run --detach --network host --name {name} {image} /bin/busybox sleep 600"
        ));
    }

    /// Makes it the manager of a Swarm.
    pub(crate) fn begin_swarm(&self) {
        let address = format!("127.0.0.1:{}", self.port.number());
        self.docker(&format!(
            "swarm init --advertise-addr {address} --listen-addr {address}"
        ));
    }

    /// The process ids of what its containers run.
    pub(crate) fn processes(&self) -> Vec<String> {
        let ids = self.docker("ps --quiet");
        let ids = ids.split_whitespace();
        ids.map(|id| self.docker(&format!("inspect --format {{{{.State.Pid}}}} {id}")))
            .collect()
    }

    /// The server's process id.
    pub(crate) fn process(&self) -> u32 {
        self.server.id()
    }

    fn at(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn client(&self) -> Command {
        self.client_of("docker")
    }

    fn client_of(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.args([
            "--config",
            &self.home.path().display().to_string(),
            "--host",
            &self.host(),
        ]);
        command
            .env_remove("DOCKER_HOST")
            .env_remove("DOCKER_CONTEXT")
            .env_remove("DOCKER_TLS_VERIFY");
        // A newer client than the engine agrees on its version by itself, unless it is told one.
        command.env_remove("DOCKER_API_VERSION");
        command
    }

    fn wait_until_up(&mut self) {
        let mut ask = self.client();
        wait_until_up(&mut self.server, ask.arg("version"), &self.home.path().join("log"));
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        // Services would start what is removed; then nothing that runs may outlive the engine.
        drop(run(self.client().args(["swarm", "leave", "--force"])));
        let ids = run(self.client().args(["ps", "--all", "--quiet"])).unwrap_or_default();
        if !ids.trim().is_empty() {
            drop(run(self.client().args(["rm", "--force"]).args(ids.split_whitespace())));
        }
        end_gently(&mut self.server);
    }
}
