//! The budget audit: what registries hold, in bytes that are really stored.
//!
//! A pure function of the facts. It reports and decides nothing: no image goes or stays for what stands here. What each
//! figure means, and its formula, is explained in `docs/audit.md`.

mod census;
mod division;
mod duplicates;
mod form;
mod holdings;
mod marks;
mod pricing;
mod savings;
mod sizes;
mod weigh;

use std::collections::BTreeMap;

use crate::config::Severity;
use crate::facts::Facts;
use crate::lint::Finding;
use crate::model::{RegistryHost, Repository, Schema, Sharing};
use crate::words::{count, number};

pub(crate) use census::bytes_of_these_alone;
use census::{Census, Tally};
pub use division::{Division, InvalidDivision};
pub use form::{
    Audit, AuditFinding, AuditImage, Cohort, Duplicate, FactsFrom, GrowthPoint, Holdings, PriceNote, RegistryAudit,
    RegistryCohorts, RegistryForecast, Row, RuleSaving, Saving, Savings,
};
use holdings::{Bound, Known, of_whole, part_rows, slice_rows};
pub use savings::savings;
use sizes::{OddSizes, odd_sizes};
use weigh::{Weighed, weigh};

impl From<Finding> for AuditFinding {
    fn from(finding: Finding) -> Self {
        Self {
            code: finding.code.as_str().to_owned(),
            severity: finding.severity,
            policy: finding.policy,
            rule: finding.rule,
            message: finding.message,
            hint: finding.hint,
            count: finding.count,
            bytes: finding.bytes,
            examples: finding.examples,
        }
    }
}

/// What an audit is asked besides.
#[derive(Debug, Clone, Default)]
pub struct AuditQuestion {
    /// By what else to divide.
    pub divisions: Vec<Division>,
    /// Within what blobs are stored once, whatever is configured or known.
    pub sharing: Option<Sharing>,
    /// How many of the heaviest, the oldest and the duplicates are listed; 0 means all.
    pub most: usize,
}

/// Counts what the registries of the facts hold.
///
/// Prices, savings and forecasts are not its business: they are filled in by others.
pub fn audit(facts: &Facts<'_>, (taken_at, from): (jiff::Timestamp, FactsFrom), question: &AuditQuestion) -> Audit {
    let sharing = sharing(facts, question.sharing);
    let census = Census::new(facts, None);
    let weighed = weigh(facts.inventory, &sharing, &census);
    let (tallies, _) = census.finish();
    let mut audit = Audit {
        schema: Schema,
        taken_at,
        now: facts.now,
        facts: from,
        prices: None,
        registries: Vec::new(),
        rows: Vec::new(),
        heaviest_in_use: Vec::new(),
        oldest_in_use: Vec::new(),
        duplicates: Vec::new(),
        savings: None,
        growth: Vec::new(),
        forecasts: Vec::new(),
        findings: Vec::new(),
        gaps: crate::evaluate::gaps(facts, &[]),
    };
    audit
        .gaps
        .extend(tallies.iter().flat_map(|tally| tally.gaps.iter().cloned()));
    let places = places(facts);
    for (host, positions) in &places {
        let Some(weighed) = weighed.get(*host) else { continue };
        let registry = OneRegistry {
            facts,
            host,
            positions,
            weighed,
            tallies: &tallies,
            sharing: sharing.get(*host).copied().unwrap_or(Sharing::Registry),
        };
        registry.report(&mut audit);
    }
    for division in &question.divisions {
        let census = Census::new(facts, Some(division));
        let weighed = weigh(facts.inventory, &sharing, &census);
        let (tallies, names) = census.finish();
        for (host, positions) in &places {
            let Some(weighed) = weighed.get(*host) else { continue };
            let of_registry = audit.registries.iter().find(|registry| registry.registry == **host);
            let Some(totals) = of_registry.map(|registry| &registry.totals) else {
                continue;
            };
            let (known, bound) = (Known::of(totals), Bound::of(totals));
            let tallies = positions.iter().filter_map(|position| tallies.get(*position));
            let rows = part_rows(tallies, weighed, |part| Some((names.get(&part)?.clone(), known, bound)));
            let rows = rows.into_iter().map(|(name, holdings)| Row {
                registry: (*host).clone(),
                by: division.name().to_owned(),
                name,
                holdings,
            });
            audit.rows.extend(rows);
        }
    }
    list_images(&mut audit, facts, &tallies, question.most);
    audit.duplicates = duplicates::find(facts.inventory, &places, (&tallies, &sharing), question.most);
    audit
}

