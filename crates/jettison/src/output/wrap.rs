//! Breaks lines between words, so that they fit the width and hang behind what stands before them.

use super::text::plain;

/// Text needs at least so many columns beside what it hangs behind; else it begins on a line of its own.
const LEAST: usize = 20;

/// How far that line is set in.
const BELOW: usize = 4;

/// `text` behind `lead`, in lines of at most `width` columns; further lines begin where the text did.
///
/// `text` may come from anywhere: what would steer a terminal is made visible. `lead` is our own and may be styled.
pub fn hanging(lead: &str, text: &str, width: usize) -> String {
    let indent = columns(lead);
    let text = plain(text);
    if indent + columns(&text) <= width || indent + LEAST <= width {
        let lines = lines(&text, width.saturating_sub(indent));
        return format!("{lead}{}", lines.join(&format!("\n{}", " ".repeat(indent))));
    }
    let mut page = lead.trim_end().to_owned();
    for line in lines(&text, width.saturating_sub(BELOW)) {
        page.push_str(&format!("\n{}{line}", " ".repeat(BELOW)));
    }
    page
}

/// Breaks at single blanks; a word that is longer than a line stands alone.
fn lines(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for (position, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        if position > 0 && used + 1 + length > room {
            lines.push(String::new());
            used = 0;
        } else if position > 0 {
            used += 1;
            lines.last_mut().into_iter().for_each(|line| line.push(' '));
        }
        used += length;
        lines.last_mut().into_iter().for_each(|line| line.push_str(word));
    }
    lines
}

/// The columns that a styled text takes.
fn columns(text: &str) -> usize {
    anstream::adapter::strip_str(text).to_string().chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{style, styled};

    #[test]
    fn lines_break_between_words_and_hang_behind_the_lead() {
        let table = [
            ("", "one two", 100, "one two"),
            (
                "note: ",
                "a text of words that is long",
                26,
                "note: a text of words that\n      is long",
            ),
            ("  ", "", 10, "  "),
            (
                "x ",
                "averyveryverylongwordthatfitsnowhere at all",
                22,
                "x averyveryverylongwordthatfitsnowhere\n  at all",
            ),
            (
                "a lead that is long ",
                "a few words",
                30,
                "a lead that is long\n    a few words",
            ),
            ("a lead that is long ", "a few", 30, "a lead that is long a few"),
            ("", "two  blanks", 100, "two  blanks"),
        ];
        for (lead, text, width, expected) in table {
            assert_eq!(hanging(lead, text, width), expected);
        }
    }

    #[test]
    fn colours_take_no_columns() {
        let lead = styled(style::NOTE, "note:");
        let wrapped = hanging(&format!("{lead} "), "a text of words that is long", 26);
        assert_eq!(wrapped, format!("{lead} a text of words that\n      is long"));
    }

    #[test]
    fn foreign_text_brings_neither_lines_nor_escapes() {
        assert_eq!(hanging("gap: ", "a\n\u{1b}[2Jb", 80), "gap: a\\n\\u{1b}[2Jb");
    }
}
