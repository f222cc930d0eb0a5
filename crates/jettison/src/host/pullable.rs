//! Whether an image could be pulled again, asked before it goes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jettison_core::model::{ImageReference, RegistryHost, legible};

use crate::registry::{Connection, ManifestReference, Registry, open};

/// One image is asked for no longer than that.
const LONGEST_ANSWER: Duration = Duration::from_secs(60);

/// Knows whether images can be pulled again.
#[async_trait]
pub trait Pullable: Send + Sync {
    /// Whether one of these names by digest can be pulled; else why none can. No answer is no.
    async fn can_be_pulled(&self, digests: &[String]) -> Result<(), String>;
}

/// Asks the registries themselves, with the user's own logins.
pub struct AskRegistries<'a> {
    connect: &'a (dyn Fn(&RegistryHost) -> Connection + Send + Sync),
    open: Mutex<BTreeMap<RegistryHost, Arc<dyn Registry>>>,
}

impl std::fmt::Debug for AskRegistries<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AskRegistries").finish_non_exhaustive()
    }
}

impl<'a> AskRegistries<'a> {
    /// Reaches each registry as `connect` says.
    pub fn new(connect: &'a (dyn Fn(&RegistryHost) -> Connection + Send + Sync)) -> Self {
        Self {
            connect,
            open: Mutex::default(),
        }
    }

    fn registry(&self, host: &RegistryHost) -> Result<Arc<dyn Registry>, String> {
        let mut registries = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = registries.get(host) {
            return Ok(Arc::clone(known));
        }
        let opened = open(&(self.connect)(host)).map_err(|error| error.to_string())?;
        registries.insert(host.clone(), Arc::clone(&opened));
        Ok(opened)
    }

    /// Reads the manifest: that there is one says less.
    async fn ask(&self, name: &str) -> Result<(), String> {
        let name: ImageReference = name.parse().map_err(|error| format!("{error}"))?;
        let digest = name
            .digest
            .ok_or_else(|| format!("{} has no digest", legible(name.repository.as_str())))?;
        let registry = self.registry(&name.registry)?;
        let reference = ManifestReference::Digest(digest);
        match registry.manifest(&name.repository, &reference).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(format!("{} does not have it", name.registry)),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[async_trait]
impl Pullable for AskRegistries<'_> {
    async fn can_be_pulled(&self, digests: &[String]) -> Result<(), String> {
        let mut why = "no registry is known to have it".to_owned();
        for name in digests {
            match tokio::time::timeout(LONGEST_ANSWER, self.ask(name)).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => why = error,
                Err(_) => {
                    why = format!(
                        "{} was not answered for in {} seconds",
                        legible(name),
                        LONGEST_ANSWER.as_secs()
                    )
                }
            }
        }
        Err(why)
    }
}
