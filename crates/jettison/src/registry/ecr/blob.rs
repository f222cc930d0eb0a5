//! Blobs, which ECR calls layers, configs too: by an address in its storage, which is good for a while.
//!
//! A blob is missing only where ECR says so twice. The content of a layer is never read.

use aws_sdk_ecr::types::LayerAvailability;
use bytes::Bytes;
use http::header::RANGE;
use http::{HeaderValue, Method, StatusCode};
use jettison_core::model::{Digest, RepositoryName};
use url::Url;

use super::api::{Api, Trouble};
use crate::registry::http::{Failure, Request, Response, Transport};
use crate::registry::limiter::Limiter;
use crate::registry::oci::manifest::ASKED;
use crate::registry::{Connection, ErrorKind};

/// The way to the storage behind ECR.
#[derive(Debug)]
pub(super) struct Layers {
    transport: Transport,
    limiter: Limiter,
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::new(failure.kind, failure.detail)
    }
}

impl Layers {
    pub(super) fn new(connection: &Connection) -> Result<Self, Trouble> {
        Ok(Self {
            transport: Transport::new(connection)?,
            limiter: Limiter::new(&connection.limits),
        })
    }

    /// A blob, or `None` if it is proven not to be there.
    pub(super) async fn fetch(
        &self,
        api: &Api,
        place: (&RepositoryName, &Digest),
        max_bytes: u64,
    ) -> Result<Option<Bytes>, Trouble> {
        let Some(address) = address(api, place).await? else {
            return Ok(None);
        };
        let mut request = Request::new(Method::GET, address);
        request.max_bytes = max_bytes;
        let answer = self.get(&request).await?;
        match answer.status {
            StatusCode::OK if place.1.fits(&answer.body) => Ok(Some(answer.body)),
            StatusCode::OK => Err(Trouble::strange("its content does not have this digest")),
            status => Err(elsewhere(status)),
        }
    }

    /// Whether a first byte of the blob comes when it is asked for. Of what no image has any more ECR gives nothing out:
    /// there it has to be believed that it still has it.
    pub(super) async fn is_readable(&self, api: &Api, place: (&RepositoryName, &Digest)) -> Result<bool, Trouble> {
        let address = match address(api, place).await {
            Ok(Some(address)) => address,
            Ok(None) => return Ok(false),
            Err(trouble) if trouble.is("LayerInaccessibleException") => return is_kept(api, place).await,
            Err(trouble) => return Err(trouble),
        };
        let is_empty = place.1.fits(&[]);
        let mut request = Request::new(Method::GET, address);
        request.headers.insert(RANGE, HeaderValue::from_static("bytes=0-0"));
        request.max_bytes = 1;
        request.cut = true;
        for _ in 0..ASKED {
            let answer = self.get(&request).await?;
            match answer.status {
                StatusCode::OK | StatusCode::PARTIAL_CONTENT if is_empty || !answer.body.is_empty() => return Ok(true),
                StatusCode::RANGE_NOT_SATISFIABLE if is_empty => return Ok(true),
                StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {}
                status => return Err(elsewhere(status)),
            }
        }
        Ok(false)
    }

    async fn get(&self, request: &Request) -> Result<Response, Trouble> {
        // The same rule as for redirects: nothing goes over an open line to another machine.
        if !self.transport.connection().permits(&request.url) {
            let why = "ECR names an address over plain HTTP on another host, which is refused";
            return Err(Trouble::strange(why));
        }
        Ok(self.transport.send(&self.limiter, request).await?)
    }
}

/// Where a blob can be had; `None` where ECR says twice that it has no such thing.
async fn address(api: &Api, (repository, digest): (&RepositoryName, &Digest)) -> Result<Option<Url>, Trouble> {
    for _ in 0..ASKED {
        let call = api.client().await.get_download_url_for_layer();
        let call = call.registry_id(api.account()).repository_name(repository.as_str());
        let call = call.layer_digest(digest.to_string());
        match api.ask("ecr:GetDownloadUrlForLayer", call.send()).await {
            Ok(answer) => {
                let address = answer.download_url().and_then(|address| Url::parse(address).ok());
                let address = address.ok_or_else(|| Trouble::strange("ECR names an address that is none"))?;
                return Ok(Some(address));
            }
            Err(trouble) if trouble.is_no_repository() || trouble.is("LayersNotFoundException") => {}
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(None)
}

/// Whether ECR says that it has a layer, so that an image with it could be put.
async fn is_kept(api: &Api, (repository, digest): (&RepositoryName, &Digest)) -> Result<bool, Trouble> {
    for _ in 0..ASKED {
        let call = api.client().await.batch_check_layer_availability();
        let call = call.registry_id(api.account()).repository_name(repository.as_str());
        let call = call.layer_digests(digest.to_string());
        let answer = api.ask("ecr:BatchCheckLayerAvailability", call.send()).await?;
        let layers = answer.layers();
        if layers
            .iter()
            .any(|layer| layer.layer_availability() == Some(&LayerAvailability::Available))
        {
            return Ok(true);
        }
        if layers.is_empty() {
            return Err(Trouble::strange("ECR does not say whether it has this layer"));
        }
    }
    Ok(false)
}

/// What the storage answers proves nothing about ECR.
fn elsewhere(status: StatusCode) -> Trouble {
    let kind = match status.as_u16() {
        429 | 503 => ErrorKind::RateLimited,
        408 | 500..=599 => ErrorKind::Transient,
        _ => ErrorKind::Protocol,
    };
    Trouble::new(kind, format!("the storage behind ECR answered {}", status.as_u16()))
}
