//! Audits to draw pages of, counted from a small world of images and layers: no figure is typed that another could
//! contradict. What jettison itself counts is tried elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use jettison_core::audit::{
    Audit, AuditFinding, AuditImage, Duplicate, FactsFrom, GrowthPoint, Holdings, PriceNote, RegistryAudit, Row,
    RuleSaving, Saving, Savings,
};
use jettison_core::config::Severity;
use jettison_core::model::{Digest, Kind, Schema, Sharing};
use jettison_core::money::{Bill, BillLine, Money};
use jiff::{SignedDuration, Timestamp};

use super::course;

const NOW: &str = "2026-11-22T10:00:00Z";

/// The ages that images are told apart by, in days.
const AGES: [(&str, i64); 5] = [
    ("under 7 days", 7),
    ("7 to 30 days", 30),
    ("30 to 90 days", 90),
    ("90 to 365 days", 365),
    ("over a year", i64::MAX),
];

/// One image: a layer of its own, and a base that others have too.
struct Image {
    repository: usize,
    tag: String,
    kind: Kind,
    days: i64,
    own: u64,
    base: usize,
    in_use: bool,
    pulled: bool,
}

/// A registry with repositories of images.
pub(crate) struct World {
    repositories: Vec<String>,
    images: Vec<Image>,
    bases: Vec<u64>,
    /// How many images stand on each base.
    standing: Vec<u64>,
}

