//! Texts from outside, made fit for a message: registries, files and people write what they like.

/// How much of a text a message repeats, in characters.
const MOST: usize = 300;

/// `text` as a message may repeat it: on one line, not too long, and without anything that a terminal obeys or that
/// turns the reading direction of what follows. What is left out of that is shown by its code.
pub fn legible(text: &str) -> String {
    legible_up_to(text, MOST)
}

/// The same, cut after `most` characters.
pub(crate) fn legible_up_to(text: &str, most: usize) -> String {
    let mut shown = String::new();
    for (number, character) in text.chars().enumerate() {
        match character {
            _ if number == most => {
                shown.push('…');
                break;
            }
            hidden if is_hidden(hidden) => shown.extend(hidden.escape_debug()),
            other => shown.push(other),
        }
    }
    shown
}

/// Control characters, line ends, and what is not seen but changes how the rest is read (the class of CVE-2021-42574).
pub(crate) fn is_hidden(character: char) -> bool {
    let unseen =
        matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    unseen || character.is_control()
}

/// Why bytes are not the JSON that was expected. The parser's own words may repeat any text at any length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidJson(String);

impl From<serde_json::Error> for InvalidJson {
    fn from(error: serde_json::Error) -> Self {
        let place = format!(" at line {} column {}", error.line(), error.column());
        let said = error.to_string();
        match said.strip_suffix(&place) {
            Some(what) => Self(legible(what) + &place),
            None => Self(legible(&said)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_shown_by_its_code() {
        for (text, shown) in [
            ("apps/web:v1", "apps/web:v1"),
            ("it's \"ä\" u\u{308} 日本", "it's \"ä\" u\u{308} 日本"),
            ("a\nb\t\u{1b}[31m\0", "a\\nb\\t\\u{1b}[31m\\0"),
            ("\u{202e}evil\u{200b}", "\\u{202e}evil\\u{200b}"),
            ("back\\slash", "back\\slash"),
        ] {
            assert_eq!(legible(text), shown);
            assert_eq!(legible(shown), shown, "what is legible stays as it is");
        }
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(legible_up_to("abc", 3), "abc");
        assert_eq!(legible_up_to("äbcd", 3), "äbc…");
        assert_eq!(legible(&"x".repeat(5_000)).chars().count(), MOST + 1);
    }

    #[test]
    fn errors_of_the_parser_keep_their_place() {
        let error = |text: &str| InvalidJson::from(serde_json::from_str::<u8>(text).unwrap_err()).to_string();
        assert_eq!(error("{"), "invalid type: map, expected u8 at line 1 column 0");
        let long = error(&format!("\n\"{}\"", "x".repeat(5_000)));
        assert!(long.len() < 400 && long.ends_with("… at line 2 column 5002"), "{long}");
    }
}
