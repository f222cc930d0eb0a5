//! Who uses what: asks every configured source, and adds what was in use lately.
//!
//! Fails closed: a source that cannot be read, or that suddenly names far less than before, is partial,
//! and what it covers loses nothing. Remembered uses only ever protect.

pub mod aws;
mod command;
mod compose;
pub(crate) mod engine;
mod file;
mod findings;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod kubernetes;
mod said;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use jettison_core::config::{Config, UsageKind, UsageSourceConfig};
use jettison_core::model::{
    Digest, Gap, ImageReference, Reference, RegistryHost, Schema, SourceReport, SourceStatus, Usage,
};
use jiff::{SignedDuration, Timestamp};

use crate::aws::AwsConnection;
use crate::output::text::{count, number};
use crate::store::{Store, StoreError};
use aws::KnownDefinitions;
pub(crate) use compose::{ComposeProject, report as report_compose};
pub use findings::{Finding, Found, ImagesInUse, UsedBy};
use kubernetes::ManagedNames;
use said::Said;

/// Sources that are asked at the same time.
const AT_ONCE: usize = 8;

/// The name under which remembered uses are reported.
pub const REMEMBERED: &str = "recently used";

/// What to ask, and how.
#[derive(Debug)]
pub struct Collector<'a> {
    /// The configuration, with its usage sources.
    pub config: &'a Config,
    /// The folder that relative paths in it start from.
    pub base: &'a Path,
    /// Where earlier uses are remembered.
    pub store: &'a Store,
    /// Registries that are managed: images of others do not count as use here.
    pub managed: &'a BTreeSet<RegistryHost>,
    /// Sources of which somebody accepted that they name fewer images now.
    pub accepted: &'a [String],
    /// What was told before, and cannot change.
    pub known: KnownDefinitions,
}

