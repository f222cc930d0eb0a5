//! Shares of a repository, written in percent.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// A share between 0 % and 100 %, exact to a ten-thousandth of a percent: `50%`, `97.5%`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "String")]
pub struct Share(u32);

/// Parts in one percent.
const PERCENT: u32 = 10_000;
/// Parts in the whole.
const WHOLE: u32 = 100 * PERCENT;

/// Why a text is not a share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct InvalidShare {
    problem: &'static str,
    hint: String,
}

impl InvalidShare {
    /// What to write instead.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

impl Share {
    /// That many percent; more than 100 count as 100.
    pub const fn percent(percent: u8) -> Self {
        Self(if percent > 100 { WHOLE } else { percent as u32 * PERCENT })
    }

    /// Whether `part` of `whole` is strictly more than this share. Nothing of nothing is no share.
    pub fn exceeded_by(self, part: u64, whole: u64) -> bool {
        u128::from(part) * u128::from(WHOLE) > u128::from(self.0) * u128::from(whole)
    }

    /// So much of `whole` as this share is, rounded down.
    pub fn of(self, whole: u64) -> u64 {
        let part = u128::from(whole) * u128::from(self.0) / u128::from(WHOLE);
        u64::try_from(part).unwrap_or(whole)
    }

    /// The share as a number from 0 to 1.
    pub fn as_ratio(self) -> f64 {
        f64::from(self.0) / f64::from(WHOLE)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (percent, parts) = (self.0 / PERCENT, self.0 % PERCENT);
        match parts {
            0 => write!(f, "{percent}%"),
            parts => write!(f, "{percent}.{}%", format!("{parts:04}").trim_end_matches('0')),
        }
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Share> for String {
    fn from(share: Share) -> Self {
        share.to_string()
    }
}

impl FromStr for Share {
    type Err = InvalidShare;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_suffix('%').ok_or_else(|| without_sign(text))?;
        let (percent, decimals) = number.split_once('.').map_or((number, None), |(a, b)| (a, Some(b)));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(percent) || !decimals.is_none_or(digits) {
            return Err(error(
                "not a share",
                "write a number of percent: `50%` or `97.5%`".to_owned(),
            ));
        }
        let decimals = decimals.unwrap_or_default().trim_end_matches('0');
        if decimals.len() > 4 {
            return Err(error(
                "a share with too many decimals",
                "write at most four: `97.1234%`".to_owned(),
            ));
        }
        let whole = percent
            .parse::<u32>()
            .ok()
            .and_then(|percent| percent.checked_mul(PERCENT));
        let parts = format!("{decimals:0<4}").parse::<u32>().ok();
        let share = whole
            .zip(parts)
            .and_then(|(whole, parts)| whole.checked_add(parts))
            .filter(|share| *share <= WHOLE);
        share
            .map(Self)
            .ok_or_else(|| error("a share of more than the whole", "the most is `100%`".to_owned()))
    }
}

fn error(problem: &'static str, hint: String) -> InvalidShare {
    InvalidShare { problem, hint }
}

/// A bare number could be a ratio or a percentage, so neither is guessed.
fn without_sign(text: &str) -> InvalidShare {
    // Nothing is proposed that would be refused in its turn.
    let proposed = |lead: &str, number: &str| {
        let share = format!("{number}%");
        share.parse::<Share>().ok().map(|_| format!("{lead} `{share}`"))
    };
    let hint = match text.parse::<f64>() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) && text.contains('.') => {
            proposed("write percent:", &(ratio * 100.0).to_string())
        }
        _ => proposed("write", text),
    };
    let any = || "write a number of percent, `100%` at most: `50%` or `97.5%`".to_owned();
    error("a share needs a percent sign", hint.unwrap_or_else(any))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_hint_proposes_what_is_refused() {
        for (text, hint) in [
            ("50", "write `50%`"),
            ("0.5", "write percent: `50%`"),
            ("500", "write a number of percent, `100%` at most: `50%` or `97.5%`"),
            ("0.07", "write a number of percent, `100%` at most: `50%` or `97.5%`"),
            ("1e1", "write a number of percent, `100%` at most: `50%` or `97.5%`"),
            ("-3", "write a number of percent, `100%` at most: `50%` or `97.5%`"),
        ] {
            assert_eq!(text.parse::<Share>().unwrap_err().hint, hint, "{text}");
        }
    }

    #[test]
    fn reads_percent() {
        for (text, ratio, printed) in [
            ("0%", 0.0, "0%"),
            ("50%", 0.5, "50%"),
            ("97.5%", 0.975, "97.5%"),
            ("33.3333%", 0.333_333, "33.3333%"),
            ("1.05000%", 0.0105, "1.05%"),
            ("100%", 1.0, "100%"),
            ("100.0%", 1.0, "100%"),
        ] {
            let share: Share = text.parse().unwrap();
            assert!(
                (share.as_ratio() - ratio).abs() < 1e-9 && share.to_string() == printed,
                "{text}: {share}"
            );
        }
        assert_eq!(Share::percent(50), "50%".parse().unwrap());
    }

    #[test]
    fn refuses_everything_else_with_a_hint() {
        for (text, hint) in [
            ("", "`50%`"),
            ("50", "`50%`"),
            ("0.5", "`50%`"),
            ("%", "`50%`"),
            ("-1%", "`50%`"),
            ("+1%", "`50%`"),
            ("1.%", "`50%`"),
            (".5%", "`50%`"),
            ("50 %", "`50%`"),
            ("101%", "`100%`"),
            ("100.0001%", "`100%`"),
            ("1.00001%", "four"),
            ("99999999999%", "`100%`"),
            ("nan", "`50%`"),
            ("half", "`50%`"),
        ] {
            let error = text.parse::<Share>().unwrap_err();
            assert!(error.hint().contains(hint), "{text}: {}", error.hint());
        }
    }

    #[test]
    fn is_exceeded_strictly_and_exactly() {
        let half = Share::percent(50);
        for (part, whole, exceeded) in [
            (5, 10, false),
            (6, 10, true),
            (0, 0, false),
            (1, 0, true),
            (u64::MAX, u64::MAX, true),
            (u64::MAX / 2, u64::MAX, false),
        ] {
            assert_eq!(half.exceeded_by(part, whole), exceeded, "{part} of {whole}");
        }
        assert!(!Share::percent(100).exceeded_by(7, 7));
        for (whole, part) in [(0, 0), (9, 4), (10, 5), (u64::MAX, u64::MAX / 2)] {
            assert_eq!(half.of(whole), part, "half of {whole}");
        }
    }
}
