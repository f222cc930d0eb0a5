//! The socket, and the way of one request: the record, the signature, the faults, who may, and then the call itself.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request as HttpRequest, State as Shared};
use axum::response::{IntoResponse as _, Response};
use axum::serve::ListenerExt as _;
use http::StatusCode;
use http::request::Parts;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use url::form_urlencoded;

use super::call::{Answer, Call, Service};
use super::fault::{Effect, Quirks, Subject};
use super::handle::Handle;
use super::identity::Caller;
use super::observe::{Request, Ticket};
use super::paging::bad_token;
use super::refusal::Refusal;
use super::signature::Signature;
use super::state::State;
use super::{ecr, ecs, lambda, reply, sts};

/// Bodies beyond this many bytes are refused: everything here is held in memory.
const LARGEST_BODY: usize = 256 << 20;

/// A running AWS; it stops when this is dropped. Everything else is on its [`Handle`].
#[derive(Debug)]
pub struct TestAws {
    handle: Handle,
    task: AbortHandle,
}

/// What a request asks, before it is known who asks.
#[derive(Debug)]
struct Asked {
    service: Service,
    operation: String,
    input: Value,
}

impl TestAws {
    /// Starts on 127.0.0.1, at a free port, with nobody and nothing in it. Its clock stands still at the time of the start.
    ///
    /// # Errors
    /// The machine gives out no port.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let handle = Handle::new(listener.local_addr()?);
        // Large pages would wait for acknowledgements otherwise; where it cannot be set they do.
        let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
        let router = Router::new().fallback(answer).with_state(handle.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self {
            handle,
            task: task.abort_handle(),
        })
    }

    /// The way in, to keep beside the server.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl Deref for TestAws {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for TestAws {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(Shared(aws): Shared<Handle>, request: HttpRequest) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    if ecr::is_registry_api(parts.uri.path()) {
        return ecr::registry_api(&aws, &parts, body);
    }
    let asked = match Asked::read(&parts, &body) {
        Some(asked) => asked,
        None => return reply::bare(404),
    };
    let identified = identify(&aws, &asked, &parts, &body);
    let ticket = record(&aws, &asked, identified.as_ref().ok());
    let response = match identified {
        Ok((caller, region)) => {
            let call = Call {
                operation: asked.operation,
                region,
                caller,
                input: asked.input,
                quirks: Quirks::default(),
            };
            serve(&aws, asked.service, call).await
        }
        Err(refusal) => (reply::bad(asked.service, &refusal), Some(refusal.code)),
    };
    let (response, error) = response;
    aws.state()
        .log
        .answered(ticket, response.status().as_u16(), error.as_deref());
    response
}

/// The faults, and the call if they let it through.
async fn serve(aws: &Handle, service: Service, mut call: Call) -> (Response, Option<String>) {
    let effects = strikes(aws, service, &call);
    let mut cut = None;
    for effect in &effects {
        match effect {
            Effect::Delay(duration) => tokio::time::sleep(*duration).await,
            Effect::Hang => std::future::pending().await,
            Effect::Call(run) => run(aws),
            Effect::Cut(after) => cut = Some(*after),
            Effect::Status(status) => return (reply::bare(*status), None),
            _ => {}
        }
    }
    call.quirks = Quirks::of(&effects);
    let result = match effects.iter().find_map(|effect| instead(service, effect)) {
        Some(refusal) => Err(refusal),
        None => perform(&mut aws.state(), service, &call),
    };
    let (response, error) = match result {
        Ok(mut value) => {
            edits(&effects).for_each(|edit| edit(&mut value));
            (reply::good(service, &call.operation, &value), None)
        }
        Err(refusal) => (reply::bad(service, &refusal), Some(refusal.code)),
    };
    match cut {
        Some(after) => (reply::cut(response, after).await, error),
        None => (response, error),
    }
}

/// What changes a good answer.
fn edits(effects: &[Effect]) -> impl Iterator<Item = &(dyn Fn(&mut Value) + Send + Sync)> {
    effects.iter().filter_map(|effect| match effect {
        Effect::Edit(edit) => Some(edit.as_ref()),
        _ => None,
    })
}

fn strikes(aws: &Handle, service: Service, call: &Call) -> Vec<Effect> {
    let action = format!("{}:{}", service.name(), call.operation);
    aws.state().faults.on(&Subject {
        action: &action,
        account: &call.caller.account,
        region: &call.region,
        input: &call.input,
    })
}

