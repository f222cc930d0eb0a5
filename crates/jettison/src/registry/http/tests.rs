//! Exchanges with a scripted server: limits, retries, redirects, certificates, pauses.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::*;
use crate::registry::scripted::{Reply, Scripted, Seen, reply};

fn limiter() -> Limiter {
    Limiter::new(16, 32)
}

fn get(server: &Scripted, path: &str) -> Request {
    Request {
        max_bytes: 1000,
        ..Request::new(Method::GET, Url::parse(&server.url(path)).unwrap())
    }
}

async fn send(connection: &Connection, request: &Request) -> Result<Response, Failure> {
    Transport::new(connection).unwrap().send(&limiter(), request).await
}

/// Answers the given replies one after the other, the last one for ever.
fn in_turn(replies: Vec<Reply>) -> impl Fn(&Seen) -> Reply + Send + Sync {
    let turn = AtomicUsize::new(0);
    move |_| replies[turn.fetch_add(1, Ordering::Relaxed).min(replies.len() - 1)].clone()
}

#[tokio::test]
async fn a_passing_failure_is_tried_again() {
    for (failure, tries) in [
        (reply(429), 3),
        (reply(500), 3),
        (reply(502), 3),
        (reply(503).header("retry-after", "0"), 3),
        (reply(504), 3),
        (reply(200).body("half").breaking(), 3),
        (reply(404), 1),
        (reply(501), 1),
    ] {
        let server = Scripted::serve(in_turn(vec![
            failure.clone(),
            failure.clone(),
            reply(200).body("whole"),
        ]))
        .await;
        let response = send(&server.connection(), &get(&server, "/x")).await.unwrap();
        assert_eq!(server.seen().len(), tries, "{failure:?}");
        assert_eq!(response.status == 200, tries == 3, "{failure:?}");
    }
}

#[tokio::test]
async fn gives_up_after_five_tries_with_the_last_answer() {
    let server = Scripted::serve(|_| reply(503).body("why")).await;
    let response = send(&server.connection(), &get(&server, "/x")).await.unwrap();
    assert_eq!(
        (response.status.as_u16(), &response.body[..], server.seen().len()),
        (503, &b"why"[..], 5)
    );
}

#[tokio::test]
async fn what_is_not_idempotent_is_sent_once() {
    let server = Scripted::serve(|_| reply(503)).await;
    for method in [Method::DELETE, Method::PUT] {
        let request = Request {
            method,
            idempotent: false,
            ..get(&server, "/x")
        };
        assert_eq!(send(&server.connection(), &request).await.unwrap().status, 503);
    }
    let post = Request::new(Method::POST, Url::parse(&server.url("/x")).unwrap());
    assert_eq!(send(&server.connection(), &post).await.unwrap().status, 503);
    assert_eq!(server.seen().len(), 3);
    let broken = Scripted::serve(|_| reply(200).breaking()).await;
    let request = Request {
        method: Method::DELETE,
        idempotent: false,
        ..get(&broken, "/x")
    };
    assert_eq!(
        send(&broken.connection(), &request).await.unwrap_err().kind,
        ErrorKind::Transient
    );
    assert_eq!(broken.seen().len(), 1);
}

#[tokio::test]
async fn nobody_listening_is_a_passing_failure() {
    let server = Scripted::serve(|_| reply(200)).await;
    let (connection, request) = (server.connection(), get(&server, "/x"));
    drop(server);
    tokio::task::yield_now().await;
    let failure = send(&connection, &request).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Transient, "{failure:?}");
}

