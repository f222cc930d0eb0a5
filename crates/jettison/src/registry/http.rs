//! One HTTP exchange with a registry: bounded in time and size, tried again where that is harmless,
//! redirected by our own rules. Knows nothing of what is asked, nor where credentials come from.

use std::error::Error as _;
use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use bytes::{Bytes, BytesMut};
use http::header::{AUTHORIZATION, HeaderValue, LOCATION};
use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;
use reqwest::{Certificate, ClientBuilder, Identity, redirect};
use url::Url;

use super::connection::is_loopback;
use super::error::ErrorKind;
use super::limiter::Limiter;
use super::retry::{Patience, Setback, is_retriable, is_throttle, retry_after};
use super::{Connection, Limits};

/// What to send.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    /// Sent to the origin of `url` only.
    pub(crate) authorization: Option<HeaderValue>,
    pub(crate) body: Bytes,
    /// The largest body of a success, in bytes.
    pub(crate) max_bytes: u64,
    /// Whether the beginning of a success is all that is wanted: a longer body is cut at `max_bytes`, its rest unread.
    pub(crate) cut: bool,
    /// Whether doing it twice is as good as doing it once.
    pub(crate) idempotent: bool,
    /// Whether redirects of a GET or HEAD are followed.
    pub(crate) redirects: bool,
}

impl Request {
    pub(crate) fn new(method: Method, url: Url) -> Self {
        let idempotent = method != Method::POST;
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            authorization: None,
            body: Bytes::new(),
            max_bytes: 0,
            cut: false,
            idempotent,
            redirects: true,
        }
    }
}

/// What came back, whatever its status; the body of an error is cut at its limit.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// It comes from another origin than the one that was asked, by a redirect.
    pub(crate) elsewhere: bool,
}

/// Why nothing usable came back.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    pub(crate) detail: String,
    absence: Option<Absence>,
}

/// How nothing came back at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Absence {
    /// Not in time.
    TimedOut,
    /// Nobody listens there.
    Refused,
    /// The connection failed, or ended before an answer began.
    Cut,
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            absence: None,
        }
    }

    /// The error and its sources in one line, without its URL: that may be signed.
    fn network(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let mut absence = error.is_timeout().then_some(Absence::TimedOut);
        let mut detail = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !detail.contains(&text) {
                detail = format!("{detail}: {text}");
            }
            let refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
            if cause.downcast_ref().is_some_and(refused) {
                absence = Some(Absence::Refused);
            }
            source = cause.source();
        }
        Self {
            absence,
            ..Self::new(ErrorKind::Transient, detail)
        }
    }

    /// What this is to the next try, at a host that has answered before or has not.
    fn setback(&self, has_answered: bool) -> Setback {
        match self.absence {
            Some(Absence::Refused) if has_answered => Setback::Down,
            Some(Absence::TimedOut) => Setback::Silent,
            _ => Setback::Failed,
        }
    }
}

/// The HTTP clients of one registry.
#[derive(Debug)]
pub(crate) struct Transport {
    connection: Connection,
    base: Url,
    /// For the registry itself: shows the client certificate.
    home: reqwest::Client,
    /// For token services and storage.
    away: reqwest::Client,
}

impl Transport {
    pub(crate) fn new(connection: &Connection) -> Result<Self, Failure> {
        let base = connection
            .base()
            .map_err(|error| configuration(format!("its address: {error}")))?;
        if !connection.permits(&base) {
            return Err(configuration(
                "plain HTTP is refused for hosts other than this one".to_owned(),
            ));
        }
        let away = build(client(connection, &base)?)?;
        let home = match identity(connection)? {
            Some(identity) => build(client(connection, &base)?.identity(identity))?,
            None => away.clone(),
        };
        Ok(Self {
            connection: connection.clone(),
            base,
            home,
            away,
        })
    }

    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    fn limits(&self) -> &Limits {
        &self.connection.limits
    }

