//! Answers in the form of each protocol.

use axum::body::{Body, to_bytes};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::call::Service;
use super::refusal::Refusal;

const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Errors of whoever may not: of REST and query services 403, of JSON services 400.
const OF_IDENTITY: [&str; 6] = [
    "AccessDeniedException",
    "ExpiredTokenException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "UnrecognizedClientException",
    "IncompleteSignatureException",
];

/// A good answer.
pub(super) fn good(service: Service, operation: &str, value: &Value) -> Response {
    match service {
        Service::Sts => {
            let members = xml(value);
            let body = format!(
                "<{operation}Response xmlns=\"{NAMESPACE}\"><{operation}Result>{members}</{operation}Result>\
                 <ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata></{operation}Response>"
            );
            with(200, "text/xml", body)
        }
        Service::Lambda => with(200, "application/json", value.to_string()),
        Service::Ecr | Service::Ecs => with(200, "application/x-amz-json-1.1", value.to_string()),
    }
}

/// An error.
pub(super) fn bad(service: Service, refusal: &Refusal) -> Response {
    let (code, message) = (&refusal.code, &refusal.message);
    let status = match OF_IDENTITY.contains(&code.as_str()) {
        true if matches!(service, Service::Lambda | Service::Sts) => 403,
        _ => refusal.status,
    };
    match service {
        Service::Sts => {
            let kind = if status < 500 { "Sender" } else { "Receiver" };
            let (code, message) = (of_query(code), escaped(message));
            let body = format!(
                "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>{kind}</Type><Code>{code}</Code><Message>{message}</Message>\
                 </Error><RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
            );
            with(status, "text/xml", body)
        }
        Service::Lambda => {
            let mut response = with(
                status,
                "application/json",
                json!({"Type": "User", "Message": message}).to_string(),
            );
            if let Ok(code) = HeaderValue::from_str(code) {
                let name = HeaderName::from_static("x-amzn-errortype");
                response.headers_mut().insert(name, code);
            }
            response
        }
        Service::Ecr | Service::Ecs => {
            let body = json!({"__type": code, "message": message});
            with(status, "application/x-amz-json-1.1", body.to_string())
        }
    }
}

/// That the service is asked too often.
pub(super) fn throttle(service: Service) -> Refusal {
    match service {
        Service::Lambda => Refusal::with_status(429, "TooManyRequestsException", "Rate exceeded"),
        Service::Sts => Refusal::new("Throttling", "Rate exceeded"),
        Service::Ecr | Service::Ecs => Refusal::new("ThrottlingException", "Rate exceeded"),
    }
}

/// A page that no service wrote.
pub(super) fn bare(status: u16) -> Response {
    let body = format!("<html><body><h1>{status}</h1></body></html>");
    with(status, "text/html", body)
}

/// The first bytes of an answer, and the connection breaks.
pub(super) async fn cut(whole: Response, after: usize) -> Response {
    let (mut parts, body) = whole.into_parts();
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    let pieces = [
        Ok(bytes.slice(..after.min(bytes.len()))),
        Err(std::io::Error::other("cut")),
    ];
    // The pause lets the first part reach the wire before the connection breaks.
    let pieces = stream::iter(pieces).then(|piece| async move {
        if piece.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        piece
    });
    Response::from_parts(parts, Body::from_stream(pieces))
}

fn with(status: u16, content_type: &str, body: impl Into<Bytes>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = [(CONTENT_TYPE.as_str(), content_type), ("x-amzn-requestid", REQUEST_ID)];
    (status, headers, body.into()).into_response()
}

/// Query services have other names for some errors.
fn of_query(code: &str) -> &str {
    match code {
        "UnrecognizedClientException" => "InvalidClientTokenId",
        "InvalidSignatureException" => "SignatureDoesNotMatch",
        _ => code.strip_suffix("Exception").unwrap_or(code),
    }
}

fn xml(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members = members.iter().filter(|(_, member)| !member.is_null());
            members
                .map(|(name, member)| format!("<{name}>{}</{name}>", xml(member)))
                .collect()
        }
        Value::String(text) => escaped(text),
        other => other.to_string(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
