//! How a fault changes what a client gets: an answer of its own, or the registry's answer spoiled.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::json;

use super::endpoint::Class;
use super::error::Refusal;
use super::faults::Effect;
use super::handle::Handle;
use super::reply::Reply;

/// What happens instead of the registry's own answer.
pub(super) enum Instead {
    /// This answer.
    Answer(Response),
    /// No answer: the connection ends.
    Nothing,
}

/// What `effect` does before the registry acts; none: it goes on.
pub(super) async fn before(effect: &Effect, registry: &Handle, parts: &Parts, class: Class) -> Option<Instead> {
    match effect {
        Effect::Status {
            status,
            retry_after,
            body,
        } => Some(Instead::Answer(refuse(
            *status,
            retry_after.as_deref(),
            body.as_deref(),
        ))),
        Effect::Redirect(target) => {
            let reply = Reply::new(StatusCode::TEMPORARY_REDIRECT).location(target);
            Some(Instead::Answer(reply.into_response()))
        }
        Effect::DeleteIgnored => Some(Instead::Answer(Reply::new(StatusCode::ACCEPTED).into_response())),
        Effect::EndlessPages => Some(Instead::Answer(endless_page(parts, class))),
        Effect::Reset => Some(Instead::Nothing),
        Effect::Hang => {
            registry.stopped().await;
            Some(Instead::Nothing)
        }
        Effect::Delay(duration) => {
            tokio::time::sleep(*duration).await;
            None
        }
        Effect::Call(call) => {
            call(registry);
            None
        }
        Effect::ResetAfter
        | Effect::SlowBody { .. }
        | Effect::TruncateBody { .. }
        | Effect::OversizedBody { .. }
        | Effect::WrongDigest
        | Effect::NoDigest
        | Effect::WrongBody
        | Effect::InvalidJson => None,
    }
}

/// The answer as `effect` spoils it.
pub(super) async fn after(effect: &Effect, method: &Method, mut response: Response) -> Response {
    const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
    match effect {
        Effect::WrongDigest => {
            let wrong = format!("sha256:{}", "0".repeat(64));
            Reply::from(response).digest(&wrong).into_response()
        }
        Effect::NoDigest => {
            response.headers_mut().remove(DIGEST);
            response
        }
        // The answer to a HEAD has no body to spoil.
        _ if method == Method::HEAD => response,
        Effect::SlowBody { bytes_per_second } => slow(response, *bytes_per_second).await,
        Effect::TruncateBody { keep } => truncated(response, *keep).await,
        Effect::OversizedBody { size } => oversized(response, *size).await,
        Effect::WrongBody => {
            let (response, bytes) = split(response).await;
            with_body(response, [&bytes[..], b" "].concat().into())
        }
        Effect::InvalidJson => {
            let (response, _) = split(response).await;
            with_body(response, Bytes::from_static(b"{\"tags\": [\"latest\", "))
        }
        _ => response,
    }
}

fn refuse(status: u16, retry_after: Option<&str>, body: Option<&str>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let code = match status {
        StatusCode::TOO_MANY_REQUESTS => "TOOMANYREQUESTS",
        StatusCode::UNAUTHORIZED => "UNAUTHORIZED",
        StatusCode::FORBIDDEN => "DENIED",
        _ => "UNKNOWN",
    };
    let answer = match body {
        Some(body) => with_body(Reply::new(status).into_response(), Bytes::from(body.to_owned())),
        None => Refusal::new(status, code, "a fault of the test kit").into_response(),
    };
    match retry_after {
        Some(value) => Reply::from(answer).header(header::RETRY_AFTER, value).into_response(),
        None => answer,
    }
}

/// A page with one entry and a link; each page differs, so that remembering links does not help.
fn endless_page(parts: &Parts, class: Class) -> Response {
    let cursor = parts.uri.query().and_then(|query| query.rsplit_once("endless-"));
    let number: u64 = cursor.and_then(|(_, number)| number.parse().ok()).unwrap_or(0);
    let path = parts.uri.path();
    let name = format!("endless-{number}");
    let page = match class {
        Class::Catalog => json!({"repositories": [name]}),
        Class::Referrers => {
            json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []})
        }
        _ => {
            let repository = path
                .strip_prefix("/v2/")
                .and_then(|rest| rest.strip_suffix("/tags/list"));
            json!({"name": repository, "tags": [name]})
        }
    };
    let link = format!("<{path}?cursor=endless-{}>; rel=\"next\"", number.saturating_add(1));
    let content_type = match class {
        Class::Referrers => "application/vnd.oci.image.index.v1+json",
        _ => "application/json",
    };
    Reply::json(&page)
        .header(header::CONTENT_TYPE, content_type)
        .header(header::LINK, &link)
        .into_response()
}

async fn slow(response: Response, bytes_per_second: usize) -> Response {
    let (mut response, bytes) = split(response).await;
    let portion = (bytes_per_second / 10).max(1);
    let portions: Vec<Bytes> = bytes.chunks(portion).map(Bytes::copy_from_slice).collect();
    let stream = stream::iter(portions).then(|portion| async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok::<_, Infallible>(portion)
    });
    *response.body_mut() = Body::from_stream(stream);
    response
}

/// The length that was announced stays, so that the end is a broken transfer and no short body.
async fn truncated(response: Response, keep: usize) -> Response {
    let (mut response, bytes) = split(response).await;
    let parts = [
        Ok(bytes.slice(..keep.min(bytes.len()))),
        Err(io::Error::from(io::ErrorKind::ConnectionReset)),
    ];
    // The pause lets the first part reach the wire before the connection breaks.
    let stream = stream::iter(parts).then(|part| async move {
        if part.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        part
    });
    *response.body_mut() = Body::from_stream(stream);
    response
}

async fn oversized(response: Response, size: usize) -> Response {
    const PORTION: usize = 64 * 1024;
    let (mut response, bytes) = split(response).await;
    let missing = size.saturating_sub(bytes.len());
    let spaces = Bytes::from(vec![b' '; PORTION]);
    let portions = (0..missing.div_ceil(PORTION)).map(move |n| spaces.slice(..PORTION.min(missing - n * PORTION)));
    response.headers_mut().remove(header::CONTENT_LENGTH);
    *response.body_mut() = Body::from_stream(stream::iter(
        std::iter::once(bytes).chain(portions).map(Ok::<_, Infallible>),
    ));
    response
}

async fn split(mut response: Response) -> (Response, Bytes) {
    let body = std::mem::take(response.body_mut());
    // Bodies of this registry come from memory and cannot fail.
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    (response, bytes)
}

fn with_body(mut response: Response, bytes: Bytes) -> Response {
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    *response.body_mut() = Body::from(bytes);
    response
}
