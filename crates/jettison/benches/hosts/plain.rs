//! A client that asks an engine what a plan needs, reads the answers, and does nothing with them.

use std::path::Path;

use futures_util::stream::{self, StreamExt as _};
use serde_json::Value;

/// As many questions at the same time as jettison asks.
const AT_ONCE: usize = 8;

/// Asks for everything; returns how many questions that took.
pub(crate) async fn ask(socket: &Path) -> usize {
    let client = reqwest::Client::builder()
        .unix_socket(socket)
        .no_proxy()
        .tls_certs_only([])
        .build()
        .expect("a client");
    let get = async |path: String| -> Value {
        let answer = client.get(format!("http://localhost{path}")).send().await;
        let bytes = answer.expect("an answer").bytes().await.expect("all of it");
        serde_json::from_slice(&bytes).expect("JSON")
    };
    get("/version".to_owned()).await;
    get("/v1.41/info".to_owned()).await;
    get("/v1.41/images/json".to_owned()).await;
    let containers = get("/v1.41/containers/json?all=true".to_owned()).await;
    let containers = containers.as_array().expect("a list").clone();
    let of = |key: &str| -> Vec<String> {
        let values = containers.iter().filter_map(|container| container[key].as_str());
        let mut values: Vec<String> = values.map(str::to_owned).collect();
        values.sort();
        values.dedup();
        values
    };
    let inspected = of("Id").into_iter().map(|id| format!("/v1.41/containers/{id}/json"));
    let images = of("ImageID").into_iter().map(|id| format!("/v1.41/images/{id}/json"));
    let asked: Vec<String> = inspected.chain(images).collect();
    let number = asked.len();
    stream::iter(asked)
        .map(get)
        .buffer_unordered(AT_ONCE)
        .for_each(|_| async {})
        .await;
    number + 4
}
