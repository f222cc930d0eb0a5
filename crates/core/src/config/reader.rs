//! Takes values out of the tree, and notes everything that is wrong on the way.
//!
//! Whatever returns `None` has noted why: a caller may go on and find more, and the file is refused at the end.

use std::fmt::Display;
use std::ops::Range;
use std::rc::Rc;

use super::diagnostic::{Diagnostic, Finding, Severity, Source, quoted};
use super::keys::{self, Key, Object};
use super::tree::{Entry, Node, Scalar, Value};
use crate::model::is_hidden;
use crate::policy::{InvalidGlob, NameGlobs};

/// How many patterns a file may hold: each takes memory once compiled.
const MOST_PATTERNS: usize = 1_000;

/// Reads one file.
pub(crate) struct Reader<'s, 'a> {
    source: &'s Source<'a>,
    pub(crate) found: Vec<Diagnostic>,
    patterns: usize,
    /// Reads other files that this one names.
    beside: &'s dyn Fn(&str) -> Result<String, String>,
}

/// For a text that has no files beside it.
pub(crate) fn nowhere(_: &str) -> Result<String, String> {
    Err("there are no files beside this text".to_owned())
}

/// The known keys of a mapping.
#[derive(Debug)]
pub(crate) struct Fields<'n> {
    pub(crate) span: Range<usize>,
    entries: Vec<(&'static str, &'n Entry)>,
}

impl<'n> Fields<'n> {
    pub(crate) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entry(key).map(|entry| &*entry.value)
    }

    /// Where a key stands; the mapping, if it does not.
    pub(crate) fn key_span(&self, key: &str) -> Range<usize> {
        self.entry(key)
            .map_or_else(|| self.span.clone(), |entry| entry.key_span.clone())
    }

    fn entry(&self, key: &str) -> Option<&'n Entry> {
        self.entries
            .iter()
            .find(|(name, _)| *name == key)
            .map(|(_, entry)| *entry)
    }
}

impl<'s, 'a> Reader<'s, 'a> {
    pub(crate) fn new(
        source: &'s Source<'a>,
        found: Vec<Diagnostic>,
        beside: &'s dyn Fn(&str) -> Result<String, String>,
    ) -> Self {
        Self {
            source,
            found,
            patterns: 0,
            beside,
        }
    }

    /// The text of a file that this one names.
    pub(crate) fn beside(&mut self, node: &Node) -> Option<String> {
        let name = self.text(node)?;
        match (self.beside)(name) {
            Ok(text) => Some(text),
            Err(why) => {
                self.error("unreadable-file", &node.span, why);
                None
            }
        }
    }

    pub(crate) fn line(&self, span: &Range<usize>) -> u32 {
        self.source.line(span.start)
    }

    /// Notes a mistake.
    pub(crate) fn error(&mut self, code: &'static str, span: &Range<usize>, message: impl Display) {
        self.note(Severity::Error, code, span, message, None);
    }

    /// Notes a mistake and what to write instead.
    pub(crate) fn error_with(
        &mut self,
        code: &'static str,
        span: &Range<usize>,
        message: impl Display,
        hint: impl Into<String>,
    ) {
        self.note(Severity::Error, code, span, message, Some(hint.into()));
    }

    /// Notes what is hardly meant.
    pub(crate) fn warn(
        &mut self,
        code: &'static str,
        span: &Range<usize>,
        message: impl Display,
        hint: impl Into<String>,
    ) {
        self.note(Severity::Warning, code, span, message, Some(hint.into()));
    }

    fn note(
        &mut self,
        severity: Severity,
        code: &'static str,
        span: &Range<usize>,
        message: impl Display,
        hint: Option<String>,
    ) {
        let finding = Finding {
            severity,
            code,
            message: message.to_string(),
            hint,
        };
        self.source.note(&mut self.found, span, finding);
    }

    fn wrong_type(&mut self, node: &Node, expected: &str, hint: Option<String>) {
        let message = format!("expected {expected}, found {}", node.describe());
        self.note(Severity::Error, "wrong-type", &node.span, message, hint);
    }

