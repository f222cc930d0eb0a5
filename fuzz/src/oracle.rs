//! What must hold of every answer, whoever gives it.

use std::error::Error;
use std::fmt::Debug;

/// A value may be so many times larger than what it was read from, as `Debug` writes it: that names every field.
const GROWTH: usize = 64;

/// The longest message that is still one, in bytes.
const MOST_MESSAGE: usize = 4_000;

/// A message for people: one line, not empty, not endless, and nothing in it that a terminal would obey.
pub(crate) fn assert_message(text: &str) {
    assert!(!text.trim().is_empty(), "an empty message");
    assert!(
        text.len() <= MOST_MESSAGE,
        "a message of {} bytes: {text:?}",
        text.len()
    );
    assert!(!text.chars().any(obeyed), "control characters in a message: {text:?}");
}

/// The same of an error and all its causes.
pub(crate) fn assert_error(error: &dyn Error) {
    assert_message(&error.to_string());
    if let Some(cause) = error.source() {
        assert_error(cause);
    }
}

/// The same of a text of many lines.
pub(crate) fn assert_text(text: &str) {
    assert!(!text.trim().is_empty(), "an empty text");
    let bad = text.chars().find(|character| obeyed(*character) && *character != '\n');
    assert!(bad.is_none(), "{bad:?} in a text: {text:?}");
}

/// Control characters, and those that turn the direction of what follows (the class of CVE-2021-42574).
fn obeyed(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What was read from `input` is not out of proportion.
pub(crate) fn assert_in_proportion(value: &impl Debug, input: &[u8]) {
    let size = format!("{value:?}").len();
    assert!(
        size <= 4_096 + GROWTH * input.len(),
        "{size} bytes were made of {}",
        input.len()
    );
}
