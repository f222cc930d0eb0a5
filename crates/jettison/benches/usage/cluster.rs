//! A cluster as large companies have them: objects with all the fields that servers and controllers add.

use jettison_testkit::kubernetes::TestCluster;
use jettison_testkit::kubernetes::objects::{config_map, owned, pod, workload};
use jettison_testkit::sha256;
use serde_json::{Value, json};

/// Pods of a workload.
const PODS_OF_ONE: usize = 5;

/// Fills a cluster with pods, and with what made them: for each five a Deployment, its ReplicaSet and an older one, a
/// ConfigMap and a Service.
pub(crate) fn fill(cluster: &TestCluster, pods: usize) {
    for number in 0..pods.div_ceil(PODS_OF_ONE) {
        let (namespace, name) = (format!("team-{}", number % 100), format!("service-{number}"));
        let image = |revision: usize| format!("registry.example.com/apps/{name}:main-{number:05}-{revision}");
        let made = |api_version: &str, kind: &str, name: &str, image: &str| {
            usual(workload(api_version, kind, &namespace, name, image))
        };
        cluster.put(made("apps/v1", "Deployment", &name, &image(2)));
        for revision in 1..=2 {
            let set = made("apps/v1", "ReplicaSet", &format!("{name}-{revision}"), &image(revision));
            cluster.put(owned(set, "Deployment", &name));
        }
        cluster.put(config_map(&namespace, &name, &"key: some value\n".repeat(50)));
        cluster.put(usual(json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"namespace": namespace, "name": name}, "spec": {"ports": [{"port": 80}]}})));
        let id = format!("registry.example.com/apps/{name}@{}", sha256(image(2).as_bytes()));
        for instance in 0..PODS_OF_ONE.min(pods) {
            let pod = pod(&namespace, &format!("{name}-2-{instance}"), &image(2), &id);
            cluster.put(usual(owned(pod, "ReplicaSet", &format!("{name}-2"))));
        }
    }
}

/// Adds what an object has besides: about six kilobytes.
fn usual(mut object: Value) -> Value {
    let fields: serde_json::Map<String, Value> = (0..60)
        .map(|number| (format!("f:some-field-{number}"), json!({"f:type": {}, "f:name": {}})))
        .collect();
    object["metadata"]["managedFields"] = json!([{"manager": "kube-controller-manager", "operation": "Update",
        "apiVersion": "v1", "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": fields}]);
    object["metadata"]["annotations"] =
        json!({"checksum/config": "0".repeat(64), "example.com/owner": "team@example.com"});
    let environment: Vec<Value> = (0..20)
        .map(|number| json!({"name": format!("SETTING_{number}"), "value": format!("https://service-{number}.example.com/path")}))
        .collect();
    for place in ["/spec/containers/0", "/spec/template/spec/containers/0"] {
        if let Some(container) = object.pointer_mut(place) {
            container["env"] = json!(environment);
        }
    }
    object
}
