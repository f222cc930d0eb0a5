//! The yardstick: a client that sends given requests over connections that stay open, and reads nothing of the answers
//! but the status and where the body ends. One loop on one thread, one task a connection.
//!
//! It must not decide what to send, nor send one request more.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::try_join_all;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, copy_buf, sink};
use tokio::net::TcpStream;

/// What registries answer by: as jettison asks it, so that the registry has the same to read.
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.oci.artifact.manifest.v1+json, application/vnd.docker.distribution.manifest.v1+prettyjws, \
     application/vnd.docker.distribution.manifest.v1+json";

/// A request without a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) method: &'static str,
    pub(crate) path: String,
}

impl Ask {
    pub(crate) fn get(path: String) -> Self {
        Self { method: "GET", path }
    }

    pub(crate) fn head(path: String) -> Self {
        Self { method: "HEAD", path }
    }
}

/// Sends every request, `in_flight` at once.
///
/// # Errors
/// If a connection breaks, or a status is not what is expected of that request.
pub(crate) fn send(
    server: SocketAddr,
    asks: &[Ask],
    in_flight: usize,
    expected: fn(&Ask, u16) -> bool,
) -> io::Result<()> {
    let next = AtomicUsize::new(0);
    let connections = (0..in_flight).map(|_| connection(server, asks, &next, expected));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(try_join_all(connections)).map(drop)
}

async fn connection(
    server: SocketAddr,
    asks: &[Ask],
    next: &AtomicUsize,
    expected: fn(&Ask, u16) -> bool,
) -> io::Result<()> {
    let mut stream = BufReader::with_capacity(64 * 1024, TcpStream::connect(server).await?);
    stream.get_ref().set_nodelay(true)?;
    while let Some(ask) = asks.get(next.fetch_add(1, Ordering::Relaxed)) {
        let status = exchange(&mut stream, server, ask).await?;
        if !expected(ask, status) {
            return Err(io::Error::other(format!("{} {}: {status}", ask.method, ask.path)));
        }
    }
    Ok(())
}

async fn exchange(stream: &mut BufReader<TcpStream>, server: SocketAddr, ask: &Ask) -> io::Result<u16> {
    let Ask { method, path } = ask;
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {server}\r\nAccept: {ACCEPT}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("no status: {line:?}")))?;
    let (mut length, mut chunked) = (0, false);
    loop {
        line.clear();
        stream.read_line(&mut line).await?;
        let header = line.trim_end();
        if header.is_empty() {
            break;
        }
        let Some((name, value)) = header.split_once(':') else {
            continue;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        chunked |= name.eq_ignore_ascii_case("transfer-encoding");
    }
    match (ask.method, chunked) {
        ("HEAD", _) => {}
        (_, true) => skip_chunks(stream).await?,
        (_, false) => skip(stream, length).await?,
    }
    Ok(status)
}

async fn skip_chunks(stream: &mut BufReader<TcpStream>) -> io::Result<()> {
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let length = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
        skip(stream, length + 2).await?;
        if length == 0 {
            return Ok(());
        }
    }
}

async fn skip(stream: &mut BufReader<TcpStream>, length: u64) -> io::Result<()> {
    let skipped = copy_buf(&mut stream.take(length), &mut sink()).await?;
    if skipped == length {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}
