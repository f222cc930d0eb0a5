//! What a user does on ECR, from end to end: images that say of themselves that they stay, pull times, the archive, undo.

use jettison_testkit::aws::{Ecr, Fault, Policy, Status, TestAws};
use jettison_testkit::images::{Blob, Image, Index, Manifest, notation_signature};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::support::jettison::{Jettison, text, why_stays};
use crate::world::{ACCOUNT, REGION, REPOSITORY};

/// A registry of whose account nobody has to be asked.
struct Scene {
    aws: TestAws,
    user: Jettison,
}

impl Scene {
    async fn new(policies: &str) -> Self {
        let aws = TestAws::start().await.unwrap();
        let key = aws.user(ACCOUNT, "cleaner", Policy::everything());
        let user = Jettison::in_environment(aws.environment(&key, REGION));
        let host = aws.ecr(ACCOUNT, REGION).host();
        let rest = "grace: 0h\nlimits: { keep-at-least: 0, max-share: 100% }\n";
        user.write(
            "jettison.yaml",
            &format!("registries: [ {{ host: {host}, expects: none }} ]\n{rest}policies:\n{policies}"),
        );
        Self { aws, user }
    }

    fn registry(&self) -> Ecr {
        self.aws.ecr(ACCOUNT, REGION)
    }

    /// Pushes an image so many days ago.
    fn push(&self, days: i64, tags: &[&str], manifest: &Manifest) {
        let then = self.aws.now() - SignedDuration::from_hours(24 * days);
        self.aws
            .at(then, |aws| aws.ecr(ACCOUNT, REGION).push(REPOSITORY, tags, manifest));
    }

    /// Digests that the repository holds.
    fn has(&self, manifest: &Manifest) -> bool {
        self.registry().held(REPOSITORY, &manifest.digest).is_some()
    }

    fn status(&self, manifest: &Manifest) -> Status {
        self.registry().held(REPOSITORY, &manifest.digest).unwrap().status
    }

    fn run(&self, code: i32) -> Value {
        self.user.json("run --yes --no-usage", code)
    }
}

const EVERYTHING: &str = "- rules: [ { expire: { older-than: 1d } } ]\n";

