//! Files that test a policy: images, and what shall become of them (`jettison policy test FILE`).
//!
//! ```yaml
//! policy: jettison.yaml                            # optional
//! now: 2026-11-21T00:00:00Z
//! repository: registry.example.com/apps/web
//! images:
//!   - { tags: [main-1a2b3c4], pushed: 40d ago, expect: expire, by: branches }
//!   - { tags: [v1.2.3], created: 2025-10-01T00:00:00Z, in-use: true, expect: keep, by: in-use }
//!   - { tags: [latest, main-2b3c4d5], pushed: 2d ago, expect: { latest: keep, main-2b3c4d5: expire } }
//!   - { untagged: 31d ago, pushed: 60d ago, expect: expire }
//! ```
//!
//! Moments are RFC 3339 times, or a duration before `now`. The file becomes an inventory of one repository and a
//! usage; evaluating them and comparing is the caller's part.

mod read;
#[cfg(test)]
mod tests;

use jiff::Timestamp;

use crate::config::reader::{Reader, nowhere};
use crate::config::{Diagnostics, Source, tree};
use crate::model::{Digest, Inventory, Tag, Usage};

/// What a test file says.
#[derive(Debug, Clone, PartialEq)]
pub struct Cases {
    /// The configuration to test, as written; relative to the test file. `None`: the one in force.
    pub policy: Option<String>,
    /// The moment at which the policy is asked.
    pub now: Timestamp,
    /// One repository with the images.
    pub inventory: Inventory,
    /// One complete source with the images in use.
    pub usage: Usage,
    /// What shall become of them, in the order of the file.
    pub expectations: Vec<Expectation>,
}

/// What shall become of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// The line that says so.
    pub line: u32,
    /// The image.
    pub digest: Digest,
    /// Its tag; `None` for an untagged image or an orphan.
    pub tag: Option<Tag>,
    /// The verdict.
    pub verdict: ExpectedVerdict,
    /// The rule, hold or reason code that shall decide, if the file says so.
    pub by: Option<String>,
}

/// A verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedVerdict {
    /// It stays.
    Keep,
    /// It goes.
    Expire,
}

impl Cases {
    /// Reads a test file. `file_name` only serves the messages.
    ///
    /// # Errors
    /// Everything that is wrong in the file, in the order of its places.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, Diagnostics> {
        let source = Source::new(file_name, text);
        let mut found = Vec::new();
        let root = tree::parse(&source, &mut found);
        let mut reader = Reader::new(&source, found, &nowhere);
        if root.is_none() && reader.found.is_empty() {
            reader.error_with(
                "missing-key",
                &(0..0),
                "the file is empty",
                "a policy test has the keys `now`, `repository` and `images`",
            );
        }
        let cases = root.and_then(|root| read::cases(&mut reader, &root));
        let found = Diagnostics::from(reader.found);
        cases.filter(|_| !found.has_errors()).ok_or(found)
    }
}
