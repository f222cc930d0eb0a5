//! What hangs together among the condemned manifests of a repository, and what has to stay when one of them does.

use std::collections::{BTreeMap, BTreeSet};

use jettison_core::model::{Digest, Tag};
use jettison_core::plan::Action;
use jettison_core::recognise::ParsedManifest;

/// A condemned manifest: the plan's action, its place in the plan, and what its bytes say.
#[derive(Debug, Clone)]
pub(super) struct Condemned<'p> {
    pub(super) sequence: u64,
    pub(super) action: &'p Action,
    pub(super) parsed: ParsedManifest,
}

impl Condemned<'_> {
    /// What it is attached to: by its own field, or by a tag.
    pub(super) fn subjects(&self) -> BTreeSet<Digest> {
        let by_tag = self.action.tags.iter().filter_map(Tag::subject);
        let subjects = self.parsed.subject.iter().cloned().chain(by_tag);
        subjects.filter(|subject| *subject != self.action.digest).collect()
    }
}

/// The relations among the condemned manifests of one repository.
#[derive(Debug, Default)]
pub(super) struct Relations {
    /// The condemned indexes and subjects of each: those that have to go first.
    first: BTreeMap<Digest, BTreeSet<Digest>>,
    parents: BTreeMap<Digest, BTreeSet<Digest>>,
    children: BTreeMap<Digest, BTreeSet<Digest>>,
    attached: BTreeMap<Digest, BTreeSet<Digest>>,
}

impl Relations {
    pub(super) fn of(condemned: &BTreeMap<Digest, Condemned<'_>>) -> Self {
        let mut relations = Self::default();
        for (digest, manifest) in condemned {
            for child in manifest
                .parsed
                .children
                .iter()
                .filter(|child| condemned.contains_key(child))
            {
                add(&mut relations.first, child, digest);
                add(&mut relations.parents, child, digest);
                add(&mut relations.children, digest, child);
            }
            for subject in manifest
                .subjects()
                .iter()
                .filter(|subject| condemned.contains_key(subject))
            {
                add(&mut relations.first, digest, subject);
                add(&mut relations.attached, digest, subject);
                add(&mut relations.attached, subject, digest);
            }
        }
        relations
    }

    /// What has to be gone before a manifest may go.
    pub(super) fn first(&self, digest: &Digest) -> impl Iterator<Item = &Digest> {
        self.first.get(digest).into_iter().flatten()
    }

    /// The condemned manifests that are attached to one.
    pub(super) fn referrers_of(&self, digest: &Digest, condemned: &BTreeMap<Digest, Condemned<'_>>) -> Vec<Digest> {
        let attached = self.attached.get(digest).into_iter().flatten();
        let referrers = attached.filter(|other| {
            condemned
                .get(*other)
                .is_some_and(|other| other.subjects().contains(digest))
        });
        referrers.cloned().collect()
    }

    /// Groups of condemned manifests with no relation between them, each in the plan's order.
    pub(super) fn units(&self, condemned: &BTreeMap<Digest, Condemned<'_>>) -> Vec<Vec<Digest>> {
        let mut seen = BTreeSet::new();
        let mut units = Vec::new();
        let mut in_order: Vec<(&u64, &Digest)> = condemned
            .iter()
            .map(|(digest, manifest)| (&manifest.sequence, digest))
            .collect();
        in_order.sort();
        for (_, start) in in_order {
            let mut unit = BTreeMap::new();
            let mut open = vec![start];
            while let Some(digest) = open.pop() {
                if let Some(manifest) = condemned.get(digest)
                    && seen.insert(digest)
                {
                    unit.insert(manifest.sequence, digest.clone());
                    let maps = [&self.parents, &self.children, &self.attached];
                    open.extend(maps.into_iter().filter_map(|map| map.get(digest)).flatten());
                }
            }
            if !unit.is_empty() {
                units.push(unit.into_values().collect());
            }
        }
        units
    }

    /// Everything that has to stay because `held` does, each with what it stays for.
    ///
    /// What stays needs its children, its subject and its referrers. What stays for its own sake, or for a
    /// subject's or referrer's, also keeps its indexes; what stays only as a child of one index does not keep others.
    pub(super) fn staying(&self, held: impl Iterator<Item = Digest>) -> BTreeMap<Digest, Digest> {
        let mut stays: BTreeMap<Digest, Digest> = BTreeMap::new();
        let mut by_itself = BTreeSet::new();
        let mut open: Vec<(Digest, Digest, bool)> = held.map(|digest| (digest.clone(), digest, true)).collect();
        while let Some((digest, because, itself)) = open.pop() {
            let new = !stays.contains_key(&digest);
            let newly_by_itself = itself && by_itself.insert(digest.clone());
            stays.entry(digest.clone()).or_insert(because);
            if new || newly_by_itself {
                let related = |map: &BTreeMap<Digest, BTreeSet<Digest>>| map.get(&digest).cloned().unwrap_or_default();
                open.extend(
                    related(&self.children)
                        .into_iter()
                        .map(|child| (child, digest.clone(), false)),
                );
                open.extend(
                    related(&self.attached)
                        .into_iter()
                        .map(|other| (other, digest.clone(), true)),
                );
                if newly_by_itself {
                    open.extend(
                        related(&self.parents)
                            .into_iter()
                            .map(|index| (index, digest.clone(), true)),
                    );
                }
            }
        }
        stays
    }
}

