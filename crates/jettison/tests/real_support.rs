//! The real parts of the tests do what their names say. Whoever doubts a test on a real registry begins here.

#[cfg(test)]
#[expect(dead_code, reason = "the program itself is tried elsewhere")]
mod support;

use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use support::buildah::Recipe;
use support::clients::Clients;
use support::distribution::{DistributionOptions, DistributionRegistry};
use support::port::PortLease;
use support::program::{self, ProgramFailure};
use support::real_parts_ready;
use support::wire::Wire;

#[test]
fn an_image_by_buildah_is_listed_and_pulls_whole_by_skopeo() {
    if !real_parts_ready() {
        return;
    }
    let registry = DistributionRegistry::start(DistributionOptions::default());
    let clients = Clients::new();
    let recipe = Recipe {
        content: "one",
        labels: &[("team", "web")],
        created: Some(1_700_000_000),
        ..Recipe::default()
    };
    let digest = clients
        .build_and_push(recipe, &registry.image("apps/web:main"))
        .unwrap();
    clients
        .copy(&registry.image("apps/web:main"), &registry.image("apps/web:copy"))
        .unwrap();

    assert_eq!(
        clients.list_tags(&registry.image("apps/web")).unwrap(),
        ["copy", "main"]
    );
    assert_eq!(clients.digest_of(&registry.image("apps/web:copy")).unwrap(), digest);
    let layers = clients.manifest_of(&registry.image("apps/web:main")).unwrap();
    assert_eq!(
        layers["layers"].as_array().unwrap().len(),
        2,
        "a shared base and a layer of its own: {layers}"
    );
    clients.pull_whole(&registry.image("apps/web:main")).unwrap();

    let home = clients.home().to_owned();
    drop(clients);
    assert!(!home.exists(), "the clients leave {} behind", home.display());
}

#[test]
fn a_delete_takes_every_tag_of_the_digest_and_the_collection_frees_its_bytes() {
    if !real_parts_ready() {
        return;
    }
    let mut registry = DistributionRegistry::start(DistributionOptions::default());
    let clients = Clients::new();
    let (old, new) = (registry.image("apps/web:old"), registry.image("apps/web:new"));
    clients
        .build_and_push(
            Recipe {
                content: "old",
                ..Recipe::default()
            },
            &old,
        )
        .unwrap();
    clients.copy(&old, &registry.image("apps/web:other")).unwrap();
    clients
        .build_and_push(
            Recipe {
                content: "new",
                ..Recipe::default()
            },
            &new,
        )
        .unwrap();

    clients.delete(&old).unwrap();
    assert_eq!(clients.list_tags(&registry.image("apps/web")).unwrap(), ["new"]);
    assert!(clients.pull_whole(&old).is_err(), "a pull of a deleted image fails");

    let (before, host) = (registry.stored_bytes(), registry.host());
    registry.garbage_collect(false);
    assert_eq!(registry.host(), host);
    assert!(registry.stored_bytes() < before, "the collection frees nothing");
    clients.pull_whole(&new).unwrap();
}