/// A source of numbers that are the same every time (Knuth's linear congruence).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// So many repositories with names of about 40 letters, each with a few images; the first ones have most.
pub(crate) fn world(repositories: usize) -> World {
    let mut numbers = Numbers(7);
    let teams = ["payments", "storefront", "platform", "data-science", "mobile"];
    let words = [
        "checkout",
        "ledger",
        "gateway",
        "search-index",
        "notification",
        "renderer",
        "importer",
    ];
    let mut pick = |of: &[&'static str]| of[usize::try_from(numbers.below(of.len() as u64)).unwrap()];
    let name = |at: usize, team: &str, word: &str, other: &str| match at {
        0..40 => format!("{team}/{word}-{other}-{at}"),
        _ => format!("{team}/{word}-{other}-build-{at:05}"),
    };
    let names: BTreeSet<String> = (0..repositories)
        .map(|at| name(at, pick(&teams), pick(&words), pick(&words)))
        .collect();
    let mut world = World {
        repositories: names.into_iter().collect(),
        images: Vec::new(),
        bases: (1..=12).map(|at| at * 31_400_000).collect(),
        standing: vec![0; 12],
    };
    for repository in 0..world.repositories.len() {
        for build in 0..(3 + 60 / (repository as u64 + 1)) {
            let image = image(repository, build, &mut numbers);
            world.standing[image.base] += 1;
            world.images.push(image);
        }
    }
    world
}

fn image(repository: usize, build: u64, numbers: &mut Numbers) -> Image {
    let branch = ["main", "develop", "feature-login"][usize::try_from(numbers.below(3)).unwrap()];
    let kind = match numbers.below(12) {
        0 => Kind::BuildCache,
        1 => Kind::Chart,
        _ => Kind::Image,
    };
    Image {
        repository,
        tag: format!("{branch}-{:07x}", numbers.below(1 << 28)),
        kind,
        days: i64::try_from(numbers.below(20) * numbers.below(25) + build).unwrap(),
        own: 2_000_000 + numbers.below(90_000_000) * (1 + 8 / (repository as u64 + 1)),
        base: usize::try_from(numbers.below(12)).unwrap(),
        in_use: numbers.below(5) == 0,
        pulled: numbers.below(3) > 0,
    }
}

impl World {
    /// What these images hold, counted.
    fn holdings<'i>(&self, images: impl Iterator<Item = &'i Image>) -> Holdings {
        let mut counted = Holdings {
            never_pulled_images: Some(0),
            never_pulled_bytes: Some(0),
            not_in_use_images: Some(0),
            not_in_use_bytes: Some(0),
            ..Holdings::default()
        };
        let mut bases: BTreeMap<usize, u64> = BTreeMap::new();
        for image in images {
            *bases.entry(image.base).or_default() += 1;
            counted.images += 1;
            counted.manifests += 1;
            counted.tags += 1;
            counted.exclusive_bytes += image.own;
            counted.image_bytes += image.own + self.bases[image.base];
            let add = |what: &mut Option<u64>, more: u64| *what = what.map(|sum| sum + more);
            if !image.pulled {
                add(&mut counted.never_pulled_images, 1);
                add(&mut counted.never_pulled_bytes, image.own);
            }
            if !image.in_use {
                add(&mut counted.not_in_use_images, 1);
                add(&mut counted.not_in_use_bytes, image.own);
            }
        }
        for (base, images) in bases {
            let alone = images == self.standing[base];
            *if alone {
                &mut counted.exclusive_bytes
            } else {
                &mut counted.shared_bytes
            } += self.bases[base];
        }
        counted.stored_bytes = counted.exclusive_bytes + counted.shared_bytes;
        counted.cost_per_month = Some(cost(counted.stored_bytes));
        counted
    }

    /// The holdings of each part that `part` tells images apart by, in the order of the parts.
    fn rows<K: Ord>(&self, by: &str, part: impl Fn(&Image) -> K, name: impl Fn(&K) -> String) -> Vec<Row> {
        let mut parts: BTreeMap<K, Vec<&Image>> = BTreeMap::new();
        for image in &self.images {
            parts.entry(part(image)).or_default().push(image);
        }
        let row = |(part, images): (K, Vec<&Image>)| Row {
            registry: "registry.example.com".parse().unwrap(),
            by: by.to_owned(),
            name: name(&part),
            holdings: self.holdings(images.into_iter()),
        };
        parts.into_iter().map(row).collect()
    }

    fn audit_image(&self, image: &Image) -> AuditImage {
        AuditImage {
            registry: "registry.example.com".parse().unwrap(),
            repository: self.repositories[image.repository].parse().unwrap(),
            digest: digest(&image.tag),
            tags: vec![image.tag.parse().unwrap()],
            kind: image.kind,
            time: Some(ago(image.days)),
            bytes: image.own + self.bases[image.base],
            used_by: vec![format!("Deployment shop/{} container app", image.tag)],
            last_pulled_at: image.pulled.then(|| ago(image.days / 2)),
        }
    }

    fn duplicates(&self) -> Vec<Duplicate> {
        let duplicate = |images: &[Image]| Duplicate {
            registry: "registry.example.com".parse().unwrap(),
            digest: digest(&images[0].tag),
            repositories: self
                .repositories
                .iter()
                .take(2 + images.len() % 3)
                .map(|name| name.parse().unwrap())
                .collect(),
            bytes: images[0].own,
            extra_bytes: 0,
        };
        self.images
            .chunks(self.images.len().div_ceil(30))
            .map(duplicate)
            .collect()
    }

    fn saving(&self, goes: impl Fn(&Image) -> bool) -> Saving {
        let gone: Vec<&Image> = self.images.iter().filter(|image| goes(image)).collect();
        let bytes = self.holdings(gone.iter().copied()).exclusive_bytes;
        Saving {
            images: gone.len() as u64,
            bytes,
            archived_bytes: 0,
            per_month: Some(cost(bytes)),
        }
    }

    fn savings(&self) -> Savings {
        let stale = |image: &Image| !image.in_use && image.days > 90;
        let caches = |image: &Image| image.kind == Kind::BuildCache && image.days > 30;
        let rule = |rule: &str, saving| RuleSaving {
            policy: "applications".to_owned(),
            rule: rule.to_owned(),
            saving,
        };
        Savings {
            rules: vec![
                rule("stale", self.saving(stale)),
                rule("build caches", self.saving(caches)),
            ],
            all: self.saving(|image| stale(image) || caches(image)),
            cohorts: Vec::new(),
        }
    }

    /// What was stored a number of days ago, if nothing was deleted since.
    fn growth(&self) -> Vec<GrowthPoint> {
        let point = |days: i64| GrowthPoint {
            registry: "registry.example.com".parse().unwrap(),
            at: ago(days),
            stored_bytes: self
                .holdings(self.images.iter().filter(|image| image.days >= days))
                .stored_bytes,
        };
        (0..30).rev().map(|week| point(week * 7)).collect()
    }

    fn in_use(&self, sorted_by: impl Fn(&Image) -> u64) -> Vec<AuditImage> {
        let mut used: Vec<&Image> = self.images.iter().filter(|image| image.in_use).collect();
        used.sort_by_key(|image| std::cmp::Reverse(sorted_by(image)));
        used.into_iter().take(20).map(|image| self.audit_image(image)).collect()
    }

    fn all_rows(&self) -> Vec<Row> {
        let age = |image: &Image| AGES.iter().position(|(_, days)| image.days < *days).unwrap();
        let branch = |image: &Image| image.tag.rsplit_once('-').unwrap().0.to_owned();
        let mut rows = self.rows(
            "repository",
            |image| image.repository,
            |at| self.repositories[*at].clone(),
        );
        rows.extend(self.rows("kind", |image| image.kind, |kind| kind.to_string()));
        rows.extend(self.rows("age", age, |at| AGES[*at].0.to_owned()));
        rows.extend(self.rows("branch", branch, Clone::clone));
        rows
    }

    /// Everything that the form has.
    pub(crate) fn audit(&self) -> Audit {
        let mut totals = self.holdings(self.images.iter());
        let stored = totals.stored_bytes;
        totals.at_least = true;
        let bill = Bill {
            total: cost(totals.stored_bytes),
            lines: vec![BillLine {
                what: "storage".to_owned(),
                bytes: totals.stored_bytes,
                amount: cost(totals.stored_bytes),
            }],
        };
        let (taken_at, now) = (ago(0) - SignedDuration::from_mins(5), ago(0));
        Audit {
            schema: Schema,
            taken_at,
            now,
            facts: FactsFrom::Registries,
            prices: Some(PriceNote {
                currency: "USD".to_owned(),
                as_of: Some(jiff::civil::date(2026, 11, 1)),
            }),
            registries: vec![RegistryAudit {
                registry: "registry.example.com".parse().unwrap(),
                product: Some("example".to_owned()),
                sharing: Sharing::Registry,
                because: vec!["untagged manifests are invisible on this registry".to_owned()],
                repositories: self.repositories.len() as u64,
                totals,
                bill: Some(bill),
            }],
            rows: self.all_rows(),
            heaviest_in_use: self.in_use(|image| image.own + self.bases[image.base]),
            oldest_in_use: self.in_use(|image| image.days.unsigned_abs()),
            duplicates: self.duplicates(),
            savings: Some(self.savings()),
            growth: self.growth(),
            forecasts: vec![course::forecast(stored, stored / 400, 24)],
            findings: vec![finding(Severity::Warning), finding(Severity::Note)],
            gaps: vec!["apps/legacy: the registry answered 403".to_owned()],
        }
    }

    /// Its repositories, those that store most first.
    pub(crate) fn by_stored(&self) -> Vec<(String, u64)> {
        let rows = self.rows(
            "repository",
            |image| image.repository,
            |at| self.repositories[*at].clone(),
        );
        let mut all: Vec<(String, u64)> = rows
            .into_iter()
            .map(|row| (row.name, row.holdings.stored_bytes))
            .collect();
        all.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        all
    }
}

fn finding(severity: Severity) -> AuditFinding {
    AuditFinding {
        code: "piling-tags".to_owned(),
        severity,
        policy: Some("applications".to_owned()),
        rule: None,
        message: "no rule reaches 412 tags of the shape `sha256-*.sig`".to_owned(),
        hint: "add a rule for the kind `orphan`".to_owned(),
        count: 412,
        bytes: Some(1_700_000),
        examples: vec!["registry.example.com/apps/web:sha256-1a2b.sig".to_owned()],
    }
}

fn ago(days: i64) -> Timestamp {
    NOW.parse::<Timestamp>().unwrap() - SignedDuration::from_hours(24 * days)
}

fn digest(of: &str) -> Digest {
    let seed: u64 = of
        .bytes()
        .fold(5, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    format!("sha256:{:064x}", u128::from(seed) * 0x1_0000_0001_0000_0001)
        .parse()
        .unwrap()
}

/// At 0.10 per GB-month.
pub(crate) fn cost(bytes: u64) -> Money {
    let json = serde_json::json!(bytes as f64 / 1e10);
    serde_json::from_value(json).unwrap()
}
