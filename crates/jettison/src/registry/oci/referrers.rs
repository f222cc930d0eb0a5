//! The referrers API (distribution-spec, "Listing Referrers"). Only an image index counts as support:
//! registries without the API answer this path in surprising ways. But an answer that might be an
//! outage, or a missing permission, is an error: a signed image must not look unsigned.

use http::header::ACCEPT;
use http::{HeaderValue, Method};
use jettison_core::model::{Digest, RepositoryName};
use serde::Deserialize;
use url::Url;

use super::manifest::media_type;
use super::pager::{Page, Pager};
use crate::registry::auth::Scope;
use crate::registry::client::{Answer, Call, Client};
use crate::registry::error::{ErrorKind, RegistryError, excerpt};
use crate::registry::http::Request;
use crate::registry::{Limits, Referrers};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// More is attached to nothing, and there may be one such list for each manifest.
const MAX_REFERRERS: usize = 100_000;

/// The most bytes of one such list.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Deserialize)]
struct Index {
    manifests: Option<Vec<Descriptor>>,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: String,
}

/// The manifests whose subject is `digest`.
pub(super) async fn list(
    client: &Client,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Referrers, RegistryError> {
    let call = Call::new(
        Scope::Pull(repository.clone()),
        format!("list the referrers of {repository}@{digest}"),
    );
    let first = client.url(&format!("/v2/{repository}/referrers/{digest}"));
    let limits = &client.connection().limits;
    let limits = Limits {
        items: limits.items.min(MAX_REFERRERS),
        listing_bytes: limits.listing_bytes.min(MAX_BYTES),
        ..limits.clone()
    };
    let mut pager = Pager::new(first, None, &limits);
    let mut page = pager.start();
    let mut answer = get(client, &call, page.clone()).await?;
    let Some(mut items) = digests(&answer) else {
        return unsupported(client, &call, &answer);
    };
    while let Some(next) = pager
        .absorb(Page {
            url: page,
            headers: &answer.response.headers,
            bytes: answer.response.body.len(),
            items,
        })
        .map_err(|why| client.strange(&call, why))?
    {
        answer = get(client, &call, next.clone()).await?;
        items = match digests(&answer) {
            Some(items) => items,
            None if answer.status().is_success() => return Err(client.strange(&call, "a page is no image index")),
            None => return Err(client.refusal(&call, &answer)),
        };
        page = next;
    }
    let parse = |item: &String| {
        item.parse::<Digest>()
            .map_err(|error| client.strange(&call, format!("it lists {}", excerpt(&error.to_string()))))
    };
    Ok(Referrers::Listed(
        pager.items.iter().map(parse).collect::<Result<_, _>>()?,
    ))
}

/// What an answer without an index means.
fn unsupported(client: &Client, call: &Call, answer: &Answer) -> Result<Referrers, RegistryError> {
    let refusal = client.refusal(call, answer);
    let denied = matches!(answer.status().as_u16(), 401 | 403 | 408 | 425 | 429 | 500 | 502..=599);
    let throttled = refusal.kind == ErrorKind::RateLimited;
    if denied || throttled {
        Err(refusal)
    } else {
        Ok(Referrers::Unsupported)
    }
}

/// The digests of an answer that is an index; `None` if it is anything else.
fn digests(answer: &Answer) -> Option<Vec<String>> {
    let content_type = media_type(answer.header("content-type").unwrap_or_default());
    if answer.status() != 200 || !matches!(content_type.as_str(), INDEX | "application/json" | "") {
        return None;
    }
    let index: Index = serde_json::from_slice(&answer.response.body).ok()?;
    let manifests = match index.manifests {
        Some(manifests) => manifests,
        None if content_type == INDEX => Vec::new(),
        None => return None,
    };
    Some(manifests.into_iter().map(|descriptor| descriptor.digest).collect())
}

async fn get(client: &Client, call: &Call, page: Url) -> Result<Answer, RegistryError> {
    let mut request = Request::new(Method::GET, page);
    request.headers.insert(ACCEPT, HeaderValue::from_static(INDEX));
    request.max_bytes = client.connection().limits.page_bytes;
    // GHCR redirects this path to its web site.
    request.redirects = false;
    client.send(call, request).await
}
