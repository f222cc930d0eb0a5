//! Manifests: exact bytes in, exact bytes out, and deletes in the ways registries do them
//! (distribution-spec, "Pulling manifests", "Pushing Manifests", "Deleting tags", "Deleting Manifests").

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::{HeaderName, Method, StatusCode, header};
use jiff::Timestamp;

use super::contents::{Repository, Stored};
use super::endpoint::Reference;
use super::error::Refusal;
use super::links::Links;
use super::options::Options;
use super::reply::Reply;
use super::routes::{Answer, Call};
use crate::digest;
use crate::pattern::Pattern;

/// Distribution's own limit.
const LARGEST_MANIFEST: usize = 4 << 20;
const SIGNED_SCHEMA_ONE: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

pub(super) fn answer(call: &Call<'_>, name: &str, reference: &Reference) -> Answer {
    match *call.method() {
        Method::GET | Method::HEAD => read(call, name, reference),
        Method::PUT => put(call, name, reference),
        Method::DELETE => delete(call, name, reference),
        _ => Err(Refusal::unsupported()),
    }
}

fn read(call: &Call<'_>, name: &str, reference: &Reference) -> Answer {
    let state = call.registry.state();
    let unknown = || Refusal::manifest_unknown(reference.as_str());
    let repository = state.contents.repositories.get(name).ok_or_else(unknown)?;
    let (digest, manifest) = repository.resolve(reference.as_str()).ok_or_else(unknown)?;
    let (digest, manifest) = match call.registry.options().check_accept {
        true => acceptable(call, repository, reference, (digest, manifest)).ok_or_else(unknown)?,
        false => (digest, manifest),
    };
    let reply = Reply::new(StatusCode::OK)
        .digest(digest)
        .header(header::CONTENT_TYPE, &manifest.content_type);
    Ok(reply.body(call.method(), manifest.bytes.clone()))
}

/// What Distribution 2.8 gives a client that does not accept the type: of an OCI manifest nothing, of a Docker
/// list asked for by tag its linux/amd64 child.
fn acceptable<'a>(
    call: &Call<'_>,
    repository: &'a Repository,
    reference: &Reference,
    found: (&'a String, &'a Stored),
) -> Option<(&'a String, &'a Stored)> {
    let manifest = found.1;
    if accepts(call, &manifest.content_type) {
        return Some(found);
    }
    if manifest.content_type == DOCKER_LIST && matches!(reference, Reference::Tag(_)) {
        let mut children = manifest.links.children.iter();
        let child = children.find(|child| child.platform.as_deref() == Some("linux/amd64"))?;
        return repository.resolve(&child.digest);
    }
    let is_oci = manifest.content_type.starts_with("application/vnd.oci.");
    (!is_oci).then_some(found)
}

/// Whether `Accept` names the type; Distribution knows no wildcards.
fn accepts(call: &Call<'_>, media_type: &str) -> bool {
    let values = call
        .parts
        .headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut types = values.flat_map(|value| value.split(',')).map(without_parameters);
    types.any(|accepted| accepted == media_type)
}

fn put(call: &Call<'_>, name: &str, reference: &Reference) -> Answer {
    if call.body.len() > LARGEST_MANIFEST {
        return Err(Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "SIZE_INVALID",
            "manifest too large",
        ));
    }
    let content_type = without_parameters(call.header(header::CONTENT_TYPE).unwrap_or_default());
    let links = Links::parse(&call.body, content_type).map_err(Refusal::manifest_invalid)?;
    let digest = match reference {
        Reference::Digest(digest) if digest::fits(digest, &call.body) => digest.clone(),
        Reference::Digest(_) => return Err(Refusal::digest_invalid()),
        Reference::Tag(_) if content_type == SIGNED_SCHEMA_ONE => {
            let signed = signed_part(&call.body).ok_or_else(|| Refusal::manifest_invalid("no signature"))?;
            digest::sha256(&signed)
        }
        Reference::Tag(_) => digest::sha256(&call.body),
    };
    store(call, name, reference, &digest, content_type, links)
}

