//! What belongs together goes together, in the right order, and is in the journal to the byte.

use std::collections::BTreeMap;

use jettison::store::Store;
use jettison_testkit::images::{
    Attestation, Cosign, Image, Index, Manifest, attestation, cosign, cosign_tag, fallback_tag, sigstore_bundle,
};
use jettison_testkit::registry::{Fault, Options};

use crate::common::contents::{Contents, deletions};
use crate::world::{WEB, World, image, outcomes};

fn platform(seed: u64, platform: &str) -> Manifest {
    Image::new(seed)
        .platform(platform)
        .created("2025-01-01T00:00:00Z")
        .build()
}

/// An index of two images with an attestation, and one of its children in an index that stays.
struct Family {
    own: Manifest,
    shared: Manifest,
    index: Manifest,
    newer: Manifest,
}

impl Family {
    fn new() -> Self {
        let (own, shared) = (platform(10, "linux/amd64"), platform(11, "linux/arm64"));
        let index = Index::new()
            .children([own.clone(), attestation(&own, Attestation::AsImage), shared.clone()])
            .build();
        let newer = Index::new()
            .children([platform(12, "linux/amd64"), shared.clone()])
            .build();
        Self {
            own,
            shared,
            index,
            newer,
        }
    }

    async fn push(&self, world: &World) {
        world.push(&["old-index"], &self.index).await;
        world.push(&["keep-index"], &self.newer).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_goes_before_its_children_and_shared_children_stay() {
    for refuse_children in [true, false] {
        let world = World::start(Options {
            refuse_children,
            ..Options::default()
        })
        .await;
        let family = Family::new();
        family.push(&world).await;
        let before = Contents::of(&world.registry);
        let plan = world.desk.plan().await;
        assert!(!deletions(&plan).contains(&family.shared.digest));
        world.desk.apply(&[]).await.exits(0);
        assert_eq!(Contents::of(&world.registry), before.without(&plan));
        let order = world.deletes();
        let at = |manifest: &Manifest| order.iter().position(|path| path.ends_with(&manifest.digest)).unwrap();
        assert!(at(&family.index) < at(&family.own), "{order:?}");
        world.puller.pull_whole(WEB, "keep-index").await.unwrap();
        world.registry.collect_garbage();
        world.puller.pull_whole(WEB, "keep-index").await.unwrap();
    }
}

/// What was to go along with a root that could not go stays whole with it, its signature too.
#[tokio::test(flavor = "multi_thread")]
async fn where_an_index_is_refused_everything_that_belongs_to_it_stays() {
    for referrers in [true, false] {
        let world = World::start(Options {
            referrers,
            ..Options::default()
        })
        .await;
        let family = Family::new();
        family.push(&world).await;
        let bundle = sigstore_bundle(&family.index, "2026-01-01T00:00:00Z");
        let of_child = cosign(&family.own.digest, Cosign::Signature);
        world.pusher.push_referrer(WEB, &bundle).await.unwrap();
        world
            .push(&[&cosign_tag(&family.own.digest, Cosign::Signature)], &of_child)
            .await;
        let plan = world.desk.plan().await;
        for manifest in [&family.index, &family.own, &bundle, &of_child] {
            assert!(
                deletions(&plan).contains(&manifest.digest),
                "the plan lets all of it go"
            );
        }
        let refused = format!("/v2/{WEB}/manifests/{}", family.index.digest);
        world.registry.fail(Fault::status(403).method("DELETE").path(&refused));
        let ended = world.desk.apply(&[]).await.exits(4);
        for manifest in [&family.index, &family.own, &bundle, &of_child] {
            assert!(world.has(manifest), "{}", ended.stdout);
        }
        assert_eq!(outcomes(&ended)[&family.index.digest].0, "failed");
        assert_eq!(outcomes(&ended)[&family.own.digest].0, "left");
        world.puller.pull_whole(WEB, "old-index").await.unwrap();
        assert!(!world.has(&image(1)), "what does not belong to it goes");
    }
}

/// Signatures by API, by fallback tag and by cosign's tag go with their image, and their tags with them.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_attached_goes_along_and_leaves_no_tag_behind() {
    for referrers in [true, false] {
        let world = World::start(Options {
            referrers,
            ..Options::default()
        })
        .await;
        for subject in [image(0), image(1)] {
            let bundle = sigstore_bundle(&subject, "2026-01-01T00:00:00Z");
            world.pusher.push_referrer(WEB, &bundle).await.unwrap();
            let signature = cosign(&subject.digest, Cosign::Signature);
            world
                .push(&[&cosign_tag(&subject.digest, Cosign::Signature)], &signature)
                .await;
        }
        world.desk.plan().await;
        world.desk.apply(&[]).await.exits(0);
        let mut expected = vec!["keep".to_owned(), cosign_tag(&image(0).digest, Cosign::Signature)];
        expected.extend((!referrers).then(|| fallback_tag(&image(0).digest)));
        expected.sort();
        let left: Vec<String> = world.registry.tags(WEB).into_keys().collect();
        assert_eq!(left, expected);
        assert!(world.has(&sigstore_bundle(&image(0), "2026-01-01T00:00:00Z")));
        assert!(!world.has(&sigstore_bundle(&image(1), "2026-01-01T00:00:00Z")));
    }
}

/// Images are signed after they were pushed, and a scan may come in between.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_was_signed_after_the_first_scan_can_go_with_its_signature() {
    for referrers in [false, true] {
        let world = World::start(Options {
            referrers,
            ..Options::default()
        })
        .await;
        world.desk.run(&["scan"]).await.exits(0);
        let bundle = sigstore_bundle(&image(1), "2025-01-01T00:00:00Z");
        world.pusher.push_referrer(WEB, &bundle).await.unwrap();
        // A signature is not an arrival: with `grace` at its shortest nothing holds the image for long.
        let config = std::fs::read_to_string(world.desk.path("jettison.yaml")).unwrap();
        world.desk.write("jettison.yaml", &format!("{config}grace: 0h\n"));
        world.desk.plan().await;
        let mut ended = world.desk.apply(&[]).await;
        if referrers {
            // What is attached without a tag shows only to whoever asks about that image, and only an apply asks again
            // about one that is known: it leaves the image, and the next plan knows the signature.
            assert_eq!(
                (ended.code, world.has(&image(1)), world.has(&bundle)),
                (4, true, true),
                "{}",
                ended.stdout
            );
            world.desk.plan().await;
            ended = world.desk.apply(&[]).await;
        }
        assert_eq!(
            (ended.code, world.has(&image(1)), world.has(&bundle)),
            (0, false, false),
            "referrers API {referrers}: {}",
            ended.stdout
        );
    }
}

