//! Where an engine listens and how it is spoken to, from the configuration. Opens nothing.
//!
//! The local engine is the one at its usual socket, whatever `DOCKER_HOST` or the current context of somebody's shell
//! say: a source must not mean another host when another person runs it.

use std::path::{Path, PathBuf};

use jettison_core::config::{ContainerEngine, EngineSource};
use jettison_core::model::legible;
use url::Url;

use super::context::{self, ContextError};
use crate::registry::is_loopback;

const DOCKER_SOCKET: &str = "/var/run/docker.sock";
const PODMAN_SOCKET: &str = "/run/podman/podman.sock";

/// By convention TLS is spoken at this port, and nothing but TLS.
const TLS_PORT: u16 = 2376;
const PLAIN_PORT: u16 = 2375;

/// How an engine is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// A socket of this machine.
    Socket(PathBuf),
    /// Plain HTTP, to this machine alone.
    Plain(Url),
    /// HTTPS.
    Encrypted(Url, Tls),
    /// A socket of another machine, by `ssh`.
    Ssh(Login),
}

/// Certificates, all of them PEM files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Tls {
    /// The only authorities to trust, if given.
    pub(crate) ca: Option<PathBuf>,
    /// The client's certificate and its key.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
}

/// Whom `ssh` logs in as, and the socket there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: Option<String>,
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    pub(crate) socket: String,
}

/// Why an address cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AddressError {
    #[error(
        "`{0}` is no address of an engine; one looks like unix:///run/docker.sock, tcp://host:2376 or ssh://user@host"
    )]
    Unknown(String),
    #[error("`{0}` holds a password, which has no place there; use keys or certificates")]
    Password(String),
    #[error(
        "{0} would be asked without encryption, and anybody on the way could hide what runs; name a `ca-file` to speak \
         TLS, or use ssh://"
    )]
    Plain(String),
    #[error("the socket `{0}` has to be named by its full path, without `:`")]
    Path(String),
    #[error(transparent)]
    Context(#[from] ContextError),
}

