//! Usage: who refers to what.

use jettison_core::model::{Gap, Reference, Schema, SourceReport, SourceStatus, Usage};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{ALIAS, MANIFESTS, PLACES, TAGS, ago, digest};

/// Nobody asked, or up to two sources.
pub(crate) fn usages() -> impl Strategy<Value = Option<Usage>> {
    option::weighted(
        0.8,
        vec(source(), 0..3).prop_map(|sources| Usage {
            schema: Schema,
            taken_at: ago(0),
            sources,
        }),
    )
}

fn source() -> impl Strategy<Value = SourceReport> {
    let covers = prop_oneof![
        3 => Just(vec!["**"]),
        1 => Just(vec!["r1.example/**"]),
        1 => Just(vec!["**/app"]),
        1 => Just(vec!["mirror.example/*"]),
    ];
    let status = prop_oneof![30 => Just(SourceStatus::Complete), 1 => Just(SourceStatus::Partial)];
    let gap = prop::bool::weighted(0.02);
    let kinds = prop_oneof![
        2 => Just(("file", "")),
        3 => Just(("aws", "123456789012/us-east-1")),
        1 => Just(("aws", "123456789012/us-east-2")),
    ];
    let who = (select(vec!["prod", "dev"]), kinds);
    (who, covers, status, gap, vec(reference(), 0..3)).prop_map(
        |((name, (kind, place)), covers, status, gap, references)| SourceReport {
            name: name.to_owned(),
            kind: kind.to_owned(),
            status,
            answers_for: vec![place.to_owned()],
            covers: covers.into_iter().map(str::to_owned).collect(),
            gaps: if gap {
                vec![Gap("timed out".to_owned())]
            } else {
                Vec::new()
            },
            references,
        },
    )
}

/// One reference, by tag, by digest, by a config's digest, or by several of these.
pub(crate) fn reference() -> impl Strategy<Value = Reference> {
    let host = select(vec!["r1.example", "r2.example:5000", ALIAS, "other.example"]);
    let path = select(PLACES.iter().map(|(_, path)| *path).collect::<Vec<_>>());
    let number = prop_oneof![3 => 0..MANIFESTS, 1 => 100..104_u8];
    let image =
        (host, path, select(TAGS.to_vec()), number.clone(), 0..60_u8).prop_map(|(host, path, tag, number, form)| {
            let digest = digest(number);
            match form {
                0..16 => format!("{host}/{path}:{tag}"),
                16..20 => format!("{host}/{path}"),
                20..28 => format!("{host}/{path}@{digest}"),
                28..32 => format!("{host}/{path}:{tag}@{digest}"),
                32..36 => digest.to_string(),
                36..40 => format!("docker-pullable://{host}/{path}@{digest}"),
                40..44 => format!("{host}/{path}:sha256-{}.sig", digest.hex()),
                44..59 => String::new(),
                _ => "No Image".to_owned(),
            }
        });
    let seen = select(vec![
        None,
        None,
        None,
        Some(ago(0)),
        Some(ago(24)),
        Some(ago(14 * 24)),
        Some(ago(14 * 24 + 1)),
    ]);
    (
        image,
        option::of(number),
        select(vec!["Pod shop/web-0 container web", ""]),
        seen,
    )
        .prop_map(|(image, number, used_by, last_seen_at)| {
            let number = if image.is_empty() { number.or(Some(0)) } else { number };
            Reference {
                image,
                digest: number.map(digest),
                used_by: used_by.to_owned(),
                last_seen_at,
            }
        })
}
