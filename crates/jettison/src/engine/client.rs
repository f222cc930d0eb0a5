//! Asks an engine one question, or for one thing to be done: bounded in size, never redirected, and with errors that say what to do.
//!
//! How long all questions may take together is its caller's to say. It speaks the few calls that are needed itself:
//! libraries for this API read answers of any size, and know nothing of the specification that a rolled back service
//! returns to.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jettison_core::model::legible;
use reqwest::{ClientBuilder, Method, Response, StatusCode, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::address::{Address, Tls};
use super::error::{ClientError, io_kind, whole};
use super::lines::Lines;
use super::tunnel::Tunnel;
use super::version::{ApiVersion, NEWEST};
use crate::registry::{Failure, authorities_in, identity_in, is_loopback};

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
    pub(crate) place: String,
    tunnel: Option<Tunnel>,
    /// Whether it is Podman, whatever the configuration takes it for.
    pub(crate) is_podman: bool,
    /// The version of the API that it is asked in.
    pub(crate) version: ApiVersion,
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
        client.version = newest.min(NEWEST);
        let version = format!("v{}/", client.version);
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
            version: NEWEST,
        })
    }

    /// What the engine answers to `GET path?query`. The parts of the path are legal in a URL or part of an image's name.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        most: usize,
    ) -> Result<T, ClientError> {
        self.ask(Method::GET, path, query, most).await
    }

    /// What it answers to `DELETE path?query`. Sent once: whoever gets no answer has to look what became of it.
    pub(crate) async fn delete<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        most: usize,
    ) -> Result<T, ClientError> {
        self.ask(Method::DELETE, path, query, most).await
    }

    /// What it answers to `POST path?query` without a body. Sent once.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        most: usize,
    ) -> Result<T, ClientError> {
        self.ask(Method::POST, path, query, most).await
    }

    /// What it tells at `GET path?query`, line by line, for as long as it tells.
    pub(crate) async fn lines(
        self: &Arc<Self>,
        path: &str,
        query: &[(&str, &str)],
        longest: usize,
    ) -> Result<Lines, ClientError> {
        let mut response = self.send(Method::GET, path, query).await?;
        if response.status() != StatusCode::OK {
            return Err(self.refusal(path, &mut response).await);
        }
        Ok(Lines::new(Arc::clone(self), response, path, longest))
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        most: usize,
    ) -> Result<T, ClientError> {
        let mut response = self.send(method, path, query).await?;
        // What is made is answered with 201, and without a body.
        if !matches!(response.status(), StatusCode::OK | StatusCode::CREATED) {
            return Err(self.refusal(path, &mut response).await);
        }
        let body = self.body(path, &mut response, most).await?;
        let body = if body.is_empty() { b"null" } else { body.as_slice() };
        serde_json::from_slice(body).map_err(|error| self.unreadable(path, error.to_string()))
    }

    async fn send(&self, method: Method, path: &str, query: &[(&str, &str)]) -> Result<Response, ClientError> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path.split('/'));
        }
        let request = self.http.request(method, url).query(query);
        request.send().await.map_err(|error| self.failed(path, &error))
    }

    async fn refusal(&self, path: &str, response: &mut Response) -> ClientError {
        let body = self.body(path, response, REFUSAL_BYTES).await;
        self.refused(path, response.status(), &body.unwrap_or_default())
    }

    async fn body(&self, what: &str, response: &mut Response, most: usize) -> Result<Vec<u8>, ClientError> {
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| self.failed(what, &error))? {
            if piece.len() > most - body.len() {
                return Err(self.too_large(what, most));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    pub(super) fn too_large(&self, what: &str, most: usize) -> ClientError {
        ClientError::TooLarge {
            place: self.place.clone(),
            what: legible(what),
            most,
        }
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

    pub(super) fn failed(&self, what: &str, error: &reqwest::Error) -> ClientError {
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
