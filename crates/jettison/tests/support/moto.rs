//! moto: AWS by other hands, for the wire format, errors and permissions. It is no judge of what ECR deletes: it has no pages,
//! no pull times, no archive, no addresses of layers, and guards no child of an index.
//!
//! Each value is a server of its own, empty at first, and ends with it.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::port::PortLease;
use super::program;

/// The account to which every key leads.
pub(crate) const ACCOUNT: &str = "123456789012";

/// It is up in one or two seconds; a busy machine may take its time.
const LONGEST_START: Duration = Duration::from_secs(40);

/// A running moto.
#[derive(Debug)]
pub(crate) struct Moto {
    home: TempDir,
    port: PortLease,
    server: Child,
}

impl Moto {
    /// Where `cargo xtask test` installs it.
    pub(crate) fn program() -> PathBuf {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
        target.join("tools/moto/bin/moto_server")
    }

    /// Starts one that lets everybody do everything.
    ///
    /// # Panics
    /// When it does not start: there is nothing to test on then.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one that checks keys, signatures and policies after so many calls.
    ///
    /// # Panics
    /// When it does not start.
    pub(crate) fn start_strict_after(calls: u32) -> Self {
        Self::start_with(&[("INITIAL_NO_AUTH_ACTION_COUNT", &calls.to_string())])
    }

    fn start_with(settings: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().expect("a directory for moto");
        let port = PortLease::take();
        let log = File::create(home.path().join("moto.log")).expect("moto's log");
        let mut command = Command::new(Self::program());
        command
            .args(["-H", "127.0.0.1", "-p", &port.number().to_string()])
            .env_clear()
            .env("HOME", home.path())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(settings.iter().copied())
            .current_dir(home.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("moto's log"))
            .stderr(log);
        let mut moto = Self {
            server: command.spawn().expect("moto_server starts"),
            home,
            port,
        };
        moto.wait_until_up();
        moto
    }

    /// `http://127.0.0.1:PORT`: the endpoint of every service.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port.number())
    }

    fn wait_until_up(&mut self) {
        let started = Instant::now();
        // It listens once it is ready to answer.
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port.number())).is_err() {
            let ended = self.server.try_wait().ok().flatten();
            let log = || fs::read_to_string(self.home.path().join("moto.log")).unwrap_or_default();
            assert!(ended.is_none(), "moto_server ended at once: {}", log());
            assert!(started.elapsed() < LONGEST_START, "moto does not answer: {}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        program::end(&mut self.server);
    }
}
