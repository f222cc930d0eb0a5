//! The configuration file, `jettison.yaml`: text in, checked values or diagnostics out.
//!
//! Nothing here opens a file: the caller hands in the text and a name for it. Nothing is read from the environment
//! either, and no secret belongs into the file.

mod aws;
mod diagnostic;
mod host;
pub(crate) mod keys;
mod lookup;
mod outline;
mod protect;
mod read;
pub(crate) mod reader;
mod schema;
mod share;
mod sources;
pub(crate) mod tree;

pub use aws::{AwsAccess, EcrPlace};
pub use diagnostic::{Diagnostic, Diagnostics, Place, Report, Severity};
pub(crate) use diagnostic::{Source, quoted};
pub use outline::{Outline, Site};
pub use protect::{ImmutableTags, InvalidProtectPattern, ProtectPattern};
pub use schema::{cases_schema, prices_schema, schema};
pub use share::{InvalidShare, Share};

use std::collections::BTreeSet;

use crate::host::HostSettings;
use crate::model::{RegistryHost, RepositoryName, Sharing};
use crate::policy::{NameGlobs, Period, Policy};

/// What a user configured. The default is what an empty file means.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The registries to scan.
    pub registries: Vec<RegistryConfig>,
    /// Who may refer to images.
    pub usage: Vec<UsageSourceConfig>,
    /// The policies in order; `None` if the file does not speak of policies, then the built-in one applies.
    pub policies: Option<Vec<Policy>>,
    /// How much may go in one run.
    pub limits: Limits,
    /// How long an image is safe after its push.
    pub grace: Period,
    /// How long an image is safe after it was last seen in use.
    pub usage_memory: Period,
    /// How long the journal is kept.
    pub journal_memory: Period,
    /// What stays whatever the rules say.
    pub protect: Vec<ProtectPattern>,
    /// Tags that are never removed.
    pub immutable: Vec<ImmutableTags>,
    /// What may go from the disks of servers.
    pub host: HostSettings,
    /// The keys that the file names, `limits.max-share` for those under `limits`, and so under `host`.
    named: BTreeSet<&'static str>,
}

/// How much may go in one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The fuse: a repository that would lose a greater share of its roots of one kind is refused.
    pub max_share: Share,
    /// The newest so many image roots of a repository are never deleted.
    pub keep_at_least: u64,
    /// The brake: how many roots may be deleted in one run.
    pub max_deletions: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_share: Share::percent(50),
            keep_at_least: 1,
            max_deletions: None,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            registries: Vec::new(),
            usage: Vec::new(),
            policies: None,
            limits: Limits::default(),
            grace: Period::hours(24),
            usage_memory: Period::days(14),
            journal_memory: Period::days(90),
            protect: Vec::new(),
            immutable: Vec::new(),
            host: HostSettings::default(),
            named: BTreeSet::new(),
        }
    }
}

/// A registry to scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryConfig {
    /// The host, as it stands in image references.
    pub host: RegistryHost,
    /// Other names under which images of this registry are referred to.
    pub aliases: Vec<RegistryHost>,
    /// Where images of this registry are pulled through.
    pub mirrors: Vec<Mirror>,
    /// The repositories to scan.
    pub repositories: NameGlobs,
    /// The usage sources without which nothing is deleted here.
    pub expects: Expects,
    /// Whether an image without a push time is as old as its build date says.
    pub trust_created: bool,
    /// Within what blobs are stored once, where the file says so.
    pub sharing: Option<Sharing>,
    /// The product by whose prices it is billed, where the file says so.
    pub product: Option<String>,
    /// Whether to speak plain HTTP to a host that is not a loopback address.
    pub plain_http: bool,
    /// A PEM file with the certificate authorities to trust here.
    pub ca_file: Option<String>,
    /// A PEM file with the client's certificate.
    pub client_certificate: Option<String>,
    /// A PEM file with the client's key.
    pub client_key: Option<String>,
    /// How AWS is reached, where this is an ECR registry.
    pub aws: AwsAccess,
    /// Where it lies on AWS, if the file says so; [`RegistryConfig::ecr`] knows what the host says too.
    pub ecr_place: Option<EcrPlace>,
}

/// A place of another registry that serves the images of this one: a pull-through cache, a proxy project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// The host that is pulled from.
    pub host: RegistryHost,
    /// The path there, before that of the image.
    pub prefix: RepositoryName,
}

/// Which usage sources a registry expects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Expects {
    /// The file does not say.
    #[default]
    Unset,
    /// None, and the file says so on purpose: `expects: none`.
    None,
    /// These.
    Sources(Vec<String>),
}

/// Who may refer to images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageSourceConfig {
    /// Its name, unique in the file.
    pub name: String,
    /// What it is, and where.
    pub kind: UsageKind,
    /// Globs on `registry/repository`: what it could refer to.
    pub covers: NameGlobs,
    /// Whether it may name no image of a managed registry, or far fewer than before, and still be complete.
    pub allow_empty: bool,
    /// References that cannot be understood and are passed over all the same, exactly as they are written.
    pub ignore_references: BTreeSet<String>,
}

