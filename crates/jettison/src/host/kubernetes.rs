//! Whether this machine is a node of Kubernetes, where the kubelet takes images away and counts on the others.

use std::fs;
use std::path::Path;

use super::engine::{EngineError, HostEngine};

/// The label that every container of a Pod has.
const OF_A_POD: &str = "io.kubernetes.pod.namespace";

/// What shows that a kubelet works here: its files, its process, or that this is a Pod itself. `None`: nothing does.
pub fn signs_of_kubernetes() -> Option<String> {
    let in_a_pod = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
    signs_in(Path::new("/"), in_a_pod)
}

/// A container of a Pod on this engine, if there is one.
///
/// # Errors
/// If the engine does not tell its containers.
pub async fn pods_of(engine: &dyn HostEngine) -> Result<Option<String>, EngineError> {
    let containers = engine.containers().await?;
    let mut of_pods = containers
        .iter()
        .filter(|container| container.labels.contains_key(OF_A_POD));
    Ok(of_pods
        .next()
        .map(|container| format!("{} belongs to a Pod", container.told)))
}

fn signs_in(root: &Path, in_a_pod: bool) -> Option<String> {
    if in_a_pod {
        return Some("this process runs in a Pod (KUBERNETES_SERVICE_HOST is set)".to_owned());
    }
    let folder = root.join("var/lib/kubelet");
    for name in ["config.yaml", "pki"] {
        if folder.join(name).exists() {
            return Some(format!("there is {}", folder.join(name).display()));
        }
    }
    let processes = fs::read_dir(root.join("proc")).into_iter().flatten().flatten();
    let mut names = processes.filter_map(|process| fs::read_to_string(process.path().join("comm")).ok());
    names
        .any(|name| name.trim() == "kubelet")
        .then(|| "a kubelet runs here".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sign_alone_is_enough() {
        for (file, content, in_a_pod, expected) in [
            ("var/lib/kubelet/config.yaml", "", false, Some("config.yaml")),
            ("var/lib/kubelet/pki/key", "", false, Some("pki")),
            ("proc/17/comm", "kubelet\n", false, Some("a kubelet runs")),
            ("proc/17/comm", "kubelet-lookalike\n", false, None),
            ("var/lib/kubelet/plugins/x", "", false, None),
            ("etc/hosts", "", true, Some("in a Pod")),
        ] {
            let root = tempfile::tempdir().unwrap();
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
            let told = signs_in(root.path(), in_a_pod);
            let fits = match expected {
                Some(expected) => told.as_ref().is_some_and(|told| told.contains(expected)),
                None => told.is_none(),
            };
            assert!(fits, "{file}: {told:?}");
        }
    }
}
