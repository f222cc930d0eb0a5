//! Relations, read out of facts in any order; and what cannot be the whole truth.

use super::*;
use crate::worlds::World;

/// Five images: 0 lists 1 and 2, 1 lists 2, 3 is attached to 1, 4 to 0 by its tag. 0 has two more tags.
fn world() -> World {
    let mut world = World::new(
        &[],
        "tags: [b, a]\nuntagged: true\nuntagged: true\nuntagged: true\ntags: [c]",
    );
    world.list(0, &[2, 1, 2]);
    world.list(1, &[2]);
    world.attach(3, 1);
    let name = format!("sha256-{}.sig", world.digests[0].hex());
    world.repository().tags[2].name = name.parse().unwrap();
    world
}

impl World {
    /// Asks the graph by the numbers of the images.
    fn related(&mut self, number: usize, relation: fn(&Graph<'_>, Node) -> Vec<Node>) -> Vec<usize> {
        let digests = self.digests.clone();
        let graph = Graph::of(self.repository());
        let node = graph.node(&digests[number]).unwrap();
        let nodes = relation(&graph, node).into_iter();
        let numbers = nodes.map(|node| digests.iter().position(|known| known == graph.digest(node)).unwrap());
        let mut numbers: Vec<usize> = numbers.collect();
        numbers.sort_unstable();
        numbers
    }

    fn contradictions(&mut self) -> Vec<String> {
        Graph::of(self.repository()).contradictions().iter().cloned().collect()
    }
}

#[test]
fn every_relation_can_be_asked_from_both_ends() {
    let mut world = world();
    let children = |graph: &Graph<'_>, node| graph.children(node).to_vec();
    let parents = |graph: &Graph<'_>, node| graph.parents(node).to_vec();
    let subjects = |graph: &Graph<'_>, node| graph.subjects(node).to_vec();
    let referrers = |graph: &Graph<'_>, node| graph.referrers(node).to_vec();
    assert_eq!(
        [0, 1, 2].map(|number| world.related(number, children)),
        [vec![1, 2], vec![2], vec![]]
    );
    assert_eq!(
        [0, 1, 2].map(|number| world.related(number, parents)),
        [vec![], vec![0], vec![0, 1]]
    );
    assert_eq!(
        [3, 4, 0].map(|number| world.related(number, subjects)),
        [vec![1], vec![0], vec![]]
    );
    assert_eq!(
        [0, 1, 2].map(|number| world.related(number, referrers)),
        [vec![4], vec![3], vec![]]
    );
    let below = |graph: &Graph<'_>, node| graph.below(node).into_iter().collect();
    let above = |graph: &Graph<'_>, node| graph.above(node).into_iter().collect();
    assert_eq!(
        [0, 1, 2].map(|number| world.related(number, below)),
        [vec![1, 2], vec![2], vec![]]
    );
    assert_eq!(
        [3, 2, 4].map(|number| world.related(number, above)),
        [vec![0, 1], vec![0, 1], vec![0]]
    );
}

#[test]
fn loops_end_where_they_began() {
    let mut world = world();
    world.list(2, &[0]);
    let below = |graph: &Graph<'_>, node| graph.below(node).into_iter().collect();
    let above = |graph: &Graph<'_>, node| graph.above(node).into_iter().collect();
    assert_eq!(world.related(0, below), [0, 1, 2]);
    assert_eq!(world.related(0, above), [0, 1, 2]);
}

#[test]
fn tags_are_in_order_and_ordinary_or_attaching() {
    let mut world = world();
    let digests = world.digests.clone();
    // One that names its own digest is an ordinary one.
    let mut own = world.repository().tags[0].clone();
    own.name = format!("sha256-{}", digests[0].hex()).parse().unwrap();
    world.repository().tags.push(own.clone());
    let graph = Graph::of(world.repository());
    let [first, last] = [0, 4].map(|number: usize| graph.node(&digests[number]).unwrap());
    let names = |tags: Vec<&TagEntry>| tags.iter().map(|tag| tag.name.to_string()).collect::<Vec<_>>();
    let all = ["a".to_owned(), "b".to_owned(), own.name.to_string()];
    assert_eq!(names(graph.tags(first).to_vec()), all);
    assert_eq!(names(graph.ordinary_tags(first).collect()), all);
    assert_eq!((graph.attaching_tags(first).count(), graph.tags(last).len()), (0, 1));
    assert_eq!(
        (graph.attaching_tags(last).count(), graph.ordinary_tags(last).count()),
        (1, 0)
    );
    assert!(graph.has_tag("a") && !graph.has_tag("z"));
}

#[test]
fn digests_that_are_only_mentioned_are_nodes_without_a_manifest() {
    let mut world = world();
    let (read, mentioned) = (world.digests[0].clone(), Digest::of(b"mentioned"));
    world.image(3).subject = Some(mentioned.clone());
    let graph = Graph::of(world.repository());
    assert_eq!(graph.nodes(), 0..6);
    assert!(graph.nodes().is_sorted_by_key(|node| graph.digest(node)));
    let manifest = |digest: &Digest| graph.manifest(graph.node(digest).unwrap());
    assert_eq!(manifest(&read).map(|manifest| &manifest.digest), Some(&read));
    assert!(manifest(&mentioned).is_none() && graph.node(&Digest::of(b"unheard of")).is_none());
    assert!(graph.contradictions().is_empty(), "a subject may be anywhere");
}

#[test]
fn what_was_not_read_contradicts_what_names_it() {
    let lost = Digest::of(b"lost");
    let parent = world().digests[2].clone();
    let tagged = format!("tag a points to {lost}, which was not read");
    let listed = format!("{parent} lists {lost}, which was not read");
    let missing = format!("{parent} was read and yet is listed as missing");
    type Row<'r> = (&'r str, fn(&mut World, Digest), &'r [&'r str]);
    let table: [Row<'_>; 6] = [
        ("nothing", |_, _| {}, &[]),
        ("a tag", |w, lost| w.repository().tags[1].digest = lost, &[&tagged]),
        ("a child", |w, lost| w.image(2).children = vec![lost], &[&listed]),
        (
            "both, of which the tag is told",
            |w, lost| {
                w.image(2).children = vec![lost.clone()];
                w.repository().tags[1].digest = lost;
            },
            &[&tagged],
        ),
        (
            "a child that is gone",
            |w, lost| {
                w.image(2).children = vec![lost.clone()];
                w.repository().missing.insert(lost);
            },
            &[],
        ),
        (
            "read and missing",
            |w, _| {
                let read = w.digests[2].clone();
                w.repository().missing.insert(read);
            },
            &[&missing],
        ),
    ];
    for (name, change, expected) in table {
        let mut world = world();
        change(&mut world, lost.clone());
        assert_eq!(world.contradictions(), expected, "{name}");
    }
}

