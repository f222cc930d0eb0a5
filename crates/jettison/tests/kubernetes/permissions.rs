//! What the roles in `deploy/kubernetes/` allow suffices, nothing in them is more than that, and a missing one is named.

use jettison_testkit::kubernetes::objects::pod;
use jettison_testkit::kubernetes::{Kind, Options, Rbac};

use crate::cluster::{HELM, OPERATORS, Place, RBAC, all_roles, image};

const TYPED: [(&str, &str); 11] = [
    ("", "pods"),
    ("", "podtemplates"),
    ("", "replicationcontrollers"),
    ("apps", "deployments"),
    ("apps", "replicasets"),
    ("apps", "statefulsets"),
    ("apps", "daemonsets"),
    ("apps", "controllerrevisions"),
    ("batch", "jobs"),
    ("batch", "cronjobs"),
    ("argoproj.io", "rollouts"),
];

async fn with_roles(files: &[&str]) -> Place {
    let options = Options {
        rbac: Some(Rbac::read(files).unwrap()),
        ..Options::default()
    };
    let place = Place::with(options, "").await;
    place
        .cluster
        .define(Kind::listed("argoproj.io", "v1alpha1", "rollouts", "Rollout"));
    place.cluster.put(pod("shop", "web-0", &image("web:1"), ""));
    place
}

#[tokio::test]
async fn the_roles_suffice() {
    with_roles(&[RBAC]).await.ask().await.expect_complete();
    let mut with_helm = with_roles(&[RBAC, HELM]).await;
    with_helm.more = ", helm: true".to_owned();
    with_helm.ask().await.expect_complete();
}

#[tokio::test]
async fn the_roles_only_ever_list_and_never_secrets_but_for_helm() {
    let rules: Vec<serde_json::Value> = [RBAC, OPERATORS, HELM]
        .iter()
        .flat_map(|file| serde_saphyr::from_multiple::<serde_json::Value>(file).unwrap())
        .filter(|object| object["kind"] == "ClusterRole" && object["metadata"]["name"] != "jettison-helm")
        .flat_map(|role| role["rules"].as_array().unwrap().clone())
        .collect();
    assert!(rules.len() >= 8);
    for rule in rules {
        assert_eq!(rule["verbs"], serde_json::json!(["list"]), "{rule}");
        let has = |key: &str, value: &str| rule[key].as_array().unwrap().iter().any(|known| known == value);
        assert!(!has("apiGroups", "*") && !has("resources", "secrets"), "{rule}");
        assert!(!(has("apiGroups", "") && has("resources", "*")), "{rule}");
    }
}

#[tokio::test]
async fn a_permission_that_is_lost_for_one_kind_makes_the_source_partial_and_is_named() {
    for (group, plural) in TYPED {
        let place = with_roles(&[RBAC]).await;
        let mut roles = all_roles();
        roles.revoke(plural);
        if plural == "rollouts" {
            roles = Rbac::read(&[RBAC]).unwrap();
            roles.revoke(plural);
        }
        place.cluster.allow(roles);
        let rule = format!(r#"{{ apiGroups: ["{group}"], resources: ["{plural}"], verbs: ["list"] }}"#);
        place.ask().await.expect_partial(&rule);
    }
}

#[tokio::test]
async fn a_custom_resource_that_may_not_be_listed_is_a_gap_that_says_both_ways_out() {
    let mut place = with_roles(&[RBAC]).await;
    place
        .cluster
        .define(Kind::listed("db.example.com", "v1", "databases", "Database"));
    let told = place.ask().await;
    let gap = told.gaps().join("\n");
    assert_eq!(
        gap,
        "databases.db.example.com: it may not be listed (403: databases is forbidden: User \
         \"system:serviceaccount:jettison:jettison\" cannot list resource \"databases\" in API group \"db.example.com\" \
         at the cluster scope); its ClusterRole needs the rule { apiGroups: [\"db.example.com\"], resources: \
         [\"databases\"], verbs: [\"list\"] }, or this source `leave-out: [databases.db.example.com]`"
    );
    place.more = ", leave-out: [databases.db.example.com]".to_owned();
    place.ask().await.expect_complete();
}

#[tokio::test]
async fn helm_without_its_role_is_a_gap() {
    let mut place = with_roles(&[RBAC]).await;
    place.more = ", helm: true".to_owned();
    place.ask().await.expect_partial(r#"resources: ["secrets"]"#);
}

#[tokio::test]
async fn an_account_that_nobody_knows_is_told_so() {
    let place = with_roles(&[RBAC]).await;
    place.cluster.allow(Rbac::default());
    let gaps = place.ask().await.gaps();
    assert!(
        gaps.len() > TYPED.len() && gaps.iter().any(|gap| gap.contains("403")),
        "{gaps:?}"
    );
    let kubeconfig = std::fs::read_to_string(place.folder.path().join("kubeconfig")).unwrap();
    let other = kubeconfig.replace("token-of:", "wrong:");
    std::fs::write(place.folder.path().join("kubeconfig"), other).unwrap();
    let gaps = place.ask().await.gaps();
    assert!(gaps.iter().any(|gap| gap.contains("401")), "{gaps:?}");
    assert!(!gaps.join("\n").contains("wrong:"), "{gaps:?}");
}
