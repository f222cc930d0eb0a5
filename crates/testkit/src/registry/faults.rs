//! Faults: what goes wrong, on which requests, how often.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::handle::Handle;
use crate::pattern::Pattern;

/// One thing that goes wrong. Without more said, on every request for ever.
#[derive(Debug, Clone)]
pub struct Fault {
    method: Option<String>,
    path: Pattern,
    skip: u64,
    times: u64,
    effect: Effect,
}

/// What goes wrong.
///
/// Several faults can fit one request: every [`Effect::Call`] runs; the first effect that answers instead of the
/// registry wins; those that spoil an answer are applied one after the other.
#[derive(Clone)]
pub enum Effect {
    /// Answers with a status, and nothing happens.
    Status {
        /// The status.
        status: u16,
        /// The `Retry-After` header: seconds or a date.
        retry_after: Option<String>,
        /// The body; none: an error in the OCI form.
        body: Option<String>,
    },
    /// Answers with a redirect (307) to this address.
    Redirect(String),
    /// Answers a DELETE with 202 and does nothing.
    DeleteIgnored,
    /// Answers with a page and a link to the next, for ever.
    EndlessPages,
    /// Resets the connection instead of an answer; nothing happens.
    Reset,
    /// Lets it happen, then resets the connection instead of an answer.
    ResetAfter,
    /// Never answers.
    Hang,
    /// Waits before the registry acts.
    Delay(Duration),
    /// Sends the body this slowly.
    SlowBody {
        /// Bytes per second, in ten portions.
        bytes_per_second: usize,
    },
    /// Sends the first bytes of the body and then resets the connection.
    TruncateBody {
        /// Bytes that are sent.
        keep: usize,
    },
    /// Appends spaces to the body, without telling its length before.
    OversizedBody {
        /// Bytes of the whole body.
        size: usize,
    },
    /// Says a wrong `Docker-Content-Digest`.
    WrongDigest,
    /// Takes the `Docker-Content-Digest` away.
    NoDigest,
    /// Appends one space to the body: the same JSON, another digest.
    WrongBody,
    /// Replaces the body by something that is no JSON.
    InvalidJson,
    /// Runs before the registry acts: a tag moves, a manifest vanishes.
    Call(Arc<dyn Fn(&Handle) + Send + Sync>),
}

/// The faults that are set.
#[derive(Debug, Default)]
pub(super) struct Faults {
    set: Vec<Armed>,
}

#[derive(Debug)]
struct Armed {
    fault: Fault,
    seen: u64,
}

impl Fault {
    /// The effect on every request.
    pub fn new(effect: Effect) -> Self {
        Self {
            method: None,
            path: Pattern::new("*"),
            skip: 0,
            times: u64::MAX,
            effect,
        }
    }

    /// Answers with a bare status.
    pub fn status(status: u16) -> Self {
        Self::new(Effect::Status {
            status,
            retry_after: None,
            body: None,
        })
    }

    /// Runs `call` before the registry acts.
    pub fn call(call: impl Fn(&Handle) + Send + Sync + 'static) -> Self {
        Self::new(Effect::Call(Arc::new(call)))
    }

    /// Only requests with this method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Only this path; one `*` stands for any run of characters: `/v2/*/tags/list`.
    #[must_use]
    pub fn path(mut self, pattern: &str) -> Self {
        self.path = Pattern::new(pattern);
        self
    }

    /// Lets the first `count` requests that fit pass.
    #[must_use]
    pub fn skip(mut self, count: u64) -> Self {
        self.skip = count;
        self
    }

    /// Only that often.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    fn fits(&self, method: &str, path: &str) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted == method) && self.path.fits(path)
    }
}

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.set.push(Armed { fault, seen: 0 });
    }

    /// The effects on this request, counting it.
    pub(super) fn on(&mut self, method: &str, path: &str) -> Vec<Effect> {
        let fitting = self.set.iter_mut().filter(|armed| armed.fault.fits(method, path));
        fitting.filter_map(Armed::strike).collect()
    }
}

impl Armed {
    fn strike(&mut self) -> Option<Effect> {
        let turn = self.seen;
        self.seen += 1;
        let struck = turn >= self.fault.skip && turn - self.fault.skip < self.fault.times;
        struck.then(|| self.fault.effect.clone())
    }
}

impl fmt::Debug for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Status { status, .. } => return write!(f, "Status({status})"),
            Self::Redirect(_) => "Redirect",
            Self::DeleteIgnored => "DeleteIgnored",
            Self::EndlessPages => "EndlessPages",
            Self::Reset => "Reset",
            Self::ResetAfter => "ResetAfter",
            Self::Hang => "Hang",
            Self::Delay(_) => "Delay",
            Self::SlowBody { .. } => "SlowBody",
            Self::TruncateBody { .. } => "TruncateBody",
            Self::OversizedBody { .. } => "OversizedBody",
            Self::WrongDigest => "WrongDigest",
            Self::NoDigest => "NoDigest",
            Self::WrongBody => "WrongBody",
            Self::InvalidJson => "InvalidJson",
            Self::Call(_) => "Call",
        })
    }
}
