//! The socket of another machine, brought here by `ssh`: a socket in a folder of its own that `ssh` forwards.
//!
//! Uses the `ssh` of the system with its configuration, keys and known hosts, and never asks anybody anything. It ends
//! with its value.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use jettison_core::model::legible;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::address::Login;

/// How often is looked whether the socket is there.
const POLL: Duration = Duration::from_millis(20);

/// So much of what `ssh` complains about is read.
const MOST_COMPLAINT: u64 = 16 * 1024;

/// Whatever a person's own configuration says: no questions, no master connection that outlives this one, nothing
/// forwarded but the socket.
const OPTIONS: [&str; 5] = [
    "BatchMode=yes",
    "ConnectTimeout=20",
    "ControlPath=none",
    "ExitOnForwardFailure=yes",
    "PermitLocalCommand=no",
];

/// A forwarded socket.
#[derive(Debug)]
pub(crate) struct Tunnel {
    folder: TempDir,
    /// Killed when this value goes.
    _ssh: Child,
}

/// Why there is no tunnel.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TunnelError {
    #[error("`{program}` could not be started: {source}; an ssh:// address needs the OpenSSH client")]
    NotStarted { program: String, source: std::io::Error },
    #[error("there is no place for the forwarded socket: {0}")]
    NoPlace(#[source] std::io::Error),
    #[error("`{program}` to {host} ended with {status}{complaint}")]
    Ended {
        program: String,
        host: String,
        status: ExitStatus,
        complaint: String,
    },
}

impl Tunnel {
    /// Logs in with `program`, and waits until the socket is there.
    pub(crate) async fn dig(program: &str, login: &Login) -> Result<Self, TunnelError> {
        let folder = tempfile::tempdir().map_err(TunnelError::NoPlace)?;
        let complaint = File::create(folder.path().join("complaint")).map_err(TunnelError::NoPlace)?;
        let socket = folder.path().join("socket");
        let mut ssh = Command::new(program)
            .args(["-N", "-T", "-n", "-a", "-x"])
            .args(OPTIONS.iter().flat_map(|option| ["-o", option]))
            .args(login.user.iter().flat_map(|user| ["-l", user]))
            .args(login.port.iter().flat_map(|port| ["-p".to_owned(), port.to_string()]))
            .arg("-L")
            .arg(format!("{}:{}", socket.display(), login.socket))
            .args(["--", &login.host])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(complaint)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| TunnelError::NotStarted {
                program: program.to_owned(),
                source,
            })?;
        while !socket.exists() {
            if let Some(status) = ssh.try_wait().map_err(TunnelError::NoPlace)? {
                return Err(TunnelError::Ended {
                    program: program.to_owned(),
                    host: legible(&login.host),
                    status,
                    complaint: complaint_in(&folder),
                });
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(Self { folder, _ssh: ssh })
    }

    /// Where the other machine's socket is found here.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// What `ssh` complained about last, if it did.
    pub(crate) fn complaint(&self) -> String {
        complaint_in(&self.folder)
    }
}

fn complaint_in(folder: &TempDir) -> String {
    let mut text = Vec::new();
    if let Ok(file) = File::open(folder.path().join("complaint")) {
        // What was read before an error is all there is to tell.
        drop(file.take(MOST_COMPLAINT).read_to_end(&mut text));
    }
    match legible(String::from_utf8_lossy(&text).trim().lines().last().unwrap_or_default()) {
        nothing if nothing.is_empty() => nothing,
        last => format!(": {last}"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// Stands in for `ssh`.
    fn program(script: &str) -> (TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ssh");
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o700)).unwrap();
        let name = file.display().to_string();
        (folder, name)
    }

    fn login() -> Login {
        Login {
            user: Some("me".to_owned()),
            host: "prod".to_owned(),
            port: Some(2222),
            socket: "/run/docker.sock".to_owned(),
        }
    }

    #[tokio::test]
    async fn what_ssh_complains_about_is_told() {
        let (_folder, ssh) =
            program("echo 'Warning: added' >&2; echo 'me@prod: Permission denied (publickey).' >&2; exit 255");
        let why = Tunnel::dig(&ssh, &login()).await.unwrap_err().to_string();
        assert!(
            why.ends_with("to prod ended with exit status: 255: me@prod: Permission denied (publickey)."),
            "{why}"
        );
        let why = Tunnel::dig("/nowhere/ssh", &login()).await.unwrap_err().to_string();
        assert!(why.contains("needs the OpenSSH client"), "{why}");
    }

    #[tokio::test]
    async fn ssh_is_told_to_forward_one_socket_to_ask_nothing_and_ends_with_the_tunnel() {
        let script = r#"
while [ $# -gt 0 ]; do
  case "$1" in
    -L) : > "${2%%:*}.said"; echo "$@" > "${2%%:*}.rest"; echo $$ > "${2%%:*}.pid"; mv "${2%%:*}.said" "${2%%:*}"; shift;;
    BatchMode=yes) asked=no;;
  esac
  shift
done
[ "$asked" = no ] && exec sleep 60"#;
        let (_folder, ssh) = program(script);
        let tunnel = Tunnel::dig(&ssh, &login()).await.unwrap();
        let beside = |name: &str| std::fs::read_to_string(tunnel.socket().with_extension(name)).unwrap();
        let rest = beside("rest");
        assert!(rest.trim_end().ends_with(":/run/docker.sock -- prod"), "{rest}");
        let process = format!("/proc/{}/cmdline", beside("pid").trim());
        assert!(std::path::Path::new(&process).exists());
        drop(tunnel);
        // The runtime takes it off the list of processes in its own time.
        for _ in 0..250 {
            if std::fs::read(&process).is_ok_and(|line| !line.is_empty()) {
                tokio::time::sleep(POLL).await;
            }
        }
        assert!(
            std::fs::read(&process).map_or(true, |line| line.is_empty()),
            "it goes on"
        );
    }
}
