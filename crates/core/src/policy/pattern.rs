//! Regular expressions that users write: bounded in memory, and anchored without a way out.

use regex::{Regex, RegexBuilder};

/// What one compiled expression may weigh, in bytes.
const MOST_MEMORY: usize = 512 << 10;
/// What one may measure, in bytes.
const LONGEST: usize = 4_096;

/// Regular expressions, each anchored at both ends; a text fits if it fits any of them.
#[derive(Debug, Clone)]
pub(crate) struct Anchored {
    each: Vec<Regex>,
    /// All of them in one, which is asked instead; `None` where that would be too large, or names a group twice.
    all: Option<Regex>,
}

impl Anchored {
    /// # Errors
    /// The place of the first that is not a regular expression, and why.
    pub(crate) fn new(patterns: &[String]) -> Result<Self, (usize, String)> {
        let compile = |(index, pattern): (usize, &String)| {
            regex(pattern, |pattern| format!(r"\A(?:{pattern})\z")).map_err(|error| (index, error))
        };
        let each: Vec<Regex> = patterns.iter().enumerate().map(compile).collect::<Result<_, _>>()?;
        let choice = patterns
            .iter()
            .map(|pattern| format!("(?:{pattern})"))
            .collect::<Vec<_>>();
        let choice = format!(r"\A(?:{})\z", choice.join("|"));
        let all = RegexBuilder::new(&choice).size_limit(MOST_MEMORY).build().ok();
        let all = all.filter(|_| !each.is_empty());
        Ok(Self { each, all })
    }

    pub(crate) fn fits(&self, text: &str) -> bool {
        match &self.all {
            Some(all) => all.is_match(text),
            None => self.each.iter().any(|regex| regex.is_match(text)),
        }
    }
}

/// Equal if written alike.
impl PartialEq for Anchored {
    fn eq(&self, other: &Self) -> bool {
        let texts = |patterns: &'_ Self| {
            patterns
                .each
                .iter()
                .map(|regex| regex.as_str().to_owned())
                .collect::<Vec<_>>()
        };
        texts(self) == texts(other)
    }
}

/// Compiles `pattern` as `wrap` puts it. It must be an expression by itself as well, or it could close the brackets
/// that anchor it: `a)|(?:b`.
pub(crate) fn regex(pattern: &str, wrap: impl Fn(&str) -> String) -> Result<Regex, String> {
    if pattern.len() > LONGEST {
        return Err(format!("it is longer than {LONGEST} bytes"));
    }
    let compile = |text: &str| {
        RegexBuilder::new(text)
            .size_limit(MOST_MEMORY)
            .build()
            .map_err(|error| explain(&error))
    };
    compile(pattern)?;
    compile(&wrap(pattern))
}

/// The library's message spans lines and draws arrows; its last line says what is wrong.
fn explain(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "it is too complex".to_owned(),
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.strip_prefix("error: ").unwrap_or(last).to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchored(patterns: &[&str]) -> Result<Anchored, (usize, String)> {
        Anchored::new(&patterns.iter().map(|pattern| (*pattern).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn anchors_both_ends() {
        for (pattern, fitting, other) in [
            ("v1", "v1", "v12"),
            ("a|b", "b", "ab"),
            ("(?m)^a$", "a", "a\nb"),
            ("", "", "x"),
        ] {
            let regex = anchored(&[pattern]).unwrap();
            assert!(regex.fits(fitting) && !regex.fits(other), "{pattern}");
        }
        assert!(anchored(&["a", "b"]).unwrap().fits("b") && !anchored(&["a", "b"]).unwrap().fits("ab"));
        let twice = anchored(&["(?<x>a)", "(?<x>b)"]).unwrap();
        assert!(twice.fits("b") && !twice.fits("ab") && !anchored(&[]).unwrap().fits(""));
        assert!(anchored(&[r"[a-z0-9._-]{1,128}", r"\w+-\d{1,10}-\w{7}"]).is_ok());
    }

    #[test]
    fn refuses_what_is_no_expression_or_breaks_out() {
        let long = "a".repeat(LONGEST + 1);
        for pattern in ["(", "a)|(?:b", "(?x)a # b", r"\w{100}", "(?<a", &long] {
            assert_eq!(anchored(&["fine", pattern]).unwrap_err().0, 1, "{pattern}");
        }
    }
}
