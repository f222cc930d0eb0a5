//! The language of queries: one term an argument, all must hold. Text in, checked terms or every mistake out.
//!
//! It looks at no image; `judge` does.

use std::cmp::Ordering;
use std::fmt;

use crate::config::reader::did_you_mean;
use crate::model::{Kind, legible_up_to};
use crate::policy::{ByteSize, LabelPattern, NameGlobs, Period, TagPatterns};

/// The longest term, in bytes, and the most terms.
const LONGEST: usize = 512;
const MOST_TERMS: usize = 32;

/// The fewest hex digits of a plain word that is looked for in digests too: any shorter one stands in many.
const DIGEST_WORD: usize = 6;

/// What comes with a value: `tag:prod-*`.
const KEYS: [&str; 8] = [
    "tag", "repo", "registry", "digest", "label", "platform", "kind", "used-by",
];
/// What is compared: `age>90d`.
const COMPARED: [&str; 3] = ["age", "size", "pulled"];
/// What stands alone.
const ALONE: [&str; 4] = ["used", "unused", "untagged", "archived"];

/// What is looked for. No term at all fits every image.
#[derive(Debug, Clone, Default)]
pub struct Query {
    pub(super) terms: Vec<Term>,
}

/// One condition.
#[derive(Debug, Clone)]
pub(super) struct Term {
    /// As written.
    pub(super) text: String,
    /// It must not hold.
    pub(super) negated: bool,
    pub(super) test: Test,
}

/// What is asked of an image.
#[derive(Debug, Clone)]
pub(super) enum Test {
    Tag(TagPatterns),
    Repository(NameGlobs),
    Registry(NameGlobs),
    /// The first hex digits.
    Digest(String),
    Label(String, Option<LabelPattern>),
    Platform(NameGlobs),
    Kind(Kind),
    UsedBy(String),
    Age(Comparison, Period),
    Pulled(Comparison, Period),
    Size(Comparison, u64),
    Used,
    Unused,
    Untagged,
    Archived,
    /// A part of anything that has a name; in lower case.
    Word(String),
}

/// How a figure is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Below,
    AtMost,
    Above,
    AtLeast,
}

impl Comparison {
    pub(super) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Below => ordering == Ordering::Less,
            Self::AtMost => ordering != Ordering::Greater,
            Self::Above => ordering == Ordering::Greater,
            Self::AtLeast => ordering != Ordering::Less,
        }
    }
}

/// A term that is none: what is wrong, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{term}`: {problem}; {hint}")]
pub struct InvalidTerm {
    term: String,
    problem: String,
    hint: String,
}

impl Query {
    /// Reads a query, one text a term.
    ///
    /// # Errors
    /// Every term that is wrong.
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Self, Vec<InvalidTerm>> {
        let (mut terms, mut wrong) = (Vec::new(), Vec::new());
        for text in texts.iter().map(AsRef::as_ref).take(MOST_TERMS + 1) {
            match Term::parse(text) {
                Ok(term) => terms.push(term),
                Err(problem) => wrong.push(problem.of(text)),
            }
        }
        if texts.len() > MOST_TERMS {
            let problem = Problem::new(format!("there are {} terms", texts.len()), "give at most 32");
            wrong.push(problem.of("…"));
        }
        match wrong.is_empty() {
            true => Ok(Self { terms }),
            false => Err(wrong),
        }
    }
}

/// As it was written.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let terms: Vec<&str> = self.terms.iter().map(|term| term.text.as_str()).collect();
        f.write_str(&terms.join(" "))
    }
}

/// What is wrong with a term, before it is known how it was written.
struct Problem {
    problem: String,
    hint: String,
}

impl Problem {
    fn new(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            hint: hint.into(),
        }
    }

    fn of(self, text: &str) -> InvalidTerm {
        InvalidTerm {
            term: legible_up_to(text, 60),
            problem: self.problem,
            hint: self.hint,
        }
    }
}

impl Term {
    fn parse(text: &str) -> Result<Self, Problem> {
        if text.len() > LONGEST {
            let problem = format!("it is longer than {LONGEST} bytes");
            return Err(Problem::new(problem, "no name is that long: leave some of it away"));
        }
        let positive = text.strip_prefix(['-', '!']);
        let test = Test::parse(positive.unwrap_or(text))?;
        Ok(Self {
            text: legible_up_to(text, LONGEST),
            negated: positive.is_some(),
            test,
        })
    }
}

impl Test {
    fn parse(text: &str) -> Result<Self, Problem> {
        match text {
            "" => {
                return Err(Problem::new(
                    "it is empty",
                    "write a part of a name, or a term such as tag:prod-*",
                ));
            }
            "used" => return Ok(Self::Used),
            "unused" => return Ok(Self::Unused),
            "untagged" => return Ok(Self::Untagged),
            "archived" => return Ok(Self::Archived),
            _ => {}
        }
        if COMPARED.contains(&text) {
            let hint = format!(
                "write it in quotes, or the shell takes `<` and `>` for itself: '{}'",
                example(text)
            );
            return Err(Problem::new("it has nothing to compare with", hint));
        }
        let key = &text[..text.find([':', '<', '>', '=']).unwrap_or(text.len())];
        let is_key = key.len() < text.len()
            && !key.is_empty()
            && key.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
        let rest = &text[key.len()..];
        match rest.strip_prefix(':') {
            _ if !is_key => Self::word(text),
            Some(value) => Self::with_value(key, value),
            None => Self::compared(key, rest),
        }
    }

