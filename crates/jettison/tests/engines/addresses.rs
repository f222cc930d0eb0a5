//! An engine that is reached by TLS: with certificates of its own, or those of a Docker context, and by nobody else.

use std::path::Path;
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};

use super::scene::told_to;
use crate::support::dockerd::Dockerd;
use crate::support::jettison::Jettison;
use crate::support::program::run;
use crate::support::real_engines_ready;

#[test]
fn an_engine_is_reached_by_tls_with_the_right_certificates_alone() {
    if !real_engines_ready() {
        return;
    }
    let user = Jettison::new();
    let (certificates, strangers) = (user.at("certificates"), user.at("strangers"));
    make_certificates(&certificates);
    make_certificates(&strangers);
    let engine = Dockerd::start_encrypted(&certificates);
    let host = engine.encrypted_host();
    add_context(&user, &host, &certificates);
    let ours = "client-certificate: certificates/client.pem, client-key: certificates/client.key";
    let theirs = "client-certificate: strangers/client.pem, client-key: strangers/client.key";
    for (what, keys, expected) in [
        (
            "all of it",
            format!("host: \"{host}\", ca-file: certificates/ca.pem, {ours}"),
            "complete",
        ),
        ("a context", "context: web-4".to_owned(), "complete"),
        (
            "no client",
            format!("host: \"{host}\", ca-file: certificates/ca.pem"),
            "partial",
        ),
        (
            "a stranger",
            format!("host: \"{host}\", ca-file: certificates/ca.pem, {theirs}"),
            "partial",
        ),
        (
            "another authority",
            format!("host: \"{host}\", ca-file: strangers/ca.pem, {ours}"),
            "partial",
        ),
        ("no authority of ours", format!("host: \"{host}\", {ours}"), "partial"),
        ("no TLS", format!("host: \"{host}\""), "partial"),
        (
            "no such file",
            format!("host: \"{host}\", ca-file: certificates/none.pem"),
            "partial",
        ),
    ] {
        let told = told_to(
            &user,
            &format!("{{ name: host, kind: docker, allow-empty: true, {keys} }}"),
        );
        assert_eq!(told.status, expected, "{what}: {told:?}");
        assert_eq!(told.gaps.len(), usize::from(expected == "partial"), "{what}: {told:?}");
    }
}

/// An entry as `docker context create` makes it.
fn add_context(user: &Jettison, host: &str, certificates: &Path) {
    let file = |name: &str| certificates.join(name).display().to_string();
    let (ca, certificate, key) = (file("ca.pem"), file("client.pem"), file("client.key"));
    let endpoint = format!("host={host},ca={ca},cert={certificate},key={key}");
    let mut create = Command::new("docker");
    create
        .arg("--config")
        .arg(user.at(""))
        .args(["context", "create", "web-4", "--docker", &endpoint]);
    run(&mut create).unwrap();
}

/// An authority, and what it signs for a server and for a client.
fn make_certificates(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
    write("ca.pem", authority.pem());
    for (name, purpose) in [
        ("server", ExtendedKeyUsagePurpose::ServerAuth),
        ("client", ExtendedKeyUsagePurpose::ClientAuth),
    ] {
        let mut parameters = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        parameters.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        write(
            &format!("{name}.pem"),
            parameters.signed_by(&key, &authority).unwrap().pem(),
        );
        write(&format!("{name}.key"), key.serialize_pem());
    }
}
