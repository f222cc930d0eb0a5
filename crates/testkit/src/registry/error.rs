//! Error answers in the form of the distribution-spec, "Error Codes".

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::json;

use super::endpoint::Invalid;

/// An answer that is an error.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    pub(super) fn manifest_unknown(reference: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "MANIFEST_UNKNOWN",
            format!("unknown manifest {reference}"),
        )
    }

    pub(super) fn blob_unknown(digest: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", format!("unknown blob {digest}"))
    }

    pub(super) fn name_unknown(name: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "NAME_UNKNOWN",
            format!("unknown repository {name}"),
        )
    }

    pub(super) fn unsupported() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "UNSUPPORTED",
            "The operation is unsupported.",
        )
    }

    pub(super) fn digest_invalid() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "DIGEST_INVALID",
            "provided digest did not match uploaded content",
        )
    }

    pub(super) fn manifest_invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "MANIFEST_INVALID", message)
    }

    /// A tag that is immutable, as Harbor words it.
    pub(super) fn immutable(tag: &str) -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            "PRECONDITION",
            format!("tag {tag} is immutable"),
        )
    }

    /// An answer that the specification has no code for.
    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "UNSUPPORTED", "no such endpoint")
    }
}

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Self {
        let (code, message) = match invalid {
            Invalid::Name => ("NAME_INVALID", "invalid repository name"),
            Invalid::Digest => ("DIGEST_INVALID", "invalid digest"),
            Invalid::Tag => ("MANIFEST_INVALID", "invalid tag"),
        };
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"errors": [{"code": self.code, "message": self.message, "detail": null}]}).to_string();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
        response
    }
}
