//! Lists: tags, the catalogue, referrers, and the test kit's own two. Pages end in a `Link` with a relative
//! address and an opaque cursor (distribution-spec, "Listing Tags", "Listing Referrers"; RFC 5988).

use std::collections::BTreeMap;
use std::ops::Bound;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderName, StatusCode, header};
use serde_json::{Map, Value, json};

use super::contents::Repository;
use super::error::Refusal;
use super::reply::Reply;
use super::routes::{Answer, Call};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Distribution's default and its limit.
const CATALOG_PAGE: usize = 100;
const CATALOG_LIMIT: usize = 1000;

/// Which part of a list is wanted.
struct Window {
    after: Option<String>,
    limit: usize,
}

pub(super) fn tags(call: &Call<'_>, name: &str) -> Answer {
    let state = call.registry.state();
    let repository = state
        .contents
        .repositories
        .get(name)
        .filter(|repository| repository.shows);
    let repository = repository.ok_or_else(|| Refusal::name_unknown(name))?;
    let Some(page_size) = call.registry.options().page_size else {
        return Ok(all_tags(name, repository));
    };
    let window = Window::of(call, page_size)?;
    let (page, next) = window.of_map(&repository.tags);
    let reply = Reply::json(&json!({"name": name, "tags": page}));
    Ok(linked(reply, call, &window, next, ""))
}

/// Distribution 2.8: everything in no order that could be relied on, `null` where there is nothing.
fn all_tags(name: &str, repository: &Repository) -> Reply {
    let tags: Vec<&String> = repository.tags.keys().rev().collect();
    let tags = if tags.is_empty() { Value::Null } else { json!(tags) };
    Reply::json(&json!({"name": name, "tags": tags}))
}

pub(super) fn catalog(call: &Call<'_>) -> Answer {
    if call
        .query("n")
        .and_then(|n| n.parse::<usize>().ok())
        .is_some_and(|n| n > CATALOG_LIMIT)
    {
        return Err(invalid_page());
    }
    let page_size = call.registry.options().page_size;
    let window = match page_size {
        Some(size) => Window::of(call, size)?,
        None => Window::up_to(call, CATALOG_LIMIT, CATALOG_PAGE)?,
    };
    let state = call.registry.state();
    let shown = state
        .contents
        .repositories
        .range::<str, _>((window.start(), Bound::Unbounded));
    let shown = shown
        .filter(|(_, repository)| repository.shows)
        .map(|(name, _)| name.clone());
    let (page, next) = window.cut(shown);
    Ok(linked(
        Reply::json(&json!({"repositories": page})),
        call,
        &window,
        next,
        "",
    ))
}

pub(super) fn referrers(call: &Call<'_>, name: &str, digest: &str) -> Answer {
    let options = call.registry.options();
    if !options.referrers {
        return Err(Refusal::not_found());
    }
    let state = call.registry.state();
    let found = state
        .contents
        .repositories
        .get(name)
        .map(|repository| repository.referrers(digest));
    let wanted = call.query("artifactType");
    let fits = |kind: &Option<String>| wanted.is_none() || *kind == wanted;
    let descriptors = found
        .unwrap_or_default()
        .into_iter()
        .filter(|referrer| fits(&referrer.artifact_type));
    let window = Window::of(call, options.page_size.unwrap_or(usize::MAX))?;
    let mut by_digest: BTreeMap<String, Value> = descriptors
        .map(|referrer| (referrer.digest.clone(), json!(referrer)))
        .collect();
    let (page, next) = window.of_map(&by_digest);
    let page: Vec<Value> = page.iter().filter_map(|digest| by_digest.remove(digest)).collect();
    let reply = Reply::json(&json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": page}));
    let reply = reply.header(header::CONTENT_TYPE, INDEX);
    Ok(match wanted {
        Some(wanted) => {
            let filter: String = url::form_urlencoded::byte_serialize(wanted.as_bytes()).collect();
            let reply = reply.header(HeaderName::from_static("oci-filters-applied"), "artifactType");
            linked(reply, call, &window, next, &format!("artifactType={filter}&"))
        }
        None => linked(reply, call, &window, next, ""),
    })
}

/// The test kit's own `GET /v2/<name>/_untagged`.
pub(super) fn untagged(call: &Call<'_>, name: &str) -> Answer {
    if !call.registry.options().list_untagged {
        return Err(Refusal::not_found());
    }
    let state = call.registry.state();
    let repository = state
        .contents
        .repositories
        .get(name)
        .ok_or_else(|| Refusal::name_unknown(name))?;
    Ok(Reply::json(&json!({"digests": repository.untagged()})))
}

/// The test kit's own `GET /v2/<name>/_times`.
pub(super) fn times(call: &Call<'_>, name: &str) -> Answer {
    if !call.registry.options().push_times {
        return Err(Refusal::not_found());
    }
    let state = call.registry.state();
    let repository = state
        .contents
        .repositories
        .get(name)
        .ok_or_else(|| Refusal::name_unknown(name))?;
    let time = |manifest: &super::contents::Stored| Value::from(manifest.pushed_at.to_string());
    let times: Map<_, _> = repository
        .manifests
        .iter()
        .map(|(digest, stored)| (digest.clone(), time(stored)))
        .collect();
    Ok(Reply::json(&json!({"times": times})))
}

impl Window {
    /// A page of at most `page_size` entries.
    fn of(call: &Call<'_>, page_size: usize) -> Result<Self, Refusal> {
        Self::up_to(call, page_size, page_size)
    }

    fn up_to(call: &Call<'_>, limit: usize, default: usize) -> Result<Self, Refusal> {
        let wanted = call
            .query("n")
            .map(|n| n.parse::<usize>().map_err(|_| invalid_page()))
            .transpose()?;
        let after = match call.query("cursor") {
            Some(cursor) => Some(read_cursor(&cursor).ok_or_else(invalid_page)?),
            None => call.query("last"),
        };
        Ok(Self {
            after,
            limit: wanted.unwrap_or(default).min(limit),
        })
    }

    fn start(&self) -> Bound<&str> {
        self.after.as_deref().map_or(Bound::Unbounded, Bound::Excluded)
    }

    fn of_map<V>(&self, sorted: &BTreeMap<String, V>) -> (Vec<String>, Option<String>) {
        self.cut(
            sorted
                .range::<str, _>((self.start(), Bound::Unbounded))
                .map(|(key, _)| key.clone()),
        )
    }

    /// The page, and its last entry if there are more; a page of none has no next.
    fn cut(&self, mut rest: impl Iterator<Item = String>) -> (Vec<String>, Option<String>) {
        let page: Vec<String> = rest.by_ref().take(self.limit).collect();
        let next = rest.next().and_then(|_| page.last().cloned());
        (page, next)
    }
}

fn linked(reply: Reply, call: &Call<'_>, window: &Window, next: Option<String>, keep: &str) -> Reply {
    let Some(last) = next else { return reply };
    let (path, n, cursor) = (call.parts.uri.path(), window.limit, URL_SAFE_NO_PAD.encode(last));
    reply.header(
        header::LINK,
        &format!("<{path}?{keep}n={n}&cursor={cursor}>; rel=\"next\""),
    )
}

fn read_cursor(cursor: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()
}

fn invalid_page() -> Refusal {
    Refusal::new(
        StatusCode::BAD_REQUEST,
        "PAGINATION_NUMBER_INVALID",
        "invalid number of results requested",
    )
}