#[tokio::test]
async fn retry_after_is_waited_for() {
    let server = Scripted::serve(in_turn(vec![reply(429).header("retry-after", "1"), reply(200)])).await;
    let began = Instant::now();
    assert_eq!(
        send(&server.connection(), &get(&server, "/x")).await.unwrap().status,
        200
    );
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_pause_asked_of_one_holds_all_calls_to_that_host() {
    let server = Scripted::serve(|seen| match seen.target.as_str() {
        "/busy" => reply(429).header("retry-after", "1"),
        _ => reply(200),
    })
    .await;
    let transport = Transport::new(&server.connection()).unwrap();
    let limiter = limiter();
    let busy = Request {
        idempotent: false,
        ..get(&server, "/busy")
    };
    assert_eq!(transport.send(&limiter, &busy).await.unwrap().status, 429);
    let began = Instant::now();
    assert_eq!(
        transport
            .send(&limiter.clone(), &get(&server, "/x"))
            .await
            .unwrap()
            .status,
        200
    );
    assert!(began.elapsed() >= Duration::from_millis(900));
}

#[tokio::test]
async fn a_pause_beyond_all_patience_is_not_begun() {
    let server = Scripted::serve(|_| reply(429).header("retry-after", "3600")).await;
    let transport = Transport::new(&server.connection()).unwrap();
    let limiter = limiter();
    let began = Instant::now();
    for _ in 0..2 {
        assert_eq!(transport.send(&limiter, &get(&server, "/x")).await.unwrap().status, 429);
    }
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_body_beyond_its_limit_is_refused_announced_or_not() {
    let server = Scripted::serve(|seen| match seen.target.as_str() {
        "/announced" => reply(200).body("x".repeat(1001)),
        "/streamed" => reply(200).body("x".repeat(1001)).breaking(),
        "/error" => reply(404).body("x".repeat(1 << 20)),
        _ => reply(200).body("x".repeat(1000)),
    })
    .await;
    for path in ["/announced", "/streamed"] {
        let failure = send(&server.connection(), &get(&server, path)).await.unwrap_err();
        assert_eq!(failure.kind, ErrorKind::TooLarge, "{path}: {failure:?}");
    }
    assert_eq!(
        send(&server.connection(), &get(&server, "/fits"))
            .await
            .unwrap()
            .body
            .len(),
        1000
    );
    assert_eq!(
        send(&server.connection(), &get(&server, "/error"))
            .await
            .unwrap()
            .body
            .len(),
        64 * 1024
    );
    let head = Request {
        method: Method::HEAD,
        ..get(&server, "/announced")
    };
    assert_eq!(
        send(&server.connection(), &head).await.unwrap().status,
        200,
        "a HEAD has no body"
    );
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_given_up() {
    let server = Scripted::serve(|_| reply(200).after(Duration::from_secs(60))).await;
    for limits in [
        Limits {
            idle_timeout: Duration::from_millis(100),
            tries: 1,
            ..Limits::default()
        },
        Limits {
            request_timeout: Duration::from_millis(100),
            tries: 1,
            ..Limits::default()
        },
    ] {
        let connection = Connection {
            limits,
            ..server.connection()
        };
        let failure = send(&connection, &get(&server, "/x")).await.unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Transient);
        assert!(failure.detail.contains("timed out"), "{failure:?}");
    }
}

fn authorized(request: Request) -> Request {
    Request {
        authorization: Some(HeaderValue::from_static("Basic c2VjcmV0")),
        ..request
    }
}

#[tokio::test]
async fn credentials_do_not_follow_a_redirect_to_another_host() {
    let storage = Scripted::serve(|_| reply(200).body("blob")).await;
    let target = storage.url("/signed?x=1");
    let server = Scripted::serve(move |seen| match seen.target.as_str() {
        "/here" => reply(302).header("location", "/there"),
        "/there" => reply(307).header("location", &target),
        _ => reply(500),
    })
    .await;
    let response = send(&server.connection(), &authorized(get(&server, "/here")))
        .await
        .unwrap();
    assert_eq!(&response.body[..], b"blob");
    assert!(
        server
            .seen()
            .iter()
            .all(|seen| seen.header("authorization") == Some("Basic c2VjcmV0"))
    );
    assert_eq!(server.seen().len(), 2);
    assert_eq!(storage.seen().len(), 1);
    assert_eq!(storage.seen()[0].header("authorization"), None);
}

#[tokio::test]
async fn credentials_do_not_come_back_after_a_redirect_away_and_back() {
    let home = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let target = std::sync::Arc::clone(&home);
    let away = Scripted::serve(move |_| reply(302).header("location", target.lock().unwrap().clone())).await;
    let out = away.url("/out");
    let server = Scripted::serve(move |seen| match seen.target.as_str() {
        "/start" => reply(302).header("location", &out),
        _ => reply(200),
    })
    .await;
    *home.lock().unwrap() = server.url("/back");
    assert_eq!(
        send(&server.connection(), &authorized(get(&server, "/start")))
            .await
            .unwrap()
            .status,
        200
    );
    let back = server.seen().into_iter().find(|seen| seen.target == "/back").unwrap();
    assert_eq!(back.header("authorization"), None);
}

#[tokio::test]
async fn only_reads_follow_redirects_and_not_for_ever() {
    let server = Scripted::serve(|seen| reply(302).header("location", format!("{}x", seen.target))).await;
    let failure = send(&server.connection(), &get(&server, "/")).await.unwrap_err();
    assert_eq!((failure.kind, server.seen().len()), (ErrorKind::Protocol, 6));
    for method in [Method::DELETE, Method::PUT, Method::POST] {
        let before = server.seen().len();
        let request = Request {
            method,
            ..get(&server, "/")
        };
        assert_eq!(send(&server.connection(), &request).await.unwrap().status, 302);
        assert_eq!(server.seen().len(), before + 1);
    }
    let unwilling = Request {
        redirects: false,
        ..get(&server, "/")
    };
    assert_eq!(send(&server.connection(), &unwilling).await.unwrap().status, 302);
}

#[tokio::test]
async fn redirects_to_unsafe_places_are_refused() {
    for location in [
        "http://storage.example.com/x",
        "http://a:b@127.0.0.1:1/x",
        "ftp://127.0.0.1/x",
        "http://[",
    ] {
        let server = Scripted::serve(move |_| reply(302).header("location", location)).await;
        let failure = send(&server.connection(), &get(&server, "/x")).await.unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Protocol, "{location}");
        assert!(!failure.detail.contains("a:b"), "{failure:?}");
    }
}

#[tokio::test]
async fn a_failure_does_not_tell_the_url() {
    let server = Scripted::serve(|_| reply(200).breaking()).await;
    let failure = send(&server.connection(), &get(&server, "/x?signature=hunter2"))
        .await
        .unwrap_err();
    assert!(!format!("{failure:?}").contains("hunter2"), "{failure:?}");
}

mod tls {
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
            let builder =
                ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
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
}

/// Run by the test below in a process of its own, where there is no CA bundle and a proxy.
#[tokio::test]
#[ignore = "run by works_without_a_ca_bundle_and_past_a_proxy"]
async fn alone() {
    let server = Scripted::serve(|_| reply(200)).await;
    assert_eq!(
        send(&server.connection(), &get(&server, "/x")).await.unwrap().status,
        200
    );
    assert!(Transport::new(&Connection::new("registry.example.com".parse().unwrap())).is_ok());
}

#[test]
fn works_without_a_ca_bundle_and_past_a_proxy() {
    let status = Command::new(std::env::current_exe().unwrap())
        .args([
            concat!(module_path!(), "::alone").split_once("::").unwrap().1,
            "--exact",
            "--ignored",
        ])
        .env("SSL_CERT_FILE", "/dev/null")
        .env("SSL_CERT_DIR", "/nonexistent")
        .env("HTTP_PROXY", "http://127.0.0.1:1")
        .env("http_proxy", "http://127.0.0.1:1")
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.status.success() && said.contains("1 passed"), "{said}");
}
