//! The patterns of `tagPatternList`: `*` stands for any characters, none included, and a pattern is held against the whole
//! tag. No other character is special.

use std::fmt;

/// "There is a maximum limit of four wildcards (`*`) per string" (lifecycle_policy_parameters, "Tag pattern list").
pub const MOST_WILDCARDS: usize = 4;

/// One pattern.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagPattern {
    text: String,
    /// What stands before, between and behind its wildcards.
    pieces: Vec<String>,
}

/// It has more wildcards than AWS allows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a maximum of {MOST_WILDCARDS} wildcards (*) is allowed per string, found {0}")]
pub struct InvalidTagPattern(usize);

impl TagPattern {
    /// Takes a pattern.
    ///
    /// # Errors
    /// It has too many wildcards.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidTagPattern> {
        let text = text.into();
        match text.matches('*').count() {
            stars if stars > MOST_WILDCARDS => Err(InvalidTagPattern(stars)),
            _ => Ok(Self::unbounded(text)),
        }
    }

    /// Takes a pattern that AWS would not take, if it has too many wildcards: to compare it with others.
    pub(super) fn unbounded(text: String) -> Self {
        Self {
            pieces: text.split('*').map(str::to_owned).collect(),
            text,
        }
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a tag fits it. Each piece between two wildcards is looked for where it can first be: no later place lets
    /// more follow.
    pub fn fits(&self, tag: &str) -> bool {
        let [first, middle @ .., last] = self.pieces.as_slice() else {
            return self.text == tag;
        };
        let Some(tag) = tag.as_bytes().strip_prefix(first.as_bytes()) else {
            return false;
        };
        let rest = middle
            .iter()
            .try_fold(tag, |rest, piece| behind(rest, piece.as_bytes()));
        rest.is_some_and(|rest| rest.ends_with(last.as_bytes()))
    }
}

/// What follows the first place of a piece. Tags are short, and so are pieces.
fn behind<'t>(text: &'t [u8], piece: &[u8]) -> Option<&'t [u8]> {
    let Some(begins) = piece.first() else { return Some(text) };
    let mut windows = text.windows(piece.len());
    let at = windows.position(|window| window.first() == Some(begins) && window == piece)?;
    text.get(at + piece.len()..)
}

impl TagPattern {
    /// Whether it could fit a tag that attaches a manifest to another one: `sha256-<hex>`, or that with `.sig`, `.att` or
    /// `.sbom` behind it (see [`crate::model::Tag::subject`]).
    pub(crate) fn may_attach(&self) -> bool {
        let shape = |suffix: &&str| format!("sha256-{}{suffix}", HEX_DIGIT.to_string().repeat(64));
        ["", ".sig", ".att", ".sbom"]
            .iter()
            .map(shape)
            .any(|shape| self.meets(&shape))
    }

    /// Whether it fits any text of a shape, in which [`HEX_DIGIT`] stands for any such digit.
    fn meets(&self, shape: &str) -> bool {
        let admits = |at: char, letter: char| at == letter || (at == HEX_DIGIT && letter.is_ascii_hexdigit());
        let shape: Vec<char> = shape.chars().collect();
        // Which beginnings of the shape the pattern has fitted so far, by their length.
        let mut fitted = vec![false; shape.len() + 1];
        fitted[0] = true;
        for letter in self.text.chars() {
            if letter == '*' {
                let first = fitted.iter().position(|fits| *fits).unwrap_or(fitted.len());
                fitted[first..].fill(true);
            } else {
                for length in (0..shape.len()).rev() {
                    fitted[length + 1] = fitted[length] && admits(shape[length], letter);
                }
                fitted[0] = false;
            }
        }
        fitted[shape.len()]
    }
}

/// Stands for any hexadecimal digit in a shape; no tag has it.
const HEX_DIGIT: char = '#';

impl fmt::Display for TagPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
