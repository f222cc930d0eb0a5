//! Removals where single tags can be removed: tags first, manifests after. Debian's registry cannot, so the test kit's
//! registry stands in. It answers both alike fast: what counts is which requests came, in which order, and how many tags
//! stood when a manifest went, for that is what real registries take their time by.

use std::collections::BTreeMap;
use std::io;
use std::time::Instant;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use jettison_testkit::images::{Blob, Image};
use jettison_testkit::push::Pusher;
use jettison_testkit::registry::{Handle, Options, TestRegistry};
use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Runtime;

use crate::apply;
use crate::measure;
use crate::report::say;
use crate::small;
use crate::world::World;

const STATE: &str = "tags-first";
const REPOSITORY: &str = "big/one";

/// Pushes at once.
const PUSHES: usize = 16;

/// Measures the removal of nearly all of one repository, and what is said of an image that went and one that stayed.
pub(crate) fn one(world: &World) -> io::Result<()> {
    let runtime = Runtime::new()?;
    let registry = runtime.block_on(TestRegistry::start(Options {
        delete_tag: true,
        page_size: Some(1_000),
        ..Options::default()
    }))?;
    runtime.block_on(fill(&registry, world.images))?;
    let target = format!("{}/{REPOSITORY}", registry.host());
    world.file("policy.yaml", &apply::policy(world.images))?;
    let planning = ["plan", &target, "--trust-created", "--out", "plan.json"];
    run(world, "plan", &planning)?;
    registry.clear_requests();
    run(world, "apply", &["apply", "plan.json", "--yes", "--no-usage"])?;
    Asked::of(&registry, world.images).tell()?;
    for (which, number) in [("one that stayed", 0), ("one that went", world.images - 1)] {
        let image = format!("{target}:{}", tag(number));
        small::explain(world, STATE, which, &image)?;
    }
    Ok(())
}

/// Images of a year, the newest first.
async fn fill(registry: &TestRegistry, images: usize) -> io::Result<()> {
    let pusher = Pusher::new(&registry.url()).map_err(io::Error::other)?;
    let layer = Blob::new("layer");
    let newest = Timestamp::now() - SignedDuration::from_hours(1);
    let step = SignedDuration::from_hours(365 * 24) / i32::try_from(images.max(1)).map_err(io::Error::other)?;
    let push = |number: usize| {
        let age = step * i32::try_from(number).unwrap_or(i32::MAX);
        let image = Image::new(number as u64).created(&(newest - age).to_string());
        let image = image.layer(layer.clone()).build();
        let pusher = &pusher;
        async move { pusher.push(REPOSITORY, &[&tag(number)], &image).await }
    };
    let pushed = stream::iter((0..images).map(push)).buffer_unordered(PUSHES);
    pushed.try_collect::<()>().await.map_err(io::Error::other)
}

fn tag(number: usize) -> String {
    format!("main-{number:07x}")
}

fn run(world: &World, what: &str, arguments: &[&str]) -> io::Result<()> {
    let mut command = world.jettison(STATE, &[&["--policy", "policy.yaml"], arguments].concat());
    let started = Instant::now();
    let (code, memory) = measure::run(&mut command)?;
    if code != Some(0) {
        return Err(io::Error::other(format!("{command:?} ended with {code:?}")));
    }
    say(&format!(
        "\ntags first, `{what}`: {:.1} s, {} MB",
        started.elapsed().as_secs_f64(),
        memory / 1_000_000
    ))
}

/// What the registry was asked.
#[derive(Debug, Default)]
struct Asked {
    counts: BTreeMap<String, u64>,
    tags: u64,
    manifests: u64,
    /// Of each manifest that was deleted, how many tags stood then.
    standing: u64,
}

impl Asked {
    fn of(registry: &Handle, images: usize) -> Self {
        let mut asked = Self::default();
        for ((method, class), count) in registry.counts() {
            *asked.counts.entry(format!("{method} {class:?}")).or_default() += count;
        }
        let deletes = registry.requests().into_iter();
        for request in deletes.filter(|request| request.method == "DELETE" && request.status == Some(202)) {
            if request.path.contains("/manifests/sha256:") {
                asked.manifests += 1;
                asked.standing += (images as u64).saturating_sub(asked.tags);
            } else {
                asked.tags += 1;
            }
        }
        asked
    }

    fn tell(&self) -> io::Result<()> {
        let counts: Vec<String> = self
            .counts
            .iter()
            .map(|(what, count)| format!("{what} {count}"))
            .collect();
        say(&format!("requests: {}", counts.join(", ")))?;
        say(&format!(
            "{} tags, then {} manifests, each with {} tags of the repository standing on average",
            self.tags,
            self.manifests,
            self.standing / self.manifests.max(1)
        ))
    }
}