    /// Sends a request, again if need be, and gives back the last answer or failure.
    pub(crate) async fn send(&self, limiter: &Limiter, request: &Request) -> Result<Response, Failure> {
        let health = limiter.health();
        let begun = health.answers();
        let mut patience = Patience::new(self.limits());
        loop {
            let permit = limiter.acquire().await;
            health.check()?;
            let outcome = self.exchange(request).await;
            let (setback, asked) = match &outcome {
                Ok(response) => {
                    health.answered();
                    if !is_retriable(response.status) {
                        permit.succeeded();
                        return outcome;
                    }
                    let throttled = is_throttle(response.status);
                    let setback = if throttled { Setback::Throttled } else { Setback::Failed };
                    (setback, retry_after(&response.headers, Timestamp::now()))
                }
                Err(failure) if failure.kind == ErrorKind::Transient => (failure.setback(health.has_answered()), None),
                Err(_) => return outcome,
            };
            // A pause that nobody will sit out is not begun.
            let endured = asked.filter(|asked| *asked <= self.limits().pause_cap && health.grants(*asked));
            let wait = if request.idempotent && asked.is_some() == endured.is_some() {
                patience.next(setback, asked)
            } else {
                None
            };
            match setback {
                Setback::Throttled => permit.throttled(endured),
                _ => drop(permit),
            }
            let Some(wait) = wait else {
                let exhausted = asked.is_some() && (request.idempotent || endured.is_none());
                match &outcome {
                    Ok(response) if exhausted || (request.idempotent && response.status == 429) => {
                        health.refuses(asked)
                    }
                    Err(failure) if request.idempotent && failure.absence.is_some() => health.silent(begun, failure),
                    _ => {}
                }
                return outcome;
            };
            tokio::time::sleep(wait).await;
        }
    }
    /// One try: the request and the redirects it leads to.
    async fn exchange(&self, request: &Request) -> Result<Response, Failure> {
        let mut url = request.url.clone();
        let mut authorization = request.authorization.clone();
        for _ in 0..=self.limits().redirects {
            let response = self.once(request, &url, authorization.as_ref()).await?;
            let Some(target) = self.redirect(request, &url, &response)? else {
                let elsewhere = url.origin() != request.url.origin();
                return Ok(Response {
                    elsewhere,
                    ..self.read(request, response).await?
                });
            };
            if target.origin() != url.origin() {
                authorization = None;
            }
            url = target;
        }
        Err(Failure::new(
            ErrorKind::Protocol,
            format!("more than {} redirects", self.limits().redirects),
        ))
    }

    async fn once(
        &self,
        request: &Request,
        url: &Url,
        authorization: Option<&HeaderValue>,
    ) -> Result<reqwest::Response, Failure> {
        let client = if url.origin() == self.base.origin() {
            &self.home
        } else {
            &self.away
        };
        let mut builder = client
            .request(request.method.clone(), url.clone())
            .headers(request.headers.clone());
        if let Some(authorization) = authorization {
            builder = builder.header(AUTHORIZATION, authorization);
        }
        if !request.body.is_empty() {
            builder = builder.body(request.body.clone());
        }
        builder.send().await.map_err(|error| {
            let failure = Failure::network(error);
            Failure {
                absence: failure.absence.or(Some(Absence::Cut)),
                ..failure
            }
        })
    }

    /// Where a redirect leads, if this answer is one that is followed.
    fn redirect(&self, request: &Request, from: &Url, response: &reqwest::Response) -> Result<Option<Url>, Failure> {
        let redirects = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
        let follows = request.redirects && matches!(request.method, Method::GET | Method::HEAD);
        if !redirects || !follows {
            return Ok(None);
        }
        let refuse = |why: &str| Failure::new(ErrorKind::Protocol, format!("a redirect {why}"));
        let location = response
            .headers()
            .get(LOCATION)
            .ok_or_else(|| refuse("without a Location"))?;
        let location = location.to_str().map_err(|_| refuse("to no legal URL"))?;
        let target = from.join(location).map_err(|_| refuse("to no legal URL"))?;
        if from.scheme() == "https" && target.scheme() != "https" {
            return Err(refuse("from HTTPS to something less, which is refused"));
        }
        if !self.connection.permits(&target) {
            return Err(refuse("to plain HTTP on another host, which is refused"));
        }
        if !target.username().is_empty() || target.password().is_some() {
            return Err(refuse("with credentials in its URL, which is refused"));
        }
        Ok(Some(target))
    }

