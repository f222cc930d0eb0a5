//! Every guard of law 1, 6 and the limits on plans made by hand: what must be found, and what must not.

mod archive;
mod fuses;
mod reasons;
mod several;
mod times;
mod words;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{Law, verify};
use crate::config::Config;
use crate::facts::{Facts, Origin};
use crate::model::{
    Capabilities, Digest, Gap, Inventory, Kind, Manifest, Reference, Repository, Schema, SourceReport, SourceStatus,
    TagEntry, Undo, Usage,
};
use crate::plan::{Action, ActionKind, Kept, LimitsReport, Plan, Refused};
use crate::reason::{Finding, Reason, Relation, Ruling};

const POLICY: &str =
    "policies: [ { name: p, untag: true, rules: [ { name: r, match: {}, expire: { older-than: 1d } } ] } ]\n";

/// The registry is ECR.
const ECR: &str =
    "registries: [ { host: r.example, aws: { account: '123456789012', region: us-east-1, endpoint: 'http://a' } } ]\n";

/// The source tells what runs in an account and region.
fn answer_for(world: &mut World, place: &str) {
    let source = &mut world.usage.sources[0];
    (source.kind, source.answers_for) = ("aws".to_owned(), vec![place.to_owned()]);
}

struct World {
    inventory: Inventory,
    usage: Usage,
    config: String,
}

fn now() -> Timestamp {
    "2026-03-10T12:00:00Z".parse().unwrap()
}

fn ago(hours: i64) -> Option<Timestamp> {
    Some(now() - SignedDuration::from_hours(hours))
}

fn digest(number: u8) -> Digest {
    Digest::of(&[number])
}

fn manifest(number: u8) -> Manifest {
    serde_json::from_value(serde_json::json!({
        "digest": digest(number), "kind": "image", "size": 100, "pushed_at": ago(2400), "first_seen_at": ago(2400),
        "config_digest": digest(number + 100),
    }))
    .unwrap()
}

fn tag(name: &str, number: u8) -> TagEntry {
    TagEntry {
        name: name.parse().unwrap(),
        digest: digest(number),
        updated_at: None,
        immutable: false,
    }
}

/// Manifests 0 to 3 in `r.example/app`: 0 is an index of 1, 2 is attached to 0, 3 stands for itself; 0 and 3 are tagged.
fn world() -> World {
    let mut manifests: Vec<Manifest> = (0..4).map(manifest).collect();
    manifests[0].children = vec![digest(1)];
    manifests[2].subject = Some(digest(0));
    let repository = Repository {
        registry: "r.example".parse().unwrap(),
        name: "app".parse().unwrap(),
        capabilities: Capabilities::default(),
        pull_data_since: None,
        scanned_since: None,
        missing: BTreeSet::new(),
        dangling: BTreeSet::new(),
        gaps: Vec::new(),
        tags: vec![tag("a", 0), tag("d", 3)],
        manifests,
    };
    let complete_registries = [repository.registry.clone()].into();
    World {
        inventory: Inventory {
            schema: Schema,
            taken_at: now(),
            complete_registries,
            repositories: vec![repository],
            gaps: Vec::new(),
        },
        usage: Usage {
            schema: Schema,
            taken_at: now(),
            sources: vec![source()],
        },
        config: format!("{POLICY}limits: {{ keep-at-least: 0 }}\n"),
    }
}

fn source() -> SourceReport {
    SourceReport {
        name: "prod".to_owned(),
        kind: "file".to_owned(),
        status: SourceStatus::Complete,
        covers: vec!["**".to_owned()],
        answers_for: Vec::new(),
        gaps: Vec::new(),
        references: Vec::new(),
    }
}

fn ruling() -> Ruling {
    let finding = Finding {
        limit: "1d".to_owned(),
        found: "100d".to_owned(),
        holds: Some(true),
    };
    Ruling::written("p", "r", [("older-than".to_owned(), finding)].into())
}

impl World {
    fn repository(&mut self) -> &mut Repository {
        &mut self.inventory.repositories[0]
    }

    fn refer(&mut self, image: &str, digest: Option<Digest>, last_seen_at: Option<Timestamp>) {
        let reference = Reference {
            image: image.to_owned(),
            digest,
            used_by: "Pod".to_owned(),
            last_seen_at,
        };
        self.usage.sources[0].references.push(reference);
    }

