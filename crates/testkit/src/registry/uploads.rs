//! Pushing blobs: in one request, in chunks, or by a mount from another repository (distribution-spec,
//! "Pushing blobs").

use bytes::Bytes;
use http::{HeaderName, Method, StatusCode, header};

use super::auth;
use super::contents::{Contents, Upload};
use super::error::Refusal;
use super::reply::Reply;
use super::routes::{Answer, Call};
use crate::digest;

/// `POST …/blobs/uploads/`
pub(super) fn begin(call: &Call<'_>, name: &str) -> Answer {
    if let Some(digest) = call.query("digest") {
        return store(&mut call.registry.state().contents, name, &digest, call.body.clone());
    }
    if let (Some(digest), Some(from)) = (call.query("mount"), call.query("from"))
        && auth::may_pull(call.registry, call.parts, &from)
    {
        let contents = &mut call.registry.state().contents;
        if let Some(bytes) = contents.blob(&from, &digest) {
            return store(contents, name, &digest, bytes);
        }
    }
    let id = call.registry.state().contents.begin_upload(name);
    Ok(progress(StatusCode::ACCEPTED, name, &id, 0))
}

/// Everything about an open session.
pub(super) fn answer(call: &Call<'_>, name: &str, id: &str) -> Answer {
    let contents = &mut call.registry.state().contents;
    let upload = contents
        .uploads
        .get_mut(id)
        .filter(|upload| upload.repository == name)
        .ok_or_else(unknown)?;
    match *call.method() {
        Method::GET => Ok(progress(StatusCode::NO_CONTENT, name, id, upload.bytes.len())),
        Method::PATCH => {
            append(call, upload)?;
            Ok(progress(StatusCode::ACCEPTED, name, id, upload.bytes.len()))
        }
        Method::PUT => {
            let digest = call.query("digest").ok_or_else(Refusal::digest_invalid)?;
            append(call, upload)?;
            let bytes = std::mem::take(&mut upload.bytes);
            contents.uploads.remove(id);
            store(contents, name, &digest, bytes.into())
        }
        Method::DELETE => {
            contents.uploads.remove(id);
            Ok(Reply::new(StatusCode::NO_CONTENT))
        }
        _ => Err(Refusal::unsupported()),
    }
}

/// Appends the body; a chunk that says where it starts must start where the last one ended.
fn append(call: &Call<'_>, upload: &mut Upload) -> Result<(), Refusal> {
    let start = call
        .header(header::CONTENT_RANGE)
        .map(|range| range.trim_start_matches("bytes ").split('-').next());
    if let Some(start) = start
        && start.and_then(|start| start.parse().ok()) != Some(upload.bytes.len())
    {
        return Err(Refusal::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "BLOB_UPLOAD_INVALID",
            "chunk out of order",
        ));
    }
    upload.bytes.extend_from_slice(&call.body);
    Ok(())
}

fn store(contents: &mut Contents, name: &str, digest: &str, bytes: Bytes) -> Answer {
    if !digest::fits(digest, &bytes) {
        return Err(Refusal::digest_invalid());
    }
    contents.add_blob(name, digest, bytes);
    let location = format!("/v2/{name}/blobs/{digest}");
    Ok(Reply::new(StatusCode::CREATED).location(&location).digest(digest))
}

fn progress(status: StatusCode, name: &str, id: &str, length: usize) -> Reply {
    Reply::new(status)
        .location(&format!("/v2/{name}/blobs/uploads/{id}"))
        .header(HeaderName::from_static("docker-upload-uuid"), id)
        .header(header::RANGE, &format!("0-{}", length.saturating_sub(1)))
}

fn unknown() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "BLOB_UPLOAD_UNKNOWN",
        "blob upload unknown to registry",
    )
}