/// The first entry that a digest has in the journal, with the bytes.
#[tokio::test(flavor = "multi_thread")]
async fn the_journal_holds_the_exact_bytes_of_everything_deleted() {
    let world = World::start(Options::default()).await;
    let family = Family::new();
    family.push(&world).await;
    let docker = Image::new(60).docker().created("2025-01-01T00:00:00Z").build();
    world.push(&["old-docker", "old-docker-too"], &docker).await;
    let bundle = sigstore_bundle(&image(1), "2026-01-01T00:00:00Z");
    world.pusher.push_referrer(WEB, &bundle).await.unwrap();
    let plan = world.desk.plan().await;
    let pushed: BTreeMap<String, Vec<u8>> = deletions(&plan)
        .into_iter()
        .map(|digest| (digest.clone(), world.registry.manifest(WEB, &digest).unwrap().to_vec()))
        .collect();
    assert!(pushed.len() >= 8, "{}", pushed.len());
    let report = world.desk.apply(&[]).await.exits(0).json();
    let store = Store::open(world.desk.state()).await.unwrap();
    let run = store.run(report["run"].as_str().unwrap()).await.unwrap().unwrap();
    assert_eq!(run.entries.len(), pushed.len());
    let media_types = BTreeMap::from([
        (&docker.digest, &docker.media_type),
        (&family.index.digest, &family.index.media_type),
    ]);
    for entry in &run.entries {
        let digest = entry.digest.to_string();
        let saved = store.saved_manifest(entry.id).await.unwrap();
        assert_eq!(saved.bytes, pushed[&digest]);
        if let Some(media_type) = media_types.get(&digest) {
            assert_eq!(&saved.media_type, *media_type);
        }
        if digest == docker.digest {
            let tags: Vec<&str> = entry.tags.iter().map(|tag| tag.as_str()).collect();
            assert_eq!(tags, ["old-docker", "old-docker-too"]);
        }
        if digest == image(1).digest {
            assert!(
                entry
                    .referrers
                    .iter()
                    .any(|referrer| referrer.to_string() == bundle.digest),
                "{entry:?}"
            );
        }
        if digest == family.own.digest {
            assert_eq!(entry.root.to_string(), family.index.digest);
        }
    }
    store.close().await;
    let shown = world.desk.latest_run().await;
    assert_eq!(shown["actions"].as_array().unwrap().len(), pushed.len());
    assert!(
        shown["actions"]
            .as_array()
            .unwrap()
            .iter()
            .all(|action| action["outcome"] == "done")
    );
}

