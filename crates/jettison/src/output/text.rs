//! Words and figures for people: sizes, counts, plurals, ages; and text of others, made safe to look at.

use std::borrow::Cow;

pub use jettison_core::words::{count, number};
use jiff::Timestamp;

/// Bytes as registries bill them: decimal units, about three figures, rounded down.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut tenths = bytes / 100;
    let mut unit = 0;
    while tenths >= 10_000 {
        tenths /= 1000;
        unit += 1;
    }
    if tenths >= 1000 {
        return format!("{} {}", tenths / 10, UNITS[unit]);
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// An error with its causes in one line; a cause that is said already is not repeated.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let more = source.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = source.source();
    }
    text
}

/// Text of others for one line on a terminal: what would steer it, or turn the order of what is read, is made
/// visible (`\u{1b}`), line ends too.
pub fn plain(text: &str) -> Cow<'_, str> {
    visible(text, |_| false)
}

/// What a terminal may get: line ends, tabs, and the colours that this program sets; the rest is made visible.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    let after_escape = |rest: &str| {
        let colour = rest.strip_prefix("\u{1b}[")?;
        colour
            .find(|c: char| c != ';' && !c.is_ascii_digit())
            .filter(|end| colour[*end..].starts_with('m'))
    };
    visible(text, |rest| {
        rest.starts_with(['\n', '\t']) || after_escape(rest).is_some()
    })
}

/// A JSON document that a terminal may get: outside of texts nothing steers, and within them JSON has its own way to
/// write what does.
pub(super) fn printable_json(document: &str) -> Cow<'_, str> {
    let steers = |character| character != '\n' && steers(character);
    if !document.contains(steers) {
        return Cow::Borrowed(document);
    }
    let mut safe = String::with_capacity(document.len() + 8);
    for character in document.chars() {
        if steers(character) {
            // All of them are below 0x10000: one unit of UTF-16.
            safe.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

/// Makes visible what steers, unless `passes` lets what begins there through.
fn visible(text: &str, passes: impl Fn(&str) -> bool) -> Cow<'_, str> {
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for (at, character) in text.char_indices() {
        if steers(character) && !passes(&text[at..]) {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

/// Control characters, line separators, and the marks that turn the direction of text (Unicode TR 9, section 2).
fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text of others for a cell of comma-separated values: what a spreadsheet would take for a formula gets a `'` before it.
pub fn cell(text: &str) -> Cow<'_, str> {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => Cow::Owned(format!("'{text}")),
        false => Cow::Borrowed(text),
    }
}

/// A moment to the second, UTC.
pub fn moment(at: Timestamp) -> String {
    let whole = Timestamp::from_second(at.as_second()).unwrap_or(at);
    whole.to_string().replace('T', " ").replace('Z', " UTC")
}

/// `42 days ago`, `3 hours ago`, `just now`.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(at.as_second());
    let (number_of, noun) = match seconds {
        ..60 => return "just now".to_owned(),
        60..3600 => (seconds / 60, "minute"),
        3600..172_800 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{} ago", count(u64::try_from(number_of).unwrap_or(0), noun))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_on_a_bill() {
        let table = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (99_949, "99.9 kB"),
            (123_456, "123 kB"),
            (999_999, "999 kB"),
            (1_000_000, "1.0 MB"),
            (412_300_000_000, "412 GB"),
            (u64::MAX, "18.4 EB"),
        ];
        for (size, text) in table {
            assert_eq!(bytes(size), text, "{size}");
        }
    }

    #[test]
    fn what_steers_a_terminal_is_made_visible() {
        let table = [
            ("a b ä 漢", "a b ä 漢", "a b ä 漢"),
            ("a\nb\tc", "a\\nb\\tc", "a\nb\tc"),
            (
                "\u{1b}[1mbold\u{1b}[0m",
                "\\u{1b}[1mbold\\u{1b}[0m",
                "\u{1b}[1mbold\u{1b}[0m",
            ),
            ("\u{1b}[1;31mred", "\\u{1b}[1;31mred", "\u{1b}[1;31mred"),
            (
                "\u{1b}[2J\u{1b}]0;title\u{7}",
                "\\u{1b}[2J\\u{1b}]0;title\\u{7}",
                "\\u{1b}[2J\\u{1b}]0;title\\u{7}",
            ),
            ("\u{9b}2J\u{7f}\r", "\\u{9b}2J\\u{7f}\\r", "\\u{9b}2J\\u{7f}\\r"),
            ("\u{202e}txt", "\\u{202e}txt", "\\u{202e}txt"),
            ("\u{1b}", "\\u{1b}", "\\u{1b}"),
            ("\u{1b}[1", "\\u{1b}[1", "\\u{1b}[1"),
        ];
        for (text, foreign, own) in table {
            assert_eq!((&*plain(text), &*printable(text)), (foreign, own), "{text:?}");
        }
    }

    #[test]
    fn no_cell_is_a_formula() {
        let table = [
            ("main", "main"),
            ("(none)", "(none)"),
            ("=cmd|calc!A1", "'=cmd|calc!A1"),
            ("+1", "'+1"),
            ("-2", "'-2"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("a=b", "a=b"),
            ("", ""),
        ];
        for (text, safe) in table {
            assert_eq!(cell(text), safe, "{text:?}");
        }
    }

    #[test]
    fn json_stays_the_same_document() {
        let text = "a\u{1b}\u{7f}\u{9b}\u{202e}\nä";
        let document = serde_json::to_string_pretty(&[text]).unwrap();
        let printed = printable_json(&document);
        assert!(!printed.chars().any(|c| c != '\n' && steers(c)), "{printed:?}");
        assert_eq!(serde_json::from_str::<[String; 1]>(&printed).unwrap(), [text]);
    }
}
