//! The real parts that jettison is tried against: a registry and clients by other hands.
//!
//! - [`distribution`]: Debian's `docker-registry` (Distribution 2.8) on loopback, one server a test.
//! - [`clients`]: what every client program shares, with [`skopeo`], [`buildah`] and [`umoci`] beside it.
//! - [`wire`]: puts the shapes that none of these clients makes over plain HTTP: signatures, attestations.
//! - [`jettison`]: the program itself, run as a user runs it.
//! - [`dockerd`] and [`podman`]: container engines, one a test, with containers that end with it.
//! - [`moto`]: AWS by other hands.
//! - [`chromium`]: a browser that looks at a page.
//! - [`port`] and [`program`]: a port no other test has, a program that cannot hang.
//!
//! A test file declares it `#[cfg(test)] mod support;`, with `#[expect(dead_code, reason = "…")]` beside it when it uses
//! a part only. A test begins with [`real_parts_ready`] and returns at once
//! when that says no. Everything here blocks, also in an async test: such a test needs the multi-threaded runtime when
//! a server of its own process has to answer.
//!
//! No part may ask a host other than loopback, use credentials of the person who runs the tests, or outlive the
//! value that started it. (As root, buildah and skopeo keep their cache of blob locations under `/var/lib/containers`
//! and two lock files; they have no setting for another place.)

pub(crate) mod buildah;
pub(crate) mod chromium;
pub(crate) mod clients;
pub(crate) mod distribution;
pub(crate) mod dockerd;
pub(crate) mod jettison;
pub(crate) mod moto;
pub(crate) mod podman;
pub(crate) mod port;
pub(crate) mod program;
pub(crate) mod skopeo;
pub(crate) mod umoci;
pub(crate) mod wire;

use std::io::Write;
use std::sync::Once;

/// Set by `cargo xtask test`: a real part that is missing is then a failure and no reason to skip.
const REQUIRED: &str = "JETTISON_REAL_TESTS";

/// What has to be in the search path. Busybox is the file that the images hold.
const PROGRAMS: [&str; 5] = ["docker-registry", "skopeo", "buildah", "umoci", "busybox"];

/// What the tests on container engines need besides.
const ENGINES: [&str; 4] = ["dockerd", "docker", "podman", "runc"];

/// Whether the real parts are installed. Where they are not, the test that asks returns without a result, and a line
/// past the test harness says so; with `JETTISON_REAL_TESTS=1` it fails instead.
pub(crate) fn real_parts_ready() -> bool {
    all_installed(&PROGRAMS)
}

/// The same of the container engines as well. They need root: without it the test is skipped however it is run.
pub(crate) fn real_engines_ready() -> bool {
    let is_root = program::run(std::process::Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !is_root {
        static SAID: Once = Once::new();
        SAID.call_once(|| say_skipped("the tests on container engines need root"));
    }
    is_root && all_installed(&[&PROGRAMS[..], &ENGINES].concat())
}

/// Whether the later Debian is there besides, with its dockerd.
pub(crate) fn later_engine_ready() -> bool {
    let dockerd = dockerd::Dockerd::later_debian().join("usr/sbin/dockerd");
    let missing = ["dockerd of a later Debian"].into_iter().filter(|_| !dockerd.is_file());
    real_engines_ready() && ready(&missing.collect::<Vec<_>>())
}

/// Whether a browser is installed, in the same way.
pub(crate) fn browser_ready() -> bool {
    all_installed(&[chromium::PROGRAM])
}

/// Whether moto is installed, in the same way.
pub(crate) fn moto_ready() -> bool {
    let missing = ["moto_server"].into_iter().filter(|_| !moto::Moto::program().is_file());
    ready(&missing.collect::<Vec<_>>())
}

fn all_installed(programs: &[&str]) -> bool {
    ready(&missing_of(programs))
}

/// Whether nothing is missing; says what is.
fn ready(missing: &[&str]) -> bool {
    if missing.is_empty() {
        return true;
    }
    let required = std::env::var_os(REQUIRED).is_some_and(|value| value == "1");
    assert!(
        !required,
        "{REQUIRED}=1, and these programs are not installed: {}",
        missing.join(", ")
    );
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        say_skipped(&format!(
            "the tests on real registries, engines and moto need {}; `cargo xtask test` installs them and runs everything",
            missing.join(", ")
        ));
    });
    false
}

/// Written to the stream itself: the harness swallows what a passing test prints by the usual macros.
fn say_skipped(why: &str) {
    let mut stream = std::io::stderr().lock();
    let line = format!("skipped: {why}");
    // A closed stream is no reason to fail a test that is skipped.
    drop(writeln!(stream, "{line}"));
}

/// Those of `programs` that no directory of the search path holds.
pub(crate) fn missing_of<'a>(programs: &[&'a str]) -> Vec<&'a str> {
    programs
        .iter()
        .copied()
        .filter(|program| program::find(program).is_none())
        .collect()
}
