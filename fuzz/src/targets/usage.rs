//! Files that tell what is in use: plain lists and the usage form.
//!
//! - No line gets lost: each that says something is a reference, or counted in a gap.
//! - Every reference of a list can be read back; gaps are messages.

use jettison_core::model::{Digest, Gap, ImageReference, Reference, Usage};
use jiff::Timestamp;

use crate::oracle::{assert_in_proportion, assert_message};

/// Lines that are told one by one; the others are counted.
const TOLD_LINES: usize = 10;

/// Looks at one input.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(now) = "2026-01-01T12:00:00Z".parse::<Timestamp>() else {
        unreachable!("a constant");
    };
    let (references, gaps) = jettison::usage::fuzzing::understood(text, now);
    assert_in_proportion(&(&references, &gaps), data);
    gaps.iter().for_each(|gap| assert_message(&gap.0));
    let told = references.iter().map(|reference| &reference.used_by);
    told.filter(|used_by| !used_by.is_empty())
        .for_each(|used_by| assert_message(used_by));
    if text.trim_start().starts_with('{') {
        form(text, &references, &gaps);
    } else {
        list(text, &references, &gaps);
    }
}

fn form(text: &str, references: &[Reference], gaps: &[Gap]) {
    match serde_json::from_str::<Usage>(text) {
        Ok(usage) => {
            let named: usize = usage.sources.iter().map(|source| source.references.len()).sum();
            assert_eq!(references.len(), named);
        }
        Err(_) => assert!(
            references.is_empty() && !gaps.is_empty(),
            "a form that nobody understands says nothing"
        ),
    }
}

fn list(text: &str, references: &[Reference], gaps: &[Gap]) {
    let says_something = |line: &&str| !line.split('#').next().unwrap_or_default().trim().is_empty();
    let lines = text.lines().filter(says_something).count();
    let legal = |image: &str| image.parse::<ImageReference>().is_ok() || Digest::of_image_id(image).is_some();
    assert!(references.iter().all(|reference| legal(&reference.image)));
    let lost = lines - references.len();
    match gaps {
        [] => assert!(lost == 0 && lines > 0),
        [empty] if lines == 0 => assert!(empty.0.contains("empty")),
        gaps if lost <= TOLD_LINES => assert_eq!(gaps.len(), lost),
        gaps => {
            let counted = format!("and {} more", lost - TOLD_LINES);
            assert!(
                gaps.len() == TOLD_LINES + 1 && gaps.iter().any(|gap| gap.0.contains(&counted)),
                "{counted}"
            );
        }
    }
}
