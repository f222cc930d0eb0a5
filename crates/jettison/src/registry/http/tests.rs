//! Exchanges with a scripted server: limits, retries, redirects, certificates, pauses.

mod silence;
mod tls;

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use super::*;
use crate::registry::scripted::{Reply, Scripted, Seen, reply};

fn limiter() -> Limiter {
    Limiter::new(&Limits::default())
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
async fn a_body_beyond_its_limit_is_refused_announced_or_not() {
    let server = Scripted::serve(|seen| match seen.target.as_str() {
        "/announced" => reply(200).header("content-length", 1001).body("x").breaking(),
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
    let server = Scripted::serve(|_| reply(200)).await;
    let (connection, request) = (server.connection(), get(&server, "/x?signature=hunter2"));
    drop(server);
    tokio::task::yield_now().await;
    let failure = send(&connection, &request).await.unwrap_err();
    assert!(!format!("{failure:?}").contains("hunter2"), "{failure:?}");
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