    fn action(&self, number: u8, reason: Reason) -> Action {
        let repository = &self.inventory.repositories[0];
        let tags = repository
            .tags
            .iter()
            .filter(|tag| tag.digest == digest(number))
            .map(|tag| tag.name.clone());
        Action {
            action: ActionKind::Delete,
            registry: repository.registry.clone(),
            repository: repository.name.clone(),
            digest: digest(number),
            kind: Kind::Image,
            tags: tags.collect(),
            bytes: 100,
            refused: false,
            undo: Undo::None,
            time: None,
            reason,
            entries: Vec::new(),
        }
    }

    fn kept(&self, number: u8, tag: Option<&str>) -> Kept {
        let repository = &self.inventory.repositories[0];
        Kept {
            registry: repository.registry.clone(),
            repository: repository.name.clone(),
            digest: digest(number),
            kind: Kind::Image,
            tag: tag.map(|tag| tag.parse().unwrap()),
            time: None,
            reason: Reason::KeepAlways(Ruling::written("p", "r", [].into())),
        }
    }

    /// Deletes index 0 with its child and its referrer, and keeps 3.
    fn plan(&self) -> Plan {
        let follows = |relation| Reason::Follows {
            root: digest(0),
            relation,
        };
        let actions = vec![
            self.action(0, Reason::Expired(ruling())),
            self.action(1, follows(Relation::Child)),
            self.action(2, follows(Relation::Attached)),
        ];
        named(Plan {
            schema: Schema,
            id: String::new(),
            now: now(),
            origin: Origin::SavedFacts,
            usage_sources: vec!["prod".to_owned()],
            actions,
            kept: vec![self.kept(3, Some("d"))],
            blocked: Vec::new(),
            limits: LimitsReport::default(),
            violations: Vec::new(),
            gaps: Vec::new(),
            warnings: Vec::new(),
        })
    }

    fn violations(&self, plan: &Plan) -> Vec<Law> {
        let config = Config::parse("test.yaml", &self.config).unwrap().0;
        let facts = Facts {
            inventory: &self.inventory,
            usage: Some(&self.usage),
            config: &config,
            now: now(),
            origin: Origin::SavedFacts,
        };
        verify(plan, &facts)
            .into_iter()
            .map(|violation| violation.law)
            .collect()
    }
}

fn named(mut plan: Plan) -> Plan {
    plan.id = plan.compute_id();
    plan
}

#[test]
fn a_good_plan_passes() {
    let world = world();
    assert_eq!(world.violations(&world.plan()), []);
}

