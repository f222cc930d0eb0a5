//! Who may list what, from RBAC objects in YAML.

use serde_json::Value;

use super::kinds::Kind;

/// A service account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Why a text holds no RBAC objects.
#[derive(Debug, thiserror::Error)]
#[error("no YAML: {0}")]
pub struct NotRbac(String);

/// Roles and bindings.
#[derive(Debug, Clone, Default)]
pub struct Rbac {
    objects: Vec<Value>,
}

impl Rbac {
    /// Reads files as `kubectl apply` takes them. Objects of other kinds are passed over.
    ///
    /// # Errors
    /// If a file is no YAML.
    pub fn read(files: &[&str]) -> Result<Self, NotRbac> {
        let mut objects = Vec::new();
        for file in files {
            let read: Vec<Value> = serde_saphyr::from_multiple(file).map_err(|error| NotRbac(error.to_string()))?;
            objects.extend(read);
        }
        Ok(Self { objects })
    }

    /// The service accounts that are defined here.
    pub fn accounts(&self) -> Vec<Account> {
        self.of_kind("ServiceAccount")
            .map(|object| Account {
                namespace: text(&object["metadata"]["namespace"]),
                name: text(&object["metadata"]["name"]),
            })
            .collect()
    }

    /// Takes a resource out of every rule, as somebody may have done in a cluster.
    pub fn revoke(&mut self, plural: &str) {
        for object in &mut self.objects {
            let rules = object.get_mut("rules").and_then(Value::as_array_mut);
            for rule in rules.into_iter().flatten() {
                if let Some(resources) = rule.get_mut("resources").and_then(Value::as_array_mut) {
                    resources.retain(|resource| resource != plural);
                }
            }
        }
    }

    pub(super) fn may_list(&self, account: &Account, kind: &Kind) -> bool {
        self.of_kind("ClusterRoleBinding")
            .filter(|binding| binds(binding, account))
            .flat_map(|binding| self.rules(&binding["roleRef"]["name"]))
            .any(|rule| allows(rule, kind))
    }

    fn rules<'r>(&'r self, role: &'r Value) -> impl Iterator<Item = &'r Value> {
        self.of_kind("ClusterRole")
            .filter(move |object| object["metadata"]["name"] == *role)
            .flat_map(|object| object["rules"].as_array().into_iter().flatten())
    }

    fn of_kind(&self, kind: &'static str) -> impl Iterator<Item = &Value> {
        self.objects.iter().filter(move |object| object["kind"] == kind)
    }
}

fn binds(binding: &Value, account: &Account) -> bool {
    let subjects = binding["subjects"].as_array().into_iter().flatten();
    binding["roleRef"]["kind"] == "ClusterRole"
        && subjects.into_iter().any(|subject| {
            subject["kind"] == "ServiceAccount"
                && subject["name"] == account.name
                && subject["namespace"] == account.namespace
        })
}

fn allows(rule: &Value, kind: &Kind) -> bool {
    let has = |key: &str, wanted: &str| {
        let values = rule[key].as_array().into_iter().flatten();
        values.into_iter().any(|value| value == wanted || value == "*")
    };
    has("apiGroups", &kind.group) && has("resources", &kind.plural) && has("verbs", "list")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
