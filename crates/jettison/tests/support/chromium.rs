//! Chromium without a window: what a page looks like, and what its scripts made of it.
//!
//! It reaches no host: names resolve to nothing, and its proxy is a port that nobody listens at.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::program::{self, ProgramFailure};

/// What Debian calls it.
pub(crate) const PROGRAM: &str = "chromium-headless-shell";

/// A page is there within a second or two, also on a busy machine.
const LONGEST_LOOK: Duration = Duration::from_secs(50);

/// A browser with a profile of its own.
pub(crate) struct Browser {
    home: tempfile::TempDir,
}

/// A page that was looked at.
pub(crate) struct Look {
    /// The document after its scripts ran.
    pub(crate) document: String,
    /// The picture, PNG.
    pub(crate) picture: PathBuf,
}

impl Browser {
    pub(crate) fn new() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
        }
    }

    /// Writes a page where the browser can read it.
    pub(crate) fn page(&self, html: &str) -> PathBuf {
        let file = self.home.path().join("page.html");
        std::fs::write(&file, html).unwrap();
        file
    }

    /// Opens a file in a window of this size, with `hash` behind the `#` of its address.
    pub(crate) fn look(&self, file: &Path, hash: &str, (width, height): (u32, u32)) -> Result<Look, ProgramFailure> {
        let picture = self.home.path().join("picture.png");
        let mut command = Command::new(PROGRAM);
        command
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--dump-dom",
            ])
            .args(["--proxy-server=127.0.0.1:9", "--host-resolver-rules=MAP * ~NOTFOUND"])
            .args(["--disable-background-networking", "--virtual-time-budget=2000"])
            .arg(format!(
                "--user-data-dir={}",
                self.home.path().join("profile").display()
            ))
            .arg(format!("--window-size={width},{height}"))
            .arg(format!("--screenshot={}", picture.display()))
            .arg(format!("file://{}#{hash}", file.display()));
        let document = program::run_within(&mut command, LONGEST_LOOK)?;
        Ok(Look { document, picture })
    }
}
