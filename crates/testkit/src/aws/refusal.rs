//! Errors as AWS names them, before they take the form of a protocol.

/// An error of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// `RepositoryNotFoundException`
    pub(super) code: String,
    pub(super) message: String,
}

impl Refusal {
    /// A client's fault, which is 400 unless a service says otherwise.
    pub(super) fn new(code: &str, message: impl Into<String>) -> Self {
        Self::with_status(400, code, message)
    }

    pub(super) fn with_status(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
        }
    }

    /// A parameter that breaks a rule.
    pub(super) fn parameter(name: &str, rule: &str) -> Self {
        let message = format!("Invalid parameter at '{name}' failed to satisfy constraint: '{rule}'");
        Self::new("InvalidParameterException", message)
    }
}
