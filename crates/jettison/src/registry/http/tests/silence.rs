//! A registry that does not answer, or asks for more patience than there is: what one call found out, the others know.

use super::*;

/// Time limits that end within a test.
fn hasty(server: &Scripted, idle: Duration) -> Connection {
    Connection {
        limits: Limits {
            idle_timeout: idle,
            ..server.connection().limits
        },
        ..server.connection()
    }
}

#[tokio::test]
async fn a_pause_beyond_all_patience_is_not_begun_and_nothing_else_is_asked() {
    let server = Scripted::serve(|_| reply(429).header("retry-after", "3600")).await;
    let transport = Transport::new(&server.connection()).unwrap();
    let limiter = limiter();
    let began = Instant::now();
    assert_eq!(transport.send(&limiter, &get(&server, "/x")).await.unwrap().status, 429);
    let failure = transport.send(&limiter, &get(&server, "/y")).await.unwrap_err();
    assert!(
        failure.kind == ErrorKind::RateLimited && failure.detail.contains("3600 s"),
        "{failure:?}"
    );
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(server.seen().len(), 1);
}

/// Each pause is short; all together they would take hours.
#[tokio::test]
async fn pauses_have_a_bound_in_total() {
    let turn = AtomicUsize::new(0);
    let server = Scripted::serve(move |_| match turn.fetch_add(1, Ordering::Relaxed) % 2 {
        0 => reply(429).header("retry-after", "1"),
        _ => reply(200),
    })
    .await;
    let connection = Connection {
        limits: Limits {
            pause_total: Duration::from_millis(2500),
            ..server.connection().limits
        },
        ..server.connection()
    };
    let transport = Transport::new(&connection).unwrap();
    let limiter = Limiter::new(&connection.limits);
    for _ in 0..2 {
        assert_eq!(transport.send(&limiter, &get(&server, "/x")).await.unwrap().status, 200);
    }
    assert_eq!(transport.send(&limiter, &get(&server, "/x")).await.unwrap().status, 429);
    let failure = transport.send(&limiter, &get(&server, "/x")).await.unwrap_err();
    assert_eq!((failure.kind, server.seen().len()), (ErrorKind::RateLimited, 5));
}

#[tokio::test]
async fn silence_is_tried_twice_and_then_known() {
    let server = Scripted::serve(|_| reply(200).after(Duration::from_secs(60))).await;
    let connection = hasty(&server, Duration::from_millis(100));
    let transport = Transport::new(&connection).unwrap();
    let limiter = Limiter::new(&connection.limits);
    let first = transport.send(&limiter, &get(&server, "/x")).await.unwrap_err();
    assert!(first.detail.contains("timed out"), "{first:?}");
    assert_eq!(server.seen().len(), 2);
    for _ in 0..50 {
        let next = transport.send(&limiter, &get(&server, "/y")).await.unwrap_err();
        assert!(
            next.kind == ErrorKind::Transient && next.detail.contains("did not answer a moment ago"),
            "{next:?}"
        );
    }
    assert_eq!(server.seen().len(), 2, "fifty calls that nobody made");
}

#[tokio::test]
async fn one_call_that_is_never_answered_does_not_stop_the_others() {
    let server = Scripted::serve(|seen| match seen.target.as_str() {
        "/never" => reply(200).after(Duration::from_secs(60)),
        _ => reply(200),
    })
    .await;
    // Long enough that a busy machine answers the others in time.
    let connection = hasty(&server, Duration::from_secs(1));
    let transport = Transport::new(&connection).unwrap();
    let limiter = Limiter::new(&connection.limits);
    let (never, fine) = (get(&server, "/never"), get(&server, "/fine"));
    let given_up = AtomicBool::new(false);
    let never = async {
        let ended = transport.send(&limiter, &never).await;
        given_up.store(true, Ordering::Relaxed);
        ended
    };
    let others = async {
        while !given_up.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert_eq!(transport.send(&limiter, &fine).await.unwrap().status, 200);
        }
    };
    let (never, ()) = tokio::join!(never, others);
    assert_eq!(never.unwrap_err().kind, ErrorKind::Transient);
    assert_eq!(transport.send(&limiter, &fine).await.unwrap().status, 200);
}

/// A registry that is started anew does not listen for some seconds: what has answered once is waited for.
#[tokio::test]
async fn a_restart_is_waited_for() {
    let first = Scripted::serve(|_| reply(200)).await;
    let connection = Connection {
        limits: Limits {
            throttle_base: Duration::from_millis(400),
            backoff_cap: Duration::from_secs(1),
            ..first.connection().limits
        },
        ..first.connection()
    };
    let transport = Transport::new(&connection).unwrap();
    let (limiter, request) = (Limiter::new(&connection.limits), get(&first, "/x"));
    assert_eq!(transport.send(&limiter, &request).await.unwrap().status, 200);
    let address = first.host.to_string();
    drop(first);
    let again = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let listener = tokio::net::TcpListener::bind(&address).await.unwrap();
        Scripted::serve_on(listener, |_| reply(200).body("again"))
    };
    let (answer, _server) = tokio::join!(transport.send(&limiter, &request), again);
    assert_eq!(&answer.unwrap().body[..], b"again");
}