/// Somebody noticed, and pushed the same image again under the same tag: that is an arrival.
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_back_after_a_delete_is_new() {
    let world = World::start(Options::default()).await;
    world.desk.plan().await;
    world.desk.apply(&[]).await.exits(0);
    assert!(!world.has(&image(1)));
    world.push(&["old-1"], &image(1)).await;
    let plan = world.desk.plan().await;
    assert_eq!(plan["actions"], serde_json::json!([]), "{plan}");
    let kept = plan["kept"].as_array().unwrap();
    let entry = kept.iter().find(|kept| kept["tag"] == "old-1").unwrap();
    assert_eq!(entry["reason"]["hold"], "grace", "{entry}");
}

/// The signature of an image may lie in another repository. It goes in the same run, after the image.
#[tokio::test(flavor = "multi_thread")]
async fn a_signature_in_another_repository_goes_after_its_image() {
    let world = World::start(Options::default()).await;
    let policy = "
policies:
  - name: test
    rules:
      - { name: orphans, match: { kinds: [orphan] }, expire: { older-than: 0h } }
      - { name: old, match: { tags: ['old-*'], kinds: [image] }, expire: { older-than: 30d } }
grace: 0h
limits: { max-share: 100%, keep-at-least: 0 }
registries: [ { host: '{host}', expects: none, trust-created: true } ]
";
    world.desk.write("policy.yaml", policy);
    let mut tags = Vec::new();
    for number in [0, 1] {
        let tag = cosign_tag(&image(number).digest, Cosign::Signature);
        let signature = cosign(&image(number).digest, Cosign::Signature);
        // A repository whose name sorts before that of the images: it must wait for them all the same.
        world
            .pusher
            .push("apps/aaa-signatures", &[&tag], &signature)
            .await
            .unwrap();
        tags.push(tag);
    }
    let ended = world
        .desk
        .run(&["run", "--yes", "--policy", "policy.yaml", "--output", "json"])
        .await;
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let left: Vec<String> = world.registry.tags("apps/aaa-signatures").into_keys().collect();
    assert_eq!(
        left,
        [tags[0].clone()],
        "the signature of what stays, stays: {}",
        ended.stdout
    );
    let again = world
        .desk
        .run(&["plan", "--policy", "policy.yaml", "--output", "json"])
        .await
        .json();
    assert_eq!(
        again["actions"],
        serde_json::json!([]),
        "planning again deletes nothing more"
    );
}

/// More than is written to the journal at once, and all of it hangs together.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_of_many_children_is_in_the_journal_before_any_of_it_goes() {
    let world = World::start(Options::default()).await;
    let children: Vec<Manifest> = (100..250).map(|seed| platform(seed, "linux/amd64")).collect();
    let index = Index::new().children(children).build();
    world.push(&["old-index"], &index).await;
    let plan = world.desk.plan().await;
    let delete = format!("/v2/{WEB}/manifests/{}", index.digest);
    world.registry.fail(Fault::status(403).method("DELETE").path(&delete));
    world.desk.apply(&[]).await.exits(4);
    let run = world.desk.latest_run().await;
    let journalled = run["actions"].as_array().unwrap().len();
    assert_eq!(journalled, deletions(&plan).len());
    world.puller.pull_whole(WEB, "old-index").await.unwrap();
    world.registry.clear_faults();
    let report = world.desk.apply(&[]).await.exits(0).json();
    assert_eq!(report["deleted"], 151);
    let run = report["run"].as_str().unwrap();
    world.desk.run(&["undo", run, "--yes"]).await.exits(0);
    world.puller.pull_whole(WEB, "old-index").await.unwrap();
}
