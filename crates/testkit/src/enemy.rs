//! A server that obeys no rule: it says byte by byte what a test wants, without end if need be, and counts what it got
//! rid of and who brought credentials.
//!
//! It speaks just enough HTTP/1.1 to be asked something. It must not serve anything but tests.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// The longest head of a request that is read, in bytes.
const LONGEST_HEAD: usize = 64 * 1024;

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `GET`, `HEAD`, …
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The value of `Authorization`, if one came along.
    pub authorization: Option<String>,
}

/// What is answered.
#[derive(Debug, Clone)]
pub struct Said {
    head: Vec<u8>,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    /// That, and the connection stays open for the next request.
    Whole(Vec<u8>),
    /// The first text, then the second for ever.
    Endless(Vec<u8>, Vec<u8>),
    /// One byte now and then, for ever.
    Drip(Duration),
    /// Nothing, and the connection stays open.
    Silence,
}

/// A running server; it stops when this is dropped.
#[derive(Debug)]
pub struct Enemy {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: AbortHandle,
}

#[derive(Debug, Default)]
struct Shared {
    asked: Mutex<Vec<Asked>>,
    sent: AtomicU64,
}

impl Said {
    /// A whole answer with its length.
    pub fn whole(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let mut said = Self::begun(status, headers);
        said.head
            .extend(format!("content-length: {}\r\n\r\n", body.len()).into_bytes());
        said.body = Body::Whole(body);
        said
    }

    /// An answer whose body begins with `first` and goes on with `rest`, again and again.
    pub fn endless(status: u16, headers: &[(&str, &str)], first: &str, rest: &str) -> Self {
        let mut said = Self::begun(status, headers);
        said.head.extend(b"\r\n");
        // Large pieces: what is tested is how soon the other side has enough.
        let rest = rest.repeat((64 * 1024 / rest.len().max(1)).max(1));
        said.body = Body::Endless(first.as_bytes().to_vec(), rest.into_bytes());
        said
    }

    /// Headers without end.
    pub fn header_flood() -> Self {
        let mut said = Self::begun(200, &[]);
        let header = format!("x-flood: {}\r\n", "x".repeat(1000));
        said.body = Body::Endless(Vec::new(), header.repeat(64).into_bytes());
        said
    }

    /// A head that comes byte by byte, each in time.
    pub fn drip(every: Duration) -> Self {
        Self {
            head: Vec::new(),
            body: Body::Drip(every),
        }
    }

    /// Nothing at all.
    pub fn silence() -> Self {
        Self {
            head: Vec::new(),
            body: Body::Silence,
        }
    }

    fn begun(status: u16, headers: &[(&str, &str)]) -> Self {
        let mut head = format!("HTTP/1.1 {status} Whatever\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        Self {
            head: head.into_bytes(),
            body: Body::Silence,
        }
    }
}

impl Enemy {
    /// Starts on 127.0.0.1, at a free port.
    ///
    /// # Errors
    /// The machine gives out no port.
    pub async fn start(say: impl Fn(&Asked) -> Said + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let address = listener.local_addr()?;
        let shared: Arc<Shared> = Arc::default();
        let (log, say) = (Arc::clone(&shared), Arc::new(say));
        let task = tokio::spawn(async move {
            // Ends with its connections when the server is dropped.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (log, say) = (Arc::clone(&log), Arc::clone(&say));
                connections.spawn(async move { log.serve(stream, say.as_ref()).await });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self {
            address,
            shared,
            task: task.abort_handle(),
        })
    }

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// `http://127.0.0.1:PORT` and a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What was asked so far, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Bytes that it got rid of; a few megabytes of them may still lie in buffers of the system.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Enemy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    async fn serve(&self, mut stream: TcpStream, say: &(dyn Fn(&Asked) -> Said + Send + Sync)) -> io::Result<()> {
        let mut left = Vec::new();
        while let Some(asked) = next_request(&mut stream, &mut left).await? {
            let said = say(&asked);
            let head_only = asked.method == "HEAD";
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
            self.send(&mut stream, &said.head).await?;
            match said.body {
                Body::Whole(_) if head_only => {}
                Body::Whole(body) => self.send(&mut stream, &body).await?,
                Body::Endless(first, rest) => {
                    self.send(&mut stream, &first).await?;
                    loop {
                        self.send(&mut stream, &rest).await?;
                    }
                }
                Body::Drip(every) => loop {
                    self.send(&mut stream, b"H").await?;
                    tokio::time::sleep(every).await;
                },
                // Until the other side has enough.
                Body::Silence => drop(stream.read(&mut [0; 1]).await?),
            }
        }
        Ok(())
    }

    async fn send(&self, stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
        stream.write_all(bytes).await?;
        self.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

/// The next request of a connection, without its body: nobody sends one here.
async fn next_request(stream: &mut TcpStream, left: &mut Vec<u8>) -> io::Result<Option<Asked>> {
    const END: &[u8] = b"\r\n\r\n";
    loop {
        if let Some(end) = left.windows(END.len()).position(|bytes| bytes == END) {
            let head: Vec<u8> = left.drain(..end + END.len()).collect();
            return Ok(parsed(&String::from_utf8_lossy(&head)));
        }
        if left.len() > LONGEST_HEAD || stream.read_buf(left).await? == 0 {
            return Ok(None);
        }
    }
}

fn parsed(head: &str) -> Option<Asked> {
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let authorization = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        .map(|(_, value)| value.trim().to_owned());
    Some(Asked {
        method,
        target,
        authorization,
    })
}
