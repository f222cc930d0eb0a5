//! Doors for the fuzz targets to what reads a registry's answers and login files, which is private otherwise.
//!
//! Only with the feature `fuzzing`. Nothing is decided and nothing is read here: each door calls what the adapters
//! call, and hands out what came of it. No secret passes: of credentials only their kind.

use std::path::Path;
use std::sync::Arc;

use http::HeaderMap;
use jettison_core::model::{RegistryHost, RepositoryName};
use url::Url;

use super::auth::Authenticator;
use super::challenge;
use super::connection::{Connection, Limits};
use super::credentials::Credentials;
use super::credentials::file::LoginFile;
use super::http::Transport;
use super::oci::pager::{Page, Pager};
use super::oci::{link, listing};

/// Every challenge in these headers: its scheme, and the first value of `realm`, `service` and `scope`.
pub fn challenges(headers: &HeaderMap) -> Vec<(String, [Option<String>; 3])> {
    let parameters = |found: &challenge::Challenge| {
        ["realm", "service", "scope"].map(|name| found.parameter(name).map(str::to_owned))
    };
    let found = challenge::challenges(headers).into_iter();
    found.map(|found| (found.scheme.clone(), parameters(&found))).collect()
}

/// Somebody who is asked to log in by one registry.
#[derive(Debug)]
pub struct Challenged(Authenticator);

impl Challenged {
    /// Nothing is sent.
    ///
    /// # Errors
    /// If there can be no such connection.
    pub fn new(connection: &Connection) -> Result<Self, String> {
        let transport = Transport::new(connection).map_err(|failure| failure.detail)?;
        Ok(Self(Authenticator::new(Arc::new(transport))))
    }

    /// Where a 401 with these headers sends us for a token; `None` where it asks for a password.
    ///
    /// # Errors
    /// Why nobody is sent anything.
    pub fn token_service(&self, headers: &HeaderMap) -> Result<Option<Url>, String> {
        self.0.token_service(headers).map_err(|failure| failure.detail)
    }
}

/// Where the page after `page` is.
///
/// # Errors
/// Why that cannot be told.
pub fn next_page(headers: &HeaderMap, page: &Url) -> Result<Option<Url>, String> {
    link::next(headers, page)
}

/// The tags on a page; `None` where it is none.
pub fn tags_on_page(body: &[u8]) -> Option<Vec<String>> {
    listing::tags_on_page(body)
}

/// Puts a listing together from pages; `pages` that are never reached do not count.
///
/// # Errors
/// Why there is no listing.
pub fn listing(
    first: Url,
    limits: &Limits,
    pages: impl IntoIterator<Item = (HeaderMap, Vec<String>)>,
) -> Result<Vec<String>, String> {
    let mut pager = Pager::new(first, Some(2), limits);
    let mut page = pager.start();
    for (headers, items) in pages {
        let bytes = items.iter().map(String::len).sum();
        let taken = Page {
            url: page,
            headers: &headers,
            bytes,
            items,
        };
        match pager.absorb(taken)? {
            Some(next) => page = next,
            None => break,
        }
    }
    Ok(pager.items.into_iter().collect())
}

/// What a login file holds for one repository: the helpers that would be asked, and the kind of its entry.
#[derive(Debug, PartialEq, Eq)]
pub struct Login {
    /// Names of credential helpers.
    pub helpers: Vec<String>,
    /// `anonymous`, `password` or `token`; `None` without an entry.
    pub entry: Option<&'static str>,
    /// How long the secret is, in bytes.
    pub secret_bytes: usize,
    /// Repositories may differ.
    pub has_parts: bool,
}

/// Looks a repository up in a login file; `None` where the file is empty.
///
/// # Errors
/// Why the file cannot be used.
pub fn login(text: &[u8], host: &RegistryHost, repository: &RepositoryName) -> Result<Option<Login>, String> {
    let file = LoginFile::parse(Path::new("config.json"), text).map_err(|error| error.to_string())?;
    let Some(file) = file else { return Ok(None) };
    let entry = file.entry(host, Some(repository)).map_err(|error| error.to_string())?;
    let secret = entry.as_ref().and_then(Credentials::secret);
    Ok(Some(Login {
        helpers: file.helpers(host).map(str::to_owned).collect(),
        entry: entry.as_ref().map(|entry| match entry {
            Credentials::Anonymous => "anonymous",
            Credentials::Password { .. } => "password",
            Credentials::IdentityToken { .. } => "token",
        }),
        secret_bytes: secret.map_or(0, |secret| secret.expose().len()),
        has_parts: file.has_parts_of(host),
    }))
}