#[tokio::test(flavor = "multi_thread")]
async fn what_no_scan_has_read_is_heard_before_it_goes() {
    let scene = Scene::new(EVERYTHING).await;
    let labelled = Image::new(1).label("io.jettison.keep", "true").build();
    let annotated = Image::new(2).annotation("io.jettison.keep", "true").build();
    let says_no = Image::new(3).label("io.jettison.keep", "false").build();
    // The index says what all its images say.
    let both = [4, 5].map(|seed| Image::new(seed).label("io.jettison.keep", "true").build());
    let one = [
        Image::new(6).label("io.jettison.keep", "true").build(),
        Image::new(7).build(),
    ];
    let (both, one) = (Index::new().children(both).build(), Index::new().children(one).build());
    for (tag, image) in [
        ("a", &labelled),
        ("b", &annotated),
        ("c", &says_no),
        ("d", &both),
        ("e", &one),
    ] {
        scene.push(10, &[tag], image);
    }
    scene.run(3);
    assert!(scene.has(&labelled) && scene.has(&annotated) && scene.has(&both));
    assert!(both.children.iter().all(|child| scene.has(child)));
    assert!(
        !scene.has(&says_no) && !scene.has(&one),
        "only one of its images says so"
    );
    // Now they are known, so that the next plan keeps them, and says why.
    let plan = scene.user.json("plan", 0);
    assert_eq!(["a", "b", "d"].map(|tag| why_stays(&plan, tag)), ["protected"; 3]);
    scene.run(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_reads_indexes_alone_and_each_once_and_that_counts_as_no_pull() {
    let scene = Scene::new("- rules: [ { expire: { not-pulled-for: 30d } } ]\n").await;
    let platforms = [1, 2].map(|seed| Image::new(seed).build());
    let index = Index::new().children(platforms).build();
    scene.push(100, &["index"], &index);
    for number in 0..20 {
        scene.push(100, &[&format!("plain-{number}")], &Image::new(100 + number).build());
    }
    let fresh = Image::new(50).build();
    scene.push(100, &["pulled"], &fresh);
    let lately = scene.aws.now() - SignedDuration::from_hours(24 * 3);
    scene.registry().set_pulled_at(REPOSITORY, &fresh.digest, Some(lately));
    // The clock of AWS goes on with that of the scan.
    scene.aws.set_now(Timestamp::now());
    scene.user.json("scan", 0);
    scene.user.json("scan", 0);
    let read: Vec<Value> = scene
        .aws
        .requests()
        .into_iter()
        .filter(|request| request.action == "ecr:BatchGetImage")
        .map(|request| request.input["imageIds"].clone())
        .collect();
    assert_eq!(read, [serde_json::json!([{"imageDigest": index.digest}])]);
    let pulled = scene.registry().held(REPOSITORY, &index.digest).unwrap().pulled_at;
    assert!(pulled.is_some_and(|pulled| pulled > lately), "AWS takes it for a pull");
    scene.run(0);
    assert!(!scene.has(&index), "our own reading kept it");
    assert!(scene.has(&fresh));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_archived_comes_back_and_is_deleted_only_after_its_minimum() {
    let scene = Scene::new(
        "- archive-anyway: true\n  rules: [ { match: { tags: [\"old-*\"] }, expire: { older-than: 30d }, action: archive } ]\n",
    )
    .await;
    let (old, new) = (Image::new(1).build(), Image::new(2).build());
    let index = Index::new()
        .children([3, 4].map(|seed| Image::new(seed).build()))
        .build();
    scene.push(100, &["old-1"], &old);
    scene.push(100, &["old-2"], &index);
    scene.push(100, &["new"], &new);
    scene.aws.set_now(Timestamp::now());
    let report = scene.run(0);
    assert_eq!(
        (&report["archived"], &report["deleted"]),
        (&4.into(), &0.into()),
        "{report}"
    );
    assert_eq!(
        [&old, &index, &new].map(|image| scene.status(image)),
        [Status::Archived, Status::Archived, Status::Active]
    );
    assert!(
        index
            .children
            .iter()
            .all(|child| scene.status(child) == Status::Archived)
    );
    // There is nothing left to do, and a rule that deletes waits for the minimum that is paid for in any case.
    scene.run(0);
    let host = scene.registry().host();
    scene.user.write(
        "delete.yaml",
        &format!("registries: [ {{ host: {host}, expects: none }} ]\ngrace: 0h\nlimits: {{ keep-at-least: 0, max-share: 100% }}\npolicies:\n- rules: [ {{ match: {{ tags: [\"old-*\"] }}, expire: {{ older-than: 30d }} }} ]\n"),
    );
    let plan = scene.user.json("plan --config delete.yaml", 0);
    assert_eq!(why_stays(&plan, "old-1"), "archive-minimum", "{plan}");
    let run = text(&report["run"]);
    scene.user.json(&format!("undo {run} --yes"), 0);
    for image in [&old, &index] {
        assert_ne!(scene.status(image), Status::Archived);
    }
    scene.aws.advance(SignedDuration::from_hours(1));
    assert_eq!(scene.status(&old), Status::Active);
    assert_eq!(scene.registry().tags(REPOSITORY)["old-1"], old.digest);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_comes_back_with_its_tags_until_ecr_cleans_up() {
    let scene = Scene::new(EVERYTHING).await;
    let index = Index::new()
        .children([1, 2].map(|seed| Image::new(seed).build()))
        .build();
    let image = Image::new(3).build();
    scene.push(10, &["multi", "latest"], &index);
    scene.push(10, &["plain"], &image);
    let tags = scene.registry().tags(REPOSITORY);
    let report = scene.run(0);
    assert!(!scene.has(&index) && !scene.has(&image));
    let run = text(&report["run"]);
    scene.user.json(&format!("undo {run} --yes"), 0);
    assert!(scene.has(&index) && scene.has(&image) && index.children.iter().all(|child| scene.has(child)));
    assert_eq!(scene.registry().tags(REPOSITORY), tags);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_archived_by_others_and_never_read_is_no_reason_to_lose_anything() {
    let scene = Scene::new(EVERYTHING).await;
    let index = Index::new()
        .children([1, 2].map(|seed| Image::new(seed).build()))
        .build();
    scene.push(10, &["multi"], &index);
    assert!(scene.registry().archive(REPOSITORY, &index.digest));
    let before = scene.registry().images(REPOSITORY).len();
    let plan = scene.user.json("plan", 5);
    let told = plan.to_string();
    assert!(told.contains("is archived and was never read"), "{told}");
    scene.user.run("run --yes --no-usage");
    assert_eq!(scene.registry().images(REPOSITORY).len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_saved_stays_and_holds_up_nothing_else() {
    let scene = Scene::new(EVERYTHING).await;
    let (archived, plain) = (Image::new(1).build(), Image::new(2).build());
    scene.push(200, &["archived"], &archived);
    scene.push(200, &["plain"], &plain);
    let long_ago = scene.aws.now() - SignedDuration::from_hours(24 * 100);
    scene.aws.at(long_ago, |aws| {
        assert!(aws.ecr(ACCOUNT, REGION).archive(REPOSITORY, &archived.digest));
    });
    let report = scene.run(3);
    assert!(scene.has(&archived) && !scene.has(&plain));
    assert_eq!(
        (&report["blocked"], &report["deleted"]),
        (&1.into(), &1.into()),
        "{report}"
    );
    assert!(
        report.to_string().contains("cannot be read before it is brought back"),
        "{report}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_speaks_by_all_its_images_those_that_stay_included() {
    let scene =
        Scene::new("- rules: [ { match: { tags: [\"multi\", \"other\"] }, expire: { older-than: 1d } } ]\n").await;
    let says = |seed| Image::new(seed).label("io.jettison.keep", "true").build();
    let keeps = Index::new().children([says(1), says(2)]).build();
    let mixed = Index::new().children([says(3), Image::new(4).build()]).build();
    for (tag, index) in [("multi", &keeps), ("other", &mixed)] {
        scene.push(10, &[tag], index);
        // Each platform has a tag that no rule speaks of.
        for (number, child) in index.children.iter().enumerate() {
            scene.push(10, &[&format!("{tag}-{number}")], child);
        }
    }
    scene.run(3);
    assert!(scene.has(&keeps) && !scene.has(&mixed));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_heard_may_say_that_it_stays() {
    let scene =
        Scene::new("- rules: [ { match: { tags: [\"multi\", \"plain\"] }, expire: { older-than: 1d } } ]\n").await;
    let index = Index::new()
        .children([1, 2].map(|seed| Image::new(seed).build()))
        .build();
    let plain = Image::new(3).build();
    scene.push(10, &["multi"], &index);
    scene.push(10, &["amd64"], &index.children[0]);
    scene.push(10, &["plain"], &plain);
    let silent = index.children[0].config_digest.clone().unwrap();
    scene.aws.fail(
        Fault::error(403, "AccessDeniedException")
            .on("ecr:GetDownloadUrlForLayer")
            .about(&silent),
    );
    let report = scene.run(4);
    assert!(scene.has(&index) && !scene.has(&plain), "{report}");
    assert!(report.to_string().contains("may say that it stays"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_since_the_plan_keeps_what_it_needs() {
    let scene = Scene::new(EVERYTHING).await;
    let [signed, listed, plain] = [1, 2, 3].map(|seed| Image::new(seed).build());
    for (tag, image) in [("signed", &signed), ("listed", &listed), ("plain", &plain)] {
        scene.push(10, &[tag], image);
    }
    scene.user.json("plan --out plan.json", 0);
    let registry = scene.registry();
    registry.push(REPOSITORY, &[], &notation_signature(&signed));
    registry.push(REPOSITORY, &[], &Index::new().child(listed.clone()).build());
    let report = scene.user.json("apply plan.json --yes --no-usage", 4);
    assert!(
        scene.has(&signed) && scene.has(&listed) && !scene.has(&plain),
        "{report}"
    );
    for said in [
        "is attached to it since the plan",
        "it belongs to what the registry lists by now",
    ] {
        assert!(report.to_string().contains(said), "{said}: {report}");
    }
    assert_eq!(scene.aws.count("ecr:ListImageReferrers"), 0, "the list tells it");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_counts_images_whole_until_their_layers_are_read() {
    let scene = Scene::new(EVERYTHING).await;
    let base = Blob::random(1, 40_000);
    let images = [10, 11, 12].map(|seed| Image::new(seed).layer(base.clone()).layers(&[1_000]).build());
    for (tag, image) in ["a", "b", "c"].into_iter().zip(&images) {
        scene.push(10, &[tag], image);
    }
    let totals = |more: &str| scene.user.json(&format!("audit --price ecr {more}"), 0)["registries"][0].clone();
    let listed = totals("");
    assert_eq!(listed["sharing"], "repository");
    assert_eq!(listed["totals"]["at_most"], true, "{listed}");
    assert!(listed["because"].to_string().contains("--layers"), "{listed}");
    assert!(listed["totals"]["stored_bytes"].as_u64().unwrap() > 3 * 40_000);
    let read = totals("--layers");
    assert_eq!(
        (&read["totals"]["at_least"], &read["totals"]["at_most"]),
        (&false.into(), &false.into()),
        "{read}"
    );
    // Every manifest and every blob once, as the images themselves say.
    let mut sizes = std::collections::BTreeMap::new();
    for image in &images {
        sizes.insert(image.digest.clone(), image.bytes.len() as u64);
        sizes.extend(
            image
                .blobs
                .iter()
                .map(|blob| (blob.digest().to_owned(), blob.bytes().len() as u64)),
        );
    }
    assert_eq!(read["totals"]["stored_bytes"], sizes.values().sum::<u64>(), "{read}");
    // What was read once is known: the next audit needs not ask for it.
    assert_eq!(totals("")["totals"]["stored_bytes"], read["totals"]["stored_bytes"]);
}
