//! From the tree of a file to the configuration.

use std::collections::{BTreeMap, BTreeSet};

use super::diagnostic::{Diagnostic, Diagnostics, Source};
use super::reader::{Fields, Reader, did_you_mean, nowhere};
use super::tree::{self, Node, Value};
use super::{Config, EcrPlace, Expects, ImmutableTags, Limits, Mirror, ProtectPattern, RegistryConfig, Share};
use super::{aws, host, keys, sources};
use crate::model::{RegistryHost, Sharing};
use crate::policy::NameGlobs;
use crate::policy::read::{self as policy, optional};

impl Config {
    /// Reads a configuration file, and says what hardly can be meant as it stands. The text is not looked up
    /// anywhere: `file_name` only serves the messages. An empty file is the default configuration.
    ///
    /// # Errors
    /// Everything that is wrong in the file, and the warnings with it, in the order of their places. Of a file that
    /// is not YAML only that can be told.
    pub fn parse(file_name: &str, text: &str) -> Result<(Self, Vec<Diagnostic>), Diagnostics> {
        Self::parse_beside(file_name, text, &nowhere)
    }

    /// Reads a configuration file that may name others, which `read` finds: what they are called in the file in, their
    /// text or why there is none out.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and what is wrong in those files.
    pub fn parse_beside(
        file_name: &str,
        text: &str,
        read: &dyn Fn(&str) -> Result<String, String>,
    ) -> Result<(Self, Vec<Diagnostic>), Diagnostics> {
        let source = Source::new(file_name, text);
        let mut found = Vec::new();
        let root = tree::parse(&source, &mut found);
        let mut reader = Reader::new(&source, found, read);
        let config = root.map_or_else(|| Some(Self::default()), |root| config(&mut reader, &root));
        let found = Diagnostics::new(reader.found);
        match config {
            Some(config) if !found.has_errors() => Ok((config, found.into_vec())),
            _ => Err(found),
        }
    }
}

