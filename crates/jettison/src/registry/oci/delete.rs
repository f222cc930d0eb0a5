//! Removals, and finding out whether they are possible. Each is one DELETE of one thing.

use http::{Method, StatusCode};
use jettison_core::model::{Digest, RepositoryName, Tag};

use crate::registry::auth::Scope;
use crate::registry::client::{Answer, Call, Client};
use crate::registry::error::{ErrorKind, RegistryError};
use crate::registry::http::Request;
use crate::registry::retry::random_bits;
use crate::registry::{DeleteSupport, ManifestReference, Removed};

/// Deletes a manifest by its digest. Never tried again here: it takes every tag along, and who calls has to look at those
/// once more first.
pub(super) async fn manifest(
    client: &Client,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Removed, RegistryError> {
    let call = Call::new(
        Scope::Delete(repository.clone()),
        format!("delete {repository}@{digest}"),
    );
    let answer = send(client, &call, repository, &digest.clone().into(), false).await?;
    outcome(client, &call, &answer)
}

/// Removes a tag. Never tried again: meanwhile it may point to something new.
pub(super) async fn tag(client: &Client, repository: &RepositoryName, tag: &Tag) -> Result<Removed, RegistryError> {
    let call = Call::new(
        Scope::Delete(repository.clone()),
        format!("remove the tag {repository}:{tag}"),
    );
    let answer = send(client, &call, repository, &tag.clone().into(), false).await?;
    // Distribution 2 takes the tag for a digest, and finds that it is none.
    if answer.status() == StatusCode::BAD_REQUEST && answer.errors().has("DIGEST_INVALID") {
        return Err(RegistryError {
            kind: ErrorKind::Unsupported,
            ..client.refusal(&call, &answer)
        });
    }
    outcome(client, &call, &answer)
}

/// Asks for the removal of a digest and a tag that nobody has.
pub(super) async fn probe(client: &Client, repository: &RepositoryName) -> Result<DeleteSupport, RegistryError> {
    let call = Call::new(
        Scope::Delete(repository.clone()),
        format!("find out whether {repository} allows deletes"),
    );
    let random = format!("{:016x}{:016x}", random_bits(), random_bits());
    let nobodys_digest = Digest::of(random.as_bytes()).into();
    let delete = probed(
        client,
        &call,
        &send(client, &call, repository, &nobodys_digest, true).await?,
    )?;
    // Distribution 3.0 removes tags even where its operator has switched deletes off (CVE-2026-41888).
    // That is his will all the same.
    if delete == Some(false) {
        return Ok(DeleteSupport {
            delete,
            delete_tag: Some(false),
        });
    }
    let nobodys_tag: Tag = format!("jettison-probe-{random}")
        .parse()
        .map_err(|error| client.error(&call, ErrorKind::Protocol, format!("{error}")))?;
    let answer = send(client, &call, repository, &nobodys_tag.into(), true).await?;
    Ok(DeleteSupport {
        delete,
        delete_tag: probed(client, &call, &answer)?,
    })
}

async fn send(
    client: &Client,
    call: &Call,
    repository: &RepositoryName,
    reference: &ManifestReference,
    idempotent: bool,
) -> Result<Answer, RegistryError> {
    let mut request = Request::new(
        Method::DELETE,
        client.url(&format!("/v2/{repository}/manifests/{reference}")),
    );
    request.idempotent = idempotent;
    request.max_bytes = client.connection().limits.error_bytes;
    client.send(call, request).await
}

fn outcome(client: &Client, call: &Call, answer: &Answer) -> Result<Removed, RegistryError> {
    match answer.status().as_u16() {
        200 | 202 | 204 => Ok(Removed::Now),
        404 if answer.errors().prove_absence() => Ok(Removed::AlreadyGone),
        _ => Err(client.refusal(call, answer)),
    }
}

/// What the answer to a probe tells about deletes.
fn probed(client: &Client, call: &Call, answer: &Answer) -> Result<Option<bool>, RegistryError> {
    let errors = answer.errors();
    match answer.status().as_u16() {
        // Some registries call it done.
        200 | 202 | 204 => Ok(Some(true)),
        404 if errors.has("MANIFEST_UNKNOWN") => Ok(Some(true)),
        405 => Ok(Some(false)),
        400 if errors.has("UNSUPPORTED") || errors.has("DIGEST_INVALID") => Ok(Some(false)),
        401 | 403 | 408 | 425 | 429 | 500..=599 => Err(client.refusal(call, answer)),
        _ => Ok(None),
    }
}