/// What a usage source is, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsageKind {
    /// A Kubernetes cluster.
    Kubernetes(KubernetesSource),
    /// A host with Docker or Podman.
    Engine(EngineSource),
    /// Compose files.
    Compose {
        /// Globs on the paths of the files.
        paths: Vec<String>,
    },
    /// Files, each a plain list of image references or in the usage form.
    File {
        /// Globs on the paths of the files.
        paths: Vec<String>,
    },
    /// A program that prints what a file may hold.
    Command(CommandSource),
    /// An account of AWS.
    Aws(AwsSource),
}

/// A Kubernetes cluster, and what to ask it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubernetesSource {
    /// The context of the kubeconfig; `None` for its current one.
    pub context: Option<String>,
    /// The kubeconfig; `None` for the usual places.
    pub kubeconfig: Option<String>,
    /// Ask the cluster that this process runs in, as its service account.
    pub in_cluster: bool,
    /// Read the history of Helm releases too.
    pub helm: bool,
    /// Kinds of objects that are not swept through, `plural.group`.
    pub leave_out: Vec<String>,
    /// How long it may take to answer.
    pub timeout_seconds: u64,
}

/// A host with a container engine, and how to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineSource {
    /// Which engine.
    pub engine: ContainerEngine,
    /// Its socket, as in `DOCKER_HOST`; `None` for the local one.
    pub host: Option<String>,
    /// The `docker context` that names its socket.
    pub context: Option<String>,
    /// A PEM file with the certificate authorities to trust.
    pub ca_file: Option<String>,
    /// A PEM file with the client's certificate.
    pub client_certificate: Option<String>,
    /// A PEM file with the client's key.
    pub client_key: Option<String>,
    /// It has to be a manager of a Swarm.
    pub swarm: bool,
    /// How long it may take to answer.
    pub timeout_seconds: u64,
}

/// A container engine that speaks Docker's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerEngine {
    /// Docker.
    Docker,
    /// Podman, by its service.
    Podman,
}

/// A program that prints what is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSource {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// How long it may run.
    pub timeout_seconds: u64,
}

/// An account of AWS, and what of it to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsSource {
    /// The twelve digits of the account.
    pub account: String,
    /// The regions that are asked, each once, in order. Never empty.
    pub regions: Vec<String>,
    /// How it is reached.
    pub access: AwsAccess,
    /// So many of the newest active revisions of each family of task definitions count as used.
    pub task_definitions: u64,
    /// So many of the newest published versions of each function count as used.
    pub lambda_versions: u64,
    /// How long it may take to answer.
    pub timeout_seconds: u64,
}

impl AwsSource {
    /// The account in each of its regions: what it answers for.
    pub fn places(&self) -> impl Iterator<Item = EcrPlace> {
        self.regions.iter().map(|region| EcrPlace {
            account: self.account.clone(),
            region: region.clone(),
        })
    }
}

impl UsageKind {
    /// The word that the configuration and the usage form use.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Kubernetes(_) => "kubernetes",
            Self::Engine(source) => match source.engine {
                ContainerEngine::Docker => "docker",
                ContainerEngine::Podman => "podman",
            },
            Self::Compose { .. } => "compose",
            Self::File { .. } => "file",
            Self::Command(_) => "command",
            Self::Aws(_) => "aws",
        }
    }
}

impl Config {
    /// This configuration with everything that `policy_file` names in its place (`--policy FILE`).
    /// `protect`, `immutable` and `host.compose` are united: another file cannot take protection away.
    #[must_use]
    pub fn overridden_by(mut self, policy_file: Self) -> Self {
        let names = |key| policy_file.named.contains(key);
        macro_rules! replace {
            ($($key:literal => $($field:ident).+;)*) => {
                $(if names($key) { self.$($field).+ = policy_file.$($field).+.clone(); })*
            };
        }
        replace! {
            "registries" => registries;
            "usage" => usage;
            "policies" => policies;
            "limits.max-share" => limits.max_share;
            "limits.keep-at-least" => limits.keep_at_least;
            "limits.max-deletions" => limits.max_deletions;
            "grace" => grace;
            "usage-memory" => usage_memory;
            "journal-memory" => journal_memory;
            "host.policies" => host.policies;
            "host.keep-newest" => host.keep_newest;
            "host.local-images" => host.local_images;
            "host.disk" => host.disk;
            "host.build-cache" => host.build_cache;
            "host.recheck-after-seconds" => host.recheck_after_seconds;
        }
        self.protect.extend(policy_file.protect);
        self.immutable.extend(policy_file.immutable);
        self.host.compose.extend(policy_file.host.compose);
        self.named.extend(policy_file.named);
        self
    }
}

#[cfg(test)]
mod tests;
