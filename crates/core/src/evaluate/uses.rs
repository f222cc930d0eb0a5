//! Usage, indexed for questions: who uses this digest, this tag; and which source may not have said all.
//!
//! Fails closed: whatever cannot be understood makes its source partial, and never drops a use.

use std::collections::{BTreeMap, BTreeSet};

use super::dates::given;
use super::{elapsed, length};
use crate::config::{Config, Expects};
use crate::facts::{Facts, Origin};
use crate::hashed::Map;
use crate::model::{
    Digest, ImageReference, InvalidReference, Reference, RegistryHost, RepositoryName, SourceReport, SourceStatus, Tag,
    Usage,
};
use crate::policy::NameGlobs;
use crate::reason::Hold;

/// One use of an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Use {
    /// `in-use`, or `recently-used` if it is over.
    pub(super) hold: Hold,
    /// Who uses it, for people.
    pub(super) by: String,
}

/// A source that did not say everything, and which repositories that matters to.
#[derive(Debug)]
struct PartialSource {
    name: String,
    why: String,
    covers: NameGlobs,
}

/// A source that a registry expects and that did not answer completely.
#[derive(Debug)]
struct Unanswered {
    /// Its name; `None` where no source was asked at all.
    name: Option<String>,
    sentence: String,
}

/// Who refers to the tags of one repository.
#[derive(Debug)]
pub(super) struct TagUses<'u> {
    /// A quick no, for most tags.
    in_use: Sieve,
    repository: &'u RepositoryName,
    own: Option<&'u Map<Tag, BTreeSet<Use>>>,
    elsewhere: Option<&'u Map<Tag, BTreeSet<(RegistryHost, Use)>>>,
}

impl TagUses<'_> {
    /// Who refers to this tag, by its own registry or by one that nobody scans.
    pub(super) fn of(&self, tag: &Tag) -> Vec<Use> {
        if !self.in_use.may_hold(number_of(tag)) {
            return Vec::new();
        }
        let own = self.own.and_then(|tags| tags.get(tag));
        let elsewhere = self.elsewhere.and_then(|tags| tags.get(tag));
        let elsewhere = elsewhere.into_iter().flatten().map(|(host, used)| Use {
            hold: used.hold,
            by: format!("{} (as {host}/{}:{tag})", used.by, self.repository),
        });
        own.into_iter().flatten().cloned().chain(elsewhere).collect()
    }
}

/// Everything that usage says, ready to be asked.
#[derive(Debug, Default)]
pub(super) struct Uses {
    /// A quick no: nearly every digest that is asked for is none of those in use.
    in_use: Sieve,
    by_digest: Map<Digest, BTreeSet<Use>>,
    by_tag: Map<(RegistryHost, RepositoryName), Map<Tag, BTreeSet<Use>>>,
    /// Tag references to hosts that no scanned registry has.
    elsewhere: Map<RepositoryName, Map<Tag, BTreeSet<(RegistryHost, Use)>>>,
    partial: Vec<PartialSource>,
    /// Per registry: sources that it expects and that did not answer completely.
    unanswered: BTreeMap<RegistryHost, Vec<Unanswered>>,
}

impl Uses {
    /// Indexes the usage of `facts`.
    pub(super) fn of(facts: &Facts<'_>) -> Self {
        let places = (0..facts.inventory.count()).map(|position| facts.inventory.place(position));
        let scanned: BTreeSet<&RegistryHost> = places.map(|(host, _)| host).collect();
        let mut uses = Self::default();
        let sources = facts.usage.map_or(&[][..], |usage| &usage.sources);
        let listen = |source| uses.listen(source, facts, &scanned);
        let whys: Vec<Option<String>> = sources.iter().map(listen).collect();
        let answers: Vec<Answer<'_>> = sources
            .iter()
            .zip(&whys)
            .map(|(source, why)| Answer { source, why })
            .collect();
        for Answer { source, why } in &answers {
            uses.partial.extend(why.as_ref().map(|why| PartialSource {
                name: source.name.clone(),
                why: why.clone(),
                covers: covers(source),
            }));
        }
        uses.unanswered = unanswered(facts, &answers, &scanned);
        uses.in_use = Sieve::of(uses.by_digest.keys().map(Digest::trailing));
        uses
    }

