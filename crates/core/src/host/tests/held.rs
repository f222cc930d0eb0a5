//! What holds an image whatever the rules say, each by itself.

use super::*;
use crate::model::Gap;

const GOES: &str = "1 goes: unused for 30 days; rule unused (unused-for: 7d)";

/// An image that would go by the built-in rules, after something was changed in the facts or settings.
fn after(change: impl FnOnce(&mut HostFacts, &mut HostSettings)) -> String {
    let mut facts = facts(vec![image(1, "r.io/apps/web:1")]);
    let mut settings = bare();
    change(&mut facts, &mut settings);
    let mut told = decided(&facts, &settings);
    told.swap_remove(0)
}

fn used_as(text: &str, digest: Option<Digest>) -> String {
    after(|facts, _| facts.usage = vec![source(vec![reference(text, digest)])])
}

#[test]
fn an_image_that_nothing_holds_goes() {
    assert_eq!(after(|_, _| ()), GOES);
}

#[test]
fn any_name_or_digest_of_an_image_in_use_holds_it() {
    let pinned = |number| format!("other.io/x@{}", digest(number));
    for (text, of) in [
        ("", Some(digest(1))),
        ("", Some(digest(101))),
        (&*digest(1).to_string(), None),
        (&digest(1).hex(), None),
        ("docker://sha256:0", Some(digest(1))),
        ("aecf7d781119", Some(digest(1))),
        (&pinned(101), None),
        (&pinned(1), None),
        ("r.io/apps/web:1", None),
        ("R.IO/apps/web:1", None),
        // The name stood for another image when the container was made.
        ("r.io/apps/web:1", Some(digest(9))),
        (&format!("r.io/apps/web:1@{}", digest(9)), None),
    ] {
        let held = used_as(text, of.clone());
        assert_eq!(held, "1 stays: in use by container web", "{text} {of:?}");
    }
    for (text, of) in [
        ("r.io/apps/web:2", None),
        ("r.io/apps/web", None),
        ("r.io/apps/other:1", None),
        ("apps/web:1", None),
        ("", Some(digest(2))),
        (&*format!("r.io/apps/web@{}", digest(9)), None),
    ] {
        assert_eq!(used_as(text, of.clone()), GOES, "{text} {of:?}");
    }
}

#[test]
fn one_tag_of_two_in_use_holds_the_image() {
    let two = |facts: &mut HostFacts| facts.images[0].names.push("r.io/apps/web:2".to_owned());
    let told = after(|facts, _| {
        two(facts);
        facts.usage = vec![source(vec![reference("r.io/apps/web:2", None)])];
    });
    assert_eq!(told, "1 stays: in use by container web");
    assert_eq!(after(|facts, _| two(facts)), GOES);
}

#[test]
fn short_names_are_those_of_docker_hub() {
    let short = |names: &[&str], used: &str, store| {
        let mut facts = facts(vec![image(1, names[0])]);
        facts.images[0].names = names.iter().map(|name| (*name).to_owned()).collect();
        facts.usage = vec![source(vec![reference(used, None)])];
        facts.engine.store = store;
        let is_held = decided(&facts, &bare())[0].starts_with("1 stays: in use");
        // What the ledger is told is what decides.
        assert_eq!(
            crate::host::users(&facts).contains_key(&digest(1)),
            is_held,
            "{names:?} {used}"
        );
        is_held
    };
    let docker = ImageStore::GraphDriver;
    for (name, used) in [
        ("nginx:1", "docker.io/library/nginx:1"),
        ("docker.io/library/nginx:1", "nginx:1"),
        ("nginx:latest", "nginx"),
        ("me/web:1", "index.docker.io/me/web:1"),
    ] {
        assert!(short(&[name], used, docker), "{name} {used}");
    }
    assert!(!short(&["quay.io/nginx:1"], "nginx:1", docker));
    // Podman looks for a short name in several registries, and on the spot.
    for (name, used, held) in [
        ("localhost/web:1", "web:1", true),
        ("quay.io/web:1", "web:1", true),
        ("quay.io/me/web:1", "me/web:1", true),
        ("quay.io/web:2", "web:1", false),
        ("quay.io/other:1", "web:1", false),
        ("quay.io/web:1", "ghcr.io/web:1", false),
    ] {
        assert_eq!(
            short(&["r.io/x:1", name], used, ImageStore::Podman),
            held,
            "{name} {used}"
        );
    }
}

#[test]
fn many_users_are_counted() {
    let by = |number: usize| Reference {
        used_by: format!("container c{number:02}"),
        ..reference("", Some(digest(1)))
    };
    let told = after(|facts, _| facts.usage = vec![source((0..30).map(by).collect())]);
    let expected = "1 stays: in use by container c00, container c01, container c02 and 27 more";
    assert_eq!(told, expected);
    let nameless = after(|facts, _| {
        let used_by = String::new();
        facts.usage = vec![source(vec![Reference {
            used_by,
            ..reference("", Some(digest(1)))
        }])];
    });
    assert_eq!(nameless, "1 stays: in use by docker");
}

#[test]
fn a_use_that_is_over_still_holds() {
    let told = after(|facts, _| {
        let last_seen_at = Some(days_ago(9));
        facts.usage = vec![source(vec![Reference {
            last_seen_at,
            ..reference("", Some(digest(1)))
        }])];
    });
    assert_eq!(told, "1 stays: in use by container web");
}

#[test]
fn what_is_pinned_stays() {
    let pinned = after(|facts, _| facts.images[0].pinned = Some("it lies in a store that is only read".to_owned()));
    assert_eq!(pinned, "1 stays: pinned: it lies in a store that is only read");
    let labelled = |value: &str| {
        after(|facts, _| {
            _ = facts.images[0]
                .labels
                .insert("io.cri-containerd.pinned".to_owned(), value.to_owned())
        })
    };
    assert_eq!(
        labelled("pinned"),
        "1 stays: pinned: its label io.cri-containerd.pinned is pinned"
    );
    assert_eq!(labelled("no"), GOES);
}

