//! Small worlds for unit tests: one repository in the form of policy tests, to be changed where that form has no words.

use jiff::{SignedDuration, Timestamp};

use crate::config::Config;
use crate::facts::{Facts, Origin};
use crate::model::{Digest, Inventory, Manifest, Reference, Repository, SourceReport, SourceStatus, Usage};
use crate::policy::cases::Cases;

const NOW: &str = "2026-11-21T00:00:00Z";

/// So many seconds before [`NOW`].
pub(crate) fn seconds_ago(seconds: i64) -> Option<Timestamp> {
    let now: Timestamp = NOW.parse().unwrap();
    Some(now - SignedDuration::from_secs(seconds))
}

/// So many hours before [`NOW`].
pub(crate) fn ago(hours: i64) -> Option<Timestamp> {
    seconds_ago(hours * 3600)
}

/// Facts about `r.example/app`.
pub(crate) struct World {
    pub(crate) inventory: Inventory,
    pub(crate) usage: Option<Usage>,
    pub(crate) config: String,
    /// The digest of each image, by its number.
    pub(crate) digests: Vec<Digest>,
}

impl World {
    /// These images, one a line, under these rules.
    pub(crate) fn new(rules: &[&str], images: &str) -> Self {
        let images = images
            .lines()
            .map(|line| format!("  - {{ {}, expect: keep }}\n", line.trim()));
        let images: String = images.collect();
        let text = format!("now: {NOW}\nrepository: r.example/app\nimages:\n{images}");
        let cases = Cases::parse("cases", &text).unwrap_or_else(|found| panic!("{}", found.render(false)));
        let rules: String = rules.iter().map(|rule| format!("      - {{ {rule} }}\n")).collect();
        Self {
            digests: cases.inventory.repositories[0]
                .manifests
                .iter()
                .map(|image| image.digest.clone())
                .collect(),
            inventory: cases.inventory,
            usage: Some(cases.usage),
            config: format!("policies:\n  - name: p\n    rules:\n{rules}"),
        }
    }

    pub(crate) fn repository(&mut self) -> &mut Repository {
        &mut self.inventory.repositories[0]
    }

    pub(crate) fn image(&mut self, number: usize) -> &mut Manifest {
        &mut self.repository().manifests[number]
    }

    /// One image lists others, by their numbers.
    pub(crate) fn list(&mut self, index: usize, children: &[usize]) {
        let children = children.iter().map(|child| self.image(*child).digest.clone()).collect();
        self.image(index).children = children;
    }

    /// One image is attached to another.
    pub(crate) fn attach(&mut self, number: usize, subject: usize) {
        self.image(number).subject = Some(self.image(subject).digest.clone());
    }

    /// Moves images with their tags into another repository.
    pub(crate) fn move_to(&mut self, name: &str, numbers: &[usize]) {
        let moves = |digest: &Digest| numbers.iter().any(|number| self.digests[*number] == *digest);
        let repository = &mut self.inventory.repositories[0];
        let mut other = repository.clone();
        other.name = name.parse().unwrap();
        other.manifests.retain(|manifest| moves(&manifest.digest));
        other.tags.retain(|tag| moves(&tag.digest));
        repository.manifests.retain(|manifest| !moves(&manifest.digest));
        repository.tags.retain(|tag| !moves(&tag.digest));
        self.inventory.repositories.push(other);
    }

    pub(crate) fn source(&mut self) -> &mut SourceReport {
        &mut self.usage.as_mut().unwrap().sources[0]
    }

    /// Somebody refers to an image; by a source that is complete.
    pub(crate) fn refer(&mut self, image: &str, last_seen_at: Option<Timestamp>) {
        let reference = Reference {
            image: image.to_owned(),
            digest: None,
            used_by: "Pod".to_owned(),
            last_seen_at,
        };
        self.source().status = SourceStatus::Complete;
        self.source().references.push(reference);
    }

    pub(crate) fn with_facts<T>(&self, ask: impl FnOnce(&Facts<'_>) -> T) -> T {
        let (config, _) =
            Config::parse("jettison.yaml", &self.config).unwrap_or_else(|found| panic!("{}", found.render(false)));
        ask(&Facts {
            inventory: &self.inventory,
            usage: self.usage.as_ref(),
            config: &config,
            now: NOW.parse().unwrap(),
            origin: Origin::SavedFacts,
        })
    }
}
