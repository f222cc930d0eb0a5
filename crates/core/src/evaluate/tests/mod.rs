//! What is decided for single entries: dates, rules, groups, holds, each in a world that shows just that.
//!
//! Worlds are written in the form of policy tests, and then changed where that form has no words for it.

mod groups;
mod holds;
mod rules;
mod survey;
mod times;
mod uses;

use jiff::{SignedDuration, Timestamp};

use super::{Decision, RepositoryEvaluation, evaluate};
use crate::config::Config;
use crate::facts::{Facts, Origin};
use crate::model::{Inventory, Manifest, Reference, Repository, SourceReport, SourceStatus, Usage};
use crate::policy::cases::Cases;
use crate::reason::Reason;

const NOW: &str = "2026-11-21T00:00:00Z";

/// So many seconds before [`NOW`].
fn seconds_ago(seconds: i64) -> Option<Timestamp> {
    let now: Timestamp = NOW.parse().unwrap();
    Some(now - SignedDuration::from_secs(seconds))
}

/// So many hours before [`NOW`].
fn ago(hours: i64) -> Option<Timestamp> {
    seconds_ago(hours * 3600)
}

/// Facts about `r.example/app`.
struct World {
    inventory: Inventory,
    usage: Option<Usage>,
    config: String,
}

impl World {
    /// These images, one a line, under these rules.
    fn new(rules: &[&str], images: &str) -> Self {
        let images = images
            .lines()
            .map(|line| format!("  - {{ {}, expect: keep }}\n", line.trim()));
        let images: String = images.collect();
        let text = format!("now: {NOW}\nrepository: r.example/app\nimages:\n{images}");
        let cases = Cases::parse("cases", &text).unwrap_or_else(|found| panic!("{}", found.render(false)));
        let rules: String = rules.iter().map(|rule| format!("      - {{ {rule} }}\n")).collect();
        Self {
            inventory: cases.inventory,
            usage: Some(cases.usage),
            config: format!("policies:\n  - name: p\n    rules:\n{rules}"),
        }
    }

    fn repository(&mut self) -> &mut Repository {
        &mut self.inventory.repositories[0]
    }

    fn image(&mut self, number: usize) -> &mut Manifest {
        &mut self.repository().manifests[number]
    }

    /// One image lists others, by their numbers.
    fn list(&mut self, index: usize, children: &[usize]) {
        let children = children.iter().map(|child| self.image(*child).digest.clone()).collect();
        self.image(index).children = children;
    }

    /// One image is attached to another.
    fn attach(&mut self, number: usize, subject: usize) {
        self.image(number).subject = Some(self.image(subject).digest.clone());
    }

    fn source(&mut self) -> &mut SourceReport {
        &mut self.usage.as_mut().unwrap().sources[0]
    }

    /// Somebody refers to an image; by a source that is complete.
    fn refer(&mut self, image: &str, last_seen_at: Option<Timestamp>) {
        let reference = Reference {
            image: image.to_owned(),
            digest: None,
            used_by: "Pod".to_owned(),
            last_seen_at,
        };
        self.source().status = SourceStatus::Complete;
        self.source().references.push(reference);
    }

    fn with_facts<T>(&self, ask: impl FnOnce(&Facts<'_>) -> T) -> T {
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

    fn evaluated<T>(&self, ask: impl FnOnce(&[RepositoryEvaluation<'_>]) -> T) -> T {
        self.with_facts(|facts| ask(&evaluate(facts, &self.inventory)))
    }

    /// Of each entry its tag, or `-`, and what is decided: `goes RULE`, `stays REASON`. In the order of the tags.
    fn verdicts(&self) -> Vec<String> {
        self.evaluated(|evaluated| {
            let verdicts = evaluated.iter().flat_map(|repository| &repository.verdicts);
            let told = verdicts.map(|verdict| {
                let tag = verdict.tag.map_or("-", |tag| tag.as_str());
                match &verdict.decision {
                    Decision::Expire(ruling) => format!("{tag} goes {}", ruling.rule()),
                    Decision::Keep(Reason::Hold { hold, .. }) => format!("{tag} stays {hold}"),
                    Decision::Keep(reason) => format!("{tag} stays {}", reason.code()),
                }
            });
            let mut told: Vec<String> = told.collect();
            told.sort();
            told
        })
    }

    /// The tags of the entries that go.
    fn gone(&self) -> Vec<String> {
        let verdicts = self.verdicts();
        let gone = verdicts.iter().filter_map(|told| told.split_once(" goes "));
        gone.map(|(tag, _)| tag.to_owned()).collect()
    }
}
