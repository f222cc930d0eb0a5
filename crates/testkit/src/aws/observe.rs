//! What was asked: a bounded record of calls. Never a signature or a key.

use std::collections::VecDeque;

use serde_json::Value;

/// Calls kept; older ones are forgotten.
const KEPT: usize = 500_000;

/// One call that reached the services.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// `ecr:DescribeImages`; of the registry API `GET /v2/apps/web/manifests/v1`.
    pub action: String,
    /// The account of whoever called; empty where that is not known.
    pub account: String,
    /// The region of the signature; empty where there is none.
    pub region: String,
    /// The ARN of whoever called.
    pub caller: String,
    /// The parameters.
    pub input: Value,
    /// The status of the answer; none while there is no answer.
    pub status: Option<u16>,
    /// The code of the error, if it was one of a service.
    pub error: Option<String>,
}

/// The record.
#[derive(Debug, Default)]
pub(super) struct Log {
    requests: VecDeque<Request>,
    forgotten: usize,
}

/// Where a call stands in the record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket(usize);

impl Log {
    pub(super) fn arrived(&mut self, request: Request) -> Ticket {
        if self.requests.len() == KEPT {
            self.requests.pop_front();
            self.forgotten += 1;
        }
        self.requests.push_back(request);
        Ticket(self.forgotten + self.requests.len() - 1)
    }

    pub(super) fn answered(&mut self, ticket: Ticket, status: u16, error: Option<&str>) {
        let position = ticket.0.checked_sub(self.forgotten);
        if let Some(request) = position.and_then(|position| self.requests.get_mut(position)) {
            request.status = Some(status);
            request.error = error.map(str::to_owned);
        }
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.iter().cloned().collect()
    }

    pub(super) fn count(&self, action: &str) -> usize {
        self.requests.iter().filter(|request| request.action == action).count()
    }

    pub(super) fn clear(&mut self) {
        self.forgotten += self.requests.len();
        self.requests.clear();
    }
}
