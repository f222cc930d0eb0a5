//! What was asked: a bounded record of requests and counters. Never the value of a credential.

use std::collections::{BTreeMap, VecDeque};

use http::request::Parts;
use http::{StatusCode, header};

use super::endpoint::Class;

/// Requests kept; older ones are forgotten, the counters go on.
const KEPT: usize = 500_000;

/// One request that reached the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `HEAD`, …
    pub method: String,
    /// The path without its query.
    pub path: String,
    /// The query as it was sent, without `?`.
    pub query: Option<String>,
    /// The status of the answer; none while there is no answer, and for one that a fault swallowed.
    pub status: Option<u16>,
    /// Whether an `Authorization` header came along.
    pub had_authorization: bool,
}

/// Where a request stands in the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket(usize);

/// The log.
#[derive(Debug, Default)]
pub(super) struct Log {
    requests: VecDeque<Request>,
    /// The number of requests that stood before the first one kept.
    forgotten: usize,
    counts: BTreeMap<(String, Class), u64>,
}

impl Log {
    pub(super) fn arrived(&mut self, parts: &Parts, class: Class) -> Ticket {
        *self.counts.entry((parts.method.to_string(), class)).or_default() += 1;
        if self.requests.len() == KEPT {
            self.requests.pop_front();
            self.forgotten += 1;
        }
        self.requests.push_back(Request {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().map(str::to_owned),
            status: None,
            had_authorization: parts.headers.contains_key(header::AUTHORIZATION),
        });
        Ticket(self.forgotten + self.requests.len() - 1)
    }

    pub(super) fn answered(&mut self, ticket: Ticket, status: StatusCode) {
        let position = ticket.0.checked_sub(self.forgotten);
        if let Some(request) = position.and_then(|position| self.requests.get_mut(position)) {
            request.status = Some(status.as_u16());
        }
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.iter().cloned().collect()
    }

    pub(super) fn counts(&self) -> BTreeMap<(String, Class), u64> {
        self.counts.clone()
    }

    pub(super) fn clear(&mut self) {
        self.forgotten += self.requests.len();
        self.requests.clear();
        self.counts.clear();
    }
}
