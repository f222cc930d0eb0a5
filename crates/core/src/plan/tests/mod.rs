//! What becomes of verdicts: what stays with what, in which order the rest goes, and what the limits make of it.

mod archive;
mod bytes;
mod limits;
mod order;
mod orphans;
mod stays;
mod tags;

use super::{Action, ActionKind, Kept, Plan, draft, plan};
use crate::model::Digest;
use crate::reason::Reason;
use crate::worlds::{World, ago};

const GOES: &str = "name: r, match: { kinds: [image, orphan] }, expire: { older-than: 1d }";
const STAYS: &str = "name: kept, match: { tags: [\"keep*\"] }, keep: always";

/// Images that all go but for those under `keep*`; no image stays for being new.
fn world(images: &str) -> World {
    let mut world = World::new(&[STAYS, GOES], images);
    world.config += "limits: { keep-at-least: 0 }\n";
    world
}

/// Untagged images of these ages in days. The rules keep none.
fn untagged(days: &[u32]) -> World {
    let images: Vec<String> = days
        .iter()
        .map(|days| format!("untagged: true, pushed: {days}d ago"))
        .collect();
    world(&images.join("\n"))
}

/// The plan, in which the second opinion finds nothing to mend.
fn planned(world: &World) -> Plan {
    let plan = world.with_facts(plan);
    assert_eq!(plan.violations, []);
    plan
}

impl World {
    fn number(&self, digest: &Digest) -> usize {
        self.digests.iter().position(|known| known == digest).unwrap()
    }

    fn limits(&mut self, limits: &str) {
        self.config = self.config.replace("keep-at-least: 0", limits);
    }

    /// The digests that go, in their order, by their numbers.
    fn order(&self) -> Vec<usize> {
        let plan = planned(self);
        let goes = plan.actions.iter().filter(|action| action.action != ActionKind::Untag);
        goes.map(|action| self.number(&action.digest)).collect()
    }

    /// One line an action, in their order: `delete #0 [a] expired`, `delete #1 [] follows #0 (Child)`.
    fn actions(&self, plan: &Plan) -> Vec<String> {
        plan.actions.iter().map(|action| self.action(action)).collect()
    }

    fn action(&self, action: &Action) -> String {
        let what = match action.action {
            ActionKind::Delete => "delete",
            ActionKind::Archive => "archive",
            ActionKind::Untag => "untag",
        };
        let tags: Vec<&str> = action.tags.iter().map(|tag| tag.as_str()).collect();
        let why = match &action.reason {
            Reason::Follows { root, relation } => format!("follows #{} ({relation:?})", self.number(root)),
            reason => reason.code().to_owned(),
        };
        let refused = if action.refused { " refused" } else { "" };
        format!(
            "{what} #{} [{}] {why}{refused}",
            self.number(&action.digest),
            tags.join(" ")
        )
    }

    /// One line for each entry that stays or is blocked: `#0:a keep-always`, `#1 needed by #0 (Child)`.
    fn entries(&self, kept: &[Kept]) -> Vec<String> {
        let told = kept.iter().map(|kept| {
            let tag = kept.tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
            let why = match &kept.reason {
                Reason::Needed { by, relation, .. } => format!("needed by #{} ({relation:?})", self.number(by)),
                Reason::SharesImage { with, .. } => {
                    let with: Vec<&str> = with.iter().map(|tag| tag.as_str()).collect();
                    format!("shares-image with {}", with.join(" "))
                }
                Reason::Brake { limit, .. } => format!("brake {limit}"),
                Reason::KeepAtLeast { limit, .. } => format!("keep-at-least {limit}"),
                Reason::Hold { hold, .. } => hold.to_string(),
                reason => reason.code().to_owned(),
            };
            format!("#{}{tag} {why}", self.number(&kept.digest))
        });
        let mut told: Vec<String> = told.collect();
        told.sort();
        told
    }

    fn kept(&self) -> Vec<String> {
        self.entries(&planned(self).kept)
    }
}

#[test]
fn a_plan_says_what_it_is_made_of() {
    let mut world = untagged(&[9]);
    world
        .usage
        .as_mut()
        .unwrap()
        .sources
        .extend(["b", "a", "b"].map(|name| {
            let mut source = World::new(&[GOES], "untagged: true, pushed: 9d ago")
                .usage
                .unwrap()
                .sources
                .remove(0);
            source.name = name.to_owned();
            source
        }));
    world.refer("x.example/app:v1", None);
    let plan = planned(&world);
    assert_eq!(plan.usage_sources, ["a", "b", "policy test"]);
    assert!(plan.is_unaltered() && plan.id.len() == 64);
    assert!(
        !Plan {
            id: String::new(),
            ..plan.clone()
        }
        .is_unaltered()
    );
    let elsewhere = Plan {
        gaps: vec!["x".to_owned()],
        ..plan
    };
    assert!(!elsewhere.is_unaltered());
}

#[test]
fn gaps_and_warnings_of_all_repositories_are_told_once() {
    let mut world = world("tags: [a], pushed: 9d ago\ntags: [a2], pushed: 9d ago");
    world.move_to("lib", &[1]);
    world
        .inventory
        .repositories
        .iter_mut()
        .for_each(|it| it.gaps.push(crate::model::Gap("403".to_owned())));
    world
        .inventory
        .gaps
        .push(crate::model::Gap("x.example: no answer".to_owned()));
    world.refer("x.example/app:a", None);
    world.refer("x.example/lib:a2", None);
    let plan = planned(&world);
    assert_eq!(
        plan.gaps,
        ["r.example/app: 403", "r.example/lib: 403", "x.example: no answer"]
    );
    assert_eq!(plan.warnings.len(), 2, "{:?}", plan.warnings);
    assert_eq!(world.entries(&plan.kept), ["#0:a in-use", "#1:a2 in-use"]);
}

/// What the second opinion finds stands in the plan: a repository that is listed twice, and not alike.
#[test]
fn a_draft_has_no_id_and_a_plan_names_its_content() {
    let world = untagged(&[9]);
    let draft = world.with_facts(draft);
    assert!(draft.id.is_empty());
    let plan = planned(&world);
    assert_eq!(plan.id, draft.compute_id());
    assert_eq!(world.actions(&plan), ["delete #0 [] expired"]);
    assert_eq!((plan.actions[0].time, plan.kept.len()), (ago(9 * 24), 0));
}