/// The error with which an effect answers instead of the service.
fn instead(service: Service, effect: &Effect) -> Option<Refusal> {
    match effect {
        Effect::Throttle => Some(reply::throttle(service)),
        Effect::Error { status, code, message } => Some(Refusal::with_status(*status, code, message)),
        Effect::ExpireToken => Some(expired_token(service)),
        _ => None,
    }
}

fn expired_token(service: Service) -> Refusal {
    match service {
        Service::Lambda => Refusal::new("InvalidParameterValueException", bad_token("Marker").message),
        _ => bad_token("nextToken"),
    }
}

fn perform(state: &mut State, service: Service, call: &Call) -> Answer {
    match service {
        Service::Ecr => ecr::serve(state, call),
        Service::Ecs => ecs::serve(state, call),
        Service::Lambda => lambda::serve(state, call),
        Service::Sts => sts::serve(state, call),
    }
}

fn record(aws: &Handle, asked: &Asked, identified: Option<&(Caller, String)>) -> Ticket {
    let (caller, region) = identified
        .map(|(caller, region)| (Some(caller), region.clone()))
        .unwrap_or_default();
    aws.state().log.arrived(Request {
        action: format!("{}:{}", asked.service.name(), asked.operation),
        account: caller.map(|caller| caller.account.clone()).unwrap_or_default(),
        region,
        caller: caller.map(|caller| caller.arn.clone()).unwrap_or_default(),
        input: asked.input.clone(),
        status: None,
        error: None,
    })
}

/// Who signed the request, and for which region.
fn identify(aws: &Handle, asked: &Asked, parts: &Parts, body: &[u8]) -> Result<(Caller, String), Refusal> {
    let signature = Signature::read(&parts.headers)
        .ok_or_else(|| Refusal::new("MissingAuthenticationTokenException", "Missing Authentication Token"))?;
    if signature.service != asked.service.name() {
        let service = asked.service.name();
        let message = format!("Credential should be scoped to correct service: '{service}'.");
        return Err(Refusal::new("InvalidSignatureException", message));
    }
    if !is_region(&signature.region) {
        let message = "Credential should be scoped to a valid region.";
        return Err(Refusal::new("InvalidSignatureException", message));
    }
    let token = parts
        .headers
        .get("x-amz-security-token")
        .and_then(|value| value.to_str().ok());
    let state = aws.state();
    let caller = state.identities.caller(&signature.key_id, token, state.now)?;
    let secret = state.identities.secret(&signature.key_id).unwrap_or_default();
    if !signature.is_made_with(secret, parts, body) {
        let message = "The request signature we calculated does not match the signature you provided.";
        return Err(Refusal::new("InvalidSignatureException", message));
    }
    Ok((caller, signature.region))
}

/// `eu-central-1`, `us-gov-west-1`
fn is_region(text: &str) -> bool {
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let Some((words, number)) = text.rsplit_once('-') else {
        return false;
    };
    is_number(number) && words.contains('-') && words.split('-').all(is_word)
}

impl Asked {
    /// None where no service here has such an address.
    fn read(parts: &Parts, body: &[u8]) -> Option<Self> {
        if let Some(target) = parts.headers.get("x-amz-target") {
            return Self::json(target.to_str().ok()?, body);
        }
        if parts.uri.path().starts_with(lambda::ROOT) {
            let (operation, input) = lambda::asked(parts)?;
            return Some(Self {
                service: Service::Lambda,
                operation,
                input,
            });
        }
        let pairs = form_urlencoded::parse(body).into_owned();
        let form: Map<String, Value> = pairs.map(|(key, value)| (key, json!(value))).collect();
        Some(Self {
            service: Service::Sts,
            operation: form.get("Action")?.as_str()?.to_owned(),
            input: Value::Object(form),
        })
    }

    fn json(target: &str, body: &[u8]) -> Option<Self> {
        let (prefix, operation) = target.split_once('.')?;
        let service = match prefix {
            "AmazonEC2ContainerRegistry_V20150921" => Service::Ecr,
            "AmazonEC2ContainerServiceV20141113" => Service::Ecs,
            _ => return None,
        };
        Some(Self {
            service,
            operation: operation.to_owned(),
            input: serde_json::from_slice(body).ok()?,
        })
    }
}
