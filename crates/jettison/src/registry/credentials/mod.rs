//! Who we are to a registry: what `docker login`, `podman login` and their helpers stored.
//!
//! Finds credentials, never sends them. A store that cannot be read is an error, not "anonymous":
//! a scan with too few rights must not look like a registry with few images.

pub(super) mod file;
mod helper;

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use jettison_core::model::{RegistryHost, RepositoryName};

use super::connection::{Connection, Secret};
use file::LoginFile;

/// What to show when a registry asks who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Credentials {
    Anonymous,
    Password {
        username: String,
        password: Secret,
    },
    /// An OAuth2 refresh token (`docker login` stores one where the registry hands it out).
    IdentityToken {
        username: String,
        token: Secret,
    },
}

impl Credentials {
    /// Credentials as stored: the user name `<token>` marks an identity token (docker-credential-helpers).
    fn stored(username: String, secret: String) -> Self {
        match (username.as_str(), secret.as_str()) {
            (_, "") => Self::Anonymous,
            ("<token>", _) => Self::IdentityToken {
                username,
                token: Secret::new(secret),
            },
            _ => Self::Password {
                username,
                password: Secret::new(secret),
            },
        }
    }

    pub(crate) fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Anonymous => None,
            Self::Password { password: secret, .. } | Self::IdentityToken { token: secret, .. } => Some(secret),
        }
    }
}

/// Why stored credentials could not be read; never holds any of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CredentialError {
    #[error("the login file {} {problem}", path.display())]
    File { path: PathBuf, problem: String },
    #[error("the credential helper `docker-credential-{name}` {problem}")]
    Helper { name: String, problem: String },
}

/// Where one registry's credentials may be found.
#[derive(Debug, Clone)]
pub(crate) struct CredentialStore {
    host: RegistryHost,
    given: Option<Credentials>,
    files: Vec<PathBuf>,
    helper_timeout: Duration,
    /// Where helpers are looked for; `None`: the usual `PATH`.
    helper_path: Option<PathBuf>,
}

impl CredentialStore {
    /// The store for a connection: what was given, else the login files named by it or the environment.
    pub(crate) fn new(connection: &Connection) -> Self {
        let login = connection.login.clone();
        Self {
            host: connection.host.clone(),
            given: login.map(|(username, password)| Credentials::stored(username, password.expose().to_owned())),
            files: match &connection.docker_config {
                Some(directory) => vec![directory.join("config.json")],
                None => usual_files(|name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)),
            },
            helper_timeout: connection.limits.helper_timeout,
            helper_path: None,
        }
    }

    /// Reads the login files. Helpers are not asked yet.
    pub(crate) fn load(&self) -> Result<Logins, CredentialError> {
        let files = self
            .files
            .iter()
            .map(|path| LoginFile::read(path))
            .filter_map(Result::transpose);
        Ok(Logins {
            store: self.clone(),
            files: files.collect::<Result<_, _>>()?,
        })
    }
}

/// The login files that are there, in the order in which they are asked.
#[derive(Debug)]
pub(crate) struct Logins {
    store: CredentialStore,
    files: Vec<LoginFile>,
}

impl Logins {
    /// The credentials for a repository, or for the registry as a whole (its catalog): the first file
    /// that has some. In a file, the helper of the host comes first, then the helper of all hosts, then the entries.
    pub(crate) async fn find(&self, repository: Option<&RepositoryName>) -> Result<Credentials, CredentialError> {
        if let Some(given) = &self.store.given {
            return Ok(given.clone());
        }
        for file in &self.files {
            for name in file.helpers(&self.store.host) {
                let asked = helper::Helper {
                    name,
                    path: self.store.helper_path.as_deref(),
                };
                let found = asked
                    .get(&file::server_name(&self.store.host), self.store.helper_timeout)
                    .await?;
                if found != Credentials::Anonymous {
                    return Ok(found);
                }
            }
            if let Some(found) = file.entry(&self.store.host, repository)? {
                return Ok(found);
            }
        }
        Ok(Credentials::Anonymous)
    }

    /// Whether some entry is for a part of this registry only (Podman), so that repositories may differ.
    pub(crate) fn differ_by_repository(&self) -> bool {
        self.store.given.is_none() && self.files.iter().any(|file| file.has_parts_of(&self.store.host))
    }
}

/// The login files of Docker and Podman (containers-auth.json(5)), most specific wish first.
fn usual_files(variable: impl Fn(&str) -> Option<PathBuf>) -> Vec<PathBuf> {
    let docker = variable("DOCKER_CONFIG").or_else(|| variable("HOME").map(|home| home.join(".docker")));
    let podman = variable("XDG_RUNTIME_DIR").map(|directory| directory.join("containers/auth.json"));
    let docker = docker.map(|directory| directory.join("config.json"));
    [variable("REGISTRY_AUTH_FILE"), docker, podman]
        .into_iter()
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests;