    /// Notes what a source refers to; why it did not say everything, if it did not.
    fn listen(
        &mut self,
        source: &SourceReport,
        facts: &Facts<'_>,
        scanned: &BTreeSet<&RegistryHost>,
    ) -> Option<String> {
        let mut why = stated_gaps(source);
        for reference in &source.references {
            let Some(hold) = facts.usage.and_then(|usage| hold_of(reference, usage, facts)) else {
                continue;
            };
            let used = Use {
                hold,
                by: describe(reference, source),
            };
            if let Err(error) = self.add(reference, used, facts.config, scanned) {
                why.get_or_insert_with(|| format!("it names an image that cannot be understood: {error}"));
            }
        }
        why
    }

    fn add(
        &mut self,
        reference: &Reference,
        used: Use,
        config: &Config,
        scanned: &BTreeSet<&RegistryHost>,
    ) -> Result<(), InvalidReference> {
        if let Some(digest) = &reference.digest {
            self.by_digest.entry(digest.clone()).or_default().insert(used.clone());
        }
        let text = bare(&reference.image);
        if let Some(digest) = Digest::of_image_id(text) {
            self.by_digest.entry(digest).or_default().insert(used);
            return Ok(());
        }
        if text.is_empty() && reference.digest.is_some() {
            return Ok(());
        }
        let image: ImageReference = text.parse()?;
        if let Some(digest) = &image.digest {
            self.by_digest.entry(digest.clone()).or_default().insert(used.clone());
        }
        let Some(tag) = image.effective_tag() else {
            return Ok(());
        };
        for place in config.mirrored(&image) {
            let tags = self.by_tag.entry(place).or_default();
            tags.entry(tag.clone()).or_default().insert(used.clone());
        }
        let host = config.canonical_host(&image.registry);
        if scanned.contains(&host) {
            let tags = self.by_tag.entry((host, image.repository)).or_default();
            tags.entry(tag).or_default().insert(used);
        } else {
            let tags = self.elsewhere.entry(image.repository).or_default();
            tags.entry(tag).or_default().insert((image.registry, used));
        }
        Ok(())
    }

    /// Who refers to this digest, in whatever repository.
    pub(super) fn of_digest(&self, digest: &Digest) -> impl Iterator<Item = &Use> {
        let of = |digest| self.by_digest.get(digest);
        Some(digest)
            .filter(|digest| self.in_use.may_hold(digest.trailing()))
            .and_then(of)
            .into_iter()
            .flatten()
    }

    /// Who refers to the tags of a repository; `None` if nobody does.
    pub(super) fn of_tags<'u>(
        &'u self,
        registry: &RegistryHost,
        repository: &'u RepositoryName,
    ) -> Option<TagUses<'u>> {
        let own = self.by_tag.get(&(registry.clone(), repository.clone()));
        let elsewhere = self.elsewhere.get(repository);
        let tags = own.into_iter().flat_map(Map::keys);
        let tags: Vec<&Tag> = tags.chain(elsewhere.into_iter().flat_map(Map::keys)).collect();
        (!tags.is_empty()).then(|| TagUses {
            in_use: Sieve::of(tags.into_iter().map(number_of)),
            repository,
            own,
            elsewhere,
        })
    }

    /// Hosts that references name, that no scanned registry has, and whose path and tag protect something here.
    pub(super) fn missing_aliases<'u>(
        &'u self,
        repository: &RepositoryName,
    ) -> Option<impl Fn(&Tag) -> Vec<&'u RegistryHost>> {
        let tags = self.elsewhere.get(repository)?;
        Some(move |tag: &Tag| tags.get(tag).into_iter().flatten().map(|(host, _)| host).collect())
    }

    /// Why usage is not known completely for a repository, one sentence a source.
    ///
    /// A source may name what it covers by any name of the registry.
    pub(super) fn incomplete(&self, config: &Config, registry: &RegistryHost, name: &RepositoryName) -> Vec<String> {
        let covers = |source: &&PartialSource| cover(&source.covers, config, (registry, name));
        let expected: Vec<&Unanswered> = self.unanswered.get(registry).into_iter().flatten().collect();
        told(self.partial.iter().filter(covers), &expected)
    }

    /// Every source that is partial or did not answer, with the reason.
    pub(super) fn gaps(&self) -> Vec<String> {
        let expected: Vec<&Unanswered> = self.unanswered.values().flatten().collect();
        told(self.partial.iter(), &expected)
    }
}

