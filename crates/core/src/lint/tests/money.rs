//! Where money is wasted: each finding where it is due, and close by where it is not.

use super::{REST, findings, images, in_web, policy, scan, told};
use crate::lint::{Code, Finding};
use crate::model::{Blob, Digest, Gap, Inventory, Manifest, TagEntry};

const BUILDS: &str = "name: builds, match: { tags: [\"main-*\"] }, expire: { older-than: 30d }";

/// Those of one code.
fn of(code: Code, findings: Vec<Finding>) -> Vec<Finding> {
    findings.into_iter().filter(|finding| finding.code == code).collect()
}

/// Images that arrived a number of days ago.
pub(super) fn arrived(tag: &str, days: impl IntoIterator<Item = usize>) -> String {
    days.into_iter()
        .map(|day| format!("tags: [{tag}-{day}], pushed: {day}d ago, size: 10MB\n"))
        .collect()
}

/// Ten in each of the last three months of 365/12 days.
pub(super) fn thirty() -> impl Iterator<Item = usize> {
    (0..30).map(|at| at * 3 + 1)
}

fn orphans(count: usize) -> Inventory {
    let mut inventory = scan(&[("web", &"kind: orphan, pushed: 40d ago, size: 1kB\n".repeat(count))]);
    let repository = &mut inventory.repositories[0];
    for orphan in &repository.manifests {
        let subject = orphan.subject.clone().unwrap().to_string().replace(':', "-");
        repository.tags.push(TagEntry {
            name: format!("{subject}.sig").parse().unwrap(),
            digest: orphan.digest.clone(),
            updated_at: None,
            immutable: false,
        });
    }
    inventory
}

#[test]
fn tags_that_pile_up_are_told_by_their_shape_with_their_bytes() {
    let found = of(
        Code::PilingTags,
        findings(
            &policy(&[BUILDS]),
            &scan(&[("web", &images("build", 20, ", size: 10MB"))]),
        ),
    );
    assert_eq!(told(&found), ["piling-tags warning p 20"]);
    assert_eq!(
        found[0].message,
        "20 tags of the shape `build-*` (20) pile up in r.example/web: no rule of policy `p` reaches them"
    );
    assert!(
        found[0]
            .bytes
            .is_some_and(|bytes| (200_000_000..200_100_000).contains(&bytes)),
        "{:?}",
        found[0].bytes
    );
    let silent = |images: &[(&str, &str)]| of(Code::PilingTags, findings(&policy(&[BUILDS]), &scan(images)));
    let (few, some) = (images("build", 19, ""), images("other", 10, ""));
    assert_eq!(silent(&[("web", &few)]), []);
    assert_eq!(
        silent(&[("api", &some), ("web", &some)]),
        [],
        "a pile lies in one repository"
    );
    assert_eq!(silent(&[("web", &images("main", 40, ""))]), [], "a rule reaches them");
}

#[test]
fn signatures_without_their_image_pile_up_sooner() {
    let rule = "name: orphans, match: { kinds: [orphan] }, expire: { older-than: 7d }";
    let found = of(Code::PilingTags, findings(&policy(&[BUILDS]), &orphans(5)));
    assert_eq!(told(&found), ["piling-tags warning p 5"]);
    assert!(
        found[0]
            .message
            .starts_with("5 tags of the shape `sha256-*.sig` (5) pile up"),
        "{}",
        found[0].message
    );
    assert_eq!(of(Code::PilingTags, findings(&policy(&[BUILDS]), &orphans(4))), []);
    assert_eq!(of(Code::PilingTags, findings(&policy(&[rule]), &orphans(5))), []);
}

