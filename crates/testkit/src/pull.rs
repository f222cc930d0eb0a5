//! Pulls an image as an engine would, with everything below it, and checks every digest: what a cleaner must
//! not have broken.

use std::collections::HashSet;

use bytes::Bytes;
use reqwest::{Method, header};
use serde_json::Value;

use crate::client::{Ask, Client, Credentials};
use crate::digest;
use crate::images::media_type;

pub use crate::client::Error;

/// Manifests below manifests, at most: an index in an index in an index is rare already.
const DEEPEST: usize = 8;

/// Pulls from one registry.
#[derive(Debug)]
pub struct Puller {
    client: Client,
}

/// What was pulled; everything is counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pulled {
    /// Manifests.
    pub manifests: usize,
    /// Blobs.
    pub blobs: usize,
    /// Bytes of both.
    pub bytes: u64,
}

impl Puller {
    /// A puller from `http://HOST:PORT`, without credentials.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn new(base_url: &str) -> Result<Self, Error> {
        Ok(Self {
            client: Client::new(base_url, None)?,
        })
    }

    /// The same with a user.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn with_credentials(base_url: &str, user: &str, password: &str) -> Result<Self, Error> {
        let credentials = Credentials {
            user: user.to_owned(),
            password: password.to_owned(),
        };
        Ok(Self {
            client: Client::new(base_url, Some(credentials))?,
        })
    }

    /// Pulls the manifest behind a tag or a digest, all manifests and blobs below it, for all platforms.
    ///
    /// # Errors
    /// Anything is missing or not what its digest says.
    pub async fn pull_whole(&self, repository: &str, reference: &str) -> Result<Pulled, Error> {
        let mut pulled = Pulled::default();
        let mut seen = HashSet::new();
        let mut wanted = vec![(reference.to_owned(), 0)];
        while let Some((reference, depth)) = wanted.pop() {
            if depth > DEEPEST {
                return Err(broken(repository, format!("{reference} is nested too deep")));
            }
            if !seen.insert(reference.clone()) {
                continue;
            }
            let (manifest, size) = self.manifest(repository, &reference).await?;
            pulled.manifests += 1;
            pulled.bytes += size;
            for entry in descriptors(&manifest) {
                let (is_manifest, digest) =
                    entry.ok_or_else(|| broken(repository, format!("{reference} is no manifest")))?;
                if is_manifest {
                    wanted.push((digest, depth + 1));
                } else if seen.insert(digest.clone()) {
                    pulled.bytes += self.blob(repository, &digest).await?;
                    pulled.blobs += 1;
                }
            }
        }
        Ok(pulled)
    }

    async fn manifest(&self, repository: &str, reference: &str) -> Result<(Value, u64), Error> {
        let accept = media_type::ALL_MANIFESTS.join(", ");
        let (headers, bytes) = self
            .get(repository, "manifests", reference, &[(header::ACCEPT, &accept)])
            .await?;
        let said = headers
            .get("docker-content-digest")
            .and_then(|value| value.to_str().ok());
        let expected = if reference.contains(':') { Some(reference) } else { said };
        if expected.is_some_and(|expected| !digest::fits(expected, &bytes)) {
            return Err(broken(
                repository,
                format!("{reference} has other bytes than its digest says"),
            ));
        }
        let manifest =
            serde_json::from_slice(&bytes).map_err(|_| broken(repository, format!("{reference} is no JSON")))?;
        Ok((manifest, bytes.len() as u64))
    }

    async fn blob(&self, repository: &str, digest: &str) -> Result<u64, Error> {
        let (_, bytes) = self.get(repository, "blobs", digest, &[]).await?;
        match digest::fits(digest, &bytes) {
            true => Ok(bytes.len() as u64),
            false => Err(broken(
                repository,
                format!("blob {digest} has other bytes than its digest says"),
            )),
        }
    }

    async fn get(
        &self,
        repository: &str,
        kind: &str,
        reference: &str,
        headers: &[(header::HeaderName, &str)],
    ) -> Result<(header::HeaderMap, Bytes), Error> {
        let path = format!("/v2/{repository}/{kind}/{reference}");
        self.client
            .bytes(&Ask {
                method: Method::GET,
                path: &path,
                headers,
                body: Bytes::new(),
            })
            .await
    }
}

/// What a manifest lists: whether it is a manifest, and its digest. Foreign layers are not in this registry.
fn descriptors(manifest: &Value) -> impl Iterator<Item = Option<(bool, String)>> {
    let lists = ["manifests", "layers"]
        .into_iter()
        .filter_map(|key| manifest[key].as_array())
        .flatten();
    let entries = manifest.get("config").into_iter().chain(lists);
    entries.filter(|entry| entry.get("urls").is_none()).map(|entry| {
        let kind = entry["mediaType"].as_str()?;
        Some((
            media_type::ALL_MANIFESTS.contains(&kind),
            entry["digest"].as_str()?.to_owned(),
        ))
    })
}

fn broken(repository: &str, what: String) -> Error {
    Error::Broken {
        repository: repository.to_owned(),
        what,
    }
}
