//! The history of Helm: images that only a rollback would start again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jettison_testkit::kubernetes::Options;
use jettison_testkit::kubernetes::objects::{config_map, helm_release, helm_secret, pod};

use crate::cluster::{Place, all_roles, image};

async fn with_helm() -> Place {
    let options = Options {
        rbac: Some(all_roles()),
        ..Options::default()
    };
    let place = Place::with(options, ", helm: true").await;
    place.cluster.put(pod("shop", "web-0", &image("web:3"), ""));
    place
}

fn manifest() -> String {
    format!(
        "---\n# Source: web\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      \
         initContainers:\n      - name: i\n        image: {}\n      containers:\n      - name: web\n        image: \"{}\"\n        \
         env:\n        - {{ name: HELPER, value: '{}' }}\n      volumes:\n      - name: v\n        image: {{ reference: {} }}\n\
         ---\napiVersion: v1\nkind: Service\nmetadata:\n  name: web\n---\n",
        image("init:2"),
        image("web:2"),
        image("helper:2"),
        "other.example.com/data:2"
    )
}

#[tokio::test]
async fn the_images_of_an_earlier_revision_are_in_use() {
    let place = with_helm().await;
    place.cluster.put(helm_release("shop", "web", 2, &manifest()));
    let told = place.ask().await.expect_complete();
    let deployment = "Helm release shop/web revision 2, Deployment web";
    for (image, user) in [
        (image("web:2"), deployment),
        (image("init:2"), deployment),
        ("other.example.com/data:2".to_owned(), deployment),
        (image("helper:2"), "Helm release shop/web revision 2"),
    ] {
        assert_eq!(told.users(&image), [user], "{image}");
    }
}

#[tokio::test]
async fn hooks_count_as_well_in_a_release_that_is_not_packed_too() {
    let place = with_helm().await;
    let hook = format!(
        "kind: Job\nspec: {{ template: {{ spec: {{ containers: [ {{ image: '{}' }} ] }} }} }}",
        "a.io/hook:2"
    );
    let release = serde_json::json!({"name": "web", "namespace": "shop", "version": 2, "hooks": [{"manifest": hook}]});
    place
        .cluster
        .put(helm_secret("shop", "web", 2, &STANDARD.encode(release.to_string())));
    let told = place.ask().await.expect_complete();
    assert_eq!(told.users("a.io/hook:2"), ["Helm release shop/web revision 2, Job "]);
}

#[tokio::test]
async fn one_wrong_document_does_not_hide_the_others() {
    let place = with_helm().await;
    let manifest = format!("a: [\n{}", manifest());
    place.cluster.put(helm_release("shop", "web", 2, &manifest));
    let told = place.ask().await.expect_partial("a manifest in it is no YAML");
    assert!(told.images().contains(image("web:2").as_str()));
}

#[tokio::test]
async fn manifests_that_helm_takes_are_understood() {
    let place = with_helm().await;
    let deep: String = (0..60).map(|level| format!("{}a:\n", "  ".repeat(level))).collect();
    let large = "  - { a: b, c: d }\n".repeat(5_000);
    let manifest = format!(
        "{deep}\n---\nkind: Large\nspec:\n{large}\n---\na: 1\na: 2\n--- # last\n{}",
        manifest()
    );
    place.cluster.put(helm_release("shop", "web", 2, &manifest));
    let told = place.ask().await.expect_complete();
    assert!(told.images().contains(image("web:2").as_str()));
}

#[tokio::test]
async fn only_secrets_of_releases_are_asked_for_and_none_without_helm() {
    let mut place = with_helm().await;
    place.ask().await.expect_complete();
    let secrets = |place: &Place| {
        let asked = place.cluster.requests().into_iter();
        asked.filter(|path| path.contains("/secrets")).collect::<Vec<_>>()
    };
    assert_eq!(
        secrets(&place),
        ["/api/v1/secrets?fieldSelector=type%3Dhelm.sh%2Frelease.v1&limit=500"]
    );
    place.more.clear();
    place.ask().await.expect_complete();
    assert_eq!(secrets(&place).len(), 1);
}

#[tokio::test]
async fn a_release_that_cannot_be_understood_is_a_gap_and_nothing_of_it_is_told() {
    let secret = "not-to-be-told";
    let release = |manifest: &str| helm_release("shop", "web", 1, manifest);
    for object in [
        helm_secret("shop", "web", 1, "%%%"),
        helm_secret("shop", "web", 1, "aGVsbG8="),
        helm_secret("shop", "web", 1, "H4sIAAAA"),
        // `{}`, and no JSON.
        helm_secret("shop", "web", 1, "e30="),
        helm_secret("shop", "web", 1, "e30"),
        without_release(),
        release(&format!("a: [ {secret}")),
        release("&a [*a, *a]\n---\n*b"),
        release(&"[".repeat(100_000)),
    ] {
        let place = with_helm().await;
        place.cluster.put(object);
        let told = place
            .ask()
            .await
            .expect_partial("Helm release shop/sh.helm.release.v1.web.v1: ");
        assert!(!told.gaps().join("\n").contains(secret), "{told:?}");
    }
}

/// A Secret of a release in which there is none.
fn without_release() -> serde_json::Value {
    let mut secret = helm_secret("shop", "web", 1, "");
    secret["data"] = serde_json::Value::Null;
    secret
}

#[tokio::test]
async fn a_release_in_a_config_map_counts_and_another_config_map_does_not() {
    let place = with_helm().await;
    let secret = helm_release("shop", "web", 2, &manifest());
    let packed = STANDARD.decode(secret["data"]["release"].as_str().unwrap()).unwrap();
    let mut map = config_map("shop", "sh.helm.release.v1.web.v2", "");
    map["metadata"]["labels"] = secret["metadata"]["labels"].clone();
    map["data"] = serde_json::json!({"release": String::from_utf8(packed).unwrap()});
    place.cluster.put(map.clone());
    let told = place.ask().await.expect_complete();
    assert!(told.images().contains(image("init:2").as_str()));
    map["metadata"]["labels"] = serde_json::json!({"owner": "somebody"});
    place.cluster.put(map);
    // Far less than before, of course.
    let told = place.ask().await;
    assert!(!told.images().contains(image("init:2").as_str()));
}

#[tokio::test]
async fn a_release_that_would_fill_the_memory_is_a_gap() {
    let place = with_helm().await;
    place
        .cluster
        .put(helm_release("shop", "web", 1, &"#".repeat(34_000_000)));
    place
        .ask()
        .await
        .expect_partial("cannot be unpacked, or is larger than");
}