/// The repositories of each registry, by their positions.
fn places<'f>(facts: &Facts<'f>) -> BTreeMap<&'f RegistryHost, Vec<usize>> {
    let mut places: BTreeMap<&RegistryHost, Vec<usize>> = BTreeMap::new();
    for position in 0..facts.inventory.count() {
        places
            .entry(facts.inventory.place(position).0)
            .or_default()
            .push(position);
    }
    places
}

/// Within what each registry stores a blob once.
fn sharing(facts: &Facts<'_>, wanted: Option<Sharing>) -> BTreeMap<RegistryHost, Sharing> {
    let of = |(host, positions): (&RegistryHost, Vec<usize>)| {
        let known = || {
            let mut repositories = positions.iter().map(|position| facts.inventory.repository(*position));
            repositories.find_map(|repository| repository.capabilities.sharing)
        };
        let sharing = wanted.unwrap_or_else(|| facts.config.sharing(host, known()));
        (host.clone(), sharing)
    };
    places(facts).into_iter().map(of).collect()
}

/// The heaviest and the oldest images in use.
fn list_images(audit: &mut Audit, facts: &Facts<'_>, tallies: &[Tally], most: usize) {
    let mut images: Vec<AuditImage> = Vec::new();
    for (position, tally) in tallies.iter().enumerate().filter(|(_, tally)| !tally.used.is_empty()) {
        let repository = facts.inventory.repository(position);
        let mut tags: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for entry in &repository.tags {
            tags.entry(&entry.digest).or_default().push(entry.name.clone());
        }
        let of_image = |used: &census::UsedRoot| AuditImage {
            registry: repository.registry.clone(),
            repository: repository.name.clone(),
            digest: used.digest.clone(),
            tags: {
                let mut tags = tags.get(&used.digest).cloned().unwrap_or_default();
                tags.sort();
                tags
            },
            kind: used.kind,
            time: used.time,
            bytes: used.bytes,
            used_by: used.used_by.clone(),
            last_pulled_at: used.last_pulled_at,
        };
        images.extend(tally.used.iter().map(of_image));
    }
    let place = |image: &AuditImage| (image.registry.clone(), image.repository.clone(), image.digest.clone());
    let most = if most == 0 { usize::MAX } else { most };
    images.sort_by_cached_key(|image| (std::cmp::Reverse(image.bytes), place(image)));
    audit.heaviest_in_use = images.iter().take(most).cloned().collect();
    images.retain(|image| image.time.is_some());
    images.sort_by_cached_key(|image| (image.time, place(image)));
    images.truncate(most);
    audit.oldest_in_use = images;
}

/// One registry, counted.
struct OneRegistry<'a, 'f> {
    facts: &'a Facts<'f>,
    host: &'a RegistryHost,
    positions: &'a [usize],
    weighed: &'a Weighed,
    tallies: &'a [Tally],
    sharing: Sharing,
}

impl OneRegistry<'_, '_> {
    fn report(&self, audit: &mut Audit) {
        let odd = match self.weighed.oddities.is_none() {
            true => OddSizes::default(),
            false => odd_sizes(self.facts.inventory, self.positions, &self.weighed.oddities),
        };
        audit.findings.extend(self.findings(&odd));
        let (bound, because) = self.bound();
        let known = Known {
            usage: self.tallies().all(|tally| tally.knows_use),
            pulls: self.tallies().all(|tally| tally.knows_pulls),
        };
        audit.registries.push(RegistryAudit {
            registry: self.host.clone(),
            product: None,
            sharing: self.sharing,
            because,
            repositories: self.positions.len() as u64,
            totals: of_whole(self.weighed, self.tallies(), (known, bound)),
            bill: None,
        });
        let repository = |part: weigh::Part| {
            let position = usize::try_from(part).ok()?;
            let tally = self.tallies.get(position)?;
            let known = Known {
                usage: tally.knows_use,
                pulls: tally.knows_pulls,
            };
            let bound = Bound {
                at_least: self.is_invisible(position) || !tally.gaps.is_empty() || !self.weighed.oddities.is_none(),
                ..bound
            };
            let (_, name) = self.facts.inventory.place(position);
            Some((name.as_str().to_owned(), known, bound))
        };
        let mut rows: Vec<(&str, String, Holdings)> = Vec::new();
        let by_repository = part_rows(self.tallies(), self.weighed, repository);
        rows.extend(
            by_repository
                .into_iter()
                .map(|(name, holdings)| ("repository", name, holdings)),
        );
        let slices = slice_rows(self.weighed, self.tallies(), (known, bound));
        rows.extend(
            slices
                .into_iter()
                .map(|(by, name, holdings)| (by, name.to_owned(), holdings)),
        );
        audit.rows.extend(rows.into_iter().map(|(by, name, holdings)| Row {
            registry: self.host.clone(),
            by: by.to_owned(),
            name,
            holdings,
        }));
    }

