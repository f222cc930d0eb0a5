//! An engine that says what a test tells it to, for what real ones do not do on demand. Plain HTTP on a socket of its
//! own; it ends with its value.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use jettison_core::config::{ContainerEngine, EngineSource};
use jettison_core::model::Reference;
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

use crate::usage::said::Said;

/// What it answers to one question.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// This, with 200.
    Json(Value),
    /// A refusal with this status and these words.
    Refusal(u16, &'static str),
    /// The same, filled up to so many bytes.
    Long(Value, usize),
    /// That the answer is to be had at this path.
    Elsewhere(&'static str),
    /// Bytes that never end.
    Endless,
    /// The beginning of a longer answer.
    Truncated,
    /// Nothing, and the connection stays open.
    Silence,
}

/// A scripted engine.
pub(super) struct Engine {
    folder: TempDir,
    server: JoinHandle<()>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Engine {
    /// One that answers each path (`/v1.41/info`) so, and 404 to all others.
    pub(super) fn new(answers: impl IntoIterator<Item = (String, Answer)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("socket")).unwrap();
        let mut script: BTreeMap<String, Answer> = answers.into_iter().collect();
        let versions = json!({"ApiVersion": "1.41", "MinAPIVersion": "1.12"});
        script.entry("/version".to_owned()).or_insert(Answer::Json(versions));
        let (script, asked) = (Arc::new(script), Arc::new(Mutex::new(Vec::new())));
        let noted = Arc::clone(&asked);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&script), Arc::clone(&noted)));
            }
        });
        Self { folder, server, asked }
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// The paths that it was asked for, sorted.
    pub(super) fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().unwrap().clone();
        asked.sort();
        asked
    }

    /// What a source that asks it says: `image digest used_by`, and the gaps.
    pub(super) async fn told(&self, shape: impl FnOnce(&mut EngineSource)) -> (BTreeSet<String>, Vec<String>) {
        let mut source = EngineSource {
            engine: ContainerEngine::Docker,
            host: Some(format!("unix://{}", self.socket().display())),
            context: None,
            ca_file: None,
            client_certificate: None,
            client_key: None,
            swarm: false,
            timeout_seconds: 5,
        };
        shape(&mut source);
        let mut said = Said::new(Timestamp::UNIX_EPOCH, &BTreeSet::new());
        super::ask(&source, &self.folder.path().join("no-such-folder"), &mut said).await;
        let (references, gaps) = said.finish(true);
        let references = references.iter().map(shown).collect();
        (references, gaps.iter().map(ToString::to_string).collect())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A reference on one line; of a digest the first digits.
fn shown(reference: &Reference) -> String {
    let digest = reference.digest.as_ref().map(|digest| digest.hex()[..6].to_owned());
    let parts = [
        reference.image.as_str(),
        &digest.unwrap_or_default(),
        &reference.used_by,
    ];
    parts.join(" | ")
}

async fn serve(mut stream: UnixStream, script: Arc<BTreeMap<String, Answer>>, asked: Arc<Mutex<Vec<String>>>) {
    let mut heard = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = heard.windows(4).position(|it| it == b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut heard).await.unwrap_or(0) == 0 {
                return;
            }
        };
        let head = String::from_utf8_lossy(&heard[..end]).into_owned();
        heard.drain(..end);
        let mut words = head.split(' ');
        assert_eq!(words.next(), Some("GET"), "an engine is only asked");
        let target = words.next().unwrap_or_default().to_owned();
        asked.lock().unwrap().push(target.clone());
        let path = target.split('?').next().unwrap_or_default();
        if answer(&mut stream, script.get(path)).await.is_none() {
            return;
        }
    }
}

/// `None` when nothing more can be said on this connection.
async fn answer(stream: &mut UnixStream, answer: Option<&Answer>) -> Option<()> {
    let absent = Answer::Refusal(404, "page not found");
    match answer.unwrap_or(&absent) {
        Answer::Json(value) => whole(stream, 200, &value.to_string()).await,
        Answer::Long(value, bytes) => {
            let mut body = value.to_string();
            body.extend(std::iter::repeat_n(' ', bytes - body.len()));
            whole(stream, 200, &body).await
        }
        Answer::Refusal(status, message) => whole(stream, *status, &json!({"message": message}).to_string()).await,
        Answer::Elsewhere(path) => {
            let head = format!("HTTP/1.1 302 Said\r\nLocation: {path}\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(head.as_bytes()).await.ok()
        }
        Answer::Truncated => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[{\"Id\":")
                .await
                .ok()?;
            None
        }
        Answer::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n[").await.ok()?;
            loop {
                stream.write_all(&[b' '; 64 * 1024]).await.ok()?;
            }
        }
        Answer::Silence => std::future::pending().await,
    }
}

async fn whole(stream: &mut UnixStream, status: u16, body: &str) -> Option<()> {
    let head = format!("HTTP/1.1 {status} Said\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(body.as_bytes()).await.ok()
}