    /// The keys of a mapping, all of which `object` must know.
    pub(crate) fn fields<'n>(&mut self, node: &'n Node, object: &'static Object) -> Option<Fields<'n>> {
        let Value::Map(entries) = &node.value else {
            let keys: Vec<&str> = object.keys.iter().map(|key| key.name).collect();
            let hint = match node.scalar() {
                Some((Scalar::Nothing, _)) if !object.keys.iter().any(|key| key.required) => {
                    format!("write `{{}}` for none of its keys, which are {}", keys.join(", "))
                }
                _ => format!("its keys are {}", keys.join(", ")),
            };
            self.wrong_type(node, "a mapping", Some(hint));
            return None;
        };
        let mut known: Vec<(&'static str, &Entry)> = Vec::new();
        let mut unknown = Vec::new();
        for entry in entries {
            match object.keys.iter().find(|key| key.name == entry.key) {
                Some(key) => known.push((key.name, entry)),
                None => unknown.push(entry),
            }
        }
        for entry in unknown {
            self.unknown_key(entry, object, &mut known);
        }
        for key in object
            .keys
            .iter()
            .filter(|key| key.required && !known.iter().any(|(name, _)| *name == key.name))
        {
            self.missing_key(node, object, key);
        }
        Some(Fields {
            span: node.span.clone(),
            entries: known,
        })
    }

    /// A slip of the pen is read as what it was meant to be, so that mistakes behind it show as well.
    fn unknown_key<'n>(
        &mut self,
        entry: &'n Entry,
        object: &'static Object,
        known: &mut Vec<(&'static str, &'n Entry)>,
    ) {
        let names: Vec<&'static str> = object.keys.iter().map(|key| key.name).collect();
        let message = format!("{} has no key {}", object.name, quoted(&entry.key));
        if let Some(hint) = keys::misplaced(object.name, &entry.key) {
            self.error_with("misplaced-key", &entry.key_span, message, hint);
            return;
        }
        let hint = match entry.key.as_str() {
            "<<" => "merge keys are not read: repeat what is meant".to_owned(),
            key => did_you_mean(key, &names),
        };
        self.error_with("unknown-key", &entry.key_span, message, hint);
        let meant = nearest(&entry.key, &names).filter(|meant| !known.iter().any(|(name, _)| name == meant));
        known.extend(meant.map(|meant| (meant, entry)));
    }

    fn missing_key(&mut self, node: &Node, object: &Object, key: &Key) {
        let message = format!("{} lacks the key `{}`", object.name, key.name);
        self.error_with(
            "missing-key",
            &node.span,
            message,
            format!("`{}`: {}", key.name, key.about),
        );
    }

