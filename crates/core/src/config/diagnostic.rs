//! What is wrong with a file, where, and what to write instead.

use std::fmt;
use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};
use serde::{Deserialize, Serialize};

use crate::model::legible_up_to;

/// How many findings are noted. Whoever has more has another kind of file, and each costs a look at its line.
const MOST_FINDINGS: usize = 1_000;

/// How much of a long line is shown before and behind the place.
const AROUND: usize = 160;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but hardly says what was meant.
    Warning,
    /// Worth knowing, and may well be meant.
    Note,
}

/// One finding in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What it is, in kebab case; each kind of mistake has its own.
    pub code: &'static str,
    /// What it is, for people.
    pub message: String,
    /// The name of the file, as the caller gave it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// The bytes of the file that are meant.
    pub span: Range<usize>,
    /// What to write instead.
    pub hint: Option<String>,
    /// The line it is about, or a part of it, and the bytes of that to underline.
    #[serde(skip)]
    excerpt: (String, Range<usize>),
}

/// A place in a file, for a report to point at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The name of the file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// That line, or a part of it, and the bytes of it to underline.
    excerpt: (String, Range<usize>),
}

/// What is to be said of a place, or of no place in particular.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// How bad it is.
    pub severity: Severity,
    /// What it is, in kebab case.
    pub code: &'a str,
    /// What it is, for people.
    pub message: &'a str,
    /// Further facts, a line each.
    pub notes: &'a [String],
    /// What to do.
    pub hint: Option<&'a str>,
}

impl Report<'_> {
    /// The report as compilers print it, its place underlined.
    pub fn render(&self, place: Option<&Place>, color: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Note => Level::NOTE,
        };
        let title = level.primary_title(self.message).id(self.code);
        let mut report: Group<'_> = match place {
            Some(place) => title.element(place.element()),
            None => Group::with_title(title),
        };
        for note in self.notes {
            report = report.element(Level::NOTE.message(note));
        }
        if let Some(hint) = self.hint {
            report = report.element(Level::HELP.message(hint));
        }
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        renderer.decor_style(DecorStyle::Ascii).render(&[report])
    }
}

impl Place {
    fn element(&self) -> Element<'_> {
        let line = usize::try_from(self.line).unwrap_or(usize::MAX);
        let (text, underlined) = &self.excerpt;
        match text.is_empty() {
            true => Origin::path(&self.file).line(line).into(),
            false => Snippet::source(text)
                .line_start(line)
                .path(&self.file)
                .fold(false)
                .annotation(AnnotationKind::Primary.span(underlined.clone()))
                .into(),
        }
    }
}

/// A finding without its place.
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// Findings in one file, in the order of their places.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostic {
    /// The finding with its place underlined, as compilers print it.
    pub fn render(&self, color: bool) -> String {
        let report = Report {
            severity: self.severity,
            code: self.code,
            message: &self.message,
            notes: &[],
            hint: self.hint.as_deref(),
        };
        let place = Place {
            file: self.file.clone(),
            line: self.line,
            excerpt: self.excerpt.clone(),
        };
        report.render(Some(&place), color)
    }
}

/// `file:line:column: message`, with the hint.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

impl Diagnostics {
    pub(crate) fn new(mut found: Vec<Diagnostic>) -> Self {
        found.sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.span.end));
        found.dedup();
        Self(found)
    }

    /// Every finding.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// The findings as a list.
    pub fn into_vec(self) -> Vec<Diagnostic> {
        self.0
    }

    /// Whether any of them is an error.
    pub fn has_errors(&self) -> bool {
        self.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Every finding with its place underlined, as compilers print them, an empty line between two.
    pub fn render(&self, color: bool) -> String {
        self.iter()
            .map(|diagnostic| diagnostic.render(color))
            .collect::<Vec<_>>()
            .join("\n\n")
    }
}

impl From<Vec<Diagnostic>> for Diagnostics {
    fn from(found: Vec<Diagnostic>) -> Self {
        Self::new(found)
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One finding a line.
impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.iter().map(Diagnostic::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Diagnostics {}

/// A file: its name, its text, and where its lines begin.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    file: &'a str,
    text: &'a str,
    lines: Vec<usize>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Self {
        let lines = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self { file, text, lines }
    }

    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// The line of a byte, from 1.
    pub(crate) fn line(&self, at: usize) -> u32 {
        u32::try_from(self.lines.partition_point(|start| *start <= at)).unwrap_or(u32::MAX)
    }

    /// Notes a finding. One too many is an error of its own, and none is noted behind it.
    pub(crate) fn note(&self, found: &mut Vec<Diagnostic>, span: &Range<usize>, finding: Finding) {
        if found.len() < MOST_FINDINGS {
            found.push(self.diagnostic(span, finding));
        } else if found.len() == MOST_FINDINGS {
            let message = format!("there are more than {MOST_FINDINGS} findings, and the rest is not shown");
            found.push(self.diagnostic(
                span,
                Finding {
                    severity: Severity::Error,
                    code: "too-many",
                    message,
                    hint: None,
                },
            ));
        }
    }

    /// A place to point at.
    pub(crate) fn place(&self, span: &Range<usize>) -> Place {
        let start = floor(self.text, span.start);
        Place {
            file: self.file.to_owned(),
            line: self.line(start),
            excerpt: self.excerpt(self.begin(start), start, span.end),
        }
    }

    /// Where the line of a byte begins.
    fn begin(&self, at: usize) -> usize {
        let line = self.lines.partition_point(|begin| *begin <= at);
        self.lines.get(line.saturating_sub(1)).copied().unwrap_or(0)
    }

    fn diagnostic(&self, span: &Range<usize>, finding: Finding) -> Diagnostic {
        let start = floor(self.text, span.start);
        let begin = self.begin(start);
        let column = self.text[begin..start].chars().count() + 1;
        let Finding {
            severity,
            code,
            message,
            hint,
        } = finding;
        Diagnostic {
            severity,
            code,
            message,
            file: self.file.to_owned(),
            line: self.line(start),
            column: u32::try_from(column).unwrap_or(u32::MAX),
            span: start..floor(self.text, span.end.max(start)),
            hint,
            excerpt: self.excerpt(begin, start, span.end),
        }
    }

    /// The line that begins at `begin`, and what of it to underline: at least one character, at most to its end.
    fn excerpt(&self, begin: usize, start: usize, end: usize) -> (String, Range<usize>) {
        let line = self.text[begin..].lines().next().unwrap_or_default();
        let (from, to) = (
            (start - begin).min(line.len()),
            end.saturating_sub(begin).min(line.len()),
        );
        let first = floor(line, from.saturating_sub(AROUND));
        let last = floor(line, from.saturating_add(AROUND).min(line.len()));
        let shown = line[first..last].to_owned();
        let (from, to) = (from - first, floor(line, to.min(last)).saturating_sub(first));
        let next = shown[from..]
            .chars()
            .next()
            .map_or(from, |character| from + character.len_utf8());
        (shown, from..to.max(next))
    }
}

/// The nearest place at or before `at` where a character begins.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

/// A user's text for a message: between back ticks, on one line, and not too long.
pub(crate) fn quoted(text: &str) -> String {
    format!("`{}`", legible_up_to(text, 60))
}
