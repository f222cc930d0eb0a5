//! An OCI registry in this process, on loopback, in memory (distribution-spec 1.1).
//!
//! [`Options`] chooses which registry it plays, [`Handle::fail`] lets it misbehave, and [`Handle::requests`]
//! tells what was asked of it. It must not serve anything but tests and demonstrations.
mod auth;
mod blobs;
mod contents;
mod endpoint;
mod error;
mod faults;
mod handle;
mod links;
mod lists;
mod manifests;
mod observe;
mod options;
mod reply;
mod routes;
mod server;
mod spoil;
#[cfg(test)]
mod tests;
mod tokens;
mod uploads;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use contents::Freed;
pub use endpoint::Class;
pub use faults::{Effect, Fault};
pub use handle::Handle;
pub use observe::Request;
pub use options::{Auth, Options};

/// How long [`TestRegistry::stop`] waits for requests that are being answered.
const PATIENCE: Duration = Duration::from_secs(2);

/// A running registry; it stops when this is dropped. Everything else is on its [`Handle`].
pub struct TestRegistry {
    handle: Handle,
    task: JoinHandle<io::Result<()>>,
}

impl TestRegistry {
    /// Starts a registry on 127.0.0.1.
    ///
    /// # Errors
    /// The port is taken, or the machine gives out none.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, options.port))).await?;
        let handle = Handle::new(listener.local_addr()?, options);
        let service = Router::new().fallback(routes::serve).with_state(handle.clone());
        let service = service.into_make_service_with_connect_info::<server::Connection>();
        let stopping = handle.clone();
        let server = axum::serve(server::Loopback(listener), service)
            .with_graceful_shutdown(async move { stopping.stopped().await });
        let task = tokio::spawn(async move { server.await });
        Ok(Self { handle, task })
    }

    /// Stops, after at most two seconds for what is being answered.
    pub async fn stop(mut self) {
        self.handle.begin_stop();
        if tokio::time::timeout(PATIENCE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }

    /// The way in, to keep beside the registry.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl Deref for TestRegistry {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for TestRegistry {
    fn drop(&mut self) {
        self.handle.begin_stop();
    }
}
