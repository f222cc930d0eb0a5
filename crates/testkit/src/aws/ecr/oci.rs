//! The registry API of ECR (distribution-spec) and the addresses of layers: enough to push and to pull with a password.
//!
//! The password says which registry is meant, so that all of them have one address here.

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderName, Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::super::handle::Handle;
use super::super::identity::Caller;
use super::super::observe::Request;
use super::super::place::Place;
use super::super::refusal::Refusal;
use super::super::state::State;
use super::repository::{Layer, Push, Repository};
use super::{Registry, Status, arn, read};
use crate::digest::{fits, sha256};
use crate::images::media_type::INDEX;

const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// What a path names.
enum Wanted<'p> {
    Ping,
    Manifest(&'p str, &'p str),
    Blob(&'p str, &'p str),
    /// Uploads, which happen in one request.
    Uploads(&'p str),
    Tags(&'p str),
    Referrers(&'p str, &'p str),
    Nothing,
}

/// An upload or a download by somebody known.
struct Visit<'v> {
    parts: &'v Parts,
    body: &'v Bytes,
    caller: Caller,
    place: Place,
}

/// What a pull leaves behind.
struct Trace {
    now: Timestamp,
    leaves_one: bool,
    is_lazy: bool,
}

/// Whether the path is one of these.
pub(in crate::aws) fn is_registry_api(path: &str) -> bool {
    path == "/v2" || path.starts_with("/v2/") || path.starts_with("/layers/")
}

pub(in crate::aws) fn registry_api(aws: &Handle, parts: &Parts, body: Bytes) -> Response {
    let mut state = aws.state();
    if let Some(rest) = parts.uri.path().strip_prefix("/layers/") {
        return layer_by_address(&mut state, rest);
    }
    let Some((caller, place)) = identify(&state, parts) else {
        let challenge = [(WWW_AUTHENTICATE, "Basic realm=\"ecr\",service=\"ecr.amazonaws.com\"")];
        return (StatusCode::UNAUTHORIZED, challenge, "Not Authorized").into_response();
    };
    let ticket = state.log.arrived(Request {
        action: format!("{} {}", parts.method, parts.uri.path()),
        account: caller.account.clone(),
        region: place.region.clone(),
        caller: caller.arn.clone(),
        input: Value::Null,
        status: None,
        error: None,
    });
    let visit = Visit {
        parts,
        body: &body,
        caller,
        place,
    };
    let response = visit.answer(&mut state);
    state.log.answered(ticket, response.status().as_u16(), None);
    response
}

/// Whose password it is, and of which registry.
fn identify(state: &State, parts: &Parts) -> Option<(Caller, Place)> {
    let basic = parts
        .headers
        .get(AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Basic ")?;
    let decoded = String::from_utf8(STANDARD.decode(basic).ok()?).ok()?;
    let password = decoded.strip_prefix("AWS:")?;
    state.registries().find_map(|(place, registry)| {
        let token = registry
            .tokens
            .get(password)
            .filter(|token| token.expires > state.now)?;
        Some((token.caller.clone(), place.clone()))
    })
}

impl<'p> Wanted<'p> {
    fn of(path: &'p str) -> Self {
        let Some(rest) = path.strip_prefix("/v2/").filter(|rest| !rest.is_empty()) else {
            return Self::Ping;
        };
        if let Some(name) = rest.strip_suffix("/tags/list") {
            return Self::Tags(name);
        }
        if let Some((name, _)) = rest.rsplit_once("/blobs/uploads") {
            return Self::Uploads(name);
        }
        let split = |part: &str| rest.rsplit_once(part);
        if let Some((name, reference)) = split("/manifests/") {
            return Self::Manifest(name, reference);
        }
        if let Some((name, digest)) = split("/blobs/") {
            return Self::Blob(name, digest);
        }
        split("/referrers/").map_or(Self::Nothing, |(name, subject)| Self::Referrers(name, subject))
    }

    fn repository(&self) -> &'p str {
        match self {
            Self::Manifest(name, _)
            | Self::Blob(name, _)
            | Self::Uploads(name)
            | Self::Tags(name)
            | Self::Referrers(name, _) => name,
            Self::Ping | Self::Nothing => "",
        }
    }

    /// The action of the API that this is behind the curtain.
    fn action(&self, method: &Method) -> &'static str {
        match (self, method) {
            (Self::Manifest(..), &Method::PUT) => "ecr:PutImage",
            (Self::Manifest(..), &Method::DELETE) => "ecr:BatchDeleteImage",
            (Self::Manifest(..) | Self::Referrers(..), _) => "ecr:BatchGetImage",
            (Self::Blob(..), _) => "ecr:GetDownloadUrlForLayer",
            (Self::Uploads(_), _) => "ecr:InitiateLayerUpload",
            (Self::Tags(_), _) => "ecr:ListImages",
            (Self::Ping | Self::Nothing, _) => "ecr:GetAuthorizationToken",
        }
    }
}