/// A bit for each member of a set, by a number: tells most others from them without a look at the set.
#[derive(Debug, Default)]
struct Sieve(Vec<u64>);

impl Sieve {
    /// About one bit of 32 is set, so that one of 32 others passes.
    fn of(numbers: impl ExactSizeIterator<Item = u64>) -> Self {
        let mut sieve = Self(vec![0; (numbers.len() / 2).next_power_of_two()]);
        for number in numbers {
            let (word, bit) = sieve.place(number);
            if let Some(word) = sieve.0.get_mut(word) {
                *word |= bit;
            }
        }
        sieve
    }

    /// False: the number is of none of the set.
    fn may_hold(&self, number: u64) -> bool {
        let (word, bit) = self.place(number);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    /// The word, of a number of words that is a power of two, and the bit in it.
    fn place(&self, number: u64) -> (usize, u64) {
        let word = usize::try_from(number >> 6).unwrap_or(usize::MAX) & self.0.len().wrapping_sub(1);
        (word, 1 << (number & 63))
    }
}

/// The end of a tag as a number: builds differ there.
fn number_of(tag: &Tag) -> u64 {
    let text = tag.as_str().as_bytes();
    let end = &text[text.len().saturating_sub(8)..];
    let number = end.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte));
    // The upper half of the product depends on every letter (Knuth, The Art of Computer Programming 3, 6.4).
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}

/// Each source once: one that is expected is told as such, with what it said itself.
fn told<'s>(partial: impl Iterator<Item = &'s PartialSource>, expected: &[&Unanswered]) -> Vec<String> {
    let is_told = |source: &&PartialSource| {
        expected
            .iter()
            .any(|expected| expected.name.as_ref() == Some(&source.name))
    };
    let partial = partial
        .filter(|source| !is_told(source))
        .map(|source| format!("usage source {} is partial: {}", source.name, source.why));
    let expected = expected.iter().map(|expected| expected.sentence.clone());
    partial.chain(expected).collect()
}

/// Engines put a scheme in front of image ids.
pub(crate) fn bare(image: &str) -> &str {
    ["docker-pullable://", "docker://"]
        .iter()
        .find_map(|scheme| image.strip_prefix(scheme))
        .unwrap_or(image)
}

/// A use that is over holds for `usage-memory`, then no longer. A use without an end is a present one.
fn hold_of(reference: &Reference, usage: &Usage, facts: &Facts<'_>) -> Option<Hold> {
    match given(reference.last_seen_at) {
        Some(seen) if seen < usage.taken_at => {
            (elapsed(seen, facts.now) <= length(facts.config.usage_memory)).then_some(Hold::RecentlyUsed)
        }
        _ => Some(Hold::InUse),
    }
}

/// Who refers to an image, for people.
pub(crate) fn describe(reference: &Reference, source: &SourceReport) -> String {
    if reference.used_by.is_empty() {
        source.name.clone()
    } else {
        reference.used_by.clone()
    }
}

fn stated_gaps(source: &SourceReport) -> Option<String> {
    match (source.gaps.first(), source.status) {
        (Some(gap), _) => Some(gap.to_string()),
        (None, SourceStatus::Partial) => Some("it did not answer completely".to_owned()),
        (None, SourceStatus::Complete) => None,
    }
}

/// A glob that cannot be read could mean anything, so it covers everything.
fn covers(source: &SourceReport) -> NameGlobs {
    let patterns: Vec<String> = source.covers.iter().map(|pattern| with_small_host(pattern)).collect();
    NameGlobs::new(&patterns).unwrap_or_else(|_| NameGlobs::all())
}

fn cover(covers: &NameGlobs, config: &Config, (registry, name): (&RegistryHost, &RepositoryName)) -> bool {
    let mut hosts = config.names_of(registry);
    hosts.any(|host| covers.fits(&format!("{host}/{name}")))
}

