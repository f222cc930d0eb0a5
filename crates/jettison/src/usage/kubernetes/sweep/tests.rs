//! What is found in texts, and what is passed over.

use jettison_core::config::Config;
use jettison_core::model::Reference;
use jiff::Timestamp;

use super::*;

const CONFIG: &str = "registries:
  - { host: registry.example.com, aliases: [ 'mirror:5000' ], mirrors: [ cache.example.com/proxy ] }
  - { host: '[::1]:5000' }
  - { host: 'odd.example.com:443' }";

fn names(managed: &[&str]) -> ManagedNames {
    let config = Config::parse("jettison.yaml", CONFIG).unwrap().0;
    let managed = managed.iter().map(|host| host.parse().unwrap()).collect();
    ManagedNames::of(&managed, &config)
}

fn found(managed: &[&str], object: &str) -> Vec<String> {
    let names = names(managed);
    let object = RawValue::from_string(object.to_owned()).unwrap();
    let mut said = Said::new(Timestamp::UNIX_EPOCH, &BTreeSet::new());
    Sweep::new(&names).read("ConfigMap", &object, &BTreeSet::new(), &mut said);
    let (references, gaps) = said.finish(false);
    assert!(gaps.is_empty(), "{gaps:?}");
    references.into_iter().map(told).collect()
}

fn told(reference: Reference) -> String {
    reference.digest.map(String::from).unwrap_or(reference.image)
}

fn of_text(managed: &[&str], text: &str) -> Vec<String> {
    found(managed, &serde_json::json!({ "data": text }).to_string())
}

