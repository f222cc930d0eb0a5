//! Who may call what: Basic, or bearer tokens from `/token` (Distribution, "Docker Registry v2 authentication
//! via central service" and "Docker Registry v2 Bearer token specification"; OAuth2 form included).

use std::collections::HashMap;
use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::json;
use url::form_urlencoded;

use super::endpoint::Endpoint;
use super::error::Refusal;
use super::handle::Handle;
use super::options::Auth;
use super::reply::Reply;
use super::tokens::{Rejected, Scope};

const SERVICE: &str = "testkit";

/// Lets the request pass or answers with a challenge.
pub(super) fn check(registry: &Handle, endpoint: &Endpoint, parts: &Parts) -> Result<(), Box<Response>> {
    match &registry.options().auth {
        Auth::None => Ok(()),
        Auth::Basic { user, password } if basic(&parts.headers) == Some((user.clone(), password.clone())) => Ok(()),
        Auth::Basic { .. } => Err(Box::new(challenge(&format!("Basic realm=\"{SERVICE}\"")))),
        Auth::Token { .. } => bearer(registry, endpoint, parts),
    }
}

fn bearer(registry: &Handle, endpoint: &Endpoint, parts: &Parts) -> Result<(), Box<Response>> {
    let needed = needed(endpoint, &parts.method);
    let given = authorization(&parts.headers, "bearer");
    let verdict = given.map(|token| registry.state().tokens.check(token, needed.as_ref()));
    let error = match verdict {
        Some(Ok(())) => return Ok(()),
        Some(Err(Rejected::Scope)) => ",error=\"insufficient_scope\"",
        Some(Err(Rejected::Invalid)) => ",error=\"invalid_token\"",
        None => "",
    };
    let scope = needed
        .map(|scope| format!(",scope=\"{}\"", scope.text()))
        .unwrap_or_default();
    let realm = format!("{}/token", registry.url());
    Err(Box::new(challenge(&format!(
        "Bearer realm=\"{realm}\",service=\"{SERVICE}\"{scope}{error}"
    ))))
}

/// Whether the caller may also pull from `repository`, of which a mount wants a blob.
pub(super) fn may_pull(registry: &Handle, parts: &Parts, repository: &str) -> bool {
    let Auth::Token { .. } = registry.options().auth else {
        return true;
    };
    let needed = Scope::new("repository", repository, &["pull"]);
    let token = authorization(&parts.headers, "bearer");
    token.is_some_and(|token| registry.state().tokens.check(token, Some(&needed)).is_ok())
}

fn needed(endpoint: &Endpoint, method: &Method) -> Option<Scope> {
    if *endpoint == Endpoint::Catalog {
        return Some(Scope::new("registry", "catalog", &["*"]));
    }
    let upload = matches!(endpoint, Endpoint::Uploads { .. } | Endpoint::Upload { .. });
    let actions: &[&str] = match *method {
        Method::GET | Method::HEAD if !upload => &["pull"],
        Method::DELETE if !upload => &["delete"],
        _ => &["pull", "push"],
    };
    endpoint
        .repository()
        .map(|name| Scope::new("repository", name, actions))
}

/// `GET /token`: Basic or anonymous. `POST /token`: the OAuth2 form.
pub(super) fn token(registry: &Handle, parts: &Parts, body: &[u8]) -> Response {
    let Auth::Token {
        user,
        password,
        expires_in,
        anonymous_pull,
    } = &registry.options().auth
    else {
        return Refusal::not_found().into_response();
    };
    let owner = (user.clone(), password.clone());
    let query = parts.uri.query().unwrap_or_default();
    let form = if parts.method == Method::POST {
        Form::of(body)
    } else {
        Form::of(query.as_bytes())
    };
    let known = match parts.method {
        Method::POST => form.proves(registry, &owner),
        _ => basic(&parts.headers).map(|given| given == owner),
    };
    let scopes = match known {
        Some(true) => form.scopes(),
        None if *anonymous_pull => form.scopes().iter().filter_map(pull_only).collect(),
        Some(false) | None => {
            return Refusal::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "bad credentials").into_response();
        }
    };
    let offline = known == Some(true) && form.wants_refresh_token();
    issue(registry, scopes, *expires_in, offline)
}

fn issue(registry: &Handle, scopes: Vec<Scope>, lifetime: Duration, offline: bool) -> Response {
    let granted: Vec<String> = scopes.iter().map(Scope::text).collect();
    let mut state = registry.state();
    let token = state.tokens.issue(scopes, lifetime);
    let mut answer = json!({
        "token": token, "access_token": token, "expires_in": lifetime.as_secs(), "scope": granted.join(" "),
        "issued_at": jiff::Timestamp::now().to_string(),
    });
    if offline {
        answer["refresh_token"] = state.tokens.issue_refresh().into();
    }
    Reply::json(&answer).into_response()
}

/// The parameters of a token request; `scope` may stand several times.
struct Form {
    scopes: Vec<String>,
    rest: HashMap<String, String>,
}

impl Form {
    fn of(text: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(text).into_owned();
        let (scopes, rest): (Vec<_>, Vec<_>) = pairs.partition(|(key, _)| key == "scope");
        Self {
            scopes: scopes.into_iter().map(|(_, scope)| scope).collect(),
            rest: rest.into_iter().collect(),
        }
    }

    fn get(&self, key: &str) -> &str {
        self.rest.get(key).map_or("", String::as_str)
    }

    fn scopes(&self) -> Vec<Scope> {
        self.scopes
            .iter()
            .flat_map(|scopes| scopes.split(' '))
            .filter_map(Scope::parse)
            .collect()
    }

    /// Whether the OAuth2 form proves the user: a password or a refresh token.
    fn proves(&self, registry: &Handle, owner: &(String, String)) -> Option<bool> {
        match self.get("grant_type") {
            "password" => Some((self.get("username"), self.get("password")) == (owner.0.as_str(), owner.1.as_str())),
            "refresh_token" => Some(registry.state().tokens.is_refresh(self.get("refresh_token"))),
            _ => Some(false),
        }
    }

    fn wants_refresh_token(&self) -> bool {
        self.get("access_type") == "offline" || self.get("offline_token") == "true"
    }
}

fn pull_only(scope: &Scope) -> Option<Scope> {
    let pulls = scope.kind == "repository" && scope.actions.iter().any(|action| action == "pull" || action == "*");
    pulls.then(|| Scope::new(&scope.kind, &scope.name, &["pull"]))
}

fn challenge(value: &str) -> Response {
    let refusal = Refusal::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "authentication required");
    Reply::from(refusal.into_response())
        .header(header::WWW_AUTHENTICATE, value)
        .into_response()
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let decoded = STANDARD.decode(authorization(headers, "basic")?).ok()?;
    let (user, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

fn authorization<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let (given, value) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then_some(value.trim())
}
