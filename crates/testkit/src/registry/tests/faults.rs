//! Every fault does what it says, as often as it says.

use std::time::{Duration, Instant};

use super::*;

const TAGS: &str = "/v2/apps/web/tags/list";

async fn lab(fault: Fault) -> (Lab, Manifest) {
    let (lab, image) = Lab::with_image(Options::default(), &["a"]).await;
    lab.registry.clear_requests();
    lab.registry.fail(fault);
    (lab, image)
}

#[tokio::test]
async fn a_fault_strikes_where_and_as_often_as_it_says() {
    let fault = Fault::status(503)
        .method("GET")
        .path("/v2/*/tags/list")
        .skip(1)
        .times(2);
    let (lab, _) = lab(fault).await;
    assert_eq!(lab.send(Method::HEAD, TAGS).await.status(), 200);
    assert_eq!(lab.get("/v2/").await.status(), 200);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(lab.get(TAGS).await.status().as_u16());
    }
    assert_eq!(statuses, [200, 503, 503, 200]);
    assert_eq!(lab.registry.requests()[3].status, Some(503));
    lab.registry.fail(Fault::status(500));
    lab.registry.clear_faults();
    assert_eq!(lab.get(TAGS).await.status(), 200);
}

#[tokio::test]
async fn a_status_comes_with_retry_after_and_a_body() {
    let effect = Effect::Status {
        status: 429,
        retry_after: Some("7".into()),
        body: None,
    };
    let (lab, _) = lab(Fault::new(effect).times(1)).await;
    let response = lab.get(TAGS).await;
    assert_eq!(header(&response, "retry-after"), "7");
    assert_eq!(refusal(response).await, (429, "TOOMANYREQUESTS".into()));
    lab.registry.fail(Fault::new(Effect::Status {
        status: 502,
        retry_after: None,
        body: Some("<html>".into()),
    }));
    assert_eq!(lab.get(TAGS).await.text().await.unwrap(), "<html>");
}

#[tokio::test]
async fn a_reset_is_no_answer_and_only_the_late_one_lets_it_happen() {
    let (lab, image) = lab(Fault::new(Effect::Reset).method("DELETE").times(1)).await;
    lab.registry
        .fail(Fault::new(Effect::ResetAfter).method("DELETE").skip(1).times(1));
    let path = format!("/v2/{REPOSITORY}/manifests/{}", image.digest);
    for left in [1, 0] {
        let error = lab.request(Method::DELETE, &path).send().await.unwrap_err();
        assert!(!error.is_timeout(), "{error}");
        assert_eq!(lab.registry.manifests(REPOSITORY).len(), left);
    }
    assert_eq!(lab.registry.requests()[0].status, None);
    assert_eq!(lab.get("/v2/").await.status(), 200, "a new connection works");
}

#[tokio::test]
async fn a_hang_never_answers_and_a_delay_does_late() {
    let (lab, _) = lab(Fault::new(Effect::Hang).times(1)).await;
    let hanging = lab
        .request(Method::GET, TAGS)
        .timeout(Duration::from_millis(100))
        .send()
        .await;
    assert!(hanging.unwrap_err().is_timeout());
    lab.registry.fail(Fault::new(Effect::Delay(Duration::from_millis(50))));
    let start = Instant::now();
    assert_eq!(lab.get(TAGS).await.status(), 200);
    assert!(start.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn a_body_can_be_slow_short_or_far_too_long() {
    let (lab, _) = lab(Fault::new(Effect::SlowBody { bytes_per_second: 100 }).times(1)).await;
    let whole = r#"{"name":"apps/web","tags":["a"]}"#;
    let start = Instant::now();
    assert_eq!(lab.get(TAGS).await.text().await.unwrap(), whole);
    assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());

    lab.registry
        .fail(Fault::new(Effect::TruncateBody { keep: 10 }).times(1));
    let short = lab.get(TAGS).await;
    assert_eq!(header(&short, "content-length"), whole.len().to_string());
    assert!(short.text().await.is_err());

    lab.registry.fail(Fault::new(Effect::OversizedBody { size: 3_000_000 }));
    let long = lab.get(TAGS).await;
    assert_eq!(header(&long, "content-length"), "", "its length is no warning");
    assert_eq!(long.bytes().await.unwrap().len(), 3_000_000);
}

#[tokio::test]
async fn content_can_lie() {
    let (lab, image) = lab(Fault::new(Effect::WrongDigest).times(1)).await;
    let wrong = lab.manifest(Method::HEAD, "a").await;
    assert!(header(&wrong, "docker-content-digest").ends_with("000") && !image.digest.ends_with("000"));
    lab.registry.fail(Fault::new(Effect::NoDigest).times(1));
    assert_eq!(
        header(&lab.manifest(Method::GET, "a").await, "docker-content-digest"),
        ""
    );
    lab.registry.fail(Fault::new(Effect::WrongBody).times(1));
    let body = lab.manifest(Method::GET, "a").await.bytes().await.unwrap();
    assert_ne!(crate::sha256(&body), image.digest);
    assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok());
    lab.registry.fail(Fault::new(Effect::InvalidJson));
    let body = lab.get(TAGS).await.bytes().await.unwrap();
    assert!(serde_json::from_slice::<serde_json::Value>(&body).is_err());
}

#[tokio::test]
async fn a_delete_can_be_accepted_and_forgotten() {
    let (lab, image) = lab(Fault::new(Effect::DeleteIgnored).method("DELETE")).await;
    assert_eq!(lab.manifest(Method::DELETE, &image.digest).await.status(), 202);
    assert_eq!(lab.manifest(Method::GET, &image.digest).await.status(), 200);
}

#[tokio::test]
async fn a_redirect_leads_anywhere() {
    let (lab, _) = lab(Fault::new(Effect::Redirect("http://127.0.0.1:9/elsewhere".into()))).await;
    let response = lab.get(TAGS).await;
    assert_eq!(
        (response.status().as_u16(), header(&response, "location")),
        (307, "http://127.0.0.1:9/elsewhere")
    );
}

#[tokio::test]
async fn endless_pages_never_end_and_never_repeat() {
    let (lab, _) = lab(Fault::new(Effect::EndlessPages).path("/v2/*/tags/list")).await;
    let mut path = TAGS.to_owned();
    for number in 0..20 {
        let response = lab.get(&path).await;
        let link = header(&response, "link").to_owned();
        path = link.strip_prefix('<').unwrap().split_once('>').unwrap().0.to_owned();
        assert_eq!(
            json(response).await["tags"],
            serde_json::json!([format!("endless-{number}")])
        );
    }
}

#[tokio::test]
async fn a_tag_can_move_between_two_calls() {
    let (lab, image) = Lab::with_image(Options::default(), &["a"]).await;
    let other = Image::new(2).build();
    lab.push(&["b"], &other).await;
    let moved = other.digest.clone();
    let fault = Fault::call(move |registry| assert!(registry.move_tag(REPOSITORY, "a", &moved)));
    lab.registry
        .fail(fault.method("HEAD").path("*/manifests/a").skip(1).times(1));
    let mut digests = Vec::new();
    for _ in 0..2 {
        digests.push(header(&lab.manifest(Method::HEAD, "a").await, "docker-content-digest").to_owned());
    }
    assert_eq!(digests, [image.digest, other.digest]);
}
