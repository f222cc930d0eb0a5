//! What AWS uses of a registry stays, whatever the policy says, and everything else goes.

use jettison_testkit::aws::{Ecr, Policy};
use jettison_testkit::images::{Image, Index, Manifest};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::world::{ACCOUNT, REGION, World};

const REPOSITORY: &str = "apps/web";

const CONFIG: &str = "
registries: [ { host: 111122223333.dkr.ecr.eu-central-1.amazonaws.com } ]
usage: [ { name: aws, kind: aws, account: '111122223333', regions: [eu-central-1], task-definitions: 1, lambda-versions: 1 } ]
";

const EVERYTHING_GOES: &str = "
policies: [ { name: all, repositories: ['**'], rules: [ { name: all, match: {}, expire: { beyond-newest: 0 } } ] } ]
limits: { max-share: 100%, keep-at-least: 0 }
grace: 0h
";

/// One entry of an inventory.
fn entry(manifest: &Manifest, kind: &str, children: &[&Manifest]) -> Value {
    json!({"digest": manifest.digest, "kind": kind, "media_type": "application/vnd.oci.image.manifest.v1+json", "size": 100,
        "children": children.iter().map(|child| &child.digest).collect::<Vec<_>>(), "pushed_at": "2026-01-01T00:00:00Z",
        "created_at": "2026-01-01T00:00:00Z", "blobs": [], "labels": {}, "annotations": {}})
}

fn inventory(ecr: &Ecr, manifests: Vec<Value>) -> Value {
    let tags = ecr.tags(REPOSITORY);
    let tags: Vec<Value> = tags
        .iter()
        .map(|(name, digest)| json!({"name": name, "digest": digest}))
        .collect();
    json!({"schema": 1, "taken_at": "2026-03-01T12:00:00Z", "complete_registries": [ecr.host()], "repositories": [{
        "registry": ecr.host(), "name": REPOSITORY, "missing": [], "gaps": [], "tags": tags, "manifests": manifests,
        "capabilities": {"delete": true, "delete_tag": true, "list_untagged": true, "push_time": true, "pull_time": true}}]})
}

/// The digests that a plan of these facts deletes.
async fn deleted(world: &World, code: i32) -> Vec<String> {
    world.write("policy.yaml", EVERYTHING_GOES);
    let words = "plan --inventory inventory.json --usage usage.json --policy policy.yaml --now 2026-03-01T12:00:00Z \
                 --output json --out plan.json";
    let ended = world.call(&[], words).await;
    assert_eq!(ended.code, Some(code), "{ended:?}");
    let plan = world.read("plan.json");
    let actions = plan["actions"].as_array().unwrap().iter();
    let mut digests: Vec<String> = actions
        .map(|action| action["digest"].as_str().unwrap().to_owned())
        .collect();
    digests.sort();
    digests
}

#[tokio::test]
async fn all_that_aws_uses_stays_and_everything_else_goes() {
    let world = World::new(CONFIG).await;
    let (ecr, ecs, lambda) = (
        world.aws.ecr(ACCOUNT, REGION),
        world.ecs(),
        world.aws.lambda(ACCOUNT, REGION),
    );
    let images: Vec<Manifest> = (0..10).map(|seed| Image::new(seed).build()).collect();
    let push = |tag: &str, number: usize| {
        ecr.push(REPOSITORY, &[tag], &images[number]);
        ecr.image(REPOSITORY, tag)
    };
    ecs.cluster("prod");
    // A service rolled forward twice: what it had first is behind what it may return to.
    let definitions = ["v0", "v1", "v2"]
        .iter()
        .enumerate()
        .map(|(number, tag)| ecs.register("web", &[("app", &push(tag, number))]));
    let definitions: Vec<String> = definitions.collect();
    ecs.service("prod", "web", &definitions[0], 1);
    for definition in &definitions[1..] {
        world.aws.advance(SignedDuration::from_hours(2));
        ecs.deploy("prod", "web", definition);
        if definition == &definitions[1] {
            ecs.finish("prod", "web");
        }
    }
    // A task that has stopped, of a tag that has moved since; a Lambda alias with weights.
    let job = ecs.register("job", &[("job", &push("job", 3))]);
    let task = ecs.run("prod", &job).unwrap();
    ecs.stop("prod", &task);
    push("job", 4);
    for number in [5, 6, 7] {
        lambda.function("resize", &push("resize", number));
        lambda.publish("resize");
    }
    lambda.alias("resize", "live", "3", &[("2", 0.1)]);
    // A multi-platform image that runs by the digest of one platform.
    let other = Image::new(20).platform("linux/arm64").build();
    let index = Index::new().child(images[8].clone()).child(other.clone()).build();
    ecr.push(REPOSITORY, &["multi"], &index);
    let pinned = format!("{}/{REPOSITORY}@{}", ecr.host(), images[8].digest);
    ecs.run("prod", &ecs.register("multi", &[("app", &pinned)]));
    push("nobody", 9);
    (0..10).for_each(|number| drop(push("moved", number)));

    let login = world.login(ACCOUNT, Policy::everything());
    let ended = world.call(&login, "usage --out usage.json").await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let mut manifests: Vec<Value> = images
        .iter()
        .chain([&other])
        .map(|image| entry(image, "image", &[]))
        .collect();
    manifests.push(entry(&index, "image", &[&images[8], &other]));
    world.write("inventory.json", &inventory(&ecr, manifests).to_string());
    // `job` itself is named by its task definition, and so holds what its tag points to now.
    let mut unused = [&images[0], &images[5], &images[9]].map(|image| image.digest.clone());
    unused.sort();
    assert_eq!(deleted(&world, 0).await, unused);

    // With a permission less nothing goes at all.
    let login = world.login(ACCOUNT, Policy::everything().without("lambda:ListAliases"));
    let ended = world.call(&login, "usage --out usage.json").await;
    assert_eq!(ended.code, Some(5), "{ended:?}");
    assert_eq!(deleted(&world, 5).await, [""; 0]);
}