    /// The items of a list.
    pub(crate) fn list<'n>(&mut self, node: &'n Node) -> Option<&'n [Rc<Node>]> {
        match (&node.value, node.scalar()) {
            (Value::List(items), _) => return Some(items),
            (_, Some((Scalar::Nothing, _))) => {
                self.wrong_type(node, "a list", Some("write `[]` for an empty one".to_owned()))
            }
            (_, Some((_, text))) => {
                self.wrong_type(node, "a list", Some(format!("write `[\"{}\"]`", text.escape_debug())))
            }
            _ => self.wrong_type(node, "a list", Some("begin each item with `- `".to_owned())),
        }
        None
    }

    /// The items of a list that must hold one.
    pub(crate) fn items<'n>(&mut self, node: &'n Node) -> Option<&'n [Rc<Node>]> {
        let items = self.list(node)?;
        if items.is_empty() {
            self.error_with(
                "empty-list",
                &node.span,
                "an empty list",
                "write an item, or leave the key out",
            );
        }
        (!items.is_empty()).then_some(items)
    }

    /// A text. What YAML takes for a number or a truth value is no text: it may have been written otherwise.
    pub(crate) fn text<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        match node.scalar() {
            Some((Scalar::Text, text)) => return Some(text),
            Some((Scalar::Nothing, _)) => self.wrong_type(node, "a text", None),
            Some((_, text)) => self.wrong_type(
                node,
                "a text",
                Some(format!("put it in quotes: \"{}\"", text.escape_debug())),
            ),
            None => self.wrong_type(
                node,
                "a text",
                Some("a pattern with brackets or braces needs quotes".to_owned()),
            ),
        }
        None
    }

    /// A text that names something: on one line, and not empty.
    pub(crate) fn name<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        let text = self.text(node)?;
        let fits = !text.trim().is_empty() && text.chars().count() <= 200 && !text.chars().any(is_hidden);
        if !fits {
            self.error(
                "bad-name",
                &node.span,
                "a name is one line of at most 200 characters that can be seen, and not empty",
            );
        }
        fits.then_some(text)
    }

    /// A list of texts that must hold one, each with its place.
    pub(crate) fn texts<'n>(&mut self, node: &'n Node) -> Option<Vec<(&'n str, Range<usize>)>> {
        let items = self.items(node)?;
        let texts: Vec<_> = items
            .iter()
            .filter_map(|item| Some((self.text(item)?, item.span.clone())))
            .collect();
        (texts.len() == items.len()).then_some(texts)
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, node: &Node) -> Option<bool> {
        match node.scalar() {
            Some((Scalar::Flag(flag), _)) => return Some(flag),
            Some((_, text)) => {
                let hint = match text.to_ascii_lowercase().as_str() {
                    "yes" | "on" | "y" | "1" | "true" => Some("write `true`".to_owned()),
                    "no" | "off" | "n" | "0" | "false" => Some("write `false`".to_owned()),
                    _ => None,
                };
                self.wrong_type(node, "`true` or `false`", hint);
            }
            None => self.wrong_type(node, "`true` or `false`", None),
        }
        None
    }

    /// A whole number of at least `least`.
    pub(crate) fn count(&mut self, node: &Node, least: u64) -> Option<u64> {
        let Some((Scalar::Number, text)) = node.scalar() else {
            let digits = node
                .scalar()
                .filter(|(_, text)| text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty());
            self.wrong_type(
                node,
                "a whole number",
                digits.map(|(_, text)| format!("leave out the quotes: {text}")),
            );
            return None;
        };
        let number = text
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| text.parse::<u64>().ok())
            .flatten();
        let problem = match number {
            Some(number) if number >= least => return Some(number),
            Some(_) => format!("expected at least {least}, found {text}"),
            None if text.starts_with('-') => format!("expected a number that is not negative, found {}", quoted(text)),
            None => format!("expected a whole number below 2^64, found {}", quoted(text)),
        };
        self.error("bad-count", &node.span, problem);
        None
    }

    /// One of a few words.
    pub(crate) fn choice(&mut self, node: &Node, words: &[&'static str]) -> Option<&'static str> {
        let text = self.text(node)?;
        let known = words.iter().find(|word| **word == text).copied();
        if known.is_none() {
            self.error_with(
                "unknown-value",
                &node.span,
                format!("{} is not known here", quoted(text)),
                did_you_mean(text, words),
            );
        }
        known
    }

    /// A scalar in a form of its own: a duration, a size, a share, a moment.
    pub(crate) fn scalar<T, E: Display>(
        &mut self,
        node: &Node,
        code: &'static str,
        read: impl Fn(&str) -> Result<T, (E, String)>,
    ) -> Option<T> {
        let Some((_, text)) = node.scalar() else {
            self.wrong_type(node, "a text", None);
            return None;
        };
        match read(text) {
            Ok(value) => Some(value),
            Err((problem, hint)) => {
                self.error_with(code, &node.span, format!("{problem}: {}", quoted(text)), hint);
                None
            }
        }
    }

    /// A text in a form that explains itself.
    pub(crate) fn parsed<T: std::str::FromStr<Err: Display>>(&mut self, node: &Node, code: &'static str) -> Option<T> {
        let text = self.text(node)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(problem) => {
                self.error(code, &node.span, problem);
                None
            }
        }
    }

    /// A list of globs that must hold one; every wrong one is noted.
    pub(crate) fn globs<T>(&mut self, node: &Node, build: impl Fn(&[&str]) -> Result<T, InvalidGlob>) -> Option<T> {
        let texts = self.texts(node)?;
        let mut fine = self.room_for(texts.len(), &node.span);
        for (text, span) in &texts {
            if let Err(error) = build(&[text]) {
                self.bad_glob(text, &error.problem, span);
                fine = false;
            }
        }
        let texts: Vec<&str> = texts.into_iter().map(|(text, _)| text).collect();
        let list = fine.then(|| build(&texts))?;
        list.map_err(|error| {
            self.error(
                "bad-glob",
                &node.span,
                format!("these globs are too complex: {}", error.problem),
            )
        })
        .ok()
    }

    /// A list of globs on names, which default to all.
    pub(crate) fn names(&mut self, node: Option<&Node>) -> Option<NameGlobs> {
        node.map_or_else(
            || Some(NameGlobs::all()),
            |node| self.globs(node, |texts| NameGlobs::new(texts)),
        )
    }

    /// A list of globs on hosts, which default to all.
    pub(crate) fn hosts(&mut self, node: Option<&Node>) -> Option<NameGlobs> {
        node.map_or_else(
            || Some(NameGlobs::all()),
            |node| self.globs(node, |texts| NameGlobs::of_hosts(texts)),
        )
    }

    pub(crate) fn bad_glob(&mut self, text: &str, problem: &str, span: &Range<usize>) {
        self.error("bad-glob", span, format!("{} is not a glob: {problem}", quoted(text)));
    }

    /// Whether there is room for so many more patterns.
    pub(crate) fn room_for(&mut self, more: usize, span: &Range<usize>) -> bool {
        let before = self.patterns;
        self.patterns = before.saturating_add(more);
        if before <= MOST_PATTERNS && self.patterns > MOST_PATTERNS {
            self.error(
                "too-complex",
                span,
                format!("the file holds more than {MOST_PATTERNS} patterns"),
            );
        }
        self.patterns <= MOST_PATTERNS
    }
}

/// The nearest of some words, or else all of them.
pub(crate) fn did_you_mean(text: &str, words: &[&str]) -> String {
    match nearest(text, words) {
        Some(word) => format!("did you mean `{word}`?"),
        None if words.is_empty() => "none is known".to_owned(),
        None => format!("known: {}", words.join(", ")),
    }
}

/// The word that was probably meant, if one is near.
fn nearest<'w>(text: &str, words: &[&'w str]) -> Option<&'w str> {
    let wanted = text.to_lowercase().replace('_', "-");
    // A text of a thousand characters is near to nothing, and slow to compare.
    let in_reach = words.iter().filter(|_| wanted.len() <= 64);
    let measured = in_reach.map(|word| (strsim::damerau_levenshtein(&wanted, word), *word));
    let near = measured.filter(|(distance, word)| *distance <= (word.len().max(wanted.len()) / 3).max(1));
    near.min_by_key(|(distance, _)| *distance).map(|(_, word)| word)
}
