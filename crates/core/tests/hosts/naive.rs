//! What should become of a server's images, worked out as a person would: image by image, counting others anew for
//! each question. Shares no code with jettison and reads no names.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::{Cond, Covers, Fits, HUB, Host, Img, OF_REGISTRIES, ON_THE_SPOT, PLACEHOLDER, Pol, Rul, Use, digest};

/// A name as rules see it: a repository, if any, and a tag there, if any.
type Entry = (Option<usize>, Option<usize>);

/// What should go, what may, and the code of the reason for all others.
#[derive(Debug, PartialEq)]
pub(crate) struct Expected {
    pub(crate) go: Vec<u8>,
    pub(crate) reserve: Vec<u8>,
    pub(crate) stay: Vec<(u8, &'static str)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    KeepAlways,
    Unless,
    NotExpired,
    NoRule,
    Expired,
}

impl Host {
    pub(crate) fn expected(&self) -> Expected {
        let (mut expired, mut later, mut stay) = (Vec::new(), Vec::new(), Vec::new());
        let incomplete = self.is_partial || self.has_gap;
        let is_high = self.is_high();
        for image in &self.images {
            let words: BTreeSet<Word> = entries(image)
                .into_iter()
                .map(|entry| self.word(image, entry))
                .collect();
            let first = *words.first().unwrap();
            let all_may = words
                .iter()
                .all(|word| matches!(word, Word::NotExpired | Word::Expired));
            let idle = self.unused(image).is_some_and(|hours| hours > 1);
            match (self.held(image), first) {
                (Some(code), _) => stay.push((image.id, code)),
                (None, Word::Expired) if incomplete => stay.push((image.id, "incomplete")),
                (None, Word::Expired) => expired.push(image),
                (None, Word::NotExpired) if all_may && is_high && idle && !incomplete => later.push(image),
                (None, Word::NotExpired) => stay.push((image.id, "not-expired")),
                (None, Word::KeepAlways) => stay.push((image.id, "keep-always")),
                (None, Word::Unless) => stay.push((image.id, "unless")),
                (None, Word::NoRule) => stay.push((image.id, "no-rule")),
            }
        }
        let oldest_first = |images: &mut Vec<&Img>| images.sort_by_key(|image| Reverse(self.newness(image)));
        oldest_first(&mut expired);
        oldest_first(&mut later);
        let mut go = expired;
        let reserve = later.split_off(self.share_that_goes(&go, &later));
        go.extend(later);
        stay.sort_unstable();
        let ids = |images: Vec<&Img>| images.into_iter().map(|image| image.id).collect();
        Expected {
            go: ids(go),
            reserve: ids(reserve),
            stay,
        }
    }

    fn is_high(&self) -> bool {
        let (Some((bytes, inodes)), Some((high, _))) = (self.used, self.marks) else {
            return false;
        };
        let high = u64::from(high) * 100;
        bytes > high || inodes > high
    }

    /// How many of those that may go are needed, as far as bytes tell.
    fn share_that_goes(&self, go: &[&Img], later: &[&Img]) -> usize {
        let (Some((bytes, inodes)), Some((_, low))) = (self.used, self.marks) else {
            return 0;
        };
        let low = u64::from(low) * 100;
        if inodes > low && self.is_high() {
            return later.len();
        }
        let mut left = i128::from(bytes) - go.iter().map(|image| i128::from(image.bytes)).sum::<i128>();
        let mut number = 0;
        while number < later.len() && left > i128::from(low) {
            left -= i128::from(later[number].bytes);
            number += 1;
        }
        number
    }

    fn held(&self, image: &Img) -> Option<&'static str> {
        let pullable = image.digests.iter().any(|(repository, _)| *repository != ON_THE_SPOT);
        let reasons = [
            (self.uses.iter().any(|used| self.is_use(used, image)), "in-use"),
            (image.pinned, "pinned"),
            (
                image.keep_label || self.protect.iter().any(|at| protects(*at, image)),
                "protected",
            ),
            (image.bad_name, "unknown-name"),
            (self.unused(image).is_none(), "unknown-age"),
            (!pullable && !self.local_images, "local-only"),
            (self.is_among_newest(image), "keep-newest"),
        ];
        reasons.into_iter().find(|(holds, _)| *holds).map(|(_, code)| code)
    }

    pub(crate) fn is_use(&self, used: &Use, image: &Img) -> bool {
        let by_digest =
            |number: u8| image.id == number || image.digests.iter().any(|(_, own)| OF_REGISTRIES + own == number);
        let by_tag = |repository: usize, tag: usize| {
            let anywhere = self.podman && repository == HUB && image.tags.contains(&(ON_THE_SPOT, tag));
            image.tags.contains(&(repository, tag)) || anywhere
        };
        match *used {
            Use::Digest(number) => by_digest(number),
            Use::Tag(repository, tag) => by_tag(repository, tag),
            Use::Both(repository, tag, number) => by_tag(repository, tag) || by_digest(number),
        }
    }

