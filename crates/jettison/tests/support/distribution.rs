//! Debian's `docker-registry`: Distribution 2.8, which removes no single tag, tells no push time, has no referrers
//! API and does not page its tags.
//!
//! Each value is a server of its own with its own storage; both go when it is dropped.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::port::PortLease;
use super::program;

/// It is up in under a second; a busy machine may take its time.
const LONGEST_START: Duration = Duration::from_secs(20);

/// How the server is set up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DistributionOptions {
    /// Whether the server accepts DELETE (`storage.delete.enabled`).
    pub(crate) delete: bool,
    /// Whether it remembers in memory which blobs it has, as Debian sets it up: a server that keeps running then goes
    /// on to answer for blobs that were collected.
    pub(crate) cache: bool,
}

impl Default for DistributionOptions {
    fn default() -> Self {
        Self {
            delete: true,
            cache: false,
        }
    }
}

/// A running registry.
#[derive(Debug)]
pub(crate) struct DistributionRegistry {
    home: TempDir,
    port: PortLease,
    server: Option<Child>,
    /// Where it counts its requests, if it does.
    metrics: Option<PortLease>,
}

impl DistributionRegistry {
    /// Starts an empty registry and waits until it answers.
    ///
    /// # Panics
    /// When it does not start: there is nothing to test on then.
    pub(crate) fn start(options: DistributionOptions) -> Self {
        let mut registry = Self {
            home: tempfile::tempdir().expect("a directory for the registry"),
            port: PortLease::take(),
            server: None,
            metrics: None,
        };
        registry.configure(options, true);
        registry.restart();
        registry
    }

    /// As [`DistributionRegistry::start`], to be measured: its storage below `folder`, without an access log, and
    /// counting its requests.
    ///
    /// # Panics
    /// When it does not start.
    pub(crate) fn start_measured(folder: &Path) -> Self {
        let home = tempfile::Builder::new().prefix("jettison-bench-").tempdir_in(folder);
        let mut registry = Self {
            home: home.expect("a directory for the registry"),
            port: PortLease::take(),
            server: None,
            metrics: Some(PortLease::take()),
        };
        registry.configure(DistributionOptions::default(), false);
        registry.restart();
        registry
    }

    /// Starts it anew, with or without an access log.
    ///
    /// # Panics
    /// When it does not answer.
    pub(crate) fn log_requests(&mut self, logged: bool) {
        self.stop();
        drop(fs::remove_file(self.access_log()));
        self.configure(DistributionOptions::default(), logged);
        self.restart();
    }

    /// The directory of its storage driver.
    pub(crate) fn storage(&self) -> PathBuf {
        self.home.path().join("storage")
    }

    /// How many requests it has answered since it was started, by its own count.
    ///
    /// # Panics
    /// When it was not started to be measured, or does not tell.
    pub(crate) fn requests_counted(&self) -> u64 {
        let port = self.metrics.as_ref().expect("a registry that counts").number();
        let text = ask(port, "/metrics").expect("the registry's metrics");
        let counts = text.lines().filter_map(|line| {
            let (_, count) = line.strip_prefix("registry_http_requests_total{")?.rsplit_once(' ')?;
            count.trim().parse::<f64>().ok()
        });
        counts.sum::<f64>() as u64
    }

