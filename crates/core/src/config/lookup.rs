//! What the other parts of the core ask a configuration.

use std::sync::LazyLock;

use super::{AwsAccess, Config, EcrPlace, Expects, Mirror, RegistryConfig};
use crate::model::{ImageReference, RegistryHost, RepositoryName, Sharing};
use crate::policy::{NameGlobs, Policy, standard};

/// The built-in policy, made once.
static STANDARD: LazyLock<[Policy; 1]> = LazyLock::new(|| [standard()]);

impl Config {
    /// The policies that apply: the configured ones, else the built-in `standard`.
    pub fn policies(&self) -> &[Policy] {
        self.policies.as_deref().unwrap_or(STANDARD.as_slice())
    }

    /// The policy that governs a repository: the first that covers it.
    pub fn policy_of(&self, registry: &RegistryHost, repository: &RepositoryName) -> Option<&Policy> {
        let mut policies = self.policies().iter();
        policies.find(|policy| policy.covers(registry, repository))
    }

    /// The configured registry of that name or alias.
    pub fn registry(&self, host: &RegistryHost) -> Option<&RegistryConfig> {
        self.registries
            .iter()
            .find(|registry| registry.host == *host || registry.aliases.contains(host))
    }

    /// The name under which a host is managed: that of the registry it is an alias of, else its own.
    pub fn canonical_host(&self, host: &RegistryHost) -> RegistryHost {
        self.registry(host)
            .map_or_else(|| host.clone(), |registry| registry.host.clone())
    }

    /// Every name of a managed registry: its own, and its aliases.
    pub fn names_of<'h>(&'h self, host: &'h RegistryHost) -> impl Iterator<Item = &'h RegistryHost> {
        let aliases = self.registry(host).map_or(&[][..], |registry| &registry.aliases);
        std::iter::once(host).chain(aliases)
    }

    /// The images of managed registries that a reference reaches through a mirror.
    pub fn mirrored<'c>(
        &'c self,
        image: &'c ImageReference,
    ) -> impl Iterator<Item = (RegistryHost, RepositoryName)> + 'c {
        self.registries.iter().flat_map(move |registry| {
            let behind = registry.mirrors.iter().filter_map(|mirror| mirror.behind(image));
            behind.map(|repository| (registry.host.clone(), repository))
        })
    }

    /// Where an image lies: its registry by the name that is managed, and what is behind a mirror.
    pub fn places_of<'c>(
        &'c self,
        image: &'c ImageReference,
    ) -> impl Iterator<Item = (RegistryHost, RepositoryName)> + 'c {
        let own = (self.canonical_host(&image.registry), image.repository.clone());
        std::iter::once(own).chain(self.mirrored(image))
    }

    /// Whether an image without a push time is as old as its build date says (`trust-created`).
    pub fn trusts_created(&self, host: &RegistryHost) -> bool {
        self.registry(host).is_some_and(|registry| registry.trust_created)
    }

    /// Where a registry lies on AWS, configured or not; `None` if it is not ECR.
    pub fn ecr(&self, host: &RegistryHost) -> Option<EcrPlace> {
        let configured = self.registry(host).and_then(RegistryConfig::ecr);
        configured.or_else(|| EcrPlace::of_host(host))
    }

    /// Within what blobs of a repository are stored once: as the file says, else as the registry is known to, else the
    /// whole registry.
    pub fn sharing(&self, host: &RegistryHost, known: Option<Sharing>) -> Sharing {
        let configured = self.registry(host).and_then(|registry| registry.sharing);
        configured.or(known).unwrap_or(Sharing::Registry)
    }

    /// Trusts build dates of these registries, configured or not (`--trust-created`).
    pub fn trust_created_of<'h>(&mut self, hosts: impl IntoIterator<Item = &'h RegistryHost>) {
        for host in hosts {
            match self.registries.iter_mut().find(|registry| registry.host == *host) {
                Some(registry) => registry.trust_created = true,
                None => self.registries.push(RegistryConfig {
                    trust_created: true,
                    ..RegistryConfig::new(host.clone())
                }),
            }
        }
    }
}

impl RegistryConfig {
    /// A registry about which nothing but its name is said.
    pub fn new(host: RegistryHost) -> Self {
        Self {
            host,
            aliases: Vec::new(),
            mirrors: Vec::new(),
            repositories: NameGlobs::all(),
            expects: Expects::default(),
            trust_created: false,
            sharing: None,
            product: None,
            plain_http: false,
            ca_file: None,
            client_certificate: None,
            client_key: None,
            aws: AwsAccess::default(),
            ecr_place: None,
        }
    }
}

impl Mirror {
    /// The repository that an image of the mirror stands for; none if it is no image of this mirror.
    pub fn behind(&self, image: &ImageReference) -> Option<RepositoryName> {
        let path = image.repository.as_str().strip_prefix(self.prefix.as_str())?;
        let path = path.strip_prefix('/').filter(|_| image.registry == self.host)?;
        path.parse().ok()
    }
}

impl Expects {
    /// The names of the expected sources.
    pub fn sources(&self) -> &[String] {
        match self {
            Self::Unset | Self::None => &[],
            Self::Sources(names) => names,
        }
    }
}
