//! The referrers API, where it exists and where it does not.

use super::*;

fn index(digests: &[&Digest]) -> Reply {
    let manifests: Vec<_> = digests
        .iter()
        .map(|digest| serde_json::json!({"digest": digest.to_string()}))
        .collect();
    let body = serde_json::json!({"schemaVersion": 2, "manifests": manifests}).to_string();
    reply(200).header("content-type", OCI_INDEX).body(body)
}

async fn listed(replies: Vec<Reply>) -> Result<Referrers, ErrorKind> {
    let (_server, registry) = in_turn(replies).await;
    registry
        .referrers(&repository(), &Digest::of(b"subject"))
        .await
        .map_err(|error| error.kind)
}

#[tokio::test]
async fn every_page_is_read() {
    let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
    let mut expected = vec![a.clone(), b.clone()];
    expected.sort();
    let pages = vec![index(&[&b]).header("link", "<?page=2>; rel=next"), index(&[&a, &b])];
    assert_eq!(listed(pages).await, Ok(Referrers::Listed(expected)));
    let json = reply(200)
        .header("content-type", "application/json")
        .body(r#"{"manifests":[]}"#);
    assert_eq!(listed(vec![json]).await, Ok(Referrers::Listed(Vec::new())));
}

#[tokio::test]
async fn only_an_index_is_support() {
    for answer in [
        reply(404),
        html(),
        not_there(),
        reply(400),
        reply(405),
        reply(501),
        refusal(400, "UNSUPPORTED"),
        reply(303).header("location", "https://example.com/packages"),
        reply(302).header("location", "/elsewhere"),
        reply(200).header("content-type", "text/html").body("<html>"),
        reply(200).header("content-type", "application/json").body("{}"),
        reply(200).header("content-type", OCI_INDEX).body("no json"),
        reply(204),
    ] {
        let shown = format!("{answer:?}");
        assert_eq!(listed(vec![answer]).await, Ok(Referrers::Unsupported), "{shown}");
    }
}

#[tokio::test]
async fn an_outage_is_not_the_absence_of_signatures() {
    for (answer, expected) in [
        (reply(401), ErrorKind::Unauthenticated),
        (reply(403), ErrorKind::Forbidden),
        (reply(429).header("retry-after", "3600"), ErrorKind::RateLimited),
        (refusal(400, "TOOMANYREQUESTS"), ErrorKind::RateLimited),
        (reply(500), ErrorKind::Transient),
        (reply(502), ErrorKind::Transient),
        (reply(504), ErrorKind::Transient),
        (reply(200).breaking(), ErrorKind::Transient),
    ] {
        let shown = format!("{answer:?}");
        assert_eq!(listed(vec![answer]).await, Err(expected), "{shown}");
    }
}

#[tokio::test]
async fn a_list_begun_must_be_finished() {
    let first = || index(&[&Digest::of(b"a")]).header("link", "<?page=2>; rel=next");
    for (second, expected) in [
        (reply(404), ErrorKind::Protocol),
        (reply(200).body("{}"), ErrorKind::Protocol),
        (reply(503), ErrorKind::Transient),
        (first(), ErrorKind::Protocol),
    ] {
        let shown = format!("{second:?}");
        assert_eq!(listed(vec![first(), second]).await, Err(expected), "{shown}");
    }
    let strange = reply(200)
        .header("content-type", OCI_INDEX)
        .body(r#"{"manifests":[{"digest":"x"}]}"#);
    assert_eq!(listed(vec![strange]).await, Err(ErrorKind::Protocol));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (server, registry) = always(reply(302).header("location", "/elsewhere")).await;
    registry
        .referrers(&repository(), &Digest::of(b"subject"))
        .await
        .unwrap();
    assert_eq!(server.seen().len(), 1);
}

/// There may be such a list for each of thousands of manifests.
#[tokio::test]
async fn a_list_of_referrers_has_a_bound_of_its_own() {
    let many: Vec<String> = (0..=100_000)
        .map(|number| format!(r#"{{"digest":"sha256:{number:064x}"}}"#))
        .collect();
    let body = format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, many.join(","));
    let page = reply(200)
        .header("content-type", "application/vnd.oci.image.index.v1+json")
        .header("link", "<?page=2>; rel=next")
        .body(body);
    assert_eq!(listed(vec![page]).await, Err(ErrorKind::Protocol));
}
