//! A YAML file as a tree in which every node knows its place.
//!
//! Typed deserialisers stop at the first mistake. This tree is read by hand instead, so that all are reported at
//! once. What could make a small file costly (nested aliases, depth, sheer size) is refused here.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

use serde_saphyr::granit_parser::{self, ErrorKind, Event, Parser, ScalarStyle, ScanError, StructureStyle, Tag};

use super::diagnostic::{Diagnostic, Finding, Severity, Source, quoted};

/// The largest file that is read, in bytes.
const LARGEST: usize = 1 << 20;
/// How many nodes a file may have, those behind an alias counted at every use.
const MOST_NODES: usize = 50_000;
/// How deep nodes may nest.
const DEEPEST: usize = 32;

/// A node and its place. Of a block collection, which may span pages, the place is where it is named.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) span: Range<usize>,
    pub(crate) value: Value,
    weight: usize,
}

/// What a node holds.
#[derive(Debug)]
pub(crate) enum Value {
    Scalar { text: String, plain: bool },
    List(Vec<Rc<Node>>),
    Map(Vec<Entry>),
}

/// A key of a mapping and what it holds.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Range<usize>,
    pub(crate) value: Rc<Node>,
}

/// What a plain scalar stands for in YAML 1.2 (core schema, section 10.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar {
    Nothing,
    Flag(bool),
    Number,
    Text,
}

impl Node {
    /// What it stands for, if it is a scalar.
    pub(crate) fn scalar(&self) -> Option<(Scalar, &str)> {
        match &self.value {
            Value::Scalar { text, plain } => Some((if *plain { resolve(text) } else { Scalar::Text }, text)),
            _ => None,
        }
    }

    /// What it is, for a message.
    pub(crate) fn describe(&self) -> String {
        match (&self.value, self.scalar()) {
            (Value::List(_), _) => "a list".to_owned(),
            (Value::Map(_), _) => "a mapping".to_owned(),
            (_, Some((Scalar::Nothing, _))) => "nothing".to_owned(),
            (_, Some((Scalar::Number, text))) => format!("the number {}", quoted(text)),
            (_, Some((Scalar::Flag(_), text))) => quoted(text),
            (_, Some((Scalar::Text, text))) => format!("the text {}", quoted(text)),
            (Value::Scalar { text, .. }, None) => quoted(text),
        }
    }
}

fn resolve(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Nothing,
        "true" | "True" | "TRUE" => Scalar::Flag(true),
        "false" | "False" | "FALSE" => Scalar::Flag(false),
        number
            if number.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
                && number.parse::<f64>().is_ok() =>
        {
            Scalar::Number
        }
        _ => Scalar::Text,
    }
}

/// Reads the one document of a file. `None` if it holds nothing, or nothing that can be read; what is wrong goes to
/// `found`.
pub(crate) fn parse(source: &Source<'_>, found: &mut Vec<Diagnostic>) -> Option<Rc<Node>> {
    if source.text().len() > LARGEST {
        let message = format!("the file is larger than {} KiB", LARGEST >> 10);
        source.note(
            found,
            &(0..0),
            Finding {
                severity: Severity::Error,
                code: "too-large",
                message,
                hint: None,
            },
        );
        return None;
    }
    let options = granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        block_nesting_limit: DEEPEST,
        flow_nesting_limit: DEEPEST,
    };
    let mut builder = Builder {
        source,
        found,
        stack: Vec::new(),
        anchors: BTreeMap::new(),
        root: None,
        nodes: 0,
        documents: 0,
    };
    for step in Parser::new_from_str_with_options(source.text(), options) {
        let outcome = match step {
            Ok((event, span)) => builder.take(event, &span),
            Err(error) => builder.refuse(&error),
        };
        if outcome.is_err() {
            return None;
        }
    }
    builder.root
}

/// The rest of the file cannot be read. A diagnostic says why.
struct Stop;

struct Builder<'s, 'a> {
    source: &'s Source<'a>,
    found: &'s mut Vec<Diagnostic>,
    stack: Vec<Frame>,
    anchors: BTreeMap<usize, Rc<Node>>,
    root: Option<Rc<Node>>,
    nodes: usize,
    documents: usize,
}

/// What the tag of a scalar says.
enum Tagging {
    None,
    Text,
    /// It says nothing that could be meant; where it stands, and the scalar as written.
    Mistake(Range<usize>, String),
}

