//! How a cluster is found and reached: kubeconfigs, contexts, certificates, credential plugins. What goes wrong is told
//! without any credential.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jettison_testkit::kubernetes::Options;
use jettison_testkit::kubernetes::objects::pod;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use crate::cluster::{Place, image};

const SECRET: &str = "not-to-be-told";

async fn place() -> Place {
    let place = Place::with(Options::default(), "").await;
    place.cluster.put(pod("shop", "web-0", &image("web:1"), ""));
    place
}

fn kubeconfig(place: &Place) -> Value {
    serde_json::from_str(&std::fs::read_to_string(place.folder.path().join("kubeconfig")).unwrap()).unwrap()
}

fn write(place: &Place, content: &str) {
    std::fs::write(place.folder.path().join("kubeconfig"), content).unwrap();
}

#[tokio::test]
async fn a_kubeconfig_that_is_not_there_or_not_understood_is_a_gap_without_its_content() {
    let place = place().await;
    let whole = kubeconfig(&place);
    let without = |key: &str| {
        let mut changed = whole.clone();
        changed[key] = json!([]);
        changed.to_string()
    };
    for (content, why) in [
        (
            format!("users:\n- user: {{ token: {SECRET}\nx: ]"),
            "kubeconfig` cannot be understood (line ",
        ),
        (format!("[{SECRET}]"), "kubeconfig` cannot be understood"),
        (without("contexts"), "kubeconfig` has no context `prod-eu`; it has none"),
        (without("clusters"), "kubeconfig` has no cluster `prod-eu`"),
        (
            whole.to_string().replace("http://", "%%"),
            "see `context` and `kubeconfig`",
        ),
        (
            whole
                .to_string()
                .replace("\"name\":\"prod-eu\"", "\"name\":\"prod-us\""),
            "kubeconfig` has no context `prod-eu`; it has `prod-us`; see",
        ),
        (
            whole
                .to_string()
                .replace("\"server\"", "\"certificate-authority\":\"/nowhere\",\"server\""),
            "cannot be read from `/nowhere`: No such file",
        ),
    ] {
        write(&place, &content);
        let told = place.ask().await.expect_partial(why);
        assert!(!told.gaps().join("").contains(SECRET), "{told:?}");
    }
    std::fs::remove_file(place.folder.path().join("kubeconfig")).unwrap();
    let file = place.folder.path().join("kubeconfig");
    let why = format!("the kubeconfig `{}` cannot be read: No such file", file.display());
    place.ask().await.expect_partial(&why);
}

#[tokio::test]
async fn a_cluster_that_nobody_runs_is_a_gap_at_once() {
    let place = place().await;
    place.cluster.stop();
    let gaps = place.ask().await.gaps();
    assert!(gaps[0].contains("no answer"), "{gaps:?}");
}

#[tokio::test]
async fn in_cluster_means_in_a_cluster() {
    let place = place().await;
    let text = "usage: [ { name: here, kind: kubernetes, in-cluster: true } ]";
    place.ask_with(text).await.expect_partial("not in a cluster");
}

fn with_plugin(place: &Place, script: &str) {
    let mut changed = kubeconfig(place);
    changed["users"][0]["user"] = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "sh",
        "args": ["-c", script], "interactiveMode": "Never"}});
    write(place, &changed.to_string());
}

#[tokio::test]
async fn a_credential_plugin_is_run_and_what_it_prints_is_never_told() {
    let place = place().await;
    let credential = json!({"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1",
        "status": {"token": "token-of:jettison:jettison"}});
    with_plugin(&place, &format!("echo '{credential}'"));
    place.ask().await.expect_complete();
    for (script, why) in [
        (
            format!("echo {SECRET}; echo {SECRET} >&2; exit 3"),
            "the credential plugin of the kubeconfig failed (exit status: 3)",
        ),
        (
            format!("echo '{{{SECRET}'"),
            "the credential plugin printed no credential",
        ),
    ] {
        with_plugin(&place, &script);
        let told = place.ask().await.expect_partial(why);
        assert!(!told.gaps().join("").contains(SECRET), "{told:?}");
    }
}

#[tokio::test]
async fn a_credential_plugin_that_hangs_holds_up_nothing() {
    let mut place = place().await;
    with_plugin(&place, "exec sleep 20");
    place.more = ", timeout-seconds: 1".to_owned();
    let started = std::time::Instant::now();
    place
        .ask()
        .await
        .expect_partial("did not tell everything within 1 s; it was at the beginning");
    assert!(started.elapsed().as_secs() < 20);
}

/// A door with a certificate in front of the cluster, and the authority that signed it.
async fn secured(place: &Place) -> (String, String) {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let parameters = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = parameters.signed_by(&key, &issuer).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let behind = place.cluster.url().replace("http://", "");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                if let Ok(mut outside) = acceptor.accept(stream).await {
                    let mut inside = TcpStream::connect(behind).await.unwrap();
                    drop(tokio::io::copy_bidirectional(&mut outside, &mut inside).await);
                }
            });
        }
    });
    (url, issuer.pem())
}

#[tokio::test]
async fn a_certificate_is_believed_if_the_kubeconfig_names_its_authority_and_not_otherwise() {
    let place = place().await;
    let (url, authority) = secured(&place).await;
    let mut changed = kubeconfig(&place);
    changed["clusters"][0]["cluster"]["server"] = json!(url);
    write(&place, &changed.to_string());
    let gaps = place.ask().await.gaps();
    assert!(gaps[0].contains("certificate"), "{gaps:?}");
    changed["clusters"][0]["cluster"]["certificate-authority-data"] = json!(BASE64_STANDARD.encode(authority));
    write(&place, &changed.to_string());
    place.ask().await.expect_complete();
}

#[tokio::test]
async fn no_cluster_is_asked_without_a_checked_certificate_and_no_other_machine_without_encryption() {
    let mut place = place().await;
    let whole = kubeconfig(&place);
    let with = |server: &str, is_unchecked: bool| {
        let mut changed = whole.clone();
        changed["clusters"][0]["cluster"] = json!({"server": server, "insecure-skip-tls-verify": is_unchecked});
        changed.to_string()
    };
    place.more = ", timeout-seconds: 1".to_owned();
    // Nobody has these addresses (RFC 5737), so nobody answers.
    for (server, is_unchecked, why) in [
        ("http://192.0.2.1:8080", false, "would be asked without encryption"),
        ("https://192.0.2.1:6443", true, "its certificate would not be checked"),
        (
            "https://127.0.0.1.example.com:6443",
            true,
            "its certificate would not be checked",
        ),
    ] {
        write(&place, &with(server, is_unchecked));
        place.ask().await.expect_partial(why);
    }
    place.more.clear();
    let (here, _) = secured(&place).await;
    write(&place, &with(&here, true));
    let asked = place.cluster.requests().len();
    place.ask().await.expect_partial("its certificate would not be checked");
    assert_eq!(place.cluster.requests().len(), asked, "nobody gets the token");
}
