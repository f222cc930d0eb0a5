//! Figures in sentences.

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

/// `1 image`, `36,021 images`.
pub fn count(number_of: u64, noun: &str) -> String {
    let plural = match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ => format!("{noun}s"),
    };
    format!("{} {}", number(number_of), if number_of == 1 { noun } else { &plural })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_plurals() {
        assert_eq!(count(0, "image"), "0 images");
        assert_eq!(count(1, "repository"), "1 repository");
        assert_eq!(count(36_021, "repository"), "36,021 repositories");
        assert_eq!(count(1_000_000, "day"), "1,000,000 days");
    }
}