/// What the environment says of the places that are usual.
#[derive(Debug, Default)]
pub(crate) struct Surroundings {
    /// Docker's folder, with its contexts.
    pub(crate) docker: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`, where a user's own Podman listens.
    pub(crate) runtime: Option<PathBuf>,
}

impl Surroundings {
    pub(crate) fn of_this_process() -> Self {
        let folder = |name| std::env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
        Self {
            docker: folder("DOCKER_CONFIG").or_else(|| Some(folder("HOME")?.join(".docker"))),
            runtime: folder("XDG_RUNTIME_DIR"),
        }
    }
}

impl Address {
    /// The address that a source names; files are relative to `base`.
    pub(crate) fn of(source: &EngineSource, base: &Path, surroundings: &Surroundings) -> Result<Self, AddressError> {
        let file = |name: &Option<String>| name.as_ref().map(|name| base.join(name));
        let mut tls = Tls {
            ca: file(&source.ca_file),
            identity: file(&source.client_certificate).zip(file(&source.client_key)),
        };
        let host = match (&source.host, &source.context) {
            (Some(host), _) => host.clone(),
            (None, Some(name)) if name != context::DEFAULT => {
                let entry = context::find(name, surroundings.docker.as_deref())?;
                tls.ca = tls.ca.or(entry.tls.ca);
                tls.identity = tls.identity.or(entry.tls.identity);
                entry.host
            }
            _ => return Ok(Self::Socket(usual_socket(source.engine, surroundings))),
        };
        Self::read(&host, tls, source.engine)
    }

    /// The address, for people.
    pub(crate) fn told(&self) -> String {
        match self {
            Self::Socket(path) => path.display().to_string(),
            Self::Plain(url) | Self::Encrypted(url, _) => url.to_string(),
            Self::Ssh(login) => format!("{} on {}", login.socket, legible(&login.host)),
        }
    }

    fn read(host: &str, tls: Tls, engine: ContainerEngine) -> Result<Self, AddressError> {
        let unknown = || AddressError::Unknown(legible(host));
        if let Some(path) = host.strip_prefix("unix://") {
            return match Path::new(path).is_absolute() {
                true => Ok(Self::Socket(path.into())),
                false => Err(AddressError::Path(legible(path))),
            };
        }
        let url = Url::parse(host).map_err(|_| unknown())?;
        if let Some(password) = url.password() {
            return Err(AddressError::Password(legible(&host.replacen(password, "…", 1))));
        }
        match (url.scheme(), url.host_str()) {
            ("ssh", Some(name)) => login(&url, name, engine).map(Self::Ssh),
            ("tcp" | "http" | "https", Some(_)) if !matches!(url.path(), "" | "/") => Err(unknown()),
            ("tcp" | "http" | "https", Some(name)) if !name.is_empty() => over_network(&url, name, tls),
            _ => Err(unknown()),
        }
    }
}

/// A user's own Podman listens elsewhere than the one of the machine; where there is one, it is meant.
fn usual_socket(engine: ContainerEngine, surroundings: &Surroundings) -> PathBuf {
    if engine == ContainerEngine::Docker {
        return DOCKER_SOCKET.into();
    }
    let own = surroundings.runtime.as_ref().map(|it| it.join("podman/podman.sock"));
    own.filter(|socket| socket.exists())
        .unwrap_or_else(|| PODMAN_SOCKET.into())
}

fn over_network(url: &Url, name: &str, tls: Tls) -> Result<Address, AddressError> {
    let unknown = |_| AddressError::Unknown(legible(url.as_str()));
    let given = tls != Tls::default() && url.scheme() != "http";
    let encrypted = url.scheme() == "https" || given || (url.scheme() == "tcp" && url.port() == Some(TLS_PORT));
    let (scheme, usual) = if encrypted {
        ("https", TLS_PORT)
    } else {
        ("http", PLAIN_PORT)
    };
    // The port that goes without saying in a web address is no engine's.
    let port = match url.scheme() {
        "tcp" => url.port().unwrap_or(usual),
        _ => url.port_or_known_default().unwrap_or(usual),
    };
    let target = Url::parse(&format!("{scheme}://{name}:{port}/")).map_err(unknown)?;
    match encrypted {
        true => Ok(Address::Encrypted(target, tls)),
        false if is_loopback(&target) => Ok(Address::Plain(target)),
        false => Err(AddressError::Plain(legible(url.as_str()))),
    }
}

fn login(url: &Url, name: &str, engine: ContainerEngine) -> Result<Login, AddressError> {
    let socket = match (url.path(), engine) {
        ("" | "/", ContainerEngine::Docker) => DOCKER_SOCKET,
        ("" | "/", ContainerEngine::Podman) => PODMAN_SOCKET,
        (path, _) => path,
    };
    if socket.contains(':') {
        return Err(AddressError::Path(legible(socket)));
    }
    let host = name.trim_start_matches('[').trim_end_matches(']');
    // Nothing that `ssh` could take for an option.
    if host.is_empty() || host.starts_with('-') || url.username().starts_with('-') {
        return Err(AddressError::Unknown(legible(url.as_str())));
    }
    Ok(Login {
        user: Some(url.username().to_owned()).filter(|user| !user.is_empty()),
        host: host.to_owned(),
        port: url.port(),
        socket: socket.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(host: Option<&str>) -> EngineSource {
        EngineSource {
            engine: ContainerEngine::Docker,
            host: host.map(str::to_owned),
            context: None,
            ca_file: None,
            client_certificate: None,
            client_key: None,
            swarm: false,
            timeout_seconds: 5,
        }
    }

    fn read(source: &EngineSource) -> Result<Address, AddressError> {
        Address::of(source, Path::new("/etc/jettison"), &Surroundings::default())
    }

    fn shown(host: &str, with_authority: bool) -> String {
        let mut source = source(Some(host));
        source.ca_file = with_authority.then(|| "ca.pem".to_owned());
        match read(&source) {
            Ok(Address::Socket(path)) => format!("socket {}", path.display()),
            Ok(Address::Plain(url)) => format!("plain {url}"),
            Ok(Address::Encrypted(url, tls)) => format!("tls {url} {:?}", tls.ca.unwrap_or_default()),
            Ok(Address::Ssh(it)) => format!("ssh {:?} {} {:?} {}", it.user, it.host, it.port, it.socket),
            Err(error) => format!("error {error}"),
        }
    }

    #[test]
    fn an_address_is_read_as_docker_reads_it() {
        for (host, with_authority, expected) in [
            ("unix:///run/docker.sock", false, "socket /run/docker.sock"),
            ("tcp://127.0.0.1:2375", false, "plain http://127.0.0.1:2375/"),
            ("tcp://localhost", false, "plain http://localhost:2375/"),
            ("tcp://[::1]:80", false, "plain http://[::1]/"),
            ("tcp://host:2376", false, r#"tls https://host:2376/ """#),
            ("tcp://host", true, r#"tls https://host:2376/ "/etc/jettison/ca.pem""#),
            (
                "tcp://host:2375",
                true,
                r#"tls https://host:2375/ "/etc/jettison/ca.pem""#,
            ),
            ("https://host", false, r#"tls https://host/ """#),
            (
                "ssh://me@host",
                false,
                r#"ssh Some("me") host None /var/run/docker.sock"#,
            ),
            (
                "ssh://host:22/run/user/1/docker.sock",
                false,
                "ssh None host Some(22) /run/user/1/docker.sock",
            ),
            (
                "ssh://me@[::1]",
                false,
                r#"ssh Some("me") ::1 None /var/run/docker.sock"#,
            ),
        ] {
            assert_eq!(shown(host, with_authority), expected, "{host}");
        }
    }

    #[test]
    fn an_address_that_cannot_be_trusted_or_understood_is_refused() {
        for (host, with_authority, expected) in [
            ("tcp://host:2375", false, "without encryption"),
            ("tcp://192.0.2.1", false, "without encryption"),
            ("http://host:2376", true, "without encryption"),
            ("tcp://me:secret@host:2376", false, "holds a password"),
            ("ssh://me:secret@host", false, "holds a password"),
            ("unix://docker.sock", false, "full path"),
            ("ssh://host/run/a:b.sock", false, "without `:`"),
            ("ssh://-oProxyCommand=id", false, "is no address"),
            ("npipe:////./pipe/docker_engine", false, "is no address"),
            ("tcp://host:2376/elsewhere", false, "is no address"),
            ("/run/docker.sock", false, "is no address"),
            ("tcp://", false, "is no address"),
            ("", false, "is no address"),
        ] {
            let said = shown(host, with_authority);
            assert!(said.starts_with("error ") && said.contains(expected), "{host}: {said}");
            assert!(!said.contains("secret"), "{said}");
        }
    }

    #[test]
    fn without_an_address_the_local_engine_is_meant() {
        let mut source = source(None);
        assert_eq!(read(&source).unwrap(), Address::Socket(DOCKER_SOCKET.into()));
        source.context = Some("default".to_owned());
        assert_eq!(read(&source).unwrap(), Address::Socket(DOCKER_SOCKET.into()));

        source = EngineSource {
            engine: ContainerEngine::Podman,
            context: None,
            ..source
        };
        let runtime = tempfile::tempdir().unwrap();
        let surroundings = Surroundings {
            docker: None,
            runtime: Some(runtime.path().to_owned()),
        };
        let found = || Address::of(&source, Path::new("/"), &surroundings).unwrap();
        assert_eq!(found(), Address::Socket(PODMAN_SOCKET.into()));
        let own = runtime.path().join("podman/podman.sock");
        std::fs::create_dir(runtime.path().join("podman")).unwrap();
        std::fs::write(&own, "").unwrap();
        assert_eq!(found(), Address::Socket(own));
    }
}
