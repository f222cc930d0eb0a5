//! Fetches one bearer token from a token service, and knows how long it is good for.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE, HeaderValue};
use http::{Method, StatusCode};
use jiff::Timestamp;
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;
use url::form_urlencoded::Serializer;

use super::auth::{basic, basic_header, sensitive};
use super::credentials::Credentials;
use super::error::{ErrorKind, OciErrors};
use super::http::{Failure, Request, Response, Transport};
use super::limiter::Limiter;
use super::retry::http_date;

/// The longest answer of a token service, in bytes; a token for many actions has some ten thousand.
const MAX_ANSWER_BYTES: u64 = 1024 * 1024;

/// How long a token is good for where the service does not say (Token Authentication Specification, "expires_in").
const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);

/// A token is asked for anew this long before its end, or a quarter of its life before, whichever is shorter.
const MARGIN: Duration = Duration::from_secs(10);

/// The name under which refresh tokens are used.
const CLIENT_ID: &str = "jettison";

/// A bearer token, as the header to send.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) header: HeaderValue,
    fetched_at: Instant,
    good_until: Instant,
}

impl Token {
    /// Whether this token does for one who asked at `asked_at`: it is still good, or at least newer than the
    /// question; and it is not the one that was refused.
    pub(crate) fn serves(&self, asked_at: Instant, refused: Option<&HeaderValue>) -> bool {
        let good = self.good_until > Instant::now() || self.fetched_at >= asked_at;
        good && Some(&self.header) != refused
    }
}

/// Where to ask, and as whom.
pub(crate) struct TokenRequest<'a> {
    pub(crate) realm: &'a Url,
    pub(crate) service: Option<&'a str>,
    pub(crate) credentials: &'a Credentials,
}

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<f64>,
    issued_at: Option<String>,
}

impl TokenRequest<'_> {
    /// A token for `scopes`.
    pub(crate) async fn send(
        &self,
        transport: &Transport,
        limiter: &Limiter,
        scopes: &[String],
    ) -> Result<Token, Failure> {
        let mut secrets: Vec<String> = self
            .credentials
            .secret()
            .map(|secret| secret.expose().to_owned())
            .into_iter()
            .collect();
        let response = match self.credentials {
            Credentials::IdentityToken { .. } => {
                let posted = transport.send(limiter, &self.post(scopes)).await?;
                match self.get_instead(&posted, scopes) {
                    Some(get) => transport.send(limiter, &get).await?,
                    None => posted,
                }
            }
            _ => {
                let get = self.get(scopes, basic(self.credentials));
                secrets.extend(get.authorization.iter().filter_map(payload));
                transport.send(limiter, &get).await?
            }
        };
        match response.status {
            StatusCode::OK => self.read(&response),
            _ => Err(self.refusal(&response, &secrets)),
        }
    }

    /// "Token Authentication Specification", section "Requesting a Token".
    fn get(&self, scopes: &[String], authorization: Option<HeaderValue>) -> Request {
        let mut url = self.realm.clone();
        {
            let mut query = url.query_pairs_mut();
            query.extend_pairs(self.service.map(|service| ("service", service)));
            query.extend_pairs(scopes.iter().map(|scope| ("scope", scope)));
            if let Credentials::Password { username, .. } = self.credentials {
                query.append_pair("account", username);
            }
        }
        Request {
            authorization,
            max_bytes: MAX_ANSWER_BYTES,
            ..Request::new(Method::GET, url)
        }
    }

    /// "Token Authentication: OAuth2", with the stored token as refresh token.
    fn post(&self, scopes: &[String]) -> Request {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "refresh_token")
            .append_pair("client_id", CLIENT_ID);
        form.append_pair("service", self.service.unwrap_or_default())
            .append_pair("scope", &scopes.join(" "));
        if let Credentials::IdentityToken { token, .. } = self.credentials {
            form.append_pair("refresh_token", token.expose());
        }
        let mut request = Request::new(Method::POST, self.realm.clone());
        request.headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        request.body = Bytes::from(form.finish());
        request.max_bytes = MAX_ANSWER_BYTES;
        request
    }

    /// Services that know no OAuth2 answer 404 or 405, Artifactory 401: they take the token as a password.
    fn get_instead(&self, posted: &Response, scopes: &[String]) -> Option<Request> {
        let Credentials::IdentityToken { username, token } = self.credentials else {
            return None;
        };
        let unknown = matches!(posted.status.as_u16(), 401 | 404 | 405);
        let named = !username.is_empty() && username != "<token>";
        (unknown && named).then(|| self.get(scopes, basic_header(username, token)))
    }

    fn read(&self, response: &Response) -> Result<Token, Failure> {
        let strange = |why: &str| Failure::new(ErrorKind::Protocol, format!("{} {why}", self.name()));
        // The body holds a secret: what is wrong with it is not repeated.
        let answer: Answer = serde_json::from_slice(&response.body).map_err(|_| strange("did not answer with JSON"))?;
        let token = answer.token.filter(|token| !token.is_empty()).or(answer.access_token);
        let token = token
            .filter(|token| !token.is_empty())
            .ok_or_else(|| strange("answered without a token"))?;
        let header = sensitive(&format!("Bearer {token}")).ok_or_else(|| strange("answered with no legal token"))?;
        let lifetime = match answer.expires_in {
            Some(seconds) if seconds > 0.0 => Duration::from_secs_f64(seconds.min(86_400.0)),
            _ => DEFAULT_LIFETIME,
        };
        let left = lifetime.saturating_sub(age(response, answer.issued_at.as_deref()));
        let fetched_at = Instant::now();
        Ok(Token {
            header,
            fetched_at,
            good_until: fetched_at + left.saturating_sub(MARGIN.min(left / 4)),
        })
    }

    fn refusal(&self, response: &Response, secrets: &[String]) -> Failure {
        let errors = OciErrors::parse(&response.body);
        let anonymous = *self.credentials == Credentials::Anonymous;
        let kind = match response.status.as_u16() {
            // An OAuth2 service answers 400 to a refresh token that is not good (RFC 6749, section 5.2).
            400 | 401 => ErrorKind::Unauthenticated,
            403 if anonymous => ErrorKind::Unauthenticated,
            _ => match errors.kind(response.status) {
                ErrorKind::NotFound => ErrorKind::Protocol,
                kind => kind,
            },
        };
        let who = if anonymous {
            "and no credentials were found"
        } else {
            "to the credentials that were found"
        };
        let detail = format!(
            "asked {} for a token, {} {who}",
            self.name(),
            errors.describe(response.status, secrets)
        );
        Failure::new(kind, detail)
    }

    fn name(&self) -> String {
        format!("the token service {}", self.realm.host_str().unwrap_or_default())
    }
}

/// What follows the scheme of an authorization.
pub(crate) fn payload(header: &HeaderValue) -> Option<String> {
    header
        .to_str()
        .ok()?
        .split_once(' ')
        .map(|(_, payload)| payload.to_owned())
}

/// How old a token is already: services hand out stored ones. By the service's own clock, not by ours.
fn age(response: &Response, issued_at: Option<&str>) -> Duration {
    let issued_at = issued_at.and_then(|text| text.parse::<Timestamp>().ok());
    let now = response
        .headers
        .get(DATE)
        .and_then(|date| http_date(date.to_str().ok()?));
    match (issued_at, now) {
        (Some(issued_at), Some(now)) => Duration::try_from(now.duration_since(issued_at)).unwrap_or_default(),
        _ => Duration::ZERO,
    }
}
