//! Why an engine did not tell or do what it was asked, in words that say what to do.

use std::error::Error as _;
use std::io;

use reqwest::StatusCode;

use super::tunnel::TunnelError;
use super::version::{ApiVersion, NEWEST};

/// Why an engine did not tell.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("permission denied on the socket {0}: run as a member of the group that owns it (`docker`), or as root")]
    Denied(String),
    #[error("there is no socket {0}: is the engine installed there, and its service started?")]
    NoSocket(String),
    #[error("nobody listens at {0}: is the engine running?")]
    NotRunning(String),
    #[error("{place} could not be asked for {what}: {why}")]
    NoAnswer { place: String, what: String, why: String },
    #[error("{place} answered {status} when asked for {what}{message}")]
    Refused {
        place: String,
        what: String,
        status: StatusCode,
        message: String,
    },
    #[error("{place} answered with more than {most} bytes when asked for {what}")]
    TooLarge { place: String, what: String, most: usize },
    #[error("{place} answered what cannot be understood when asked for {what}: {why}")]
    Unreadable { place: String, what: String, why: String },
    #[error("{place} speaks versions of the API from {oldest} on; this version of jettison speaks {NEWEST}")]
    TooNew { place: String, oldest: ApiVersion },
    #[error("{0}")]
    Setup(String),
    #[error(transparent)]
    Tunnel(#[from] TunnelError),
}

impl ClientError {
    /// Whether the engine says that it has no such thing. A 404 without these words may come from anybody.
    pub(crate) fn is_absence(&self) -> bool {
        let says_so = |message: &str| message.contains("no such") || message.contains("image not known");
        matches!(self, Self::Refused { status, message, .. }
            if *status == StatusCode::NOT_FOUND && says_so(&message.to_lowercase()))
    }

    /// Whether the engine refuses because somebody needs the thing, or works on it.
    pub(crate) fn is_conflict(&self) -> bool {
        // Podman answers 500 where an image got another name since it was asked.
        let has_more_names = |message: &str| message.contains("by ID with more than one tag");
        matches!(self, Self::Refused { status, message, .. }
            if *status == StatusCode::CONFLICT || has_more_names(message))
    }

    /// Whether the engine cannot be reached at all, or not by this user.
    pub(crate) fn is_out_of_reach(&self) -> bool {
        !matches!(
            self,
            Self::NoAnswer { .. } | Self::Refused { .. } | Self::TooLarge { .. } | Self::Unreadable { .. }
        )
    }
}

pub(super) fn io_kind(error: &reqwest::Error) -> Option<io::ErrorKind> {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        source = cause.source();
    }
    None
}

/// The error and its sources in one line, without its URL.
pub(super) fn whole(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut source = error.source();
    while let Some(cause) = source {
        let next = cause.to_string();
        if !text.contains(&next) {
            text = if text.is_empty() {
                next
            } else {
                format!("{text}: {next}")
            };
        }
        source = cause.source();
    }
    if text.is_empty() {
        "the exchange failed".to_owned()
    } else {
        text
    }
}
