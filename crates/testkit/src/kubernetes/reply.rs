//! Answers as the real server words them.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use http::StatusCode;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use serde_json::json;

use super::kinds::Kind;
use super::objects;

/// Real servers pack answers that are larger than this many bytes.
const LARGE: usize = 128 * 1024;

/// A body of JSON.
pub(super) fn json(status: StatusCode, content_type: &str, body: impl Into<Bytes>) -> Response {
    (status, [(CONTENT_TYPE, content_type.to_owned())], body.into()).into_response()
}

/// A `Status` object.
pub(super) fn status(code: u16, reason: &str, message: &str) -> Response {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code});
    let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    json(code, "application/json", status.to_string())
}

pub(super) fn unauthorized() -> Response {
    status(401, "Unauthorized", "Unauthorized")
}

pub(super) fn not_found() -> Response {
    let text = "404 page not found\n";
    (
        StatusCode::NOT_FOUND,
        [(CONTENT_TYPE, "text/plain; charset=utf-8")],
        text,
    )
        .into_response()
}

pub(super) fn forbidden(user: &str, kind: &Kind) -> Response {
    let Kind { group, plural, .. } = kind;
    let message = format!(
        "{plural} is forbidden: User \"{user}\" cannot list resource \"{plural}\" in API group \"{group}\" at the cluster scope"
    );
    status(403, "Forbidden", &message)
}

pub(super) fn expired() -> Response {
    let message = "The provided continue parameter is too old to display a consistent list result. You can start a new \
        list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results.";
    status(410, "Expired", message)
}

/// The same answer, packed if it is large.
pub(super) async fn packed(whole: Response) -> Response {
    let (mut parts, body) = whole.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    if bytes.len() <= LARGE {
        return Response::from_parts(parts, bytes.into());
    }
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    Response::from_parts(parts, objects::packed(&bytes).into())
}

/// The first bytes of an answer, and the connection breaks.
pub(super) fn cut(whole: &[u8], after: usize) -> Response {
    let begin = Bytes::copy_from_slice(&whole[..after.min(whole.len())]);
    let pieces = [Ok(begin), Err(std::io::Error::other("cut"))];
    let body = Body::from_stream(stream::iter(pieces));
    let headers = [
        (CONTENT_TYPE, "application/json".to_owned()),
        (CONTENT_LENGTH, whole.len().to_string()),
    ];
    (headers, body).into_response()
}
