//! A later Debian below `target/`, for what Debian 12 does not have: a dockerd that keeps images in containerd's store. The
//! suite is a released one, so that it does not change under the tests; nothing of the machine's own Debian is touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Failure, answer, run, say, shown};

/// Debian 13: Docker 26.1.
const SUITE: &str = "trixie";

/// What is installed besides the least that Debian consists of.
const PACKAGES: &str = "ca-certificates,containerd,docker-cli,docker.io,runc";

/// Unpacks it, unless it is there already; says whether it did.
pub(crate) fn install(root: &Path) -> Result<bool, Failure> {
    if is_there(root) {
        return Ok(false);
    }
    say(&format!(
        "unpacking Debian {SUITE} with its dockerd into target/tools, once; this takes about a minute and 540 MB"
    ));
    let unfinished = unfinished(root);
    // What an interrupted attempt left cannot be gone on with.
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).map_err(|source| Failure::Unwritable {
            path: unfinished.clone(),
            source,
        })?;
    }
    run(&mut step(root))?;
    let folder = folder(root);
    if folder.exists() {
        let removed = fs::remove_dir_all(&folder);
        removed.map_err(|source| Failure::Unwritable {
            path: folder.clone(),
            source,
        })?;
    }
    let moved = fs::rename(&unfinished, &folder);
    moved.map_err(|source| Failure::Unwritable { path: folder, source })?;
    Ok(true)
}

/// Says what [`install`] would run.
pub(crate) fn show(root: &Path) {
    if is_there(root) {
        say(&format!("nothing to install: Debian {SUITE} is there"));
    } else {
        say(&format!("would run: {}", shown(&step(root))));
    }
}

/// Where it is; the tests look for it there too.
fn folder(root: &Path) -> PathBuf {
    root.join("target/tools/later-debian")
}

fn unfinished(root: &Path) -> PathBuf {
    root.join("target/tools/later-debian.unfinished")
}

fn is_there(root: &Path) -> bool {
    answer(Command::new("chroot").arg(folder(root)).args(["dockerd", "--version"])).is_some()
}

fn step(root: &Path) -> Command {
    let mut step = Command::new("debootstrap");
    step.args(["--variant=minbase", &format!("--include={PACKAGES}"), SUITE]);
    step.arg(unfinished(root));
    step
}