    fn tallies(&self) -> impl Iterator<Item = &Tally> + Clone {
        self.positions.iter().filter_map(|position| self.tallies.get(*position))
    }

    /// Whether manifests without a tag do not show there.
    fn is_invisible(&self, position: usize) -> bool {
        let repository = self.facts.inventory.repository(position);
        let Repository { capabilities, .. } = &*repository;
        capabilities.list_untagged != Some(true)
    }

    /// Why the figures are not exact, if they are not.
    fn bound(&self) -> (Bound, Vec<String>) {
        let (mut bound, mut because) = (Bound::default(), Vec::new());
        let mut at_least = |is_so: bool, why: String| {
            if is_so {
                bound.at_least = true;
                because.push(why);
            }
        };
        at_least(
            self.positions.iter().any(|position| self.is_invisible(*position)),
            "untagged manifests are invisible on this registry: those that jettison never saw are not counted"
                .to_owned(),
        );
        at_least(
            !self.facts.inventory.complete_registries().contains(self.host),
            "not every repository of the registry was looked at: what the others hold is not counted, and what is exclusive here they may share"
                .to_owned(),
        );
        let unread = self.tallies().filter(|tally| !tally.gaps.is_empty()).count() as u64;
        at_least(
            unread > 0,
            format!("{} could not be read wholly", count(unread, "repository")),
        );
        let dangling: u64 = self.tallies().map(|tally| tally.dangling).sum();
        at_least(
            dangling > 0,
            format!("of {} the manifest is gone", count(dangling, "tag")),
        );
        at_least(
            !self.weighed.oddities.is_none(),
            "some sizes cannot be right and are left out or taken at the smallest: see the findings".to_owned(),
        );
        let stored = self
            .weighed
            .whole
            .values()
            .try_fold(0_u64, |sum, bytes| sum.checked_add(*bytes));
        at_least(
            // What went beyond within one sum stands at the end of the scale.
            stored.is_none_or(|stored| stored == u64::MAX),
            "the sizes come to more than 64 bits can count".to_owned(),
        );
        let unsized_things = self.weighed.oddities.unsized_things;
        at_least(
            unsized_things > 0,
            format!("nobody tells the size of {}", count(unsized_things, "blob or manifest")),
        );
        let opaque = self.weighed.oddities.opaque;
        if opaque > 0 {
            bound.at_most = true;
            because.push(format!(
                "of {} only the registry's list was read, which does not tell what they share: each counts whole (--layers reads them)",
                count(opaque, "image")
            ));
        }
        (bound, because)
    }

    fn findings(&self, odd: &OddSizes) -> Vec<AuditFinding> {
        let finding = |code: &str, (found, named): &(u64, Vec<sizes::Odd>), message: String, hint: &str| AuditFinding {
            code: code.to_owned(),
            severity: Severity::Warning,
            policy: None,
            rule: None,
            message,
            hint: hint.to_owned(),
            count: *found,
            bytes: None,
            examples: named.iter().map(sizes::Odd::text).collect(),
        };
        let more = if self.weighed.oddities.is_cut() { " or more" } else { "" };
        let mut findings = Vec::new();
        if odd.impossible.0 > 0 {
            let message = format!(
                "{}{more} cannot have the size that {} tells: more than {} TB",
                count(odd.impossible.0, "blob"),
                self.host,
                number(sizes::LARGEST / 1_000_000_000_000)
            );
            let hint =
                "they count as nothing, and every sum with them is a lower bound; look at the manifests that name them";
            findings.push(finding("impossible-size", &odd.impossible, message, hint));
        }
        if odd.contradicting.0 > 0 {
            let message = format!(
                "{}{more} of {} have several sizes, depending on the manifest that names them",
                count(odd.contradicting.0, "blob"),
                self.host
            );
            let hint = "they count with the smallest; a digest has one size, so that a manifest says something wrong";
            findings.push(finding("contradicting-size", &odd.contradicting, message, hint));
        }
        findings
    }
}