/// Of two that contradict each other the same one stands for both in either order.
#[test]
fn what_is_told_twice_must_be_told_alike() {
    let mut world = world();
    let (image, tag) = (world.image(2).clone(), world.repository().tags[1].clone());
    world.repository().manifests.push(image.clone());
    world.repository().tags.push(tag.clone());
    assert_eq!(world.contradictions(), [""; 0]);
    world.repository().manifests.push(Manifest {
        size: 7,
        ..image.clone()
    });
    world.repository().tags.push(TagEntry { immutable: true, ..tag });
    let twice = [
        format!("{} is described twice, differently", image.digest),
        "tag a is listed twice, differently".to_owned(),
    ];
    assert_eq!(world.contradictions(), twice);
    let standing = |world: &mut World| {
        let graph = Graph::of(world.repository());
        let node = graph.node(&image.digest).unwrap();
        (graph.manifest(node).map(|manifest| manifest.size), graph.nodes().len())
    };
    let found = standing(&mut world);
    world.repository().manifests.reverse();
    world.repository().tags.reverse();
    assert_eq!((standing(&mut world), found), (found, (Some(0), 5)));
    assert_eq!(world.contradictions(), twice);
}

#[test]
fn who_is_attached_is_told_by_tags_first_and_then_by_digest() {
    let mut world = World::new(
        &[],
        "tags: [a]\nuntagged: true\nuntagged: true\ntags: [s1, s2]\nuntagged: true",
    );
    (1..3).for_each(|number| world.attach(number, 0));
    world.attach(3, 0);
    let hex = world.digests[0].hex().to_owned();
    world.repository().tags[1].name = format!("sha256-{hex}.sig").parse().unwrap();
    world.repository().tags[2].name = format!("sha256-{hex}.att").parse().unwrap();
    let digests = world.digests.clone();
    let graph = Graph::of(world.repository());
    let nodes = [0, 1, 2, 3].map(|number: usize| graph.node(&digests[number]).unwrap());
    let mut by_digest = vec![nodes[1], nodes[2]];
    by_digest.sort_unstable();
    assert_eq!(graph.referrers(nodes[0]), [[nodes[3]].as_slice(), &by_digest].concat());
    assert_eq!(graph.subjects(nodes[3]), [nodes[0]], "once, however often it is said");
}

#[test]
fn digests_that_begin_alike_are_nodes_apart() {
    let mut world = World::new(&[], "tags: [a]\nuntagged: true\nuntagged: true\nuntagged: true");
    let alike: Vec<Digest> = (0..4)
        .rev()
        .map(|last| format!("sha256:{last:064x}").parse().unwrap())
        .collect();
    for (number, digest) in alike.iter().enumerate() {
        world.image(number).digest = digest.clone();
    }
    world.repository().tags[0].digest = alike[0].clone();
    world.image(0).children = alike[1..].to_vec();
    world.image(1).children = vec![alike[3].clone()];
    let graph = Graph::of(world.repository());
    assert_eq!(graph.nodes(), 0..4);
    let nodes: Vec<Option<Node>> = alike.iter().map(|digest| graph.node(digest)).collect();
    assert_eq!(nodes, [Some(3), Some(2), Some(1), Some(0)]);
    assert_eq!((graph.children(3), graph.children(2)), (&[0, 1, 2][..], &[0][..]));
}
