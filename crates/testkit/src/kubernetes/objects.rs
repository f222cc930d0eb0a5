//! Builders of objects as they stand in a cluster.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write as _;

/// A pod with one container, and what its runtime says runs there.
pub fn pod(namespace: &str, name: &str, image: &str, image_id: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": namespace, "name": name},
        "spec": {"containers": [{"name": "web", "image": image}], "nodeName": "node-1"},
        "status": {"phase": "Running", "containerStatuses": [{"name": "web", "ready": true, "restartCount": 0,
            "image": image, "imageID": image_id, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]}})
}

/// A template of pods with one container.
pub fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}})
}

/// A workload with `spec.template`: `apps/v1` `Deployment` and the like.
pub fn workload(api_version: &str, kind: &str, namespace: &str, name: &str, image: &str) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"namespace": namespace, "name": name},
        "spec": {"replicas": 0, "template": template(image)}})
}

/// A `CronJob` that is suspended.
pub fn cron_job(namespace: &str, name: &str, image: &str) -> Value {
    json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"namespace": namespace, "name": name},
        "spec": {"schedule": "0 3 * * 0", "suspend": true, "jobTemplate": {"spec": {"template": template(image)}}}})
}

/// A `PodTemplate`.
pub fn pod_template(namespace: &str, name: &str, image: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"namespace": namespace, "name": name},
        "template": template(image)})
}

/// A `ControllerRevision`, as StatefulSets and DaemonSets leave them.
pub fn controller_revision(namespace: &str, name: &str, image: &str) -> Value {
    let mut template = template(image);
    template["$patch"] = json!("replace");
    json!({"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": {"namespace": namespace, "name": name},
        "revision": 2, "data": {"spec": {"template": template}}})
}

/// A `ConfigMap` with one key.
pub fn config_map(namespace: &str, name: &str, text: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": namespace, "name": name},
        "data": {"settings": text}})
}

/// Makes an object owned by another.
pub fn owned(mut object: Value, kind: &str, name: &str) -> Value {
    object["metadata"]["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": kind, "name": name,
        "uid": "00000000-0000-4000-8000-000000000000", "controller": true, "blockOwnerDeletion": true}]);
    object
}

/// A release of Helm as a `Secret`.
pub fn helm_release(namespace: &str, name: &str, revision: u64, manifest: &str) -> Value {
    let release = json!({"name": name, "namespace": namespace, "version": revision, "manifest": manifest,
        "info": {"status": "superseded"}, "hooks": []});
    helm_secret(
        namespace,
        name,
        revision,
        &STANDARD.encode(packed(release.to_string().as_bytes())),
    )
}

/// A `Secret` that says it is a release of Helm, with whatever in it.
pub fn helm_secret(namespace: &str, name: &str, revision: u64, release: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
        "metadata": {"namespace": namespace, "name": format!("sh.helm.release.v1.{name}.v{revision}"),
            "labels": {"owner": "helm", "name": name, "status": "superseded", "version": revision.to_string()}},
        "data": {"release": STANDARD.encode(release)}})
}

pub(super) fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory cannot fail.
    drop(packed.write_all(bytes));
    packed.finish().unwrap_or_default()
}
