//! Words and figures for people: sizes, counts, plurals, ages.

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

/// Breaks a text at spaces into lines of at most `width` columns; a longer word stays whole.
pub fn fold(text: &str, width: usize) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            folded.push('\n');
            column = 0;
        } else if column > 0 {
            folded.push(' ');
            column += 1;
        }
        folded.push_str(word);
        column += length;
    }
    folded
}

/// Text from elsewhere as one line that is safe to show: nothing in it can move the cursor, colour or turn the line
/// around (Unicode Technical Report 36, "Bidirectional Text Spoofing"), or hide.
pub fn printable(text: &str) -> String {
    let shown = |c: char| if is_treacherous(c) { ' ' } else { c };
    let shown: String = text.chars().map(shown).collect();
    shown.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The beginning of a text from elsewhere, [printable], at most `longest` characters of it.
pub fn excerpt(text: &str, longest: usize) -> String {
    // What is cut off need not be looked at: it may be megabytes.
    let end = text.char_indices().nth(longest.saturating_mul(2)).map(|(end, _)| end);
    let line = printable(end.map_or(text, |end| &text[..end]));
    match line.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None if end.is_some() => format!("{line}…"),
        None => line,
    }
}

/// Control characters, line separators, marks that change the direction, and characters without a width.
pub fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
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
    fn texts_fold_at_spaces() {
        for (text, width, folded) in [
            ("one two three", 7, "one two\nthree"),
            ("one two three", 8, "one two\nthree"),
            ("one two three", 13, "one two three"),
            ("over-long word", 4, "over-long\nword"),
            ("", 4, ""),
        ] {
            assert_eq!(fold(text, width), folded, "{text} {width}");
        }
    }

    #[test]
    fn nothing_treacherous_is_shown() {
        for (text, shown) in [
            ("a\r\nb\tc", "a b c"),
            ("\u{1b}[31mred\u{1b}]0;title\u{7}", "[31mred ]0;title"),
            ("\u{9b}2J", "2J"),
            ("\u{202e}gnp.exe\u{202c}", "gnp.exe"),
            ("a\u{200f}b\u{2066}c\u{feff}", "a b c"),
            ("grün 图像 🚀", "grün 图像 🚀"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }
}
