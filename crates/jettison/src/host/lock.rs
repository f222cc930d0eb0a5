//! One run an engine on this machine, by an abstract Unix socket: the kernel frees it with the process, however that ends.
//!
//! It holds within one network namespace: a container with a network of its own does not see it.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::time::Duration;

use jettison_core::model::Digest;

use super::HostError;

/// Whoever holds a lock is asked for no longer than that.
const PATIENCE: Duration = Duration::from_secs(1);

/// A lock that is held until this goes.
#[derive(Debug)]
pub(super) struct HostLock(#[expect(dead_code, reason = "it is held, not used")] UnixListener);

impl HostLock {
    /// Takes the lock of the engine with this id; `told` is the engine, for people.
    pub(super) async fn take(engine: &str, told: &str) -> Result<Self, HostError> {
        // Names of sockets are short, and an engine may call itself anything.
        let name = format!("jettison-host-{}", Digest::of(engine.as_bytes()).hex());
        let bound = SocketAddr::from_abstract_name(&name).and_then(|address| UnixListener::bind_addr(&address));
        match bound {
            Ok(listener) => Ok(Self(listener)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(HostError::Locked {
                engine: told.to_owned(),
                process: holder(&name).await,
            }),
            Err(source) => Err(HostError::NoLock {
                engine: told.to_owned(),
                source,
            }),
        }
    }
}

/// Whoever listens there.
async fn holder(name: &str) -> Option<i32> {
    let connected = tokio::net::UnixStream::connect(format!("\0{name}"));
    let stream = tokio::time::timeout(PATIENCE, connected).await.ok()?.ok()?;
    stream.peer_cred().ok()?.pid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lock_is_held_once_told_by_its_holder_and_free_when_that_is_gone() {
        let engine = format!("a test of process {}", std::process::id());
        let held = HostLock::take(&engine, "Docker").await.unwrap();
        let other = HostLock::take(&format!("{engine}, another engine"), "Docker").await;
        assert!(other.is_ok());
        for _ in 0..3 {
            let refused = HostLock::take(&engine, "Docker").await.unwrap_err().to_string();
            let process = format!("(process {})", std::process::id());
            assert!(refused.contains(&process), "{refused}");
        }
        drop(held);
        assert!(HostLock::take(&engine, "Docker").await.is_ok());
    }
}