impl Visit<'_> {
    fn answer(&self, state: &mut State) -> Response {
        let wanted = Wanted::of(self.parts.uri.path());
        if matches!(wanted, Wanted::Ping) {
            return StatusCode::OK.into_response();
        }
        let action = wanted.action(&self.parts.method);
        let resource = arn(&self.place, wanted.repository());
        if let Err(refusal) = state.identities.check(&self.caller, action, &resource) {
            return refused(403, "DENIED", &refusal.message);
        }
        let now = state.now;
        let registry = &mut state.region(&self.place).registry;
        let trace = Trace {
            now,
            leaves_one: !registry.exclusions.contains_key(&self.caller.identity),
            is_lazy: registry.is_lazy,
        };
        match registry.repository_mut(wanted.repository()) {
            Ok(found) => self.perform(found, &wanted, &trace),
            Err(refusal) => refused(404, "NAME_UNKNOWN", &refusal.message),
        }
    }

    fn perform(&self, found: &mut Repository, wanted: &Wanted<'_>, trace: &Trace) -> Response {
        match (wanted, &self.parts.method) {
            (Wanted::Manifest(_, reference), &Method::GET | &Method::HEAD) => self.manifest(found, reference, trace),
            (Wanted::Manifest(_, reference), &Method::PUT) => self.put(found, reference, trace.now),
            (Wanted::Manifest(_, reference), &Method::DELETE) => delete(found, reference),
            (Wanted::Blob(_, digest), &Method::GET | &Method::HEAD) => self.blob(found, digest),
            (Wanted::Uploads(name), &Method::POST) => {
                // ECR takes no upload in one POST, and answers as if none had been asked for.
                let location = format!("/v2/{name}/blobs/uploads/1");
                (StatusCode::ACCEPTED, [(LOCATION, location)]).into_response()
            }
            (Wanted::Uploads(_), &Method::PUT) => self.upload(found),
            (Wanted::Tags(name), &Method::GET) => {
                let tags: Vec<&String> = found.tags.keys().collect();
                with_json("application/json", &json!({"name": name, "tags": tags}))
            }
            (Wanted::Referrers(_, subject), &Method::GET) => referrers(found, subject),
            _ => refused(405, "UNSUPPORTED", "Invalid action"),
        }
    }

    fn manifest(&self, found: &mut Repository, reference: &str, trace: &Trace) -> Response {
        let digest = found.digest_of(reference).unwrap_or_else(|| reference.to_owned());
        let image = found.images.get_mut(&digest);
        // "Requests to pull the archived image will fail with a 404 error."
        let Some(image) = image.filter(|image| image.status(trace.now) == Status::Active) else {
            return refused(404, "MANIFEST_UNKNOWN", "Requested image not found");
        };
        if self.parts.method == Method::GET && trace.leaves_one {
            image.pulled(trace.now, trace.is_lazy);
        }
        let headers = [(CONTENT_TYPE, image.media_type.clone()), (DIGEST, digest)];
        (headers, self.body_of(image.bytes.clone())).into_response()
    }

    fn blob(&self, found: &Repository, digest: &str) -> Response {
        match found.layers.get(digest) {
            Some(layer) => {
                let bytes = layer.bytes.clone().unwrap_or_default();
                ([(DIGEST, digest.to_owned())], self.body_of(bytes)).into_response()
            }
            None => refused(404, "BLOB_UNKNOWN", "blob unknown to registry"),
        }
    }

    fn put(&self, found: &mut Repository, reference: &str, now: Timestamp) -> Response {
        let is_digest = reference.contains(':');
        let content_type = self
            .parts
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let push = Push {
            bytes: self.body.clone(),
            media_type: content_type,
            tag: (!is_digest).then_some(reference),
            digest: is_digest.then_some(reference),
        };
        let digest = match found.put(&push, now) {
            Ok(digest) => digest,
            // A client that pushes the same again is not told off, as it is by PutImage.
            Err(refusal) if refusal.code == "ImageAlreadyExistsException" => sha256(self.body),
            Err(refusal) => return refused(status_of(&refusal), "MANIFEST_INVALID", &refusal.message),
        };
        let subject = found.images.get(&digest).and_then(|image| image.subject.clone());
        let mut response = (StatusCode::CREATED, [(DIGEST, digest)]).into_response();
        if let Some(subject) = subject.and_then(|subject| subject.parse().ok()) {
            let name = HeaderName::from_static("oci-subject");
            response.headers_mut().insert(name, subject);
        }
        response
    }

    /// Takes in what was announced with a POST, in whole.
    fn upload(&self, found: &mut Repository) -> Response {
        let query = self.parts.uri.query().unwrap_or_default();
        let digest = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "digest");
        let Some(digest) = digest
            .map(|(_, digest)| digest.into_owned())
            .filter(|digest| fits(digest, self.body))
        else {
            return refused(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
        };
        let layer = Layer {
            size: self.body.len() as u64,
            bytes: Some(self.body.clone()),
        };
        found.layers.insert(digest.clone(), layer);
        (StatusCode::CREATED, [(DIGEST, digest)]).into_response()
    }

    /// The bytes, or for a HEAD nothing.
    fn body_of(&self, bytes: Bytes) -> Response {
        let length = [(CONTENT_LENGTH, bytes.len().to_string())];
        match self.parts.method {
            Method::HEAD => (length, Body::empty()).into_response(),
            _ => bytes.into_response(),
        }
    }
}

