//! Files that test a policy: images, and what shall become of them (`jettison policy test FILE`).
//!
//! ```yaml
//! policy: jettison.yaml                            # optional
//! now: 2026-11-21T00:00:00Z
//! repository: registry.example.com/apps/web
//! images:
//!   - { tags: [main-1a2b3c4], pushed: 40d ago, expect: expire, by: branches }
//!   - { tags: [v1.2.3], created: 2025-10-01T00:00:00Z, in-use: true, expect: keep, by: in-use }
//!   - { tags: [latest, main-2b3c4d5], pushed: 2d ago, expect: { latest: keep, main-2b3c4d5: expire } }
//!   - { untagged: 31d ago, pushed: 60d ago, expect: expire }
//! ```
//!
//! Moments are RFC 3339 times, or a duration before `now`. The file becomes an inventory of one repository and a
//! usage; evaluating them and comparing is the caller's part.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use jiff::{SignedDuration, Timestamp};

use super::Period;
use super::read::{kind, only_true, optional, size, texts_by_key};
use crate::config::keys;
use crate::config::reader::{Fields, Reader};
use crate::config::tree::{self, Node, Value};
use crate::config::{Diagnostics, Source};
use crate::model::{
    Blob, Capabilities, Digest, ImageReference, Inventory, Kind, Manifest, Reference, RegistryHost, Repository,
    RepositoryName, Schema, SourceReport, SourceStatus, Tag, TagEntry, Usage,
};

/// What a test file says.
#[derive(Debug, Clone, PartialEq)]
pub struct Cases {
    /// The configuration to test, as written; relative to the test file. `None`: the one in force.
    pub policy: Option<String>,
    /// The moment at which the policy is asked.
    pub now: Timestamp,
    /// One repository with the images.
    pub inventory: Inventory,
    /// One complete source with the images in use.
    pub usage: Usage,
    /// What shall become of them, in the order of the file.
    pub expectations: Vec<Expectation>,
}

/// What shall become of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// The line that says so.
    pub line: u32,
    /// The image.
    pub digest: Digest,
    /// Its tag; `None` for an untagged image or an orphan.
    pub tag: Option<Tag>,
    /// The verdict.
    pub verdict: ExpectedVerdict,
    /// The rule, hold or reason code that shall decide, if the file says so.
    pub by: Option<String>,
}

/// A verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedVerdict {
    /// It stays.
    Keep,
    /// It goes.
    Expire,
}

impl Cases {
    /// Reads a test file. `file_name` only serves the messages.
    ///
    /// # Errors
    /// Everything that is wrong in the file, in the order of its places.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, Diagnostics> {
        let source = Source::new(file_name, text);
        let mut found = Vec::new();
        let root = tree::parse(&source, &mut found);
        let mut reader = Reader::new(&source, found);
        if root.is_none() && reader.found.is_empty() {
            reader.error_with(
                "missing-key",
                &(0..0),
                "the file is empty",
                "a policy test has the keys `now`, `repository` and `images`",
            );
        }
        let cases = root.and_then(|root| cases(&mut reader, &root));
        let found = Diagnostics::from(reader.found);
        cases.filter(|_| !found.has_errors()).ok_or(found)
    }
}

