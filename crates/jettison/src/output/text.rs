//! Words and figures for people: sizes, counts, plurals, ages.

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

/// `36,021`.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
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

/// `1 image`, `36,021 images`.
pub fn count(number_of: u64, noun: &str) -> String {
    let plural = match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ => format!("{noun}s"),
    };
    format!("{} {}", number(number_of), if number_of == 1 { noun } else { &plural })
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
    fn counts_and_plurals() {
        assert_eq!(count(0, "image"), "0 images");
        assert_eq!(count(1, "repository"), "1 repository");
        assert_eq!(count(36_021, "repository"), "36,021 repositories");
        assert_eq!(count(1_000_000, "day"), "1,000,000 days");
    }
}