#[test]
fn what_is_protected_stays() {
    let label = |value: &str| {
        after(|facts, _| {
            _ = facts.images[0]
                .labels
                .insert("io.jettison.keep".to_owned(), value.to_owned())
        })
    };
    assert_eq!(label("true"), "1 stays: protected: its label io.jettison.keep is true");
    assert_eq!(label("false"), GOES);
    let by = |pattern: &str, image: HostImage| {
        let patterns = [pattern.parse().unwrap()];
        told(&decide(&facts(vec![image]), &bare(), &patterns, now())).swap_remove(0)
    };
    let named = || image(1, "r.io/apps/web:1");
    for pattern in [
        "r.io/apps/web:1",
        "apps/web",
        "**",
        "apps/*:1",
        &format!("apps/web@{}", digest(1)),
        &format!("apps/web@{}", digest(101)),
    ] {
        let expected = format!("1 stays: protected: `{pattern}` is listed under protect");
        assert_eq!(by(pattern, named()), expected);
    }
    for pattern in [
        "r.io/apps/web:2",
        "web",
        &format!("apps/web@{}", digest(2)),
        &format!("b@{}", digest(1)),
    ] {
        assert_eq!(by(pattern, named()), GOES, "{pattern}");
    }
    let nameless = || HostImage {
        names: Vec::new(),
        digests: Vec::new(),
        ..named()
    };
    assert!(by("**", nameless()).contains("protected"));
    assert!(by("apps/**", nameless()).contains("no registry"));
}

#[test]
fn what_is_not_understood_stays() {
    let name = after(|facts, _| facts.images[0].names.push("<none>:<none>".to_owned()));
    assert_eq!(name, "1 stays: its name `<none>:<none>` cannot be understood");
    let digest = after(|facts, _| facts.images[0].digests.push("r.io/apps/web@sha256:1".to_owned()));
    assert_eq!(
        digest,
        "1 stays: its name `r.io/apps/web@sha256:1` cannot be understood"
    );
    let age = after(|facts, _| facts.images[0].first_seen_at = None);
    assert_eq!(age, "1 stays: nobody knows since when it is unused");
    // Not even a rule that asks for no age takes it.
    let size = after(|facts, settings| {
        facts.images[0].first_seen_at = None;
        *settings = ruled("    - { name: big, match: {}, expire: { larger-than: 1B } }");
    });
    assert_eq!(size, "1 stays: nobody knows since when it is unused");
}

#[test]
fn what_nobody_could_pull_again_stays_unless_asked() {
    let local = |names: &[&str], asked| {
        after(|facts, settings| {
            facts.images[0].digests = names.iter().map(|name| format!("{name}@{}", digest(101))).collect();
            settings.local_images = asked;
        })
    };
    assert_eq!(local(&[], false), "1 stays: no registry is known to have it");
    assert_eq!(
        local(&["localhost/web"], false),
        "1 stays: no registry is known to have it"
    );
    assert_eq!(local(&["localhost/web", "r.io/web"], false), GOES);
    assert_eq!(local(&[], true), GOES);
}

#[test]
fn what_could_not_be_read_lets_nothing_go() {
    let incomplete = "1 stays: it would go, but not everything could be read that might need it";
    assert_eq!(
        after(|facts, _| facts.gaps = vec![Gap::of("image x: HTTP 500")]),
        incomplete
    );
    assert_eq!(after(|facts, _| facts.usage.clear()), incomplete);
    assert_eq!(
        after(|facts, _| facts.usage[0].status = SourceStatus::Partial),
        incomplete
    );
    assert_eq!(
        after(|facts, _| facts.usage[0].gaps = vec![Gap::of("compose.yaml: gone")]),
        incomplete
    );
    assert_eq!(
        after(|facts, _| facts.usage[0].references = vec![reference("a b", None)]),
        incomplete
    );
    assert_eq!(
        after(|facts, _| facts.usage[0].references = vec![reference("", None)]),
        incomplete
    );
    assert_eq!(
        after(|facts, _| facts.usage[0].references = vec![reference("aecf7d781119", None)]),
        incomplete
    );
    let twice = |facts: &mut HostFacts, _: &mut HostSettings| facts.images.push(facts.images[0].clone());
    assert_eq!(after(twice), incomplete);
    // What would stay anyway says why.
    let fresh = after(|facts, _| {
        facts.gaps = vec![Gap::of("image x: HTTP 500")];
        facts.images[0].last_used_at = Some(hours_ago(1));
    });
    assert_eq!(
        fresh,
        "1 stays: unused for 1 hour; rule unused (unused-for: 7d) keeps it for now"
    );
}

#[test]
fn a_plan_tells_every_gap() {
    let mut facts = facts(vec![image(1, "r.io/web:1")]);
    facts.gaps = vec![Gap::of("image x: HTTP 500")];
    facts.usage[0].gaps = vec![Gap::of("compose.yaml: gone")];
    facts.usage.push(SourceReport {
        status: SourceStatus::Partial,
        name: "b".to_owned(),
        ..source(Vec::new())
    });
    facts.usage.push(SourceReport {
        name: "c".to_owned(),
        ..source(vec![reference("a b", None)])
    });
    let plan = decide(&facts, &bare(), &[], now());
    let texts: Vec<String> = plan.gaps.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "image x: HTTP 500",
            "usage source b: it did not answer completely",
            "usage source c: it names an image that cannot be understood: `a b` is not an image reference",
            "usage source docker: compose.yaml: gone",
        ]
    );
}
