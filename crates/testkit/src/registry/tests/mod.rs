//! The registry, seen by a plain HTTP client.
mod auth;
mod delete;
mod faults;
mod lists;
mod protocol;

use reqwest::{Client, Method, RequestBuilder, Response};

use super::{Effect, Fault, Options, TestRegistry};
use crate::images::{Image, Manifest, media_type};
use crate::push::Pusher;

const REPOSITORY: &str = "apps/web";

/// A registry and a client that follows no redirects.
struct Lab {
    registry: TestRegistry,
    client: Client,
}

impl Lab {
    async fn new(options: Options) -> Self {
        let registry = TestRegistry::start(options).await.unwrap();
        let builder = Client::builder().no_proxy().tls_certs_only([]);
        Self {
            registry,
            client: builder.redirect(reqwest::redirect::Policy::none()).build().unwrap(),
        }
    }

    /// With one image in the repository, under these tags.
    async fn with_image(options: Options, tags: &[&str]) -> (Self, Manifest) {
        let lab = Self::new(options).await;
        let image = Image::new(1).build();
        lab.push(tags, &image).await;
        (lab, image)
    }

    async fn push(&self, tags: &[&str], manifest: &Manifest) {
        Pusher::new(&self.registry.url())
            .unwrap()
            .push(REPOSITORY, tags, manifest)
            .await
            .unwrap();
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let accept = media_type::ALL_MANIFESTS.join(",");
        self.client
            .request(method, format!("{}{path}", self.registry.url()))
            .header("accept", accept)
    }

    async fn send(&self, method: Method, path: &str) -> Response {
        self.request(method, path).send().await.unwrap()
    }

    async fn get(&self, path: &str) -> Response {
        self.send(Method::GET, path).await
    }

    /// The path of a manifest in the repository.
    async fn manifest(&self, method: Method, reference: &str) -> Response {
        self.send(method, &format!("/v2/{REPOSITORY}/manifests/{reference}"))
            .await
    }
}

/// Status and first error code.
async fn refusal(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: serde_json::Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    (status, body["errors"][0]["code"].as_str().unwrap().to_owned())
}

async fn json(response: Response) -> serde_json::Value {
    assert_eq!(response.status(), 200);
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}
