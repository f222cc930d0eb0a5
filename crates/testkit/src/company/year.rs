//! The course of the year: who pushes what, when, under which name.

use std::collections::HashSet;

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use super::applications::{APPLICATIONS, Application, FEATURES, NamedBy, ROLLBACK};
use super::build::{Builder, Order, attached};
use super::{Company, InUse, Occasion, Push, extras};
use crate::random::Random;

const DAY: i64 = 86_400;
const DAYS: u64 = 365;
/// Old enough for every retention rule, and still within the year.
const ROLLBACK_AGE: i64 = 300 * DAY;

pub(super) fn generate(images: usize, now: Timestamp, seed: u64) -> Company {
    let mut pushes = Vec::new();
    let mut in_use = Vec::new();
    let mut rest = images;
    for (number, application) in APPLICATIONS.iter().enumerate().rev() {
        // The first application takes what rounding leaves.
        let count = if number == 0 {
            rest
        } else {
            images * application.share / 100
        };
        rest -= count;
        let seed = Random::new(seed.wrapping_add(number as u64)).next();
        let own = Diary::new(application, now, seed).year(count);
        in_use.extend(production(application, &own));
        if application.repository == ROLLBACK {
            in_use.extend(rollback(&own, now));
        }
        pushes.extend(extras::of(application, &own, seed));
        pushes.extend(own);
    }
    pushes.extend(extras::of_company(&pushes));
    pushes.sort_by(|a, b| (&a.repository, a.at, &a.manifest.digest).cmp(&(&b.repository, b.at, &b.manifest.digest)));
    in_use.sort_by(|a, b| a.image.cmp(&b.image));
    Company { pushes, in_use }
}

/// One application's year.
struct Diary<'a> {
    application: &'a Application,
    now: Timestamp,
    random: Random,
    builder: Builder,
    names: HashSet<String>,
}

impl<'a> Diary<'a> {
    fn new(application: &'a Application, now: Timestamp, seed: u64) -> Self {
        let (random, builder) = (Random::new(seed), Builder::new(seed ^ 0xb1d));
        Self {
            application,
            now,
            random,
            builder,
            names: HashSet::new(),
        }
    }

    fn year(mut self, count: usize) -> Vec<Push> {
        let mut times: Vec<Timestamp> = (0..count).map(|_| self.working_time()).collect();
        times.sort();
        let mut pushes: Vec<Push> = times
            .into_iter()
            .enumerate()
            .map(|(number, at)| self.push(number, count, at))
            .collect();
        move_tags(&mut pushes);
        pushes
    }

    /// A time in the last year, seldom on a weekend, never in the last hour.
    fn working_time(&mut self) -> Timestamp {
        let mut at = self.any_time();
        while is_weekend(at) && self.random.chance(85) {
            at = self.any_time();
        }
        at
    }

    fn any_time(&mut self) -> Timestamp {
        let back = self.random.between(3_600, DAYS * DAY.unsigned_abs());
        let second = self.now.as_second().saturating_sub_unsigned(back);
        Timestamp::from_second(second).unwrap_or(self.now)
    }

    fn push(&mut self, number: usize, count: usize, at: Timestamp) -> Push {
        let occasion = self.occasion(number, count);
        let commit = self.random.hex(16);
        let tags = self.tags(occasion, number, at);
        let order = Order {
            application: self.application,
            occasion,
            at,
            commit: &commit,
        };
        let manifest = self.builder.build(&order);
        let attached = attached(&order, &manifest);
        Push {
            repository: self.application.repository.to_owned(),
            tags,
            at,
            occasion,
            manifest,
            attached,
        }
    }

    fn occasion(&mut self, number: usize, count: usize) -> Occasion {
        // However small the company: a release runs, and the trunk went on since.
        match count - number {
            1 => return Occasion::Main,
            4 => return Occasion::Release,
            _ => {}
        }
        match self.random.below(100) {
            0..52 => Occasion::Main,
            52..70 => Occasion::Feature,
            70..88 => Occasion::PullRequest,
            88..91 => Occasion::ReleaseBranch,
            91..96 => Occasion::Release,
            _ => Occasion::Nightly,
        }
    }

