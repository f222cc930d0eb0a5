//! Asks an engine one question: bounded in size, never redirected, and with errors that say what to do.
//!
//! How long all questions may take together is its caller's to say. It speaks the few calls that are needed itself:
//! libraries for this API read answers of any size, and know nothing of the specification that a rolled back service
//! returns to.

use std::error::Error as _;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use jettison_core::model::legible;
use reqwest::{ClientBuilder, StatusCode, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::address::{Address, Tls};
use super::tunnel::{Tunnel, TunnelError};
use crate::registry::{Failure, authorities_in, identity_in, is_loopback};

/// The newest version of the API that was read up on: Docker 29. An older engine is asked in its own.
const NEWEST: ApiVersion = ApiVersion { major: 1, minor: 52 };

/// The largest list: 5,000 containers with long labels take 20 MB.
pub(crate) const LIST_BYTES: usize = 128 * 1024 * 1024;

/// The largest answer about one thing.
pub(crate) const ITEM_BYTES: usize = 8 * 1024 * 1024;

/// So much of a refusal is read.
const REFUSAL_BYTES: usize = 16 * 1024;

/// Time to open a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// An engine, ready to be asked.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    /// As it is told to people.
    place: String,
    tunnel: Option<Tunnel>,
    /// Whether it is Podman, whatever the configuration takes it for.
    pub(crate) is_podman: bool,
}

/// Why an engine did not tell.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("permission denied on the socket {0}: run as a member of the group that owns it (`docker`), or as root")]
    Denied(String),
    #[error("there is no socket {0}: is the engine installed there, and its service started?")]
    NoSocket(String),
    #[error("nobody listens at {0}: is the engine running?")]
    NotRunning(String),
    #[error("{place} could not be asked for {what}: {why}")]
    NoAnswer { place: String, what: String, why: String },
    #[error("{place} answered {status} when asked for {what}{message}")]
    Refused {
        place: String,
        what: String,
        status: StatusCode,
        message: String,
    },
    #[error("{place} answered with more than {most} bytes when asked for {what}")]
    TooLarge { place: String, what: String, most: usize },
    #[error("{place} answered what cannot be understood when asked for {what}: {why}")]
    Unreadable { place: String, what: String, why: String },
    #[error("{place} speaks versions of the API from {oldest} on; this version of jettison speaks {NEWEST}")]
    TooNew { place: String, oldest: ApiVersion },
    #[error("{0}")]
    Setup(String),
    #[error(transparent)]
    Tunnel(#[from] TunnelError),
}

/// A version of Docker's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ApiVersion {
    major: u32,
    minor: u32,
}

impl std::fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl std::str::FromStr for ApiVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('.');
        let number = |part: &str| part.parse().ok();
        parts
            .and_then(|(major, minor)| {
                Some(Self {
                    major: number(major)?,
                    minor: number(minor)?,
                })
            })
            .ok_or_else(|| format!("`{}` is no version of the API", legible(text)))
    }
}

#[derive(Debug, Deserialize)]
struct Versions {
    #[serde(rename = "ApiVersion")]
    newest: String,
    /// Engines before 2016 do not tell.
    #[serde(rename = "MinAPIVersion", default)]
    oldest: String,
    /// What the engine consists of.
    #[serde(rename = "Components", default)]
    components: Option<Vec<Component>>,
}

#[derive(Debug, Deserialize)]
struct Component {
    #[serde(rename = "Name", default)]
    name: String,
}

/// What an engine says when it refuses; Podman adds fields of its own.
#[derive(Debug, Deserialize)]
struct Refusal {
    message: String,
}

impl Client {
    /// Connects, and agrees on a version of the API.
    pub(crate) async fn open(address: &Address) -> Result<Self, ClientError> {
        let mut client = Self::connect(address).await?;
        let versions: Versions = client.get("version", &[], ITEM_BYTES).await?;
        let unreadable = |why| client.unreadable("version", why);
        let newest: ApiVersion = versions.newest.parse().map_err(unreadable)?;
        if !versions.oldest.is_empty() {
            let oldest = versions.oldest.parse().map_err(unreadable)?;
            if oldest > NEWEST {
                let place = client.place;
                return Err(ClientError::TooNew { place, oldest });
            }
        }
        let mut components = versions.components.iter().flatten();
        client.is_podman = components.any(|component| component.name == "Podman Engine");
        let version = format!("v{}/", newest.min(NEWEST));
        client.base = client
            .base
            .join(&version)
            .map_err(|error| ClientError::Setup(error.to_string()))?;
        Ok(client)
    }