/// A collection that is not closed yet.
struct Frame {
    start: usize,
    block: bool,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Rc<Node>>),
    /// `key` is what waits for its value; a key that cannot be used is reported and swallows its value.
    Map {
        entries: Vec<Entry>,
        names: BTreeSet<String>,
        key: Option<Option<(String, Range<usize>)>>,
    },
}

impl Builder<'_, '_> {
    fn take(&mut self, event: Event<'_>, span: &granit_parser::Span) -> Result<(), Stop> {
        let place = span.byte_range().unwrap_or(0..0);
        match event {
            Event::DocumentStart(..) => self.begin_document(place),
            Event::Scalar(text, style, anchor, tag) => {
                let (span, value) = match self.check_tag(tag.as_deref(), span, &text) {
                    Tagging::None => (
                        place,
                        Value::Scalar {
                            text: text.into_owned(),
                            plain: style == ScalarStyle::Plain,
                        },
                    ),
                    Tagging::Text => (
                        place,
                        Value::Scalar {
                            text: text.into_owned(),
                            plain: false,
                        },
                    ),
                    Tagging::Mistake(place, written) => (
                        place,
                        Value::Scalar {
                            text: written,
                            plain: false,
                        },
                    ),
                };
                self.finish(Node { span, value, weight: 1 }, anchor)
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.check_tag(tag.as_deref(), span, "");
                self.open(place.start, style, anchor, Content::List(Vec::new()))
            }
            Event::MappingStart(style, anchor, tag) => {
                self.check_tag(tag.as_deref(), span, "");
                let content = Content::Map {
                    entries: Vec::new(),
                    names: BTreeSet::new(),
                    key: None,
                };
                self.open(place.start, style, anchor, content)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(place.end),
            Event::Alias(id) => self.alias(id, place),
            Event::UnresolvedAlias(name) => self.unknown_alias(&name, place),
            _ => Ok(()),
        }
    }

    fn error(&mut self, code: &'static str, span: &Range<usize>, message: &str, hint: Option<String>) {
        let finding = Finding {
            severity: Severity::Error,
            code,
            message: message.to_owned(),
            hint,
        };
        self.source.note(self.found, span, finding);
    }

    fn begin_document(&mut self, place: Range<usize>) -> Result<(), Stop> {
        self.documents += 1;
        if self.documents > 1 {
            self.error(
                "several-documents",
                &place,
                "the file holds a second document",
                Some("leave out `---`".to_owned()),
            );
            return Err(Stop);
        }
        Ok(())
    }

    /// Any tag but `!!str` is a mistake, most likely a glob without quotes: then it is read as that.
    fn check_tag(&mut self, tag: Option<&Tag>, span: &granit_parser::Span, text: &str) -> Tagging {
        let Some(tag) = tag else { return Tagging::None };
        if tag.is_yaml_core_schema_tag("str") {
            return Tagging::Text;
        }
        let place = span.tag_span().and_then(|span| span.byte_range()).unwrap_or(0..0);
        let written = self.source.text().get(place.clone()).unwrap_or_default();
        let whole = if text.is_empty() {
            written.to_owned()
        } else {
            format!("{written} {text}")
        };
        let hint = format!(
            "a pattern that begins with `!` needs quotes: \"{}\"",
            whole.escape_debug()
        );
        self.error("yaml-tag", &place, "a YAML tag means nothing here", Some(hint));
        Tagging::Mistake(place, whole)
    }

    fn open(&mut self, start: usize, style: StructureStyle, anchor: usize, content: Content) -> Result<(), Stop> {
        self.stack.push(Frame {
            start,
            block: style == StructureStyle::Block,
            anchor,
            content,
        });
        Ok(())
    }

    fn close(&mut self, end: usize) -> Result<(), Stop> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let value = match frame.content {
            Content::List(items) => Value::List(items),
            Content::Map { entries, .. } => Value::Map(entries),
        };
        let weight: usize = match &value {
            Value::List(items) => items.iter().map(|item| item.weight).sum(),
            Value::Map(entries) => entries.iter().map(|entry| entry.value.weight + 1).sum(),
            Value::Scalar { .. } => 0,
        };
        // A flow collection is shown whole; a block collection by its first key or item, else by what names it.
        let first = match &value {
            Value::Map(entries) => entries.first().map(|entry| entry.key_span.clone()),
            Value::List(items) => items.first().map(|item| item.span.clone()),
            Value::Scalar { .. } => None,
        };
        let span = match first {
            Some(first) if frame.block => first,
            _ => frame.start..end.max(frame.start),
        };
        self.finish_with(
            Node {
                span,
                value,
                weight: weight + 1,
            },
            frame.anchor,
            frame.block,
        )
    }

