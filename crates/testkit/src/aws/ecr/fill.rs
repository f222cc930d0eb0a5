//! Very many images, quickly: for benchmarks of whoever lists them.

use bytes::Bytes;
use jiff::Timestamp;

use super::repository::{Layer, Push, Repository};
use crate::digest::sha256;
use crate::images::media_type::{CONFIG, LAYER, MANIFEST};

/// Bytes that each of the shared layers says it has.
const LAYER_SIZE: u64 = 30_000_000;

/// Adds `count` images; the layers have no bytes behind them.
pub(super) fn fill(found: &mut Repository, count: usize, pushed_at: impl Fn(usize) -> Timestamp) {
    let shared = ["base", "runtime", "application"].map(|name| sha256(name.as_bytes()));
    let layers = shared.each_ref().map(|digest| add(found, digest, LAYER_SIZE));
    let layers = layers.join(",");
    for number in 0..count {
        let config = sha256(format!("config {number}").as_bytes());
        let config = add(found, &config, 1500).replace(LAYER, CONFIG);
        let manifest =
            format!(r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{config},"layers":[{layers}]}}"#);
        let push = Push {
            bytes: Bytes::from(manifest),
            media_type: Some(MANIFEST),
            tag: Some(&format!("main-{number:07}")),
            digest: None,
        };
        // One that is there already is as good as pushed.
        let _ = found.put(&push, pushed_at(number));
    }
}

/// Takes note of a layer; its descriptor.
fn add(found: &mut Repository, digest: &str, size: u64) -> String {
    found.layers.insert(digest.to_owned(), Layer { size, bytes: None });
    format!(r#"{{"mediaType":"{LAYER}","digest":"{digest}","size":{size}}}"#)
}
