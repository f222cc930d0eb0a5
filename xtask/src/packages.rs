//! The Debian packages that the tests on real registries and container engines need.
//!
//! Installing must leave no trace but the programs. Debian enables and starts the services of some of them when they
//! are installed; the tests start their own servers and want no other. So where systemd runs, a preset below `/run` says
//! for the moment of the installation that these units are to be disabled: Debian's scripts then neither enable nor
//! start them, also at later upgrades, and whoever wants a service one day enables it as usual. A mask would have to be
//! lifted again, and the next upgrade would enable the unit after all; a `policy-rc.d` would hold back the services of
//! every package installed in that moment and leave the unit enabled for the next boot. Where systemd does not run,
//! `RUNLEVEL=1` tells `invoke-rc.d` that no service is wanted now.

use std::path::Path;
use std::process::Command;

use crate::process::{Failure, answer, run, say};

/// A program that tests call, and the package that brings it.
#[derive(Debug, PartialEq, Eq)]
struct Need {
    package: &'static str,
    program: &'static str,
    /// What it is asked, where being there is not enough: it has to succeed.
    asked: &'static [&'static str],
    why: &'static str,
    /// Whether it brings a service of the machine.
    brings_service: bool,
}

const NEEDS: [Need; 12] = [
    Need {
        package: "docker-registry",
        program: "docker-registry",
        asked: &[],
        why: "Distribution 2.8, the registry that everybody's registry descends from",
        brings_service: true,
    },
    Need {
        package: "skopeo",
        program: "skopeo",
        asked: &[],
        why: "lists, copies and pulls: proves that an image is still whole",
        brings_service: false,
    },
    Need {
        package: "buildah",
        program: "buildah",
        asked: &[],
        why: "builds images and multi-platform indexes without a daemon",
        brings_service: false,
    },
    Need {
        package: "umoci",
        program: "umoci",
        asked: &[],
        why: "builds images by other hands than buildah's",
        brings_service: false,
    },
    Need {
        package: "busybox-static",
        program: "busybox",
        asked: &[],
        why: "one program without libraries: what is inside the images",
        brings_service: false,
    },
    Need {
        package: "docker.io",
        program: "dockerd",
        asked: &[],
        why: "Docker 20.10 and its Swarm: an engine whose containers use images",
        brings_service: true,
    },
    Need {
        package: "podman",
        program: "podman",
        asked: &[],
        why: "Podman 4.3, which speaks Docker's API in its own way",
        brings_service: true,
    },
    Need {
        package: "debootstrap",
        program: "debootstrap",
        asked: &["--version"],
        why: "unpacks a later Debian below target/, whose dockerd keeps images in containerd's store",
        brings_service: false,
    },
    Need {
        package: "runc",
        program: "runc",
        asked: &[],
        why: "runs the containers of both",
        brings_service: false,
    },
    Need {
        package: "python3-venv",
        program: "python3",
        asked: &["-c", "import venv, ensurepip"],
        why: "runs moto, a second AWS, in an environment of its own",
        brings_service: false,
    },
    Need {
        package: "chromium-headless-shell",
        program: "chromium-headless-shell",
        asked: &[],
        why: "opens the audit's page and takes its picture",
        brings_service: false,
    },
    Need {
        package: "fonts-dejavu-core",
        program: "test",
        asked: &["-f", "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"],
        why: "letters for that picture: a browser brings none",
        brings_service: false,
    },
];

/// Says that no service of these packages is wanted.
const PRESET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/no-service.preset");

/// Where systemd reads it (systemd.preset(5)); gone with the next boot at the latest.
const PRESET_IN_FORCE: &str = "/run/systemd/system-preset/00-jettison.preset";

/// By what right packages are installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Privilege {
    Root,
    /// `sudo` that asks for no password.
    Sudo,
}

/// One command of an installation.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    words: Vec<String>,
    /// Runs even after a step before it failed.
    cleans_up: bool,
}

/// Installs what is missing and returns the names of the packages.
pub(crate) fn install() -> Result<Vec<&'static str>, Failure> {
    let missing = missing(is_there);
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    describe(&missing);
    perform(&steps(&missing, privilege(&missing)?, systemd_runs()), |step| {
        run(&mut step.command())
    })?;
    match programs_of(&still_missing(&missing, is_there)) {
        absent if absent.is_empty() => Ok(missing.iter().map(|need| need.package).collect()),
        absent => Err(Failure::StillMissing(absent)),
    }
}

/// Says what [`install`] would run.
pub(crate) fn show() -> Result<(), Failure> {
    let missing = missing(is_there);
    if missing.is_empty() {
        say("nothing to install: every program is there");
        return Ok(());
    }
    describe(&missing);
    for step in steps(&missing, privilege(&missing)?, systemd_runs()) {
        say(&format!("would run: {}", step.words.join(" ")));
    }
    Ok(())
}

fn describe(missing: &[&Need]) {
    say("Debian packages that the tests need and that are not installed:");
    for need in missing {
        say(&format!("  {:<16} {}", need.package, need.why));
    }
}

fn missing(is_there: impl Fn(&Need) -> bool) -> Vec<&'static Need> {
    NEEDS.iter().filter(|need| !is_there(need)).collect()
}

fn still_missing<'a>(installed: &[&'a Need], is_there: impl Fn(&Need) -> bool) -> Vec<&'a Need> {
    installed.iter().copied().filter(|need| !is_there(need)).collect()
}

fn packages_of(needs: &[&Need]) -> String {
    needs.iter().map(|need| need.package).collect::<Vec<_>>().join(" ")
}

fn programs_of(needs: &[&Need]) -> String {
    needs.iter().map(|need| need.program).collect::<Vec<_>>().join(", ")
}