/// What something else holds too is not wasted on the pile.
#[test]
fn bytes_are_those_that_nothing_else_holds() {
    let mut inventory = scan(&[(
        "web",
        &format!("{}tags: [main-1], pushed: 1d ago", images("build", 20, "")),
    )]);
    let shared = Blob {
        digest: Digest::of(b"base"),
        size: 7_000_000,
    };
    let pile = |inventory: &Inventory| {
        of(Code::PilingTags, findings(&policy(&[BUILDS]), inventory))[0]
            .bytes
            .unwrap()
    };
    let bare = pile(&inventory);
    let repository = &mut inventory.repositories[0];
    let kept = repository
        .tags
        .iter()
        .find(|tag| tag.name.as_str() == "main-1")
        .unwrap()
        .digest
        .clone();
    for manifest in repository
        .manifests
        .iter_mut()
        .filter(|manifest| manifest.digest != kept)
    {
        manifest.blobs.push(shared.clone());
    }
    assert_eq!(pile(&inventory), bare + 7_000_000, "once, however many builds have it");
    for manifest in &mut inventory.repositories[0].manifests {
        manifest.blobs.push(shared.clone());
    }
    assert_eq!(pile(&inventory), bare, "what stays has it too");
}

#[test]
fn caches_that_are_kept_as_images_are_told() {
    let newest = "name: r, match: {}, expire: { beyond-newest: 3 }";
    let keep = "name: r, match: {}, keep: always";
    let expected = vec!["cache-kept-as-image note p 1".to_owned()];
    for (rule, image, fires) in [
        (newest, "tags: [buildcache], pushed: 31d ago", true),
        (keep, "tags: [web-cache], pushed: 31d ago", true),
        (keep, "tags: [cache-amd64], pushed: 31d ago", true),
        (
            keep,
            "tags: [x], pushed: 31d ago, annotations: { moby.buildkit.cache.v0: \"x\" }",
            true,
        ),
        (keep, "tags: [web-cache], pushed: 30d ago", false),
        (keep, "tags: [web-cache]", false),
        (keep, "tags: [cached-page], pushed: 31d ago", false),
        (keep, "tags: [nocache], pushed: 31d ago", false),
        (keep, "tags: [buildcache], pushed: 31d ago, kind: build-cache", false),
        (REST, "tags: [buildcache], pushed: 31d ago", false),
        (
            "name: r, match: {}, expire: { beyond-newest: 0 }",
            "tags: [buildcache], pushed: 31d ago",
            false,
        ),
    ] {
        let found = of(
            Code::CacheKeptAsImage,
            findings(&policy(&[rule]), &scan(&[("web", image)])),
        );
        assert_eq!(
            told(&found),
            if fires { expected.clone() } else { vec![] },
            "{rule} {image}"
        );
    }
    let of_repository = |name: &str| {
        let inventory = scan(&[(name, "tags: [1a2b], pushed: 31d ago")]);
        told(&of(Code::CacheKeptAsImage, findings(&policy(&[keep]), &inventory)))
    };
    for name in ["web/cache", "web/buildcache", "web-build-cache"] {
        assert_eq!(of_repository(name), expected, "{name}");
    }
    for name in ["redis-cache", "cache/web", "cache"] {
        assert_eq!(of_repository(name), [""; 0], "{name}: a program");
    }
    let unreached = findings(
        &policy(&[BUILDS]),
        &scan(&[("web", "tags: [buildcache], pushed: 31d ago")]),
    );
    assert_eq!(told(&of(Code::CacheKeptAsImage, unreached)), expected);
}

