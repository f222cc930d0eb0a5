//! The listings of a registry: its repositories, and the tags of one.

use std::str::FromStr;

use http::header::ACCEPT;
use http::{HeaderValue, Method, StatusCode};
use jettison_core::model::{RepositoryName, Tag};
use serde::Deserialize;
use url::Url;

use super::pager::{Page, Pager};
use crate::registry::auth::Scope;
use crate::registry::client::{Answer, Call, Client};
use crate::registry::error::{ErrorKind, RegistryError, excerpt};
use crate::registry::http::Request;

/// The page size that is asked for: the most that the big registries give (Distribution, ECR).
const PAGE_SIZE: usize = 1000;

/// A page; the outer `None` is a key that is not there, which no registry sends.
#[derive(Deserialize)]
struct TagPage {
    #[serde(default, deserialize_with = "present")]
    tags: Option<Option<Vec<String>>>,
}

#[derive(Deserialize)]
struct CatalogPage {
    #[serde(default, deserialize_with = "present")]
    repositories: Option<Option<Vec<String>>>,
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Vec<String>>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Every tag of a repository, sorted.
pub(super) async fn tags(client: &Client, repository: &RepositoryName) -> Result<Vec<Tag>, RegistryError> {
    let call = Call::new(
        Scope::Pull(repository.clone()),
        format!("list the tags of {repository}"),
    );
    let first = client.url(&format!("/v2/{repository}/tags/list"));
    list(client, &call, first, tags_on_page).await
}

/// The tags on one page; `None` where it is none. Distribution answers null for a repository whose tags are all gone.
pub(in crate::registry) fn tags_on_page(body: &[u8]) -> Option<Vec<String>> {
    let page: TagPage = serde_json::from_slice(body).ok()?;
    page.tags.map(Option::unwrap_or_default)
}

/// Every repository of the catalog, sorted.
pub(super) async fn repositories(client: &Client) -> Result<Vec<RepositoryName>, RegistryError> {
    let call = Call::new(Scope::Catalog, "list the repositories");
    let items = list(client, &call, client.url("/v2/_catalog"), |body| {
        serde_json::from_slice::<CatalogPage>(body)
            .ok()?
            .repositories
            .map(Option::unwrap_or_default)
    });
    items.await.map_err(|error| match error.status {
        Some(404 | 405 | 501) => RegistryError {
            kind: ErrorKind::Unsupported,
            ..error
        },
        _ => error,
    })
}

/// An item as what it should be; or why it is not.
fn read<T: FromStr<Err: std::error::Error>>(item: &str) -> Result<T, String> {
    item.parse()
        .map_err(|error: T::Err| format!("it lists `{}`: {}", excerpt(item), excerpt(&error.to_string())))
}

async fn list<T: FromStr<Err: std::error::Error>>(
    client: &Client,
    call: &Call,
    first: Url,
    items_of: impl Fn(&[u8]) -> Option<Vec<String>> + Send,
) -> Result<Vec<T>, RegistryError> {
    let limits = &client.connection().limits;
    let mut pager = Pager::new(first.clone(), Some(PAGE_SIZE), limits);
    let mut page = pager.start();
    let mut answer = get(client, call, page.clone()).await?;
    // Some registries allow only smaller pages, and refuse instead of giving less.
    if answer.status() == StatusCode::BAD_REQUEST {
        pager = Pager::new(first, None, limits);
        page = pager.start();
        answer = get(client, call, page.clone()).await?;
    }
    loop {
        if answer.status() != StatusCode::OK {
            return Err(client.refusal(call, &answer));
        }
        let items = items_of(&answer.response.body).ok_or_else(|| client.strange(call, "a page is not in its form"))?;
        // The first that is illegal ends it: nothing may grow that nobody will take.
        let legal = items.iter().try_for_each(|item| read::<T>(item).map(drop));
        legal.map_err(|why| client.strange(call, why))?;
        let next = pager.absorb(Page {
            url: page,
            headers: &answer.response.headers,
            bytes: answer.response.body.len(),
            items,
        });
        match next.map_err(|why| client.strange(call, why))? {
            Some(next) => page = next,
            None => {
                let items: Result<Vec<T>, String> = pager.items.iter().map(|item| read(item)).collect();
                return items.map_err(|why| client.strange(call, why));
            }
        }
        answer = get(client, call, page.clone()).await?;
    }
}

async fn get(client: &Client, call: &Call, page: Url) -> Result<Answer, RegistryError> {
    let mut request = Request::new(Method::GET, page);
    request
        .headers
        .insert(ACCEPT, HeaderValue::from_static("application/json"));
    request.max_bytes = client.connection().limits.page_bytes;
    client.send(call, request).await
}
