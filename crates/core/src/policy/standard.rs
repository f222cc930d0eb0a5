//! The policy that applies where no configuration says otherwise.

use super::{NameGlobs, Policy, Rules};
use crate::config::Config;

/// The built-in policy as a file, with comments: something to start from.
pub const STANDARD_YAML: &str = include_str!("standard.yaml");

/// The built-in policy `standard`.
pub fn standard() -> Policy {
    let read = Config::parse("standard.yaml", STANDARD_YAML).ok();
    read.and_then(|(config, _)| config.policies?.pop())
        .unwrap_or_else(everything_stays)
}

/// Tests prove that the file can be read. If it could not, nothing would go.
fn everything_stays() -> Policy {
    Policy {
        name: "standard".to_owned(),
        repositories: NameGlobs::all(),
        registries: NameGlobs::all(),
        untag: false,
        archive_anyway: false,
        rules: Rules::Own(Vec::new()),
        line: 1,
    }
}
