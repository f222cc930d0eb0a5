//! Tags and repositories, page by page.

use super::*;

fn tags_page(tags: &str) -> Reply {
    reply(200).body(format!(r#"{{"name":"apps/web","tags":{tags}}}"#))
}

async fn listed(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Result<Vec<String>, RegistryError> {
    let (_server, registry) = serve(answer).await;
    let tags = registry.tags(&repository()).await?;
    Ok(tags.iter().map(Tag::to_string).collect())
}

#[tokio::test]
async fn every_page_is_read() {
    let (server, registry) = serve(|seen| match seen.target.as_str() {
        "/v2/apps/web/tags/list?n=1000" => {
            tags_page(r#"["b","c"]"#).header("link", r#"</v2/apps/web/tags/list?opaque=1>; rel="next""#)
        }
        "/v2/apps/web/tags/list?opaque=1" => {
            let next = format!(
                "<http://{}/v2/apps/web/tags/list?opaque=2>; rel=next",
                seen.header("host").unwrap()
            );
            tags_page("[]").header("link", next)
        }
        "/v2/apps/web/tags/list?opaque=2" => tags_page(r#"["a","b"]"#),
        _ => reply(500),
    })
    .await;
    let tags = registry.tags(&repository()).await.unwrap();
    assert_eq!(tags, [tag("a"), tag("b"), tag("c")], "sorted, and each once");
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn no_tags_are_no_error_but_no_list_is() {
    assert_eq!(listed(|_| tags_page("null")).await.unwrap(), Vec::<String>::new());
    assert_eq!(listed(|_| tags_page("[]")).await.unwrap(), Vec::<String>::new());
    for body in [
        "{}",
        "[]",
        "null",
        "<html>",
        "",
        r#"{"tags":"a"}"#,
        r#"{"tags":[1]}"#,
        "{\"tags\":[\"\u{0}\"]}",
    ] {
        assert_eq!(
            kind(listed(move |_| reply(200).body(body)).await),
            ErrorKind::Protocol,
            "{body}"
        );
    }
    let not_utf8 = || reply(200).body(&b"{\"tags\":[\"\xff\"]}"[..]);
    assert_eq!(kind(listed(move |_| not_utf8()).await), ErrorKind::Protocol);
}

#[tokio::test]
async fn a_tag_that_is_none_is_named() {
    let error = listed(|_| tags_page(r#"["good","b ad"]"#)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Protocol);
    assert!(error.to_string().contains("`b ad`"), "{error}");
}

#[tokio::test]
async fn a_listing_with_a_page_missing_is_an_error() {
    for (second, expected) in [
        (refusal(404, "NAME_UNKNOWN"), ErrorKind::NotFound),
        (reply(404), ErrorKind::Protocol),
        (reply(403), ErrorKind::Forbidden),
        (reply(400), ErrorKind::Protocol),
        (reply(500), ErrorKind::Transient),
        (reply(204), ErrorKind::Protocol),
        (reply(200).body("{}"), ErrorKind::Protocol),
    ] {
        let shown = format!("{second:?}");
        let pages = vec![tags_page(r#"["a"]"#).header("link", "<?last=a>; rel=next"), second];
        let (_server, registry) = in_turn(pages).await;
        assert_eq!(kind(registry.tags(&repository()).await), expected, "{shown}");
    }
}

#[tokio::test]
async fn a_listing_that_leaves_or_circles_is_an_error() {
    for link in ["<http://127.0.0.1:1/x>; rel=next", "<?n=1000>; rel=next", "nonsense"] {
        let error = listed(move |_| tags_page(r#"["a"]"#).header("link", link))
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Protocol, "{link}: {error}");
    }
}

#[tokio::test]
async fn a_page_beyond_its_limit_is_an_error() {
    let server = Scripted::serve(|_| tags_page(r#"["a","b"]"#)).await;
    let mut connection = server.connection();
    connection.limits.page_bytes = 10;
    let registry = OciRegistry::new(&connection).unwrap();
    assert_eq!(kind(registry.tags(&repository()).await), ErrorKind::TooLarge);
}

#[tokio::test]
async fn a_thousand_tags_without_a_link_are_not_taken_for_all() {
    let names = |range: std::ops::Range<usize>| {
        serde_json::to_string(&range.map(|n| format!("t{n:04}")).collect::<Vec<_>>()).unwrap()
    };
    let tags = listed(move |seen| match seen.target.ends_with("&last=t0999") {
        true => tags_page(&names(1000..1500)),
        false => tags_page(&names(0..1000)),
    });
    assert_eq!(tags.await.unwrap().len(), 1500);
}

#[tokio::test]
async fn an_unknown_repository_is_not_found_and_a_proxy_page_is_not_that() {
    assert_eq!(
        kind(listed(|_| refusal(404, "NAME_UNKNOWN")).await),
        ErrorKind::NotFound
    );
    assert_eq!(kind(listed(|_| html()).await), ErrorKind::Protocol);
}

#[tokio::test]
async fn where_the_page_size_is_refused_the_default_is_taken() {
    let (server, registry) = serve(|seen| match seen.target.as_str() {
        "/v2/_catalog?n=1000" => refusal(400, "PAGINATION_NUMBER_INVALID"),
        "/v2/_catalog" => reply(200)
            .body(r#"{"repositories":["b"]}"#)
            .header("link", "<?last=b>; rel=next"),
        "/v2/_catalog?last=b" => reply(200).body(r#"{"repositories":["a/c"]}"#),
        _ => reply(500),
    })
    .await;
    let names = registry.repositories().await.unwrap();
    assert_eq!(
        names.iter().map(RepositoryName::as_str).collect::<Vec<_>>(),
        ["a/c", "b"]
    );
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn a_registry_without_a_catalog_says_so() {
    for (answer, expected) in [
        (reply(404), ErrorKind::Unsupported),
        (reply(405), ErrorKind::Unsupported),
        (refusal(400, "UNSUPPORTED"), ErrorKind::Unsupported),
        (reply(403), ErrorKind::Forbidden),
        (reply(401), ErrorKind::Unauthenticated),
        (reply(503), ErrorKind::Transient),
        (reply(200).body(r#"{"repositories":["UPPER"]}"#), ErrorKind::Protocol),
    ] {
        let shown = format!("{answer:?}");
        let (_server, registry) = always(answer).await;
        assert_eq!(kind(registry.repositories().await), expected, "{shown}");
    }
}
