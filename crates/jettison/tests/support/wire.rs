//! Puts and gets by plain HTTP what the clients of a Debian 12 machine do not make: signatures in cosign's classic
//! form, attestations as BuildKit attaches them, its build caches, and many images in little time.
//!
//! It knows nothing of jettison: bytes, media types and digests are written out here once more.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const BUILDKIT_CACHE_CONFIG: &str = "application/vnd.buildkit.cacheconfig.v0";
const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const IN_TOTO: &str = "application/vnd.in-toto+json";

/// A manifest as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// `sha256:` and the hash of the bytes.
    pub(crate) digest: String,
    /// As the registry says it.
    pub(crate) media_type: String,
    /// The bytes themselves.
    pub(crate) bytes: Vec<u8>,
}

/// One repository of a registry without authentication.
#[derive(Debug)]
pub(crate) struct Wire {
    base: String,
}

impl Wire {
    /// The repository `name` of the registry at `host` (`127.0.0.1:PORT`).
    pub(crate) fn new(host: &str, name: &str) -> Self {
        Self {
            base: format!("http://{host}/v2/{name}"),
        }
    }

    /// The manifest of a tag or digest; none when the registry answers 404.
    pub(crate) fn manifest(&self, reference: &str) -> Option<Stored> {
        let accept = format!("{INDEX}, {MANIFEST}");
        let reply = self.ask(Method::GET, &format!("/manifests/{reference}"), |it| {
            it.header(header::ACCEPT, &accept)
        });
        if reply.status == StatusCode::NOT_FOUND {
            return None;
        }
        assert_eq!(reply.status, StatusCode::OK, "GET {}/manifests/{reference}", self.base);
        Some(Stored {
            digest: digest(&reply.bytes),
            media_type: reply.media_type,
            bytes: reply.bytes,
        })
    }

    /// Pushes a manifest or index under a tag or its digest and returns its digest.
    pub(crate) fn push_manifest(&self, reference: Option<&str>, media_type: &str, manifest: &Value) -> String {
        let bytes = manifest.to_string().into_bytes();
        let digest = digest(&bytes);
        let path = format!("/manifests/{}", reference.unwrap_or(&digest));
        let reply = self.ask(Method::PUT, &path, |it| {
            it.header(header::CONTENT_TYPE, media_type).body(bytes.clone())
        });
        assert_eq!(reply.status, StatusCode::CREATED, "PUT {}{path}", self.base);
        digest
    }

