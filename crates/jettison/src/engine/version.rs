//! Versions of Docker's API.

use jettison_core::model::legible;

/// The newest version of the API that was read up on: Docker 29. An older engine is asked in its own.
pub(super) const NEWEST: ApiVersion = ApiVersion { major: 1, minor: 52 };

/// A version of Docker's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ApiVersion {
    pub(super) major: u32,
    pub(super) minor: u32,
}

impl std::fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl std::str::FromStr for ApiVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('.');
        let number = |part: &str| part.parse().ok();
        parts
            .and_then(|(major, minor)| {
                Some(Self {
                    major: number(major)?,
                    minor: number(minor)?,
                })
            })
            .ok_or_else(|| format!("`{}` is no version of the API", legible(text)))
    }
}

impl ApiVersion {
    /// Whether it is `1.minor` or a later one.
    pub(crate) fn is_at_least(self, minor: u32) -> bool {
        self >= Self { major: 1, minor }
    }
}