    fn alias(&mut self, id: usize, place: Range<usize>) -> Result<(), Stop> {
        match self.anchors.get(&id).cloned() {
            Some(node) => {
                self.count(node.weight, &place)?;
                self.attach(node);
                Ok(())
            }
            None => {
                self.error("bad-alias", &place, "an alias inside of what it stands for", None);
                Err(Stop)
            }
        }
    }

    /// An alias without an anchor is nearly always a glob without quotes.
    fn unknown_alias(&mut self, name: &str, place: Range<usize>) -> Result<(), Stop> {
        let hint = format!(
            "a pattern that begins with `*` needs quotes: \"*{}\"",
            name.escape_debug()
        );
        self.error(
            "bad-alias",
            &place,
            "an alias to an anchor that does not exist",
            Some(hint),
        );
        let value = Value::Scalar {
            text: format!("*{name}"),
            plain: false,
        };
        self.finish(
            Node {
                span: place,
                value,
                weight: 1,
            },
            0,
        )
    }

    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), Stop> {
        self.finish_with(node, anchor, false)
    }

    fn finish_with(&mut self, mut node: Node, anchor: usize, block: bool) -> Result<(), Stop> {
        self.count(1, &node.span)?;
        if block || node.span.is_empty() {
            node.span = self.waiting_key().unwrap_or(node.span);
        }
        let node = Rc::new(node);
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.attach(node);
        Ok(())
    }

    /// Where the key stands whose value comes next.
    fn waiting_key(&self) -> Option<Range<usize>> {
        match &self.stack.last()?.content {
            Content::Map {
                key: Some(Some((_, span))),
                ..
            } => Some(span.clone()),
            _ => None,
        }
    }

    /// Aliases multiply: a few lines can stand for billions of nodes.
    fn count(&mut self, weight: usize, place: &Range<usize>) -> Result<(), Stop> {
        self.nodes = self.nodes.saturating_add(weight);
        if self.nodes > MOST_NODES {
            self.error(
                "too-complex",
                place,
                &format!("the file holds more than {MOST_NODES} values, aliases counted at every use"),
                None,
            );
            return Err(Stop);
        }
        Ok(())
    }

    fn attach(&mut self, node: Rc<Node>) {
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return;
        };
        match &mut frame.content {
            Content::List(items) => items.push(node),
            Content::Map { entries, key, .. } => match key.take() {
                Some(Some((key, key_span))) => entries.push(Entry {
                    key,
                    key_span,
                    value: node,
                }),
                Some(None) => {}
                None => self.key(&node),
            },
        }
    }

    fn key(&mut self, node: &Node) {
        let usable = node.scalar().map(|(_, text)| text.to_owned());
        let Some(Frame {
            content: Content::Map { names, key, .. },
            ..
        }) = self.stack.last_mut()
        else {
            return;
        };
        let fresh = usable.as_ref().is_none_or(|text| names.insert(text.clone()));
        *key = Some(usable.clone().filter(|_| fresh).map(|text| (text, node.span.clone())));
        match usable {
            None => self.error(
                "bad-key",
                &node.span,
                "a key must be a text",
                Some("a glob with braces needs quotes".to_owned()),
            ),
            Some(text) if !fresh => {
                self.error(
                    "duplicate-key",
                    &node.span,
                    &format!("the key {} stands here twice", quoted(&text)),
                    Some("leave one of them".to_owned()),
                );
            }
            Some(_) => {}
        }
    }

    fn refuse(&mut self, error: &ScanError) -> Result<(), Stop> {
        let at = error.marker().byte_offset().unwrap_or(0);
        let hint = match error.kind() {
            ErrorKind::MissingAnchorOrAliasName => {
                Some("a pattern that begins with `*` needs quotes: \"*\"".to_owned())
            }
            ErrorKind::RecursionLimitExceeded => Some(format!("at most {DEEPEST} levels are read")),
            _ => None,
        };
        self.error("yaml-syntax", &(at..at), &format!("not YAML: {}", error.kind()), hint);
        Err(Stop)
    }
}