fn referrers(found: &Repository, subject: &str) -> Response {
    let rows = found.referrers(subject).map(|(digest, image)| {
        json!({"digest": digest, "mediaType": image.media_type, "artifactType": image.artifact_type,
            "size": image.bytes.len()})
    });
    let rows: Vec<Value> = rows.collect();
    with_json(
        INDEX,
        &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": rows}),
    )
}

/// A tag alone, and with its last one the image; or the image.
fn delete(found: &mut Repository, reference: &str) -> Response {
    let id = match reference.contains(':') {
        true => json!({"imageDigest": reference}),
        false => json!({"imageTag": reference}),
    };
    match super::delete::one(found, &read::Id::of(&id)) {
        Ok(_) => StatusCode::ACCEPTED.into_response(),
        Err(trouble) if trouble.code == "ImageNotFound" => refused(404, "MANIFEST_UNKNOWN", &trouble.reason),
        Err(trouble) => refused(409, "DENIED", &trouble.reason),
    }
}

fn layer_by_address(state: &mut State, rest: &str) -> Response {
    let found = rest.split_once('/').and_then(|(account, rest)| {
        let (region, rest) = rest.split_once('/')?;
        let (name, digest) = rest.rsplit_once('/')?;
        let registry: &Registry = &state.region(&Place::new(account, region)).registry;
        registry.repository(name).ok()?.layers.get(digest)?.bytes.clone()
    });
    found.map_or_else(|| StatusCode::FORBIDDEN.into_response(), |bytes| bytes.into_response())
}

fn status_of(refusal: &Refusal) -> u16 {
    match refusal.code.as_str() {
        "LayersNotFoundException" | "ReferencedImagesNotFoundException" => 404,
        _ => 400,
    }
}

fn with_json(content_type: &str, value: &Value) -> Response {
    ([(CONTENT_TYPE, content_type.to_owned())], value.to_string()).into_response()
}

fn refused(status: u16, code: &str, message: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = json!({"errors": [{"code": code, "message": message}]});
    (status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
