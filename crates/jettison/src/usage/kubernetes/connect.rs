//! From a configured cluster to a client for it: kubeconfig, context, credentials.
//!
//! Errors never repeat the content of a kubeconfig or what a credential plugin printed.

use std::path::Path;

use jettison_core::config::KubernetesSource;
use jettison_core::model::legible;
use kube::client::{AuthError, ClientBuilder};
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError, LoadDataError};
use kube::{Client, Config};
use url::Url;

use crate::registry::is_loopback;

/// Contexts are named in an error, but not more than these.
const TOLD: usize = 20;

/// Why a cluster cannot be asked at all.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("{0}; see `context` and `kubeconfig` of this source")]
    Kubeconfig(String),
    #[error("not in a cluster: {0}; `in-cluster` needs the service account of a pod")]
    NotInCluster(String),
    #[error(
        "{0} would be asked without encryption, and anybody on the way could hide what runs; name it with https://"
    )]
    Plain(String),
    #[error(
        "its certificate would not be checked, and whoever poses as it would get the credentials and could hide what runs; give the kubeconfig the authority to trust (`certificate-authority` or `certificate-authority-data`) instead of `insecure-skip-tls-verify`"
    )]
    Unchecked,
    #[error("no client for it: {0}")]
    Client(String),
}

/// A client for the cluster. Runs the credential plugin that the kubeconfig names, if any.
pub(super) async fn client(source: &KubernetesSource, base: &Path) -> Result<Client, ConnectError> {
    let mut config = match source.in_cluster {
        true => Config::incluster().map_err(|error| ConnectError::NotInCluster(error.to_string()))?,
        false => from_kubeconfig(source, base).await?,
    };
    expect_trust(&config)?;
    // It would wait for minutes on one broken part of a cluster. `api` asks again a few times.
    config.default_retry = false;
    built(config).await
}

/// Who poses as the cluster could say that nothing runs. On the way to this machine there is nobody; but on it others may
/// listen at the port of a cluster that is down.
fn expect_trust(config: &Config) -> Result<(), ConnectError> {
    let url = config.cluster_url.to_string();
    let is_here = Url::parse(&url).is_ok_and(|url| is_loopback(&url));
    match config.cluster_url.scheme_str() {
        Some("https") if config.accept_invalid_certs => Err(ConnectError::Unchecked),
        Some("https") => Ok(()),
        _ if is_here => Ok(()),
        _ => Err(ConnectError::Plain(legible(&url))),
    }
}

/// A credential plugin is another program, and nobody knows how long it takes. So it runs on a thread that nothing waits for
/// at the end.
async fn built(config: Config) -> Result<Client, ConnectError> {
    let (done, client) = tokio::sync::oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    std::thread::spawn(move || {
        let _entered = runtime.enter();
        // Nobody waits any more if this fails.
        drop(done.send(ClientBuilder::try_from(config).map(ClientBuilder::build)));
    });
    match client.await {
        Ok(client) => client.map_err(|error| ConnectError::Client(told(&error))),
        Err(_) => Err(ConnectError::Client("making it failed unexpectedly".to_owned())),
    }
}

async fn from_kubeconfig(source: &KubernetesSource, base: &Path) -> Result<Config, ConnectError> {
    let file = source.kubeconfig.as_ref().map(|path| base.join(path));
    let name = named(file.as_deref());
    let kubeconfig = match &file {
        Some(file) => Kubeconfig::read_from(file),
        None => Kubeconfig::read(),
    }
    .map_err(|error| ConnectError::Kubeconfig(without_content(&error, &name, &[])))?;
    let contexts: Vec<String> = kubeconfig.contexts.iter().map(|context| context.name.clone()).collect();
    let options = KubeConfigOptions {
        context: source.context.clone(),
        ..KubeConfigOptions::default()
    };
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    config.map_err(|error| ConnectError::Kubeconfig(without_content(&error, &name, &contexts)))
}

/// Which kubeconfig is read, for people. Without a path it is found as `kubectl` finds it.
fn named(path: Option<&Path>) -> String {
    let paths = std::env::var_os("KUBECONFIG").filter(|paths| !paths.is_empty());
    match (path, paths) {
        (Some(path), _) => format!("the kubeconfig `{}`", legible(&path.display().to_string())),
        (None, Some(paths)) => format!("the kubeconfig `{}` (KUBECONFIG)", legible(&paths.to_string_lossy())),
        (None, None) => "the kubeconfig `~/.kube/config`".to_owned(),
    }
}

/// What is wrong with a kubeconfig, by its name and the contexts that it has.
fn without_content(error: &KubeconfigError, name: &str, contexts: &[String]) -> String {
    match error {
        // The parser's message shows the lines around a mistake, and tokens stand in them.
        KubeconfigError::Parse(error) => match error.location() {
            Some(place) => format!("{name} cannot be understood (line {})", place.line()),
            None => format!("{name} cannot be understood"),
        },
        KubeconfigError::ReadConfig(error, path) => {
            format!(
                "the kubeconfig `{}` cannot be read: {error}",
                legible(&path.display().to_string())
            )
        }
        KubeconfigError::FindPath => {
            "there is no folder to look for a kubeconfig in: set HOME or KUBECONFIG".to_owned()
        }
        KubeconfigError::CurrentContextNotSet => format!("{name} has no current context; {}", known(contexts)),
        KubeconfigError::LoadContext(context) => {
            format!("{name} has no context `{}`; {}", legible(context), known(contexts))
        }
        KubeconfigError::LoadClusterOfContext(cluster) => {
            format!("{name} has no cluster `{}`, which the context names", legible(cluster))
        }
        KubeconfigError::LoadCertificateAuthority(error) => format!("the authority in {name} {}", unread(error)),
        KubeconfigError::LoadClientCertificate(error) => format!("the client certificate in {name} {}", unread(error)),
        KubeconfigError::LoadClientKey(error) => format!("the client key in {name} {}", unread(error)),
        other => format!("{name}: {}", legible(&other.to_string())),
    }
}

fn unread(error: &LoadDataError) -> String {
    match error {
        LoadDataError::ReadFile(error, path) => {
            format!(
                "cannot be read from `{}`: {error}",
                legible(&path.display().to_string())
            )
        }
        _ => "cannot be understood".to_owned(),
    }
}

/// The contexts there are, to find a slip of the pen by.
fn known(contexts: &[String]) -> String {
    let names: Vec<String> = contexts.iter().take(TOLD).map(|name| legible(name)).collect();
    match names.is_empty() {
        true => "it has none".to_owned(),
        false => format!("it has `{}`", names.join("`, `")),
    }
}

/// What went wrong with a request, without what a credential plugin printed.
pub(super) fn told(error: &kube::Error) -> String {
    match error {
        // Its command line may hold a credential too.
        kube::Error::Auth(AuthError::AuthExecRun { out, .. }) => {
            format!("the credential plugin of the kubeconfig failed ({})", out.status)
        }
        kube::Error::Auth(AuthError::AuthExecParse(_)) => "the credential plugin printed no credential".to_owned(),
        other => causes(other),
    }
}

/// An error with its causes. Of the client's own only the causes tell anything.
fn causes(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_told = cause.to_string();
        if !told.contains(&cause_told) {
            told = format!("{told}: {cause_told}");
        }
        next = cause.source();
    }
    legible(&told)
}
