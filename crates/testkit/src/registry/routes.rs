//! From a request to an answer: the record, the faults, who may, and then the call itself.

use axum::body::to_bytes;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode, header};

use super::endpoint::Endpoint;
use super::error::Refusal;
use super::faults::Effect;
use super::handle::Handle;
use super::observe::Ticket;
use super::reply::Reply;
use super::server::Connection;
use super::spoil::{self, Instead};
use super::{auth, blobs, lists, manifests, uploads};

/// Bodies beyond this many bytes are refused: everything here is held in memory.
const LARGEST_BODY: usize = 256 << 20;

/// What a call answers.
pub(super) type Answer = Result<Reply, Refusal>;

/// One request.
pub(super) struct Call<'a> {
    pub(super) registry: &'a Handle,
    pub(super) parts: &'a Parts,
    pub(super) body: Bytes,
}

impl Call<'_> {
    pub(super) fn method(&self) -> &Method {
        &self.parts.method
    }

    /// The first value of a query parameter.
    pub(super) fn query(&self, key: &str) -> Option<String> {
        let pairs = url::form_urlencoded::parse(self.parts.uri.query().unwrap_or_default().as_bytes());
        pairs
            .into_iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.into_owned())
    }

    pub(super) fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }
}

/// Serves one request, faults included.
pub(super) async fn serve(
    State(registry): State<Handle>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let endpoint = Endpoint::of(parts.uri.path());
    let arrival = Arrival::of(&registry, &parts, &endpoint);
    if let Some(latency) = registry.options().latency {
        tokio::time::sleep(latency).await;
    }
    let body = to_bytes(body, LARGEST_BODY).await;
    let outcome = match instead(&registry, &parts, &endpoint, &arrival.effects).await {
        Some(outcome) => outcome,
        None => match body {
            Ok(body) => Instead::Answer(answer(&registry, endpoint, &parts, body)),
            Err(_) => Instead::Answer(
                Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID", "body too large").into_response(),
            ),
        },
    };
    arrival.answer(&registry, &connection, &parts.method, outcome).await
}

/// A request that was written down, and what goes wrong on it.
struct Arrival {
    ticket: Ticket,
    effects: Vec<Effect>,
}

impl Arrival {
    fn of(registry: &Handle, parts: &Parts, endpoint: &Endpoint) -> Self {
        let mut state = registry.state();
        let ticket = state.log.arrived(parts, endpoint.class());
        Self {
            ticket,
            effects: state.faults.on(parts.method.as_str(), parts.uri.path()),
        }
    }

    /// What the client gets in the end.
    async fn answer(self, registry: &Handle, connection: &Connection, method: &Method, outcome: Instead) -> Response {
        let swallowed = self.effects.iter().any(|effect| matches!(effect, Effect::ResetAfter));
        let mut response = match outcome {
            Instead::Answer(response) if !swallowed => response,
            Instead::Answer(_) | Instead::Nothing => {
                connection.reset();
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
        };
        for effect in &self.effects {
            response = spoil::after(effect, method, response).await;
        }
        registry.state().log.answered(self.ticket, response.status());
        response
    }
}

async fn instead(registry: &Handle, parts: &Parts, endpoint: &Endpoint, effects: &[Effect]) -> Option<Instead> {
    for effect in effects {
        let outcome = spoil::before(effect, registry, parts, endpoint.class()).await;
        if outcome.is_some() {
            return outcome;
        }
    }
    None
}

fn answer(registry: &Handle, endpoint: Endpoint, parts: &Parts, body: Bytes) -> Response {
    if endpoint == Endpoint::Token {
        return auth::token(registry, parts, &body);
    }
    if let Err(challenge) = auth::check(registry, &endpoint, parts) {
        return *challenge;
    }
    let writes = !matches!(parts.method, Method::GET | Method::HEAD);
    if writes && registry.state().read_only {
        return Refusal::unsupported().into_response();
    }
    dispatch(&Call { registry, parts, body }, endpoint).into_response()
}

fn dispatch(call: &Call<'_>, endpoint: Endpoint) -> Answer {
    let reads = matches!(*call.method(), Method::GET | Method::HEAD);
    match endpoint {
        Endpoint::Ping if reads => Ok(Reply::json(&serde_json::json!({}))),
        Endpoint::Catalog if reads => lists::catalog(call),
        Endpoint::Tags { name } if reads => lists::tags(call, &name),
        Endpoint::Referrers { name, digest } if reads => lists::referrers(call, &name, &digest),
        Endpoint::Untagged { name } if reads => lists::untagged(call, &name),
        Endpoint::Times { name } if reads => lists::times(call, &name),
        Endpoint::Manifest { name, reference } => manifests::answer(call, &name, &reference),
        Endpoint::Blob { name, digest } => blobs::answer(call, &name, &digest),
        Endpoint::Uploads { name } if *call.method() == Method::POST => uploads::begin(call, &name),
        Endpoint::Upload { name, id } => uploads::answer(call, &name, &id),
        Endpoint::Invalid(invalid) => Err(invalid.into()),
        Endpoint::Unknown => Err(Refusal::not_found()),
        _ => Err(Refusal::unsupported()),
    }
}