    /// Pushes a blob and returns the descriptor that a manifest needs.
    pub(crate) fn push_blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = digest(bytes);
        let begun = self.ask(Method::POST, "/blobs/uploads/", |it| it);
        assert_eq!(begun.status, StatusCode::ACCEPTED, "POST {}/blobs/uploads/", self.base);
        // Distribution's upload address has a query already.
        let address = format!("{}&digest={digest}", begun.location);
        let reply = exchange(Method::PUT, &address, |it| it.body(bytes.to_vec()));
        assert_eq!(reply.status, StatusCode::CREATED, "PUT {address}");
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    }

    /// Deletes a manifest.
    pub(crate) fn delete_manifest(&self, digest: &str) {
        let reply = self.ask(Method::DELETE, &format!("/manifests/{digest}"), |it| it);
        assert_eq!(
            reply.status,
            StatusCode::ACCEPTED,
            "DELETE {}/manifests/{digest}",
            self.base
        );
    }

    /// The tags of the repository, sorted.
    pub(crate) fn tags(&self) -> Vec<String> {
        let reply = self.ask(Method::GET, "/tags/list", |it| it);
        assert_eq!(reply.status, StatusCode::OK, "GET {}/tags/list", self.base);
        let answer: Value = serde_json::from_slice(&reply.bytes).expect("a list of tags");
        let tags = answer["tags"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut tags: Vec<String> = tags.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        tags.sort();
        tags
    }

    /// Pushes an image of one small layer, which all images pushed so share, under `tag`; its config has a `created`
    /// and, through `name`, a digest of its own. Quicker than any client. Returns its digest.
    pub(crate) fn push_image(&self, tag: &str, created: &str, name: &str) -> String {
        let layer = self.push_blob(LAYER, b"not even an archive");
        let settings = json!({"architecture": "amd64", "os": "linux", "created": created,
            "config": {"Labels": {"name": name}}});
        self.push_manifest(Some(tag), MANIFEST, &self.image_manifest(&layer, settings))
    }

    /// Pushes a build cache as BuildKit does by default (`type=registry`): layers and a config of its own type,
    /// with no date anywhere. Returns its digest.
    pub(crate) fn push_build_cache(&self, tag: &str) -> String {
        let layer = self.push_blob(LAYER, format!("what was built for {tag}").as_bytes());
        let records = json!({"layers": [{"blob": layer["digest"], "parent": -1}],
            "records": [{"digest": digest(tag.as_bytes()), "layers": [{"layer": 0}]}]});
        let config = self.push_blob(BUILDKIT_CACHE_CONFIG, records.to_string().as_bytes());
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]});
        self.push_manifest(Some(tag), MANIFEST, &manifest)
    }

    /// Signs `subject` in cosign's classic form: a manifest under the tag `sha256-<hex>.sig`. Returns that tag.
    pub(crate) fn push_signature(&self, subject: &str) -> String {
        let payload = json!({"critical": {"type": "cosign container image signature",
            "image": {"docker-manifest-digest": subject}, "identity": {"docker-reference": ""}}, "optional": null});
        let mut layer = self.push_blob(SIMPLE_SIGNING, payload.to_string().as_bytes());
        layer["annotations"] = json!({"dev.cosignproject.cosign/signature": "bm90IGEgc2lnbmF0dXJl"});
        let tag = format!("{}.sig", subject.replace(':', "-"));
        let manifest = self.image_manifest(&layer, json!({"created": "0001-01-01T00:00:00Z"}));
        self.push_manifest(Some(&tag), MANIFEST, &manifest);
        tag
    }

    /// Wraps the image `subject` into an index beside an attestation of it, as BuildKit does for one platform (the
    /// form with an ordinary config), and tags that index. Returns the digests of index and attestation.
    pub(crate) fn push_attested(&self, subject: &str, tag: &str) -> (String, String) {
        let image = self.manifest(subject).expect("the subject is in the registry");
        let hex = subject.trim_start_matches("sha256:");
        let statement = json!({"_type": "https://in-toto.io/Statement/v0.1", "predicate": {},
            "subject": [{"name": "_", "digest": {"sha256": hex}}]});
        let mut layer = self.push_blob(IN_TOTO, statement.to_string().as_bytes());
        layer["annotations"] = json!({"in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"});
        let attestation = self.image_manifest(&layer, json!({"architecture": "unknown", "os": "unknown"}));
        let attestation_digest = self.push_manifest(None, MANIFEST, &attestation);
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
            {"mediaType": image.media_type, "digest": image.digest, "size": image.bytes.len(),
             "platform": {"architecture": "amd64", "os": "linux"}},
            {"mediaType": MANIFEST, "digest": attestation_digest, "size": attestation.to_string().len(),
             "platform": {"architecture": "unknown", "os": "unknown"},
             "annotations": {"vnd.docker.reference.type": "attestation-manifest",
                             "vnd.docker.reference.digest": image.digest}}]});
        (self.push_manifest(Some(tag), INDEX, &index), attestation_digest)
    }

    /// A manifest of one layer; the settings become its config, with what an image config must have.
    fn image_manifest(&self, layer: &Value, mut config: Value) -> Value {
        config["rootfs"] = json!({"type": "layers", "diff_ids": [layer["digest"]]});
        let config = self.push_blob(CONFIG, config.to_string().as_bytes());
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]})
    }

    fn ask(&self, method: Method, path: &str, shape: impl FnOnce(RequestBuilder) -> RequestBuilder + Send) -> Reply {
        exchange(method, &format!("{}{path}", self.base), shape)
    }
}

/// What is read of an answer.
struct Reply {
    status: StatusCode,
    media_type: String,
    location: String,
    bytes: Vec<u8>,
}

/// One request and its whole answer, on a thread and runtime of its own, so that sync and async tests may call it.
fn exchange(method: Method, url: &str, shape: impl FnOnce(RequestBuilder) -> RequestBuilder + Send) -> Reply {
    let talk = async {
        // Nothing is asked by HTTPS, and reading every authority of the machine takes longer than any answer.
        let builder = Client::builder().no_proxy().tls_certs_only([]);
        let client = builder.timeout(Duration::from_secs(20)).build()?;
        let response = shape(client.request(method, url)).send().await?;
        let text = |name| header_text(&response, name);
        let (status, media_type, location) = (response.status(), text(header::CONTENT_TYPE), text(header::LOCATION));
        Ok::<Reply, reqwest::Error>(Reply {
            status,
            media_type,
            location,
            bytes: response.bytes().await?.to_vec(),
        })
    };
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(talk)
    };
    let reply = std::thread::scope(|scope| scope.spawn(run).join().expect("the exchange ends"));
    reply.expect("the registry answers")
}

fn header_text(response: &Response, name: header::HeaderName) -> String {
    response
        .headers()
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes)
        .iter()
        .fold(String::from("sha256:"), |mut text, byte| {
            write!(text, "{byte:02x}").expect("text grows");
            text
        })
}
