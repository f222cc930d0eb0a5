//! What can go wrong at a registry, said so that an operator knows what to do.
//!
//! Nothing secret may get in here: texts from servers are cut, cleaned and scrubbed before they
//! become part of an error, and URLs (which may be signed) never do.

use http::StatusCode;
use jettison_core::model::{RegistryHost, legible};
use serde::Deserialize;

/// The kinds of failure that callers tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The registry says, with an OCI error code, that it does not have this.
    NotFound,
    /// No credentials, or wrong ones.
    Unauthenticated,
    /// The account may not do this.
    Forbidden,
    /// The registry asks for a longer pause than a call may wait.
    RateLimited,
    /// Something else still refers to it, or changed it at the same time.
    Conflict,
    /// The registry protects this tag from being removed or overwritten.
    Immutable,
    /// The registry does not offer this call, or has it switched off.
    Unsupported,
    /// A failure that may pass: the network, a time limit, a 5xx.
    Transient,
    /// An answer that does not follow the distribution spec, so that nothing may be concluded from it.
    Protocol,
    /// An answer longer than its limit.
    TooLarge,
    /// Something on this machine: a certificate, a `docker login` file, a credential helper.
    Configuration,
}

/// A call to a registry that failed: what, where, why, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("could not {operation} on {registry}: {detail}{}", self.hint())]
pub struct RegistryError {
    /// What kind of failure it is.
    pub kind: ErrorKind,
    /// The registry that was asked.
    pub registry: RegistryHost,
    /// What was tried, in plain words: "list the tags of apps/web".
    pub operation: String,
    /// The HTTP status of the last answer, if there was one.
    pub status: Option<u16>,
    /// Why it failed; never holds a credential.
    pub detail: String,
    /// The detail says what to do about it, as what is said of registries in general does not hold here.
    pub advised: bool,
}

impl RegistryError {
    fn hint(&self) -> String {
        match self.kind {
            _ if self.advised => String::new(),
            ErrorKind::Unauthenticated => {
                format!(
                    "; log in with `docker login {}`, or give --username and --password-stdin",
                    self.registry
                )
            }
            ErrorKind::Forbidden => "; ask the registry's owner for this permission".to_owned(),
            ErrorKind::RateLimited => "; wait a while and run it again".to_owned(),
            ErrorKind::Transient => "; run it again later".to_owned(),
            _ => String::new(),
        }
    }
}

/// One printable line of a server's text, cut to a length that fits a message.
pub(crate) fn excerpt(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    legible(&words)
}

/// A server may repeat what it was sent; nobody else shall.
pub(crate) fn scrub(text: &str, secrets: &[String]) -> String {
    let known = secrets.iter().filter(|secret| !secret.is_empty());
    known.fold(text.to_owned(), |text, secret| {
        text.replace(secret.as_str(), "[secret]")
    })
}

/// The error body of the distribution spec ("Error Codes"); empty where the body is anything else.
#[derive(Debug, Default)]
pub(crate) struct OciErrors {
    codes: Vec<String>,
    message: String,
}

#[derive(Deserialize)]
struct ErrorBody {
    errors: Vec<ErrorEntry>,
}

#[derive(Deserialize)]
struct ErrorEntry {
    code: String,
    #[serde(default)]
    message: Option<String>,
}

impl OciErrors {
    pub(crate) fn parse(body: &[u8]) -> Self {
        let Ok(body) = serde_json::from_slice::<ErrorBody>(body) else {
            return Self::default();
        };
        let said = |entry: &ErrorEntry| match entry.message.as_deref() {
            Some(message) if !message.is_empty() => format!("{}: {message}", entry.code),
            _ => entry.code.clone(),
        };
        Self {
            message: body.errors.iter().map(said).collect::<Vec<_>>().join("; "),
            codes: body.errors.into_iter().map(|entry| entry.code).collect(),
        }
    }

    pub(crate) fn has(&self, code: &str) -> bool {
        self.codes.iter().any(|have| have.eq_ignore_ascii_case(code))
    }

    fn mention(&self, word: &str) -> bool {
        self.message.to_ascii_lowercase().contains(word)
    }

    /// Whether these say that a manifest, and nothing but a manifest, is not there. A repository that
    /// is unknown holds no manifest either.
    pub(crate) fn prove_absence(&self) -> bool {
        !self.codes.is_empty()
            && self
                .codes
                .iter()
                .all(|code| matches!(code.as_str(), "MANIFEST_UNKNOWN" | "NAME_UNKNOWN"))
    }

    /// The same for a blob.
    pub(crate) fn prove_absence_of_blob(&self) -> bool {
        !self.codes.is_empty()
            && self
                .codes
                .iter()
                .all(|code| matches!(code.as_str(), "BLOB_UNKNOWN" | "NAME_UNKNOWN"))
    }

