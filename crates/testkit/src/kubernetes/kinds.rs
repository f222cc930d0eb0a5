//! The kinds of objects that a cluster has.

/// A kind of object, as discovery tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// The API group; empty for the core group.
    pub group: String,
    /// `v1`
    pub version: String,
    /// `deployments`
    pub plural: String,
    /// `Deployment`
    pub kind: String,
    /// What can be done with it.
    pub verbs: Vec<String>,
}

/// Group, version, plural and kind of what every cluster has, in the order of its discovery.
const BUILT_IN: [(&str, &str, &str, &str); 33] = [
    ("", "v1", "configmaps", "ConfigMap"),
    ("", "v1", "endpoints", "Endpoints"),
    ("", "v1", "events", "Event"),
    ("", "v1", "limitranges", "LimitRange"),
    ("", "v1", "namespaces", "Namespace"),
    ("", "v1", "nodes", "Node"),
    ("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim"),
    ("", "v1", "persistentvolumes", "PersistentVolume"),
    ("", "v1", "pods", "Pod"),
    ("", "v1", "podtemplates", "PodTemplate"),
    ("", "v1", "replicationcontrollers", "ReplicationController"),
    ("", "v1", "resourcequotas", "ResourceQuota"),
    ("", "v1", "secrets", "Secret"),
    ("", "v1", "serviceaccounts", "ServiceAccount"),
    ("", "v1", "services", "Service"),
    ("apiregistration.k8s.io", "v1", "apiservices", "APIService"),
    ("apps", "v1", "controllerrevisions", "ControllerRevision"),
    ("apps", "v1", "daemonsets", "DaemonSet"),
    ("apps", "v1", "deployments", "Deployment"),
    ("apps", "v1", "replicasets", "ReplicaSet"),
    ("apps", "v1", "statefulsets", "StatefulSet"),
    ("events.k8s.io", "v1", "events", "Event"),
    (
        "autoscaling",
        "v2",
        "horizontalpodautoscalers",
        "HorizontalPodAutoscaler",
    ),
    (
        "autoscaling",
        "v1",
        "horizontalpodautoscalers",
        "HorizontalPodAutoscaler",
    ),
    ("batch", "v1", "cronjobs", "CronJob"),
    ("batch", "v1", "jobs", "Job"),
    ("networking.k8s.io", "v1", "ingresses", "Ingress"),
    ("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole"),
    ("storage.k8s.io", "v1", "storageclasses", "StorageClass"),
    (
        "admissionregistration.k8s.io",
        "v1",
        "mutatingwebhookconfigurations",
        "MutatingWebhookConfiguration",
    ),
    (
        "apiextensions.k8s.io",
        "v1",
        "customresourcedefinitions",
        "CustomResourceDefinition",
    ),
    ("coordination.k8s.io", "v1", "leases", "Lease"),
];

impl Kind {
    /// A kind that can be listed.
    pub fn listed(group: &str, version: &str, plural: &str, kind: &str) -> Self {
        let verbs = ["create", "delete", "get", "list", "update", "watch"];
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            plural: plural.to_owned(),
            kind: kind.to_owned(),
            verbs: verbs.map(str::to_owned).to_vec(),
        }
    }

    /// A kind that can only be created: reviews and the like.
    pub fn created_only(group: &str, version: &str, plural: &str, kind: &str) -> Self {
        Self {
            verbs: vec!["create".to_owned()],
            ..Self::listed(group, version, plural, kind)
        }
    }

    /// `deployments.apps`
    pub fn name(&self) -> String {
        match self.group.as_str() {
            "" => self.plural.clone(),
            group => format!("{}.{group}", self.plural),
        }
    }

    /// `apps/v1`
    pub(super) fn api_version(&self) -> String {
        match self.group.as_str() {
            "" => self.version.clone(),
            group => format!("{group}/{}", self.version),
        }
    }

    pub(super) fn is_listed(&self) -> bool {
        self.verbs.iter().any(|verb| verb == "list")
    }
}

/// What every cluster has.
pub(super) fn built_in() -> Vec<Kind> {
    let mut kinds: Vec<Kind> = BUILT_IN
        .iter()
        .map(|(group, version, plural, kind)| Kind::listed(group, version, plural, kind))
        .collect();
    kinds.push(Kind::created_only("", "v1", "bindings", "Binding"));
    kinds.push(Kind::created_only(
        "authorization.k8s.io",
        "v1",
        "selfsubjectaccessreviews",
        "SelfSubjectAccessReview",
    ));
    kinds
}
