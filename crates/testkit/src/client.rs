//! The HTTP that pushing and pulling share: one client, the user's credentials, and errors that say what was
//! tried. Written for this test kit's registry and for real ones.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use serde::Deserialize;

/// Why a push or a pull failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client could not be made.
    #[error("no HTTP client")]
    Client(#[source] reqwest::Error),
    /// No answer, or half of one.
    #[error("{method} {path} got no answer")]
    Http {
        /// The method.
        method: Method,
        /// The path.
        path: String,
        /// The cause.
        source: reqwest::Error,
    },
    /// An answer that is not the one expected.
    #[error("{method} {path} answered {status}: {body}")]
    Refused {
        /// The method.
        method: Method,
        /// The path.
        path: String,
        /// The status.
        status: u16,
        /// The start of the body.
        body: String,
    },
    /// Bytes that are not what their digest says, or no manifest.
    #[error("{repository}: {what}")]
    Broken {
        /// The repository.
        repository: String,
        /// What is broken.
        what: String,
    },
}

/// A user of one registry.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    credentials: Option<Credentials>,
    /// Bearer tokens by the scope of the challenge that asked for them.
    tokens: Mutex<HashMap<String, String>>,
}

/// A user and a password; prints neither.
pub(crate) struct Credentials {
    pub(crate) user: String,
    pub(crate) password: String,
}

/// A request that can be sent again.
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(header::HeaderName, &'a str)],
    pub(crate) body: Bytes,
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: String,
}

impl Client {
    pub(crate) fn new(base_url: &str, credentials: Option<Credentials>) -> Result<Self, Error> {
        // Loopback only: neither a proxy nor the certificates of this machine have a say.
        let builder = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        let http = builder.tls_certs_only([]).build().map_err(Error::Client)?;
        let base = base_url.trim_end_matches('/').to_owned();
        Ok(Self {
            http,
            base,
            credentials,
            tokens: Mutex::default(),
        })
    }

    /// Sends the request; any status is an answer. A bearer challenge is met once.
    pub(crate) async fn send(&self, ask: &Ask<'_>) -> Result<Response, Error> {
        // Repositories ask for different scopes, so the token is remembered by what it was asked for.
        let key = format!("{} {}", ask.method, repository_of(ask.path));
        let known = self.token(&key);
        let response = self.try_once(ask, known.as_deref()).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        match self.answer_challenge(&response).await? {
            Some(token) => {
                self.tokens
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(key, token.clone());
                self.try_once(ask, Some(&token)).await
            }
            None => Ok(response),
        }
    }

    /// Sends the request and turns any status but a good one into an error.
    pub(crate) async fn expect(&self, ask: &Ask<'_>) -> Result<Response, Error> {
        let response = self.send(ask).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let body = response.text().await.unwrap_or_default().chars().take(300).collect();
        Err(Error::Refused {
            method: ask.method.clone(),
            path: ask.path.to_owned(),
            status,
            body,
        })
    }

    /// The whole body of a good answer.
    pub(crate) async fn bytes(&self, ask: &Ask<'_>) -> Result<(header::HeaderMap, Bytes), Error> {
        let response = self.expect(ask).await?;
        let headers = response.headers().clone();
        let bytes = response.bytes().await.map_err(|source| no_answer(ask, source))?;
        Ok((headers, bytes))
    }

    fn token(&self, key: &str) -> Option<String> {
        self.tokens
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            .cloned()
    }

    async fn try_once(&self, ask: &Ask<'_>, token: Option<&str>) -> Result<Response, Error> {
        let url = if ask.path.starts_with("http") {
            ask.path.to_owned()
        } else {
            format!("{}{}", self.base, ask.path)
        };
        let mut request = self.http.request(ask.method.clone(), url).body(ask.body.clone());
        for (name, value) in ask.headers {
            request = request.header(name, *value);
        }
        request = match token {
            Some(token) => request.bearer_auth(token),
            None => self.basic(request),
        };
        request.send().await.map_err(|source| no_answer(ask, source))
    }

    fn basic(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.credentials {
            Some(Credentials { user, password }) => request.basic_auth(user, Some(password)),
            None => request,
        }
    }

    /// Fetches the token that a `WWW-Authenticate: Bearer` asks for.
    async fn answer_challenge(&self, response: &Response) -> Result<Option<String>, Error> {
        let challenge = response
            .headers()
            .get(header::WWW_AUTHENTICATE)
            .and_then(|value| value.to_str().ok());
        let Some(parameters) = challenge.and_then(|challenge| challenge.strip_prefix("Bearer ")) else {
            return Ok(None);
        };
        let Some(realm) = parameter(parameters, "realm") else {
            return Ok(None);
        };
        let pairs = ["service", "scope"].map(|key| (key, parameter(parameters, key).unwrap_or_default()));
        let path = realm.to_owned();
        let request = self.basic(self.http.get(realm).query(&pairs));
        let failed = |source| Error::Http {
            method: Method::GET,
            path: path.clone(),
            source,
        };
        let answer = request.send().await.map_err(failed)?;
        if !answer.status().is_success() {
            return Ok(None);
        }
        Ok(Some(answer.json::<TokenAnswer>().await.map_err(failed)?.token))
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials")
    }
}

/// The value of `key="value"` in a challenge.
fn parameter<'a>(parameters: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = parameters.split_once(&format!("{key}=\""))?;
    Some(rest.split_once('"')?.0)
}

fn repository_of(path: &str) -> &str {
    let calls = ["/blobs/", "/manifests/", "/tags/"];
    calls
        .iter()
        .filter_map(|call| path.split_once(call))
        .map(|(before, _)| before)
        .next()
        .unwrap_or(path)
}

fn no_answer(ask: &Ask<'_>, source: reqwest::Error) -> Error {
    Error::Http {
        method: ask.method.clone(),
        path: ask.path.to_owned(),
        source,
    }
}
