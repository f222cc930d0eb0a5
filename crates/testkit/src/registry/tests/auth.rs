//! Authentication in both forms.

use std::time::{Duration, Instant};

use super::super::Auth;
use super::*;

const SECRET: &str = "correct horse";

fn basic() -> Options {
    Options {
        auth: Auth::Basic {
            user: "ci".into(),
            password: SECRET.into(),
        },
        ..Options::default()
    }
}

fn token(expires_in: Duration, anonymous_pull: bool) -> Options {
    let auth = Auth::Token {
        user: "ci".into(),
        password: SECRET.into(),
        expires_in,
        anonymous_pull,
    };
    Options {
        auth,
        ..Options::default()
    }
}

/// A registry that wants tokens, with one image in it.
async fn lab(expires_in: Duration, anonymous_pull: bool) -> Lab {
    let lab = Lab::new(token(expires_in, anonymous_pull)).await;
    let pusher = Pusher::with_credentials(&lab.registry.url(), "ci", SECRET).unwrap();
    pusher.push(REPOSITORY, &["a"], &Image::new(1).build()).await.unwrap();
    lab
}

async fn token_for(lab: &Lab, scope: &str) -> String {
    let request = lab.request(Method::GET, &format!("/token?service=testkit&scope={scope}"));
    let answer = json(request.basic_auth("ci", Some(SECRET)).send().await.unwrap()).await;
    answer["token"].as_str().unwrap().to_owned()
}

async fn status(lab: &Lab, method: Method, path: &str, token: &str) -> u16 {
    lab.request(method, path)
        .bearer_auth(token)
        .send()
        .await
        .unwrap()
        .status()
        .as_u16()
}

#[tokio::test]
async fn basic_wants_the_right_password() {
    let lab = Lab::new(basic()).await;
    let denied = lab.get("/v2/").await;
    assert!(header(&denied, "www-authenticate").starts_with("Basic realm="));
    assert_eq!(refusal(denied).await, (401, "UNAUTHORIZED".into()));
    for (password, expected) in [("wrong", 401), (SECRET, 200)] {
        let response = lab
            .request(Method::GET, "/v2/")
            .basic_auth("ci", Some(password))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), expected, "{password}");
    }
    let pusher = Pusher::with_credentials(&lab.registry.url(), "ci", SECRET).unwrap();
    pusher.push(REPOSITORY, &["a"], &Image::new(1).build()).await.unwrap();
}

#[tokio::test]
async fn a_challenge_names_realm_service_and_scope() {
    let lab = lab(Duration::from_secs(60), false).await;
    let realm = format!("Bearer realm=\"{}/token\",service=\"testkit\"", lab.registry.url());
    let manifest = format!("/v2/{REPOSITORY}/manifests/a");
    for (method, path, scope) in [
        (Method::GET, "/v2/", String::new()),
        (Method::GET, "/v2/_catalog", ",scope=\"registry:catalog:*\"".into()),
        (
            Method::GET,
            &*manifest,
            format!(",scope=\"repository:{REPOSITORY}:pull\""),
        ),
        (
            Method::PUT,
            &*manifest,
            format!(",scope=\"repository:{REPOSITORY}:pull,push\""),
        ),
        (
            Method::DELETE,
            &*manifest,
            format!(",scope=\"repository:{REPOSITORY}:delete\""),
        ),
    ] {
        let response = lab.send(method, path).await;
        assert_eq!(response.status(), 401);
        assert_eq!(header(&response, "www-authenticate"), format!("{realm}{scope}"));
    }
}

#[tokio::test]
async fn a_token_does_what_it_was_issued_for() {
    let lab = lab(Duration::from_secs(60), false).await;
    let manifest = format!("/v2/{REPOSITORY}/manifests/a");
    let pull = token_for(&lab, &format!("repository:{REPOSITORY}:pull")).await;
    assert_eq!(status(&lab, Method::GET, &manifest, &pull).await, 200);
    assert_eq!(status(&lab, Method::GET, "/v2/", &pull).await, 200);
    for (method, path) in [
        (Method::DELETE, &*manifest),
        (Method::GET, "/v2/other/tags/list"),
        (Method::GET, "/v2/_catalog"),
    ] {
        let response = lab.request(method, path).bearer_auth(&pull).send().await.unwrap();
        assert_eq!(response.status(), 401, "{path}");
        assert!(
            header(&response, "www-authenticate").ends_with("error=\"insufficient_scope\""),
            "{path}"
        );
    }
    let catalog = token_for(&lab, "registry:catalog:*").await;
    assert_eq!(status(&lab, Method::GET, "/v2/_catalog", &catalog).await, 200);
    let delete = token_for(&lab, &format!("repository:{REPOSITORY}:pull,delete")).await;
    let digest = lab.registry.tags(REPOSITORY)["a"].clone();
    assert_eq!(
        status(
            &lab,
            Method::DELETE,
            &format!("/v2/{REPOSITORY}/manifests/{digest}"),
            &delete
        )
        .await,
        202
    );
}

