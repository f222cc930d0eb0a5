//! The fuse of a repository with more than one kind of roots.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure is a failed test")]

use jettison_core::config::Config;
use jettison_core::facts::{Facts, Origin};
use jettison_core::model::{Digest, Inventory};
use jettison_core::plan::{Plan, plan};
use serde_json::{Value, json};

const CONFIG: &str = "policies: [ { name: p, rules: [ { name: r, match: { tags: [\"t*\"] }, expire: { older-than: 1d } }, \
    { name: o, match: { kinds: [orphan] }, expire: { older-than: 1d } } ] } ]";

/// Ten tagged images of which seven go (eight are old, and the newest stays), and so many orphans, which all go.
fn planned(orphans: usize) -> Plan {
    let digest = |number: usize| Digest::of(&number.to_be_bytes()).to_string();
    let image = |number: usize| json!({"digest": digest(number), "kind": "image", "pushed_at": "2026-01-01T00:00:00Z"});
    let orphan = |number: usize| {
        let mut orphan = image(100 + number);
        orphan["subject"] = json!(digest(99));
        orphan
    };
    let manifests: Vec<Value> = (0..10).map(image).chain((0..orphans).map(orphan)).collect();
    let tag = |number: usize| json!({"name": format!("{}{number}", if number < 8 { "t" } else { "s" }), "digest": digest(number)});
    let inventory: Inventory = serde_json::from_value(json!({
        "schema": 1, "taken_at": "2026-03-01T00:00:00Z", "complete_registries": ["r.example"], "repositories": [{
            "registry": "r.example", "name": "app", "missing": [digest(99)], "manifests": manifests,
            "tags": (0..10).map(tag).collect::<Vec<_>>(),
        }],
    }))
    .unwrap();
    let (config, _) = Config::parse("jettison.yaml", CONFIG).unwrap();
    plan(&Facts {
        inventory: &inventory,
        usage: None,
        config: &config,
        now: "2026-03-01T00:00:00Z".parse().unwrap(),
        origin: Origin::SavedFacts,
    })
}

#[test]
fn of_several_kinds_the_greatest_share_blows_the_fuse() {
    for (orphans, share) in [(0, 0.7), (5, 0.7), (6, 1.0)] {
        let plan = planned(orphans);
        assert_eq!(plan.violations, [], "{orphans} orphans");
        let shares: Vec<f64> = plan.limits.refused.iter().map(|refused| refused.share).collect();
        assert_eq!(shares, [share], "{orphans} orphans");
        assert!(plan.actions.iter().all(|action| action.refused));
    }
}
