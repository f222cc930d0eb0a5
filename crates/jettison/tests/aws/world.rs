//! An account of AWS whose registry holds what ECS and Lambda run, in all the ways in which they name it, and as much
//! again that nobody needs.

use std::collections::BTreeSet;

use jettison_testkit::aws::{Ecr, Policy, TestAws};
use jettison_testkit::images::{
    Attestation, CacheShape, Cosign, Image, Index, Manifest, attestation, buildkit_cache, cosign, cosign_tag,
    kaniko_cache, kaniko_tag, notation_signature,
};
use jiff::{SignedDuration, Timestamp};

use crate::support::jettison::Jettison;

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const REPOSITORY: &str = "apps/web";
const CLUSTER: &str = "prod";

/// Nothing but use holds anything.
const EVERYTHING_GOES: &str = r#"
grace: 0h
limits: { keep-at-least: 0, max-share: 100% }
policies:
  - name: everything
    rules:
      - name: everything
        match: { kinds: [image, build-cache, chart, artifact, orphan] }
        expire: { older-than: 0h }
"#;

/// The account, and who cleans it.
pub(crate) struct World {
    pub(crate) aws: TestAws,
    pub(crate) user: Jettison,
    /// The ARN of the cleaner, whose policy can be changed.
    cleaner: String,
    /// Digests that have to stay.
    pub(crate) used: BTreeSet<String>,
    seed: u64,
}

impl World {
    /// With so many images that nobody needs beside all other kinds, and a cleaner that may do what `policy` says.
    pub(crate) async fn new(policy: Policy, unused: usize) -> Self {
        let aws = TestAws::start().await.unwrap();
        let key = aws.user(ACCOUNT, "cleaner", policy);
        let user = Jettison::in_environment(aws.environment(&key, REGION));
        let mut world = Self {
            aws,
            user,
            cleaner: format!("arn:aws:iam::{ACCOUNT}:user/cleaner"),
            used: BTreeSet::new(),
            seed: 0,
        };
        world.user.write("jettison.yaml", &world.configuration());
        let long_ago = world.aws.now() - SignedDuration::from_hours(24 * 100);
        world.fill(long_ago, unused);
        world
    }

    /// The same account, asked by somebody who may do something else.
    pub(crate) fn allow(&self, policy: Policy) {
        assert!(self.aws.set_policy(&self.cleaner, policy), "nobody is {}", self.cleaner);
    }

    fn configuration(&self) -> String {
        format!(
            r#"registries:
  - host: {host}
usage:
  - {{ name: aws, kind: aws, account: "{ACCOUNT}", regions: [{REGION}], task-definitions: 3, lambda-versions: 1 }}
{EVERYTHING_GOES}"#,
            host = self.registry().host()
        )
    }

    pub(crate) fn registry(&self) -> Ecr {
        self.aws.ecr(ACCOUNT, REGION)
    }

    /// Every digest that the repository holds now.
    pub(crate) fn held(&self) -> BTreeSet<String> {
        let images = self.registry().images(REPOSITORY);
        images.into_iter().map(|held| held.digest).collect()
    }

    fn image(&mut self) -> Manifest {
        self.seed += 1;
        Image::new(self.seed).build()
    }

    fn platforms(&mut self) -> Manifest {
        let (amd, arm) = (self.seed + 1, self.seed + 2);
        self.seed += 2;
        let amd = Image::new(amd).platform("linux/amd64").build();
        let said = attestation(&amd, Attestation::AsImage);
        let arm = Image::new(arm).platform("linux/arm64").build();
        Index::new().children([amd, arm, said]).build()
    }

    /// Pushes an image with a signature of each kind.
    fn push_signed(&self, tags: &[&str], manifest: &Manifest) -> Vec<String> {
        let registry = self.registry();
        registry.push(REPOSITORY, tags, manifest);
        let (by_tag, by_subject) = (
            cosign(&manifest.digest, Cosign::Signature),
            notation_signature(manifest),
        );
        registry.push(REPOSITORY, &[&cosign_tag(&manifest.digest, Cosign::Signature)], &by_tag);
        registry.push(REPOSITORY, &[], &by_subject);
        let below = manifest.all().into_iter().map(|one| one.digest.clone());
        below.chain([by_tag.digest, by_subject.digest]).collect()
    }

    /// The same of something that has to stay, with all that belongs to it.
    fn push_used(&mut self, tags: &[&str], manifest: &Manifest) {
        let pushed = self.push_signed(tags, manifest);
        self.used.extend(pushed);
    }