#[tokio::test]
async fn a_token_expires() {
    let lab = lab(Duration::from_millis(1_200), false).await;
    let begun = Instant::now();
    let path = format!("/v2/{REPOSITORY}/tags/list");
    let scope = format!("repository:{REPOSITORY}:pull");
    let request = lab
        .request(Method::GET, &format!("/token?scope={scope}"))
        .basic_auth("ci", Some(SECRET));
    let answer = json(request.send().await.unwrap()).await;
    assert_eq!(answer["expires_in"], 1);
    let token = answer["access_token"].as_str().unwrap();
    let fresh = status(&lab, Method::GET, &path, token).await;
    // A busy machine may have taken longer than the token lives.
    assert!(fresh == 200 || begun.elapsed() > Duration::from_millis(1_200));
    tokio::time::sleep(Duration::from_millis(1_300)).await;
    assert_eq!(status(&lab, Method::GET, &path, token).await, 401);
    let token = token_for(&lab, &scope).await;
    lab.registry.expire_tokens();
    let late = lab.request(Method::GET, &path).bearer_auth(token).send().await.unwrap();
    assert!(header(&late, "www-authenticate").ends_with("error=\"invalid_token\""));
}

#[tokio::test]
async fn the_token_endpoint_knows_the_oauth2_forms() {
    let lab = lab(Duration::from_secs(60), false).await;
    let scope = format!("repository:{REPOSITORY}:pull registry:catalog:*");
    let ask = |pairs: Vec<(&'static str, String)>| {
        let common = [
            ("service", "testkit".to_owned()),
            ("client_id", "test".to_owned()),
            ("scope", scope.clone()),
        ];
        let form: Vec<_> = pairs.into_iter().chain(common).collect();
        lab.request(Method::POST, "/token").form(&form).send()
    };
    let password = |password: &str| {
        let of = |key, value: &str| (key, value.to_owned());
        vec![
            of("grant_type", "password"),
            of("username", "ci"),
            of("password", password),
            of("access_type", "offline"),
        ]
    };
    assert_eq!(ask(password("wrong")).await.unwrap().status(), 401);
    let answer = json(ask(password(SECRET)).await.unwrap()).await;
    let refresh = answer["refresh_token"].as_str().unwrap().to_owned();
    let with = |token: String| vec![("grant_type", "refresh_token".to_owned()), ("refresh_token", token)];
    assert_eq!(ask(with("guess".into())).await.unwrap().status(), 401);
    let answer = json(ask(with(refresh)).await.unwrap()).await;
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(status(&lab, Method::GET, "/v2/_catalog", token).await, 200);
    assert_eq!(
        status(&lab, Method::GET, &format!("/v2/{REPOSITORY}/tags/list"), token).await,
        200
    );
}

#[tokio::test]
async fn anybody_may_pull_only_where_that_is_allowed() {
    let scope = format!("repository:{REPOSITORY}:pull,push");
    let closed = lab(Duration::from_secs(60), false).await;
    assert_eq!(closed.get(&format!("/token?scope={scope}")).await.status(), 401);
    let open = lab(Duration::from_secs(60), true).await;
    let answer = json(open.get(&format!("/token?scope={scope}")).await).await;
    let token = answer["token"].as_str().unwrap();
    assert_eq!(
        status(&open, Method::GET, &format!("/v2/{REPOSITORY}/tags/list"), token).await,
        200
    );
    assert_eq!(
        status(&open, Method::POST, &format!("/v2/{REPOSITORY}/blobs/uploads/"), token).await,
        401
    );
    let wrong = open
        .request(Method::GET, &format!("/token?scope={scope}"))
        .basic_auth("ci", Some("wrong"));
    assert_eq!(
        wrong.send().await.unwrap().status(),
        401,
        "bad credentials are no anonymity"
    );
}

#[tokio::test]
async fn a_mount_wants_the_right_to_pull_from_there() {
    let lab = lab(Duration::from_secs(60), false).await;
    let digest = Image::new(1).build().blobs[0].digest().to_owned();
    let path = format!("/v2/other/blobs/uploads/?mount={digest}&from={REPOSITORY}");
    let push = token_for(&lab, "repository:other:pull,push").await;
    assert_eq!(status(&lab, Method::POST, &path, &push).await, 202);
    let both = token_for(
        &lab,
        &format!("repository:other:pull,push&scope=repository:{REPOSITORY}:pull"),
    )
    .await;
    assert_eq!(status(&lab, Method::POST, &path, &both).await, 201);
}

#[test]
fn options_print_no_password() {
    let options = format!("{:?} {:?}", basic(), token(Duration::ZERO, false));
    assert!(!options.contains(SECRET), "{options}");
}
