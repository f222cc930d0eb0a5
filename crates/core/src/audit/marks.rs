//! What the manifests of an audit are marked with: kind, age, use, pulls, storage. A bit for each, so that what several
//! manifests hold has the bits of all.

use jiff::{SignedDuration, Timestamp};

use super::weigh::Marks;
use crate::graph::{Graph, Node};
use crate::model::Kind;

/// One of a few answers to one question, each with a bit of its own from `first` on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dimension {
    first: u32,
    answers: u32,
}

impl Dimension {
    /// The bit of one answer.
    pub(super) const fn bit(self, answer: u32) -> Marks {
        1 << (self.first + answer)
    }

    /// The bits of all answers.
    const fn all(self) -> Marks {
        ((1 << self.answers) - 1) << self.first
    }

    /// Whether all that is marked gave this answer and no other.
    pub(super) const fn is_only(self, marks: Marks, answer: u32) -> bool {
        marks & self.all() == self.bit(answer)
    }

    /// Whether anything that is marked gave this answer.
    pub(super) const fn has(self, marks: Marks, answer: u32) -> bool {
        marks & self.bit(answer) != 0
    }
}

/// The kinds, in the order of [`Kind::ALL`].
pub(super) const KIND: Dimension = Dimension { first: 0, answers: 5 };
/// The ages, in the order of [`AGES`].
pub(super) const AGE: Dimension = Dimension { first: 5, answers: 8 };
/// Whether somebody uses it.
pub(super) const USE: Dimension = Dimension { first: 13, answers: 3 };
/// Whether somebody has pulled it.
pub(super) const PULL: Dimension = Dimension { first: 16, answers: 3 };
/// Where it lies.
pub(super) const STORAGE: Dimension = Dimension { first: 19, answers: 2 };

/// Answers to [`USE`] and [`PULL`].
pub(super) const YES: u32 = 0;
/// Nobody does, or has.
pub(super) const NO: u32 = 1;
/// Nobody knows.
pub(super) const UNKNOWN: u32 = 2;

/// Answers to [`STORAGE`]: where it can be pulled.
pub(super) const STANDARD: u32 = 0;
/// In the registry's archive.
pub(super) const ARCHIVED: u32 = 1;

/// The ages that are told apart, youngest first: what they are called, and below how many days they lie.
pub(super) const AGES: [(&str, Option<i64>); 8] = [
    ("under 7 days", Some(7)),
    ("7 to 30 days", Some(30)),
    ("30 to 90 days", Some(90)),
    ("90 to 180 days", Some(180)),
    ("180 days to 1 year", Some(365)),
    ("1 to 2 years", Some(730)),
    ("over 2 years", Some(i64::MAX)),
    ("unknown", None),
];

/// The answer of a kind.
pub(super) fn of_kind(kind: Kind) -> u32 {
    let place = (0..).zip(Kind::ALL).find(|(_, other)| *other == kind);
    place.map_or(0, |(place, _)| place)
}

/// The answer of an age: since when, seen from `now`. The future is young.
pub(super) fn of_age(since: Option<Timestamp>, now: Timestamp) -> u32 {
    const UNKNOWN_AGE: u32 = 7;
    let Some(since) = since else { return UNKNOWN_AGE };
    let days = now
        .duration_since(since)
        .as_secs()
        .div_euclid(SignedDuration::from_hours(24).as_secs());
    let below = |bound: &Option<i64>| bound.is_some_and(|bound| days < bound);
    let place = (0..).zip(&AGES).find(|(_, (_, bound))| below(bound));
    place.map_or(UNKNOWN_AGE - 1, |(place, _)| place)
}

/// Hands the marks of every image on to all that hangs on it: what an index lists, and what is attached. What hangs on
/// several has those of all, joined; joining must come to an end soon.
pub(super) fn spread(graph: &Graph<'_>, mut marks: Vec<Marks>, join: impl Fn(Marks, Marks) -> Marks) -> Vec<Marks> {
    let mut open: Vec<Node> = graph.nodes().filter(|node| marks[*node] != 0).collect();
    // A node comes up again only when its marks changed, and that they do a few times: so this ends soon however all
    // hangs together.
    while let Some(node) = open.pop() {
        for next in graph.children(node).iter().chain(graph.referrers(node)) {
            let joined = join(marks[*next], marks[node]);
            if joined != marks[*next] {
                marks[*next] = joined;
                open.push(*next);
            }
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_their_names_at_every_bound() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let named = |seconds: i64| {
            let since = Timestamp::from_second(1_800_000_000 - seconds).unwrap();
            AGES[of_age(Some(since), now) as usize].0
        };
        const DAY: i64 = 86_400;
        let table = [
            (-DAY, "under 7 days"),
            (0, "under 7 days"),
            (7 * DAY - 1, "under 7 days"),
            (7 * DAY, "7 to 30 days"),
            (30 * DAY, "30 to 90 days"),
            (90 * DAY, "90 to 180 days"),
            (180 * DAY, "180 days to 1 year"),
            (365 * DAY, "1 to 2 years"),
            (730 * DAY - 1, "1 to 2 years"),
            (730 * DAY, "over 2 years"),
            (10_000 * DAY, "over 2 years"),
        ];
        for (seconds, name) in table {
            assert_eq!(named(seconds), name, "{seconds}");
        }
        assert_eq!(AGES[of_age(None, now) as usize].0, "unknown");
    }

    #[test]
    fn no_bit_answers_two_questions() {
        let all = [KIND, AGE, USE, PULL, STORAGE].map(Dimension::all);
        let together = all.iter().fold(0, |together, bits| together | bits);
        assert_eq!(
            together.count_ones(),
            all.iter().map(|bits| bits.count_ones()).sum::<u32>()
        );
    }
}
