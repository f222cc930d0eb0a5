//! Clocks that are an hour apart: nothing looks older than it is. (A plan of an hour ahead is refused, one of an hour
//! ago is taken: `apply/refusals.rs`. `Retry-After` is read by the registry's clock: `registry/retry.rs`. Tokens age by
//! their service's clock: `registry/token.rs`.)

use jettison_core::config::Config;
use jettison_core::facts::{Facts, Origin};
use jettison_core::model::Inventory;
use jettison_core::plan::{Plan, plan};
use jettison_testkit::images::Image;
use jettison_testkit::registry::Options;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::scanner::Scanner;
use crate::world::{WEB, World, image};

/// Whatever was seen for half an hour may go, if no hold keeps it.
const RULES: &str = "
registries: [{ host: 'HOST', expects: none }]
policies: [{ name: p, rules: [{ name: r, match: {}, expire: { older-than: 1h } }] }]
limits: { max-share: 100%, keep-at-least: 0 }
";

fn planned(inventory: &Inventory, host: &str, now: Timestamp) -> Plan {
    let text = RULES.replace("HOST", host);
    let (config, _) = Config::parse("jettison.yaml", &text).unwrap_or_else(|_| panic!("configuration"));
    let facts = Facts {
        inventory,
        usage: None,
        config: &config,
        now,
        origin: Origin::Registries,
    };
    plan(&facts)
}

/// The first scan was made by a machine whose clock is off; the images were there for a minute. They are new by
/// either clock, and `grace` holds them for its day, give or take the hour.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_first_seen_by_a_clock_that_is_off_stays_as_long() {
    let world = World::start(Options::default()).await;
    let now = Timestamp::now();
    for (skew, after_hours, goes) in [
        (1, 0, false),
        (-1, 0, false),
        (1, 22, false),
        (-1, 22, false),
        (1, 26, true),
        (-1, 26, true),
    ] {
        let mut scanner = Scanner::of(&world.registry.host()).await;
        scanner.taken_at = now + SignedDuration::from_hours(skew);
        scanner.scan(&["apps/*"]).await;
        scanner.taken_at = now + SignedDuration::from_hours(after_hours);
        let inventory = scanner.scan(&["apps/*"]).await;
        let plan = planned(&inventory, &world.registry.host(), scanner.taken_at);
        assert_eq!(plan.violations.len(), 0, "{skew} {after_hours}");
        assert_eq!(!plan.actions.is_empty(), goes, "skew {skew} h, after {after_hours} h");
    }
}

/// Builders' clocks are off too: an image from the near future is the newest there is, and goes for no age.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_was_built_in_an_hour_from_now_stays() {
    let world = World::start(Options::default()).await;
    let soon = Timestamp::now() + SignedDuration::from_hours(1);
    let from_ahead = Image::new(44).created(&soon.to_string()).build();
    world.push(&["old-44"], &from_ahead).await;
    world.desk.plan().await;
    let report = world.desk.apply(&[]).await.exits(0).json();
    assert_eq!(report["deleted"], json!(3));
    assert!(world.has(&from_ahead) && world.has(&image(0)));
    world.puller.pull_whole(WEB, "old-44").await.unwrap();
}