fn cases(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Cases> {
    let fields = reader.fields(node, &keys::CASES)?;
    let policy = optional(fields.get("policy"), |node| reader.name(node).map(str::to_owned));
    let now = fields
        .get("now")
        .and_then(|node| reader.parsed::<Timestamp>(node, "bad-moment"));
    let place = fields.get("repository").and_then(|node| repository(reader, node));
    // Without `now`, the rest can still be checked against any moment.
    let clock = now.unwrap_or_default();
    let since = optional(fields.get("pull-data-since"), |node| moment(reader, node, clock));
    let images = fields.get("images").and_then(|node| images(reader, node, clock));
    let (policy, since) = (policy?, since?);
    Some(assemble(policy, now?, place?, since, images?))
}

/// `registry/repository`, as in a reference, but without a tag.
fn repository(reader: &mut Reader<'_, '_>, node: &Node) -> Option<(RegistryHost, RepositoryName)> {
    let reference = reader.parsed::<ImageReference>(node, "bad-repository")?;
    if reference.tag.is_some() || reference.digest.is_some() {
        reader.error_with(
            "bad-repository",
            &node.span,
            "a repository has no tag or digest",
            "tags stand under `images`",
        );
        return None;
    }
    Some((reference.registry, reference.repository))
}

/// A time, or a duration and `ago`.
fn moment(reader: &mut Reader<'_, '_>, node: &Node, now: Timestamp) -> Option<Timestamp> {
    let hint = "write a time such as `2026-10-01T00:00:00Z`, or a duration before `now` such as `40d ago`";
    reader.scalar(node, "bad-moment", |text| match text.strip_suffix(" ago") {
        Some(period) => {
            let period: Period = period.trim().parse().map_err(|_| ("not a moment", hint.to_owned()))?;
            now.checked_sub(SignedDuration::from_secs(period.seconds()))
                .map_err(|_| ("before all time", hint.to_owned()))
        }
        None => text.parse().map_err(|_| ("not a moment", hint.to_owned())),
    })
}

/// One image of the file.
struct Image {
    manifest: Manifest,
    tags: Vec<TagEntry>,
    in_use: bool,
    expectations: Vec<Expectation>,
}

fn images(reader: &mut Reader<'_, '_>, node: &Node, now: Timestamp) -> Option<Vec<Image>> {
    let items = reader.items(node)?;
    let mut tags = BTreeMap::new();
    let read: Vec<Image> = items
        .iter()
        .enumerate()
        .filter_map(|(index, item)| Case { reader, now, index }.read(item, &mut tags))
        .collect();
    (read.len() == items.len()).then_some(read)
}

/// Reads one image.
struct Case<'c, 's, 'a> {
    reader: &'c mut Reader<'s, 'a>,
    now: Timestamp,
    index: usize,
}