#[test]
fn images_are_found_wherever_they_stand_in_a_text() {
    let image = "registry.example.com/apps/web:v1";
    let pinned = format!("registry.example.com/apps/web:v1@sha256:{}", "a".repeat(64));
    for (text, expected) in [
        (image, image),
        (&pinned, pinned.as_str()),
        ("registry.example.com/apps/web", "registry.example.com/apps/web"),
        ("Registry.Example.COM/apps/web:v1", "Registry.Example.COM/apps/web:v1"),
        ("mirror:5000/apps/web:v1", "mirror:5000/apps/web:v1"),
        (
            "--image=Cache.example.com/proxy/apps/web:v1",
            "Cache.example.com/proxy/apps/web:v1",
        ),
        ("--image=registry.example.com/apps/web:v1", image),
        ("image:registry.example.com/apps/web:v1", image),
        ("image: \"registry.example.com/apps/web:v1\"\nname: web\n", image),
        (r#"{"image":"registry.example.com/apps/web:v1"}"#, image),
        ("[registry.example.com/apps/web:v1, b]", image),
        ("uses registry.example.com/apps/web:v1.", image),
        (
            "a registry.example.com/apps/web:v1-_",
            "registry.example.com/apps/web:v1-_",
        ),
        ("a registry.example.com/apps/web-_", "registry.example.com/apps/web"),
        ("docker-pullable://registry.example.com/apps/web:v1", image),
        ("registry.example.com/apps/web:v1:ro", image),
        ("https://me:password@registry.example.com/apps/web:v1", image),
        (
            "registry.example.com:443/apps/web:v1",
            "registry.example.com:443/apps/web:v1",
        ),
        (
            "cache.example.com/proxy/apps/web:v1",
            "cache.example.com/proxy/apps/web:v1",
        ),
        (
            "oci://registry.example.com/charts/web:1.2.3",
            "registry.example.com/charts/web:1.2.3",
        ),
        ("cache.io/registry.example.com/apps/web:v1", image),
    ] {
        assert_eq!(of_text(&["registry.example.com"], text), [expected], "{text}");
    }
}

#[test]
fn a_text_that_ends_in_a_dot_may_end_a_sentence_or_a_tag() {
    for (managed, image) in [
        ("registry.example.com", "registry.example.com/apps/web:v1"),
        ("docker.io", "me/web:v1"),
    ] {
        let dotted = format!("{image}.");
        assert_eq!(of_text(&[managed], &dotted), [image, &dotted]);
    }
}

#[test]
fn the_defaults_of_variables_are_found() {
    let image = "registry.example.com/apps/web:v1";
    for (text, expected) in [
        ("image: ${IMAGE:-registry.example.com/apps/web:v1}", image),
        ("docker run ${IMAGE-registry.example.com/apps/web:v1} serve", image),
        ("${IMAGE:=registry.example.com/apps/web:v1}", image),
        ("${A:-${B_2-registry.example.com/apps/web:v1}}", image),
        ("${IMAGE:-mirror:5000/apps/web:v1}", "mirror:5000/apps/web:v1"),
    ] {
        assert_eq!(of_text(&["registry.example.com"], text), [expected], "{text}");
    }
    for text in [
        "my-registry.example.com/apps/web:v1",
        "${my.registry-registry.example.com/apps/web:v1}",
        "${-registry.example.com/apps/web:v1}",
    ] {
        assert_eq!(of_text(&["registry.example.com"], text), [""; 0], "{text}");
    }
}

#[test]
fn what_is_escaped_in_an_embedded_document_is_found() {
    let image = "registry.example.com/apps/web:v1";
    let inner = serde_json::json!({ "run": format!("docker run\n{image}\n") }).to_string();
    let deeper = serde_json::json!({ "a": r"registry.example.com\/apps\/web:v1" }).to_string();
    for text in [
        r#"{"image":"registry.example.com\/apps\/web:v1"}"#,
        r#"{"image":"registry.example.com\u002Fapps\u002fweb\u003av1"}"#,
        r#"image: "registry.example.com\U0000002fapps\x2Fweb\x3av1""#,
        r#"image: "\x72egistry.example.com/apps/web:v1""#,
        r"C:\\ \é \u12 \x3 \ud83d registry.example.com\/apps/web:v1",
        &inner,
        &deeper,
    ] {
        let found = of_text(&["registry.example.com"], text);
        assert!(found.iter().any(|found| found == image), "{text}: {found:?}");
    }
    for text in ["\\", r"registry.example.com\/UPPER", r"\x", r"\u00"] {
        assert_eq!(of_text(&["registry.example.com"], text), [""; 0], "{text}");
    }
}

#[test]
fn what_names_no_managed_registry_is_passed_over() {
    for text in [
        "",
        "web:v1",
        "other.example.com/apps/web:v1",
        "cache.example.com/hub/apps/web:v1",
        "registry.example.com",
        "registry.example.com/",
        "registry.example.com/UPPER",
        "sha256:abc",
        "cache.example.com/apps/web:v1",
        "registry.example.com:5000/apps/web:v1",
        "app.kubernetes.io/name",
        "/",
        "//",
        "a/b/c",
        "\u{0}\u{202e}/é",
    ] {
        assert_eq!(of_text(&["registry.example.com"], text), [""; 0], "{text}");
    }
}

#[test]
fn a_digest_without_a_registry_may_be_of_any() {
    let digest = format!("sha256:{}", "b".repeat(64));
    let managed = ["registry.example.com"];
    assert_eq!(of_text(&managed, &digest), [digest.as_str()]);
    assert_eq!(of_text(&managed, &format!("1.2.3@{digest}")), [digest.as_str()]);
    assert_eq!(of_text(&managed, &format!("docker://{digest}")), [digest.as_str()]);
    assert_eq!(of_text(&managed, &format!("other.example.com/web@{digest}")), [""; 0]);
    let with_scheme = format!("docker-pullable://other.example.com/web@{digest}");
    assert_eq!(of_text(&managed, &with_scheme), [""; 0]);
}

#[test]
fn texts_are_read_as_json_writes_them() {
    for object in [
        r#"{"a":"registry.example.com\/apps\/web:v1"}"#,
        r#"{"a":"\u0072egistry.example.com/apps/web:v1"}"#,
        r#"{"registry.example.com/apps/web:v1":1}"#,
        r#"{"a":"\\\"","b":["registry.example.com/apps/web:v1"]}"#,
    ] {
        let found = found(&["registry.example.com"], object);
        assert_eq!(found, ["registry.example.com/apps/web:v1"], "{object}");
    }
    let deep = format!(
        "{}\"registry.example.com/a:v1\"{}",
        "[".repeat(50_000),
        "]".repeat(50_000)
    );
    assert_eq!(found(&["registry.example.com"], &deep), ["registry.example.com/a:v1"]);
}

#[test]
fn docker_hub_need_not_be_named() {
    assert_eq!(of_text(&["docker.io"], "me/web:v1"), ["me/web:v1"]);
    assert_eq!(of_text(&["docker.io"], " me/web:v1\n"), ["me/web:v1"]);
    assert_eq!(
        of_text(&["docker.io"], "index.docker.io/me/web:v1"),
        ["index.docker.io/me/web:v1"]
    );
    assert_eq!(
        of_text(&["docker.io"], "x docker.io/me/web:v1 y"),
        ["docker.io/me/web:v1"]
    );
    assert_eq!(of_text(&["docker.io"], "Running"), [""; 0]);
    assert_eq!(of_text(&["registry.example.com"], "me/web:v1"), [""; 0]);
}

#[test]
fn a_port_that_goes_without_saying_makes_no_difference() {
    for image in ["odd.example.com/web:v1", "odd.example.com:443/web:v1"] {
        assert_eq!(of_text(&["odd.example.com:443"], image), [image]);
    }
}

#[test]
fn a_registry_may_be_an_address_in_brackets() {
    assert_eq!(of_text(&["[::1]:5000"], "[::1]:5000/web:v1"), ["[::1]:5000/web:v1"]);
    assert_eq!(of_text(&["[::1]:5000"], "[::2]:5000/web:v1"), [""; 0]);
}

#[test]
fn while_nobody_said_what_is_managed_whatever_is_written_out_counts() {
    assert_eq!(of_text(&[], "any.example.com/web:v1"), ["any.example.com/web:v1"]);
    assert_eq!(of_text(&[], "app.kubernetes.io/name"), [""; 0]);
}

#[test]
fn large_texts_end_soon() {
    for piece in [
        "/",
        ":",
        "registry.example.com/",
        "registry.example.com/a:",
        "a",
        "@sha256:",
        "\\u005c",
        "${A-",
    ] {
        for end in ["", "/"] {
            let flood = piece.repeat(1_000_000 / piece.len()) + end;
            assert!(of_text(&["registry.example.com"], &flood).len() <= 1);
        }
    }
}