    async fn connect(address: &Address) -> Result<Self, ClientError> {
        let (builder, base, place, tunnel) = match address {
            Address::Socket(path) => (on_socket(path.clone()), no_host()?, path.display().to_string(), None),
            Address::Ssh(login) => {
                let tunnel = Tunnel::dig("ssh", login).await?;
                let place = format!("{} on {}", login.socket, login.host);
                (on_socket(tunnel.socket()), no_host()?, legible(&place), Some(tunnel))
            }
            Address::Plain(url) => (unencrypted(), url.clone(), url.to_string(), None),
            Address::Encrypted(url, tls) => (encrypted(url, tls)?, url.clone(), url.to_string(), None),
        };
        let http = builder.build().map_err(|error| ClientError::Setup(whole(&error)))?;
        Ok(Self {
            http,
            base,
            place,
            tunnel,
            is_podman: false,
        })
    }

    /// What the engine answers to `GET path?query`. The parts of the path are legal in a URL or part of an image's name.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        most: usize,
    ) -> Result<T, ClientError> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path.split('/'));
        }
        let request = self.http.get(url).query(query);
        let mut response = request.send().await.map_err(|error| self.failed(path, &error))?;
        let status = response.status();
        let limit = if status == StatusCode::OK { most } else { REFUSAL_BYTES };
        let body = self.body(path, &mut response, limit).await;
        if status != StatusCode::OK {
            return Err(self.refused(path, status, &body.unwrap_or_default()));
        }
        serde_json::from_slice(&body?).map_err(|error| self.unreadable(path, error.to_string()))
    }

    async fn body(&self, what: &str, response: &mut reqwest::Response, most: usize) -> Result<Vec<u8>, ClientError> {
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| self.failed(what, &error))? {
            if piece.len() > most - body.len() {
                return Err(ClientError::TooLarge {
                    place: self.place.clone(),
                    what: legible(what),
                    most,
                });
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    pub(crate) fn unreadable(&self, what: &str, why: String) -> ClientError {
        ClientError::Unreadable {
            place: self.place.clone(),
            what: legible(what),
            why: legible(&why),
        }
    }

    fn refused(&self, what: &str, status: StatusCode, body: &[u8]) -> ClientError {
        let message = serde_json::from_slice::<Refusal>(body).map(|refusal| refusal.message);
        ClientError::Refused {
            place: self.place.clone(),
            what: legible(what),
            status,
            message: message.map_or_else(|_| String::new(), |message| format!(": {}", legible(message.trim()))),
        }
    }

    fn failed(&self, what: &str, error: &reqwest::Error) -> ClientError {
        let place = self.place.clone();
        let complaint = self.tunnel.as_ref().map(Tunnel::complaint).unwrap_or_default();
        match io_kind(error) {
            Some(io::ErrorKind::PermissionDenied) => ClientError::Denied(place),
            Some(io::ErrorKind::NotFound) => ClientError::NoSocket(place),
            Some(io::ErrorKind::ConnectionRefused) => ClientError::NotRunning(place),
            _ => ClientError::NoAnswer {
                place,
                what: legible(what),
                why: format!("{}{complaint}", whole(error)),
            },
        }
    }
}

impl ClientError {
    /// Whether the engine says that it has no such thing. A 404 without these words may come from anybody.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self, Self::Refused { status, message, .. }
            if *status == StatusCode::NOT_FOUND && message.to_lowercase().contains("no such"))
    }
}

fn basics() -> ClientBuilder {
    ClientBuilder::new()
        .user_agent(concat!("jettison/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
}

/// Without TLS no authorities are needed, and reading those of the machine takes longer than any answer.
fn unencrypted() -> ClientBuilder {
    basics().no_proxy().tls_certs_only([])
}

fn on_socket(path: PathBuf) -> ClientBuilder {
    unencrypted().unix_socket(path)
}

/// What an HTTP request names as its host where there is none.
fn no_host() -> Result<Url, ClientError> {
    Url::parse("http://localhost/").map_err(|error| ClientError::Setup(error.to_string()))
}

fn encrypted(url: &Url, tls: &Tls) -> Result<ClientBuilder, ClientError> {
    let mut builder = basics();
    if is_loopback(url) {
        builder = builder.no_proxy();
    }
    let set_up = |failure: Failure| ClientError::Setup(failure.detail);
    if let Some(ca) = &tls.ca {
        builder = builder.tls_certs_only(authorities_in(ca).map_err(set_up)?);
    }
    if let Some((certificate, key)) = &tls.identity {
        builder = builder.identity(identity_in(certificate, Some(key)).map_err(set_up)?);
    }
    Ok(builder)
}

fn io_kind(error: &reqwest::Error) -> Option<io::ErrorKind> {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        source = cause.source();
    }
    None
}

/// The error and its sources in one line, without its URL.
fn whole(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut source = error.source();
    while let Some(cause) = source {
        let next = cause.to_string();
        if !text.contains(&next) {
            text = if text.is_empty() {
                next
            } else {
                format!("{text}: {next}")
            };
        }
        source = cause.source();
    }
    if text.is_empty() {
        "the exchange failed".to_owned()
    } else {
        text
    }
}
