//! The rules that apply on a server where the configuration has none for it.

use std::sync::LazyLock;

use crate::config::Config;
use crate::policy::Policy;

/// The built-in rules for servers as a file, with comments: something to start from.
pub const STANDARD_YAML: &str = include_str!("standard.yaml");

static STANDARD: LazyLock<Vec<Policy>> = LazyLock::new(|| {
    let read = Config::parse("host-standard.yaml", STANDARD_YAML).ok();
    // Tests prove that the file can be read. If it could not, nothing would go.
    read.and_then(|(config, _)| config.host.policies).unwrap_or_default()
});

/// The built-in rules for servers.
pub fn standard() -> &'static [Policy] {
    &STANDARD
}
