//! What belongs together, and in which order it comes back.

use std::collections::BTreeSet;

use jettison_core::model::{Digest, Tag};

use super::*;
use crate::restore::saved::Relations;
use crate::store::tests::{open_new, stored_entry};

fn digest(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

/// A manifest, drawn: its name, its tags (`sig:NAME` attaches it), its children, its subject.
type Drawn<'d> = (&'d str, &'d [&'d str], &'d [&'d str], Option<&'d str>);

async fn saved(drawn: &[Drawn<'_>]) -> Vec<Saved> {
    let (_directory, store) = open_new().await;
    let mut all = Vec::new();
    for (name, tags, children, subject) in drawn {
        let (name, repository) = match name.split_once('/') {
            Some((repository, name)) => (name, format!("apps/{repository}")),
            None => (*name, "apps/web".to_owned()),
        };
        let tag = |tag: &&str| match tag.strip_prefix("sig:") {
            Some(of) => format!("sha256-{}.sig", digest(of).hex()).parse::<Tag>().unwrap(),
            None => tag.parse().unwrap(),
        };
        let mut one = Saved::needed(&store, &stored_entry(&store, name).await).await.unwrap();
        one.place.repository = repository.parse().unwrap();
        one.tags = tags.iter().map(tag).collect();
        one.damaged = None;
        one.relations = Relations {
            children: children.iter().map(|child| digest(child)).collect(),
            subject: subject.map(digest),
            blobs: Vec::new(),
        };
        all.push(one);
    }
    all
}

fn names(drawn: &[Drawn<'_>], positions: impl IntoIterator<Item = usize>) -> Vec<String> {
    positions
        .into_iter()
        .map(|position| drawn[position].0.to_owned())
        .collect()
}

/// An index of two with a signature of one of them; another index that shares a child; a plain image; and far away a
/// signature of the index.
const FAMILY: &[Drawn<'static>] = &[
    ("sig-of-a", &[], &[], Some("a")),
    ("index", &["v1"], &["a", "b"], None),
    ("a", &[], &[], None),
    ("b", &[], &[], None),
    ("other", &["v2"], &["b", "c"], None),
    ("c", &[], &[], None),
    ("plain", &["v3"], &[], None),
    ("far/sig", &["sig:index"], &[], None),
];

#[tokio::test]
async fn an_image_is_what_stands_for_itself_with_what_hangs_on_it() {
    let graph = Graph::of(&saved(FAMILY).await);
    let told = |image: &Image| {
        (
            FAMILY[image.root].0,
            names(FAMILY, image.core.iter().copied()).join(" "),
            names(FAMILY, image.attached.iter().copied()).join(" "),
        )
    };
    let images: Vec<_> = graph.images().iter().map(told).collect();
    assert_eq!(
        images,
        [
            ("index", "index a b".to_owned(), "sig-of-a far/sig".to_owned()),
            ("other", "b other c".to_owned(), String::new()),
            ("plain", "plain".to_owned(), String::new()),
        ]
    );
}

#[tokio::test]
async fn what_belongs_to_one_goes_up_from_what_is_named_and_down_from_there() {
    let graph = Graph::of(&saved(FAMILY).await);
    let whole = "sig-of-a index a b far/sig";
    for (seed, expected) in [
        (1, whole),
        (2, whole),
        (0, whole),
        (7, whole),
        (3, "sig-of-a index a b other c far/sig"),
        (4, "b other c"),
        (5, "b other c"),
        (6, "plain"),
    ] {
        let found = names(FAMILY, graph.belongings([seed])).join(" ");
        assert_eq!(found, expected, "{}", FAMILY[seed].0);
    }
}

#[tokio::test]
async fn everything_comes_after_what_it_waits_for_and_once() {
    let circle: &[Drawn<'_>] = &[
        // Tags can attach in a circle, also what an index lists to that index.
        ("x", &["sig:y"], &[], None),
        ("y", &["sig:x"], &[], None),
        ("child", &["sig:parent"], &[], None),
        ("parent", &["t"], &["child"], None),
    ];
    let chain: &[Drawn<'_>] = &[
        ("sig-of-sig", &[], &[], Some("sig")),
        ("sig", &[], &["part"], Some("top")),
        ("top", &["t"], &["middle"], None),
        ("middle", &[], &["leaf"], None),
        ("leaf", &[], &[], None),
        ("part", &[], &[], None),
    ];
    for drawn in [FAMILY, circle, chain] {
        let saved = saved(drawn).await;
        let graph = Graph::of(&saved);
        let order: Vec<usize> = graph.units().into_iter().flatten().collect();
        assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), drawn.len());
        assert_eq!(order.len(), drawn.len(), "each once");
        let place = |name: &str| order.iter().position(|position| drawn[*position].0 == name).unwrap();
        for (name, _, children, subject) in drawn {
            for first in children.iter().chain(subject) {
                assert!(
                    place(first) < place(name),
                    "{first} before {name}: {:?}",
                    names(drawn, order.clone())
                );
            }
        }
        let covered: BTreeSet<usize> = graph.images().iter().flat_map(Image::all).collect();
        assert_eq!(covered.len(), drawn.len(), "each is in some image");
    }
    let order = Graph::of(&saved(FAMILY).await).units();
    let places: Vec<usize> = order.into_iter().flatten().collect();
    let place = |name: &str| places.iter().position(|position| FAMILY[*position].0 == name).unwrap();
    assert!(
        place("index") < place("far/sig"),
        "a tag counts where nothing speaks against it"
    );
}

#[tokio::test]
async fn what_has_no_relation_is_a_unit_of_its_own() {
    let graph = Graph::of(&saved(FAMILY).await);
    let units: Vec<BTreeSet<usize>> = graph
        .units()
        .into_iter()
        .map(|unit| unit.into_iter().collect())
        .collect();
    assert_eq!(units, [BTreeSet::from([0, 1, 2, 3, 4, 5, 7]), BTreeSet::from([6])]);
}
