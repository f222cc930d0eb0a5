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
    let connector = SharedHttpConnector::new(Bounded {
        connector: SharedHttpConnector::new(connector.build()),
        largest: LARGEST_ANSWER,
    });
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
struct Bounded {
    connector: SharedHttpConnector,
    /// Bytes of an answer.
    largest: usize,
}

impl HttpConnector for Bounded {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.connector.call(request);
        let largest = self.largest;
        HttpConnectorFuture::new(async move {
            let answer = answer.await?;
            Ok(answer.map(|body| SdkBody::from_body_1_x(Limited::new(body, largest))))
        })
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
    use http_body_util::BodyExt as _;

    use super::*;

    /// Always answers with so many bytes.
    #[derive(Debug)]
    struct Long(usize);

    impl HttpConnector for Long {
        fn call(&self, _request: HttpRequest) -> HttpConnectorFuture {
            let body = SdkBody::from(vec![b' '; self.0]);
            HttpConnectorFuture::ready(Ok(HttpResponse::new(200.try_into().unwrap(), body)))
        }
    }

    #[tokio::test]
    async fn an_answer_that_is_too_long_breaks_off() {
        for (length, is_read) in [(99, true), (100, true), (101, false)] {
            let connector = Bounded {
                connector: SharedHttpConnector::new(Long(length)),
                largest: 100,
            };
            let answer = connector.call(HttpRequest::new(SdkBody::empty())).await.unwrap();
            assert_eq!(answer.into_body().collect().await.is_ok(), is_read, "{length}");
        }
    }
}
