//! Reads who is to be asked what is in use.

use std::collections::BTreeSet;

use super::aws;
use super::diagnostic::quoted;
use super::keys::{self, Object};
use super::read::child;
use super::reader::{Fields, Reader};
use super::tree::Node;
use super::{CommandSource, ContainerEngine, EngineSource, KubernetesSource, UsageKind, UsageSourceConfig};
use crate::policy::read::optional;

/// How long a source may take to answer, in seconds, unless the file says otherwise.
const TIMEOUT_SECONDS: u64 = 300;

pub(super) fn source(reader: &mut Reader<'_, '_>, node: &Node) -> Option<UsageSourceConfig> {
    let (kind, object) = kind_of(reader, node)?;
    let fields = reader.fields(node, object)?;
    let name = fields.get("name").and_then(|node| reader.name(node).map(str::to_owned));
    let kind = read_kind(reader, &fields, kind);
    let covers = reader.names(fields.get("covers"));
    let allow_empty = flag(reader, &fields, "allow-empty");
    let ignore_references = optional(fields.get("ignore-references"), |node| owned(reader, node));
    fields.get("kind")?;
    Some(UsageSourceConfig {
        name: name?,
        kind: kind?,
        covers: covers?,
        allow_empty: allow_empty?,
        ignore_references: ignore_references?.into_iter().flatten().collect::<BTreeSet<String>>(),
    })
}

/// The keys of a source depend on its kind: of an unknown kind none can be judged.
fn kind_of(reader: &mut Reader<'_, '_>, node: &Node) -> Option<(&'static str, &'static Object)> {
    let Some(kind) = child(node, "kind") else {
        // Whatever it is, it has to say so.
        return Some(("file", &keys::FILE_SOURCE));
    };
    let known = |text: &str| keys::USAGE.iter().find(|(known, _)| *known == text).copied();
    let found = kind.scalar().and_then(|(_, text)| known(text));
    if found.is_none() {
        unknown_kind(reader, kind);
    }
    found
}

fn unknown_kind(reader: &mut Reader<'_, '_>, node: &Node) {
    let Some(text) = reader.text(node) else { return };
    let known: Vec<&str> = keys::USAGE.iter().map(|(known, _)| *known).collect();
    let message = format!("this version knows no usage source of the kind {}", quoted(text));
    let known = known.join("`, `");
    reader.error_with("unknown-kind", &node.span, message, format!("it knows `{known}`"));
}

fn read_kind(reader: &mut Reader<'_, '_>, fields: &Fields<'_>, kind: &str) -> Option<UsageKind> {
    match kind {
        "kubernetes" => kubernetes(reader, fields).map(UsageKind::Kubernetes),
        "docker" => engine(reader, fields, ContainerEngine::Docker).map(UsageKind::Engine),
        "podman" => engine(reader, fields, ContainerEngine::Podman).map(UsageKind::Engine),
        "command" => command(reader, fields).map(UsageKind::Command),
        "aws" => aws::source(reader, fields).map(UsageKind::Aws),
        "compose" => {
            let paths = fields.get("paths").and_then(|node| owned(reader, node))?;
            Some(UsageKind::Compose { paths })
        }
        _ => {
            let paths = fields.get("paths").and_then(|node| owned(reader, node))?;
            Some(UsageKind::File { paths })
        }
    }
}

fn command(reader: &mut Reader<'_, '_>, fields: &Fields<'_>) -> Option<CommandSource> {
    let command = fields.get("command").and_then(|node| owned(reader, node));
    let timeout_seconds = timeout(reader, fields);
    Some(CommandSource {
        command: command?,
        timeout_seconds: timeout_seconds?,
    })
}

