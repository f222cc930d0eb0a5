//! From the tree of a test file to facts and expectations.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use jiff::{SignedDuration, Timestamp};

use super::{Cases, Expectation, ExpectedVerdict};
use crate::config::keys;
use crate::config::reader::{Fields, Reader};
use crate::config::tree::{self, Node, Value};
use crate::evaluate::FIRST_RELEASE;
use crate::model::{
    Blob, Capabilities, Digest, ImageReference, Inventory, Kind, Manifest, Reference, RegistryHost, Repository,
    RepositoryName, Schema, SourceReport, SourceStatus, Tag, TagEntry, Usage,
};
use crate::policy::Period;
use crate::policy::read::{kind, only_true, optional, size, texts_by_key};

pub(super) fn cases(reader: &mut Reader<'_, '_>, node: &Node) -> Option<Cases> {
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
        let archived = self.moment(fields, "archived");
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
            archived_at: archived?,
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
        archive: yes,
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
        answers_for: Vec::new(),
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
        // "Ever", which is no placeholder such as 1970, if the file knows of pulls and does not say since when.
        pull_data_since: pull_data_since.or(knows_pulls.then_some(FIRST_RELEASE)),
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