    async fn read(&self, request: &Request, mut response: reqwest::Response) -> Result<Response, Failure> {
        let status = response.status();
        let limit = if status.is_success() {
            request.max_bytes
        } else {
            self.limits().error_bytes
        };
        let too_large = || Failure::new(ErrorKind::TooLarge, format!("the answer is longer than {limit} bytes"));
        // The length that a HEAD announces is that of a body which does not come.
        let announced = response.content_length().filter(|_| request.method != Method::HEAD);
        let whole = status.is_success() && !request.cut;
        if whole && announced.is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let headers = std::mem::take(response.headers_mut());
        let mut body = BytesMut::new();
        loop {
            let piece = match response.chunk().await {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                // It announced content, and broke off before the first byte: there is none.
                Err(error) if request.cut && body.is_empty() && !error.is_timeout() => break,
                Err(error) => return Err(Failure::network(error)),
            };
            let room = usize::try_from(limit).unwrap_or(usize::MAX) - body.len();
            if piece.len() > room && whole {
                return Err(too_large());
            }
            body.extend_from_slice(&piece[..piece.len().min(room)]);
            if body.len() as u64 == limit && !whole {
                break;
            }
        }
        Ok(Response {
            status,
            headers,
            body: body.freeze(),
            elsewhere: false,
        })
    }
}

fn configuration(detail: String) -> Failure {
    Failure::new(ErrorKind::Configuration, detail)
}

fn build(builder: ClientBuilder) -> Result<reqwest::Client, Failure> {
    builder
        .build()
        .map_err(|error| configuration(format!("the HTTP client: {}", Failure::network(error).detail)))
}

fn client(connection: &Connection, base: &Url) -> Result<ClientBuilder, Failure> {
    let limits = &connection.limits;
    let mut builder = ClientBuilder::new()
        .user_agent(concat!("jettison/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(limits.connect_timeout)
        .read_timeout(limits.idle_timeout)
        .timeout(limits.request_timeout)
        .pool_idle_timeout(Duration::from_secs(60))
        // Mozilla's authorities are built in: without a CA bundle on the machine there would be no client.
        .tls_certs_merge(authorities(connection.ca_file.as_deref())?);
    if is_loopback(base) {
        builder = builder.no_proxy();
    }
    Ok(builder)
}

fn authorities(ca_file: Option<&Path>) -> Result<Vec<Certificate>, Failure> {
    let built_in = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    let mut certificates: Vec<Certificate> = built_in.filter_map(|der| Certificate::from_der(der).ok()).collect();
    if let Some(path) = ca_file {
        certificates.extend(authorities_in(path)?);
    }
    Ok(certificates)
}

/// The authorities that a PEM file holds, which are at least one.
pub(crate) fn authorities_in(path: &Path) -> Result<Vec<Certificate>, Failure> {
    let named = |why: String| configuration(format!("the CA file {}: {why}", path.display()));
    let pem = fs::read(path).map_err(|error| named(error.to_string()))?;
    let own = Certificate::from_pem_bundle(&pem).map_err(|_| named("not a PEM certificate".to_owned()))?;
    match own.is_empty() {
        true => Err(named("it holds no PEM certificate".to_owned())),
        false => Ok(own),
    }
}

fn identity(connection: &Connection) -> Result<Option<Identity>, Failure> {
    let certificate = connection.client_certificate.as_deref();
    certificate
        .map(|certificate| identity_in(certificate, connection.client_key.as_deref()))
        .transpose()
}

/// A client certificate and its key, from one PEM file or two.
pub(crate) fn identity_in(certificate: &Path, key: Option<&Path>) -> Result<Identity, Failure> {
    let read = |path: &Path| {
        fs::read(path).map_err(|error| configuration(format!("the client certificate {}: {error}", path.display())))
    };
    let mut pem = read(certificate)?;
    if let Some(key) = key {
        pem.push(b'\n');
        pem.extend(read(key)?);
    }
    let unusable = |_| {
        configuration(format!(
            "the client certificate {}: not a PEM pair",
            certificate.display()
        ))
    };
    Identity::from_pem(&pem).map_err(unusable)
}

#[cfg(test)]
mod tests;