/// Whether a usage source could refer to a repository, by its `covers`.
pub fn may_matter(config: &Config, source: &SourceReport, place: (&RegistryHost, &RepositoryName)) -> bool {
    cover(&covers(source), config, place)
}

/// Capitals mean nothing in the name of a host, and everything in a repository.
fn with_small_host(pattern: &str) -> String {
    let host = pattern.find('/').unwrap_or(pattern.len());
    pattern[..host].to_ascii_lowercase() + &pattern[host..]
}

/// What a source said, and why that is not everything, if it is not.
struct Answer<'a> {
    source: &'a SourceReport,
    why: &'a Option<String>,
}

/// Per registry what it expects, and nobody told or not completely.
fn unanswered(
    facts: &Facts<'_>,
    answers: &[Answer<'_>],
    scanned: &BTreeSet<&RegistryHost>,
) -> BTreeMap<RegistryHost, Vec<Unanswered>> {
    let mut unanswered: BTreeMap<RegistryHost, Vec<Unanswered>> = BTreeMap::new();
    for registry in &facts.config.registries {
        for name in registry.expects.sources() {
            let Some(why) = why_unanswered(facts.origin, answers, name) else {
                continue;
            };
            unanswered.entry(registry.host.clone()).or_default().push(Unanswered {
                name: Some(name.clone()),
                sentence: format!(
                    "usage source {name} is expected for {} and did not answer completely: {why}",
                    registry.host
                ),
            });
        }
    }
    let accounts = scanned
        .iter()
        .filter_map(|host| Some(((*host).clone(), unheard_account(facts.config, answers, host)?)));
    accounts.for_each(|(host, unheard)| unanswered.entry(host).or_default().push(unheard));
    unanswered
}

/// Why a source that is expected says too little, if it does. Whoever has its name has to have said everything.
fn why_unanswered(origin: Origin, answers: &[Answer<'_>], name: &str) -> Option<String> {
    let mut named = answers.iter().filter(|answer| answer.source.name == name).peekable();
    if named.peek().is_none() {
        let why = match origin {
            Origin::Registries => "no source of that name was asked",
            Origin::SavedFacts => "no source of that name is in a file of --usage",
        };
        return Some(why.to_owned());
    }
    named.filter_map(|answer| answer.why.clone()).min()
}

/// An ECR registry expects whoever asks its own account and region what runs there, unless the file says `expects: none`:
/// what else it names comes on top.
fn unheard_account(config: &Config, answers: &[Answer<'_>], host: &RegistryHost) -> Option<Unanswered> {
    let expects = config.registry(host).map(|registry| &registry.expects);
    let place = config.ecr(host).filter(|_| expects != Some(&Expects::None))?;
    let written = place.to_string();
    let answers = answers
        .iter()
        .filter(|answer| answer.source.kind == "aws" && answer.source.answers_for.contains(&written));
    // Whoever has told everything comes first.
    let (why, name) = match answers.map(|answer| (answer.why, &answer.source.name)).min() {
        Some((None, _)) => return None,
        Some((Some(why), name)) => (
            format!("usage source {name} did not answer completely: {why}"),
            Some(name.clone()),
        ),
        None => (format!("no usage source asked; {}", place.how_to_ask()), None),
    };
    let sentence = format!("{host} is ECR, and what runs in {place} is not known: {why}");
    Some(Unanswered { name, sentence })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sieve_holds_what_it_was_made_of_and_little_else() {
        let digest = |number: u32| Digest::of(&number.to_be_bytes()).trailing();
        let tag = |number: u32| number_of(&format!("main-{number:07x}").parse().unwrap());
        for number_of in [&digest as &dyn Fn(u32) -> u64, &tag] {
            for count in [0, 1, 2, 100, 5_000] {
                let held: Vec<u64> = (0..count).map(number_of).collect();
                let sieve = Sieve::of(held.iter().copied());
                assert!(held.iter().all(|number| sieve.may_hold(*number)), "{count}");
                let others = (10_000..20_000).filter(|number| sieve.may_hold(number_of(*number)));
                assert!(others.count() < 1_000, "{count}");
            }
            assert!(!Sieve::default().may_hold(number_of(1)));
        }
    }
}
