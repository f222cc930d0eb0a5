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
