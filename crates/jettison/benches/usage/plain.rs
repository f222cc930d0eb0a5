//! The client to compare with: downloads lists, as many at a time as jettison does, and parses each into a JSON value.

use std::io;
use std::path::Path;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;

/// Lists that jettison reads at a time.
const AT_ONCE: usize = 4;

/// Downloads what the lines of a file name.
pub(crate) fn download(targets: &Path) -> io::Result<()> {
    let targets = std::fs::read_to_string(targets)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = reqwest::Client::new();
        let get = |url: &str| {
            let request = client.get(url).bearer_auth("token-of:jettison:jettison");
            async move {
                let body = request.send().await?.error_for_status()?.bytes().await?;
                Ok::<Value, reqwest::Error>(serde_json::from_slice(&body).unwrap_or_default())
            }
        };
        let parsed: Result<Vec<bool>, reqwest::Error> = stream::iter(targets.lines())
            .map(get)
            .buffer_unordered(AT_ONCE)
            .map_ok(|value| value.is_object())
            .try_collect()
            .await;
        match parsed.map_err(io::Error::other)?.iter().all(|is_object| *is_object) {
            true => Ok(()),
            false => Err(io::Error::other("an answer is no JSON object")),
        }
    })
}