impl Case<'_, '_, '_> {
    fn read(mut self, node: &Node, seen: &mut BTreeMap<Tag, u32>) -> Option<Image> {
        let fields = self.reader.fields(node, &keys::CASE)?;
        let kind = fields
            .get("kind")
            .map_or(Some(Kind::Image), |node| kind(self.reader, node));
        let tagged = self.moment(&fields, "tagged");
        let tags = optional(fields.get("tags"), |node| self.tags(node, seen));
        let untagged = optional(fields.get("untagged"), |node| self.untagged(node));
        self.check_tagging(&fields, kind);
        let manifest = self.manifest(&fields);
        let in_use = fields
            .get("in-use")
            .map_or(Some(false), |node| only_true(self.reader, node, "in-use"));
        let by = optional(fields.get("by"), |node| self.reader.name(node).map(str::to_owned));
        let (tags, tagged) = (tags?.unwrap_or_default(), tagged?);
        let verdicts = fields.get("expect").and_then(|node| self.verdicts(node, &tags));
        let (mut manifest, kind, by) = (manifest?, kind?, by?);
        manifest.untagged_at = untagged?.flatten();
        if kind == Kind::Orphan {
            // Whatever it was: it is an orphan because of its subject.
            manifest.kind = Kind::Artifact;
            manifest.subject = Some(self.digest("subject"));
        } else {
            manifest.kind = kind;
        }
        let digest = manifest.digest.clone();
        let expectation = |(tag, verdict, line)| Expectation {
            line,
            digest: digest.clone(),
            tag,
            verdict,
            by: by.clone(),
        };
        let expectations = verdicts?.into_iter().map(expectation).collect();
        let entry = |name| TagEntry {
            name,
            digest: digest.clone(),
            updated_at: tagged,
            immutable: false,
        };
        Some(Image {
            tags: tags.into_iter().map(entry).collect(),
            in_use: in_use?,
            expectations,
            manifest,
        })
    }

    fn digest(&self, what: &str) -> Digest {
        Digest::of(format!("{what} of image {} of a policy test", self.index).as_bytes())
    }

    fn moment(&mut self, fields: &Fields<'_>, key: &str) -> Option<Option<Timestamp>> {
        optional(fields.get(key), |node| moment(self.reader, node, self.now))
    }

    fn tags(&mut self, node: &Node, seen: &mut BTreeMap<Tag, u32>) -> Option<Vec<Tag>> {
        let items = self.reader.items(node)?;
        let mut tags = Vec::new();
        for item in items {
            let Some(tag) = self.reader.parsed::<Tag>(item, "bad-tag") else {
                continue;
            };
            let line = self.reader.line(&item.span);
            if let Some(first) = seen.insert(tag.clone(), line) {
                self.reader.error(
                    "duplicate-name",
                    &item.span,
                    format!("the tag `{tag}` stands already on line {first}"),
                );
            }
            tags.push(tag);
        }
        (tags.len() == items.len()).then_some(tags)
    }

    /// `true`, or the moment since when.
    fn untagged(&mut self, node: &Node) -> Option<Option<Timestamp>> {
        match node.scalar() {
            Some((tree::Scalar::Flag(_), _)) => only_true(self.reader, node, "untagged").map(|_| None),
            _ => moment(self.reader, node, self.now).map(Some),
        }
    }

    fn check_tagging(&mut self, fields: &Fields<'_>, kind: Option<Kind>) {
        let (tags, untagged) = (fields.get("tags").is_some(), fields.get("untagged").is_some());
        let problem = match (tags, untagged, kind) {
            (true, true, _) => "an image has tags or has none",
            (true, _, Some(Kind::Orphan)) => "an orphan has no tags of its own",
            (false, false, Some(kind)) if kind != Kind::Orphan => {
                "an image has tags or has none: this one does not say"
            }
            _ => return,
        };
        self.reader.error_with(
            "bad-tagging",
            &fields.key_span("tags"),
            problem,
            "write `tags: [...]` or `untagged: true`",
        );
    }

    fn manifest(&mut self, fields: &Fields<'_>) -> Option<Manifest> {
        let (pushed, created) = (self.moment(fields, "pushed"), self.moment(fields, "created"));
        let (seen, pulled) = (self.moment(fields, "first-seen"), self.moment(fields, "last-pulled"));
        let (labels, annotations) = (self.labels(fields, "labels"), self.labels(fields, "annotations"));
        let platform = optional(fields.get("platform"), |node| self.reader.name(node).map(str::to_owned));
        let size = optional(fields.get("size"), |node| size(self.reader, node));
        let (pushed, created) = (pushed?, created?);
        let blobs = size?.map(|size| Blob {
            digest: self.digest("layer"),
            size: size.bytes(),
        });
        Some(Manifest {
            digest: self.digest("manifest"),
            kind: Kind::Image,
            media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
            artifact_type: None,
            config_media_type: None,
            config_digest: None,
            size: 0,
            blobs: blobs.into_iter().collect(),
            children: Vec::new(),
            subject: None,
            platform: platform?,
            created_at: created,
            pushed_at: pushed,
            untagged_at: None,
            last_pulled_at: pulled?,
            first_seen_at: seen?.or(pushed).or(created),
            restored_at: None,
            labels: labels?,
            annotations: annotations?,
        })
    }

    fn labels(&mut self, fields: &Fields<'_>, key: &str) -> Option<BTreeMap<String, String>> {
        let entries = optional(fields.get(key), |node| texts_by_key(self.reader, node))?;
        Some(
            entries
                .into_iter()
                .flatten()
                .map(|(key, value, _)| (key, value))
                .collect(),
        )
    }

    /// One verdict for all tags, or one for each.
    fn verdicts(&mut self, node: &Node, tags: &[Tag]) -> Option<Vec<(Option<Tag>, ExpectedVerdict, u32)>> {
        let Value::Map(entries) = &node.value else {
            let verdict = self.verdict(node)?;
            let line = self.reader.line(&node.span);
            let tagged = tags.iter().map(|tag| (Some(tag.clone()), verdict, line));
            return Some(if tags.is_empty() {
                vec![(None, verdict, line)]
            } else {
                tagged.collect()
            });
        };
        let mut verdicts = Vec::new();
        for entry in entries {
            let Some(tag) = tags.iter().find(|tag| tag.as_str() == entry.key) else {
                self.unknown_tag(&entry.key, &entry.key_span, tags);
                continue;
            };
            let line = self.reader.line(&entry.key_span);
            verdicts.extend(
                self.verdict(&entry.value)
                    .map(|verdict| (Some(tag.clone()), verdict, line)),
            );
        }
        if entries.is_empty() {
            self.reader
                .error("empty-mapping", &node.span, "an empty mapping expects nothing");
        }
        (verdicts.len() == entries.len()).then_some(verdicts)
    }

    fn unknown_tag(&mut self, key: &str, span: &Range<usize>, tags: &[Tag]) {
        let known: Vec<&str> = tags.iter().map(Tag::as_str).collect();
        let message = format!("the image has no tag {}", crate::config::quoted(key));
        self.reader.error_with(
            "unknown-key",
            span,
            message,
            crate::config::reader::did_you_mean(key, &known),
        );
    }

    fn verdict(&mut self, node: &Node) -> Option<ExpectedVerdict> {
        Some(match self.reader.choice(node, &["keep", "expire"])? {
            "keep" => ExpectedVerdict::Keep,
            _ => ExpectedVerdict::Expire,
        })
    }
}

