//! Doors for the fuzz targets into what reads a cluster's answers.

use std::collections::BTreeSet;

use jettison_core::config::{Config, KubernetesSource};
use jettison_core::model::RegistryHost;

use super::kinds::{Kind, tasks};
use super::names::ManagedNames;
use super::sweep::Sweep;
use super::{page, read};
use crate::usage::said::Said;

/// Reads one page of a list of this kind (`deployments.apps`) as if only `managed` were managed; what leads to the next.
pub(in crate::usage) fn listed(
    name: &str,
    body: &[u8],
    managed: &RegistryHost,
    said: &mut Said,
) -> Option<Result<Option<String>, String>> {
    let (plural, group) = name.split_once('.').unwrap_or((name, ""));
    let kind = Kind {
        group: group.to_owned(),
        version: "v1".to_owned(),
        plural: plural.to_owned(),
        kind: "Kind".to_owned(),
    };
    let source = KubernetesSource {
        context: None,
        kubeconfig: None,
        in_cluster: false,
        helm: true,
        leave_out: Vec::new(),
        timeout_seconds: 1,
    };
    let task = tasks(vec![kind], &source).pop()?;
    let config = Config::parse("jettison.yaml", "").ok()?.0;
    let names = ManagedNames::of(&BTreeSet::from([managed.clone()]), &config);
    let sweep = Sweep::new(&names);
    let next = page::read(body, &mut |item| read(&task, item, &sweep, said));
    Some(next.map_err(|failure| task.told(&failure)))
}