    /// The hours since the last use; `None`: unknown.
    pub(crate) fn unused(&self, image: &Img) -> Option<i64> {
        let seen = image.first_seen?;
        let was_there = seen >= self.known_since.unwrap_or(0);
        // Where the engine is believed, of what was there before, its word stands in for the first sight; its build date if
        // it has no other.
        let word = match image.engine {
            None if self.trust && was_there => self.built(image),
            word => word,
        };
        let seen = if self.trust && was_there && word.is_some() {
            None
        } else {
            Some(seen)
        };
        let hours = [seen, image.last_used, word].into_iter().flatten().min()?;
        Some(hours.max(0))
    }

    /// The hours since it was built, if its date says anything.
    fn built(&self, image: &Img) -> Option<i64> {
        image.created.filter(|hours| *hours != PLACEHOLDER && *hours >= -24)
    }

    /// Lower is newer.
    fn newness(&self, image: &Img) -> (i64, i64, jettison_core::model::Digest) {
        (
            self.unused(image).unwrap_or(i64::MAX),
            self.built(image).unwrap_or(i64::MAX),
            digest(image.id),
        )
    }

    fn is_newer(&self, one: &Img, than: &Img) -> bool {
        self.unused(one).is_some() && self.newness(one) < self.newness(than)
    }

    fn is_among_newest(&self, image: &Img) -> bool {
        repositories(image).into_iter().any(|repository| {
            let inside = self
                .images
                .iter()
                .filter(|other| repositories(other).contains(&repository));
            let newer = inside.filter(|other| self.is_newer(other, image)).count();
            (newer as u64) < self.keep_newest
        })
    }

    fn word(&self, image: &Img, entry: Entry) -> Word {
        let Some((policy, rule)) = self.governing(image, entry) else {
            return Word::NoRule;
        };
        let rules = &self.policies[policy].rules;
        if rules[rule].expire.is_empty() {
            return Word::KeepAlways;
        }
        let group: Vec<&Img> = self
            .images
            .iter()
            .filter(|other| {
                let here = |own: &Entry| own.0 == entry.0 && self.governing(other, *own) == Some((policy, rule));
                self.unused(other).is_some() && entries(other).iter().any(here)
            })
            .collect();
        let holds = |conditions: &Cond| self.holds(conditions, image, &group);
        match (
            rules[rule].expire.iter().any(holds),
            self.is_spared(&rules[rule], image, &group),
        ) {
            (false, _) => Word::NotExpired,
            (true, true) => Word::Unless,
            (true, false) => Word::Expired,
        }
    }

    /// The first policy that covers an entry, and the first rule there that fits.
    fn governing(&self, image: &Img, (repository, tag): Entry) -> Option<(usize, usize)> {
        let covers = |policy: &Pol| match policy.covers {
            Covers::All => true,
            Covers::App => repository == Some(0),
            Covers::Hub => repository == Some(HUB),
        };
        let policy = self.policies.iter().position(covers)?;
        let fits = |rule: &Rul| match rule.fits {
            Fits::All => true,
            Fits::Dangling => image.tags.is_empty(),
            Fits::Prefix(prefix) => tag.is_some_and(|tag| super::TAGS[tag].starts_with(prefix)),
            Fits::Team => image.team_label,
        };
        let rule = self.policies[policy].rules.iter().position(fits)?;
        Some((policy, rule))
    }

    fn holds(&self, conditions: &Cond, image: &Img, group: &[&Img]) -> bool {
        let Some(hours) = self.unused(image) else { return false };
        let rank = group.iter().filter(|other| self.is_newer(other, image)).count() as u64;
        conditions.unused_days.is_none_or(|days| hours > days * 24)
            && conditions.beyond.is_none_or(|number| rank >= number)
            && conditions.larger.is_none_or(|bytes| image.bytes > bytes)
    }

    /// Whether it is the newest of one of the last days that hold an image.
    fn is_spared(&self, rule: &Rul, image: &Img, group: &[&Img]) -> bool {
        // Now is half past twelve, so that the day before begins more than twelve hours ago.
        let day = |image: &Img| self.unused(image).map(|hours| (hours + 11) / 24);
        let own = day(image);
        let newer_today = group
            .iter()
            .any(|other| day(other) == own && self.is_newer(other, image));
        let days: BTreeSet<_> = group.iter().map(|other| day(other)).filter(|day| *day < own).collect();
        rule.newest_days > 0 && own.is_some() && !newer_today && (days.len() as u64) < rule.newest_days
    }
}

fn repositories(image: &Img) -> BTreeSet<usize> {
    let tagged = image.tags.iter().map(|(repository, _)| *repository);
    tagged
        .chain(image.digests.iter().map(|(repository, _)| *repository))
        .collect()
}

fn entries(image: &Img) -> Vec<Entry> {
    let mut entries: Vec<Entry> = image.tags.iter().map(|(at, tag)| (Some(*at), Some(*tag))).collect();
    let is_tagged = |at: &usize| image.tags.iter().any(|(repository, _)| repository == at);
    let untagged = repositories(image).into_iter().filter(|at| !is_tagged(at));
    entries.extend(untagged.map(|at| (Some(at), None)));
    if entries.is_empty() {
        entries.push((None, None));
    }
    entries
}

fn protects(pattern: usize, image: &Img) -> bool {
    match pattern {
        0 => image.tags.contains(&(0, 4)),
        1 => repositories(image).contains(&1),
        2 => true,
        _ => image
            .tags
            .iter()
            .any(|(at, tag)| [HUB, ON_THE_SPOT].contains(at) && [2, 3].contains(tag)),
    }
}
