//! Blobs: small ones fetched whole, and of any one whether it can be read at all.
//!
//! A blob is missing only where the registry shows so twice. The content of a layer is never read.

use bytes::Bytes;
use http::header::RANGE;
use http::{HeaderValue, Method, StatusCode};
use jettison_core::model::{Digest, RepositoryName};

use super::manifest::ASKED;
use crate::registry::auth::Scope;
use crate::registry::client::{Answer, Call, Client};
use crate::registry::error::RegistryError;
use crate::registry::http::Request;

/// A blob, or `None` if it is proven not to be there.
pub(super) async fn fetch(
    client: &Client,
    repository: &RepositoryName,
    digest: &Digest,
    max_bytes: u64,
) -> Result<Option<Bytes>, RegistryError> {
    let call = call(repository, digest);
    for _ in 0..ASKED {
        let mut request = request(client, repository, digest);
        request.max_bytes = max_bytes;
        let answer = client.send(&call, request).await?;
        match answer.status() {
            StatusCode::OK if digest.fits(&answer.response.body) => return Ok(Some(answer.response.body)),
            StatusCode::OK => return Err(client.strange(&call, "its content does not have this digest")),
            _ if is_absent(&answer) => {}
            _ => return Err(client.refusal(&call, &answer)),
        }
    }
    Ok(None)
}

/// Whether a first byte of the blob comes when it is asked for.
///
/// Distribution with its blob cache goes on to say 200 or 206 for what its garbage collection has removed, with the
/// length of old, and then sends nothing. Only the empty blob has no first byte.
pub(super) async fn is_readable(
    client: &Client,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<bool, RegistryError> {
    let call = call(repository, digest);
    let is_empty = digest.fits(&[]);
    for _ in 0..ASKED {
        let mut request = request(client, repository, digest);
        request.headers.insert(RANGE, HeaderValue::from_static("bytes=0-0"));
        request.max_bytes = 1;
        // A registry that knows no ranges begins to send all of it.
        request.cut = true;
        let answer = client.send(&call, request).await?;
        match answer.status() {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT if is_empty || !answer.response.body.is_empty() => {
                return Ok(true);
            }
            StatusCode::RANGE_NOT_SATISFIABLE if is_empty => return Ok(true),
            StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {}
            _ if is_absent(&answer) => {}
            _ => return Err(client.refusal(&call, &answer)),
        }
    }
    Ok(false)
}

fn is_absent(answer: &Answer) -> bool {
    answer.status() == StatusCode::NOT_FOUND && answer.errors().prove_absence_of_blob()
}

fn call(repository: &RepositoryName, digest: &Digest) -> Call {
    Call::new(
        Scope::Pull(repository.clone()),
        format!("read the blob {repository}@{digest}"),
    )
}

fn request(client: &Client, repository: &RepositoryName, digest: &Digest) -> Request {
    Request::new(Method::GET, client.url(&format!("/v2/{repository}/blobs/{digest}")))
}
