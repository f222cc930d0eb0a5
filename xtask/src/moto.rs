//! moto, a second AWS by other hands: from PyPI in exact versions, in an environment of its own below `target/`. No other
//! Python on the machine is changed, and nothing is said of where packages come from: that is for whoever set up pip.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Failure, answer, run, say, shown};

/// Every package in its version.
const WANTED: &str = "xtask/moto.txt";

/// Installs it, unless it is there already; says whether it did.
pub(crate) fn install(root: &Path) -> Result<bool, Failure> {
    if is_there(root)? {
        return Ok(false);
    }
    say(&format!(
        "moto is not installed as {WANTED} says; this takes about a minute"
    ));
    for mut step in steps(root) {
        run(&mut step)?;
    }
    // Only what was installed to its end counts the next time.
    let receipt = receipt(root);
    fs::write(&receipt, wanted(root)?).map_err(|source| Failure::Unwritable { path: receipt, source })?;
    Ok(true)
}

/// Says what [`install`] would run.
pub(crate) fn show(root: &Path) -> Result<(), Failure> {
    if is_there(root)? {
        say("nothing to install: moto is there");
        return Ok(());
    }
    for step in steps(root) {
        say(&format!("would run: {}", shown(&step)));
    }
    Ok(())
}

/// Where it is; the tests look for it there too.
fn folder(root: &Path) -> PathBuf {
    root.join("target/tools/moto")
}

fn receipt(root: &Path) -> PathBuf {
    folder(root).join("installed.txt")
}

fn wanted(root: &Path) -> Result<String, Failure> {
    let path = root.join(WANTED);
    fs::read_to_string(&path).map_err(|source| Failure::Unreadable { path, source })
}

/// Whether what is wanted was installed to its end, and the Python it was installed for is still there.
fn is_there(root: &Path) -> Result<bool, Failure> {
    let installed = fs::read_to_string(receipt(root)).ok();
    let python = folder(root).join("bin/python");
    let runs = || answer(Command::new(&python).args(["-c", "import moto.server"])).is_some();
    Ok(installed == Some(wanted(root)?) && runs())
}

fn steps(root: &Path) -> [Command; 2] {
    let mut environment = Command::new("python3");
    environment.args(["-m", "venv", "--clear"]).arg(folder(root));
    let mut packages = Command::new(folder(root).join("bin/python"));
    packages.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
    ]);
    packages.arg("--requirement").arg(root.join(WANTED));
    [environment, packages]
}

#[cfg(test)]
mod tests {
    //! What would be installed, without installing anything.

    use super::*;

    #[test]
    fn every_package_is_wanted_in_one_version() {
        let wanted = wanted(&crate::root()).unwrap();
        let packages: Vec<&str> = wanted.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(
            packages.iter().any(|package| package.starts_with("moto==")),
            "{packages:?}"
        );
        for package in packages {
            let (name, version) = package.split_once("==").unwrap_or_default();
            assert!(
                !name.is_empty() && version.starts_with(|c: char| c.is_ascii_digit()),
                "{package}"
            );
        }
    }

    #[test]
    fn nothing_of_the_machines_own_python_is_changed() {
        let root = crate::root();
        let [environment, packages] = steps(&root);
        assert_eq!(
            shown(&environment),
            format!("python3 -m venv --clear {}", folder(&root).display())
        );
        assert!(Path::new(packages.get_program()).starts_with(root.join("target")));
        assert!(!shown(&packages).contains("://"), "{}", shown(&packages));
    }
}