impl Collector<'_> {
    /// Asks every source. `None` if none is configured.
    ///
    /// # Errors
    /// Only if the store fails: what a source does not give makes it partial.
    pub async fn collect(&self, now: Timestamp) -> Result<Option<Usage>, StoreError> {
        if self.config.usage.is_empty() {
            return Ok(None);
        }
        // All at once: a cluster that takes its whole time must not make the answers of the others old.
        let mut asked = stream::iter(self.config.usage.iter().map(|source| self.ask(source, now))).buffered(AT_ONCE);
        let mut answers = Vec::new();
        while let Some(report) = asked.next().await {
            answers.push(report);
        }
        let mut sources = Vec::new();
        for (source, (mut report, specified)) in self.config.usage.iter().zip(answers) {
            // What is accepted has to be the whole answer.
            if self.accepted.contains(&source.name) && report.gaps.is_empty() {
                self.store.accept_shrunk_usage(&source.name).await?;
            }
            let named = self.images_named(&specified);
            let held_to = self.notice_shrinking(source, &mut report, named, now).await?;
            self.store
                .remember_usage(&source.name, &report.references, held_to, now)
                .await?;
            sources.push(report);
        }
        sources.extend(self.remembered(&sources, now).await?);
        Ok(Some(Usage {
            schema: Schema,
            taken_at: now,
            sources,
        }))
    }

    /// What a source says, and the images that it names in places meant for images.
    async fn ask(&self, source: &UsageSourceConfig, now: Timestamp) -> (SourceReport, BTreeSet<String>) {
        let mut said = Said::new(now, &source.ignore_references);
        self.listen_to(source, &mut said).await;
        let specified = said.specified();
        let (references, gaps) = said.finish(source.allow_empty);
        let report = SourceReport {
            name: source.name.clone(),
            kind: source.kind.as_str().to_owned(),
            status: said::status(&gaps),
            covers: covers(source),
            answers_for: answers_for(source),
            gaps,
            references,
        };
        (report, specified)
    }

    async fn listen_to(&self, source: &UsageSourceConfig, said: &mut Said) {
        match &source.kind {
            UsageKind::File { paths } => file::read(paths, self.base, said),
            UsageKind::Compose { paths } => compose::read(paths, self.base, said),
            UsageKind::Command(command) => {
                let limit = Duration::from_secs(command.timeout_seconds);
                within(limit, said, async |said| command::ask(command, self.base, said).await).await;
            }
            UsageKind::Kubernetes(source) => {
                let managed = ManagedNames::of(&self.ours(), self.config);
                let base = self.base;
                kubernetes::Question { source, base, managed }.ask(said).await;
            }
            UsageKind::Engine(source) => {
                let limit = Duration::from_secs(source.timeout_seconds);
                within(limit, said, async |said| engine::ask(source, self.base, said).await).await;
            }
            UsageKind::Aws(source) => {
                let connection = AwsConnection::new(source.access.clone());
                let known = &self.known;
                aws::Question {
                    source,
                    connection,
                    known,
                }
                .ask(said)
                .await;
            }
        }
    }

    /// A source that names nothing of ours any more, or less than half of what it named, may be broken.
    ///
    /// Returns how many images it is held to from now on. What it named before does not wear off while nobody has accepted
    /// that it names fewer: a wrong context that nobody looks after for two weeks is wrong all the same.
    async fn notice_shrinking(
        &self,
        source: &UsageSourceConfig,
        report: &mut SourceReport,
        named: u64,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let most = self
            .store
            .most_images_named(&source.name, self.memory_begins(now))
            .await?
            .unwrap_or(0);
        let why = if most > 0 && named == 0 {
            Some(format!(
                "it names no image of a managed registry any more; it named {} before",
                count(most, "image")
            ))
        } else if named.saturating_mul(2) < most {
            Some(format!(
                "it names {} of managed registries; it named {} before",
                count(named, "image"),
                number(most)
            ))
        } else {
            None
        };
        let Some(why) = why.filter(|_| !source.allow_empty) else {
            return Ok(named);
        };
        if !report.gaps.is_empty() {
            // It is partial as it is; to accept that it names fewer is not what helps.
            return Ok(most.max(named));
        }
        let accept = format!("if that is right, accept it with --accept-shrunk-usage {}", source.name);
        report.gaps.push(Gap(format!("{why}; {accept}")));
        report.status = SourceStatus::Partial;
        Ok(most)
    }

    /// How many of these are images of managed registries.
    fn images_named(&self, specified: &BTreeSet<String>) -> u64 {
        let ours = self.ours();
        let named = specified.iter().filter(|image| is_one_of(&ours, self.config, image));
        named.count() as u64
    }

    /// The registries whose images count. They do not hang on what is looked at in this run alone: with every narrower look
    /// a source would else name less, and seem to shrink.
    fn ours(&self) -> BTreeSet<RegistryHost> {
        let configured = self.config.registries.iter().map(|registry| &registry.host);
        self.managed.iter().chain(configured).cloned().collect()
    }

    fn memory_begins(&self, now: Timestamp) -> Timestamp {
        now.saturating_sub(SignedDuration::from_secs(self.config.usage_memory.seconds()))
            .unwrap_or(Timestamp::MIN)
    }

    /// What was in use lately and is no longer: rollbacks, cron jobs, what is scaled to zero.
    async fn remembered(&self, current: &[SourceReport], now: Timestamp) -> Result<Option<SourceReport>, StoreError> {
        let current: BTreeSet<(&String, &Option<Digest>)> = current
            .iter()
            .flat_map(|source| &source.references)
            // One that is over says nothing against another source that saw it later.
            .filter(|reference| reference.last_seen_at.is_none())
            .map(|reference| (&reference.image, &reference.digest))
            .collect();
        let recent = self.store.recent_usage(self.memory_begins(now)).await?;
        let references: Vec<Reference> = recent
            .into_iter()
            .filter(|reference| !current.contains(&(&reference.image, &reference.digest)))
            .map(|reference| Reference {
                image: reference.image,
                digest: reference.digest,
                used_by: reference.used_by,
                last_seen_at: Some(reference.last_seen_at),
            })
            .collect();
        Ok((!references.is_empty()).then(|| SourceReport {
            name: REMEMBERED.to_owned(),
            kind: "memory".to_owned(),
            status: SourceStatus::Complete,
            covers: vec!["**".to_owned()],
            answers_for: Vec::new(),
            gaps: Vec::new(),
            references,
        }))
    }
}

