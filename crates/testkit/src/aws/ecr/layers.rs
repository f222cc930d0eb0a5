//! Layers, and the passwords of the registry API.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::call::Answer;
use super::super::identity::Caller;
use super::super::refusal::Refusal;
use super::super::state::epoch;
use super::{Registry, Scene};
use crate::digest::is_digest;

/// How long a password is good.
const LIFETIME: SignedDuration = SignedDuration::from_hours(12);

/// A password of the registry API.
#[derive(Debug, Clone)]
pub(in crate::aws) struct Token {
    pub(super) caller: Caller,
    pub(super) expires: Timestamp,
}

pub(super) fn token(registry: &mut Registry, scene: &Scene<'_>, id: &str) -> Answer {
    let password = format!("password-{id}");
    let expires = scene.now + LIFETIME;
    let token = Token {
        caller: scene.call.caller.clone(),
        expires,
    };
    registry.tokens.insert(password.clone(), token);
    Ok(
        json!({"authorizationData": [{"authorizationToken": STANDARD.encode(format!("AWS:{password}")),
        "expiresAt": epoch(expires), "proxyEndpoint": format!("https://{}", scene.place.host())}]}),
    )
}

pub(super) fn available(registry: &Registry, scene: &Scene<'_>) -> Answer {
    let call = scene.call;
    let found = registry.repository(call.required("repositoryName")?)?;
    let digests = call.bounded("layerDigests", 100)?;
    let (mut layers, mut failures) = (Vec::new(), Vec::new());
    for digest in digests.iter().filter_map(Value::as_str) {
        if !is_digest(digest) {
            failures.push(json!({"layerDigest": digest, "failureCode": "InvalidLayerDigest",
                "failureReason": "Invalid request parameters: layer digest should be a digest"}));
            continue;
        }
        let layer = found.layers.get(digest);
        let availability = if layer.is_some() { "AVAILABLE" } else { "UNAVAILABLE" };
        let mut row = json!({"layerDigest": digest, "layerAvailability": availability});
        if let Some(layer) = layer {
            row["layerSize"] = json!(layer.size);
        }
        layers.push(row);
    }
    Ok(json!({"layers": layers, "failures": failures}))
}

pub(super) fn address(registry: &Registry, scene: &Scene<'_>, url: &str) -> Answer {
    let call = scene.call;
    let name = call.required("repositoryName")?;
    let digest = call.required("layerDigest")?;
    if !registry.repository(name)?.layers.contains_key(digest) {
        let message = format!("The layer with digest '{digest}' does not exist in the repository with name '{name}'");
        return Err(Refusal::new("LayersNotFoundException", message));
    }
    let (account, region) = (&scene.place.account, &scene.place.region);
    let address = format!("{url}/layers/{account}/{region}/{name}/{digest}");
    Ok(json!({"downloadUrl": address, "layerDigest": digest}))
}
