//! Images in the history of Helm: a rollback applies a manifest again that nothing in the cluster may show any more.
//!
//! A release is a Secret (or a ConfigMap) that holds JSON, packed and encoded. Its manifests are YAML: places that are
//! meant for images count as typed there too. What cannot be unpacked or understood is a gap. Nothing else of a Secret is
//! kept or told.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use jettison_core::model::legible;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::sweep::Sweep;
use super::workloads::named;
use crate::usage::said::Said;

/// What to list of the Secrets.
pub(super) const SECRETS: &str = "fieldSelector=type%3Dhelm.sh%2Frelease.v1";

/// A release, unpacked. They are a megabyte packed, at most.
const LARGEST_RELEASE: u64 = 32 * 1024 * 1024;

/// Lists of containers, wherever they stand in a manifest.
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow, default)]
    metadata: Metadata<'a>,
    #[serde(borrow, default)]
    data: Option<Data<'a>>,
    #[serde(rename = "type", borrow, default)]
    kind: Option<Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
struct Metadata<'a> {
    #[serde(borrow, default)]
    labels: Option<Labels<'a>>,
}

#[derive(Deserialize)]
struct Labels<'a> {
    #[serde(borrow, default)]
    owner: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow, default)]
    release: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Release {
    /// None is without these two.
    name: String,
    version: u64,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    manifest: String,
    #[serde(default)]
    hooks: Option<Vec<Hook>>,
}

#[derive(Deserialize)]
struct Hook {
    #[serde(default)]
    manifest: String,
}

/// Why a release tells nothing.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("it is not encoded as a release is")]
    Encoded,
    #[error("it cannot be unpacked, or is larger than {LARGEST_RELEASE} bytes")]
    Packed,
    #[error("it is no release (line {0})")]
    Json(usize),
    #[error("a manifest in it is no YAML")]
    Yaml,
}

/// Reads an object if it is a release.
pub(super) fn read(item: &RawValue, sweep: &Sweep<'_>, said: &mut Said) {
    let Ok(object) = serde_json::from_str::<Object<'_>>(item.get()) else {
        return said.gap(format!("{} cannot be understood", named("Helm release", item)));
    };
    let owner = object.metadata.labels.and_then(|labels| labels.owner);
    let is_secret = object.kind.as_deref() == Some("helm.sh/release.v1");
    let read = match object.data.and_then(|data| data.release) {
        Some(packed) if is_secret || owner.as_deref() == Some("helm") => {
            unpacked(&packed).and_then(|release| release.read(sweep, said))
        }
        None if is_secret => Err(Unreadable::Encoded),
        _ => Ok(()),
    };
    if let Err(why) = read {
        said.gap(format!("{}: {why}", named("Helm release", item)));
    }
}

/// A Secret is encoded once more than a ConfigMap.
fn unpacked(packed: &str) -> Result<Release, Unreadable> {
    let once = STANDARD.decode(packed).map_err(|_| Unreadable::Encoded)?;
    let bytes = match STANDARD.decode(&once) {
        Ok(twice) => twice,
        Err(_) => once,
    };
    let json = match bytes.starts_with(&[0x1f, 0x8b]) {
        true => gunzipped(&bytes)?,
        // As it was written before Helm packed releases.
        false => bytes,
    };
    serde_json::from_slice(&json).map_err(|error| Unreadable::Json(error.line()))
}

fn gunzipped(bytes: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let mut plain = Vec::new();
    let read = GzDecoder::new(bytes).take(LARGEST_RELEASE + 1).read_to_end(&mut plain);
    match read {
        Ok(length) if length as u64 <= LARGEST_RELEASE => Ok(plain),
        _ => Err(Unreadable::Packed),
    }
}

impl Release {
    fn read(self, sweep: &Sweep<'_>, said: &mut Said) -> Result<(), Unreadable> {
        let who = format!(
            "Helm release {}/{} revision {}",
            legible(&self.namespace),
            legible(&self.name),
            self.version
        );
        let hooks = self.hooks.unwrap_or_default();
        let manifests = std::iter::once(self.manifest).chain(hooks.into_iter().map(|hook| hook.manifest));
        let mut wrong = Ok(());
        for manifest in manifests {
            let mut known = BTreeSet::new();
            for document in documents(&manifest) {
                match object(document) {
                    Ok(object) => images(&object, &who, &mut known, said),
                    Err(why) => wrong = Err(why),
                }
            }
            sweep.text(&manifest, &known, &who, said);
        }
        wrong
    }
}

/// The documents of a manifest. Nothing else in YAML can begin a line like this.
fn documents(manifest: &str) -> impl Iterator<Item = &str> {
    let mut left = Some(manifest);
    std::iter::from_fn(move || {
        let text = left?;
        let end = text.find("\n---");
        left = end.and_then(|end| text.get(end + 1..));
        Some(end.map_or(text, |end| &text[..end]))
    })
}

/// One object. Helm takes keys that stand there twice. The parser's own bounds stay: one that is nested deeper than any real
/// object would overflow the stack.
fn object(document: &str) -> Result<Value, Unreadable> {
    let options = serde_saphyr::options! {
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
    };
    serde_saphyr::from_str_with_options(document, options).map_err(|_| Unreadable::Yaml)
}

/// The images of an object of any kind: `containers[].image`, and `volumes[].image.reference`.
fn images(object: &Value, who: &str, known: &mut BTreeSet<String>, said: &mut Said) {
    let kind = text(&object["kind"]);
    let who = format!("{who}, {kind} {}", text(&object["metadata"]["name"]));
    let mut left = vec![object];
    while let Some(value) = left.pop() {
        match value {
            Value::Array(values) => left.extend(values),
            Value::Object(fields) => {
                for (key, value) in fields {
                    let places = value.as_array().map(Vec::as_slice).unwrap_or_default();
                    let image = |place: &Value| match key.as_str() {
                        "volumes" => text(&place["image"]["reference"]).to_owned(),
                        key if CONTAINERS.contains(&key) => text(&place["image"]).to_owned(),
                        _ => String::new(),
                    };
                    for image in places.iter().map(image) {
                        said.uses(&image, None, &who);
                        known.insert(image);
                    }
                    left.push(value);
                }
            }
            _ => {}
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
