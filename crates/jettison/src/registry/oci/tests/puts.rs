//! Putting manifests back.

use super::*;

fn fetched() -> FetchedManifest {
    FetchedManifest {
        digest: Digest::of(MANIFEST.as_bytes()),
        media_type: OCI_MANIFEST.to_owned(),
        bytes: Bytes::from_static(MANIFEST.as_bytes()),
    }
}

#[tokio::test]
async fn the_same_bytes_go_back_under_the_same_type() {
    let digest = fetched().digest;
    let (server, registry) = always(reply(201).header("docker-content-digest", &digest)).await;
    registry
        .put_manifest(&repository(), &by_tag("main"), &fetched())
        .await
        .unwrap();
    let seen = &server.seen()[0];
    assert!(seen.is("PUT", "/v2/apps/web/manifests/main"));
    assert_eq!(
        (seen.header("content-type"), &seen.body[..]),
        (Some(OCI_MANIFEST), MANIFEST.as_bytes())
    );
}

#[tokio::test]
async fn a_put_by_digest_is_tried_again_and_one_by_tag_never() {
    for (reference, tries) in [(by_tag("main"), 1), (fetched().digest.into(), 2)] {
        let (server, registry) = in_turn(vec![reply(503), reply(201)]).await;
        let put = registry.put_manifest(&repository(), &reference, &fetched()).await;
        assert_eq!((put.is_ok(), server.seen().len()), (tries == 2, tries), "{reference}");
    }
}

#[tokio::test]
async fn what_was_not_stored_is_an_error() {
    for (answer, expected) in [
        (
            reply(201).header("docker-content-digest", Digest::of(b"other")),
            ErrorKind::Protocol,
        ),
        (refusal(400, "MANIFEST_BLOB_UNKNOWN"), ErrorKind::Protocol),
        (refusal(400, "TAG_INVALID"), ErrorKind::Protocol),
        (refusal(409, "TAG_IMMUTABLE"), ErrorKind::Immutable),
        (refusal(403, "DENIED"), ErrorKind::Forbidden),
    ] {
        let shown = format!("{answer:?}");
        let (_server, registry) = always(answer).await;
        let put = registry.put_manifest(&repository(), &by_tag("main"), &fetched()).await;
        assert_eq!(kind(put), expected, "{shown}");
    }
}