    fn word(text: &str) -> Result<Self, Problem> {
        match text.contains('*') {
            true => Err(Problem::new(
                "a glob has to say what it is for",
                "write tag:GLOB or repo:GLOB; a word without a key fits any part of a name as it is",
            )),
            false => Ok(Self::Word(text.to_lowercase())),
        }
    }

    fn with_value(key: &str, value: &str) -> Result<Self, Problem> {
        if COMPARED.contains(&key) {
            return Err(Problem::new(
                "it is compared with < or >",
                format!("write '{}'", example(key)),
            ));
        }
        if ALONE.contains(&key) {
            return Err(Problem::new("it takes no value", format!("write {key} alone")));
        }
        if !KEYS.contains(&key) {
            return Err(unknown(key));
        }
        if value.is_empty() {
            return Err(Problem::new("it has no value", format!("write {}", example(key))));
        }
        let glob = |error: &dyn fmt::Display| {
            Problem::new(
                error.to_string(),
                "* fits any text, ? one letter, {a,b} a choice; put \\ before one that is meant as such",
            )
        };
        if matches!(key, "tag" | "repo" | "registry" | "platform") && value.starts_with('!') {
            return Err(Problem::new(
                "the ! stands before the key",
                format!("write '!{key}:{}'", &value[1..]),
            ));
        }
        let names = || NameGlobs::new(&[value]).map_err(|error| glob(&error));
        match key {
            "tag" => Ok(Self::Tag(TagPatterns::new(&[value]).map_err(|error| glob(&error))?)),
            "repo" => Ok(Self::Repository(names()?)),
            "registry" => Ok(Self::Registry(
                NameGlobs::of_hosts(&[value]).map_err(|error| glob(&error))?,
            )),
            "platform" => Ok(Self::Platform(names()?)),
            "digest" => digest(value),
            "kind" => kind(value),
            "label" => match value.split_once('=') {
                Some((name, value)) => {
                    let pattern = LabelPattern::new(value).map_err(|error| glob(&error))?;
                    Ok(Self::Label(name.to_owned(), Some(pattern)))
                }
                None => Ok(Self::Label(value.to_owned(), None)),
            },
            _ => Ok(Self::UsedBy(value.to_lowercase())),
        }
    }

    fn compared(key: &str, rest: &str) -> Result<Self, Problem> {
        if !COMPARED.contains(&key) {
            return Err(match KEYS.contains(&key) {
                true => Problem::new(format!("`{key}` is not compared"), format!("write {}", example(key))),
                false => unknown(key),
            });
        }
        let operators = [
            ("<=", Comparison::AtMost),
            (">=", Comparison::AtLeast),
            ("<", Comparison::Below),
            (">", Comparison::Above),
        ];
        let found = operators
            .iter()
            .find_map(|(text, comparison)| Some((*comparison, rest.strip_prefix(text)?)));
        let Some((comparison, value)) = found else {
            return Err(Problem::new(
                "it is compared with <, <=, > or >=",
                format!("write '{}'", example(key)),
            ));
        };
        if key == "size" {
            let size = value
                .parse::<ByteSize>()
                .map_err(|error| Problem::new(error.to_string(), error.hint()))?;
            return Ok(Self::Size(comparison, size.bytes()));
        }
        let period = value
            .parse::<Period>()
            .map_err(|error| Problem::new(error.to_string(), error.hint()))?;
        Ok(match key {
            "age" => Self::Age(comparison, period),
            _ => Self::Pulled(comparison, period),
        })
    }
}

fn digest(value: &str) -> Result<Test, Problem> {
    let hex = value.strip_prefix("sha256:").unwrap_or(value);
    match is_hex(hex) {
        true => Ok(Test::Digest(hex.to_owned())),
        false => Err(Problem::new(
            "it is no beginning of a digest",
            "write its first digits, 0 to 9 and a to f: digest:1a2b3c",
        )),
    }
}

fn kind(value: &str) -> Result<Test, Problem> {
    let kinds = Kind::ALL.map(Kind::as_str);
    let known = Kind::ALL.into_iter().find(|kind| kind.as_str() == value);
    let unknown = || Problem::new("there is no such kind", did_you_mean(value, &kinds));
    Ok(Test::Kind(known.ok_or_else(unknown)?))
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The digits of a plain word that may be the beginning of a digest.
pub(super) fn digest_word(word: &str) -> Option<&str> {
    let hex = word.strip_prefix("sha256:").unwrap_or(word);
    (hex.len() >= DIGEST_WORD && is_hex(hex)).then_some(hex)
}

fn unknown(key: &str) -> Problem {
    let words: Vec<&str> = KEYS.into_iter().chain(COMPARED).chain(ALONE).collect();
    Problem::new(
        format!("there is no key `{}`", legible_up_to(key, 30)),
        did_you_mean(key, &words),
    )
}

fn example(key: &str) -> &'static str {
    match key {
        "tag" => "tag:prod-*",
        "repo" => "repo:apps/**",
        "registry" => "registry:registry.example.com",
        "digest" => "digest:1a2b3c",
        "label" => "label:team=red",
        "platform" => "platform:linux/arm64",
        "kind" => "kind:image",
        "used-by" => "used-by:shop/web",
        "size" => "size>500MB",
        "pulled" => "pulled>90d",
        _ => "age>90d",
    }
}