fn add(map: &mut BTreeMap<Digest, BTreeSet<Digest>>, key: &Digest, value: &Digest) {
    map.entry(key.clone()).or_default().insert(value.clone());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    /// Manifests by name, with what each lists and what it is attached to.
    fn relations(manifests: &[(&str, &[&str], &[&str])]) -> (Relations, Vec<Vec<Digest>>) {
        let action = |name: &str, subjects: &[&str]| {
            let tags: Vec<String> = subjects
                .iter()
                .map(|subject| format!("sha256-{}.sig", digest(subject).hex()))
                .collect();
            serde_json::from_value::<Action>(serde_json::json!({
                "action": "delete", "registry": "r.io", "repository": "web", "digest": digest(name), "kind": "image",
                "tags": tags, "bytes": 0, "refused": false, "undo": "none", "time": null,
                "reason": {"code": "expired", "policy": "p", "rule": "r", "conditions": {}},
            }))
            .unwrap()
        };
        let actions: Vec<Action> = manifests
            .iter()
            .map(|(name, _, subjects)| action(name, subjects))
            .collect();
        let condemned: BTreeMap<Digest, Condemned<'_>> = (0..)
            .zip(manifests.iter().zip(&actions))
            .map(|(sequence, ((name, children, _), action))| {
                let children: Vec<String> = children
                    .iter()
                    .map(|child| {
                        format!(
                            r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{}","size":1}}"#,
                            digest(child)
                        )
                    })
                    .collect();
                let parsed =
                    ParsedManifest::read(None, format!(r#"{{"manifests":[{}]}}"#, children.join(",")).as_bytes());
                (
                    digest(name),
                    Condemned {
                        sequence,
                        action,
                        parsed: parsed.unwrap(),
                    },
                )
            })
            .collect();
        let relations = Relations::of(&condemned);
        let units = relations.units(&condemned);
        (relations, units)
    }

    fn staying(relations: &Relations, held: &str) -> BTreeSet<Digest> {
        relations.staying(std::iter::once(digest(held))).into_keys().collect()
    }

    fn set(names: &[&str]) -> BTreeSet<Digest> {
        names.iter().map(|name| digest(name)).collect()
    }

    #[test]
    fn what_has_no_relation_is_a_unit_of_its_own_in_the_order_of_the_plan() {
        let (_, units) = relations(&[("b", &["c"], &[]), ("a", &[], &[]), ("c", &[], &[]), ("d", &[], &["c"])]);
        assert_eq!(units, [vec![digest("b"), digest("c"), digest("d")], vec![digest("a")]]);
    }

    #[test]
    fn an_index_that_stays_keeps_its_children_and_not_the_other_indexes_of_these() {
        let (relations, _) = relations(&[
            ("one", &["shared"], &[]),
            ("two", &["shared"], &[]),
            ("shared", &[], &[]),
        ]);
        assert_eq!(staying(&relations, "one"), set(&["one", "shared"]));
    }

    #[test]
    fn a_child_that_is_held_itself_keeps_every_index_above_it() {
        let (relations, _) = relations(&[
            ("one", &["shared"], &[]),
            ("two", &["shared"], &[]),
            ("shared", &[], &[]),
        ]);
        assert_eq!(staying(&relations, "shared"), set(&["one", "two", "shared"]));
    }

    #[test]
    fn a_signature_that_stays_keeps_its_subject_and_the_index_of_that() {
        let (relations, _) = relations(&[
            ("index", &["child"], &[]),
            ("child", &[], &[]),
            ("signature", &[], &["child"]),
        ]);
        assert_eq!(staying(&relations, "signature"), set(&["index", "child", "signature"]));
        assert_eq!(staying(&relations, "index"), set(&["index", "child", "signature"]));
    }

    #[test]
    fn indexes_and_subjects_go_first() {
        let (relations, _) = relations(&[
            ("index", &["child"], &[]),
            ("child", &[], &[]),
            ("signature", &[], &["child"]),
        ]);
        assert_eq!(
            relations.first(&digest("child")).collect::<Vec<_>>(),
            [&digest("index")]
        );
        assert_eq!(
            relations.first(&digest("signature")).collect::<Vec<_>>(),
            [&digest("child")]
        );
        assert_eq!(relations.first(&digest("index")).count(), 0);
    }
}