    fn named(&self, reference: &str) -> String {
        self.registry().image(REPOSITORY, reference)
    }

    fn fill(&mut self, long_ago: Timestamp, unused: usize) {
        let now = self.aws.now();
        self.aws.set_now(long_ago);
        self.fill_unused(unused);
        self.run_services();
        self.run_platform();
        self.run_moved_tag();
        self.run_functions();
        self.aws.set_now(now);
        // A stopped task is remembered for an hour.
        self.stop_task();
    }

    /// A service that was rolled forward twice: what it may be rolled back to counts.
    fn run_services(&mut self) {
        let ecs = self.aws.ecs(ACCOUNT, REGION);
        ecs.cluster(CLUSTER);
        for version in ["v1", "v2", "v3"] {
            let image = self.image();
            self.push_used(&[version], &image);
            let definition = ecs.register("web", &[("web", &self.named(version))]);
            match version {
                "v1" => ecs.service(CLUSTER, "web", &definition, 2),
                _ => {
                    ecs.deploy(CLUSTER, "web", &definition);
                    ecs.finish(CLUSTER, "web");
                }
            }
        }
    }

    /// A task that names one platform of an index by its digest: the index that brings it stays with it.
    fn run_platform(&mut self) {
        let index = self.platforms();
        self.push_used(&["multi"], &index);
        let platform = index.children[0].digest.clone();
        let ecs = self.aws.ecs(ACCOUNT, REGION);
        let definition = ecs.register("platform", &[("app", &self.named(&platform))]);
        ecs.run(CLUSTER, &definition).unwrap();
    }

    /// A service runs what `stable` was when it was rolled out. Since then the tag has moved: nobody has used what it
    /// names now, and yet the next task of the family would begin with it.
    fn run_moved_tag(&mut self) {
        let (old, new) = (self.image(), self.image());
        self.push_used(&["stable"], &old);
        let ecs = self.aws.ecs(ACCOUNT, REGION);
        let definition = ecs.register("moved", &[("app", &self.named("stable"))]);
        ecs.service(CLUSTER, "moved", &definition, 1);
        self.push_used(&["stable"], &new);
        let tags = self.registry().tags(REPOSITORY);
        assert_eq!(tags["stable"], new.digest);
        assert!(
            !tags.values().any(|digest| *digest == old.digest),
            "the old one has no tag"
        );
    }

    /// A function with an alias of two weights; the older version is neither the newest nor the alias's own.
    fn run_functions(&mut self) {
        let lambda = self.aws.lambda(ACCOUNT, REGION);
        for version in ["f1", "f2", "f3"] {
            let image = self.image();
            // The second one is no alias's, and not among the newest.
            match version {
                "f2" => drop(self.push_signed(&[version], &image)),
                _ => self.push_used(&[version], &image),
            }
            lambda.function("resize", &self.named(version));
            lambda.publish("resize").unwrap();
        }
        lambda.alias("resize", "live", "3", &[("1", 0.1)]);
    }

    /// A task that ran a moment ago; its family has no revision any more, and the tag is gone.
    fn stop_task(&mut self) {
        let image = self.image();
        self.push_used(&["batch"], &image);
        let ecs = self.aws.ecs(ACCOUNT, REGION);
        let definition = ecs.register("batch", &[("app", &self.named("batch"))]);
        let task = ecs.run(CLUSTER, &definition).unwrap();
        ecs.stop(CLUSTER, &task);
        ecs.deregister(&definition);
        self.registry().remove_tag(REPOSITORY, "batch");
    }

    /// What nobody needs: images, indexes, signatures of both kinds, and caches.
    fn fill_unused(&mut self, images: usize) {
        let registry = self.registry();
        for number in 0..images {
            let image = self.image();
            registry.push(REPOSITORY, &[&format!("unused-{number}")], &image);
        }
        for number in 0..5 {
            let index = self.platforms();
            self.push_signed(&[&format!("unused-index-{number}")], &index);
            let untagged = self.image();
            registry.push(REPOSITORY, &[], &untagged);
        }
        for (seed, shape) in (7000..).zip(CacheShape::ALL) {
            let tag = format!("buildcache-{seed}");
            registry.push(REPOSITORY, &[&tag], &buildkit_cache(seed, shape, &[100, 200]));
        }
        let layer = kaniko_cache(8000, "2026-01-01T00:00:00Z", 100);
        registry.push(REPOSITORY, &[&kaniko_tag(8000)], &layer);
    }
}
