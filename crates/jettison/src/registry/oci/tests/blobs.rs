//! Blobs: what is read of them, and what shows that one is gone.

use super::*;

#[tokio::test]
async fn blobs_are_checked_bounded_and_not_easily_missing() {
    let digest = Digest::of(b"config");
    for (answer, expected) in [
        (reply(200).body("config"), Ok(true)),
        (reply(200).body("other"), Err(ErrorKind::Protocol)),
        (reply(200).body("too long"), Err(ErrorKind::TooLarge)),
        (refusal(404, "BLOB_UNKNOWN"), Ok(false)),
        (html(), Err(ErrorKind::Protocol)),
        (not_there(), Err(ErrorKind::NotFound)),
    ] {
        let shown = format!("{answer:?}");
        let (_server, registry) = always(answer).await;
        let blob = registry.blob(&repository(), &digest, 6).await;
        assert_eq!(
            blob.map(|blob| blob.is_some()).map_err(|error| error.kind),
            expected,
            "{shown}"
        );
    }
}

#[tokio::test]
async fn blobs_may_come_from_elsewhere() {
    let storage = Scripted::serve(|_| reply(200).body("config")).await;
    let target = storage.url("/signed");
    let (_server, registry) = always(reply(307).header("location", target)).await;
    let blob = registry
        .blob(&repository(), &Digest::of(b"config"), 100)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&blob[..], b"config");
}

#[tokio::test]
async fn one_byte_shows_that_a_blob_can_be_read() {
    let (full, empty) = (Digest::of(b"layer"), Digest::of(b""));
    for (answer, digest, expected, asked) in [
        (reply(206).body("l"), &full, Ok(true), 1),
        (reply(200).body("layer"), &full, Ok(true), 1),
        // What a cache of lengths says of a blob that was collected.
        (reply(200), &full, Ok(false), 2),
        (reply(206), &full, Ok(false), 2),
        (reply(206).header("content-length", 1).breaking(), &full, Ok(false), 2),
        (reply(416), &full, Ok(false), 2),
        (refusal(404, "BLOB_UNKNOWN"), &full, Ok(false), 2),
        (refusal(404, "NAME_UNKNOWN"), &full, Ok(false), 2),
        (reply(200), &empty, Ok(true), 1),
        (reply(416), &empty, Ok(true), 1),
        (refusal(404, "BLOB_UNKNOWN"), &empty, Ok(false), 2),
        (html(), &full, Err(ErrorKind::Protocol), 1),
        (reply(403), &full, Err(ErrorKind::Forbidden), 1),
        (reply(503), &full, Err(ErrorKind::Transient), 5),
    ] {
        let shown = format!("{digest} {answer:?}");
        let (server, registry) = always(answer).await;
        let readable = registry.is_readable(&repository(), digest).await;
        assert_eq!(readable.map_err(|error| error.kind), expected, "{shown}");
        let seen = server.seen();
        assert_eq!(seen.len(), asked, "{shown}");
        assert!(
            seen.iter()
                .all(|seen| seen.is("GET", &format!("/v2/apps/web/blobs/{digest}"))
                    && seen.header("range") == Some("bytes=0-0"))
        );
    }
}

#[tokio::test]
async fn a_blob_that_was_missing_once_and_then_was_there_can_be_read() {
    let (_server, registry) = in_turn(vec![refusal(404, "BLOB_UNKNOWN"), reply(206).body("l")]).await;
    assert!(
        registry
            .is_readable(&repository(), &Digest::of(b"layer"))
            .await
            .unwrap()
    );
}

/// Reading on would meet the end that never comes right.
#[tokio::test]
async fn of_a_layer_that_is_sent_whole_the_rest_is_not_read() {
    let (server, registry) = always(reply(200).body(vec![b'x'; 100_000]).breaking()).await;
    assert!(
        registry
            .is_readable(&repository(), &Digest::of(b"layer"))
            .await
            .unwrap()
    );
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn the_first_byte_may_come_from_elsewhere_and_is_asked_for_there_without_a_login() {
    let storage = Scripted::serve(|_| reply(206).body("l")).await;
    let target = storage.url("/signed");
    let server = Scripted::serve(move |seen| match seen.header("authorization") {
        Some(_) => reply(307).header("location", &target),
        None => refusal(401, "UNAUTHORIZED").header("www-authenticate", "Basic realm=\"x\""),
    })
    .await;
    let connection = Connection {
        login: Some(("me".to_owned(), crate::registry::Secret::new("hunter2"))),
        ..server.connection()
    };
    let registry = open(&connection).unwrap();
    assert!(
        registry
            .is_readable(&repository(), &Digest::of(b"layer"))
            .await
            .unwrap()
    );
    let seen = storage.seen();
    assert_eq!((seen.len(), seen[0].header("range")), (1, Some("bytes=0-0")));
    assert_eq!(seen[0].header("authorization"), None);
}
