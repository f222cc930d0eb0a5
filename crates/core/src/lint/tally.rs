//! Counting over many repositories, with a few examples and the places that have most of it.

use super::look::{Room, Seen};
use crate::words::{count, number};

/// How many examples and places a finding names.
const SHOWN: usize = 3;

/// How much of something there is, and where.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) count: u64,
    places: u64,
    /// The places that have most, each with how many.
    most: Vec<(u64, String)>,
    examples: Vec<String>,
}

impl Tally {
    /// Adds the entries of one repository.
    pub(super) fn add(&mut self, room: &Room<'_>, entries: &[Seen<'_>]) {
        self.add_images(room, entries.len() as u64, entries);
    }

    /// Adds what was counted otherwise in one repository, with entries to serve as examples.
    pub(super) fn add_images(&mut self, room: &Room<'_>, images: u64, entries: &[Seen<'_>]) {
        if images == 0 {
            return;
        }
        self.add_place(images, room.name());
        let wanted = SHOWN.saturating_sub(self.examples.len());
        self.examples
            .extend(entries.iter().take(wanted).map(|entry| room.image(entry)));
    }

    /// Adds what was found in one place, with more examples than are needed.
    pub(crate) fn add_named(&mut self, place: String, found: u64, examples: impl Iterator<Item = String>) {
        if found > 0 {
            self.add_place(found, place);
            self.examples
                .extend(examples.take(SHOWN.saturating_sub(self.examples.len())));
        }
    }

    /// Adds a place that is an example itself.
    pub(super) fn add_place(&mut self, part: u64, place: String) {
        self.count += part;
        self.places += 1;
        let at = self.most.partition_point(|(other, _)| *other >= part);
        if at < SHOWN {
            self.most.insert(at, (part, place));
            self.most.truncate(SHOWN);
        }
    }

    /// How many places have some of it.
    pub(super) fn places(&self) -> u64 {
        self.places
    }

    /// The place that has most of it.
    pub(super) fn first_place(&self) -> &str {
        self.most.first().map_or("", |(_, place)| place)
    }

    /// The places that have most, as examples.
    pub(super) fn place_examples(&self) -> Vec<String> {
        self.most.iter().map(|(_, place)| place.clone()).collect()
    }

    /// Some of what was counted.
    pub(crate) fn examples(&self) -> Vec<String> {
        self.examples.clone()
    }

    /// `in r.example/web`, or `in r.example/web (12), r.example/api (3) and 2 more repositories`.
    pub(crate) fn whereabouts(&self) -> String {
        if let [(_, only)] = self.most.as_slice() {
            return format!("in {only}");
        }
        let shown: Vec<String> = self
            .most
            .iter()
            .map(|(part, place)| format!("{place} ({})", number(*part)))
            .collect();
        let rest = self.places - shown.len() as u64;
        match (rest, shown.split_last()) {
            (0, Some((last, before))) => format!("in {} and {last}", before.join(", ")),
            _ => format!("in {} and {}", shown.join(", "), more_repositories(rest)),
        }
    }

    /// `in r.example/web`, or `in r.example/web, r.example/api and 2 more repositories`, for figures of another sort.
    pub(super) fn places_in_words(&self) -> String {
        let shown: Vec<&str> = self.most.iter().map(|(_, place)| place.as_str()).collect();
        let rest = self.places - shown.len() as u64;
        match (rest, shown.split_last()) {
            (0, Some((last, []))) => format!("in {last}"),
            (0, Some((last, before))) => format!("in {} and {last}", before.join(", ")),
            _ => format!("in {} and {}", shown.join(", "), more_repositories(rest)),
        }
    }

    /// `12 entries in r.example/web`.
    pub(super) fn entries(&self) -> String {
        format!("{} {}", count(self.count, "entry"), self.whereabouts())
    }
}

/// `1 more repository`, `2 more repositories`.
pub(super) fn more_repositories(number_of: u64) -> String {
    let noun = if number_of == 1 { "repository" } else { "repositories" };
    format!("{} more {noun}", number(number_of))
}
