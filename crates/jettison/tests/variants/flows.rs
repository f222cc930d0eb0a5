//! From scan to apply, variant by variant.

use std::collections::BTreeSet;
use std::time::Duration;

use jettison_testkit::images::sigstore_bundle;
use jettison_testkit::push::Pusher;
use jettison_testkit::registry::{Auth, Class, Options, Request};

use crate::common::contents::Contents;
use crate::world::{PASSWORD, USER, World, cleans_and_keeps, nothing_secret_is_told, scopes_asked, with_tokens};

#[tokio::test(flavor = "multi_thread")]
async fn as_distribution_2_8() {
    cleans_and_keeps(Options::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_single_tags_can_be_removed_and_lists_have_pages() {
    let options = Options {
        delete_tag: true,
        page_size: Some(7),
        ..Options::default()
    };
    cleans_and_keeps(options).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_an_index_has_to_go_before_its_children() {
    let options = Options {
        refuse_children: true,
        ..Options::default()
    };
    cleans_and_keeps(options).await;
}

/// The extensions belong to the test kit: the plain adapter neither knows nor needs them.
#[tokio::test(flavor = "multi_thread")]
async fn extensions_of_a_product_are_left_alone_by_the_plain_adapter() {
    let options = Options {
        list_untagged: true,
        push_times: true,
        ..Options::default()
    };
    let world = cleans_and_keeps(options).await;
    let asked = world.registry.count("GET", Class::Extension);
    assert_eq!(asked, 0);
}

/// Signatures without a tag are found by their subject: they go along with it, or stay with it.
#[tokio::test(flavor = "multi_thread")]
async fn with_the_referrers_api_signatures_share_the_fate_of_their_subject() {
    let options = Options {
        referrers: true,
        delete_tag: true,
        ..Options::default()
    };
    let world = World::start(options).await;
    let pusher = Pusher::new(&world.registry.url()).unwrap();
    let signed: Vec<_> = world.company.images().step_by(3).collect();
    for push in &signed {
        let signature = sigstore_bundle(&push.manifest, "2026-01-01T00:00:00Z");
        pusher.push_referrer(&push.repository, &signature).await.unwrap();
    }
    world.clean().await;
    let (mut went, mut stayed) = (0, 0);
    for push in &signed {
        let here = world.registry.manifests(&push.repository);
        let signature = sigstore_bundle(&push.manifest, "2026-01-01T00:00:00Z").digest;
        let subject = &push.manifest.digest;
        assert_eq!(
            here.contains(subject),
            here.contains(&signature),
            "{subject} and {signature}"
        );
        *if here.contains(subject) { &mut stayed } else { &mut went } += 1;
    }
    assert!(went > 5 && stayed > 5, "{went} went, {stayed} stayed");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_basic_authentication() {
    let options = Options {
        auth: Auth::Basic {
            user: USER.to_owned(),
            password: PASSWORD.to_owned(),
        },
        ..Options::default()
    };
    let world = cleans_and_keeps(options).await;
    nothing_secret_is_told(&world.desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_tokens_that_expire_within_a_second() {
    let world = cleans_and_keeps(with_tokens(Duration::from_secs(1))).await;
    nothing_secret_is_told(&world.desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_fetched_once_a_scope_and_asks_for_no_more_than_the_call_needs() {
    let world = World::start(with_tokens(Duration::from_secs(300))).await;
    let repositories = world.registry.repositories().len();
    world.desk.plan().await;
    let scopes = scopes_asked(&world.registry.requests());
    assert_eq!(scopes.len(), repositories + 1, "{scopes:?}");
    for (scope, times) in &scopes {
        assert_eq!(*times, 1, "{scope}");
        let reads = scope.starts_with("repository:") && scope.ends_with(":pull");
        assert!(reads || scope == "registry:catalog:*", "{scope}");
    }
    world.registry.clear_requests();
    world.desk.apply(&[]).await.exits(0);
    let scopes = scopes_asked(&world.registry.requests());
    let (mut reads, mut deletes) = (0, 0);
    for (scope, times) in &scopes {
        assert_eq!(*times, 1, "{scope}");
        // The registry asks for `delete` where the call means `pull,delete`; both in one token are no more.
        let actions: BTreeSet<&str> = scope
            .split(' ')
            .flat_map(|one| one.rsplit(':').next().unwrap().split(','))
            .collect();
        assert!(
            scope.starts_with("repository:") && actions.is_subset(&BTreeSet::from(["pull", "delete"])),
            "{scope}"
        );
        *if actions.contains("delete") {
            &mut deletes
        } else {
            &mut reads
        } += 1;
    }
    assert!(
        (1..=repositories).contains(&deletes) && (1..=repositories).contains(&reads),
        "{scopes:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn where_deletes_are_off_everything_is_blocked_and_nothing_lost() {
    let world = World::start(Options {
        delete: false,
        ..Options::default()
    })
    .await;
    let before = Contents::of(&world.registry);
    let plan = world.desk.plan().await;
    let report = world.desk.apply(&[]).await.exits(3).json();
    let actions = plan["actions"].as_array().unwrap().len();
    assert_eq!(
        (&report["blocked"], &report["deleted"], &report["failed"]),
        (&actions.into(), &0.into(), &0.into())
    );
    assert_eq!(Contents::of(&world.registry), before);
    // `run` asks before it plans, so that the plan itself says what cannot be.
    let run = world.desk.run(&["run", "--dry-run", "--output", "json"]).await;
    let probing = world
        .desk
        .run(&["run", "--yes", "--output", "json"])
        .await
        .exits(0)
        .json();
    assert_eq!(probing["actions"].as_array().unwrap().len(), 0);
    assert!(
        run.exits(0).json()["blocked"].as_array().unwrap().is_empty(),
        "a dry run asks nothing harmful, so it does not know"
    );
    assert_eq!(Contents::of(&world.registry), before);
}

/// `scan` and `plan` only read; `scan --probe` and `apply` ask with what nobody has.
#[tokio::test(flavor = "multi_thread")]
async fn reads_send_nothing_that_could_change_anything() {
    let world = World::start(with_tokens(Duration::from_secs(300))).await;
    for reads in [
        &["scan"][..],
        &["plan"],
        &["run", "--dry-run"],
        &["explain", "{host}/shop/web:latest"],
    ] {
        world.desk.run(reads).await.exits(0);
    }
    for request in world.registry.requests() {
        assert!(matches!(request.method.as_str(), "GET" | "HEAD"), "{request:?}");
    }
    world.registry.clear_requests();
    world.desk.run(&["scan", "--probe"]).await.exits(0);
    let deletes: Vec<Request> = world
        .registry
        .requests()
        .into_iter()
        .filter(|request| request.method == "DELETE")
        .collect();
    assert_eq!(deletes.len(), 2 * world.registry.repositories().len());
    for delete in deletes.iter().filter(|delete| delete.status != Some(401)) {
        let reference = delete.path.rsplit('/').next().unwrap();
        assert!(
            reference.starts_with("sha256:") || reference.starts_with("jettison-probe-"),
            "{delete:?}"
        );
        assert!(matches!(delete.status, Some(400 | 404)), "{delete:?}");
    }
}
