//! One login file: Docker's `config.json` or Podman's `auth.json`, which share their form.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jettison_core::model::{RegistryHost, RepositoryName, legible};
use serde::Deserialize;

use super::{CredentialError, Credentials, Secret};

/// A larger login file is a mistake.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(in crate::registry) struct LoginFile {
    path: PathBuf,
    content: Content,
}

/// Names the file only: its content is secret.
impl fmt::Debug for LoginFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoginFile({})", self.path.display())
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Content {
    auths: Option<BTreeMap<String, Option<Entry>>>,
    cred_helpers: Option<BTreeMap<String, String>>,
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

impl LoginFile {
    /// Reads the file; `None` where there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, CredentialError> {
        let problem = |problem: String| CredentialError::File {
            path: path.to_owned(),
            problem,
        };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(error) => return Err(problem(format!("cannot be read: {error}"))),
        };
        let mut text = Vec::new();
        file.take(MAX_FILE_BYTES + 1)
            .read_to_end(&mut text)
            .map_err(|error| problem(format!("cannot be read: {error}")))?;
        if text.len() as u64 > MAX_FILE_BYTES {
            return Err(problem(format!("is longer than {MAX_FILE_BYTES} bytes")));
        }
        Self::parse(path, &text)
    }

    /// Reads what `path` holds; `None` where that is nothing.
    pub(in crate::registry) fn parse(path: &Path, text: &[u8]) -> Result<Option<Self>, CredentialError> {
        if text.trim_ascii().is_empty() {
            return Ok(None);
        }
        // The parser's own words may quote the file, so they are not repeated: line and column must do.
        let content = serde_json::from_slice(text).map_err(|error| CredentialError::File {
            path: path.to_owned(),
            problem: format!(
                "is not a login file in JSON (line {}, column {})",
                error.line(),
                error.column()
            ),
        })?;
        Ok(Some(Self {
            path: path.to_owned(),
            content,
        }))
    }

    /// The helpers to ask for this host, in order.
    pub(in crate::registry) fn helpers(&self, host: &RegistryHost) -> impl Iterator<Item = &str> {
        let own = self.content.cred_helpers.as_ref().and_then(|helpers| {
            let fits = |(key, _): &(&String, &String)| Key::parse(key).is_host(host);
            helpers.iter().find(fits).map(|(_, name)| name.as_str())
        });
        let general = self
            .content
            .creds_store
            .as_deref()
            .filter(|general| Some(*general) != own);
        own.into_iter().chain(general).filter(|name| !name.is_empty())
    }

    /// The entry that fits best: the longest part of the repository's path, else the host's.
    pub(in crate::registry) fn entry(
        &self,
        host: &RegistryHost,
        repository: Option<&RepositoryName>,
    ) -> Result<Option<Credentials>, CredentialError> {
        let fitting = self.entries().filter_map(|(text, entry)| {
            let rank = Key::parse(text).rank(host, repository)?;
            (!entry.is_empty()).then_some((rank, text, entry))
        });
        let Some((_, key, entry)) = fitting.max_by_key(|(rank, ..)| *rank) else {
            return Ok(None);
        };
        let credentials = entry.credentials().ok_or_else(|| CredentialError::File {
            path: self.path.clone(),
            problem: format!(
                "has an entry for {} whose `auth` is not base64 of USER:PASSWORD",
                legible(key)
            ),
        })?;
        Ok(Some(credentials))
    }

    /// Whether some entry is for a part of this host's repositories only.
    pub(in crate::registry) fn has_parts_of(&self, host: &RegistryHost) -> bool {
        self.entries().any(|(text, _)| {
            let key = Key::parse(text);
            !key.path.is_empty() && same_host(key.host, host)
        })
    }

    fn entries(&self) -> impl Iterator<Item = (&String, &Entry)> {
        let auths = self.content.auths.iter().flatten();
        auths.filter_map(|(key, entry)| entry.as_ref().map(|entry| (key, entry)))
    }
}

impl Entry {
    fn is_empty(&self) -> bool {
        [&self.auth, &self.username, &self.password, &self.identitytoken]
            .into_iter()
            .all(|field| field.as_deref().unwrap_or_default().is_empty())
    }

    /// `None` where `auth` cannot be read.
    fn credentials(&self) -> Option<Credentials> {
        let (mut username, mut password) = (
            self.username.clone().unwrap_or_default(),
            self.password.clone().unwrap_or_default(),
        );
        if let Some(auth) = self.auth.as_deref().filter(|auth| !auth.is_empty()) {
            let text = String::from_utf8(BASE64.decode(auth.trim()).ok()?).ok()?;
            let (user, secret) = text.split_once(':')?;
            username = user.to_owned();
            password = secret.trim_end_matches('\0').to_owned();
        }
        Some(match self.identitytoken.as_deref().filter(|token| !token.is_empty()) {
            Some(token) => Credentials::IdentityToken {
                username,
                token: Secret::new(token),
            },
            None => Credentials::stored(username, password),
        })
    }
}

/// A key of `auths` or `credHelpers`: `host`, `host/path` (Podman), or `https://host/anything` (Docker of old).
struct Key<'a> {
    host: &'a str,
    /// The part of the repositories that it is for; empty for all.
    path: &'a str,
    /// Written without a scheme, as today.
    plain: bool,
}

impl<'a> Key<'a> {
    fn parse(text: &'a str) -> Self {
        let text = text.trim();
        let bare = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let (host, path) = bare
            .unwrap_or(text)
            .split_once('/')
            .unwrap_or((bare.unwrap_or(text), ""));
        let path = path.trim_end_matches('/');
        let names_all = bare.is_some() || matches!(path, "v1" | "v2");
        Self {
            host,
            path: if names_all { "" } else { path },
            plain: bare.is_none(),
        }
    }

    fn is_host(&self, host: &RegistryHost) -> bool {
        self.path.is_empty() && same_host(self.host, host)
    }

    /// How closely this key fits: by the length of its path, then the newer form first; `None` if it does not.
    fn rank(&self, host: &RegistryHost, repository: Option<&RepositoryName>) -> Option<(usize, bool)> {
        let repository = repository.map(RepositoryName::as_str).unwrap_or_default();
        let within = self.path.is_empty()
            || repository
                .strip_prefix(self.path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        (same_host(self.host, host) && within).then_some((self.path.len(), self.plain))
    }
}

/// Docker Hub goes by several names.
fn same_host(key: &str, host: &RegistryHost) -> bool {
    let hub = |name: &str| matches!(name, "docker.io" | "index.docker.io" | "registry-1.docker.io");
    let key = key.to_ascii_lowercase();
    key == host.as_str() || (hub(&key) && hub(host.as_str()))
}

/// The name under which `docker login` stores a host with a helper.
pub(super) fn server_name(host: &RegistryHost) -> String {
    match host.as_str() {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => "https://index.docker.io/v1/".to_owned(),
        host => host.to_owned(),
    }
}
