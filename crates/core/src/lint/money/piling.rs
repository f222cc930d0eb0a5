//! Tags of one shape that no rule reaches and that become more and more: signatures without their image, build after
//! build.

use std::collections::{BTreeMap, BTreeSet};

use super::super::look::{Room, Seen};
use super::super::tally::Tally;
use super::super::{Code, ENOUGH, Finding};
use super::held_by;
use crate::config::{Severity, Site};
use crate::graph::Node;
use crate::model::Kind;
use crate::words::{count, number};

/// So many tags of one shape in one repository are a pile: fewer may well have been set by hand.
const PILE: u64 = 20;

/// How many shapes are named.
const SHOWN: usize = 3;

/// What piles up out of the reach of one policy.
#[derive(Default)]
pub(in super::super) struct Piling {
    tally: Tally,
    shapes: BTreeMap<String, u64>,
    bytes: u64,
}

/// The tags of one shape in one repository.
#[derive(Default)]
struct Pile<'e> {
    tags: u64,
    entries: Vec<Seen<'e>>,
    orphans: bool,
}

impl Piling {
    /// The entries of a repository that no rule fits.
    pub(in super::super) fn look<'e>(&mut self, room: &Room<'e>, unreached: &[Seen<'e>]) {
        let mut piles: BTreeMap<String, Pile<'e>> = BTreeMap::new();
        for entry in unreached {
            for tag in room.tags(entry) {
                let pile = piles.entry(shape(tag)).or_default();
                pile.tags += 1;
                pile.orphans |= entry.kind == Kind::Orphan;
                pile.entries.push(*entry);
            }
        }
        piles.retain(|_, pile| pile.tags >= if pile.orphans { ENOUGH } else { PILE });
        let mut nodes: BTreeSet<Node> = BTreeSet::new();
        let (mut tags, mut entries) = (0, Vec::new());
        for (shape, pile) in piles {
            tags += pile.tags;
            *self.shapes.entry(shape).or_default() += pile.tags;
            nodes.extend(pile.entries.iter().map(|entry| entry.node));
            entries.extend(pile.entries);
        }
        if tags > 0 {
            self.tally.add_images(room, tags, &entries);
            self.bytes = self.bytes.saturating_add(held_by(room, &nodes));
        }
    }

    pub(in super::super) fn finding(&self, policy: (usize, &str)) -> Option<Finding> {
        let mut shapes: Vec<(&String, u64)> = self.shapes.iter().map(|(shape, tags)| (shape, *tags)).collect();
        shapes.sort_by_key(|(shape, tags)| (std::cmp::Reverse(*tags), *shape));
        let named = shapes
            .iter()
            .take(SHOWN)
            .map(|(shape, tags)| format!("`{shape}` ({})", number(*tags)));
        let mut named = named.collect::<Vec<_>>().join(", ");
        if shapes.len() > SHOWN {
            named.push_str(&format!(" and {} more", count((shapes.len() - SHOWN) as u64, "shape")));
        }
        (self.tally.count > 0).then(|| Finding {
            policy: Some(policy.1.to_owned()),
            site: Some(Site::Policy(policy.0)),
            count: self.tally.count,
            bytes: Some(self.bytes),
            examples: self.tally.examples(),
            message: format!(
                "{} of the shape {named} pile up {}: no rule of policy `{}` reaches them",
                count(self.tally.count, "tag"),
                self.tally.whereabouts(),
                policy.1
            ),
            hint: "add a rule for them: with `kinds: [orphan]` for signatures without their image, with a glob under `tags` for \
                   others; with `keep: always` if they shall stay"
                .to_owned(),
            ..Finding::new(Code::PilingTags, Severity::Warning)
        })
    }
}

/// What tags of one making have in common: `sha256-*.sig`, `build-*`, `main-*`. Parts with a digit change from one to the
/// next.
fn shape(tag: &str) -> String {
    let mut shape = String::with_capacity(tag.len());
    for part in tag.split_inclusive(['-', '_', '.', '+']) {
        let (word, end) = part.split_at(part.trim_end_matches(['-', '_', '.', '+']).len());
        let changes = word.contains(|c: char| c.is_ascii_digit()) && word != "sha256";
        if !changes {
            shape.push_str(part);
        } else if shape.trim_end_matches(['-', '_', '.', '+']).ends_with('*') {
            let stem = shape.trim_end_matches(['-', '_', '.', '+']).len();
            shape.truncate(stem);
            shape.push_str(end);
        } else {
            shape.push('*');
            shape.push_str(end);
        }
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::shape;

    #[test]
    fn tags_of_one_making_have_one_shape() {
        let hex = "0123456789abcdef".repeat(4);
        for (tag, expected) in [
            (format!("sha256-{hex}.sig").as_str(), "sha256-*.sig"),
            ("build-1234", "build-*"),
            ("main-1a2b3c4", "main-*"),
            ("main-2026-11-21-1a2b3c4", "main-*"),
            ("v1.2.3", "*"),
            ("v1.2.3-alpine", "*-alpine"),
            ("latest", "latest"),
            ("feature-login", "feature-login"),
            ("1", "*"),
            ("", ""),
            ("--", "--"),
        ] {
            assert_eq!(shape(tag), expected, "{tag}");
        }
    }
}