/// The world that the file describes.
fn assemble(
    policy: Option<String>,
    now: Timestamp,
    (registry, name): (RegistryHost, RepositoryName),
    pull_data_since: Option<Timestamp>,
    images: Vec<Image>,
) -> Cases {
    let knows_pulls = pull_data_since.is_some() || images.iter().any(|image| image.manifest.last_pulled_at.is_some());
    let yes = Some(true);
    let capabilities = Capabilities {
        delete: yes,
        delete_tag: yes,
        list_untagged: yes,
        push_time: yes,
        pull_time: Some(knows_pulls),
        ..Capabilities::default()
    };
    let place = format!("{registry}/{name}");
    let used = |image: &Image| Reference {
        image: format!("{place}@{}", image.manifest.digest),
        digest: Some(image.manifest.digest.clone()),
        used_by: "the test".to_owned(),
        last_seen_at: None,
    };
    let references = images.iter().filter(|image| image.in_use).map(used).collect();
    let source = SourceReport {
        name: "policy test".to_owned(),
        kind: "file".to_owned(),
        status: SourceStatus::Complete,
        covers: vec!["**".to_owned()],
        gaps: Vec::new(),
        references,
    };
    let missing: BTreeSet<Digest> = images
        .iter()
        .filter_map(|image| image.manifest.subject.clone())
        .collect();
    let expectations = images
        .iter()
        .flat_map(|image| image.expectations.iter().cloned())
        .collect();
    let (manifests, tags): (Vec<_>, Vec<_>) = images.into_iter().map(|image| (image.manifest, image.tags)).unzip();
    let repository = Repository {
        registry: registry.clone(),
        name,
        capabilities,
        // "Ever", if the file knows of pulls and does not say since when.
        pull_data_since: pull_data_since.or(knows_pulls.then_some(Timestamp::UNIX_EPOCH)),
        scanned_since: None,
        missing,
        dangling: BTreeSet::new(),
        gaps: Vec::new(),
        tags: tags.into_iter().flatten().collect(),
        manifests,
    };
    Cases {
        policy,
        now,
        inventory: Inventory {
            schema: Schema,
            taken_at: now,
            complete_registries: BTreeSet::from([registry]),
            repositories: vec![repository],
            gaps: Vec::new(),
        },
        usage: Usage {
            schema: Schema,
            taken_at: now,
            sources: vec![source],
        },
        expectations,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
policy: jettison.yaml
now: 2026-11-21T00:00:00Z
repository: registry.example.com/apps/web
images:
  - { tags: [main-1a2b3c4], pushed: 40d ago, expect: expire, by: branches }
  - { tags: [v1.2.3, latest], created: 2025-10-01T00:00:00Z, tagged: 2d ago, in-use: true, size: 100MB, last-pulled: 3d ago, labels: { a: b }, expect: keep }
  - { tags: [a, b], pushed: 2d ago, platform: linux/amd64, expect: { b: expire } }
  - { untagged: 31d ago, pushed: 60d ago, kind: build-cache, expect: expire }
  - { kind: orphan, first-seen: 8d ago, expect: expire }
"#;

    #[test]
    fn a_file_becomes_facts_and_expectations() {
        let cases = Cases::parse("cases.yaml", FILE).unwrap_or_else(|found| panic!("{}", found.render(false)));
        let days_ago = |days: i64| Some(cases.now - SignedDuration::from_hours(24 * days));
        let repository = &cases.inventory.repositories[0];
        let images = &repository.manifests;
        assert_eq!(
            (cases.policy.as_deref(), images.len(), repository.tags.len()),
            (Some("jettison.yaml"), 5, 5)
        );
        assert_eq!(
            (images[0].pushed_at, images[0].first_seen_at),
            (days_ago(40), days_ago(40))
        );
        assert_eq!(
            (images[1].pushed_at, images[1].first_seen_at),
            (None, images[1].created_at)
        );
        assert_eq!(
            (images[1].last_pulled_at, images[1].blobs[0].size),
            (days_ago(3), 100_000_000)
        );
        assert_eq!(
            (repository.capabilities.pull_time, repository.pull_data_since.is_some()),
            (Some(true), true)
        );
        assert_eq!(repository.tags[1].updated_at, days_ago(2));
        assert_eq!(
            (images[3].kind, images[3].untagged_at),
            (Kind::BuildCache, days_ago(31))
        );
        assert!(
            images[4]
                .subject
                .as_ref()
                .is_some_and(|subject| repository.missing.contains(subject))
        );
        assert_eq!(
            cases.usage.sources[0].references[0].digest.as_ref(),
            Some(&images[1].digest)
        );
        let digests: BTreeSet<&Digest> = images.iter().map(|image| &image.digest).collect();
        assert_eq!(digests.len(), 5);
        let expected: Vec<_> = cases
            .expectations
            .iter()
            .map(|one| {
                (
                    one.line,
                    one.tag.as_ref().map_or("-", Tag::as_str),
                    one.verdict,
                    one.by.as_deref(),
                )
            })
            .collect();
        use ExpectedVerdict::{Expire, Keep};
        assert_eq!(
            expected,
            [
                (6, "main-1a2b3c4", Expire, Some("branches")),
                (7, "v1.2.3", Keep, None),
                (7, "latest", Keep, None),
                (8, "b", Expire, None),
                (9, "-", Expire, None),
                (10, "-", Expire, None),
            ]
        );
    }

    #[test]
    fn every_mistake_is_found() {
        let image = |text: &str| format!("now: 2026-11-21T00:00:00Z\nrepository: r.io/a\nimages:\n- {text}");
        for (text, expected) in [
            (String::new(), &["missing-key"][..]),
            ("{}".to_owned(), &["missing-key", "missing-key", "missing-key"]),
            (
                "now: today\nrepository: r.io/a:v1\nimages: []".to_owned(),
                &["bad-moment", "bad-repository", "empty-list"],
            ),
            (image("{ tags: [a] }"), &["missing-key"]),
            (image("{ expect: keep }"), &["bad-tagging"]),
            (image("{ tags: [a], untagged: true, expect: keep }"), &["bad-tagging"]),
            (image("{ untagged: false, expect: keep }"), &["false-is-no-value"]),
            (image("{ tags: [a], kind: orphan, expect: keep }"), &["bad-tagging"]),
            (image("{ tags: [a, a], expect: keep }"), &["duplicate-name"]),
            (image("{ tags: [a], expect: { b: keep } }"), &["unknown-key"]),
            (image("{ tags: [a], expect: { a: kept } }"), &["unknown-value"]),
            (image("{ tags: [a], expect: {} }"), &["empty-mapping"]),
            (
                image("{ tags: [a], pushed: 3m ago, created: yesterday, expect: keep }"),
                &["bad-moment", "bad-moment"],
            ),
            (
                image("{ tags: [a], size: 5, expect: keep, color: red }"),
                &["bad-size", "unknown-key"],
            ),
            (
                image("{ tags: [a b], kind: images, expect: keep }"),
                &["bad-tag", "unknown-value"],
            ),
        ] {
            let found = Cases::parse("cases.yaml", &text).unwrap_err();
            let codes: Vec<&str> = found.iter().map(|finding| finding.code).collect();
            assert_eq!(codes, expected, "{text}\n{found}");
        }
    }
}
