//! What usage sources say, as tables: by source, by workload, by image, and what was found of images.

use std::collections::{BTreeMap, BTreeSet};

use jettison_core::model::{Digest, Reference, Usage};
use jiff::Timestamp;

use super::table::{Column, table};
use super::text::{ago, number};
use crate::usage::{Finding, Found, UsedBy};

/// So many users of an image are named; `--by workload` names all.
const NAMED: usize = 3;

/// One row a source: how it answered, and how much it names.
pub fn sources(usage: &Usage, width: usize) -> String {
    let columns = [
        Column::Text("SOURCE"),
        Column::Text("KIND"),
        Column::Text("STATUS"),
        Column::Figure("IMAGES"),
        Column::Figure("REFERENCES"),
    ];
    let rows = usage.sources.iter().map(|source| {
        let status = if source.is_complete() { "complete" } else { "partial" };
        let images: BTreeSet<_> = source.references.iter().map(name).collect();
        vec![
            source.name.clone(),
            source.kind.clone(),
            status.to_owned(),
            number(images.len() as u64),
            number(source.references.len() as u64),
        ]
    });
    table(&columns, rows.collect(), width)
}

/// One row a workload and image, of the references for which `wanted` is true.
pub fn workloads(usage: &Usage, wanted: impl Fn(&Reference) -> bool, width: usize) -> String {
    let columns = [
        Column::Text("SOURCE"),
        Column::Text("WORKLOAD"),
        Column::Text("IMAGE"),
        Column::Whole("DIGEST"),
    ];
    let mut rows = BTreeSet::new();
    for source in &usage.sources {
        for reference in source.references.iter().filter(|reference| wanted(reference)) {
            let (image, digest) = image_and_digest(reference);
            rows.insert(vec![
                source.name.clone(),
                workload(reference, usage.taken_at),
                image,
                digest,
            ]);
        }
    }
    table(&columns, rows.into_iter().collect(), width)
}

/// One row an image, of the references for which `wanted` is true.
pub fn images(usage: &Usage, wanted: impl Fn(&Reference) -> bool, width: usize) -> String {
    let columns = [Column::Text("IMAGE"), Column::Whole("DIGEST"), Column::Text("USED BY")];
    let mut users: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for source in &usage.sources {
        for reference in source.references.iter().filter(|reference| wanted(reference)) {
            let user = user(&source.name, &workload(reference, usage.taken_at));
            users.entry(image_and_digest(reference)).or_default().insert(user);
        }
    }
    let rows = users
        .into_iter()
        .map(|((image, digest), users)| vec![image, digest, in_short(users.into_iter())]);
    table(&columns, rows.collect(), width)
}

/// One row an image of which something was found.
pub fn findings(found: &[Found], width: usize) -> String {
    let columns = [Column::Whole("FOUND"), Column::Text("IMAGE"), Column::Text("USED BY")];
    let rows = found.iter().map(|found| {
        let what = match found.finding {
            Finding::Missing => "missing",
            Finding::TagOnly => "tag only",
        };
        let users = found
            .used_by
            .iter()
            .map(|UsedBy { source, workload }| user(source, workload));
        vec![what.to_owned(), short(&found.image), in_short(users)]
    });
    table(&columns, rows.collect(), width)
}

fn user(source: &str, workload: &str) -> String {
    match workload {
        "" => source.to_owned(),
        _ => format!("{source}: {workload}"),
    }
}

fn in_short(users: impl ExactSizeIterator<Item = String>) -> String {
    let more = users.len().saturating_sub(NAMED);
    let named: Vec<String> = users.take(NAMED).collect();
    let named = named.join(", ");
    match more {
        0 => named,
        more => format!("{named} and {} more", number(more as u64)),
    }
}

fn name(reference: &Reference) -> (&str, Option<&Digest>) {
    let digest = reference.digest.as_ref().filter(|_| reference.image.is_empty());
    (&reference.image, digest)
}

fn workload(reference: &Reference, taken_at: Timestamp) -> String {
    match reference.over_since(taken_at) {
        None => reference.used_by.clone(),
        Some(seen) => format!("{} (last seen {})", reference.used_by, ago(seen, taken_at)),
    }
}

/// An image and its digest, as far as people compare it: what runs, else what is written.
fn image_and_digest(reference: &Reference) -> (String, String) {
    let written = pinned(&reference.image);
    match (&reference.digest, written) {
        (Some(runs), Some((_, digest))) if *runs != digest => (short(&reference.image), runs.short()),
        (_, Some((name, digest))) => (name.to_owned(), digest.short()),
        (runs, None) => (
            reference.image.clone(),
            runs.as_ref().map(Digest::short).unwrap_or_default(),
        ),
    }
}

fn short(image: &str) -> String {
    match pinned(image) {
        Some((name, digest)) => format!("{name}@{}", digest.short()),
        None => image.to_owned(),
    }
}

fn pinned(image: &str) -> Option<(&str, Digest)> {
    let (name, digest) = image.split_once('@')?;
    Some((name, digest.parse().ok()?))
}