/// Each row holds something of the plan's deletions.
#[test]
fn what_is_held_must_not_go() {
    type Row = (&'static str, fn(&mut World));
    let table: &[Row] = &[
        ("used by digest", |w| w.refer("", Some(digest(0)), None)),
        ("used by the digest of a child", |w| w.refer("", Some(digest(1)), None)),
        ("used by the digest of a referrer", |w| {
            w.refer("", Some(digest(2)), None)
        }),
        ("used by the digest of a config", |w| {
            w.refer("", Some(digest(100)), None)
        }),
        ("used by a bare digest", |w| w.refer(&digest(0).to_string(), None, None)),
        ("used by a digest behind an engine's prefix", |w| {
            w.refer(&format!("docker-pullable://x/y@{}", digest(0)), None, None)
        }),
        ("used by digest elsewhere", |w| {
            w.refer(&format!("other.example/x@{}", digest(0)), None, None)
        }),
        ("used by tag", |w| w.refer("r.example/app:a", None, None)),
        ("used by tag beside another digest", |w| {
            w.refer("r.example/app:a", Some(digest(77)), None)
        }),
        ("used by tag at a host nobody knows", |w| {
            w.refer("unknown.example/app:a", None, None)
        }),
        ("used by tag at a host that has no repository", |w| {
            w.inventory.complete_registries.insert("empty.example".parse().unwrap());
            w.refer("empty.example/app:a", None, None);
        }),
        ("used by tag at an alias", |w| {
            w.config += "registries: [ { host: r.example, aliases: [alias.example] } ]\n";
            w.refer("alias.example/app:a", None, None);
        }),
        ("used through a mirror", |w| {
            w.config += "registries: [ { host: r.example, mirrors: [cache.example/hub] } ]\n";
            w.refer("cache.example/hub/app:a", None, None);
        }),
        ("used by its id", |w| w.refer(&digest(0).hex(), None, None)),
        ("used as latest", |w| {
            w.repository().tags.push(tag("latest", 1));
            w.refer("r.example/app", None, None);
        }),
        ("used not long ago", |w| w.refer("r.example/app:a", None, ago(14 * 24))),
        ("used when a source was last asked, long ago", |w| {
            w.usage.taken_at = now() - SignedDuration::from_hours(30 * 24);
            w.refer("r.example/app:a", None, ago(30 * 24));
        }),
        ("put back", |w| {
            w.repository().manifests[1].restored_at = ago(30 * 24 - 1)
        }),
        ("pushed just now", |w| w.repository().manifests[0].pushed_at = ago(23)),
        ("a child pushed just now", |w| {
            w.repository().manifests[1].pushed_at = ago(23)
        }),
        ("tagged just now", |w| w.repository().tags[0].updated_at = ago(23)),
        ("untagged just now", |w| {
            w.repository().manifests[2].untagged_at = ago(23)
        }),
        ("first seen just now", |w| {
            (
                w.repository().manifests[0].pushed_at,
                w.repository().manifests[0].first_seen_at,
            ) = (None, ago(1))
        }),
        ("come nobody knows when", |w| {
            (
                w.repository().manifests[0].pushed_at,
                w.repository().manifests[0].first_seen_at,
            ) = (None, None)
        }),
        ("pushed in 1970", |w| {
            let never = Some("1970-01-01T00:00:00Z".parse().unwrap());
            (
                w.repository().manifests[0].pushed_at,
                w.repository().manifests[0].first_seen_at,
            ) = (never, ago(1));
        }),
        ("labelled", |w| {
            drop(
                w.repository().manifests[0]
                    .labels
                    .insert("io.jettison.keep".to_owned(), "true".to_owned()),
            )
        }),
        ("annotated", |w| {
            drop(
                w.repository().manifests[1]
                    .annotations
                    .insert("io.jettison.keep".to_owned(), "true".to_owned()),
            )
        }),
        ("protected by name", |w| w.config += "protect: [\"r.example/app:a\"]\n"),
        ("protected as a repository", |w| w.config += "protect: [\"**\"]\n"),
        ("immutable", |w| w.repository().tags[0].immutable = true),
        ("immutable by configuration", |w| {
            w.config += "immutable: [ { repositories: [\"**\"], tags: [\"a\"] } ]\n"
        }),
        ("a source is partial", |w| {
            w.usage.sources[0].status = SourceStatus::Partial
        }),
        ("a source has gaps", |w| {
            w.usage.sources[0].gaps.push(Gap("timeout".to_owned()))
        }),
        ("a source names what cannot be read", |w| {
            w.refer("No Image", None, None)
        }),
        ("an expected source is silent", |w| {
            w.config += "registries: [ { host: r.example, expects: [other] } ]\n"
        }),
        ("an expected source is partial", |w| {
            w.config += "registries: [ { host: r.example, expects: [prod] } ]\n";
            w.usage.sources[0].status = SourceStatus::Partial;
            w.usage.sources[0].covers = vec!["elsewhere/**".to_owned()];
        }),
        ("a partial source covers the registry in capitals", |w| {
            w.usage.sources[0].status = SourceStatus::Partial;
            w.usage.sources[0].covers = vec!["R.Example/**".to_owned()];
        }),
        ("nobody asked the account of ECR", |w| w.config += ECR),
        ("somebody else is expected, and nobody asked the account of ECR", |w| {
            w.config += &ECR.replace("aws:", "expects: [prod], aws:")
        }),
        ("somebody asked another account", |w| {
            w.config += ECR;
            answer_for(w, "123456789013/us-east-1");
        }),
        ("somebody asked another region", |w| {
            w.config += ECR;
            answer_for(w, "123456789012/us-east-2");
        }),
        ("somebody else says to have asked the account", |w| {
            w.config += ECR;
            answer_for(w, "123456789012/us-east-1");
            w.usage.sources[0].kind = "file".to_owned();
        }),
        ("the account did not answer completely", |w| {
            w.config += ECR;
            answer_for(w, "123456789012/us-east-1");
            w.usage.sources[0].gaps.push(Gap("403".to_owned()));
            w.usage.sources[0].covers = vec!["elsewhere/**".to_owned()];
        }),
        ("the repository has a gap", |w| {
            w.repository().gaps.push(Gap("403".to_owned()))
        }),
        ("a tag was not read", |w| w.repository().tags.push(tag("unread", 50))),
        ("a child was not read", |w| {
            w.repository().manifests[3].children.push(digest(50))
        }),
        ("two contradict each other", |w| {
            let twin = Manifest { size: 7, ..manifest(3) };
            w.repository().manifests.push(twin);
        }),
        ("it is a child of something that stays", |w| {
            w.repository().manifests[3].children.push(digest(1))
        }),
        ("it is the subject of something that stays", |w| {
            w.repository().manifests[3].subject = Some(digest(0))
        }),
        ("it is attached to something that stays", |w| {
            w.repository().manifests[2].subject = Some(digest(3))
        }),
        ("it is attached by its tag to something that stays", |w| {
            let name = format!("sha256-{}.sig", digest(3).hex());
            w.repository().tags.push(tag(&name, 1));
        }),
    ];
    for (name, change) in table {
        let mut world = world();
        change(&mut world);
        let violations = world.violations(&world.plan());
        assert!(violations.contains(&Law::NothingNeededGoes), "{name}: {violations:?}");
    }
}

/// Each row is near something that holds, and holds nothing.
#[test]
fn what_is_free_may_go() {
    type Row = (&'static str, fn(&mut World));
    let table: &[Row] = &[
        ("another tag is used", |w| w.refer("r.example/app:d", None, None)),
        ("the tag is used in another repository", |w| {
            w.refer("r.example/other:a", None, None)
        }),
        ("it was used long ago", |w| {
            w.refer("r.example/app:a", Some(digest(0)), ago(14 * 24 + 1))
        }),
        ("it was put back long ago", |w| {
            w.repository().manifests[1].restored_at = ago(30 * 24)
        }),
        ("it was pushed a day ago", |w| {
            w.repository().manifests[0].pushed_at = ago(24)
        }),
        ("its label says no", |w| {
            drop(
                w.repository().manifests[0]
                    .labels
                    .insert("io.jettison.keep".to_owned(), "false".to_owned()),
            )
        }),
        ("something else is protected", |w| {
            w.config += "protect: [\"r.example/app:d\"]\n"
        }),
        ("a partial source covers something else", |w| {
            w.usage.sources[0].status = SourceStatus::Partial;
            w.usage.sources[0].covers = vec!["r.example/lib/*".to_owned()];
        }),
        ("a child is proven to be gone", |w| {
            w.repository().manifests[3].children.push(digest(50));
            w.repository().missing.insert(digest(50));
        }),
        ("two say the same", |w| {
            w.repository().manifests.push(manifest(3));
            w.repository().tags.push(tag("d", 3));
        }),
        ("the account of ECR answered", |w| {
            w.config += ECR;
            answer_for(w, "123456789012/us-east-1");
        }),
        ("nobody has to ask the account of ECR", |w| {
            w.config += &ECR.replace("aws:", "expects: none, aws:")
        }),
        ("an expected source says everything", |w| {
            w.config += "registries: [ { host: r.example, expects: [prod] } ]\n"
        }),
        ("a build date is trusted", |w| {
            w.config += "registries: [ { host: r.example, trust-created: true } ]\n";
            let index = &mut w.repository().manifests[0];
            (index.pushed_at, index.first_seen_at, index.created_at) = (None, ago(1), ago(2400));
        }),
    ];
    for (name, change) in table {
        let mut world = world();
        change(&mut world);
        assert_eq!(world.violations(&world.plan()), [], "{name}");
    }
}

#[test]
fn a_build_date_says_nothing_of_what_came_after_a_scan() {
    let mut world = world();
    world.config += "registries: [ { host: r.example, trust-created: true } ]\n";
    world.repository().scanned_since = ago(100);
    let index = &mut world.repository().manifests[0];
    (index.pushed_at, index.first_seen_at, index.created_at) = (None, ago(1), ago(2400));
    assert!(world.violations(&world.plan()).contains(&Law::NothingNeededGoes));
}

#[test]
fn a_child_without_a_tag_keeps_an_index() {
    let world = world();
    let mut plan = world.plan();
    plan.actions.remove(1);
    let violations = world.violations(&named(plan));
    assert!(violations.contains(&Law::NothingNeededGoes), "{violations:?}");
}

/// Index 0 goes, and what it lists is left behind. Each row says who else lists that, and whether it counts.
#[test]
fn a_child_without_a_tag_keeps_an_index_that_stays_for_a_reason() {
    type Row = (&'static str, &'static [(u8, &'static [u8])], bool);
    let table: &[Row] = &[
        ("nobody", &[], false),
        ("it lists itself", &[(1, &[1])], false),
        ("it lists what lists it", &[(1, &[4]), (4, &[1])], false),
        (
            "a circle below what goes",
            &[(0, &[1, 4]), (4, &[5, 1]), (5, &[4])],
            false,
        ),
        (
            "it is below what lists it, in a circle",
            &[(0, &[1, 4]), (1, &[1, 4]), (4, &[1])],
            false,
        ),
        ("an index with a tag", &[(3, &[1])], true),
        ("an index below one with a tag", &[(3, &[4]), (4, &[1])], true),
        ("that, in a circle", &[(3, &[4]), (4, &[1]), (1, &[4])], true),
        ("a circle that nothing leads to", &[(4, &[5, 1]), (5, &[4])], true),
    ];
    for (name, lists, counts) in table {
        let mut world = world();
        world.repository().manifests.extend([manifest(4), manifest(5)]);
        for (index, children) in *lists {
            world.repository().manifests[usize::from(*index)].children = children.iter().copied().map(digest).collect();
        }
        let unlisted = |it: &Manifest| [4, 5].map(digest).contains(&it.digest) && it.children.is_empty();
        world.repository().manifests.retain(|it| !unlisted(it));
        let mut plan = world.plan();
        plan.actions.remove(1);
        let violations = world.violations(&named(plan));
        assert_eq!(violations.is_empty(), *counts, "{name}: {violations:?}");
        assert_eq!(
            violations.contains(&Law::NothingNeededGoes),
            !counts,
            "{name}: {violations:?}"
        );
    }
}

#[test]
fn an_index_that_stays_for_its_subject_counts_as_one() {
    let mut world = world();
    world.repository().manifests.push(Manifest {
        children: vec![digest(1)],
        subject: Some(digest(3)),
        ..manifest(4)
    });
    let mut plan = world.plan();
    plan.actions.remove(1);
    assert_eq!(world.violations(&named(plan)), []);
}

#[test]
fn an_orphan_must_be_proven() {
    let orphan = |world: &mut World, asked: bool| {
        world.repository().manifests[3].subject = Some(digest(50));
        world.repository().tags.retain(|tag| tag.name.as_str() != "d");
        if asked {
            world.repository().missing.insert(digest(50));
        }
        let mut plan = world.plan();
        plan.kept.clear();
        plan.actions.push(Action {
            kind: Kind::Orphan,
            ..world.action(3, Reason::Expired(ruling()))
        });
        named(plan)
    };
    let mut proven = world();
    let plan = orphan(&mut proven, true);
    assert_eq!(proven.violations(&plan), []);

    let mut unasked = world();
    let plan = orphan(&mut unasked, false);
    assert!(unasked.violations(&plan).contains(&Law::NothingNeededGoes));

    let mut partly_read = world();
    partly_read.inventory.complete_registries.clear();
    let plan = orphan(&mut partly_read, true);
    assert!(partly_read.violations(&plan).contains(&Law::NothingNeededGoes));

    let mut elsewhere = world();
    let mut other = elsewhere.inventory.repositories[0].clone();
    (other.name, other.manifests) = ("other".parse().unwrap(), vec![manifest(50)]);
    other.tags.clear();
    let plan = orphan(&mut elsewhere, true);
    elsewhere.inventory.repositories.push(other);
    assert!(elsewhere.violations(&plan).contains(&Law::NothingNeededGoes));
}

/// Each row spoils the good plan.
#[test]
fn what_a_plan_says_must_be_so() {
    type Row = (&'static str, Law, fn(&World, &mut Plan));
    let table: &[Row] = &[
        ("an entry twice", Law::EveryVerdictHasAReason, |w, p| {
            p.kept.push(w.kept(3, Some("d")))
        }),
        ("an entry forgotten", Law::EveryVerdictHasAReason, |_, p| p.kept.clear()),
        ("an entry that is none", Law::EveryVerdictHasAReason, |w, p| {
            p.kept.push(w.kept(3, None))
        }),
        ("an unknown rule", Law::EveryVerdictHasAReason, |_, p| {
            p.kept[0].reason = Reason::KeepAlways(Ruling::written("", "", [].into()))
        }),
        ("no evidence", Law::EveryVerdictHasAReason, |_, p| {
            p.actions[0].reason = Reason::Expired(Ruling::written("p", "r", [].into()))
        }),
        ("a hold without evidence", Law::EveryVerdictHasAReason, |_, p| {
            p.kept[0].reason = Reason::Hold {
                hold: crate::reason::Hold::Grace,
                used_by: vec![],
                because: String::new(),
                also: vec![],
            };
        }),
        ("a misplaced reason", Law::EveryVerdictHasAReason, |_, p| {
            p.kept[0].reason = Reason::Expired(ruling())
        }),
        ("needed by something that goes", Law::EveryVerdictHasAReason, |_, p| {
            p.kept[0].reason = Reason::Needed {
                by: Box::new(digest(0)),
                relation: Relation::Subject,
                ruling: ruling(),
            };
        }),
        ("a root that follows", Law::EveryVerdictHasAReason, |_, p| {
            p.actions[0].reason = Reason::Follows {
                root: digest(1),
                relation: Relation::Child,
            };
        }),
        ("a child before its index", Law::Facts, |_, p| p.actions.swap(0, 1)),
        ("another tag", Law::Facts, |_, p| {
            p.actions[0].tags.push("d".parse().unwrap())
        }),
        ("a tag forgotten", Law::Facts, |_, p| p.actions[0].tags.clear()),
        ("a manifest that is not there", Law::Facts, |_, p| {
            p.actions[1].digest = digest(60)
        }),
        ("another repository", Law::Facts, |_, p| {
            p.actions[1].repository = "other".parse().unwrap()
        }),
        ("other bytes", Law::Facts, |_, p| p.actions[0].bytes = 1),
        ("another moment", Law::Facts, |_, p| p.now = Timestamp::UNIX_EPOCH),
        ("refused", Law::Limits, |_, p| p.actions[0].refused = true),
        ("a fuse for nothing", Law::Limits, |_, p| {
            let action = p.actions[0].clone();
            p.limits.refused.push(Refused {
                registry: action.registry,
                repository: action.repository,
                kind: Kind::Image,
                share: 0.5,
            });
            p.actions.iter_mut().for_each(|action| action.refused = true);
        }),
        ("somebody waits", Law::Limits, |_, p| p.limits.waiting = 1),
        ("a kept tag", Law::KeptTagsStay, |w, p| {
            p.actions.push(Action {
                action: ActionKind::Untag,
                bytes: 0,
                ..w.action(3, Reason::Expired(ruling()))
            });
        }),
    ];
    for (name, law, spoil) in table {
        let world = world();
        let mut plan = world.plan();
        spoil(&world, &mut plan);
        let violations = world.violations(&named(plan));
        assert!(violations.contains(law), "{name}: {violations:?}");
    }
    let world = world();
    let altered = Plan {
        warnings: vec!["x".to_owned()],
        ..world.plan()
    };
    assert_eq!(world.violations(&altered), [Law::Facts]);
}

#[test]
fn the_registry_must_be_able() {
    let mut world = world();
    world.repository().capabilities.delete = Some(false);
    assert_eq!(world.violations(&world.plan()), [Law::Facts; 3]);
}

/// A second tag `e` on image 3 is removed.
fn untagging(world: &mut World) -> Plan {
    world.repository().tags.push(tag("e", 3));
    let mut plan = world.plan();
    let untag = Action {
        action: ActionKind::Untag,
        bytes: 0,
        ..world.action(3, Reason::Expired(ruling()))
    };
    plan.actions.push(Action {
        tags: vec!["e".parse().unwrap()],
        ..untag
    });
    named(plan)
}

#[test]
fn tags_go_only_from_images_that_are_free() {
    type Row = (&'static str, Law, fn(&mut World));
    let table: &[Row] = &[
        ("in use", Law::KeptTagsStay, |w| w.refer("r.example/app:d", None, None)),
        ("immutable", Law::KeptTagsStay, |w| {
            w.repository().tags[2].immutable = true
        }),
        ("unable", Law::Facts, |w| {
            w.repository().capabilities.delete_tag = Some(false)
        }),
        ("not wanted", Law::EveryVerdictHasAReason, |w| {
            w.config = w.config.replace("untag: true", "untag: false")
        }),
    ];
    let mut free = world();
    let plan = untagging(&mut free);
    assert_eq!(free.violations(&plan), []);
    for (name, law, change) in table {
        let mut world = world();
        let plan = untagging(&mut world);
        change(&mut world);
        let violations = world.violations(&plan);
        assert!(violations.contains(law), "{name}: {violations:?}");
    }
}

#[test]
fn limits_hold() {
    let mut world = world();
    world.repository().manifests[0].pushed_at = ago(240);
    world.config = world.config.replace("keep-at-least: 0", "keep-at-least: 1");
    assert_eq!(world.violations(&world.plan()), [Law::Limits], "the newest goes");
    world.repository().manifests[3].pushed_at = ago(240);
    assert_eq!(world.violations(&world.plan()), [], "one as new stays");
    world.config = world.config.replace("keep-at-least: 1", "max-deletions: 0");
    assert_eq!(world.violations(&world.plan()), [Law::Limits], "the brake");
}

/// Six of seven images go, which is more than half, and more than five.
#[test]
fn a_fuse_that_should_blow_has_blown() {
    let mut world = world();
    world.repository().manifests = (0..7).map(manifest).collect();
    world.repository().tags = vec![tag("keep", 6)];
    let mut plan = world.plan();
    plan.actions = (0..6)
        .map(|number| world.action(number, Reason::Expired(ruling())))
        .collect();
    plan.kept = vec![world.kept(6, Some("keep"))];
    assert_eq!(world.violations(&named(plan.clone())), [Law::Limits]);
    plan.actions.iter_mut().for_each(|action| action.refused = true);
    let action = plan.actions[0].clone();
    let share = 6.0 / 7.0;
    plan.limits.refused = vec![Refused {
        registry: action.registry,
        repository: action.repository,
        kind: Kind::Image,
        share,
    }];
    assert_eq!(world.violations(&named(plan.clone())), []);
    world.config = world
        .config
        .replace("keep-at-least: 0", "keep-at-least: 0, max-share: 86%");
    assert_eq!(world.violations(&named(plan)), [Law::Limits], "it need not have blown");
}

/// Child 1 has a tag of its own and stays: it needs no index, but a hold on it holds every index above it.
#[test]
fn a_hold_reaches_the_indexes_above() {
    let mut world = world();
    world.repository().tags.push(tag("b", 1));
    let mut plan = world.plan();
    plan.actions.remove(1);
    plan.kept.push(world.kept(1, Some("b")));
    let plan = named(plan);
    assert_eq!(world.violations(&plan), []);
    world.refer("r.example/app:b", None, None);
    assert_eq!(world.violations(&plan), [Law::NothingNeededGoes]);
}

/// A used index holds a child that is a root of its own: it loses no tag.
#[test]
fn a_use_reaches_everything_below() {
    let mut world = world();
    world.repository().manifests[0].children.push(digest(3));
    let mut plan = untagging(&mut world);
    plan.actions.drain(..3);
    plan.kept.push(world.kept(0, Some("a")));
    let plan = named(plan);
    assert_eq!(world.violations(&plan), []);
    world.refer("", Some(digest(0)), None);
    assert_eq!(world.violations(&plan), [Law::KeptTagsStay]);
}
