//! Figures for those who would rather look than read: bars and sparklines of characters. Says nothing that the figures
//! beside it do not say, and computes none.

/// What pictures are drawn with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strokes {
    /// Blocks in eighths (Unicode, "Block Elements").
    Blocks,
    /// ASCII, for a terminal that says it knows no other.
    Ascii,
}

/// A block that is filled from the left by one eighth to eight eighths.
const FROM_LEFT: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
/// A block that is filled from below.
const FROM_BELOW: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The same in ASCII, by how dark they are.
const DARKER: [char; 8] = ['.', ':', '-', '=', '+', '*', '%', '#'];

impl Strokes {
    /// What this terminal can show: a locale that is set and has no UTF-8 asks for ASCII.
    pub fn of_terminal() -> Self {
        let set = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        // In the order of POSIX ("Environment Variables", 8.2).
        Self::of_locale(["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).as_deref())
    }

    fn of_locale(locale: Option<&str>) -> Self {
        let utf_8 = |locale: &str| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        };
        if locale.is_none_or(utf_8) {
            Self::Blocks
        } else {
            Self::Ascii
        }
    }

    /// A bar of at most `width` characters for the share that `part` has in `whole`. What is more than nothing shows;
    /// what is more than the whole fills the width.
    pub fn bar(self, part: u64, whole: u64, width: usize) -> String {
        let cells = u128::try_from(width).unwrap_or(0);
        let eighths = match (part, whole) {
            (0, _) | (_, 0) => 0,
            _ => (u128::from(part.min(whole)) * cells * 8 / u128::from(whole))
                .max(1)
                .min(cells * 8),
        };
        let whole_cells = usize::try_from(eighths / 8).unwrap_or(width);
        let rest = usize::try_from(eighths % 8).unwrap_or(0);
        match self {
            Self::Blocks => {
                let last = rest.checked_sub(1).map(|eighth| FROM_LEFT[eighth]);
                "█".repeat(whole_cells).chars().chain(last).collect()
            }
            Self::Ascii => "#".repeat(whole_cells.max(usize::from(eighths > 0))),
        }
    }

    /// A bar for `part` with what else there is up to `more` in a lighter shade behind it.
    pub fn layered_bar(self, part: u64, more: u64, whole: u64, width: usize) -> String {
        let shade = match self {
            Self::Blocks => "░",
            Self::Ascii => "-",
        };
        let bar = self.bar(part, whole, width);
        let both = self.bar(more, whole, width).chars().count();
        let behind = both.saturating_sub(bar.chars().count());
        bar + &shade.repeat(behind)
    }

    /// A line of one character a value, the greatest full and 0 lowest. More values than `width`: the greatest of each
    /// of `width` neighbourhoods.
    pub fn sparkline(self, values: &[u64], width: usize) -> String {
        let greatest = values.iter().copied().max().unwrap_or(0);
        self.sparkline_below(greatest, values, width)
    }

    /// The same where something else is full: to look at several lines beside each other.
    pub fn sparkline_below(self, greatest: u64, values: &[u64], width: usize) -> String {
        let columns = width.min(values.len());
        let ends = (0..=columns).map(|column| column * values.len() / columns.max(1));
        let ends: Vec<usize> = ends.collect();
        let peaks = ends
            .windows(2)
            .map(|ends| values[ends[0]..ends[1]].iter().copied().max().unwrap_or(0));
        peaks.map(|value| self.height(value, greatest)).collect()
    }

    fn height(self, value: u64, greatest: u64) -> char {
        let steps = match self {
            Self::Blocks => FROM_BELOW,
            Self::Ascii => DARKER,
        };
        // Rounded to the nearest of eight steps, of which the first is 0.
        let step = (u128::from(value) * 14 + u128::from(greatest)) / (u128::from(greatest) * 2).max(1);
        steps[usize::try_from(step).unwrap_or(0).min(7)]
    }
}

#[cfg(test)]
mod tests {
    use super::Strokes::{Ascii, Blocks};
    use super::*;

    #[test]
    fn a_bar_has_the_length_of_its_share() {
        for (part, whole, blocks, ascii) in [
            (0, 8, "", ""),
            (1, 0, "", ""),
            (1, 1_000_000, "▏", "#"),
            (1, 8, "▌", "#"),
            (3, 8, "█▌", "#"),
            (4, 8, "██", "##"),
            (8, 8, "████", "####"),
            (9, 8, "████", "####"),
            (u64::MAX, u64::MAX, "████", "####"),
            (u64::MAX - 1, u64::MAX, "███▉", "###"),
        ] {
            assert_eq!(
                (&*Blocks.bar(part, whole, 4), &*Ascii.bar(part, whole, 4)),
                (blocks, ascii),
                "{part} of {whole}"
            );
            assert_eq!(Blocks.bar(part, whole, 0), "", "{part} of {whole} in no room");
        }
    }

    #[test]
    fn what_else_there_is_stands_behind_a_bar() {
        for (part, more, blocks, ascii) in [
            (0, 0, "", ""),
            (0, 8, "░░░░", "----"),
            (3, 8, "█▌░░", "#---"),
            (4, 8, "██░░", "##--"),
            (8, 8, "████", "####"),
            (8, 4, "████", "####"),
            (3, 4, "█▌", "#-"),
        ] {
            let drawn = [Blocks, Ascii].map(|strokes| strokes.layered_bar(part, more, 8, 4));
            assert_eq!(drawn, [blocks, ascii], "{part} and {more} of 8");
        }
    }

    #[test]
    fn a_sparkline_rises_with_its_values() {
        for (values, width, blocks, ascii) in [
            (&[][..], 5, "", ""),
            (&[0, 0], 5, "▁▁", ".."),
            (&[7], 5, "█", "#"),
            (&[0, 1, 2, 3, 4, 5, 6, 7], 8, "▁▂▃▄▅▆▇█", ".:-=+*%#"),
            (&[0, 1, 2, 3, 4, 5, 6, 7], 4, "▂▄▆█", ":=*#"),
            (&[u64::MAX, 0, u64::MAX / 2], 5, "█▁▄", "#.="),
            (&[1, 2], 0, "", ""),
        ] {
            assert_eq!(
                (&*Blocks.sparkline(values, width), &*Ascii.sparkline(values, width)),
                (blocks, ascii),
                "{values:?} in {width}"
            );
        }
    }

    #[test]
    fn sparklines_may_have_one_scale() {
        assert_eq!(Blocks.sparkline_below(8, &[0, 1, 4], 5), "▁▂▅");
        assert_eq!(Blocks.sparkline_below(1, &[0, 1, 4], 5), "▁██", "what is more is full");
    }

    #[test]
    fn only_a_locale_without_utf_8_asks_for_ascii() {
        for (locale, strokes) in [
            (None, Blocks),
            (Some("en_US.UTF-8"), Blocks),
            (Some("C.utf8"), Blocks),
            (Some("C"), Ascii),
            (Some("de_DE@euro"), Ascii),
        ] {
            assert_eq!(Strokes::of_locale(locale), strokes, "{locale:?}");
        }
    }
}
