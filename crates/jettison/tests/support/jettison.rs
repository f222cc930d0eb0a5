//! The program itself, run as a user runs it: arguments in; exit code, standard output and standard error out.
//!
//! Each value has a folder of its own, with the state, the configuration and the plans: nothing of the person who runs
//! the tests is read or written.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tempfile::TempDir;

/// Well beyond what any command needs on a registry of this size.
const LONGEST_RUN: Duration = Duration::from_secs(60);

/// A user of jettison, with what it remembers.
#[derive(Debug)]
pub(crate) struct Jettison {
    folder: TempDir,
    /// Variables of the environment beside the usual ones.
    environment: Vec<(&'static str, String)>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code.
    pub(crate) code: i32,
    /// What it printed as its result.
    pub(crate) output: String,
    /// What it said beside that.
    pub(crate) said: String,
}

impl Jettison {
    /// One who has never used it before.
    pub(crate) fn new() -> Self {
        Self::in_environment(Vec::new())
    }

    /// The same, with these variables in the environment.
    pub(crate) fn in_environment(environment: Vec<(&'static str, String)>) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the user");
        Self { folder, environment }
    }

    /// The file `name` in the user's folder, which is the working directory.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the user's folder.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.at(name), text).expect("a file of the user");
    }

    /// Runs a command, given as one line, for people.
    ///
    /// # Panics
    /// When it is ended by a signal or takes too long.
    pub(crate) fn run(&self, line: &str) -> Ended {
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_jettison"));
        command
            .args(line.split_whitespace())
            .env("HOME", self.folder.path())
            .env("DOCKER_CONFIG", self.folder.path())
            .env("XDG_STATE_HOME", self.at("not-the-state"))
            .env("NO_COLOR", "1")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.path())
            .timeout(LONGEST_RUN);
        let ended = command.args(["--state", "state"]).output().expect("the program starts");
        let code = ended.status.code();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (output, said) = (text(&ended.stdout), text(&ended.stderr));
        assert!(!self.at("not-the-state").exists(), "--state is not heeded");
        Ended {
            code: code.unwrap_or_else(|| panic!("jettison {line} was ended: {output}\n{said}")),
            output,
            said,
        }
    }

    /// Runs a command for programs, which has to end with `code`, and reads what it printed.
    ///
    /// # Panics
    /// When it ends otherwise, or prints anything but one JSON value of schema 1.
    pub(crate) fn json(&self, line: &str, code: i32) -> Value {
        let ended = self.run(&format!("{line} --output json"));
        assert_eq!(ended.code, code, "jettison {line}\n{}\n{}", ended.output, ended.said);
        let value: Value = serde_json::from_str(&ended.output)
            .unwrap_or_else(|error| panic!("jettison {line} printed no JSON ({error}): {}", ended.output));
        assert_eq!(value["schema"], 1, "jettison {line} printed {value}");
        value
    }
}

/// The digests that a plan deletes.
pub(crate) fn condemned(plan: &Value) -> BTreeSet<String> {
    list(plan, "actions")
        .filter(|action| action["action"] == "delete")
        .map(|action| text(&action["digest"]))
        .collect()
}

/// The bytes that a plan's or a run's actions free.
pub(crate) fn freed(plan: &Value) -> u64 {
    list(plan, "actions")
        .filter_map(|action| action["bytes"].as_u64())
        .sum()
}

/// Why a tag stays, or why it cannot go: the reason's code; of a hold, the hold.
pub(crate) fn why_stays(plan: &Value, tag: &str) -> String {
    let entries = || list(plan, "kept").chain(list(plan, "blocked"));
    let entry = entries().find(|entry| entry["tag"] == tag);
    let reason = &entry.unwrap_or_else(|| panic!("the plan says nothing of {tag}: {plan}"))["reason"];
    reason.get("hold").map_or_else(|| text(&reason["code"]), text)
}

/// The items of a list in a JSON object.
pub(crate) fn list<'a>(object: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    let items = object[name].as_array();
    items.unwrap_or_else(|| panic!("no list `{name}` in {object}")).iter()
}

/// A text of a JSON object, as it is.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// A number of a JSON object.
pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("no number: {value}"))
}

/// The whole of a file.
pub(crate) fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// A moment in the past, as configs write it.
pub(crate) fn days_ago(days: i64) -> String {
    let then = Timestamp::now().checked_sub(SignedDuration::from_hours(24 * days));
    then.expect("a moment jiff knows").to_string()
}
