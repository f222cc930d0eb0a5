//! What an engine tells line by line: each bounded, however long the whole goes on.

use std::sync::Arc;

use reqwest::Response;
use serde::de::DeserializeOwned;

use super::client::Client;
use super::error::ClientError;

/// Lines that come one after the other. They end with their value.
#[derive(Debug)]
pub(crate) struct Lines {
    client: Arc<Client>,
    response: Response,
    what: String,
    longest: usize,
    /// What has come and was not read; lines begin at `begin`.
    heard: Vec<u8>,
    begin: usize,
    has_ended: bool,
}

impl Lines {
    pub(super) fn new(client: Arc<Client>, response: Response, what: &str, longest: usize) -> Self {
        Self {
            client,
            response,
            what: what.to_owned(),
            longest,
            heard: Vec::new(),
            begin: 0,
            has_ended: false,
        }
    }

    /// The next line, understood; `None` where the engine has ended them. Empty lines say nothing. Nothing is lost when
    /// this is dropped halfway.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, ClientError> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.heard[self.begin..]) {
                let line = self.begin..self.begin + end;
                self.begin = line.end + 1;
                if let Some(value) = self.understood(line)? {
                    return Ok(Some(value));
                }
                continue;
            }
            self.heard.drain(..self.begin);
            self.begin = 0;
            if self.heard.len() > self.longest {
                return Err(self.client.too_large(&self.what, self.longest));
            }
            if self.has_ended {
                let rest = 0..self.heard.len();
                self.begin = rest.end;
                return self.understood(rest);
            }
            let piece = self.response.chunk().await;
            match piece.map_err(|error| self.client.failed(&self.what, &error))? {
                Some(piece) => self.heard.extend_from_slice(&piece),
                None => self.has_ended = true,
            }
        }
    }

    fn understood<T: DeserializeOwned>(&self, line: std::ops::Range<usize>) -> Result<Option<T>, ClientError> {
        let line = self.heard[line].trim_ascii();
        if line.is_empty() {
            return Ok(None);
        }
        let unreadable = |error: serde_json::Error| self.client.unreadable(&self.what, error.to_string());
        serde_json::from_slice(line).map(Some).map_err(unreadable)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::engine::Address;

    /// What an engine tells that answers with this body, in pieces, and how that ends.
    async fn told(length: &str, pieces: &[&str], longest: usize) -> (Vec<i64>, String) {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let listener = tokio::net::UnixListener::bind(&socket).unwrap();
        let versions = r#"{"ApiVersion":"1.41"}"#;
        let versions = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{versions}",
            versions.len()
        );
        let head = format!("HTTP/1.1 200 OK\r\n{length}\r\n");
        let pieces: Vec<String> = [head]
            .into_iter()
            .chain(pieces.iter().map(|&piece| piece.to_owned()))
            .collect();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut heard = vec![0; 4096];
            for answer in [vec![versions], pieces] {
                let _ = stream.read(&mut heard).await.unwrap();
                for piece in answer {
                    stream.write_all(piece.as_bytes()).await.unwrap();
                    stream.flush().await.unwrap();
                    tokio::task::yield_now().await;
                }
            }
        });
        let client = Arc::new(Client::open(&Address::Socket(socket)).await.unwrap());
        let mut lines = client.lines("events", &[], longest).await.unwrap();
        let mut numbers = Vec::new();
        loop {
            match lines.next::<Value>().await {
                Ok(Some(line)) => numbers.push(line["n"].as_i64().unwrap()),
                Ok(None) => return (numbers, String::new()),
                Err(error) => return (numbers, error.to_string()),
            }
        }
    }

    #[tokio::test]
    async fn lines_are_told_one_by_one_however_they_come() {
        let close = "Connection: close\r\n";
        for (length, pieces, longest, numbers, end) in [
            (
                close,
                &["{\"n\":1}\n{\"n\"", ":2}\n\n\r\n", "{\"n\":3}"][..],
                100,
                &[1, 2, 3][..],
                "",
            ),
            (close, &[], 100, &[], ""),
            (close, &["{\"n\":1}\n", "nonsense\n"], 100, &[1], "cannot be understood"),
            (
                close,
                &["{\"n\":1}\n", "{\"n\":", "22222222222222222222"],
                20,
                &[1],
                "more than 20 bytes",
            ),
            (
                "Content-Length: 99\r\n",
                &["{\"n\":1}\n"],
                100,
                &[1],
                "could not be asked",
            ),
        ] {
            let (told, error) = told(length, pieces, longest).await;
            assert_eq!(told, numbers, "{pieces:?}: {error}");
            assert!(
                error.contains(end) && error.is_empty() == end.is_empty(),
                "{pieces:?}: {error}"
            );
        }
    }
}
