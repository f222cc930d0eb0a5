//! Entries of `docker context`: which host one names, and with which certificates.
//!
//! Reads Docker's own files (`contexts/meta/ID/meta.json`, `contexts/tls/ID/docker/`), where the ID is the SHA-256 of
//! the name. An entry that asks to trust anybody is refused: who poses as the engine could say that nothing runs.

use std::fs;
use std::path::{Path, PathBuf};

use jettison_core::model::{Digest, legible};
use serde::Deserialize;

use super::address::Tls;

/// The context that Docker has without an entry: the local engine.
pub(crate) const DEFAULT: &str = "default";

/// Other contexts are named in an error, but not more than these.
const TOLD: usize = 20;

/// What an entry says of its engine.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// As in `DOCKER_HOST`.
    pub(crate) host: String,
    pub(crate) tls: Tls,
}

/// Why a context cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContextError {
    #[error("there is no folder to look for Docker's contexts in: set HOME or DOCKER_CONFIG")]
    NoFolder,
    #[error("there is no Docker context `{name}` in {folder}{known}")]
    NotFound {
        name: String,
        folder: String,
        known: String,
    },
    #[error("the Docker context `{name}` cannot be read ({file}): {why}")]
    Unreadable { name: String, file: String, why: String },
    #[error("the Docker context `{name}` names no host")]
    NoHost { name: String },
    #[error("the Docker context `{name}` skips the check of certificates, which is refused; give it the CA to trust")]
    Unchecked { name: String },
}

#[derive(Debug, Deserialize)]
struct Meta {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "Endpoints", default)]
    endpoints: Endpoints,
}

#[derive(Debug, Default, Deserialize)]
struct Endpoints {
    #[serde(default)]
    docker: Option<Endpoint>,
}

#[derive(Debug, Deserialize)]
struct Endpoint {
    #[serde(rename = "Host", default)]
    host: String,
    #[serde(rename = "SkipTLSVerify", default)]
    unchecked: bool,
}

/// The entry of a name, in Docker's folder.
pub(crate) fn find(name: &str, docker: Option<&Path>) -> Result<Entry, ContextError> {
    let contexts = docker.ok_or(ContextError::NoFolder)?.join("contexts");
    let id = Digest::of(name.as_bytes()).hex();
    let file = contexts.join("meta").join(&id).join("meta.json");
    let shown = legible(name);
    let unreadable = |why: String| ContextError::Unreadable {
        name: shown.clone(),
        file: file.display().to_string(),
        why,
    };
    let text = match fs::read(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(ContextError::NotFound {
                name: shown,
                folder: contexts.display().to_string(),
                known: known(&contexts),
            });
        }
        Err(error) => return Err(unreadable(error.to_string())),
    };
    let meta: Meta = serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
    if meta.name != name {
        return Err(unreadable(format!("it is that of `{}`", legible(&meta.name))));
    }
    let endpoint = meta.endpoints.docker.filter(|endpoint| !endpoint.host.is_empty());
    match endpoint {
        None => Err(ContextError::NoHost { name: shown }),
        Some(endpoint) if endpoint.unchecked => Err(ContextError::Unchecked { name: shown }),
        Some(endpoint) => Ok(Entry {
            host: endpoint.host,
            tls: certificates(&contexts.join("tls").join(&id).join("docker")),
        }),
    }
}

fn certificates(folder: &Path) -> Tls {
    let file = |name: &str| Some(folder.join(name)).filter(|file: &PathBuf| file.exists());
    Tls {
        ca: file("ca.pem"),
        identity: file("cert.pem").zip(file("key.pem")),
    }
}

/// The names there are, to find a slip of the pen by.
fn known(contexts: &Path) -> String {
    let entries = fs::read_dir(contexts.join("meta")).into_iter().flatten().flatten();
    let name = |entry: fs::DirEntry| {
        let text = fs::read(entry.path().join("meta.json")).ok()?;
        serde_json::from_slice::<Meta>(&text)
            .ok()
            .map(|meta| legible(&meta.name))
    };
    let mut names: Vec<String> = entries.filter_map(name).take(TOLD).collect();
    names.sort();
    match names.is_empty() {
        true => String::new(),
        false => format!("; there are `{}`", names.join("`, `")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str, meta: &str) -> (tempfile::TempDir, PathBuf) {
        let docker = tempfile::tempdir().unwrap();
        let id = Digest::of(name.as_bytes()).hex();
        let folder = docker.path().join("contexts/meta").join(&id);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("meta.json"), meta).unwrap();
        let tls = docker.path().join("contexts/tls").join(id).join("docker");
        (docker, tls)
    }

    fn entry(name: &str, endpoint: &str) -> String {
        format!(r#"{{"Name":"{name}","Metadata":{{}},"Endpoints":{{"docker":{endpoint}}}}}"#)
    }

    #[test]
    fn an_entry_is_found_by_its_name_with_its_certificates() {
        let meta = entry("prod", r#"{"Host":"tcp://prod:2376","SkipTLSVerify":false}"#);
        let (docker, folder) = written("prod", &meta);
        let plain = find("prod", Some(docker.path())).unwrap();
        assert_eq!((plain.host.as_str(), plain.tls), ("tcp://prod:2376", Tls::default()));
        fs::create_dir_all(&folder).unwrap();
        for name in ["ca.pem", "cert.pem", "key.pem"] {
            fs::write(folder.join(name), "").unwrap();
        }
        let tls = find("prod", Some(docker.path())).unwrap().tls;
        assert_eq!(tls.ca, Some(folder.join("ca.pem")));
        assert_eq!(tls.identity, Some((folder.join("cert.pem"), folder.join("key.pem"))));
    }

    #[test]
    fn an_entry_that_cannot_be_used_says_why() {
        for (meta, expected) in [
            ("{", "cannot be read"),
            (&entry("other", r#"{"Host":"unix:///a"}"#), "that of `other`"),
            (&entry("prod", "{}"), "names no host"),
            (r#"{"Name":"prod"}"#, "names no host"),
            (
                &entry("prod", r#"{"Host":"tcp://a:2376","SkipTLSVerify":true}"#),
                "skips the check",
            ),
        ] {
            let (docker, _) = written("prod", meta);
            let why = find("prod", Some(docker.path())).unwrap_err().to_string();
            assert!(why.contains(expected), "{meta}: {why}");
        }
        let (docker, _) = written("prod", &entry("prod", r#"{"Host":"unix:///a"}"#));
        let why = find("prd", Some(docker.path())).unwrap_err().to_string();
        assert!(
            why.contains("no Docker context `prd`") && why.ends_with("there are `prod`"),
            "{why}"
        );
        assert!(matches!(find("prod", None), Err(ContextError::NoFolder)));
    }
}
