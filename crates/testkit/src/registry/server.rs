//! The listening socket and its connections, which a fault can reset.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// Accepts connections and gives each its [`Connection`].
pub(super) struct Loopback(pub(super) TcpListener);

/// One client connection, as a handler sees it.
#[derive(Debug, Clone, Default)]
pub(super) struct Connection {
    broken: Arc<AtomicBool>,
}

/// The bytes of one connection.
pub(super) struct Stream {
    tcp: TcpStream,
    connection: Connection,
}

impl Connection {
    /// Makes the next write fail and the peer see a reset instead of an answer.
    pub(super) fn reset(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }
}

impl Connected<IncomingStream<'_, Loopback>> for Connection {
    fn connect_info(stream: IncomingStream<'_, Loopback>) -> Self {
        stream.remote_addr().clone()
    }
}

impl Listener for Loopback {
    type Io = Stream;
    type Addr = Connection;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            if let Ok((tcp, _)) = self.0.accept().await
                && tcp.set_nodelay(true).is_ok()
            {
                let connection = Connection::default();
                return (
                    Stream {
                        tcp,
                        connection: connection.clone(),
                    },
                    connection,
                );
            }
            // Out of file descriptors, or the peer is gone already.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(Connection::default())
    }
}

impl Stream {
    /// Fails once the connection was broken; a zero linger time turns the close into a reset.
    fn intact(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        if self.connection.broken.load(Ordering::Relaxed) {
            self.tcp.set_zero_linger()?;
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(Pin::new(&mut self.tcp))
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.intact()?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.intact()?.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.intact()?.poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.intact()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.intact()?.poll_shutdown(cx)
    }
}