fn config(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Config> {
    if matches!(node.scalar(), Some((tree::Scalar::Nothing, _))) {
        return Some(Config::default());
    }
    let fields = reader.fields(node, &keys::CONFIG)?;
    let default = Config::default();
    let mut named: BTreeSet<&'static str> = keys::CONFIG
        .keys
        .iter()
        .map(|key| key.name)
        .filter(|key| fields.get(key).is_some())
        .collect();
    let usage = list(reader, fields.get("usage"), sources::source);
    let registries = list(reader, fields.get("registries"), registry);
    let policies = optional(fields.get("policies"), |node| {
        policy::policies(reader, node, &keys::REGISTRIES)
    });
    let limits = fields
        .get("limits")
        .map_or(Some(default.limits), |node| limits(reader, node, &mut named));
    let mut period = |key, default| {
        fields
            .get(key)
            .map_or(Some(default), |node| policy::period(reader, node))
    };
    let grace = period("grace", default.grace);
    let usage_memory = period("usage-memory", default.usage_memory);
    let journal_memory = period("journal-memory", default.journal_memory);
    let protect = list(reader, fields.get("protect"), protect);
    let immutable = list(reader, fields.get("immutable"), immutable);
    let host = fields.get("host").map_or_else(
        || Some(default.host.clone()),
        |node| host::settings(reader, node, &mut named),
    );
    check_hosts(reader, &fields);
    check_sources(reader, &fields);
    check_covers(reader, &fields);
    if let (Some(registries), Some(usage)) = (&registries, &usage) {
        aws::check_answered(reader, &entries(&fields, "registries"), (registries, usage));
    }
    Some(Config {
        registries: registries?,
        usage: usage?,
        policies: policies?,
        limits: limits?,
        grace: grace?,
        usage_memory: usage_memory?,
        journal_memory: journal_memory?,
        protect: protect?,
        immutable: immutable?,
        host: host?,
        named,
    })
}

/// A list that may be empty, each item read by itself.
pub(super) fn list<T>(
    reader: &mut Reader<'_, '_>,
    node: Option<&Node>,
    mut read: impl FnMut(&mut Reader<'_, '_>, &Node) -> Option<T>,
) -> Option<Vec<T>> {
    let Some(node) = node else { return Some(Vec::new()) };
    let items = reader.list(node)?;
    let all: Vec<T> = items.iter().filter_map(|item| read(reader, item)).collect();
    (all.len() == items.len()).then_some(all)
}

fn registry(reader: &mut Reader<'_, '_>, node: &Node) -> Option<RegistryConfig> {
    let fields = reader.fields(node, &keys::REGISTRY)?;
    let host = fields.get("host").and_then(|node| registry_host(reader, node));
    let aliases = list(reader, fields.get("aliases"), registry_host);
    let mirrors = list(reader, fields.get("mirrors"), mirror);
    let repositories = reader.names(fields.get("repositories"));
    let expects = fields
        .get("expects")
        .map_or(Some(Expects::Unset), |node| expects(reader, node));
    let mut flag = |key| fields.get(key).map_or(Some(false), |node| reader.flag(node));
    let (trust_created, plain_http) = (flag("trust-created"), flag("plain-http"));
    let mut text = |key| optional(fields.get(key), |node| reader.name(node).map(str::to_owned));
    let product = text("product");
    let ca_file = text("ca-file");
    let (client_certificate, client_key) = (text("client-certificate"), text("client-key"));
    client_identity(reader, &fields);
    let sharing = optional(fields.get("sharing"), |node| sharing(reader, node));
    let aws = aws::of_registry(reader, &fields, host.as_ref());
    let (aws, ecr_place) = aws?;
    let (host, mut aliases) = (host?, aliases?);
    let more = EcrPlace::other_hosts(&host).into_iter();
    let more: Vec<RegistryHost> = more.filter(|other| !aliases.contains(other)).collect();
    aliases.extend(more);
    Some(RegistryConfig {
        host,
        aliases,
        mirrors: mirrors?,
        repositories: repositories?,
        expects: expects?,
        trust_created: trust_created?,
        sharing: sharing?,
        product: product?,
        plain_http: plain_http?,
        ca_file: ca_file?,
        client_certificate: client_certificate?,
        client_key: client_key?,
        aws,
        ecr_place,
    })
}

fn sharing(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Sharing> {
    let word = reader.choice(node, keys::SHARING)?;
    [Sharing::Registry, Sharing::Repository]
        .into_iter()
        .find(|sharing| sharing.as_str() == word)
}

/// A certificate is of no use without its key, nor a key without its certificate.
pub(super) fn client_identity(reader: &mut Reader<'_, '_>, fields: &Fields<'_>) {
    for (given, lacking) in [
        ("client-certificate", "client-key"),
        ("client-key", "client-certificate"),
    ] {
        if fields.get(given).is_some() && fields.get(lacking).is_none() {
            reader.error_with(
                "missing-key",
                &fields.key_span(given),
                format!("`{given}` is of no use alone"),
                format!("add `{lacking}`"),
            );
        }
    }
}

fn mirror(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Mirror> {
    let text = reader.text(node)?;
    let parts = text.trim_end_matches('/').split_once('/');
    let mirror = parts.and_then(|(host, prefix)| {
        Some(Mirror {
            host: host.parse().ok()?,
            prefix: prefix.parse().ok()?,
        })
    });
    if mirror.is_none() {
        reader.error_with(
            "bad-mirror",
            &node.span,
            "a mirror is a host and a path",
            "write `mirror.example.com/hub`; a host alone belongs under `aliases`",
        );
    }
    mirror
}

fn registry_host(reader: &mut Reader<'_, '_>, node: &Node) -> Option<RegistryHost> {
    let text = reader.text(node)?;
    let bare = text.trim_start_matches("https://").trim_start_matches("http://");
    let bare = bare.split('/').next().unwrap_or_default();
    match text.parse::<RegistryHost>() {
        Ok(host) => Some(host),
        Err(error) => {
            match bare.parse::<RegistryHost>() {
                Ok(host) => reader.error_with("bad-host", &node.span, error, format!("write the host alone: `{host}`")),
                Err(_) => reader.error("bad-host", &node.span, error),
            }
            None
        }
    }
}

fn expects(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Expects> {
    match &node.value {
        Value::List(items) if items.is_empty() => {
            let hint = "write `none` to say on purpose that no source is expected";
            reader.error_with("empty-list", &node.span, "an empty list", hint);
            None
        }
        Value::List(items) => {
            let names: Vec<String> = items
                .iter()
                .filter_map(|item| reader.name(item).map(str::to_owned))
                .collect();
            (names.len() == items.len()).then_some(Expects::Sources(names))
        }
        _ => {
            let text = reader.text(node)?;
            if text != "none" {
                let hint = format!(
                    "write `[\"{}\"]`, or `none` to say that no source is expected",
                    text.escape_debug()
                );
                reader.error_with(
                    "unknown-value",
                    &node.span,
                    "expected `none` or a list of usage sources",
                    hint,
                );
            }
            (text == "none").then_some(Expects::None)
        }
    }
}

fn limits(reader: &mut Reader<'_, '_>, node: &Node, named: &mut BTreeSet<&'static str>) -> Option<Limits> {
    let fields = reader.fields(node, &keys::LIMITS)?;
    for key in ["limits.max-share", "limits.keep-at-least", "limits.max-deletions"] {
        let is_given = key.strip_prefix("limits.").is_some_and(|key| fields.get(key).is_some());
        is_given.then(|| named.insert(key));
    }
    let default = Limits::default();
    let max_share = fields
        .get("max-share")
        .map_or(Some(default.max_share), |node| share(reader, node));
    let keep_at_least = fields
        .get("keep-at-least")
        .map_or(Some(default.keep_at_least), |node| reader.count(node, 0));
    let max_deletions = optional(fields.get("max-deletions"), |node| reader.count(node, 0));
    Some(Limits {
        max_share: max_share?,
        keep_at_least: keep_at_least?,
        max_deletions: max_deletions?,
    })
}

pub(super) fn share(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Share> {
    reader.scalar(node, "bad-share", |text| {
        text.parse::<Share>()
            .map_err(|error| (error.to_string(), error.hint().to_owned()))
    })
}

fn protect(reader: &mut Reader<'_, '_>, node: &Node) -> Option<ProtectPattern> {
    let text = reader.text(node)?;
    if !reader.room_for(1, &node.span) {
        return None;
    }
    match text.parse::<ProtectPattern>() {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            let hint = "write `[registry/]repository[:tag]`, for example `**/base/*` or `registry.example.com/apps/web:golden`";
            reader.error_with("bad-protect", &node.span, error, hint);
            None
        }
    }
}

fn immutable(reader: &mut Reader<'_, '_>, node: &Node) -> Option<ImmutableTags> {
    let fields = reader.fields(node, &keys::IMMUTABLE)?;
    let tags = fields.get("tags").and_then(|node| policy::tags(reader, node));
    let repositories = reader.names(fields.get("repositories"));
    let registries: Option<NameGlobs> = reader.hosts(fields.get("registries"));
    Some(ImmutableTags {
        tags: tags?,
        repositories: repositories?,
        registries: registries?,
    })
}

/// The items of a list, where there is one; what is wrong with it is noted elsewhere.
fn entries<'n>(fields: &Fields<'n>, key: &str) -> Vec<&'n Node> {
    match fields.get(key).map(|node| &node.value) {
        Some(Value::List(items)) => items.iter().map(|item| &**item).collect(),
        _ => Vec::new(),
    }
}

pub(super) fn child<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    match &node.value {
        Value::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &*entry.value),
        _ => None,
    }
}