/// What was said by somebody on the host whose images it is about, and nowhere configured.
fn of_this_host(name: &str, kind: &str, said: Said) -> SourceReport {
    let (references, gaps) = said.finish(true);
    SourceReport {
        name: name.to_owned(),
        kind: kind.to_owned(),
        status: said::status(&gaps),
        covers: vec!["**".to_owned()],
        answers_for: Vec::new(),
        gaps,
        references,
    }
}

/// The accounts and regions that a source speaks for, whether it could tell everything or not.
fn answers_for(source: &UsageSourceConfig) -> Vec<String> {
    match &source.kind {
        UsageKind::Aws(source) => source.places().map(|place| place.to_string()).collect(),
        _ => Vec::new(),
    }
}

/// What a source could refer to, as the usage form writes it: everything, unless the configuration says less.
fn covers(source: &UsageSourceConfig) -> Vec<String> {
    match source.covers.patterns() {
        [] => vec!["**".to_owned()],
        patterns => patterns.to_vec(),
    }
}

/// Whether an image may be one of `ours`.
fn is_one_of(ours: &BTreeSet<RegistryHost>, config: &Config, image: &str) -> bool {
    // Without a registry to manage nobody can say that an image is not ours.
    if ours.is_empty() {
        return true;
    }
    match image.parse::<ImageReference>() {
        // A bare digest may be of any registry, though it reads like a name and a tag.
        Ok(_) if Digest::of_image_id(image).is_some() => true,
        Ok(image) => ours.contains(&config.canonical_host(&image.registry)) || config.mirrored(&image).next().is_some(),
        Err(_) => true,
    }
}

