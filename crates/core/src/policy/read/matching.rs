//! What stands behind `match`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::{bad_regex, optional};
use crate::config::keys::{self, Language};
use crate::config::reader::Reader;
use crate::config::tree::{Node, Value};
use crate::model::Kind;
use crate::policy::matching::{LabelPattern, Match};
use crate::policy::pattern::Anchored;
use crate::policy::{ImageTags, TagPatterns};

pub(super) fn matches(reader: &mut Reader<'_, '_>, node: &Node, language: &'static Language) -> Option<Match> {
    let fields = reader.fields(node, language.matches)?;
    let no_tag = language.untagged;
    let kinds = optional(fields.get("kinds"), |node| kinds(reader, node));
    let tags = optional(fields.get("tags"), |node| tags(reader, node));
    let tags_regex = optional(fields.get("tags-regex"), |node| tags_regex(reader, node));
    let image_tags = optional(fields.get("image-tags"), |node| image_tags(reader, node));
    let archived = optional(fields.get("archived"), |node| reader.flag(node));
    let untagged = fields
        .get(no_tag)
        .map_or(Some(false), |node| only_true(reader, node, no_tag));
    let labels = fields
        .get("labels")
        .map_or_else(|| Some(BTreeMap::new()), |node| labels(reader, node));
    let platforms = optional(fields.get("platforms"), |node| reader.names(Some(node)));
    for key in ["tags", "tags-regex", "image-tags"]
        .into_iter()
        .filter(|key| fields.get(no_tag).is_some() && fields.get(key).is_some())
    {
        let message = format!("`{key}` fits tagged images only, `{no_tag}` those without a tag");
        reader.error_with("tags-with-untagged", &fields.key_span(key), message, "write two rules");
    }
    Some(Match {
        kinds: kinds?,
        tags: tags?,
        tags_regex: tags_regex?,
        image_tags: image_tags?,
        untagged: untagged?,
        archived: archived?,
        labels: labels?,
        platforms: platforms?,
    })
}

/// A key that is either `true` or not there: `false` could mean "only the others" as well as "no matter".
pub(crate) fn only_true(reader: &mut Reader<'_, '_>, node: &Node, key: &str) -> Option<bool> {
    let flag = reader.flag(node)?;
    if !flag {
        reader.error_with(
            "false-is-no-value",
            &node.span,
            format!("`{key}: false` says nothing"),
            "leave it out",
        );
    }
    flag.then_some(true)
}

pub(crate) fn tags(reader: &mut Reader<'_, '_>, node: &Node) -> Option<TagPatterns> {
    let globs = reader.globs(node, |texts| TagPatterns::new(texts))?;
    warn_of_no_tags(reader, node);
    Some(globs)
}

fn image_tags(reader: &mut Reader<'_, '_>, node: &Node) -> Option<ImageTags> {
    let globs = reader.globs(node, |texts| ImageTags::new(texts))?;
    warn_of_no_tags(reader, node);
    Some(globs)
}

/// Warns of globs with characters that no tag has.
fn warn_of_no_tags(reader: &mut Reader<'_, '_>, node: &Node) {
    let impossible = |text: &str| text.contains(['/', ':', ' ', '@']);
    let texts = reader.texts(node).unwrap_or_default();
    for (text, span) in texts.iter().filter(|(text, _)| impossible(text)) {
        let message = format!("no tag fits `{text}`: tags hold letters, digits and `. _ -` only");
        reader.warn(
            "never-fits",
            span,
            message,
            "repositories stand under `repositories`, not in front of the tag",
        );
    }
}

fn tags_regex(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Anchored> {
    let texts = match &node.value {
        Value::List(_) => reader.texts(node)?,
        _ => vec![(reader.text(node)?, node.span.clone())],
    };
    let fine = reader.room_for(texts.len(), &node.span);
    let patterns: Vec<Anchored> = texts
        .iter()
        .filter_map(|(text, span)| anchored(reader, text, span))
        .collect();
    let all: Vec<String> = texts.iter().map(|(text, _)| (*text).to_owned()).collect();
    (fine && patterns.len() == texts.len()).then(|| Anchored::new(&all).ok())?
}

fn anchored(reader: &mut Reader<'_, '_>, text: &str, span: &Range<usize>) -> Option<Anchored> {
    let read = Anchored::new(&[text.to_owned()]);
    read.map_err(|(_, problem)| bad_regex(reader, text, &problem, span))
        .ok()
}

fn kinds(reader: &mut Reader<'_, '_>, node: &Node) -> Option<BTreeSet<Kind>> {
    let items = reader.items(node)?;
    let read: Vec<Kind> = items.iter().filter_map(|item| kind(reader, item)).collect();
    (read.len() == items.len()).then(|| read.into_iter().collect())
}

pub(crate) fn kind(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Kind> {
    let word = reader.choice(node, keys::KINDS)?;
    Kind::ALL.into_iter().find(|kind| kind.as_str() == word)
}

fn labels(reader: &mut Reader<'_, '_>, node: &Node) -> Option<BTreeMap<String, LabelPattern>> {
    let entries = texts_by_key(reader, node)?;
    let mut fine = reader.room_for(entries.len(), &node.span);
    let mut labels = BTreeMap::new();
    for (key, text, span) in entries {
        if text.starts_with('!') {
            let hint = "a label cannot be excluded; write `[!]…` if its value begins with `!`";
            reader.error_with("bad-glob", &span, "`!` has no meaning in front of a label's glob", hint);
            fine = false;
            continue;
        }
        match LabelPattern::new(&text) {
            Ok(pattern) => _ = labels.insert(key, pattern),
            Err(problem) => {
                reader.bad_glob(&text, &problem, &span);
                fine = false;
            }
        }
    }
    fine.then_some(labels)
}

/// A mapping of texts with free keys that must hold one.
pub(crate) fn texts_by_key(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Vec<(String, String, Range<usize>)>> {
    let Value::Map(entries) = &node.value else {
        reader.error(
            "wrong-type",
            &node.span,
            format!("expected a mapping of texts, found {}", node.describe()),
        );
        return None;
    };
    if entries.is_empty() {
        reader.error_with(
            "empty-mapping",
            &node.span,
            "an empty mapping",
            "name a label, or leave the key out",
        );
        return None;
    }
    let read: Vec<_> = entries
        .iter()
        .filter_map(|entry| {
            Some((
                entry.key.clone(),
                reader.text(&entry.value)?.to_owned(),
                entry.value.span.clone(),
            ))
        })
        .collect();
    (read.len() == entries.len()).then_some(read)
}
