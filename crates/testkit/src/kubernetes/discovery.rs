//! Tells which kinds there are: all at once (since 1.26), or group by group.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::kinds::Kind;

/// The form that answers everything at once.
pub(super) const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// Versions and their kinds, by group, each in the order in which they were defined.
type Groups<'k> = BTreeMap<&'k str, Vec<(&'k str, Vec<&'k Kind>)>>;

fn groups(kinds: &[Kind]) -> Groups<'_> {
    let mut groups = Groups::new();
    for kind in kinds {
        let versions = groups.entry(&kind.group).or_default();
        match versions.iter_mut().find(|(version, _)| *version == kind.version) {
            Some((_, kinds)) => kinds.push(kind),
            None => versions.push((&kind.version, vec![kind])),
        }
    }
    groups
}

/// `/api` or `/apis` as one document. Groups in `stale` tell what they knew.
pub(super) fn aggregated(kinds: &[Kind], root: &str, stale: &[String]) -> Value {
    let of_root = |group: &&str| group.is_empty() == (root == "api");
    let groups = groups(kinds);
    let items: Vec<Value> = groups
        .iter()
        .filter(|(group, _)| of_root(group))
        .map(|(group, versions)| {
            let is_stale = stale.iter().any(|name| name == group);
            let freshness = if is_stale { "Stale" } else { "Current" };
            let versions: Vec<Value> = versions
                .iter()
                .map(|(version, kinds)| {
                    let resources: Vec<Value> = kinds.iter().map(|kind| aggregated_resource(kind)).collect();
                    json!({"version": version, "freshness": freshness, "resources": resources})
                })
                .collect();
            json!({"metadata": {"name": group, "creationTimestamp": null}, "versions": versions})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

fn aggregated_resource(kind: &Kind) -> Value {
    let response = json!({"group": kind.group, "version": kind.version, "kind": kind.kind});
    json!({"resource": kind.plural, "responseKind": response, "scope": "Namespaced", "singularResource": "",
        "verbs": kind.verbs, "subresources": [
            {"subresource": "status", "responseKind": response, "verbs": ["get", "patch", "update"]}]})
}

/// `/api` as it was before.
pub(super) fn core_versions() -> Value {
    json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})
}

/// `/apis` as it was before.
pub(super) fn group_list(kinds: &[Kind]) -> Value {
    let groups: Vec<Value> = groups(kinds)
        .into_iter()
        .filter(|(group, _)| !group.is_empty())
        .map(|(group, versions)| {
            let versions: Vec<Value> = versions
                .iter()
                .map(|(version, _)| json!({"groupVersion": format!("{group}/{version}"), "version": version}))
                .collect();
            json!({"name": group, "preferredVersion": versions[0], "versions": versions})
        })
        .collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// The kinds of one version of one group, as they were told before; `None` if there is no such version.
pub(super) fn resource_list(kinds: &[Kind], group: &str, version: &str) -> Option<Value> {
    let kinds: Vec<&Kind> = kinds
        .iter()
        .filter(|kind| kind.group == group && kind.version == version)
        .collect();
    let first = kinds.first()?;
    let resources: Vec<Value> = kinds
        .iter()
        .flat_map(|kind| {
            let status = json!({"name": format!("{}/status", kind.plural), "singularName": "", "namespaced": true,
                "kind": kind.kind, "verbs": ["get", "patch", "update"]});
            let whole = json!({"name": kind.plural, "singularName": "", "namespaced": true, "kind": kind.kind,
                "verbs": kind.verbs});
            [whole, status]
        })
        .collect();
    let version = first.api_version();
    Some(json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}))
}