/// Asks for as long as that may take. What was said until then still protects.
async fn within(limit: Duration, said: &mut Said, ask: impl AsyncFnOnce(&mut Said)) {
    if tokio::time::timeout(limit, ask(said)).await.is_err() {
        said.gap(format!("it did not answer within {} seconds", limit.as_secs()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Somebody with one list, who asks it on some days.
    struct Asking {
        folder: tempfile::TempDir,
        store: Store,
    }

    impl Asking {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path().join("state")).await.unwrap();
            Self { folder, store }
        }

        /// What it says on that day, when it has these lines.
        async fn ask(&self, day: i64, lines: &[String], accepted: &[String]) -> SourceReport {
            std::fs::write(self.folder.path().join("list.txt"), lines.join("\n")).unwrap();
            let text = "registries: [ { host: r.io, mirrors: [cache.io/r] } ]
usage: [ { name: list, kind: file, paths: [list.txt] } ]";
            let config = Config::parse("jettison.yaml", text).unwrap().0;
            let managed = BTreeSet::new();
            let collector = Collector {
                config: &config,
                base: self.folder.path(),
                store: &self.store,
                managed: &managed,
                accepted,
                known: KnownDefinitions::default(),
            };
            let begin: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
            let now = begin + SignedDuration::from_hours(24 * day);
            let usage = collector.collect(now).await.unwrap().unwrap();
            // As every plan does.
            self.store
                .forget_usage_before(collector.memory_begins(now))
                .await
                .unwrap();
            usage.sources.into_iter().next().unwrap()
        }
    }

    fn images(number: usize) -> Vec<String> {
        (0..number).map(|number| format!("r.io/web:v{number}")).collect()
    }

    #[tokio::test]
    async fn a_source_that_names_far_fewer_stays_partial_until_somebody_accepts_it() {
        let others = ["other.io/x:1".to_owned()];
        for fewer in [&images(4)[..], &others] {
            let asking = Asking::new().await;
            assert_eq!(asking.ask(0, &images(10), &[]).await.status, SourceStatus::Complete);
            for day in 1..40 {
                let said = asking.ask(day, fewer, &[]).await;
                assert_eq!(said.status, SourceStatus::Partial, "day {day}");
                assert!(said.gaps[0].0.contains("named 10"), "{said:?}");
            }
            let accepted = ["list".to_owned()];
            assert_eq!(asking.ask(40, fewer, &accepted).await.status, SourceStatus::Complete);
            assert_eq!(asking.ask(41, fewer, &[]).await.status, SourceStatus::Complete);
        }
    }

    #[tokio::test]
    async fn that_a_source_names_fewer_is_not_to_be_accepted_while_it_does_not_tell_all() {
        let asking = Asking::new().await;
        asking.ask(0, &images(10), &[]).await;
        let mut broken = images(4);
        broken.push("no image at all".to_owned());
        let accepted = ["list".to_owned()];
        let said = asking.ask(1, &broken, &accepted).await;
        assert_eq!(said.gaps.len(), 1, "{said:?}");
        assert!(!said.gaps[0].0.contains("accept"), "{said:?}");
        assert_eq!(asking.ask(2, &images(4), &[]).await.status, SourceStatus::Partial);
        assert_eq!(
            asking.ask(3, &images(4), &accepted).await.status,
            SourceStatus::Complete
        );
    }

    #[tokio::test]
    async fn what_a_source_named_wears_off_once_it_names_enough() {
        let asking = Asking::new().await;
        for (day, number, status) in [
            (0, 10, SourceStatus::Complete),
            (1, 4, SourceStatus::Partial),
            (2, 6, SourceStatus::Complete),
            (16, 3, SourceStatus::Complete),
        ] {
            assert_eq!(asking.ask(day, &images(number), &[]).await.status, status, "day {day}");
        }
    }

    /// Digests without a name, which may be of any registry, and images that are pulled through a mirror.
    #[tokio::test]
    async fn images_count_by_whatever_name_they_are_ours() {
        let digest = |number: u8| Digest::of(&[number]).to_string();
        let digests: Vec<String> = (0..4).map(digest).collect();
        let mirrored: Vec<String> = (0..4).map(|number| format!("cache.io/r/web:v{number}")).collect();
        for images in [digests, mirrored] {
            let asking = Asking::new().await;
            assert_eq!(asking.ask(0, &images, &[]).await.status, SourceStatus::Complete);
            assert_eq!(asking.ask(1, &images[..1], &[]).await.status, SourceStatus::Partial);
        }
    }

    #[tokio::test]
    async fn an_old_use_of_one_source_does_not_hide_a_later_one_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("state")).await.unwrap();
        let now: Timestamp = "2026-03-10T12:00:00Z".parse().unwrap();
        let web = |last_seen_at: Option<&str>| Reference {
            image: "r.io/web:v1".to_owned(),
            digest: None,
            used_by: "somebody".to_owned(),
            last_seen_at: last_seen_at.map(|at| at.parse().unwrap()),
        };
        let yesterday = "2026-03-09T12:00:00Z".parse().unwrap();
        store.remember_usage("nodes", &[web(None)], 1, yesterday).await.unwrap();
        let form = serde_json::json!({"schema": 1, "taken_at": "2026-03-10T11:00:00Z", "sources": [{
            "name": "batch", "status": "complete", "references": [web(Some("2026-02-18T00:00:00Z"))]}]});
        std::fs::write(folder.path().join("batch.json"), form.to_string()).unwrap();
        let text = "usage: [ { name: batch, kind: file, paths: [batch.json] } ]";
        let config = Config::parse("jettison.yaml", text).unwrap().0;
        let managed = BTreeSet::new();
        let collector = Collector {
            config: &config,
            base: folder.path(),
            store: &store,
            managed: &managed,
            accepted: &[],
            known: KnownDefinitions::default(),
        };
        let usage = collector.collect(now).await.unwrap().unwrap();
        let remembered = usage.sources.iter().find(|source| source.name == REMEMBERED).unwrap();
        assert!(
            remembered
                .references
                .iter()
                .any(|reference| reference.last_seen_at == Some(yesterday)),
            "{usage:?}"
        );
    }
}
