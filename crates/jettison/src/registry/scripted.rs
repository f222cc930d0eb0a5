//! A scripted registry for tests: a closure answers each request, and every request is remembered.
//! Listens on loopback, ends with the test.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::serve::Listener;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderMap, Method, StatusCode};
use jettison_core::model::RegistryHost;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{Connection, Limits};

/// A request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn is(&self, method: &str, target: &str) -> bool {
        self.method == method && self.target == target
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// What to answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
    delay: Duration,
    breaks: bool,
}

pub(crate) fn reply(status: u16) -> Reply {
    Reply {
        status,
        headers: Vec::new(),
        body: Bytes::new(),
        delay: Duration::ZERO,
        breaks: false,
    }
}

/// An error in the form of the distribution spec.
pub(crate) fn refusal(status: u16, code: &str) -> Reply {
    reply(status).body(format!(r#"{{"errors":[{{"code":"{code}","message":"scripted"}}]}}"#))
}

impl Reply {
    pub(crate) fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sends what there is of a body, then cuts the connection.
    pub(crate) fn breaking(mut self) -> Self {
        self.breaks = true;
        self
    }

    async fn into_response(self) -> Response {
        tokio::time::sleep(self.delay).await;
        let mut response = Response::builder().status(StatusCode::from_u16(self.status).unwrap());
        for (name, value) in &self.headers {
            response = response.header(name, value);
        }
        let body = match self.breaks {
            true => {
                // The pause lets head and body go out before the cut.
                let cut = async {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    Err(std::io::Error::other("cut"))
                };
                let pieces = futures_util::stream::iter([Ok(self.body)]);
                Body::from_stream(pieces.chain(futures_util::stream::once(cut)))
            }
            false => Body::from(self.body),
        };
        response.body(body).unwrap()
    }
}

pub(crate) struct Scripted {
    pub(crate) host: RegistryHost,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Scripted {
    pub(crate) async fn serve(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::serve_on(TcpListener::bind("127.0.0.1:0").await.unwrap(), answer)
    }

    pub(crate) fn serve_on<L>(listener: L, answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self
    where
        L: Listener<Addr = std::net::SocketAddr>,
    {
        let host = listener.local_addr().unwrap().to_string().parse().unwrap();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (answer, log) = (Arc::new(answer), Arc::clone(&seen));
        let router = Router::new().fallback(move |request: Request| {
            let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
            async move {
                let (parts, body) = request.into_parts();
                let request = Seen {
                    method: parts.method,
                    target: parts.uri.path_and_query().unwrap().to_string(),
                    headers: parts.headers,
                    body: axum::body::to_bytes(body, 1 << 24).await.unwrap(),
                };
                log.lock().unwrap().push(request.clone());
                answer(&request).into_response().await
            }
        });
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { host, seen, task }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, method: &str, target: &str) -> usize {
        self.seen().iter().filter(|seen| seen.is(method, target)).count()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host)
    }

    /// A connection with short waits that knows no credentials of this machine.
    pub(crate) fn connection(&self) -> Connection {
        Connection {
            docker_config: Some("/nonexistent".into()),
            limits: Limits {
                backoff_base: Duration::from_millis(1),
                throttle_base: Duration::from_millis(1),
                backoff_cap: Duration::from_millis(5),
                ..Limits::default()
            },
            ..Connection::new(self.host.clone())
        }
    }
}
