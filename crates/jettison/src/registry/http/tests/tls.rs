//! Certificates: whom we trust, and to whom we show ours.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

use super::*;

/// An authority, with what it signed in files.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    files: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
        let files = tempfile::tempdir().unwrap();
        fs::write(files.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, files }
    }

    fn file(&self, name: &str) -> Option<std::path::PathBuf> {
        Some(self.files.path().join(name))
    }

    fn sign(&self, purpose: ExtendedKeyUsagePurpose) -> (rcgen::Certificate, KeyPair) {
        let mut parameters = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        parameters.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        (parameters.signed_by(&key, &self.issuer).unwrap(), key)
    }

    fn client_files(&self) {
        let (certificate, key) = self.sign(ExtendedKeyUsagePurpose::ClientAuth);
        fs::write(self.files.path().join("client.pem"), certificate.pem()).unwrap();
        fs::write(self.files.path().join("client.key"), key.serialize_pem()).unwrap();
        fs::write(
            self.files.path().join("both.pem"),
            certificate.pem() + &key.serialize_pem(),
        )
        .unwrap();
    }

    /// A TLS listener; with `clients`, one that insists on a certificate signed by this authority.
    async fn listen(&self, clients: bool) -> TlsListener {
        let (certificate, key) = self.sign(ExtendedKeyUsagePurpose::ServerAuth);
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let builder = match clients {
            true => {
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                builder.unwrap().with_client_cert_verifier(verifier.unwrap())
            }
            false => builder.unwrap().with_no_client_auth(),
        };
        let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        let config = builder.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        TlsListener {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            acceptor: TlsAcceptor::from(Arc::new(config)),
        }
    }
}

struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.listener.accept().await.unwrap();
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

fn secure(server: &Scripted) -> (Connection, Request) {
    let mut connection = server.connection();
    connection.plain_http = Some(false);
    connection.limits.tries = 1;
    let url = Url::parse(&format!("https://{}/x", server.host)).unwrap();
    (
        connection,
        Request {
            max_bytes: 1000,
            ..Request::new(Method::GET, url)
        },
    )
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_named_and_not_before() {
    let authority = Authority::new();
    let server = Scripted::serve_on(authority.listen(false).await, |_| reply(200));
    let (connection, request) = secure(&server);
    let failure = send(&connection, &request).await.unwrap_err();
    assert!(failure.detail.contains("certificate"), "{failure:?}");
    let trusting = Connection {
        ca_file: authority.file("ca.pem"),
        ..connection.clone()
    };
    assert_eq!(send(&trusting, &request).await.unwrap().status, 200);
    let other = Authority::new();
    let mistaken = Connection {
        ca_file: other.file("ca.pem"),
        ..connection
    };
    assert!(send(&mistaken, &request).await.is_err());
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_the_registry_alone() {
    let authority = Authority::new();
    authority.client_files();
    let server = Scripted::serve_on(authority.listen(true).await, |_| reply(200));
    let (connection, request) = secure(&server);
    let trusting = Connection {
        ca_file: authority.file("ca.pem"),
        ..connection
    };
    assert!(send(&trusting, &request).await.is_err(), "without a certificate");
    let pair = Connection {
        client_certificate: authority.file("client.pem"),
        client_key: authority.file("client.key"),
        ..trusting.clone()
    };
    assert_eq!(send(&pair, &request).await.unwrap().status, 200);
    let both = Connection {
        client_certificate: authority.file("both.pem"),
        ..trusting
    };
    assert_eq!(send(&both, &request).await.unwrap().status, 200);
    let of_another_registry = Connection {
        host: "127.0.0.1:1".parse().unwrap(),
        ..pair
    };
    assert!(
        send(&of_another_registry, &request).await.is_err(),
        "another host sees no certificate"
    );
}

#[tokio::test]
async fn https_is_not_left_for_http() {
    let plain = Scripted::serve(|_| reply(200)).await;
    let authority = Authority::new();
    let target = plain.url("/x");
    let listener = authority.listen(false).await;
    let server = Scripted::serve_on(listener, move |_| reply(302).header("location", &target));
    let (connection, request) = secure(&server);
    let trusting = Connection {
        ca_file: authority.file("ca.pem"),
        ..connection
    };
    let failure = send(&trusting, &request).await.unwrap_err();
    assert_eq!(
        (failure.kind, plain.seen().len()),
        (ErrorKind::Protocol, 0),
        "{failure:?}"
    );
}

#[test]
fn certificates_that_cannot_be_used_are_named() {
    let authority = Authority::new();
    let here = Connection::new("127.0.0.1:1".parse().unwrap());
    fs::write(authority.files.path().join("empty.pem"), "nothing").unwrap();
    for connection in [
        Connection {
            ca_file: authority.file("absent.pem"),
            ..here.clone()
        },
        Connection {
            ca_file: authority.file("empty.pem"),
            ..here.clone()
        },
        Connection {
            client_certificate: authority.file("empty.pem"),
            ..here.clone()
        },
        Connection {
            client_certificate: authority.file("ca.pem"),
            client_key: authority.file("absent.pem"),
            ..here
        },
    ] {
        let failure = Transport::new(&connection).unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Configuration);
        assert!(failure.detail.contains(".pem"), "{failure:?}");
    }
}
