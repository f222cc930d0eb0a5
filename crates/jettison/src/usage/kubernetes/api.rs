//! One GET to an API server, bounded in size, with what went wrong in words.
//!
//! It asks a busy server again a few times; everything else is for the caller.

use std::time::Duration;

use http::header::{ACCEPT, RETRY_AFTER};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use jettison_core::model::legible;
use kube::Client;
use kube::client::Body;
use serde::Deserialize;

use super::connect::told;

/// The largest answer that is read. Whoever lists asks for fewer objects then.
pub(super) const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// An error's answer beyond this tells nothing more.
const LARGEST_ERROR: usize = 64 * 1024;

/// How often a busy server is asked.
const ATTEMPTS: u32 = 4;

/// Between two attempts, unless the server says how long to wait; twice that each time.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// A server that wants more time than that has to be asked another time.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// An API server.
pub(super) struct Api {
    client: Client,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// The server has no such kind.
    #[error("the server has none of it (404)")]
    Absent,
    /// The next page of a list can no longer be had.
    #[error("the list changed faster than it could be read (410)")]
    Expired,
    /// Whoever asks may not.
    #[error("it may not be listed (403: {0})")]
    Forbidden(String),
    /// Any other status that is no success.
    #[error("the server answered {0}: {1}")]
    Status(u16, String),
    /// More bytes than are read.
    #[error("an answer is larger than {LARGEST_ANSWER} bytes, however few objects are asked for")]
    TooLarge,
    /// No whole answer.
    #[error("no answer: {0}")]
    Lost(String),
    /// An answer of another form.
    #[error("the answer cannot be understood: {0}")]
    Garbled(String),
}

/// `Status` of the API, as far as it is told to people.
#[derive(Debug, Deserialize)]
struct Status {
    message: String,
}

impl Api {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// What the server answers to a GET.
    pub(super) async fn get(&self, path: &str, accept: &str) -> Result<Vec<u8>, Failure> {
        let mut wait = FIRST_WAIT;
        for _ in 1..ATTEMPTS {
            let response = self.send(path, accept).await?;
            let Some(told) = time_to_wait(&response, wait) else {
                return answer(response).await;
            };
            tokio::time::sleep(told).await;
            wait *= 2;
        }
        answer(self.send(path, accept).await?).await
    }

    async fn send(&self, path: &str, accept: &str) -> Result<Response<Body>, Failure> {
        let request = Request::get(path)
            .header(ACCEPT, accept)
            .body(Body::empty())
            .map_err(|error| Failure::Lost(error.to_string()))?;
        self.client
            .send(request)
            .await
            .map_err(|error| Failure::Lost(told(&error)))
    }
}

/// How long to wait before a busy server is asked again; `None` if it gave its answer.
fn time_to_wait(response: &Response<Body>, else_wait: Duration) -> Option<Duration> {
    const BUSY: [StatusCode; 3] = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    let asked = response.headers().get(RETRY_AFTER).and_then(|value| {
        let seconds = value.to_str().ok()?.parse().ok()?;
        Some(Duration::from_secs(seconds))
    });
    let wait = asked.unwrap_or(else_wait);
    (BUSY.contains(&response.status()) && wait <= LONGEST_WAIT).then_some(wait)
}

async fn answer(response: Response<Body>) -> Result<Vec<u8>, Failure> {
    let status = response.status();
    if status == StatusCode::OK {
        return whole(response.into_body(), LARGEST_ANSWER).await;
    }
    let why = match whole(response.into_body(), LARGEST_ERROR).await {
        Ok(body) => message(&body),
        Err(_) => "no more is known".to_owned(),
    };
    Err(match status {
        StatusCode::NOT_FOUND => Failure::Absent,
        StatusCode::GONE => Failure::Expired,
        StatusCode::FORBIDDEN => Failure::Forbidden(why),
        other => Failure::Status(other.as_u16(), why),
    })
}

async fn whole(mut body: Body, most: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::Lost(legible(&error.to_string())))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > most {
            return Err(Failure::TooLarge);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

fn message(body: &[u8]) -> String {
    match serde_json::from_slice::<Status>(body) {
        Ok(status) => legible(&status.message),
        Err(_) => legible(String::from_utf8_lossy(body).trim()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_server_is_waited_for_as_long_as_it_asks_but_not_for_ever() {
        for (status, asked, expected) in [
            (429, None, Some(FIRST_WAIT)),
            (503, None, Some(FIRST_WAIT)),
            (504, None, Some(FIRST_WAIT)),
            (429, Some("2"), Some(Duration::from_secs(2))),
            (429, Some("10"), Some(LONGEST_WAIT)),
            (429, Some("11"), None),
            (429, Some("18446744073709551615"), None),
            (429, Some("tomorrow"), Some(FIRST_WAIT)),
            (200, Some("1"), None),
            (500, Some("1"), None),
        ] {
            let mut response = Response::builder().status(status);
            if let Some(asked) = asked {
                response = response.header(RETRY_AFTER, asked);
            }
            let response = response.body(Body::empty()).unwrap();
            assert_eq!(time_to_wait(&response, FIRST_WAIT), expected, "{status} {asked:?}");
        }
    }
}
