//! Answers a registry's challenges: Basic, or a bearer token from the token service that it names
//! (distribution's "Token Authentication Specification" and its OAuth2 form).
//!
//! Tokens are kept per scope, and one request a scope is in flight. Credentials go to the registry and
//! to a token service that is safe to speak to, and nowhere else.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use http::{HeaderMap, HeaderValue};
use jettison_core::model::RepositoryName;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use url::Url;

use super::challenge::challenges;
use super::connection::{Secret, is_loopback};
use super::credentials::{CredentialError, CredentialStore, Credentials, Logins};
use super::error::{ErrorKind, excerpt};
use super::http::{Failure, Transport};
use super::limiter::Limiter;
use super::token::{Token, TokenRequest};

/// What a call wants to do (distribution, "Token Scope Documentation").
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    Catalog,
    Pull(RepositoryName),
    Delete(RepositoryName),
    Push(RepositoryName),
}

impl Scope {
    fn repository(&self) -> Option<&RepositoryName> {
        match self {
            Self::Catalog => None,
            Self::Pull(name) | Self::Delete(name) | Self::Push(name) => Some(name),
        }
    }

    /// Type and name of the resource, with a colon behind.
    fn resource(&self) -> String {
        match self.repository() {
            None => "registry:catalog:".to_owned(),
            Some(name) => format!("repository:{name}:"),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let actions = match self {
            Self::Catalog => "*",
            Self::Pull(_) => "pull",
            Self::Delete(_) => "pull,delete",
            Self::Push(_) => "pull,push",
        };
        write!(f, "{}{actions}", self.resource())
    }
}

/// How the registry wants to be asked.
#[derive(Debug, Clone)]
enum Scheme {
    Basic,
    Bearer { realm: Url, service: Option<String> },
}

/// Credentials that were looked for once.
type Found = OnceCell<Result<Credentials, CredentialError>>;

/// One registry's credentials and tokens.
pub(crate) struct Authenticator {
    transport: Arc<Transport>,
    /// For the token service: it is another host than the registry.
    limiter: Limiter,
    store: CredentialStore,
    logins: OnceLock<Result<Logins, CredentialError>>,
    /// By repository where they differ, else under `None`.
    credentials: Mutex<HashMap<Option<RepositoryName>, Arc<Found>>>,
    scheme: Mutex<Option<Scheme>>,
    tokens: Mutex<HashMap<Scope, Arc<tokio::sync::Mutex<Slot>>>>,
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").finish_non_exhaustive()
    }
}

/// The token of one scope.
#[derive(Default)]
struct Slot {
    /// What the registry asked for beyond the scope itself.
    extra: BTreeSet<String>,
    token: Option<Token>,
    failed: Option<(Instant, Failure)>,
}

impl Authenticator {
    pub(crate) fn new(transport: Arc<Transport>) -> Self {
        let connection = transport.connection();
        Self {
            limiter: Limiter::new(&connection.limits),
            store: CredentialStore::new(connection),
            transport,
            logins: OnceLock::new(),
            credentials: Mutex::default(),
            scheme: Mutex::default(),
            tokens: Mutex::default(),
        }
    }

    /// What to send along, as far as it is known before the registry asks.
    pub(crate) async fn authorization(&self, scope: &Scope) -> Result<Option<HeaderValue>, Failure> {
        let scheme = lock(&self.scheme).clone();
        match scheme {
            None => Ok(None),
            Some(scheme) => self.answer(scope, &scheme, None, BTreeSet::new()).await,
        }
    }

    /// What to send after a 401, or `None` where there is nothing better than what was `refused`.
    pub(crate) async fn renewed(
        &self,
        scope: &Scope,
        headers: &HeaderMap,
        refused: Option<&HeaderValue>,
    ) -> Result<Option<HeaderValue>, Failure> {
        let (scheme, asked) = self.challenge(headers)?;
        *lock(&self.scheme) = Some(scheme.clone());
        // A registry may ask for other actions than ours (GitLab: `*`), but for no other resource.
        let own = |asked: &&str| asked.starts_with(&scope.resource()) && **asked != scope.to_string();
        let extra = asked.split_whitespace().filter(own).map(str::to_owned).collect();
        let renewed = self.answer(scope, &scheme, refused, extra).await?;
        Ok(renewed.filter(|renewed| Some(renewed) != refused))
    }

    /// Everything secret that a call with this scope may have sent besides its header.
    pub(crate) async fn secret(&self, scope: &Scope) -> Option<Secret> {
        self.credentials(scope).await.ok()?.secret().cloned()
    }

    /// The token service that a 401 leads to; `None` where it asks for a password.
    #[cfg(feature = "fuzzing")]
    pub(super) fn token_service(&self, headers: &HeaderMap) -> Result<Option<Url>, Failure> {
        Ok(match self.challenge(headers)? {
            (Scheme::Bearer { realm, .. }, _) => Some(realm),
            (Scheme::Basic, _) => None,
        })
    }

