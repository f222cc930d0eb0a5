//! One image out of a run, with what belongs to it and nothing else.

use jettison_testkit::images::{Manifest, cosign_referrer};
use jettison_testkit::registry::Options;

use crate::world::{CONFIG, SIGNATURES, Shapes, WEB, World, counts, image, told};

/// What of the shapes is there, and whether the plain images are.
fn there(world: &World, shapes: &Shapes) -> [bool; 5] {
    [
        world.has(&shapes.index),
        world.has(&shapes.other),
        world.has(&shapes.bundle),
        world.tag(&shapes.signature_tag()).is_some(),
        world.registry.manifests(SIGNATURES).contains(&shapes.elsewhere.digest),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_named_by_tag_by_digest_by_a_child_or_by_what_is_attached() {
    let whole = [true, false, true, true, true];
    let both = [true, true, true, true, true];
    let names = |shapes: &Shapes| {
        let by_digest = |manifest: &Manifest| format!("{{host}}/{WEB}@{}", manifest.digest);
        let [own, attested, shared] = [0, 1, 2].map(|child| by_digest(&shapes.index.children[child]));
        [
            (format!("{{host}}/{WEB}:old-index"), whole),
            (format!("{{host}}/{WEB}:old-index-too"), whole),
            (by_digest(&shapes.index), whole),
            (own, whole),
            (attested, whole),
            // Two indexes list it, and both went.
            (shared, both),
            (by_digest(&shapes.bundle), whole),
            (format!("{{host}}/{SIGNATURES}:{}", shapes.signature_tag()), whole),
            (format!("{{host}}/{WEB}:old-other"), [false, true, false, false, false]),
        ]
    };
    let (world, shapes) = World::with_shapes(Options {
        referrers: true,
        ..Options::default()
    })
    .await;
    let before = world.contents();
    let run = world.apply().await;
    assert_eq!(there(&world, &shapes), [false; 5]);
    let state = tempfile::tempdir().unwrap();
    copy(&world.desk.state(), state.path());
    for (name, expected) in names(&shapes) {
        let report = world.undo(&[&name]).await.exits(0).json();
        assert_eq!(there(&world, &shapes), expected, "{name} {report}");
        assert!(!world.has(&image(1)), "{name}: nothing of the rest");
        if expected[0] {
            world.puller.pull_whole(WEB, "old-index").await.unwrap();
            assert_eq!(told(&report, &shapes.index)["outcome"], "restored");
            assert!(world.tag("old-index").is_some() && world.tag("old-index-too").is_some());
        }
        // Taken once more, behind the program's back.
        for manifest in [
            &shapes.index,
            &shapes.other,
            &shapes.bundle,
            &shapes.signature,
            &shapes.elsewhere,
        ] {
            for manifest in manifest.all() {
                if !shapes.newer.all().iter().any(|kept| kept.digest == manifest.digest) {
                    world.registry.remove_manifest(WEB, &manifest.digest);
                    world.registry.remove_manifest(SIGNATURES, &manifest.digest);
                }
            }
        }
        copy(state.path(), &world.desk.state());
    }
    let two = [format!("{{host}}/{WEB}:old-1"), format!("{{host}}/{WEB}:old-2")];
    let report = world.undo(&[&two[0], &two[1]]).await.exits(0).json();
    assert_eq!(counts(&report), (2, 0, 0));
    assert!(world.has(&image(1)) && world.has(&image(2)) && !world.has(&image(3)));
    world.undo(&[&run]).await.exits(0);
    assert_eq!(world.contents(), before);
}

/// What the program remembers, as it was.
fn copy(from: &std::path::Path, to: &std::path::Path) {
    for file in std::fs::read_dir(to).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_was_taken_off_an_image_that_stayed_comes_back() {
    let world = World::start(Options {
        delete_tag: true,
        ..Options::default()
    })
    .await;
    world.push(&["old-name", "stays"], &image(7)).await;
    let before = world.contents();
    let run = world.apply().await;
    assert!(world.has(&image(7)) && world.tag("old-name").is_none());
    let report = world.undo(&[&format!("{{host}}/{WEB}:old-name")]).await.exits(0).json();
    assert_eq!(counts(&report), (1, 0, 0));
    assert_eq!(world.tag("old-name"), Some(image(7).digest));
    assert!(!world.has(&image(1)));
    world.undo(&[&run]).await.exits(0);
    assert_eq!(world.contents(), before);
}

/// What the index lists went later, with another one: it comes back too, without the other one.
#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_a_later_run_took_comes_back_with_the_index() {
    let (world, shapes) = World::with_shapes(Options::default()).await;
    world.push(&["old-newer"], &shapes.newer).await;
    world.registry.remove_tag(WEB, "newer");
    let protected = format!("{CONFIG}protect: ['{{host}}/{WEB}:old-newer']\n");
    world.desk.write("jettison.yaml", &protected);
    let first = world.apply().await;
    // `old-newer` goes as well now, and with it the child that `old-other` shares with it.
    world.desk.write("jettison.yaml", CONFIG);
    world.apply().await;
    assert!(!world.has(&shapes.newer) && !world.has(&shapes.newer.children[0]));
    let report = world.undo(&[&first]).await.exits(0).json();
    assert_eq!(counts(&report), (5, 0, 0), "{report}");
    world.puller.pull_whole(WEB, "old-other").await.unwrap();
    assert!(!world.has(&shapes.newer) && !world.has(&shapes.newer.children[1]));
}

/// What a signature belongs to went with an earlier run: it comes back too, if it still can.
#[tokio::test(flavor = "multi_thread")]
async fn the_subject_that_an_earlier_run_took_comes_back_if_it_can() {
    for collected in [false, true] {
        let world = World::start(Options::default()).await;
        let signature = cosign_referrer(&image(1));
        world.apply().await;
        assert!(!world.has(&image(1)));
        // An orphan by now, with a tag of the rule.
        world.push(&["old-signature"], &signature).await;
        world.desk.write(
            "jettison.yaml",
            &CONFIG
                .replace("older-than: 30d", "beyond-newest: 0")
                .replace("policies", "grace: 0d\npolicies"),
        );
        let run = world.apply().await;
        assert!(!world.has(&signature));
        if collected {
            world.registry.remove_blob(WEB, image(1).blobs[0].digest());
        }
        world.undo(&[&run]).await.exits(0);
        assert_eq!(world.tag("old-signature"), Some(signature.digest.clone()));
        assert_eq!((world.has(&image(1)), world.tag("old-1")), (!collected, None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_neither_a_run_nor_was_removed_is_refused_with_a_hint() {
    let world = World::start(Options::default()).await;
    let run = world.apply().await;
    for (argument, why) in [
        ("Not A Run", "neither a run nor an image"),
        ("", "neither a run nor an image"),
        ("20261", "too short for the id of a run: give at least 6 characters"),
        ("20201010-000000-0000", "no run in the journal has removed"),
        ("{host}/apps/web:keep", "no run in the journal has removed"),
        ("{host}/apps/web:nobody", "no run in the journal has removed"),
        ("{host}/apps/elsewhere:old-1", "no run in the journal has removed"),
    ] {
        world.undo(&[argument]).await.exits(2).says(why);
        world.undo(&[&run, argument]).await.exits(2).says(why);
        assert!(!world.has(&image(1)), "nothing is done before all of it is understood");
    }
    world.desk.run(&["undo", &run]).await.exits(2).says("--yes");
    world.desk.run(&["undo"]).await.exits(2);
    let undo = crate::common::contents::text(&world.undo(&[&run]).await.exits(0).json()["run"]);
    world.undo(&[&undo]).await.exits(2).says("is itself an undo");
    world
        .undo(&[&run[..6]])
        .await
        .exits(2)
        .says("more than one run begins with");
}

/// The registry has another name in the configuration.
#[tokio::test(flavor = "multi_thread")]
async fn an_alias_of_the_registry_is_understood() {
    let world = World::start(Options::default()).await;
    world.apply().await;
    let host = "host: '{host}', aliases: [registry.internal]";
    world
        .desk
        .write("jettison.yaml", &CONFIG.replace("host: '{host}'", host));
    world.undo(&["registry.internal/apps/web:old-1"]).await.exits(0);
    assert!(world.has(&image(1)) && !world.has(&image(2)));
}
