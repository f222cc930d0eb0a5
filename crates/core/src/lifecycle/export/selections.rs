//! Which images a rule of jettison speaks of, in the words of AWS: exactly those, or more.

use super::super::import::NO_TAG;
use super::super::{MOST_WILDCARDS, TagPattern, TagSelection};
use super::Unsayable;
use crate::model::Kind;
use crate::policy::{Rule, Verb, spell_out};

/// What a rule of jettison speaks of.
#[derive(Debug)]
pub(super) struct Selected {
    /// Together, all images of which it governs any entry. Never empty.
    pub(super) selections: Vec<TagSelection>,
    /// Why these are more; if there is nothing, they are exactly those, with all of their entries.
    pub(super) reasons: Vec<Unsayable>,
}

impl Selected {
    pub(super) fn by(rule: &Rule) -> Self {
        let mut reasons = Vec::new();
        let matches = &rule.matches;
        if Kind::ALL.into_iter().any(|kind| !rule.speaks_of(kind)) {
            reasons.push(Unsayable::Kinds);
        }
        if !matches.labels.is_empty() {
            reasons.push(Unsayable::Labels);
        }
        if matches.platforms.is_some() {
            reasons.push(Unsayable::Platforms);
        }
        let selections = if matches.untagged {
            vec![TagSelection::Untagged]
        } else {
            tagged(rule, &mut reasons)
        };
        Self { selections, reasons }
    }
}

fn tagged(rule: &Rule, reasons: &mut Vec<Unsayable>) -> Vec<TagSelection> {
    let matches = &rule.matches;
    let image = matches.image_tags.as_ref();
    let is_tagged = image.is_some() || matches.tags.is_some() || matches.tags_regex.is_some();
    if !is_tagged {
        return vec![TagSelection::Any];
    }
    if image.is_some_and(|list| list.unwanted().next().is_some()) {
        reasons.push(Unsayable::ExcludedTags);
    }
    let together = image.into_iter().flat_map(|list| list.wanted());
    let together: Vec<TagPattern> = together.map(|glob| pattern(glob, reasons)).collect();
    if matches.tags_regex.is_some() {
        reasons.push(Unsayable::Regex);
    }
    let globs = matches
        .tags
        .iter()
        .flat_map(|globs| globs.patterns())
        .map(String::as_str);
    let (excluded, globs): (Vec<&str>, Vec<&str>) = globs.partition(|glob| glob.starts_with('!'));
    if !excluded.is_empty() {
        reasons.push(Unsayable::ExcludedTags);
    }
    let each = globs
        .into_iter()
        .flat_map(|glob| any_of(glob, reasons))
        .collect::<Vec<_>>();
    // An image is kept by any of its tags, and taken by all of them. A tag that attaches it is no entry.
    let by_any = matches!(rule.verb, Verb::KeepAlways) && !each.iter().any(TagPattern::may_attach);
    if matches.tags.is_some() && !by_any {
        reasons.push(Unsayable::EachTag);
    }
    let lists = match each.is_empty() {
        true => vec![together],
        false => each
            .into_iter()
            .map(|own| [together.as_slice(), &[own]].concat())
            .collect(),
    };
    lists.into_iter().map(patterns).collect()
}

/// A list of AWS holds one pattern at least.
fn patterns(list: Vec<TagPattern>) -> TagSelection {
    TagSelection::Patterns(match list.is_empty() {
        true => vec![TagPattern::unbounded("*".to_owned())],
        false => list,
    })
}

/// The patterns of which any fits what a glob fits: one for each of its choices; or more, and then the reason.
fn any_of(glob: &str, reasons: &mut Vec<Unsayable>) -> Vec<TagPattern> {
    match spell_out(glob) {
        Some(choices) => choices.iter().map(|choice| pattern(choice, reasons)).collect(),
        None => vec![pattern(glob, reasons)],
    }
}

/// The pattern that fits what a glob fits; or more, and then the reason.
fn pattern(glob: &str, reasons: &mut Vec<Unsayable>) -> TagPattern {
    let (text, is_exact) = match glob {
        NO_TAG => (String::new(), true),
        "**" => ("*".to_owned(), true),
        glob => widened(glob),
    };
    if !is_exact {
        reasons.push(Unsayable::Glob(glob.to_owned()));
    }
    TagPattern::unbounded(text)
}

/// Stars for all that is neither text nor a star, and for all behind the last star that AWS takes; and whether nothing had
/// to be.
fn widened(glob: &str) -> (String, bool) {
    let (mut text, mut is_exact) = (String::with_capacity(glob.len()), true);
    let mut letters = glob.chars();
    while let Some(letter) = letters.next() {
        match letter {
            // A star that is text is on no tag, and AWS has no word for it.
            '\\' => match letters.next() {
                Some('*') | None => return ("*".to_owned(), false),
                Some(escaped) => text.push(escaped),
            },
            '?' => {
                text.push('*');
                is_exact = false;
            }
            // What stands in brackets can be anything; so can what follows, if they nest.
            '[' | '{' => {
                text.push('*');
                return (bounded(text).0, false);
            }
            letter => text.push(letter),
        }
    }
    let (text, fits) = bounded(text);
    (text, is_exact && fits)
}

/// Keeps as many stars as AWS takes: behind the last of them anything goes. Neighbours are one.
fn bounded(text: String) -> (String, bool) {
    if text.matches('*').count() <= MOST_WILDCARDS {
        return (text, true);
    }
    let (mut kept, mut stars) = (String::with_capacity(text.len()), 0);
    for letter in text.chars() {
        if letter == '*' && kept.ends_with('*') {
            continue;
        }
        kept.push(letter);
        stars += usize::from(letter == '*');
        if stars == MOST_WILDCARDS {
            break;
        }
    }
    (kept, false)
}