    /// What the server said, as one line without `secrets`; the status alone where it said nothing that can be read.
    pub(crate) fn describe(&self, status: StatusCode, secrets: &[String]) -> String {
        let status = match status.canonical_reason() {
            Some(reason) => format!("it answered {} {reason}", status.as_u16()),
            None => format!("it answered {}", status.as_u16()),
        };
        match self.message.as_str() {
            "" => format!("{status} without an OCI error code"),
            message => format!("{status} ({})", excerpt(&scrub(message, secrets))),
        }
    }

    /// The kind of failure that an answer stands for.
    pub(crate) fn kind(&self, status: StatusCode) -> ErrorKind {
        match status.as_u16() {
            401 => ErrorKind::Unauthenticated,
            429 => ErrorKind::RateLimited,
            _ if self.has("TOOMANYREQUESTS") => ErrorKind::RateLimited,
            // Artifact Registry: a tag or an index still refers to the manifest.
            _ if self.has("GOOGLE_MANIFEST_DANGLING_TAG") || self.has("GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE") => {
                ErrorKind::Conflict
            }
            _ if self.has("TAG_IMMUTABLE") || (self.has("TAG_INVALID") && self.mention("immutable")) => {
                ErrorKind::Immutable
            }
            403 => ErrorKind::Forbidden,
            404 if self.prove_absence() || self.prove_absence_of_blob() => ErrorKind::NotFound,
            // zot: the manifest is a child of an index in the repository.
            405 if self.has("DENIED") => ErrorKind::Conflict,
            405 => ErrorKind::Unsupported,
            _ if self.has("UNSUPPORTED") => ErrorKind::Unsupported,
            409 => ErrorKind::Conflict,
            // Harbor: an immutable tag points to the manifest.
            412 => ErrorKind::Immutable,
            408 | 425 => ErrorKind::Transient,
            501 => ErrorKind::Unsupported,
            500..=599 => ErrorKind::Transient,
            _ => ErrorKind::Protocol,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(code: &str, message: &str) -> Vec<u8> {
        serde_json::to_vec(&serde_json::json!({"errors": [{"code": code, "message": message, "detail": {}}]})).unwrap()
    }

    #[test]
    fn answers_become_kinds() {
        use ErrorKind::*;
        for (status, code, message, kind) in [
            (401, "UNAUTHORIZED", "", Unauthenticated),
            (403, "DENIED", "", Forbidden),
            (404, "MANIFEST_UNKNOWN", "", NotFound),
            (404, "NAME_UNKNOWN", "", NotFound),
            (404, "BLOB_UNKNOWN", "", NotFound),
            (404, "DENIED", "", Protocol),
            (400, "UNSUPPORTED", "", Unsupported),
            (405, "UNSUPPORTED", "", Unsupported),
            (405, "DENIED", "manifest is referenced", Conflict),
            (400, "GOOGLE_MANIFEST_DANGLING_TAG", "", Conflict),
            (400, "TAG_INVALID", "the tag is immutable", Immutable),
            (400, "TAG_INVALID", "no", Protocol),
            (409, "TAG_IMMUTABLE", "", Immutable),
            (412, "PRECONDITION", "", Immutable),
            (403, "TOOMANYREQUESTS", "", RateLimited),
            (503, "UNKNOWN", "", Transient),
            (302, "UNKNOWN", "", Protocol),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(
                OciErrors::parse(&body(code, message)).kind(status),
                kind,
                "{status} {code} {message}"
            );
        }
    }

    #[test]
    fn a_proxy_page_proves_nothing() {
        for page in [
            "",
            "<html>404</html>",
            "{}",
            "{\"errors\":[]}",
            "{\"errors\":[{\"code\":\"DENIED\"}]}",
        ] {
            let errors = OciErrors::parse(page.as_bytes());
            assert!(!errors.prove_absence() && !errors.prove_absence_of_blob(), "{page}");
            assert_eq!(errors.kind(StatusCode::NOT_FOUND), ErrorKind::Protocol, "{page}");
        }
        let both = br#"{"errors":[{"code":"MANIFEST_UNKNOWN"},{"code":"DENIED"}]}"#;
        assert!(!OciErrors::parse(both).prove_absence());
    }

    #[test]
    fn says_what_where_and_what_to_do() {
        let error = RegistryError {
            kind: ErrorKind::Unauthenticated,
            registry: "registry.example.com".parse().unwrap(),
            operation: "list the tags of apps/web".to_owned(),
            status: Some(401),
            detail: "it answered 401 Unauthorized".to_owned(),
            advised: false,
        };
        assert_eq!(
            error.to_string(),
            "could not list the tags of apps/web on registry.example.com: it answered 401 Unauthorized; \
             log in with `docker login registry.example.com`, or give --username and --password-stdin"
        );
    }

    #[test]
    fn a_servers_text_is_one_short_line() {
        let text = excerpt(&format!("a\n\u{1b}[31m\u{202e}{}", "b".repeat(1000)));
        assert!(!text.contains(char::is_control) && !text.contains('\u{202e}'), "{text}");
        assert!(text.chars().count() <= 320);
    }
}
