//! Images on a server's disk: which go and which stay, by the rules of `host` in the configuration.
//!
//! Pure, like the rest of the core: facts, settings and the moment in, decisions with reasons out. An image goes only
//! where everything is known that could need it. What is laid down here:
//!
//! - What is used, protected, pinned, not understood or not to be had again stays, whatever the rules say.
//! - Something that could not be read lets nothing go.
//! - A use, a protection or a gap more never makes anything else go. Of a disk that is too full it makes others go of
//!   those alone that might have gone before (`go` and `reserve` together never grow).
//! - The order of the facts changes nothing.

mod cache;
mod facts;
mod holds;
mod images;
mod plan;
mod pressure;
mod ranks;
mod rules;
mod settings;
mod standard;
#[cfg(test)]
mod tests;
mod texts;
mod uses;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

pub use facts::{CacheRecord, Disk, EngineFacts, HostFacts, HostImage, ImageStore};
use holds::Holds;
use images::Image;
pub use plan::{CachePlan, Departure, GoReason, HostPlan, Pressure, Stay, StayReason};
use rules::Said;
pub use settings::{CacheSettings, DiskMarks, HostSettings};
pub use standard::{STANDARD_YAML, standard};
use uses::Uses;

use crate::config::ProtectPattern;
use crate::model::{Digest, Gap};
use crate::reason::Ruling;

/// What shall become of every image.
///
/// `protect` are the patterns of the configuration, which hold on servers too.
pub fn decide(facts: &HostFacts, settings: &HostSettings, protect: &[ProtectPattern], now: Timestamp) -> HostPlan {
    let images = images::read(facts, settings.trust_engine_times, now);
    let uses = Uses::of(facts);
    let gaps = gaps(facts, &uses);
    let holds = Holds {
        uses: &uses,
        settings,
        protect,
    };
    let newest = ranks::newest(&images, settings.keep_newest);
    let policies = settings.policies.as_deref().unwrap_or_else(|| standard());
    let said = rules::judge(&images, policies, now);
    let mut sorted = Sorted::default();
    for ((image, newest), said) in images.iter().zip(newest).zip(said) {
        match (holds.on(image).or(newest), said) {
            (Some(held), _) | (None, Said::Stays(held)) => sorted.stay(image, held),
            (None, Said::Expires(_)) if !gaps.is_empty() => sorted.stay(image, StayReason::Incomplete),
            (None, Said::Expires(ruling)) => sorted.expired.push((image, ruling)),
            (None, Said::NotYet(ruling)) if gaps.is_empty() && pressure::is_idle(image, now) => {
                sorted.candidates.push((image, ruling));
            }
            (None, Said::NotYet(ruling)) => sorted.stay(image, StayReason::NotExpired(ruling)),
        }
    }
    let pressure = facts.disk.as_ref().zip(settings.disk.as_ref());
    let pressure = pressure.map(|(disk, marks)| Pressure::on(disk, marks));
    let build_cache = settings.build_cache.as_ref().filter(|_| gaps.is_empty());
    HostPlan {
        build_cache: cache::plan(&facts.build_cache, build_cache, now),
        gaps,
        ..sorted.into_plan(facts, pressure, now)
    }
}

/// Who uses each image at this moment, one of them for each image that somebody uses: by the reading that decisions rest on.
pub fn users(facts: &HostFacts) -> BTreeMap<Digest, String> {
    let uses = Uses::of(facts);
    let images = images::read(facts, false, facts.taken_at);
    let used = images.iter().filter_map(|image| {
        let user = uses.of_image(image).pop_first()?;
        Some((image.facts.id.clone(), user.to_owned()))
    });
    used.collect()
}

/// All that keeps images from going: what could not be read, by whoever looked.
fn gaps(facts: &HostFacts, uses: &Uses) -> Vec<Gap> {
    let mut seen = BTreeSet::new();
    let twice = facts.images.iter().filter(|image| !seen.insert(&image.id));
    let twice = twice.map(|image| Gap::of(&format!("the engine listed the image {} twice", image.id.short())));
    let all: BTreeSet<Gap> = facts.gaps.iter().chain(&uses.gaps).cloned().chain(twice).collect();
    all.into_iter().collect()
}

/// The images by what may become of them.
#[derive(Default)]
struct Sorted<'a> {
    /// What goes.
    expired: Vec<(&'a Image<'a>, Ruling)>,
    /// What goes only if the disk is too full.
    candidates: Vec<(&'a Image<'a>, Ruling)>,
    stay: Vec<Stay>,
}

impl<'a> Sorted<'a> {
    fn stay(&mut self, image: &Image<'_>, reason: StayReason) {
        self.stay.push(Stay {
            id: image.facts.id.clone(),
            names: sorted(&image.facts.names),
            bytes: image.facts.bytes,
            last_used_at: image.used_at,
            reason,
        });
    }

    /// What was used longest ago goes first.
    fn into_plan(mut self, facts: &HostFacts, pressure: Option<Pressure>, now: Timestamp) -> HostPlan {
        self.expired.sort_by_key(|(image, _)| image.disuse());
        self.candidates.sort_by_key(|(image, _)| image.disuse());
        let mut go: Vec<Departure> = departures(std::mem::take(&mut self.expired), GoReason::Expired).collect();
        let mut pressure = pressure.map(|pressure| Pressure {
            bytes_going: sum(&go),
            ..pressure
        });
        let mut candidates = std::mem::take(&mut self.candidates);
        let is_high = pressure.is_some_and(|pressure| pressure.is_high);
        for (image, ruling) in candidates.split_off(if is_high { candidates.len() } else { 0 }) {
            self.stay(image, StayReason::NotExpired(ruling));
        }
        let needed = pressure.map_or(0, |pressure| pressure.takes(&candidates));
        let reserve = candidates.split_off(needed);
        go.extend(departures(candidates, GoReason::DiskPressure));
        if let Some(pressure) = &mut pressure {
            pressure.bytes_going = sum(&go);
        }
        self.stay.sort_by(|a, b| (&a.names, &a.id).cmp(&(&b.names, &b.id)));
        HostPlan {
            schema: facts.schema,
            now,
            engine: facts.engine.clone(),
            go,
            reserve: departures(reserve, GoReason::DiskPressure).collect(),
            stay: self.stay,
            build_cache: CachePlan::default(),
            pressure,
            gaps: Vec::new(),
        }
    }
}

fn departures<'a>(
    images: Vec<(&'a Image<'a>, Ruling)>,
    reason: fn(Ruling) -> GoReason,
) -> impl Iterator<Item = Departure> {
    images.into_iter().filter_map(move |(image, ruling)| {
        Some(Departure {
            id: image.facts.id.clone(),
            names: sorted(&image.facts.names),
            digests: sorted(&image.facts.digests),
            bytes: image.facts.bytes,
            last_used_at: image.used_at?,
            reason: reason(ruling),
        })
    })
}

fn sorted(texts: &[String]) -> Vec<String> {
    let all: BTreeSet<&String> = texts.iter().collect();
    all.into_iter().cloned().collect()
}

fn sum(departures: &[Departure]) -> u64 {
    departures
        .iter()
        .fold(0, |sum, departure| sum.saturating_add(departure.bytes))
}