fn text_of(node: &Node) -> Option<&str> {
    node.scalar().map(|(_, text)| text)
}

/// A host, alias or not, stands for one registry, and a registry of ECR for all the hosts that AWS gives it.
fn check_hosts(reader: &mut Reader<'_, '_>, fields: &Fields<'_>) {
    let (mut seen, mut places) = (BTreeMap::new(), BTreeMap::new());
    for (number, registry) in entries(fields, "registries").into_iter().enumerate() {
        for node in hosts_of(registry) {
            let Some(host) = text_of(node).map(str::to_ascii_lowercase) else {
                continue;
            };
            let line = reader.line(&node.span);
            let place = host.parse().ok().and_then(|host| EcrPlace::of_host(&host));
            let elsewhere = place.and_then(|place| {
                let (of, first) = *places.entry(place).or_insert((number, line));
                (of != number).then_some(first)
            });
            let duplicate = match (seen.get(&host), elsewhere) {
                (Some(first), _) => Some(format!("the host `{host}` stands already on line {first}")),
                (None, Some(first)) => Some(format!(
                    "the host `{host}` is the same registry of ECR as the one on line {first}"
                )),
                (None, None) => None,
            };
            match duplicate {
                Some(message) => reader.error("duplicate-name", &node.span, message),
                None => _ = seen.insert(host, line),
            }
        }
    }
}

