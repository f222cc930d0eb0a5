//! Deletes, and asking whether they are possible.

use super::*;

#[tokio::test]
async fn a_manifest_goes_by_its_digest() {
    let digest = Digest::of(b"x");
    for (answer, expected) in [
        (reply(202), Ok(Removed::Now)),
        (reply(200), Ok(Removed::Now)),
        (reply(204), Ok(Removed::Now)),
        (not_there(), Ok(Removed::AlreadyGone)),
        (html(), Err(ErrorKind::Protocol)),
        (reply(405), Err(ErrorKind::Unsupported)),
        (refusal(405, "DENIED"), Err(ErrorKind::Conflict)),
        (
            refusal(400, "GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE"),
            Err(ErrorKind::Conflict),
        ),
        (refusal(412, "PRECONDITION"), Err(ErrorKind::Immutable)),
        (refusal(401, "UNAUTHORIZED"), Err(ErrorKind::Unauthenticated)),
        (refusal(403, "DENIED"), Err(ErrorKind::Forbidden)),
        (reply(302).header("location", "/elsewhere"), Err(ErrorKind::Protocol)),
        (reply(500), Err(ErrorKind::Transient)),
    ] {
        let shown = format!("{answer:?}");
        let (server, registry) = always(answer).await;
        let removed = registry.delete_manifest(&repository(), &digest).await;
        assert_eq!(removed.map_err(|error| error.kind), expected, "{shown}");
        assert!(server.seen()[0].is("DELETE", &format!("/v2/apps/web/manifests/{digest}")));
    }
}

#[tokio::test]
async fn a_delete_is_never_tried_again_without_another_look() {
    for failure in [
        reply(503),
        reply(429).header("retry-after", "0"),
        reply(500),
        reply(202).breaking(),
    ] {
        let shown = format!("{failure:?}");
        let (server, registry) = in_turn(vec![failure.clone(), not_there()]).await;
        let removed = registry.delete_manifest(&repository(), &Digest::of(b"x")).await;
        assert!(removed.is_err(), "{shown}");
        assert_eq!(server.seen().len(), 1, "{shown}");
        let (server, registry) = in_turn(vec![failure, reply(202)]).await;
        assert!(
            registry.delete_tag(&repository(), &tag("main")).await.is_err(),
            "{shown}"
        );
        assert_eq!(server.seen().len(), 1, "{shown}");
    }
}

#[tokio::test]
async fn a_tag_goes_where_the_registry_can() {
    for (answer, expected) in [
        (reply(202), Ok(Removed::Now)),
        (not_there(), Ok(Removed::AlreadyGone)),
        (html(), Err(ErrorKind::Protocol)),
        (refusal(400, "DIGEST_INVALID"), Err(ErrorKind::Unsupported)),
        (refusal(405, "UNSUPPORTED"), Err(ErrorKind::Unsupported)),
        (refusal(409, "TAG_IMMUTABLE"), Err(ErrorKind::Immutable)),
    ] {
        let shown = format!("{answer:?}");
        let (server, registry) = always(answer).await;
        let removed = registry.delete_tag(&repository(), &tag("main")).await;
        assert_eq!(removed.map_err(|error| error.kind), expected, "{shown}");
        assert!(server.seen()[0].is("DELETE", "/v2/apps/web/manifests/main"));
    }
}

#[tokio::test]
async fn probes_tell_what_can_be_removed() {
    let unsupported = || refusal(405, "UNSUPPORTED");
    for (by_digest, by_tag, delete, delete_tag) in [
        // Distribution 2.8 with deletes on, and off.
        (not_there(), refusal(400, "DIGEST_INVALID"), Some(true), Some(false)),
        (unsupported(), unsupported(), Some(false), Some(false)),
        // Distribution 3.
        (not_there(), not_there(), Some(true), Some(true)),
        // Distribution 3.0 with deletes off: removes tags nevertheless.
        (unsupported(), not_there(), Some(false), Some(false)),
        // Registries for which gone is gone.
        (reply(202), reply(202), Some(true), Some(true)),
        (not_there(), unsupported(), Some(true), Some(false)),
        (refusal(400, "UNSUPPORTED"), not_there(), Some(false), Some(false)),
        (html(), html(), None, None),
        (refusal(404, "NAME_UNKNOWN"), reply(400), None, None),
        (reply(302).header("location", "/x"), not_there(), None, Some(true)),
    ] {
        let shown = format!("{by_digest:?} {by_tag:?}");
        let answer = move |seen: &Seen| {
            if seen.target.contains("sha256:") {
                &by_digest
            } else {
                &by_tag
            }
            .clone()
        };
        let (server, registry) = serve(answer).await;
        let support = registry.probe_deletes(&repository()).await.unwrap();
        assert_eq!(support, DeleteSupport { delete, delete_tag }, "{shown}");
        assert!(server.seen().iter().all(|seen| seen.method == "DELETE"), "{shown}");
        let names = |seen: &Seen| seen.target.contains("/sha256:") || seen.target.contains("/jettison-probe-");
        assert!(server.seen().iter().all(names), "{shown}");
    }
}

#[tokio::test]
async fn probes_that_are_refused_or_fail_tell_nothing() {
    for (answer, expected) in [
        (refusal(401, "UNAUTHORIZED"), ErrorKind::Unauthenticated),
        (refusal(403, "DENIED"), ErrorKind::Forbidden),
        (reply(429).header("retry-after", "3600"), ErrorKind::RateLimited),
        (reply(500), ErrorKind::Transient),
    ] {
        let (_server, registry) = always(answer).await;
        assert_eq!(kind(registry.probe_deletes(&repository()).await), expected);
    }
}

#[tokio::test]
async fn no_two_probes_are_alike() {
    let (server, registry) = always(not_there()).await;
    for _ in 0..5 {
        registry.probe_deletes(&repository()).await.unwrap();
    }
    let targets: std::collections::BTreeSet<String> = server.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(targets.len(), 10);
}
