//! Manifests: fetched whole, checked against their digest, and missing only where the registry says so in its
//! own words, twice.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use jettison_core::model::{Digest, RepositoryName};
use serde::Deserialize;

use super::schema1;
use crate::registry::auth::Scope;
use crate::registry::client::{Answer, Call, Client};
use crate::registry::error::{RegistryError, excerpt};
use crate::registry::http::Request;
use crate::registry::{FetchedManifest, ManifestReference};

/// Every type of manifest. A registry that misses one may convert a manifest, and so change its digest,
/// or say that it does not exist (Distribution, Quay).
pub(in crate::registry) const ACCEPTED: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.oci.artifact.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v1+prettyjws, \
    application/vnd.docker.distribution.manifest.v1+json";

const SIGNED_SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

const CONTENT_DIGEST: &str = "docker-content-digest";

/// How often a registry must say that something is not there.
pub(in crate::registry) const ASKED: usize = 2;

/// `Content-Type` without its parameters, in lower case.
pub(super) fn media_type(content_type: &str) -> String {
    content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

/// The manifest, or `None` if it is proven not to be there.
pub(super) async fn fetch(
    client: &Client,
    repository: &RepositoryName,
    reference: &ManifestReference,
) -> Result<Option<FetchedManifest>, RegistryError> {
    let call = call(repository, reference);
    for _ in 0..ASKED {
        let answer = client
            .send(&call, request(client, Method::GET, repository, reference))
            .await?;
        match answer.status() {
            StatusCode::OK => return accept(client, &call, reference, &answer).map(Some),
            StatusCode::NOT_FOUND if answer.errors().prove_absence() => {}
            _ => return Err(client.refusal(&call, &answer)),
        }
    }
    Ok(None)
}

/// The digest behind a reference, or `None` if it is proven not to be there. By HEAD; by GET where
/// that does not tell, because the answer to a HEAD has no body that could prove anything.
pub(super) async fn resolve(
    client: &Client,
    repository: &RepositoryName,
    reference: &ManifestReference,
) -> Result<Option<Digest>, RegistryError> {
    let call = call(repository, reference);
    let answer = client
        .send(&call, request(client, Method::HEAD, repository, reference))
        .await?;
    let refused = matches!(answer.status().as_u16(), 401 | 403 | 429 | 500 | 502..=599);
    if refused {
        return Err(client.refusal(&call, &answer));
    }
    let told = answer
        .header(CONTENT_DIGEST)
        .and_then(|digest| digest.parse::<Digest>().ok());
    match (told, reference) {
        (Some(digest), ManifestReference::Tag(_)) if answer.status() == StatusCode::OK => return Ok(Some(digest)),
        (Some(digest), ManifestReference::Digest(asked)) if answer.status() == StatusCode::OK && digest == *asked => {
            return Ok(Some(digest));
        }
        _ => {}
    }
    Ok(fetch(client, repository, reference)
        .await?
        .map(|manifest| manifest.digest))
}

/// Puts a manifest under its digest or a tag.
pub(super) async fn put(
    client: &Client,
    repository: &RepositoryName,
    reference: &ManifestReference,
    manifest: &FetchedManifest,
) -> Result<(), RegistryError> {
    let call = Call::new(
        Scope::Push(repository.clone()),
        format!("put {}", named(repository, reference)),
    );
    let url = client.url(&format!("/v2/{repository}/manifests/{reference}"));
    let mut request = Request::new(Method::PUT, url);
    let content_type = HeaderValue::from_str(&manifest.media_type)
        .map_err(|_| client.strange(&call, format!("`{}` is no media type", excerpt(&manifest.media_type))))?;
    request.headers.insert(CONTENT_TYPE, content_type);
    request.body = manifest.bytes.clone();
    request.max_bytes = client.connection().limits.error_bytes;
    request.idempotent = matches!(reference, ManifestReference::Digest(_));
    let answer = client.send(&call, request).await?;
    if !answer.status().is_success() {
        return Err(client.refusal(&call, &answer));
    }
    match answer.header(CONTENT_DIGEST) {
        Some(digest) if digest != manifest.digest.to_string() => Err(client.strange(
            &call,
            format!("it stored {} instead of {}", excerpt(digest), manifest.digest),
        )),
        _ => Ok(()),
    }
}

fn call(repository: &RepositoryName, reference: &ManifestReference) -> Call {
    Call::new(
        Scope::Pull(repository.clone()),
        format!("read the manifest {}", named(repository, reference)),
    )
}

fn named(repository: &RepositoryName, reference: &ManifestReference) -> String {
    match reference {
        ManifestReference::Tag(tag) => format!("{repository}:{tag}"),
        ManifestReference::Digest(digest) => format!("{repository}@{digest}"),
    }
}

fn request(client: &Client, method: Method, repository: &RepositoryName, reference: &ManifestReference) -> Request {
    let mut request = Request::new(method, client.url(&format!("/v2/{repository}/manifests/{reference}")));
    request.headers.insert(ACCEPT, HeaderValue::from_static(ACCEPTED));
    request.max_bytes = client.connection().limits.manifest_bytes;
    request
}

fn accept(
    client: &Client,
    call: &Call,
    reference: &ManifestReference,
    answer: &Answer,
) -> Result<FetchedManifest, RegistryError> {
    let bytes = answer.response.body.clone();
    let content_type = media_type(answer.header("content-type").unwrap_or_default());
    let signed = signed_part(&content_type, &bytes);
    let hashed: &[u8] = signed.as_deref().unwrap_or(&bytes);
    let told = match answer.response.headers.get(CONTENT_DIGEST) {
        None => None,
        Some(_) => Some(told_digest(client, call, answer)?),
    };
    let asked = match reference {
        ManifestReference::Digest(digest) => Some(digest.clone()),
        ManifestReference::Tag(_) => None,
    };
    if let Some(wrong) = asked.iter().chain(&told).find(|digest| !digest.fits(hashed)) {
        return Err(client.strange(call, format!("what it sent does not have the digest {wrong}")));
    }
    let digest = asked.or(told).unwrap_or_else(|| Digest::of(hashed));
    let media_type = agreed_type(content_type, &bytes).map_err(|why| client.strange(call, why))?;
    Ok(FetchedManifest {
        digest,
        media_type,
        bytes,
    })
}

/// The manifest of this digest, as it came with this type.
///
/// # Errors
///
/// Why it is another one, in words.
pub(in crate::registry) fn checked(
    digest: &Digest,
    content_type: &str,
    bytes: Bytes,
) -> Result<FetchedManifest, String> {
    let content_type = media_type(content_type);
    let signed = signed_part(&content_type, &bytes);
    if !digest.fits(signed.as_deref().unwrap_or(&bytes)) {
        return Err(format!("what it sent does not have the digest {digest}"));
    }
    Ok(FetchedManifest {
        digest: digest.clone(),
        media_type: agreed_type(content_type, &bytes)?,
        bytes,
    })
}

/// What the digest is made of, where that is not all of the bytes.
fn signed_part(content_type: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    (content_type == SIGNED_SCHEMA_1)
        .then(|| schema1::payload(bytes))
        .flatten()
}

fn told_digest(client: &Client, call: &Call, answer: &Answer) -> Result<Digest, RegistryError> {
    let text = answer.header(CONTENT_DIGEST).unwrap_or_default();
    text.parse()
        .map_err(|_| client.strange(call, format!("its Docker-Content-Digest `{}` is none", excerpt(text))))
}

/// A manifest's type by `Content-Type`, which a `mediaType` of its own must not contradict
/// (distribution-spec, "Pulling manifests"). Types that say nothing give way to it.
fn agreed_type(content_type: String, bytes: &[u8]) -> Result<String, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Own {
        media_type: Option<String>,
    }
    let own = serde_json::from_slice::<Own>(bytes)
        .ok()
        .and_then(|own| own.media_type)
        .unwrap_or_default();
    let says_nothing = matches!(
        content_type.as_str(),
        "" | "application/json" | "application/octet-stream" | "text/plain"
    );
    match own.as_str() {
        "" => Ok(content_type),
        own if says_nothing || own.eq_ignore_ascii_case(&content_type) => Ok(own.to_owned()),
        own => Err(format!(
            "it sent {content_type}, but the manifest calls itself {}",
            excerpt(own)
        )),
    }
}
