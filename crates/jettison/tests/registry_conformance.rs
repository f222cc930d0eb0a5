//! The conformance suite on every registry there is: the variants of the in-process one, a real one, and ECR as the fake AWS
//! has it.

#[cfg(test)]
mod conformance;
#[cfg(test)]
#[expect(dead_code, reason = "only the world is needed here")]
#[path = "ecr/lab.rs"]
mod lab;
#[cfg(test)]
#[expect(dead_code, reason = "only the registry is needed here, not the clients")]
mod support;

use std::time::Duration;

use conformance::{PASSWORD, USER, World, conforms, connection};
use jettison::registry::{ErrorKind, open};
use jettison_core::model::Tag;
use jettison_testkit::push::Pusher;
use jettison_testkit::registry::{Auth, Class, Effect, Fault, Options, TestRegistry};
use support::distribution::{DistributionOptions, DistributionRegistry};

#[tokio::test]
async fn as_distribution_2_8() {
    conforms(Options::default()).await;
}

#[tokio::test]
async fn with_deletes_off() {
    conforms(Options {
        delete: false,
        ..Options::default()
    })
    .await;
}

#[tokio::test]
async fn with_tag_removal_referrers_and_pages() {
    conforms(Options {
        delete_tag: true,
        referrers: true,
        page_size: Some(10),
        ..Options::default()
    })
    .await;
}

/// What only one product offers is no business of the plain adapter.
#[tokio::test]
async fn with_extensions_of_a_product() {
    conforms(Options {
        list_untagged: true,
        push_times: true,
        refuse_children: true,
        ..Options::default()
    })
    .await;
}

#[tokio::test]
async fn with_strict_accept_headers() {
    conforms(Options {
        check_accept: true,
        ..Options::default()
    })
    .await;
}

#[tokio::test]
async fn with_basic_authentication() {
    let auth = Auth::Basic {
        user: USER.to_owned(),
        password: PASSWORD.to_owned(),
    };
    conforms(Options {
        auth,
        ..Options::default()
    })
    .await;
}

#[tokio::test]
async fn with_tokens_that_expire() {
    for seconds in [1, 300] {
        let auth = Auth::Token {
            user: USER.to_owned(),
            password: PASSWORD.to_owned(),
            expires_in: Duration::from_secs(seconds),
            anonymous_pull: false,
        };
        conforms(Options {
            auth,
            delete_tag: true,
            ..Options::default()
        })
        .await;
    }
}

#[tokio::test]
async fn on_debians_docker_registry() {
    if !support::real_parts_ready() {
        return;
    }
    for delete in [true, false] {
        let server = DistributionRegistry::start(DistributionOptions {
            delete,
            ..DistributionOptions::default()
        });
        let pusher = Pusher::new(&format!("http://{}", server.host())).unwrap();
        let world = World::push(&pusher).await;
        conformance::run(&*open(&connection(&server.host())).unwrap(), &world).await;
    }
}

#[tokio::test]
async fn as_ecr() {
    let lab = lab::Lab::new().await;
    let world = World::new();
    for (manifest, tags) in world.contents() {
        lab.ecr().push(lab::REPOSITORY, &tags, manifest);
    }
    conformance::looks(&*lab.registry, &world).await;
    for request in lab.aws.requests() {
        let reads = ["Describe", "List", "BatchGet", "BatchCheck", "GetDownload"];
        let operation = request.action.strip_prefix("ecr:").unwrap();
        assert!(reads.iter().any(|read| operation.starts_with(read)), "{request:?}");
    }
    conformance::run(&*lab.registry, &world).await;
}

