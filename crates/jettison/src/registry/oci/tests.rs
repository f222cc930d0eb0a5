//! The adapter against scripted registries that keep to the specification, and those that do not.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::registry::scripted::{Reply, Scripted, Seen, refusal, reply};
use crate::registry::{ErrorKind, Limits, open};

const MANIFEST: &str = r#"{"schemaVersion":2}"#;
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn repository() -> RepositoryName {
    "apps/web".parse().unwrap()
}

fn tag(name: &str) -> Tag {
    name.parse().unwrap()
}

fn by_tag(name: &str) -> ManifestReference {
    tag(name).into()
}

fn sha512(bytes: &[u8]) -> Digest {
    use sha2::Digest as _;
    let hex: String = sha2::Sha512::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha512:{hex}").parse().unwrap()
}

async fn serve(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> (Scripted, OciRegistry) {
    let server = Scripted::serve(answer).await;
    let registry = OciRegistry::new(&server.connection()).unwrap();
    (server, registry)
}

/// Answers everything alike.
async fn always(answer: Reply) -> (Scripted, OciRegistry) {
    serve(move |_| answer.clone()).await
}

/// Answers in turn, the last for ever.
async fn in_turn(replies: Vec<Reply>) -> (Scripted, OciRegistry) {
    let turn = AtomicUsize::new(0);
    serve(move |_| replies[turn.fetch_add(1, Ordering::Relaxed).min(replies.len() - 1)].clone()).await
}

fn manifest() -> Reply {
    reply(200).header("content-type", OCI_MANIFEST).body(MANIFEST)
}

fn not_there() -> Reply {
    refusal(404, "MANIFEST_UNKNOWN")
}

fn html() -> Reply {
    reply(404)
        .header("content-type", "text/html")
        .body("<html>not here</html>")
}

fn kind<T: std::fmt::Debug>(result: Result<T, RegistryError>) -> ErrorKind {
    result.unwrap_err().kind
}

mod listings {
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
}

mod manifests {
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
        let (_server, registry) =
            always(manifest().header("docker-content-digest", Digest::of(MANIFEST.as_bytes()))).await;
        assert_eq!(kind(registry.exists(&repository(), &asked).await), ErrorKind::Protocol);
    }

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
}

mod referrers {
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
}

mod removals {
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
    async fn a_delete_by_digest_is_tried_again_and_one_by_tag_never() {
        for failure in [
            reply(503),
            reply(429).header("retry-after", "0"),
            reply(500),
            reply(202).breaking(),
        ] {
            let shown = format!("{failure:?}");
            let (server, registry) = in_turn(vec![failure.clone(), not_there()]).await;
            let removed = registry.delete_manifest(&repository(), &Digest::of(b"x")).await;
            assert_eq!((removed, server.seen().len()), (Ok(Removed::AlreadyGone), 2), "{shown}");
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
}

mod puts {
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
}

#[tokio::test]
async fn deletes_and_reads_ask_for_no_more_than_they_need() {
    let server = Scripted::serve(
        |seen| match (seen.target.starts_with("/token"), seen.header("authorization")) {
            (true, _) => reply(200).body(r#"{"token":"t"}"#),
            (false, Some(_)) => not_there(),
            (false, None) => {
                let realm = format!("Bearer realm=\"http://{}/token\"", seen.header("host").unwrap());
                refusal(401, "UNAUTHORIZED").header("www-authenticate", realm)
            }
        },
    )
    .await;
    let registry = open(&server.connection()).unwrap();
    registry.manifest(&repository(), &by_tag("main")).await.unwrap();
    registry
        .delete_manifest(&repository(), &Digest::of(b"x"))
        .await
        .unwrap();
    let tokens: Vec<String> = server
        .seen()
        .into_iter()
        .map(|seen| seen.target)
        .filter(|target| target.starts_with("/token"))
        .collect();
    assert_eq!(tokens.len(), 2);
    assert!(
        tokens[0].ends_with("scope=repository%3Aapps%2Fweb%3Apull"),
        "{tokens:?}"
    );
    assert!(
        tokens[1].ends_with("scope=repository%3Aapps%2Fweb%3Apull%2Cdelete"),
        "{tokens:?}"
    );
}

#[test]
fn a_plain_registry_promises_little() {
    let registry = open(&Connection::new("registry.example.com".parse().unwrap())).unwrap();
    let capabilities = registry.capabilities();
    assert_eq!(
        (capabilities.delete, capabilities.delete_tag),
        (None, None),
        "not before it was asked"
    );
    assert_eq!(
        (capabilities.push_time, capabilities.list_untagged),
        (Some(false), Some(false))
    );
    assert!(registry.bytes_freed().contains("garbage"));
}