/// The host of a registry and its aliases, as they stand in the file.
fn hosts_of(registry: &Node) -> impl Iterator<Item = &Node> {
    let aliases = match child(registry, "aliases").map(|node| &node.value) {
        Some(Value::List(items)) => items.iter().map(|item| &**item).collect(),
        _ => Vec::new(),
    };
    child(registry, "host").into_iter().chain(aliases)
}

/// What a source covers decides what is held while it is silent: globs that fit nothing would hold nothing.
fn check_covers(reader: &mut Reader<'_, '_>, fields: &Fields<'_>) {
    let registries = entries(fields, "registries");
    let hosts: BTreeSet<String> = registries
        .into_iter()
        .flat_map(hosts_of)
        .filter_map(text_of)
        .map(str::to_ascii_lowercase)
        .collect();
    for covers in entries(fields, "usage")
        .into_iter()
        .filter_map(|source| child(source, "covers"))
    {
        let Value::List(items) = &covers.value else { continue };
        for item in items.iter() {
            let Some(pattern) = text_of(item) else { continue };
            sources::check_cover(reader, &item.span, pattern.strip_prefix('!').unwrap_or(pattern), &hosts);
        }
    }
}

/// Usage sources have names of their own, and what a registry expects is one of them.
fn check_sources(reader: &mut Reader<'_, '_>, fields: &Fields<'_>) {
    let mut names: BTreeMap<&str, u32> = BTreeMap::new();
    for node in entries(fields, "usage")
        .into_iter()
        .filter_map(|source| child(source, "name"))
    {
        let Some(name) = text_of(node) else { continue };
        let line = reader.line(&node.span);
        match names.get(name) {
            Some(first) => {
                let message = format!(
                    "another usage source has the name {}, on line {first}",
                    super::diagnostic::quoted(name)
                );
                reader.error("duplicate-name", &node.span, message);
            }
            None => _ = names.insert(name, line),
        }
    }
    let known: Vec<&str> = names.keys().copied().collect();
    for node in entries(fields, "registries")
        .into_iter()
        .filter_map(|registry| child(registry, "expects"))
    {
        let Value::List(items) = &node.value else { continue };
        for item in items.iter() {
            let Some(name) = text_of(item).filter(|name| !names.contains_key(name)) else {
                continue;
            };
            let message = format!(
                "no usage source {} is configured here, so nothing is deleted on this registry",
                super::diagnostic::quoted(name)
            );
            reader.warn("unknown-source", &item.span, message, did_you_mean(name, &known));
        }
    }
}