#[test]
fn rules_that_let_nothing_go_while_builds_arrive_are_told() {
    let rule = |expire: &str| format!("name: r, match: {{}}, {expire}");
    let all = arrived("m", thirty());
    for (expire, fires) in [
        ("keep: always", true),
        ("expire: { older-than: 731d }", true),
        ("expire: { older-than: 730d }", false),
        ("expire: { older-than: 30d, not-pulled-for: 800d }", true),
        ("expire: [ { older-than: 800d }, { older-than: 90d } ]", false),
        ("expire: { beyond-newest: 240 }", true),
        ("expire: { beyond-newest: 239 }", false),
        ("group-by: branch, expire: { beyond-newest: 240 }", false),
    ] {
        let found = of(
            Code::GrowsForEver,
            findings(&policy(&[&rule(expire)]), &scan(&[("web", &all)])),
        );
        assert_eq!(
            told(&found),
            if fires {
                vec!["grows-for-ever note p/r 10"]
            } else {
                vec![]
            },
            "{expire}"
        );
        for finding in found {
            assert!(
                finding
                    .bytes
                    .is_some_and(|bytes| (100_000_000..100_100_000).contains(&bytes)),
                "{finding:?}"
            );
        }
    }
}

#[test]
fn releases_and_what_has_ended_are_no_growth() {
    let keep = "name: r, match: {}, keep: always";
    for (days, why) in [
        (thirty().skip(1).collect::<Vec<_>>(), "nine in one of the months"),
        (thirty().map(|day| day + 30).collect(), "nothing lately"),
        ((0..60).collect(), "nothing in the third month"),
        ((0..9).map(|at| at * 10).collect(), "releases"),
    ] {
        let found = findings(&policy(&[keep]), &scan(&[("web", &arrived("m", days))]));
        assert_eq!(told(&of(Code::GrowsForEver, found)), [""; 0], "{why}");
    }
    let caches = arrived("m", thirty()).replace("size", "kind: build-cache, size");
    let found = findings(&policy(&[keep]), &scan(&[("web", &caches)]));
    assert_eq!(told(&of(Code::GrowsForEver, found)), [""; 0], "no images");
}

#[test]
fn what_no_rule_and_no_policy_speaks_of_grows_too() {
    let all = arrived("m", thirty());
    assert_eq!(
        in_web(&[BUILDS], &all),
        [
            "unreached warning p 30",
            "piling-tags warning p 30",
            "grows-for-ever warning p 10",
            "unmatched-rule warning p/builds 0",
        ]
    );
    let config = format!("policies: [ {{ name: a, repositories: [\"apps/*\"], rules: [ {{ {REST} }} ] }} ]");
    let inventory = scan(&[("apps/api", &images("a", 1, "")), ("libs/x", &all)]);
    assert_eq!(
        told(&findings(&config, &inventory)),
        ["uncovered-repository note - 1", "grows-for-ever warning - 10"]
    );
}

/// Images of two platforms each, of which one is pulled; all came a hundred days ago.
pub(super) fn platforms(count: usize) -> Inventory {
    let mut inventory = scan(&[("web", &images("a", count, ""))]);
    let repository = &mut inventory.repositories[0];
    repository.capabilities.pull_time = Some(true);
    repository.pull_data_since = Some("2026-08-23T00:00:00Z".parse().unwrap());
    let mut children = Vec::new();
    for index in &mut repository.manifests {
        for platform in ["linux/amd64", "linux/arm64", "unknown/unknown"] {
            let name = format!("{}{platform}", index.digest);
            let child = Manifest {
                digest: Digest::of(name.as_bytes()),
                platform: Some(platform.to_owned()),
                size: 0,
                children: Vec::new(),
                blobs: vec![Blob {
                    digest: Digest::of(format!("layer {name}").as_bytes()),
                    size: 10_000_000,
                }],
                last_pulled_at: (platform == "linux/amd64").then(|| "2026-11-01T00:00:00Z".parse().unwrap()),
                ..index.clone()
            };
            index.children.push(child.digest.clone());
            children.push(child);
        }
    }
    repository.manifests.extend(children);
    inventory
}

#[test]
fn platforms_that_nobody_pulls_are_told() {
    let idle = |inventory: &Inventory| of(Code::UnpulledPlatforms, findings(&policy(&[REST]), inventory));
    let found = idle(&platforms(5));
    assert_eq!(told(&found), ["unpulled-platforms note - 5"]);
    assert_eq!(found[0].bytes, Some(50_000_000));
    assert!(
        found[0]
            .message
            .starts_with("nobody pulled the platform linux/arm64 of 5 images in r.example/web within 90d")
    );
    assert_eq!(idle(&platforms(4)), [], "too few");
}

