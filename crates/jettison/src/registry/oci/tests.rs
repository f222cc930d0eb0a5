//! The adapter against scripted registries that keep to the specification, and those that do not.

mod blobs;
mod listings;
mod manifests;
mod puts;
mod referrers;
mod removals;

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::registry::scripted::{Reply, Scripted, Seen, refusal, reply};
use crate::registry::{ErrorKind, Limits, open};

const MANIFEST: &str = r#"{"schemaVersion":2}"#;
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn repository() -> RepositoryName {
    "apps/web".parse().unwrap()
}

fn tag(name: &str) -> Tag {
    name.parse().unwrap()
}

fn by_tag(name: &str) -> ManifestReference {
    tag(name).into()
}

fn sha512(bytes: &[u8]) -> Digest {
    use sha2::Digest as _;
    let hex: String = sha2::Sha512::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha512:{hex}").parse().unwrap()
}

async fn serve(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> (Scripted, OciRegistry) {
    let server = Scripted::serve(answer).await;
    let registry = OciRegistry::new(&server.connection()).unwrap();
    (server, registry)
}

/// Answers everything alike.
async fn always(answer: Reply) -> (Scripted, OciRegistry) {
    serve(move |_| answer.clone()).await
}

/// Answers in turn, the last for ever.
async fn in_turn(replies: Vec<Reply>) -> (Scripted, OciRegistry) {
    let turn = AtomicUsize::new(0);
    serve(move |_| replies[turn.fetch_add(1, Ordering::Relaxed).min(replies.len() - 1)].clone()).await
}

fn manifest() -> Reply {
    reply(200).header("content-type", OCI_MANIFEST).body(MANIFEST)
}

fn not_there() -> Reply {
    refusal(404, "MANIFEST_UNKNOWN")
}

fn html() -> Reply {
    reply(404)
        .header("content-type", "text/html")
        .body("<html>not here</html>")
}

fn kind<T: std::fmt::Debug>(result: Result<T, RegistryError>) -> ErrorKind {
    result.unwrap_err().kind
}

#[tokio::test]
async fn deletes_and_reads_ask_for_no_more_than_they_need() {
    let server = Scripted::serve(
        |seen| match (seen.target.starts_with("/token"), seen.header("authorization")) {
            (true, _) => reply(200).body(r#"{"token":"t"}"#),
            (false, Some(_)) => not_there(),
            (false, None) => {
                let realm = format!("Bearer realm=\"http://{}/token\"", seen.header("host").unwrap());
                refusal(401, "UNAUTHORIZED").header("www-authenticate", realm)
            }
        },
    )
    .await;
    let registry = open(&server.connection()).unwrap();
    registry.manifest(&repository(), &by_tag("main")).await.unwrap();
    registry
        .delete_manifest(&repository(), &Digest::of(b"x"))
        .await
        .unwrap();
    let tokens: Vec<String> = server
        .seen()
        .into_iter()
        .map(|seen| seen.target)
        .filter(|target| target.starts_with("/token"))
        .collect();
    assert_eq!(tokens.len(), 2);
    assert!(
        tokens[0].ends_with("scope=repository%3Aapps%2Fweb%3Apull"),
        "{tokens:?}"
    );
    assert!(
        tokens[1].ends_with("scope=repository%3Aapps%2Fweb%3Apull%2Cdelete"),
        "{tokens:?}"
    );
}

#[test]
fn a_plain_registry_promises_little() {
    let registry = open(&Connection::new("registry.example.com".parse().unwrap())).unwrap();
    let capabilities = registry.capabilities();
    assert_eq!(
        (capabilities.delete, capabilities.delete_tag),
        (None, None),
        "not before it was asked"
    );
    assert_eq!(
        (capabilities.push_time, capabilities.list_untagged),
        (Some(false), Some(false))
    );
    assert!(registry.aftermath().bytes_freed.contains("garbage"));
}