    /// The host as it stands in image references, `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port.number())).to_string()
    }

    /// The reference of an image here, such as `apps/web:main`.
    pub(crate) fn image(&self, rest: &str) -> String {
        format!("{}/{rest}", self.host())
    }

    /// The server's process id, while it runs.
    pub(crate) fn process(&self) -> Option<u32> {
        self.server.as_ref().map(Child::id)
    }

    /// Ends the server; what it stored stays.
    pub(crate) fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            program::end(&mut server);
        }
    }

    /// Starts the server again, at the same place and on the same storage.
    ///
    /// # Panics
    /// When it does not answer.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.server = Some(self.spawn());
        self.wait_until_up();
    }

    /// Runs the registry's own garbage collection the way its operator has to: with the server down. Returns what
    /// it printed.
    ///
    /// # Panics
    /// When the collection fails.
    pub(crate) fn garbage_collect(&mut self, delete_untagged: bool) -> String {
        self.stop();
        let printed = self.garbage_collect_behind_its_back(delete_untagged);
        self.restart();
        printed
    }

    /// The same while the server runs, as nobody should.
    ///
    /// # Panics
    /// When the collection fails.
    pub(crate) fn garbage_collect_behind_its_back(&self, delete_untagged: bool) -> String {
        let mut command = self.command("garbage-collect");
        if delete_untagged {
            command.arg("--delete-untagged");
        }
        program::run(command.arg(self.configuration())).expect("garbage collection")
    }

    /// The bytes of all blobs in storage, manifests and configs included: what a garbage collection makes smaller.
    pub(crate) fn stored_bytes(&self) -> u64 {
        bytes_below(&self.home.path().join("storage/docker/registry/v2/blobs"))
    }

    /// What the registry was asked since its first start, in that order: `GET /v2/apps/web/tags/list`.
    pub(crate) fn requests(&self) -> Vec<String> {
        let log = fs::read_to_string(self.access_log()).expect("the registry's access log");
        // Apache's combined form: the request is the first text in quotes.
        let request = |line: &str| {
            let mut words = line.split('"').nth(1)?.split(' ');
            Some(format!("{} {}", words.next()?, words.next()?))
        };
        log.lines().filter_map(request).collect()
    }

    fn configure(&self, options: DistributionOptions, access_log: bool) {
        fs::write(self.configuration(), self.settings(options, access_log)).expect("the registry's configuration");
    }

    fn settings(&self, options: DistributionOptions, access_log: bool) -> String {
        let mut text = String::from("version: 0.1\n");
        let level = if self.metrics.is_some() { "error" } else { "info" };
        writeln!(
            text,
            "log: {{level: {level}, accesslog: {{disabled: {}}}}}\nstorage:",
            !access_log
        )
        .expect("text grows");
        let storage = self.storage();
        if options.cache {
            text.push_str("  cache: {blobdescriptor: inmemory}\n");
        }
        writeln!(text, "  filesystem: {{rootdirectory: {}}}", storage.display()).expect("text grows");
        writeln!(text, "  delete: {{enabled: {}}}", options.delete).expect("text grows");
        text.push_str("  maintenance: {uploadpurging: {enabled: false}}\n");
        let metrics = self.metrics.as_ref().map_or_else(String::new, |port| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.number()));
            format!(", debug: {{addr: \"{address}\", prometheus: {{enabled: true, path: /metrics}}}}")
        });
        writeln!(text, "http: {{addr: \"{}\"{metrics}}}", self.host()).expect("text grows");
        text
    }

    fn configuration(&self) -> PathBuf {
        self.home.path().join("registry.yaml")
    }

    fn log(&self) -> PathBuf {
        self.home.path().join("registry.log")
    }

    fn access_log(&self) -> PathBuf {
        self.home.path().join("access.log")
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new("docker-registry");
        // Its S3 driver panics at start when this variable is set, used or not.
        command.arg(verb).env_remove("AWS_CA_BUNDLE");
        command
    }

    fn spawn(&self) -> Child {
        let log = File::create(self.log()).expect("the registry's log");
        let access = File::options().create(true).append(true).open(self.access_log());
        self.command("serve")
            .arg(self.configuration())
            .stdin(Stdio::null())
            .stdout(access.expect("the registry's access log"))
            .stderr(log)
            .spawn()
            .expect("docker-registry starts")
    }

    fn wait_until_up(&mut self) {
        let started = Instant::now();
        while !self.answers() {
            let ended = self.server.as_mut().and_then(|server| server.try_wait().ok().flatten());
            let log = || fs::read_to_string(self.log()).unwrap_or_default();
            assert!(ended.is_none(), "docker-registry ended at once: {}", log());
            assert!(
                started.elapsed() < LONGEST_START,
                "docker-registry does not answer: {}",
                log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether `GET /v2/` is answered with 200.
    fn answers(&self) -> bool {
        ask(self.port.number(), "/v2/").is_ok_and(|answer| answer.starts_with("HTTP/1.0 200"))
    }
}

/// The whole answer to a GET. Asked by hand, so that waiting needs no runtime; in HTTP 1.0, so that it comes in one piece.
fn ask(port: u16, path: &str) -> std::io::Result<String> {
    let limit = Duration::from_secs(2);
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&server, limit)?;
    stream.set_read_timeout(Some(limit))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {server}\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

impl Drop for DistributionRegistry {
    fn drop(&mut self) {
        self.stop();
    }
}

fn bytes_below(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}