#[test]
fn platforms_of_which_that_is_not_known_are_not_told() {
    let with = |change: &dyn Fn(&mut Inventory)| {
        let mut inventory = platforms(5);
        change(&mut inventory);
        told(&of(Code::UnpulledPlatforms, findings(&policy(&[REST]), &inventory)))
    };
    let arm = |inventory: &mut Inventory, at: &str| {
        let mut manifests = inventory.repositories[0].manifests.iter_mut();
        let arm = manifests
            .find(|manifest| manifest.platform.as_deref() == Some("linux/arm64"))
            .unwrap();
        arm.last_pulled_at = Some(at.parse().unwrap());
    };
    assert_eq!(
        with(&|inventory| arm(inventory, "2026-08-24T00:00:00Z")),
        [""; 0],
        "one was pulled"
    );
    assert_eq!(
        with(&|inventory| arm(inventory, "2026-08-22T00:00:00Z")).len(),
        1,
        "that was long ago"
    );
    let since =
        |at: &'static str| with(&|inventory| inventory.repositories[0].pull_data_since = Some(at.parse().unwrap()));
    assert_eq!(since("2026-08-23T00:00:01Z"), [""; 0], "not on record for so long");
    assert_eq!(
        with(&|inventory| inventory.repositories[0].capabilities.pull_time = None),
        [""; 0]
    );
    assert_eq!(
        with(&|inventory| inventory.repositories[0].gaps.push(Gap("x".to_owned()))),
        [""; 0]
    );
    let nothing_pulled = |inventory: &mut Inventory| {
        inventory.repositories[0]
            .manifests
            .iter_mut()
            .for_each(|manifest| manifest.last_pulled_at = None);
    };
    assert_eq!(with(&nothing_pulled), [""; 0], "nobody pulls any of them");
    let young = |inventory: &mut Inventory| {
        let at = Some("2026-10-01T00:00:00Z".parse().unwrap());
        inventory.repositories[0]
            .manifests
            .iter_mut()
            .for_each(|manifest| manifest.pushed_at = at);
    };
    assert_eq!(with(&young), [""; 0], "they had no chance yet");
}

#[test]
fn archiving_below_the_threshold_is_told() {
    let rule = "name: cold, match: {}, action: archive, expire: { older-than: 30d }";
    let small = |change: &dyn Fn(&mut Inventory), config: &str| {
        let mut inventory = scan(&[("web", &images("a", 2, ", size: 10MB"))]);
        inventory.repositories[0].capabilities.archive = Some(true);
        change(&mut inventory);
        of(Code::ArchiveSavesNothing, findings(config, &inventory))
    };
    let config = policy(&[rule]);
    let found = small(&|_| {}, &config);
    assert_eq!(told(&found), ["archive-saves-nothing warning p/cold 1"]);
    assert!(
        found[0]
            .bytes
            .is_some_and(|bytes| (20_000_000..20_100_000).contains(&bytes)),
        "{:?}",
        found[0].bytes
    );
    assert_eq!(small(&|_| {}, &policy(&[REST])), [], "nothing is archived");
    let anyway = config.replace("    rules:", "    archive-anyway: true\n    rules:");
    assert_eq!(small(&|_| {}, &anyway), []);
    assert_eq!(
        small(&|inventory| inventory.complete_registries.clear(), &config),
        [],
        "more may be stored there"
    );
    assert_eq!(
        small(&|inventory| inventory.gaps.push(Gap("x".to_owned())), &config),
        []
    );
    let large = |inventory: &mut Inventory| inventory.repositories[0].manifests[0].blobs[0].size = 150_000_000_000_000;
    assert_eq!(small(&large, &config), []);
}