/// The part of a signed schema 1 manifest that its digest is about: the first `formatLength` bytes, and `formatTail`
/// (libtrust, "JSON Web Signature").
fn signed_part(bytes: &[u8]) -> Option<Vec<u8>> {
    let manifest: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    let protected = manifest.pointer("/signatures/0/protected")?.as_str()?;
    let protected: serde_json::Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(protected).ok()?).ok()?;
    let length = usize::try_from(protected.get("formatLength")?.as_u64()?).ok()?;
    let tail = BASE64_URL_SAFE_NO_PAD
        .decode(protected.get("formatTail")?.as_str()?)
        .ok()?;
    Some([bytes.get(..length)?, &tail].concat())
}

fn store(call: &Call<'_>, name: &str, reference: &Reference, digest: &str, content_type: &str, links: Links) -> Answer {
    let options = call.registry.options();
    let mut state = call.registry.state();
    let repository = state.contents.repository(name);
    let missing = repository.missing(&links);
    if options.check_references && !missing.is_empty() {
        let message = format!("unknown to this repository: {}", missing.join(", "));
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "MANIFEST_BLOB_UNKNOWN", message));
    }
    let subject = links.subject.clone().filter(|_| options.referrers);
    if let Reference::Tag(tag) = reference
        && repository.tags.get(tag).is_some_and(|old| old != digest)
        && is_immutable(options, tag)
    {
        return Err(Refusal::immutable(tag));
    }
    let (bytes, content_type) = (call.body.clone(), content_type.to_owned());
    let manifest = Stored {
        bytes,
        content_type,
        pushed_at: Timestamp::now(),
        tags: BTreeSet::new(),
        links,
    };
    repository.put_manifest(digest, manifest);
    if let Reference::Tag(tag) = reference {
        repository.set_tag(tag, digest);
    }
    let location = format!("/v2/{name}/manifests/{digest}");
    let reply = Reply::new(StatusCode::CREATED).location(&location).digest(digest);
    Ok(match subject {
        Some(subject) => reply.header(HeaderName::from_static("oci-subject"), &subject),
        None => reply,
    })
}

fn delete(call: &Call<'_>, name: &str, reference: &Reference) -> Answer {
    let options = call.registry.options();
    if !options.delete {
        return Err(Refusal::unsupported());
    }
    let mut state = call.registry.state();
    let unknown = || Refusal::manifest_unknown(reference.as_str());
    match reference {
        Reference::Tag(_) if !options.delete_tag => Err(Refusal::digest_invalid()),
        Reference::Tag(tag) if is_immutable(options, tag) => Err(Refusal::immutable(tag)),
        Reference::Tag(tag) => {
            let repository = state.contents.repositories.get_mut(name).ok_or_else(unknown)?;
            repository
                .remove_tag(tag)
                .then(|| Reply::new(StatusCode::ACCEPTED))
                .ok_or_else(unknown)
        }
        Reference::Digest(digest) => {
            let repository = state.contents.repositories.get_mut(name).ok_or_else(unknown)?;
            delete_digest(options, repository, digest)
        }
    }
}

/// Removes the manifest and with it every tag that points to it.
fn delete_digest(options: &Options, repository: &mut Repository, digest: &str) -> Answer {
    let manifest = repository
        .manifests
        .get(digest)
        .ok_or_else(|| Refusal::manifest_unknown(digest))?;
    if let Some(tag) = manifest.tags.iter().find(|tag| is_immutable(options, tag)) {
        return Err(Refusal::immutable(tag));
    }
    if options.refuse_children && repository.is_child(digest) {
        let message = format!("manifest {digest} is referenced by an index");
        return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "DENIED", message));
    }
    repository.remove_manifest(digest);
    Ok(Reply::new(StatusCode::ACCEPTED))
}

fn is_immutable(options: &Options, tag: &str) -> bool {
    options
        .immutable_tags
        .iter()
        .any(|pattern| Pattern::new(pattern).fits(tag))
}

fn without_parameters(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}