/// What a spoiled answer must not be taken for: each of these is an error, and none is "nothing there".
#[tokio::test]
async fn spoiled_answers_are_errors() {
    let tags = "/v2/apps/web/tags/list";
    for fault in [
        Fault::status(403).path(tags).skip(1),
        Fault::status(404).path(tags).skip(1),
        Fault::new(Effect::EndlessPages).path(tags),
        Fault::new(Effect::InvalidJson).path(tags).skip(1),
        Fault::new(Effect::OversizedBody { size: 20 << 20 }).path(tags),
        Fault::new(Effect::TruncateBody { keep: 20 }).path(tags),
        Fault::new(Effect::Reset).path(tags),
        Fault::status(404).path("/v2/apps/web/manifests/latest"),
        Fault::new(Effect::WrongBody).path("/v2/apps/web/manifests/latest"),
        Fault::new(Effect::WrongDigest).path("/v2/apps/web/manifests/latest"),
        Fault::new(Effect::OversizedBody { size: 9 << 20 }).path("/v2/apps/web/manifests/latest"),
        Fault::new(Effect::Redirect("http://storage.example.com/x".to_owned())).path("/v2/apps/web/manifests/latest"),
    ] {
        let server = TestRegistry::start(Options {
            page_size: Some(10),
            ..Options::default()
        })
        .await
        .unwrap();
        let world = World::push(&Pusher::new(&server.url()).unwrap()).await;
        let mut given = connection(&server.host());
        given.limits.pages = 200;
        let registry = open(&given).unwrap();
        assert!(conformance::reads(&*registry, &world).await.is_ok());
        let shown = format!("{fault:?}");
        server.fail(fault);
        let error = conformance::reads(&*registry, &world).await.unwrap_err();
        assert_ne!(error.kind, ErrorKind::NotFound, "{shown}: {error}");
    }
}

/// One 404 may be a hiccup of a registry that is not in step with itself; two are a proof.
#[tokio::test]
async fn what_is_not_there_is_asked_for_twice() {
    let server = TestRegistry::start(Options::default()).await.unwrap();
    let world = World::push(&Pusher::new(&server.url()).unwrap()).await;
    let registry = open(&connection(&server.host())).unwrap();
    let (repository, nobody) = (world.repository(), "nobody".parse::<Tag>().unwrap());
    server.clear_requests();
    assert_eq!(
        registry.manifest(repository, &nobody.clone().into()).await.unwrap(),
        None
    );
    assert_eq!(server.count("GET", Class::Manifest), 2);
    // The first answer is wrong: what is there is found all the same.
    let path = "/v2/apps/web/manifests/latest";
    let unknown = Effect::Status {
        status: 404,
        retry_after: None,
        body: Some(r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#.to_owned()),
    };
    server.fail(Fault::new(unknown.clone()).path(path).method("GET").times(1));
    let latest: Tag = "latest".parse().unwrap();
    assert!(
        registry
            .manifest(repository, &latest.clone().into())
            .await
            .unwrap()
            .is_some()
    );
    server.fail(Fault::new(unknown).path(path).times(2));
    assert!(registry.resolve(repository, &latest).await.unwrap().is_some());
}

/// A refusal for one manifest says nothing about the registry as a whole.
#[tokio::test]
async fn what_a_registry_protects_is_refused_by_name() {
    let server = TestRegistry::start(Options {
        delete_tag: true,
        refuse_children: true,
        immutable_tags: vec!["v1.*".to_owned()],
        ..Options::default()
    })
    .await
    .unwrap();
    let world = World::push(&Pusher::new(&server.url()).unwrap()).await;
    let registry = open(&connection(&server.host())).unwrap();
    let child = world.child();
    let refused = registry.delete_manifest(world.repository(), &child).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Conflict, "{refused}");
    let tagged: Tag = "v1.0".parse().unwrap();
    let refused = registry.delete_tag(world.repository(), &tagged).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Immutable, "{refused}");
    let refused = registry
        .delete_manifest(world.repository(), &world.index())
        .await
        .unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Immutable, "{refused}");
    assert!(registry.exists(world.repository(), &world.index()).await.unwrap());
}

#[tokio::test]
async fn a_digest_that_is_not_told_is_computed() {
    let server = TestRegistry::start(Options::default()).await.unwrap();
    let world = World::push(&Pusher::new(&server.url()).unwrap()).await;
    server.fail(Fault::new(Effect::NoDigest));
    conformance::run(&*open(&connection(&server.host())).unwrap(), &world).await;
}
