//! Usage from Compose files: the image of every service, whatever its profile.
//!
//! Files are read as Compose reads them (compose-spec, "Services top-level element", "Interpolation", "Include"), as far
//! as images go. An image that hangs on a variable which nobody set makes the source partial: it could be any. Nothing
//! is looked up in the environment of this process, which is not that of the deployment; the `.env` beside the file is.

mod deployed;
mod environment;
mod interpolation;
mod project;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub(crate) use deployed::{ComposeProject, report};
use environment::Variables;
use project::Found;

use super::file;
use super::said::Said;

/// So many files are followed from one to the next.
const MOST_FILES: usize = 200;

/// What Compose reads where no file is named, and reads more files beside.
const DEFAULT_NAMES: [&str; 4] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
];

/// The files that it reads beside.
const OVERRIDES: [&str; 4] = [
    "compose.override.yaml",
    "compose.override.yml",
    "docker-compose.override.yaml",
    "docker-compose.override.yml",
];

/// A file that is to be read, and where its variables come from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Opening {
    path: PathBuf,
    /// Those of the file that takes it in, which count first.
    given: Variables,
    environment: Environment,
}

/// Which files set what is not given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Environment {
    /// `.env` in this folder, if it is there.
    In(PathBuf),
    /// These, the last one first.
    Named(Vec<PathBuf>),
    /// None: it is a part of the file that takes it in.
    Given,
}

/// Reads every Compose file that `patterns` fit, relative to `base`.
pub(super) fn read(patterns: &[String], base: &Path, said: &mut Said) {
    let (before, mut found) = (said.len(), Found::default());
    file::for_each(patterns, base, said, |path, said| {
        match file::contents(path, file::LARGEST_BYTES) {
            Ok(text) => read_listed(path, &text, &mut found, said),
            Err(why) => said.gap(format!("{}: {why}", file::name(path))),
        }
    });
    found.finish(said);
    if said.len() == before && !said.has_gaps() {
        said.is_empty_because("no Compose file names an image".to_owned());
    }
}

/// Reads a file that the configuration names, with all that it takes in.
fn read_listed(path: &Path, text: &str, found: &mut Found, said: &mut Said) {
    let environment = Environment::In(folder(path).to_owned());
    read_whole(path, text, environment, found, said);
}

/// Reads a file with all that it takes in.
fn read_whole(path: &Path, text: &str, environment: Environment, found: &mut Found, said: &mut Said) {
    let listed = Opening {
        path: path.to_owned(),
        given: Variables::new(),
        environment,
    };
    let variables = listed.variables(said);
    let mut open = beside(&listed, &variables, said);
    open.extend(found.read(&listed.path, text, &variables, said));
    let mut seen = BTreeSet::from([listed.plain()]);
    while let Some(next) = open.pop() {
        if !seen.insert(next.plain()) {
            continue;
        }
        if seen.len() > MOST_FILES {
            return said.gap(format!("more than {MOST_FILES} files include each other"));
        }
        let variables = next.variables(said);
        match file::contents(&next.path, file::LARGEST_BYTES) {
            Ok(text) => open.extend(found.read(&next.path, &text, &variables, said)),
            Err(why) => said.gap(format!("{}: {why}", file::name(&next.path))),
        }
    }
}

/// What Compose reads with a file unasked: one that overrides it, and those that `COMPOSE_FILE` names in its `.env`.
fn beside(listed: &Opening, variables: &Variables, said: &mut Said) -> Vec<Opening> {
    let folder = folder(&listed.path);
    let is_default = DEFAULT_NAMES.iter().any(|name| listed.path.ends_with(name));
    let overrides = OVERRIDES.iter().map(|name| folder.join(name));
    let mut paths: Vec<PathBuf> = overrides.filter(|path| is_default && path.exists()).collect();
    let separator = variables.get("COMPOSE_PATH_SEPARATOR").map_or(":", String::as_str);
    let more = variables.get("COMPOSE_FILE").map_or("", String::as_str);
    for name in more.split(separator).filter(|name| !name.is_empty()) {
        match project::local(name) {
            Some(path) => paths.push(folder.join(path)),
            None => said.gap(format!("{}: what COMPOSE_FILE names is not known", file::name(folder))),
        }
    }
    let open = |path| Opening { path, ..listed.clone() };
    paths.into_iter().map(open).collect()
}

impl Opening {
    /// The same by the shortest names: files may include each other by ever longer ways round.
    fn plain(&self) -> Self {
        let environment = match &self.environment {
            Environment::In(folder) => Environment::In(plain(folder)),
            other => other.clone(),
        };
        Self {
            path: plain(&self.path),
            given: self.given.clone(),
            environment,
        }
    }

    fn variables(&self, said: &mut Said) -> Variables {
        let mut variables = match &self.environment {
            Environment::In(folder) => environment::read(&folder.join(".env"), false, said),
            Environment::Named(files) => {
                let sets = files.iter().map(|file| environment::read(file, true, said));
                sets.flatten().collect()
            }
            Environment::Given => Variables::new(),
        };
        variables.extend(self.given.clone());
        variables
    }
}

/// Where Compose takes a file to be: beside a link to it, not where that leads.
fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or_else(|| Path::new("."))
}

fn plain(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// A file with this content, beside an `.env` file: a door for the fuzz targets. What it takes in is not read.
#[cfg(feature = "fuzzing")]
pub(super) fn read_text(text: &str, env: &str, said: &mut Said) {
    let mut found = Found::default();
    let variables = environment::understood(".env", env, said);
    drop(found.read(Path::new("compose.yaml"), text, &variables, said));
    found.finish(said);
}
