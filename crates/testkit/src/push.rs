//! Pushes what [`crate::images`] builds into any registry over HTTP (distribution-spec, "Push").

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use reqwest::{Method, StatusCode, header};
use serde_json::Value;

use crate::client::{Ask, Client, Credentials};
use crate::images::{Blob, Descriptor, Manifest, fallback_index, fallback_tag, media_type};

pub use crate::client::Error;

/// Pushes to one registry; blobs that went to a repository once are not sent there again.
#[derive(Debug)]
pub struct Pusher {
    client: Client,
    /// `repository@digest` of what is there.
    pushed: Mutex<HashSet<String>>,
}

impl Pusher {
    /// A pusher to `http://HOST:PORT`, without credentials.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn new(base_url: &str) -> Result<Self, Error> {
        Ok(Self {
            client: Client::new(base_url, None)?,
            pushed: Mutex::default(),
        })
    }

    /// The same with a user, by Basic or by tokens, whichever the registry asks for.
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
            pushed: Mutex::default(),
        })
    }

    /// Pushes one blob: in one request, or in two where the registry wants that.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub async fn push_blob(&self, repository: &str, blob: &Blob) -> Result<(), Error> {
        let key = format!("{repository}@{}", blob.digest());
        if self
            .pushed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&key)
        {
            return Ok(());
        }
        let path = format!("/v2/{repository}/blobs/uploads/?digest={}", blob.digest());
        let response = self.upload(Method::POST, &path, blob.bytes().clone()).await?;
        if response.status() == StatusCode::ACCEPTED {
            let location = response
                .headers()
                .get(header::LOCATION)
                .and_then(|value| value.to_str().ok());
            let location = location.unwrap_or_default();
            let separator = if location.contains('?') { '&' } else { '?' };
            let path = format!("{location}{separator}digest={}", blob.digest());
            self.upload(Method::PUT, &path, blob.bytes().clone()).await?;
        }
        self.pushed.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        Ok(())
    }

    /// Pushes the exact bytes of a manifest under a tag or its digest. The answer says whether the registry took
    /// note of a subject (`OCI-Subject`).
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub async fn push_manifest(
        &self,
        repository: &str,
        reference: &str,
        media_type: &str,
        bytes: Bytes,
    ) -> Result<bool, Error> {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let headers = [(header::CONTENT_TYPE, media_type)];
        let response = self
            .client
            .expect(&Ask {
                method: Method::PUT,
                path: &path,
                headers: &headers,
                body: bytes,
            })
            .await?;
        Ok(response.headers().contains_key("oci-subject"))
    }

    /// Pushes a manifest with its blobs and children, under these tags; without any, under its digest.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub async fn push(&self, repository: &str, tags: &[&str], manifest: &Manifest) -> Result<(), Error> {
        self.push_below(repository, manifest).await?;
        let digest = [manifest.digest.as_str()];
        for reference in if tags.is_empty() { &digest } else { tags } {
            self.push_manifest(repository, reference, &manifest.media_type, manifest.bytes.clone())
                .await?;
        }
        Ok(())
    }

    /// Pushes a manifest with a subject, and lists it under the fallback tag where the registry keeps no referrers
    /// (distribution-spec, "Pushing Manifests with Subject"). Not to be called twice at once for one subject.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub async fn push_referrer(&self, repository: &str, referrer: &Manifest) -> Result<(), Error> {
        self.push_below(repository, referrer).await?;
        let bytes = referrer.bytes.clone();
        let noted = self
            .push_manifest(repository, &referrer.digest, &referrer.media_type, bytes)
            .await?;
        let Some(subject) = referrer.subject.as_deref().filter(|_| !noted) else {
            return Ok(());
        };
        let tag = fallback_tag(subject);
        let mut listed = self.fallback_list(repository, &tag).await?;
        listed.retain(|entry| entry.digest != referrer.digest);
        listed.push(referrer.referrer_descriptor());
        let index = fallback_index(&listed);
        self.push_manifest(repository, &tag, &index.media_type, index.bytes)
            .await
            .map(|_| ())
    }

    /// Children before their index, blobs before their manifest.
    async fn push_below(&self, repository: &str, manifest: &Manifest) -> Result<(), Error> {
        for blob in &manifest.blobs {
            self.push_blob(repository, blob).await?;
        }
        for child in &manifest.children {
            Box::pin(self.push(repository, &[], child)).await?;
        }
        Ok(())
    }

    async fn fallback_list(&self, repository: &str, tag: &str) -> Result<Vec<Descriptor>, Error> {
        let path = format!("/v2/{repository}/manifests/{tag}");
        let headers = [(header::ACCEPT, media_type::INDEX)];
        let ask = Ask {
            method: Method::GET,
            path: &path,
            headers: &headers,
            body: Bytes::new(),
        };
        match self.client.bytes(&ask).await {
            Ok((_, bytes)) => read_list(&bytes).ok_or_else(|| Error::Broken {
                repository: repository.to_owned(),
                what: format!("{tag} is no index"),
            }),
            Err(Error::Refused { status: 404, .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    async fn upload(&self, method: Method, path: &str, body: Bytes) -> Result<reqwest::Response, Error> {
        let headers = [(header::CONTENT_TYPE, "application/octet-stream")];
        self.client
            .expect(&Ask {
                method,
                path,
                headers: &headers,
                body,
            })
            .await
    }
}

fn read_list(bytes: &[u8]) -> Option<Vec<Descriptor>> {
    let index: Value = serde_json::from_slice(bytes).ok()?;
    index["manifests"].as_array()?.iter().map(read_descriptor).collect()
}

fn read_descriptor(entry: &Value) -> Option<Descriptor> {
    let size = usize::try_from(entry["size"].as_u64()?).ok()?;
    let mut descriptor = Descriptor::new(entry["mediaType"].as_str()?, entry["digest"].as_str()?, size);
    descriptor.artifact_type = entry["artifactType"].as_str().map(str::to_owned);
    let annotations = entry["annotations"].as_object().into_iter().flatten();
    let annotations = annotations.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    descriptor.annotations = annotations.collect();
    Some(descriptor)
}