#[test]
fn collecting_the_untagged_takes_the_children_of_an_index_and_a_whole_pull_notices() {
    if !real_parts_ready() {
        return;
    }
    let mut registry = DistributionRegistry::start(DistributionOptions::default());
    let clients = Clients::new();
    let image = registry.image("apps/web:multi");
    let recipe = Recipe {
        architectures: &["amd64", "arm64"],
        content: "both",
        ..Recipe::default()
    };
    let digest = clients.build_and_push(recipe, &image).unwrap();
    assert_eq!(
        Wire::new(&registry.host(), "apps/web")
            .manifest("multi")
            .unwrap()
            .digest,
        digest
    );
    assert_eq!(
        clients.manifest_of(&image).unwrap()["manifests"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    registry.garbage_collect(false);
    clients.pull_whole(&image).unwrap();

    registry.garbage_collect(true);
    assert!(clients.manifest_of(&image).is_ok(), "the index itself stays");
    assert!(clients.pull_whole(&image).is_err(), "its children are gone");
}

#[test]
fn a_whole_pull_notices_any_platform_that_is_missing() {
    if !real_parts_ready() {
        return;
    }
    let registry = DistributionRegistry::start(DistributionOptions::default());
    let clients = Clients::new();
    let built = registry.image("apps/first:multi");
    let recipe = Recipe {
        architectures: &["amd64", "arm64"],
        ..Recipe::default()
    };
    clients.build_and_push(recipe, &built).unwrap();
    clients.copy(&built, &registry.image("apps/second:multi")).unwrap();
    let children = clients.manifest_of(&built).unwrap()["manifests"].clone();
    // One of the two is the platform of this machine, which is all that a plain pull would fetch.
    for (repository, child) in ["apps/first", "apps/second"]
        .into_iter()
        .zip(children.as_array().unwrap())
    {
        let repository = registry.image(repository);
        clients.pull_whole(&format!("{repository}:multi")).unwrap();
        clients
            .delete(&format!("{repository}@{}", child["digest"].as_str().unwrap()))
            .unwrap();
        assert!(
            clients.pull_whole(&format!("{repository}:multi")).is_err(),
            "{child} is missing in {repository}"
        );
    }
}

#[test]
fn a_registry_set_up_without_deletes_refuses_them() {
    if !real_parts_ready() {
        return;
    }
    let registry = DistributionRegistry::start(DistributionOptions {
        delete: false,
        ..DistributionOptions::default()
    });
    let clients = Clients::new();
    let image = registry.image("apps/web:main");
    clients.lay_out_and_push("one", "2020-02-02T02:02:02Z", &image).unwrap();
    assert!(clients.delete(&image).is_err());
    clients.pull_whole(&image).unwrap();
}

#[test]
fn signatures_and_attestations_hang_on_the_image_they_speak_of() {
    if !real_parts_ready() {
        return;
    }
    let registry = DistributionRegistry::start(DistributionOptions::default());
    let (clients, wire) = (Clients::new(), Wire::new(&registry.host(), "apps/web"));
    let digest = clients
        .build_and_push(Recipe::default(), &registry.image("apps/web:plain"))
        .unwrap();
    let signature = wire.push_signature(&digest);
    let (index, attestation) = wire.push_attested(&digest, "attested");

    assert_eq!(
        clients.list_tags(&registry.image("apps/web")).unwrap(),
        ["attested", "plain", signature.as_str()]
    );
    assert_eq!(wire.manifest("attested").unwrap().digest, index);
    assert_eq!(wire.manifest(&attestation).unwrap().digest, attestation);
    assert!(wire.manifest("absent").is_none());
    for image in ["apps/web:attested".to_owned(), format!("apps/web:{signature}")] {
        clients.pull_whole(&registry.image(&image)).unwrap();
    }
}

#[test]
fn a_registry_ends_with_its_value_and_comes_back_where_it_was() {
    if !real_parts_ready() {
        return;
    }
    let mut registry = DistributionRegistry::start(DistributionOptions::default());
    let host = registry.host();
    registry.stop();
    assert!(TcpStream::connect(&host).is_err(), "a stopped registry still listens");
    registry.restart();
    TcpStream::connect(&host).unwrap();
    let process = registry.process().unwrap();
    drop(registry);
    assert!(TcpStream::connect(&host).is_err(), "a dropped registry still listens");
    assert!(
        !std::path::Path::new(&format!("/proc/{process}")).exists(),
        "its process is still there"
    );
}

#[test]
fn a_leased_port_is_nobody_elses_until_it_is_given_back() {
    // Out of the range of all others, who would take it as soon as it is free.
    let first = PortLease::take_from(30_000..32_000);
    let own = first.number()..first.number() + 1;
    assert!(
        std::panic::catch_unwind(|| PortLease::take_from(own.clone())).is_err(),
        "leased twice"
    );
    let second = PortLease::take();
    assert_ne!(first.number(), second.number());
    drop(first);
    assert_eq!(PortLease::take_from(own.clone()).number(), own.start);
}

#[test]
fn a_program_that_hangs_is_ended_and_one_that_fails_tells_why() {
    let started = Instant::now();
    let hung = program::run_within(Command::new("sleep").arg("60"), Duration::from_millis(50));
    assert!(matches!(hung, Err(ProgramFailure::TimedOut { .. })), "{hung:?}");
    assert!(started.elapsed() < Duration::from_secs(30));
    let failed = program::run(Command::new("sh").args(["-c", "echo the reason >&2; exit 3"])).unwrap_err();
    assert!(failed.to_string().ends_with("the reason"), "{failed}");
}

#[test]
fn a_program_that_is_not_installed_is_named() {
    assert_eq!(support::missing_of(&["sh", "no-such-program"]), ["no-such-program"]);
}

#[test]
fn images_and_caches_by_plain_http_are_what_they_say_and_the_registry_tells_what_it_was_asked() {
    if !real_parts_ready() {
        return;
    }
    let registry = DistributionRegistry::start(DistributionOptions::default());
    let (clients, wire) = (Clients::new(), Wire::new(&registry.host(), "apps/web"));
    let first = wire.push_image("first", "2024-01-01T00:00:00Z", "first");
    assert_ne!(first, wire.push_image("second", "2024-01-01T00:00:00Z", "second"));
    wire.push_build_cache("cache");
    assert_eq!(wire.tags(), ["cache", "first", "second"]);
    assert_eq!(clients.digest_of(&registry.image("apps/web:first")).unwrap(), first);
    clients.pull_whole(&registry.image("apps/web:first")).unwrap();
    let asked = registry.requests();
    assert!(
        asked.contains(&"PUT /v2/apps/web/manifests/first".to_owned()),
        "{asked:?}"
    );
}