fn is_there(need: &Need) -> bool {
    let answers = || answer(Command::new(need.program).args(need.asked)).is_some();
    in_search_path(need.program) && (need.asked.is_empty() || answers())
}

fn in_search_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Where Debian has programs for root, whoever asks.
    let for_root = std::iter::once("/usr/sbin".into());
    std::env::split_paths(&path)
        .chain(for_root)
        .any(|directory| directory.join(program).is_file())
}

/// How systemd itself decides whether it runs (`sd_booted`).
fn systemd_runs() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

fn privilege(missing: &[&Need]) -> Result<Privilege, Failure> {
    if !in_search_path("apt-get") {
        return Err(Failure::NotDebian(packages_of(missing)));
    }
    if answer(Command::new("id").arg("-u")).as_deref() == Some("0") {
        return Ok(Privilege::Root);
    }
    match answer(Command::new("sudo").args(["-n", "true"])) {
        Some(_) => Ok(Privilege::Sudo),
        None => Err(Failure::NotPermitted(packages_of(missing))),
    }
}

fn steps(missing: &[&Need], privilege: Privilege, systemd: bool) -> Vec<Step> {
    let brings_service = missing.iter().any(|need| need.brings_service);
    let step = |cleans_up, words: &[&str]| Step::new(privilege, cleans_up, words);
    // A machine that has just booted may be updating itself: wait for it.
    let apt = [
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "RUNLEVEL=1",
        "apt-get",
        "--option=DPkg::Lock::Timeout=300",
    ];
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    let install = ["install", "--yes", "--no-install-recommends"];
    let mut steps = vec![
        step(false, &[&apt[..], &["update"]].concat()),
        step(false, &[&apt[..], &install, &packages].concat()),
    ];
    if systemd && brings_service {
        steps.insert(
            0,
            step(false, &["install", "-D", "--mode=644", PRESET, PRESET_IN_FORCE]),
        );
        steps.push(step(true, &["rm", "--force", PRESET_IN_FORCE]));
    }
    steps
}

impl Step {
    fn new(privilege: Privilege, cleans_up: bool, words: &[&str]) -> Self {
        let prefix: &[&str] = match privilege {
            Privilege::Root => &[],
            Privilege::Sudo => &["sudo", "-n"],
        };
        Self {
            words: prefix.iter().chain(words).map(|&word| word.to_owned()).collect(),
            cleans_up,
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]);
        command
    }
}

/// Performs the steps; after a failure only those that clean up. The first failure is the one returned.
fn perform(steps: &[Step], mut perform_one: impl FnMut(&Step) -> Result<(), Failure>) -> Result<(), Failure> {
    let mut outcome = Ok(());
    for step in steps {
        if outcome.is_ok() || step.cleans_up {
            outcome = outcome.and(perform_one(step));
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    //! What would be installed, and how, without installing anything.

    use super::*;

    fn lines(missing: &[&Need], privilege: Privilege, systemd: bool) -> Vec<String> {
        steps(missing, privilege, systemd)
            .iter()
            .map(|step| step.words.join(" "))
            .collect()
    }

    #[test]
    fn only_what_is_absent_is_installed() {
        assert_eq!(
            packages_of(&missing(|need| need.program != "umoci" && need.program != "busybox")),
            "umoci busybox-static"
        );
        assert!(missing(|_| true).is_empty());
    }

    #[test]
    fn services_are_kept_from_starting_where_systemd_runs() {
        let lines = lines(
            &missing(|need| need.program != "docker-registry"),
            Privilege::Root,
            true,
        );
        assert_eq!(lines.len(), 4);
        assert!(
            lines[0].starts_with("install -D ") && lines[0].ends_with(PRESET_IN_FORCE),
            "{}",
            lines[0]
        );
        assert!(
            lines[2].ends_with("install --yes --no-install-recommends docker-registry"),
            "{}",
            lines[2]
        );
        assert_eq!(lines[3], format!("rm --force {PRESET_IN_FORCE}"));
        let preset = std::fs::read_to_string(PRESET).unwrap();
        for unit in [
            "docker-registry.service",
            "docker.socket",
            "containerd.service",
            "podman.socket",
        ] {
            assert!(preset.lines().any(|line| line == format!("disable {unit}")), "{unit}");
        }
    }

    #[test]
    fn no_preset_is_set_where_it_is_not_installed_now_or_systemd_does_not_run() {
        let without_service = lines(&missing(|need| need.program != "umoci"), Privilege::Root, true);
        let without_systemd = lines(&missing(|_| false), Privilege::Root, false);
        for lines in [without_service, without_systemd] {
            assert_eq!(lines.len(), 2);
            assert!(
                lines
                    .iter()
                    .all(|line| line.starts_with("env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get "))
            );
        }
    }

    #[test]
    fn every_step_is_run_by_sudo_when_not_root() {
        let lines = lines(&missing(|_| false), Privilege::Sudo, true);
        assert!(lines.iter().all(|line| line.starts_with("sudo -n ")), "{lines:?}");
    }

    #[test]
    fn a_failed_installation_is_cleaned_up_after_and_reported() {
        let steps = steps(&missing(|_| false), Privilege::Root, true);
        let mut performed = Vec::new();
        let outcome = perform(&steps, |step| {
            performed.push(step.words.join(" "));
            if performed.len() == 2 {
                Err(Failure::Gate("apt".to_owned()))
            } else {
                Ok(())
            }
        });
        assert_eq!(performed.len(), 3, "{performed:?}");
        assert_eq!(performed[2], format!("rm --force {PRESET_IN_FORCE}"));
        assert!(matches!(outcome, Err(Failure::Gate(_))));
    }
}
