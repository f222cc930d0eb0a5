//! Runs that come back exactly as they were.

use jettison_testkit::company::Company;
use jettison_testkit::pull::Puller;
use jettison_testkit::push::Pusher;
use jettison_testkit::registry::{Options, TestRegistry};
use jiff::Timestamp;
use serde_json::Value;

use crate::common::contents::{Contents, deletions, text};
use crate::common::desk::Desk;
use crate::world::{SIGNATURES, WEB, World, counts};

fn variants() -> [Options; 4] {
    [
        Options::default(),
        Options {
            referrers: true,
            ..Options::default()
        },
        Options {
            delete_tag: true,
            refuse_children: true,
            page_size: Some(3),
            ..Options::default()
        },
        Options {
            immutable_tags: vec!["v*".to_owned()],
            check_accept: false,
            ..Options::default()
        },
    ]
}

/// Indexes that share children, attestations, signatures here and elsewhere: manifests and tags are the same after.
#[tokio::test(flavor = "multi_thread")]
async fn all_that_a_run_took_comes_back_to_the_byte() {
    for options in variants() {
        let shown = format!("{options:?}");
        let (world, shapes) = World::with_shapes(options).await;
        let before = world.contents();
        let run = world.apply().await;
        assert!(!world.has(&shapes.index) && !world.has(&shapes.other) && world.has(&shapes.newer));
        assert!(world.registry.manifests(SIGNATURES).is_empty(), "{shown}");
        let report = world.undo(&[&run]).await.exits(0).json();
        assert_eq!(world.contents(), before, "{shown}");
        assert_eq!(counts(&report), (5, 0, 0), "{report}");
        for tag in [
            "old-1",
            "old-index",
            "old-index-too",
            "old-other",
            &shapes.signature_tag(),
        ] {
            world.puller.pull_whole(WEB, tag).await.unwrap();
        }
    }
}

/// Children before their index, subjects before what is attached: a registry that insists on it takes everything.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_listed_comes_first_and_what_is_attached_last() {
    let (world, shapes) = World::with_shapes(Options {
        referrers: true,
        ..Options::default()
    })
    .await;
    let run = world.apply().await;
    world.registry.clear_requests();
    world.undo(&[&run]).await.exits(0);
    let puts = world.puts();
    let place = |reference: &str| {
        let found = puts.iter().position(|path| path.ends_with(reference));
        found.unwrap_or_else(|| panic!("{reference} is not in {puts:?}"))
    };
    for child in &shapes.index.children {
        assert!(place(&child.digest) < place(&shapes.index.digest));
    }
    assert!(place(&shapes.index.digest) < place("/old-index"));
    assert!(place("/old-index-too") < place(&shapes.bundle.digest));
    assert!(place("/old-index") < place(&shapes.signature.digest));
    let again: Vec<&String> = puts
        .iter()
        .filter(|path| path.ends_with(&shapes.index.digest))
        .collect();
    assert_eq!(again.len(), 1, "each manifest is put once: {puts:?}");
}

/// A year of a company: whatever the standard policy takes, undo gives back exactly.
#[tokio::test(flavor = "multi_thread")]
async fn a_companys_registry_is_as_it_was() {
    for (seed, options) in (11..).zip(variants().into_iter().take(2)) {
        let registry = TestRegistry::start(options).await.unwrap();
        let desk = Desk::new(
            &registry.host(),
            "registries: [{ host: '{host}', expects: none, trust-created: true }]\nlimits: { max-share: 100% }\n",
        );
        let company = Company::year(60, Timestamp::now(), seed);
        company
            .fill(&Pusher::new(&registry.url()).unwrap(), |_, _| ())
            .await
            .unwrap();
        let before = Contents::of(&registry);
        let plan = desk.plan().await;
        let gone = deletions(&plan);
        assert!(gone.len() > 20, "{}", gone.len());
        let run = text(&desk.apply(&["--no-usage"]).await.exits(0).json()["run"]);
        assert_eq!(Contents::of(&registry), before.without(&plan));
        let undone = desk
            .run(&["undo", &run, "--yes", "--output", "json"])
            .await
            .exits(0)
            .json();
        assert_eq!(Contents::of(&registry), before);
        assert_eq!(
            put_back(&undone),
            gone.len(),
            "each manifest is told in one image at least"
        );
        let puller = Puller::new(&registry.url()).unwrap();
        for action in plan["actions"].as_array().unwrap() {
            let (name, digest) = (text(&action["repository"]), text(&action["digest"]));
            puller.pull_whole(&name, &digest).await.unwrap();
        }
        let history = desk.run(&["history", "--output", "json"]).await.exits(0).json();
        let [undo, apply] = [0, 1].map(|position| &history["runs"][position]);
        assert_eq!(
            (&undo["command"], &undo["plan"], &undo["restored"]),
            (&"undo".into(), &Value::Null, &gone.len().into())
        );
        assert_eq!((&apply["id"], &apply["deleted"]), (&run.into(), &gone.len().into()));
    }
}

/// Distinct manifests that came back.
fn put_back(report: &Value) -> usize {
    let images = report["images"].as_array().unwrap().iter();
    let manifests = images.flat_map(|image| image["manifests"].as_array().unwrap());
    let back = manifests.filter(|manifest| manifest["outcome"] == "restored");
    let places: std::collections::BTreeSet<_> = back
        .map(|manifest| (text(&manifest["repository"]), text(&manifest["digest"])))
        .collect();
    places.len()
}
