//! Which engine is meant, and what of its images may go, as the command line and the configuration say.

use std::path::Path;

use clap::{Args, ValueEnum};
use jettison_core::config::{ContainerEngine, EngineSource};
use jettison_core::host::{EngineFacts, HostSettings, ImageStore};
use jettison_core::policy::Period;

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::exit::Exit;
use crate::host::engine::{HostEngine, open};
use crate::host::kubernetes::signs_of_kubernetes;
use crate::host::look::LookOptions;

/// Where each engine usually listens, to choose by when nobody says.
const DOCKER: &str = "/var/run/docker.sock";
const ENGINE: &str = "Engine";
const RULES: &str = "What may go";

/// How long an engine may take for one answer.
const ANSWER_SECONDS: u64 = 120;

/// An engine, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Docker,
    Podman,
}

/// Which engine, and what may go.
#[derive(Debug, Clone, Args)]
pub(super) struct Reach {
    /// Which engine [default: Docker where it listens, else Podman]
    #[arg(long, value_enum, value_name = "ENGINE", help_heading = ENGINE)]
    engine: Option<Kind>,
    /// Where it listens, as in DOCKER_HOST [default: the engine of this machine]
    #[arg(long, value_name = "ADDRESS", help_heading = ENGINE)]
    host: Option<String>,
    /// The `docker context` that says where it listens
    #[arg(long, value_name = "NAME", help_heading = ENGINE, conflicts_with = "host")]
    context: Option<String>,
    /// Work on a Kubernetes node too, where the kubelet collects images by itself
    #[arg(long, help_heading = ENGINE)]
    on_kubernetes_node: bool,
    /// In place of the configured rules: what nothing used for so long, such as 7d
    #[arg(long, value_name = "DURATION", help_heading = RULES)]
    unused_for: Option<Period>,
    /// The newest so many of each repository stay [default: 2]
    #[arg(long, value_name = "NUMBER", help_heading = RULES)]
    keep_newest: Option<u64>,
    /// Let go of images that are in no registry, too: nobody could pull them again
    #[arg(long, help_heading = RULES)]
    local_images: bool,
    /// Before an image goes, ask its registry whether it could be pulled again; always so where the engine writes a
    /// registry's digest to what was built here (Podman, containerd's store)
    #[arg(long, help_heading = RULES)]
    verify_pullable: bool,
    /// Count age from the engine's own dates where jettison has seen too little
    #[arg(long, help_heading = RULES)]
    trust_engine_times: bool,
}

impl Reach {
    /// Refuses a Kubernetes node unless somebody wants it.
    pub(super) fn check_node(&self) -> Result<(), Failure> {
        // An engine that listens elsewhere may run elsewhere.
        let elsewhere = self.host.as_ref().is_some_and(|host| !host.starts_with("unix://"));
        if self.on_kubernetes_node || elsewhere {
            return Ok(());
        }
        match signs_of_kubernetes() {
            None => Ok(()),
            Some(sign) => Err(Failure::new(
                Exit::Refused,
                format!(
                    "this is a Kubernetes node ({sign}): its kubelet collects images by itself, and a second collector confuses \
                     it; set imageMaximumGCAge and its thresholds there, or say --on-kubernetes-node"
                ),
            )),
        }
    }

    /// Opens the engine, and says what its dates mean where they are to count.
    pub(super) async fn engine(&self, context: &Context) -> Result<(Box<dyn HostEngine>, EngineFacts), Failure> {
        let engine = open(&self.source(), &context.base).await?;
        let facts = engine.facts().await?;
        if self.host.is_none() && self.context.is_none() && std::env::var_os("DOCKER_HOST").is_some() {
            context
                .console
                .note("DOCKER_HOST is not heeded, so that everybody means the same engine here: say --host");
        }
        if self.trust_engine_times {
            context.console.warn(meaning(facts.store));
        }
        Ok((engine, facts))
    }

    fn source(&self) -> EngineSource {
        let engine = match self.engine {
            Some(Kind::Docker) => ContainerEngine::Docker,
            Some(Kind::Podman) => ContainerEngine::Podman,
            None if self.host.is_some() || self.context.is_some() || Path::new(DOCKER).exists() => {
                ContainerEngine::Docker
            }
            None => usual(),
        };
        EngineSource {
            engine,
            host: self.host.clone(),
            context: self.context.clone(),
            ca_file: None,
            client_certificate: None,
            client_key: None,
            swarm: false,
            timeout_seconds: ANSWER_SECONDS,
        }
    }

    /// What is configured, with what the command line says instead.
    pub(super) fn settings(&self, context: &Context) -> HostSettings {
        let mut settings = context.config.host.clone();
        if let Some(period) = self.unused_for {
            settings.unused_for(period);
        }
        settings.keep_newest = self.keep_newest.unwrap_or(settings.keep_newest);
        settings.local_images |= self.local_images;
        settings.trust_engine_times |= self.trust_engine_times;
        settings
    }

    /// Whether registries are asked before an image goes. Whoever lets local images go does not expect them back.
    pub(super) fn verifies(&self, engine: &EngineFacts, settings: &HostSettings) -> bool {
        self.verify_pullable || (engine.store != ImageStore::GraphDriver && !settings.local_images)
    }

    /// What is looked at.
    pub(super) fn options(&self, context: &Context, settings: &HostSettings) -> LookOptions {
        LookOptions {
            trust_engine_times: settings.trust_engine_times,
            compose: settings.compose.clone(),
            base: context.base.clone(),
            with_build_cache: settings.build_cache.is_some(),
        }
    }
}

/// What the dates of an engine say, and what they do not (in-depth: `docs/hosts.md`).
fn meaning(store: ImageStore) -> &'static str {
    match store {
        ImageStore::GraphDriver => {
            "--trust-engine-times: this store of Docker notes when an image was last tagged or built here, and no pulls; what was \
             pulled before jettison came counts from its build date, so that an old release that was pulled a minute before \
             the first look looks old"
        }
        ImageStore::Containerd => {
            "--trust-engine-times: this store notes when a name was last written, by a pull too, and no uses; an image that was \
             used since then looks older than it is"
        }
        ImageStore::Podman => {
            "--trust-engine-times: Podman tells when an image was built and nothing else; an old release that was pulled a moment \
             before the first look looks old"
        }
    }
}

/// Podman where only that listens; else Docker, whose socket is then said to be missing.
fn usual() -> ContainerEngine {
    let own = std::env::var_os("XDG_RUNTIME_DIR").map(|folder| Path::new(&folder).join("podman/podman.sock"));
    let podman = own.into_iter().chain([Path::new("/run/podman/podman.sock").to_owned()]);
    match podman.into_iter().any(|socket| socket.exists()) {
        true => ContainerEngine::Podman,
        false => ContainerEngine::Docker,
    }
}