fn kubernetes(reader: &mut Reader<'_, '_>, fields: &Fields<'_>) -> Option<KubernetesSource> {
    let (context, kubeconfig) = (text(reader, fields, "context"), text(reader, fields, "kubeconfig"));
    let (in_cluster, helm) = (flag(reader, fields, "in-cluster"), flag(reader, fields, "helm"));
    let leave_out = optional(fields.get("leave-out"), |node| owned(reader, node));
    let timeout_seconds = timeout(reader, fields);
    if in_cluster == Some(true) {
        for other in ["context", "kubeconfig"] {
            excludes(reader, fields, other, "in-cluster");
        }
    }
    let is_named = ["context", "kubeconfig", "in-cluster"]
        .iter()
        .any(|key| fields.get(key).is_some());
    if !is_named {
        // The current context of a shell may be another one tomorrow, and the wrong cluster answers completely.
        let message = "which cluster is not said".to_owned();
        let hint = "name its `context` in the kubeconfig, or say `in-cluster: true`".to_owned();
        reader.error_with("missing-key", &fields.key_span("kind"), message, hint);
    }
    Some(KubernetesSource {
        context: context?,
        kubeconfig: kubeconfig?,
        in_cluster: in_cluster?,
        helm: helm?,
        leave_out: leave_out?.unwrap_or_default(),
        timeout_seconds: timeout_seconds?,
    })
}

fn engine(reader: &mut Reader<'_, '_>, fields: &Fields<'_>, engine: ContainerEngine) -> Option<EngineSource> {
    let (host, context) = (text(reader, fields, "host"), text(reader, fields, "context"));
    let ca_file = text(reader, fields, "ca-file");
    let client_certificate = text(reader, fields, "client-certificate");
    let client_key = text(reader, fields, "client-key");
    let swarm = flag(reader, fields, "swarm");
    let timeout_seconds = timeout(reader, fields);
    super::read::client_identity(reader, fields);
    if fields.get("host").is_some() {
        excludes(reader, fields, "context", "host");
    }
    Some(EngineSource {
        engine,
        host: host?,
        context: context?,
        ca_file: ca_file?,
        client_certificate: client_certificate?,
        client_key: client_key?,
        swarm: swarm?,
        timeout_seconds: timeout_seconds?,
    })
}

/// A glob on `registry/repository`, among these hosts.
pub(super) fn check_cover(
    reader: &mut Reader<'_, '_>,
    span: &std::ops::Range<usize>,
    pattern: &str,
    hosts: &BTreeSet<String>,
) {
    if pattern.starts_with("**") {
        return;
    }
    let hint = || match hosts.first() {
        Some(host) => format!("write `{host}/apps/**`"),
        None => "write `registry.example.com/apps/**`".to_owned(),
    };
    let (host, path) = pattern.split_once('/').unwrap_or((pattern, ""));
    let is_glob = host.contains(['*', '?', '[', '{']);
    let host = host.to_ascii_lowercase();
    let is_host = is_glob || hosts.contains(&host) || host == "localhost" || host.contains(['.', ':']);
    let fits_nothing =
        host.is_empty() || path.is_empty() || !is_host || path.contains([':', '@']) || pattern.contains("://");
    if fits_nothing {
        let message = format!(
            "{} fits nothing: it has to be a glob on `registry/repository`",
            quoted(pattern)
        );
        reader.error_with("bad-covers", span, message, hint());
    } else if !is_glob && !hosts.is_empty() && !hosts.contains(&host) {
        let message = format!(
            "{} covers nothing of the registries that are configured here",
            quoted(pattern)
        );
        reader.warn("unknown-registry", span, message, hint());
    }
}

/// Of two keys that say the same thing in two ways only one may stand there.
fn excludes(reader: &mut Reader<'_, '_>, fields: &Fields<'_>, key: &str, other: &str) {
    if fields.get(key).is_some() {
        let message = format!("`{key}` and `{other}` exclude each other");
        reader.error("conflicting-keys", &fields.key_span(key), message);
    }
}

pub(super) fn timeout(reader: &mut Reader<'_, '_>, fields: &Fields<'_>) -> Option<u64> {
    fields
        .get("timeout-seconds")
        .map_or(Some(TIMEOUT_SECONDS), |node| reader.count(node, 1))
}

fn flag(reader: &mut Reader<'_, '_>, fields: &Fields<'_>, key: &str) -> Option<bool> {
    fields.get(key).map_or(Some(false), |node| reader.flag(node))
}

pub(super) fn text(reader: &mut Reader<'_, '_>, fields: &Fields<'_>, key: &str) -> Option<Option<String>> {
    optional(fields.get(key), |node| reader.name(node).map(str::to_owned))
}

fn owned(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Vec<String>> {
    let texts = reader.texts(node)?;
    Some(texts.into_iter().map(|(text, _)| text.to_owned()).collect())
}
