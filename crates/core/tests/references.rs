//! Image references against another parser of the same grammar, `oci-spec`'s, and against a table of hard cases.
//!
//! Where the two differ on purpose, the difference is named here; everywhere else they agree.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure is a failed test")]

use jettison_core::model::{Digest, ImageReference};
use oci_spec::distribution::Reference;
use proptest::prelude::*;

/// Registry, repository, tag and digest, as text.
type Parts = (String, String, Option<String>, Option<String>);

fn ours(text: &str) -> Option<Parts> {
    let image: ImageReference = text.parse().ok()?;
    Some((
        image.registry.to_string(),
        image.repository.to_string(),
        image.tag.map(|tag| tag.to_string()),
        image.digest.map(|digest| digest.to_string()),
    ))
}

fn theirs(text: &str) -> Option<Parts> {
    let image: Reference = text.parse().ok()?;
    // It adds `latest` where neither tag nor digest is written; ours tells what is written.
    let written = text.rsplit('/').next().is_some_and(|last| last.contains(':'));
    let tag = image.tag().filter(|tag| written || *tag != "latest");
    Some((
        image.registry().to_owned(),
        image.repository().to_owned(),
        tag.map(str::to_owned),
        image.digest().map(str::to_owned),
    ))
}

/// What differs on purpose.
fn differs_on_purpose(text: &str) -> bool {
    let first = text.split('/').next().unwrap_or_default();
    let has_path = text.contains('/');
    // Hosts do not tell capitals from small letters: ours writes them small.
    let host_in_capitals = has_path && first.bytes().any(|byte| byte.is_ascii_uppercase());
    // Docker Hub goes by one name.
    let hub = has_path && ["index.docker.io", "registry-1.docker.io"].contains(&first);
    // A digest that is none by the image specification ("Digests") names nothing.
    let digest = text.split_once('@').map(|(_, digest)| digest.parse::<Digest>());
    // It knows no IPv6 addresses; engines do.
    let address = first.starts_with('[');
    host_in_capitals || hub || address || digest.is_some_and(|digest| digest.is_err())
}

fn host() -> impl Strategy<Value = String> {
    let label = "[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?";
    let dotted = proptest::string::string_regex(&format!("{label}(\\.{label}){{0,3}}")).unwrap();
    let named = prop_oneof![
        4 => dotted,
        1 => Just("localhost".to_owned()),
        1 => Just("docker.io".to_owned()),
        1 => Just("[::1]".to_owned()),
        1 => Just("[2001:db8::1]".to_owned()),
        1 => Just("Registry".to_owned()),
        1 => Just("index.docker.io".to_owned()),
    ];
    (named, proptest::option::of(1_u16..)).prop_map(|(host, port)| match port {
        Some(port) => format!("{host}:{port}"),
        None => host,
    })
}

fn path() -> impl Strategy<Value = String> {
    let part = "[a-z0-9]+((\\.|_|__|-{1,3})[a-z0-9]+){0,2}";
    proptest::string::string_regex(&format!("{part}(/{part}){{0,3}}")).unwrap()
}

/// What a reference is made of, each part there or not, some of them broken.
fn text() -> impl Strategy<Value = String> {
    let tag = prop_oneof![
        4 => proptest::string::string_regex("[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}").unwrap(),
        1 => Just(String::new()),
        1 => Just("-x".to_owned()),
        1 => Just("x".repeat(129)),
    ];
    let digest = prop_oneof![
        4 => proptest::string::string_regex("sha256:[0-9a-f]{64}").unwrap(),
        1 => proptest::string::string_regex("sha512:[0-9a-f]{128}").unwrap(),
        1 => Just("sha256:abc".to_owned()),
        1 => Just(format!("sha256:{}", "A".repeat(64))),
    ];
    let option = proptest::option::of::<BoxedStrategy<String>>;
    (
        option(host().boxed()),
        path(),
        option(tag.boxed()),
        option(digest.boxed()),
    )
        .prop_map(|(host, path, tag, digest)| {
            let host = host.map(|host| format!("{host}/")).unwrap_or_default();
            let tag = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
            let digest = digest.map(|digest| format!("@{digest}")).unwrap_or_default();
            format!("{host}{path}{tag}{digest}")
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn both_parsers_read_the_same(text in text()) {
        prop_assume!(!differs_on_purpose(&text));
        prop_assert_eq!(ours(&text), theirs(&text), "{}", text);
    }

    #[test]
    fn what_is_written_is_read_back(text in text()) {
        if let Ok(image) = text.parse::<ImageReference>() {
            prop_assert_eq!(image.to_string().parse::<ImageReference>().unwrap(), image);
        }
    }
}

#[test]
fn hard_cases_are_read_as_engines_read_them() {
    let hex = Digest::of(b"x");
    let at = format!("@{hex}");
    let table: [(&str, Option<&str>); 22] = [
        ("nginx", Some("docker.io/library/nginx")),
        ("library/nginx", Some("docker.io/library/nginx")),
        ("docker.io/nginx:1", Some("docker.io/library/nginx:1")),
        ("index.docker.io/a/b", Some("docker.io/a/b")),
        ("registry-1.docker.io/a/b", Some("docker.io/a/b")),
        // The port is no tag, and a tag is no port.
        ("r.io:5000/web", Some("r.io:5000/web")),
        ("r.io:5000/web:5000", Some("r.io:5000/web:5000")),
        ("web:5000", Some("docker.io/library/web:5000")),
        ("localhost/web", Some("localhost/web")),
        ("localhost:5000/web", Some("localhost:5000/web")),
        ("[::1]:5000/web:v1", Some("[::1]:5000/web:v1")),
        ("[2001:db8::1]/web", Some("[2001:db8::1]/web")),
        ("REGISTRY.example.com/web", Some("registry.example.com/web")),
        ("a/b/c/d", Some("docker.io/a/b/c/d")),
        // A host is only what looks like one.
        ("myhost/web", Some("docker.io/myhost/web")),
        ("r.io/Web", None),
        ("r.io//web", None),
        ("/web", None),
        ("r.io/web:", None),
        ("r.io/web@", None),
        (" r.io/web", None),
        ("https://r.io/web", None),
    ];
    for (text, expected) in table {
        let read = text.parse::<ImageReference>().ok();
        assert_eq!(read.map(|image| image.to_string()).as_deref(), expected, "{text}");
        if let Some(expected) = expected {
            let pinned: ImageReference = format!("{text}{at}").parse().unwrap();
            assert_eq!(pinned.to_string(), format!("{expected}{at}"), "{text}");
        }
    }
    // A tag before a digest is kept; the first `@` divides, and there is no second.
    let both: ImageReference = format!("r.io/web:v1{at}").parse().unwrap();
    assert_eq!((both.tag.unwrap().as_str(), both.digest), ("v1", Some(hex.clone())));
    assert!(format!("r.io/web{at}{at}").parse::<ImageReference>().is_err());
    // 64 hexadecimal digits alone are an image's id, and no name.
    assert!(hex.hex().parse::<ImageReference>().is_err());
}
