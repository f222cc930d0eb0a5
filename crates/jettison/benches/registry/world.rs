//! What is measured on: the registry with its images, and jettison with a state and a policy of its own.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use jettison::registry::Limits;
use jiff::Timestamp;
use tempfile::TempDir;

use crate::measure::{self, Cost};
use crate::plain::{self, Ask};
use crate::storage::{Image, Storage};
use crate::support::distribution::DistributionRegistry;

/// Tags of each of many repositories.
pub(crate) const HUNDRED: usize = 100;

/// A repository and its images.
pub(crate) type Repository = (String, Vec<Image>);

/// Everything that is running.
pub(crate) struct World {
    pub(crate) registry: DistributionRegistry,
    pub(crate) images: usize,
    pub(crate) rounds: usize,
    program: PathBuf,
    home: TempDir,
    started_at: Timestamp,
}

impl World {
    pub(crate) fn start(folder: &Path, program: &Path, [images, rounds]: [usize; 2]) -> io::Result<Self> {
        let home = tempfile::Builder::new().prefix("jettison-bench-").tempdir_in(folder)?;
        Ok(Self {
            registry: DistributionRegistry::start_measured(folder),
            images,
            rounds,
            program: program.canonicalize()?,
            home,
            started_at: Timestamp::now(),
        })
    }

    /// One repository that holds all images.
    pub(crate) fn one(&self) -> io::Result<Vec<Repository>> {
        self.write(&["big/one".to_owned()], self.images)
    }

    /// As many images in repositories of a hundred.
    pub(crate) fn many(&self, prefix: &str) -> io::Result<Vec<Repository>> {
        let count = self.images.div_ceil(HUNDRED);
        let names: Vec<String> = (0..count).map(|number| format!("{prefix}/r{number:03}")).collect();
        self.write(&names, self.images)
    }

    pub(crate) fn write(&self, names: &[String], images: usize) -> io::Result<Vec<Repository>> {
        let storage = Storage::new(&self.registry.storage());
        storage.write(names, images, self.started_at)
    }

    pub(crate) fn host(&self) -> String {
        self.registry.host()
    }

    fn address(&self) -> io::Result<SocketAddr> {
        self.host().parse().map_err(io::Error::other)
    }

    /// As many calls as jettison lets be in flight at most.
    pub(crate) fn connections(&self) -> usize {
        Limits::default().in_flight_ceiling
    }

    /// A command of jettison, with a state of the given name.
    pub(crate) fn jettison(&self, state: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        let folder = self.home.path();
        command
            .current_dir(folder)
            .env("HOME", folder)
            .env_remove("DOCKER_CONFIG");
        command.args(["--quiet", "--state", state]);
        command.args(arguments);
        command
    }

    /// Runs jettison to its end and says what that cost, in requests too.
    pub(crate) fn run(&self, state: &str, arguments: &[&str]) -> io::Result<(Cost, u64)> {
        let before = self.registry.requests_counted();
        let mut command = self.jettison(state, arguments);
        let ((code, memory), cost) = measure::measured(self.registry.process(), || measure::run(&mut command))?;
        if code != Some(0) {
            return Err(io::Error::other(format!("{command:?} ended with {code:?}")));
        }
        Ok((Cost { memory, ..cost }, self.registry.requests_counted() - before))
    }

    /// Sends requests by the plain client and says what that cost.
    pub(crate) fn send(
        &self,
        asks: &[Ask],
        in_flight: usize,
        expected: fn(&Ask, u16) -> bool,
    ) -> io::Result<(Cost, u64)> {
        let before = self.registry.requests_counted();
        let address = self.address()?;
        let work = || plain::send(address, asks, in_flight, expected);
        let ((), cost) = measure::measured(self.registry.process(), work)?;
        Ok((cost, self.registry.requests_counted() - before))
    }

    /// Forgets a state.
    pub(crate) fn forget(&self, state: &str) -> io::Result<()> {
        match fs::remove_dir_all(self.home.path().join(state)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Writes a file that commands of jettison find by its name.
    pub(crate) fn file(&self, name: &str, text: &str) -> io::Result<()> {
        fs::write(self.home.path().join(name), text)
    }
}