    /// The challenge to answer: a token before a password. With it the scope that the registry asks for.
    fn challenge(&self, headers: &HeaderMap) -> Result<(Scheme, String), Failure> {
        let challenges = challenges(headers);
        let bearer = challenges.iter().filter(|challenge| challenge.scheme == "bearer");
        if let Some((challenge, realm)) = bearer
            .filter_map(|found| Some((found, found.parameter("realm")?)))
            .next()
        {
            let realm = self.realm(realm)?;
            let service = challenge.parameter("service").map(str::to_owned);
            return Ok((
                Scheme::Bearer { realm, service },
                challenge.parameter("scope").unwrap_or_default().to_owned(),
            ));
        }
        if challenges.iter().any(|challenge| challenge.scheme == "basic") {
            return Ok((Scheme::Basic, String::new()));
        }
        let offered: Vec<&str> = challenges.iter().map(|challenge| challenge.scheme.as_str()).collect();
        let detail = match offered.as_slice() {
            [] => "it answered 401 without saying how to log in".to_owned(),
            offered => format!(
                "it offers no way to log in that jettison speaks, but {}",
                excerpt(&offered.join(", "))
            ),
        };
        Err(Failure::new(ErrorKind::Unauthenticated, detail))
    }

    /// The token service, if it may be trusted with what is said to it. It is often another host
    /// (auth.docker.io), and as with Docker the registry is believed about that; but nothing is sent
    /// in the clear unless the registry itself is spoken to so, on this machine or by the user's wish.
    fn realm(&self, text: &str) -> Result<Url, Failure> {
        let refuse = |why: &str| Failure::new(ErrorKind::Protocol, format!("it names a token service {why}"));
        let realm = self.transport.base().join(text).map_err(|_| refuse("that is no URL"))?;
        if !realm.username().is_empty() || realm.password().is_some() {
            return Err(refuse("with credentials in its URL, which is refused"));
        }
        let base = self.transport.base();
        let clear_by_wish = self.transport.connection().plain_http == Some(true) && realm.host() == base.host();
        let clear_is_safe = base.scheme() == "http" && ((is_loopback(base) && is_loopback(&realm)) || clear_by_wish);
        match realm.scheme() {
            "https" => Ok(realm),
            "http" if clear_is_safe => Ok(realm),
            _ => Err(refuse("that is not HTTPS: credentials are not sent there")),
        }
    }

    async fn answer(
        &self,
        scope: &Scope,
        scheme: &Scheme,
        refused: Option<&HeaderValue>,
        extra: BTreeSet<String>,
    ) -> Result<Option<HeaderValue>, Failure> {
        let credentials = self.credentials(scope).await?;
        match scheme {
            Scheme::Basic => Ok(basic(&credentials)),
            Scheme::Bearer { realm, service } => {
                let request = TokenRequest {
                    realm,
                    service: service.as_deref(),
                    credentials: &credentials,
                };
                self.bearer(scope, request, refused, extra).await.map(Some)
            }
        }
    }

    async fn bearer(
        &self,
        scope: &Scope,
        request: TokenRequest<'_>,
        refused: Option<&HeaderValue>,
        extra: BTreeSet<String>,
    ) -> Result<HeaderValue, Failure> {
        let asked_at = Instant::now();
        let slot = Arc::clone(lock(&self.tokens).entry(scope.clone()).or_default());
        let mut slot = slot.lock().await;
        let known = slot.extra.len();
        slot.extra.extend(extra);
        let enough = slot.extra.len() == known;
        if let Some(token) = slot
            .token
            .as_ref()
            .filter(|token| enough && token.serves(asked_at, refused))
        {
            return Ok(token.header.clone());
        }
        // Those who waited while a request failed share its failure, or each would try a wrong password again.
        if let Some((_, failure)) = slot.failed.as_ref().filter(|(at, _)| *at >= asked_at) {
            return Err(failure.clone());
        }
        let scopes: Vec<String> = std::iter::once(scope.to_string())
            .chain(slot.extra.iter().cloned())
            .collect();
        match request.send(&self.transport, &self.limiter, &scopes).await {
            Ok(token) => {
                let header = token.header.clone();
                slot.token = Some(token);
                Ok(header)
            }
            Err(failure) => {
                slot.failed = Some((Instant::now(), failure.clone()));
                Err(failure)
            }
        }
    }

    /// Looks once, when they are first needed: helpers may be slow, and may ask somebody.
    async fn credentials(&self, scope: &Scope) -> Result<Credentials, Failure> {
        let failed = |error: &CredentialError| Failure::new(ErrorKind::Configuration, error.to_string());
        let logins = self.logins.get_or_init(|| self.store.load()).as_ref().map_err(failed)?;
        let repository = scope.repository().filter(|_| logins.differ_by_repository());
        let cell = Arc::clone(lock(&self.credentials).entry(repository.cloned()).or_default());
        let found = cell.get_or_init(|| logins.find(repository)).await;
        found.clone().map_err(|error| failed(&error))
    }
}

/// The Basic header for a password (RFC 7617); an identity token is no password.
pub(crate) fn basic(credentials: &Credentials) -> Option<HeaderValue> {
    match credentials {
        Credentials::Password { username, password } => basic_header(username, password),
        _ => None,
    }
}

pub(crate) fn basic_header(username: &str, secret: &Secret) -> Option<HeaderValue> {
    let pair = BASE64_STANDARD.encode(format!("{username}:{}", secret.expose()));
    sensitive(&format!("Basic {pair}"))
}

/// A header value that does not print itself.
pub(crate) fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Only whole values are put in, so that a panic elsewhere does not spoil them.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
