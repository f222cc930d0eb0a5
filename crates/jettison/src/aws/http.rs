//! The HTTP client below AWS's own: which certificates it trusts, which proxy it takes, and how long an answer may be.

use std::sync::LazyLock;
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::Limited;

/// The longest answer that is read, in bytes. A page of a thousand images with all the tags that ECR allows has half of it;
/// a hundred ordinary manifests have a few.
const LARGEST_ANSWER: usize = 256 * 1024 * 1024;

/// The client for all services, with one pool of connections.
pub(super) fn client(connect: Duration, read: Duration) -> SharedHttpClient {
    let settings = HttpConnectorSettings::builder()
        .connect_timeout(connect)
        .read_timeout(read)
        .build();
    let connector = Connector::builder()
        .connector_settings(settings)
        .proxy_config(ProxyConfig::from_env())
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    let connector = match trust() {
        Some(trust) => connector.tls_context(trust),
        None => connector,
    };
    let connector = SharedHttpConnector::new(Bounded(SharedHttpConnector::new(connector.build())));
    http_client_fn(move |_, _| connector.clone())
}

/// Mozilla's authorities and those of this machine, if it has any.
fn trust() -> Option<TlsContext> {
    /// To find out costs the reading of all certificates.
    static HAS_OWN: LazyLock<bool> = LazyLock::new(|| !rustls_native_certs::load_native_certs().certs.is_empty());
    let mozilla = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    let pem = mozilla.map(|der| {
        let text = STANDARD.encode(der);
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    });
    let store = TrustStore::empty()
        .with_native_roots(*HAS_OWN)
        .with_pem_certificate(pem.collect::<String>());
    TlsContext::builder().with_trust_store(store).build().ok()
}

/// Breaks off answers that are too long.
#[derive(Debug)]
struct Bounded(SharedHttpConnector);

impl HttpConnector for Bounded {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await?;
            Ok(answer.map(|body| SdkBody::from_body_1_x(Limited::new(body, LARGEST_ANSWER))))
        })
    }
}
