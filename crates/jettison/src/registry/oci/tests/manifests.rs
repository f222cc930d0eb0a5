//! Manifests and tags: what is believed, and what is not.

use super::*;

#[tokio::test]
async fn bytes_are_exact_and_digests_computed() {
    let (server, registry) = always(manifest()).await;
    let fetched = registry
        .manifest(&repository(), &by_tag("main"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(fetched.digest, Digest::of(MANIFEST.as_bytes()));
    assert_eq!(
        (fetched.media_type.as_str(), &fetched.bytes[..]),
        (OCI_MANIFEST, MANIFEST.as_bytes())
    );
    let seen = &server.seen()[0];
    assert!(seen.is("GET", "/v2/apps/web/manifests/main"));
    for accepted in [
        "oci.image.index.v1+json",
        "oci.image.manifest.v1+json",
        "docker.distribution.manifest.list.v2+json",
        "docker.distribution.manifest.v2+json",
        "docker.distribution.manifest.v1+prettyjws",
        "docker.distribution.manifest.v1+json",
        "oci.artifact.manifest.v1+json",
    ] {
        assert!(seen.header("accept").unwrap().contains(accepted), "{accepted}");
    }
}

#[tokio::test]
async fn a_digest_must_fit_whoever_named_it() {
    let (right, wrong) = (Digest::of(MANIFEST.as_bytes()), Digest::of(b"other"));
    let right_512 = sha512(MANIFEST.as_bytes());
    for (reference, told, expected) in [
        (by_tag("main"), Some(right.to_string()), Some(&right)),
        (by_tag("main"), Some(right_512.to_string()), Some(&right_512)),
        (by_tag("main"), Some(wrong.to_string()), None),
        (by_tag("main"), Some(sha512(b"other").to_string()), None),
        (by_tag("main"), Some("md5:abc".to_owned()), None),
        (by_tag("main"), Some(String::new()), None),
        (right.clone().into(), None, Some(&right)),
        (right.clone().into(), Some(wrong.to_string()), None),
        (right_512.clone().into(), None, Some(&right_512)),
        (right_512.clone().into(), Some(right.to_string()), Some(&right_512)),
        (wrong.clone().into(), None, None),
        (wrong.clone().into(), Some(wrong.to_string()), None),
    ] {
        let answer = match &told {
            Some(told) => manifest().header("docker-content-digest", told),
            None => manifest(),
        };
        let (_server, registry) = always(answer).await;
        let fetched = registry.manifest(&repository(), &reference).await;
        match expected {
            Some(digest) => assert_eq!(&fetched.unwrap().unwrap().digest, digest, "{reference} {told:?}"),
            None => assert_eq!(kind(fetched), ErrorKind::Protocol, "{reference} {told:?}"),
        }
    }
}

#[tokio::test]
async fn only_the_registrys_own_words_said_twice_prove_absence() {
    for (replies, expected, asked) in [
        (vec![not_there()], Ok(false), 2),
        (vec![refusal(404, "NAME_UNKNOWN")], Ok(false), 2),
        (vec![not_there(), manifest()], Ok(true), 2),
        (vec![not_there(), html()], Err(ErrorKind::Protocol), 2),
        (vec![not_there(), reply(403)], Err(ErrorKind::Forbidden), 2),
        (vec![html()], Err(ErrorKind::Protocol), 1),
        (vec![reply(404)], Err(ErrorKind::Protocol), 1),
        (vec![refusal(404, "DENIED")], Err(ErrorKind::Protocol), 1),
        (vec![refusal(404, "TAG_EXPIRED")], Err(ErrorKind::Protocol), 1),
        (vec![refusal(400, "MANIFEST_UNKNOWN")], Err(ErrorKind::Protocol), 1),
        (
            vec![refusal(401, "MANIFEST_UNKNOWN")],
            Err(ErrorKind::Unauthenticated),
            1,
        ),
        (vec![refusal(403, "MANIFEST_UNKNOWN")], Err(ErrorKind::Forbidden), 1),
        (vec![reply(204)], Err(ErrorKind::Protocol), 1),
    ] {
        let shown = format!("{replies:?}");
        let (server, registry) = in_turn(replies).await;
        let fetched = registry.manifest(&repository(), &by_tag("main")).await;
        assert_eq!(
            fetched.map(|found| found.is_some()).map_err(|error| error.kind),
            expected,
            "{shown}"
        );
        assert_eq!(server.seen().len(), asked, "{shown}");
    }
}

#[tokio::test]
async fn types_are_agreed_on() {
    let own = |media_type: &str| format!(r#"{{"schemaVersion":2,"mediaType":"{media_type}"}}"#);
    for (content_type, body, expected) in [
        (OCI_MANIFEST, own(OCI_MANIFEST), Some(OCI_MANIFEST)),
        (
            "application/vnd.oci.image.manifest.v1+json; charset=utf-8",
            MANIFEST.to_owned(),
            Some(OCI_MANIFEST),
        ),
        ("application/json", own(OCI_INDEX), Some(OCI_INDEX)),
        ("application/json", MANIFEST.to_owned(), Some("application/json")),
        (OCI_MANIFEST, own(OCI_INDEX), None),
        ("text/html", own(OCI_MANIFEST), None),
    ] {
        let (_server, registry) = always(reply(200).header("content-type", content_type).body(body)).await;
        let fetched = registry.manifest(&repository(), &by_tag("main")).await;
        match expected {
            Some(expected) => assert_eq!(fetched.unwrap().unwrap().media_type, expected, "{content_type}"),
            None => assert_eq!(kind(fetched), ErrorKind::Protocol, "{content_type}"),
        }
    }
}

#[tokio::test]
async fn a_manifest_beyond_its_limit_is_an_error() {
    let server = Scripted::serve(|_| manifest()).await;
    let limits = Limits {
        manifest_bytes: MANIFEST.len() as u64 - 1,
        ..Limits::default()
    };
    let registry = OciRegistry::new(&Connection {
        limits,
        ..server.connection()
    })
    .unwrap();
    assert_eq!(
        kind(registry.manifest(&repository(), &by_tag("main")).await),
        ErrorKind::TooLarge
    );
    let limits = Limits {
        manifest_bytes: MANIFEST.len() as u64,
        ..Limits::default()
    };
    let registry = OciRegistry::new(&Connection {
        limits,
        ..server.connection()
    })
    .unwrap();
    assert!(
        registry
            .manifest(&repository(), &by_tag("main"))
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn a_signed_schema_1_manifest_goes_by_the_digest_of_its_signed_part() {
    let signed_part = "{\n \"schemaVersion\": 1\n}";
    // {"formatLength":21,"formatTail":"Cn0"}
    let protected = "eyJmb3JtYXRMZW5ndGgiOjIxLCJmb3JtYXRUYWlsIjoiQ24wIn0";
    let body = format!(
        r#"{},"signatures":[{{"protected":"{protected}"}}]}}"#,
        &signed_part[..21]
    );
    let digest = Digest::of(signed_part.as_bytes());
    let answer = reply(200)
        .header(
            "content-type",
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
        )
        .header("docker-content-digest", &digest)
        .body(body.clone());
    let (_server, registry) = always(answer).await;
    let fetched = registry.manifest(&repository(), &by_tag("old")).await.unwrap().unwrap();
    assert_eq!((fetched.digest, &fetched.bytes[..]), (digest, body.as_bytes()));
}

#[tokio::test]
async fn a_tag_is_resolved_by_one_head() {
    let digest = Digest::of(MANIFEST.as_bytes());
    let (server, registry) = always(manifest().header("docker-content-digest", &digest)).await;
    assert_eq!(
        registry.resolve(&repository(), &tag("main")).await.unwrap(),
        Some(digest.clone())
    );
    assert!(registry.exists(&repository(), &digest).await.unwrap());
    assert!(server.seen().iter().all(|seen| seen.method == "HEAD"));
    assert_eq!(server.seen().len(), 2);
    assert!(server.seen()[0].header("accept").unwrap().contains("oci.image.index"));
}

#[tokio::test]
async fn where_a_head_does_not_tell_a_get_does() {
    let digest = Digest::of(MANIFEST.as_bytes());
    for head in [
        reply(200),
        reply(200).header("docker-content-digest", "unreadable"),
        reply(405),
        reply(404),
        reply(400),
    ] {
        let shown = format!("{head:?}");
        let (server, registry) = serve(move |seen| {
            if seen.method == "HEAD" {
                head.clone()
            } else {
                manifest()
            }
        })
        .await;
        assert_eq!(
            registry.resolve(&repository(), &tag("main")).await.unwrap(),
            Some(digest.clone()),
            "{shown}"
        );
        assert!(registry.exists(&repository(), &digest).await.unwrap());
        assert_eq!(server.seen().len(), 4, "{shown}");
    }
}

#[tokio::test]
async fn a_head_that_is_refused_is_an_error_and_its_404_no_proof() {
    for (answer, expected, asked) in [
        (reply(401), Err(ErrorKind::Unauthenticated), 1),
        (reply(403), Err(ErrorKind::Forbidden), 1),
        (reply(429).header("retry-after", "3600"), Err(ErrorKind::RateLimited), 1),
        (reply(503), Err(ErrorKind::Transient), 5),
        (not_there(), Ok(None), 3),
        (html(), Err(ErrorKind::Protocol), 2),
    ] {
        let shown = format!("{answer:?}");
        let (server, registry) = always(answer).await;
        let found = registry.resolve(&repository(), &tag("main")).await;
        assert_eq!(found.map_err(|error| error.kind), expected, "{shown}");
        assert_eq!(server.seen().len(), asked, "{shown}");
    }
}

#[tokio::test]
async fn existence_is_believed_of_the_asked_digest_only() {
    let asked = Digest::of(b"asked");
    let (_server, registry) = always(manifest().header("docker-content-digest", Digest::of(MANIFEST.as_bytes()))).await;
    assert_eq!(kind(registry.exists(&repository(), &asked).await), ErrorKind::Protocol);
}
