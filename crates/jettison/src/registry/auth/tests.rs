//! Logging in at scripted registries and token services.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;

use crate::registry::auth::Scope;
use crate::registry::client::{Answer, Call, Client};
use crate::registry::http::Request;
use crate::registry::scripted::{Reply, Scripted, Seen, refusal, reply};
use crate::registry::{Connection, ErrorKind, RegistryError, Secret};

const ME: &str = "Basic bWU6aHVudGVyMg==";

fn login(connection: Connection) -> Connection {
    Connection {
        login: Some(("me".to_owned(), Secret::new("hunter2"))),
        ..connection
    }
}

async fn ask(client: &Client, scope: Scope) -> Result<Answer, RegistryError> {
    let request = Request {
        max_bytes: 1000,
        ..Request::new(Method::GET, client.url("/v2/x"))
    };
    let call = Call::new(scope, "try");
    let answer = client.send(&call, request).await?;
    if answer.status().is_success() {
        Ok(answer)
    } else {
        Err(client.refusal(&call, &answer))
    }
}

fn pull(name: &str) -> Scope {
    Scope::Pull(name.parse().unwrap())
}

/// A registry that wants the token of its own token service at `/token`, which answers `token`.
async fn with_tokens(token: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Scripted {
    Scripted::serve(move |seen| {
        let host = seen.header("host").unwrap();
        if seen.target.starts_with("/token") {
            return token(seen);
        }
        match seen.header("authorization") {
            Some(header) if header.starts_with("Bearer good") => reply(200),
            _ => refusal(401, "UNAUTHORIZED").header(
                "www-authenticate",
                format!(r#"Bearer realm="http://{host}/token?x=1",service="s",scope="repository:a:pull""#),
            ),
        }
    })
    .await
}

fn good() -> Reply {
    reply(200).body(r#"{"token":"good"}"#)
}

fn token_requests(server: &Scripted) -> Vec<Seen> {
    server
        .seen()
        .into_iter()
        .filter(|seen| seen.target.starts_with("/token"))
        .collect()
}

#[tokio::test]
async fn nothing_is_sent_before_it_is_asked_for() {
    let server = Scripted::serve(|_| reply(200)).await;
    let client = Client::new(&login(server.connection())).unwrap();
    ask(&client, pull("a")).await.unwrap();
    assert_eq!(server.seen()[0].header("authorization"), None);
}

#[tokio::test]
async fn basic_is_asked_for_once_and_then_sent_unasked() {
    let server = Scripted::serve(|seen| match seen.header("authorization") {
        Some(ME) => reply(200),
        _ => refusal(401, "UNAUTHORIZED").header("www-authenticate", "Basic realm=\"r, s\""),
    })
    .await;
    let client = Client::new(&login(server.connection())).unwrap();
    for _ in 0..3 {
        ask(&client, pull("a")).await.unwrap();
    }
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_and_not_told() {
    let server = Scripted::serve(|seen| {
        let echo = seen.header("authorization").unwrap_or_default();
        let body = format!(r#"{{"errors":[{{"code":"UNAUTHORIZED","message":"no: {echo} hunter2"}}]}}"#);
        reply(401).header("www-authenticate", "Basic").body(body)
    })
    .await;
    let client = Client::new(&login(server.connection())).unwrap();
    let error = ask(&client, pull("a")).await.unwrap_err();
    assert_eq!((error.kind, server.seen().len()), (ErrorKind::Unauthenticated, 2));
    assert!(ask(&client, pull("a")).await.is_err());
    assert_eq!(server.seen().len(), 3, "what was refused is not sent twice in a row");
    for text in [format!("{error}"), format!("{error:?}"), format!("{client:?}")] {
        assert!(!text.contains("hunter2") && !text.contains("bWU6"), "{text}");
    }
}

#[tokio::test]
async fn anonymous_gets_a_token_without_credentials() {
    let server = with_tokens(|_| good()).await;
    let client = Client::new(&server.connection()).unwrap();
    ask(&client, pull("a")).await.unwrap();
    let asked = token_requests(&server);
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].target, "/token?x=1&service=s&scope=repository%3Aa%3Apull");
    assert_eq!(asked[0].header("authorization"), None);
}

#[tokio::test]
async fn a_password_goes_to_the_token_service_alone() {
    let server = with_tokens(|_| good()).await;
    let client = Client::new(&login(server.connection())).unwrap();
    ask(&client, pull("a")).await.unwrap();
    for seen in server.seen() {
        let expected = seen.target.starts_with("/token");
        assert_eq!(seen.header("authorization") == Some(ME), expected, "{seen:?}");
    }
}

#[tokio::test]
async fn tokens_are_kept_by_scope() {
    let server = with_tokens(|_| good()).await;
    let client = Client::new(&server.connection()).unwrap();
    let name = || "a".parse().unwrap();
    for _ in 0..3 {
        for scope in [
            pull("a"),
            pull("b"),
            Scope::Delete(name()),
            Scope::Push(name()),
            Scope::Catalog,
        ] {
            ask(&client, scope).await.unwrap();
        }
    }
    let scopes: Vec<String> = token_requests(&server).iter().map(|seen| seen.target.clone()).collect();
    assert_eq!(scopes.len(), 5, "{scopes:?}");
    for part in [
        "repository%3Ab%3Apull",
        "repository%3Aa%3Apull%2Cdelete",
        "registry%3Acatalog%3A*",
    ] {
        assert!(
            scopes.iter().any(|target| target.contains(part)),
            "{part} in {scopes:?}"
        );
    }
}

#[tokio::test]
async fn many_callers_share_one_token_request() {
    for answer in [r#"{"token":"good"}"#, r#"{"token":"good","expires_in":0.0000001}"#] {
        let server = with_tokens(move |_| reply(200).body(answer).after(Duration::from_millis(500))).await;
        let client = Client::new(&server.connection()).unwrap();
        futures_util::future::try_join_all((0..8).map(|_| ask(&client, pull("a"))))
            .await
            .unwrap();
        assert_eq!(token_requests(&server).len(), 1, "{answer}");
    }
}

#[test]
fn an_authorization_does_not_print() {
    let header = super::sensitive("Bearer hunter2").unwrap();
    assert!(!format!("{header:?}").contains("hunter2"));
}

#[tokio::test]
async fn many_callers_share_one_refusal() {
    let server = with_tokens(|_| reply(401).after(Duration::from_millis(500))).await;
    let client = Client::new(&login(server.connection())).unwrap();
    let answers = futures_util::future::join_all((0..8).map(|_| ask(&client, pull("a")))).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.as_ref().unwrap_err().kind == ErrorKind::Unauthenticated)
    );
    assert_eq!(
        token_requests(&server).len(),
        1,
        "a wrong password tried often locks an account"
    );
}

#[tokio::test]
async fn a_token_is_used_as_long_as_it_is_good() {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (answer, requests) in [
        (r#"{"access_token":"good"}"#, 1),
        (r#"{"token":"good","expires_in":3600}"#, 1),
        (r#"{"token":"good","expires_in":0.01}"#, 3),
        // Handed out from the service's own store, and nearly used up, by its clock.
        (
            r#"{"token":"good","expires_in":60,"issued_at":"1994-11-06T08:48:37Z"}"#,
            3,
        ),
        (
            r#"{"token":"good","expires_in":60,"issued_at":"1994-11-06T08:49:30Z"}"#,
            1,
        ),
    ] {
        let server = with_tokens(move |_| reply(200).header("date", date).body(answer)).await;
        let client = Client::new(&server.connection()).unwrap();
        for _ in 0..3 {
            ask(&client, pull("a")).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(token_requests(&server).len(), requests, "{answer}");
    }
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    // The first token is good for one request only.
    let (issued, used) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let server = Scripted::serve(move |seen| {
        if seen.target.starts_with("/token") {
            let number = issued.fetch_add(1, Ordering::Relaxed);
            return reply(200).body(format!(r#"{{"token":"t{number}","expires_in":3600}}"#));
        }
        let accepted = match seen.header("authorization") {
            Some("Bearer t0") => used.fetch_add(1, Ordering::Relaxed) == 0,
            Some("Bearer t1") => true,
            _ => false,
        };
        let realm = format!("Bearer realm=\"http://{}/token\"", seen.header("host").unwrap());
        if accepted {
            reply(200)
        } else {
            refusal(401, "UNAUTHORIZED").header("www-authenticate", realm)
        }
    })
    .await;
    let client = Client::new(&server.connection()).unwrap();
    for _ in 0..3 {
        ask(&client, pull("a")).await.unwrap();
    }
    assert_eq!(token_requests(&server).len(), 2);
}

#[tokio::test]
async fn a_registry_that_never_accepts_a_token_is_asked_twice_at_most() {
    let server = with_tokens(|_| reply(200).body(r#"{"token":"bad"}"#)).await;
    let client = Client::new(&server.connection()).unwrap();
    assert_eq!(
        ask(&client, pull("a")).await.unwrap_err().kind,
        ErrorKind::Unauthenticated
    );
    assert_eq!(server.count("GET", "/v2/x"), 2);
}

#[tokio::test]
async fn other_actions_are_asked_for_on_the_same_resource_only() {
    let server = Scripted::serve(|seen| {
        if seen.target.starts_with("/token") {
            return good();
        }
        let realm = format!(
            r#"Bearer realm="http://{}/token",scope="repository:a:* repository:b:* registry:catalog:*""#,
            seen.header("host").unwrap()
        );
        match seen.header("authorization") {
            None => reply(401).header("www-authenticate", realm),
            Some(_) => reply(200),
        }
    })
    .await;
    let client = Client::new(&server.connection()).unwrap();
    ask(&client, Scope::Delete("a".parse().unwrap())).await.unwrap();
    let target = &token_requests(&server)[0].target;
    assert_eq!(
        target,
        "/token?scope=repository%3Aa%3Apull%2Cdelete&scope=repository%3Aa%3A*"
    );
}

#[tokio::test]
async fn a_known_account_without_the_right_is_forbidden() {
    let challenge = |seen: &Seen| {
        format!(
            r#"Bearer realm="http://{}/token",error="insufficient_scope""#,
            seen.header("host").unwrap()
        )
    };
    let server = Scripted::serve(move |seen| match seen.target.starts_with("/token") {
        true => good(),
        false => refusal(401, "UNAUTHORIZED").header("www-authenticate", challenge(seen)),
    })
    .await;
    let known = Client::new(&login(server.connection())).unwrap();
    assert_eq!(ask(&known, pull("a")).await.unwrap_err().kind, ErrorKind::Forbidden);
    let anonymous = Client::new(&server.connection()).unwrap();
    assert_eq!(
        ask(&anonymous, pull("a")).await.unwrap_err().kind,
        ErrorKind::Unauthenticated
    );
}

/// A connection whose login file holds an identity token.
fn with_identity(server: &Scripted, auth: &str) -> (Connection, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let entry = format!(
        r#"{{"auths":{{"{}":{{"auth":"{auth}","identitytoken":"refresh"}}}}}}"#,
        server.host
    );
    std::fs::write(directory.path().join("config.json"), entry).unwrap();
    (
        Connection {
            docker_config: Some(directory.path().to_owned()),
            ..server.connection()
        },
        directory,
    )
}

#[tokio::test]
async fn an_identity_token_is_used_by_oauth2() {
    let server = with_tokens(|_| reply(200).body(r#"{"access_token":"good","refresh_token":"other"}"#)).await;
    let (connection, _directory) = with_identity(&server, "bWU6");
    ask(&Client::new(&connection).unwrap(), pull("a")).await.unwrap();
    let asked = token_requests(&server);
    assert_eq!((asked.len(), &asked[0].method), (1, &Method::POST));
    let form =
        "grant_type=refresh_token&client_id=jettison&service=s&scope=repository%3Aa%3Apull&refresh_token=refresh";
    assert_eq!(std::str::from_utf8(&asked[0].body).unwrap(), form);
    assert_eq!(
        asked[0].header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
}

#[tokio::test]
async fn where_there_is_no_oauth2_an_identity_token_is_a_password() {
    let server = with_tokens(
        |seen| match (seen.method == Method::POST, seen.header("authorization")) {
            (true, _) => reply(404),
            // me:refresh
            (false, Some("Basic bWU6cmVmcmVzaA==")) => good(),
            _ => reply(401),
        },
    )
    .await;
    let (connection, _directory) = with_identity(&server, "bWU6");
    ask(&Client::new(&connection).unwrap(), pull("a")).await.unwrap();
    assert_eq!(token_requests(&server).len(), 2);
}

#[tokio::test]
async fn credentials_go_to_no_unsafe_token_service() {
    for realm in [
        "http://auth.example.com/token",
        "http://10.0.0.1/token",
        "https://user:password@auth.example.com/token",
        "ftp://127.0.0.1/token",
        "http://[",
    ] {
        let challenge = format!("Bearer realm=\"{realm}\"");
        let server = Scripted::serve(move |_| reply(401).header("www-authenticate", &challenge)).await;
        let client = Client::new(&login(server.connection())).unwrap();
        let error = ask(&client, pull("a")).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Protocol, "{realm}: {error}");
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_registry_over_https_names_no_token_service_without() {
    let service = Scripted::serve(|_| good()).await;
    let connection = Connection {
        plain_http: Some(false),
        ..service.connection()
    };
    let client = Client::new(&login(connection)).unwrap();
    let mut headers = http::HeaderMap::new();
    let challenge = format!("Bearer realm=\"{}\"", service.url("/token"));
    headers.insert("www-authenticate", challenge.parse().unwrap());
    let failure = client
        .authenticator()
        .renewed(&pull("a"), &headers, None)
        .await
        .unwrap_err();
    assert_eq!((failure.kind, service.seen().len()), (ErrorKind::Protocol, 0));
}

#[tokio::test]
async fn a_token_service_elsewhere_gets_the_credentials_and_the_registry_the_token() {
    let service = Scripted::serve(|seen| {
        if seen.header("authorization") == Some(ME) {
            good()
        } else {
            reply(401)
        }
    })
    .await;
    let challenge = format!("Bearer realm=\"{}\"", service.url("/token"));
    let server = Scripted::serve(move |seen| match seen.header("authorization") {
        Some("Bearer good") => reply(200),
        _ => reply(401).header("www-authenticate", &challenge),
    })
    .await;
    let client = Client::new(&login(server.connection())).unwrap();
    ask(&client, pull("a")).await.unwrap();
    assert!(
        server
            .seen()
            .iter()
            .all(|seen| seen.header("authorization") != Some(ME))
    );
}

#[tokio::test]
async fn strange_token_services_are_errors_without_secrets() {
    for (answer, kind) in [
        (reply(200).body("hunter2"), ErrorKind::Protocol),
        (reply(200).body("{}"), ErrorKind::Protocol),
        (reply(200).body(r#"{"token":""}"#), ErrorKind::Protocol),
        (reply(200).body("{\"token\":\"hunter2\\n\"}"), ErrorKind::Protocol),
        (
            reply(302).header("location", "http://elsewhere.example.com/"),
            ErrorKind::Protocol,
        ),
        (
            reply(400).body(r#"{"error":"invalid_grant"}"#),
            ErrorKind::Unauthenticated,
        ),
        (reply(401), ErrorKind::Unauthenticated),
        (refusal(403, "DENIED"), ErrorKind::Forbidden),
        (refusal(404, "NAME_UNKNOWN"), ErrorKind::Protocol),
        (reply(429).header("retry-after", "3600"), ErrorKind::RateLimited),
        (reply(503), ErrorKind::Transient),
        (
            reply(200).body(format!(r#"{{"token":"{}"}}"#, "x".repeat(2 << 20))),
            ErrorKind::TooLarge,
        ),
    ] {
        let shown = format!("{:.60}", format!("{answer:?}"));
        let server = with_tokens(move |_| answer.clone()).await;
        let client = Client::new(&login(server.connection())).unwrap();
        let error = ask(&client, pull("a")).await.unwrap_err();
        assert_eq!(error.kind, kind, "{shown}: {error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_login_file_that_cannot_be_read_is_not_anonymous() {
    let server = with_tokens(|_| good()).await;
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("config.json"), "{").unwrap();
    let connection = Connection {
        docker_config: Some(directory.path().to_owned()),
        ..server.connection()
    };
    let error = ask(&Client::new(&connection).unwrap(), pull("a")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Configuration);
    assert_eq!(token_requests(&server).len(), 0);
}

#[tokio::test]
async fn a_challenge_that_nobody_understands_is_named() {
    for (challenge, said) in [(Some("Negotiate"), "negotiate"), (None, "without saying how")] {
        let server = Scripted::serve(move |_| match challenge {
            Some(challenge) => reply(401).header("www-authenticate", challenge),
            None => reply(401),
        })
        .await;
        let error = ask(&Client::new(&server.connection()).unwrap(), pull("a"))
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unauthenticated);
        assert!(error.to_string().contains(said), "{error}");
    }
}

/// Where a registry keeps its blobs may be anybody's; what it says of logging in is not the registry's word.
#[tokio::test]
async fn a_challenge_from_where_a_redirect_leads_is_not_answered() {
    let phisher = with_tokens(|_| good()).await;
    let target = phisher.url("/v2/a/blobs/x");
    let server = Scripted::serve(move |seen| match seen.header("authorization") {
        None => reply(401).header("www-authenticate", "Basic realm=\"own\""),
        Some(_) => reply(302).header("location", &target),
    })
    .await;
    let client = Client::new(&login(server.connection())).unwrap();
    // From the second call on the first answer is the phisher's.
    for _ in 0..2 {
        let refusal = ask(&client, pull("a")).await.unwrap_err();
        assert!(
            refusal.kind == ErrorKind::Protocol && refusal.detail.contains("where it redirects to"),
            "{refusal}"
        );
    }
    assert!(!phisher.seen().is_empty());
    for seen in phisher.seen() {
        assert_eq!(
            (seen.target.as_str(), seen.header("authorization")),
            ("/v2/a/blobs/x", None)
        );
    }
}
