//! Answers: a status, headers, and a body that a HEAD leaves out but measures.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};

/// An answer in the making.
#[derive(Debug)]
pub(super) struct Reply(Response);

impl Reply {
    pub(super) fn new(status: StatusCode) -> Self {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        Self(response).header(
            HeaderName::from_static("docker-distribution-api-version"),
            "registry/2.0",
        )
    }

    pub(super) fn json(value: &serde_json::Value) -> Self {
        let body = Bytes::from(value.to_string());
        Self::new(StatusCode::OK)
            .header(header::CONTENT_TYPE, "application/json")
            .body(&Method::GET, body)
    }

    /// Adds a header; a value that no header can hold is left out.
    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.headers_mut().insert(name, value);
        }
        self
    }

    pub(super) fn digest(self, digest: &str) -> Self {
        self.header(HeaderName::from_static("docker-content-digest"), digest)
    }

    pub(super) fn location(self, location: &str) -> Self {
        self.header(header::LOCATION, location)
    }

    /// The body, or for a HEAD its length alone.
    pub(super) fn body(self, method: &Method, bytes: Bytes) -> Self {
        let mut reply = self.header(header::CONTENT_LENGTH, &bytes.len().to_string());
        if method != Method::HEAD {
            *reply.0.body_mut() = Body::from(bytes);
        }
        reply
    }
}

impl From<Response> for Reply {
    fn from(response: Response) -> Self {
        Self(response)
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        self.0
    }
}