    fn tags(&mut self, occasion: Occasion, number: usize, at: Timestamp) -> Vec<String> {
        let month = self.day(at) / 30;
        match occasion {
            Occasion::Main => vec![self.name("main")],
            Occasion::Feature => {
                let feature = (self.day(at) / 14 + self.random.below(3)) % FEATURES.len() as u64;
                let feature = FEATURES
                    .get(usize::try_from(feature).unwrap_or(0))
                    .copied()
                    .unwrap_or("x");
                vec![self.name(&format!("feature-{feature}"))]
            }
            Occasion::PullRequest => {
                let request = 100 + number as u64 / 3 + self.random.below(6);
                vec![self.name(&format!("pr-{request}"))]
            }
            Occasion::ReleaseBranch => vec![self.name(&format!("release-1.{month}"))],
            Occasion::Release => self.release(month, at),
            Occasion::Nightly | Occasion::BuildCache | Occasion::Chart | Occasion::Artifact => Vec::new(),
        }
    }

    /// `branch-1a2b3c4`, once.
    fn name(&mut self, branch: &str) -> String {
        loop {
            let name = format!("{branch}-{}", self.random.hex(7));
            if self.names.insert(name.clone()) {
                return name;
            }
        }
    }

    /// The next free version of the month; most releases also went live.
    fn release(&mut self, month: u64, at: Timestamp) -> Vec<String> {
        let patches = (0..).map(|patch: u64| format!("v1.{month}.{patch}"));
        let version = patches.into_iter().find(|version| !self.names.contains(version));
        let live = format!("prod-{}", TimeZone::UTC.to_datetime(at).date());
        let live = self.random.chance(70).then_some(live);
        let tags = version
            .into_iter()
            .chain(live)
            .filter(|tag| self.names.insert(tag.clone()));
        tags.collect()
    }

    /// Days since the year began.
    fn day(&self, at: Timestamp) -> u64 {
        let days = (at.as_second() - self.now.as_second()).div_euclid(DAY);
        DAYS.saturating_add_signed(days)
    }
}

fn is_weekend(at: Timestamp) -> bool {
    matches!(
        TimeZone::UTC.to_datetime(at).weekday(),
        Weekday::Saturday | Weekday::Sunday
    )
}

/// Where the moving tags stand at the end of the year.
fn move_tags(pushes: &mut [Push]) {
    for (tag, occasion) in [
        ("latest", Occasion::Main),
        ("main", Occasion::Main),
        ("production", Occasion::Release),
        ("nightly", Occasion::Nightly),
    ] {
        if let Some(newest) = pushes.iter_mut().rev().find(|push| push.occasion == occasion) {
            newest.tags.push(tag.to_owned());
        }
    }
}

/// What runs now: the newest release.
fn production(application: &Application, pushes: &[Push]) -> Option<InUse> {
    let live = pushes.iter().rev().find(|push| push.occasion == Occasion::Release)?;
    let repository = application.repository;
    let (used_by, named_by) = application.runs;
    let digest = match named_by {
        NamedBy::Tag => None,
        NamedBy::Digest => Some(live.manifest.digest.clone()),
        NamedBy::ChildDigest => {
            let mut images = live.manifest.children.iter().rev();
            images
                .find(|child| child.platform.as_deref() != Some("unknown/unknown"))
                .map(|child| child.digest.clone())
        }
        NamedBy::ConfigDigest => live.manifest.config_digest.clone(),
    };
    let image = match digest {
        Some(digest) => format!("{repository}@{digest}"),
        None => format!("{repository}:production"),
    };
    Some(InUse {
        image,
        used_by: used_by.to_owned(),
    })
}

/// A build of the trunk from long ago, to which somebody rolled back.
fn rollback(pushes: &[Push], now: Timestamp) -> Option<InUse> {
    let target = now.as_second() - ROLLBACK_AGE;
    let builds = pushes.iter().filter(|push| push.occasion == Occasion::Main);
    let build = builds.min_by_key(|push| push.at.as_second().abs_diff(target))?;
    let image = format!("{}:{}", build.repository, build.tags.first()?);
    Some(InUse {
        image,
        used_by: format!("Deployment {ROLLBACK} rolled back to revision 12"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seven hex digits collide within some ten thousand names.
    #[test]
    fn a_name_is_given_once() {
        let mut diary = Diary::new(&APPLICATIONS[0], Timestamp::UNIX_EPOCH, 1);
        let names: HashSet<String> = (0..100_000).map(|_| diary.name("main")).collect();
        assert_eq!(names.len(), 100_000);
    }
}
