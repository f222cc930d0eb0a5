//! No removal rests on what a cluster said more than a minute ago: it is asked again while things are removed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jettison::apply::Happened;
use jettison_testkit::kubernetes::objects::pod;
use jettison_testkit::kubernetes::{Account, Options as ClusterOptions, TestCluster};
use jettison_testkit::registry::{Effect, Fault, Options};
use tokio::time::Instant;

use crate::inside::{Inside, outcome_of};
use crate::world::{WEB, World, configured, image};

/// How old an observation may be, and a little for the way from the question to the registry.
const FRESH: Duration = Duration::from_secs(60 + 5);

/// Images that go, beside one that a pod runs.
const OLD: u64 = 30;

/// A repository whose turn comes first, with one more that goes.
const API: &str = "apps/api";

/// A registry whose deletes take 25 s each, eight of them at a time in a repository. A cluster uses one image of it.
struct Slow {
    world: World,
    inside: Inside,
    cluster: Arc<TestCluster>,
    /// When deletes arrived.
    deletes: Arc<Mutex<Vec<Instant>>>,
}

impl Slow {
    async fn start() -> Self {
        let world = World::start(Options::default()).await;
        for number in 4..=OLD {
            world.push(&[&format!("old-{number}")], &image(number)).await;
        }
        world.pusher.push(API, &["old-1"], &image(100)).await.unwrap();
        let cluster = Arc::new(TestCluster::start(ClusterOptions::default()).await.unwrap());
        let kept = format!("{}/{WEB}:keep", world.registry.host());
        cluster.put(pod("shop", "web-0", &kept, ""));
        let account = Account {
            namespace: "jettison".to_owned(),
            name: "jettison".to_owned(),
        };
        world.desk.write("kubeconfig", &cluster.kubeconfig("prod", &account));
        let sources = "{ name: prod, kind: kubernetes, kubeconfig: kubeconfig }";
        let limits = "limits: { max-share: 100%, keep-at-least: 0 }\n";
        let lists = "{ name: lists, kind: file, paths: [in-use.txt] }";
        world
            .desk
            .write("jettison.yaml", &configured(limits).replace(lists, sources));
        let inside = Inside::of(&world).await;
        let deletes = Arc::new(Mutex::new(Vec::new()));
        for action in &inside.plan.actions {
            let seen = Arc::clone(&deletes);
            let arrives = Fault::call(move |_| seen.lock().unwrap().push(Instant::now()));
            let takes_long = Fault::new(Effect::Delay(Duration::from_secs(25)));
            for fault in [arrives, takes_long] {
                let path = format!("/v2/{}/manifests/{}", action.repository, action.digest);
                world.registry.fail(fault.method("DELETE").path(&path));
            }
        }
        Self {
            world,
            inside,
            cluster,
            deletes,
        }
    }

    /// Lets this happen to the cluster right before the first delete is done.
    fn with_the_first_delete(&self, happens: impl Fn(&TestCluster) + Send + Sync + 'static) {
        let cluster = Arc::clone(&self.cluster);
        let path = format!("/v2/{API}/manifests/{}", image(100).digest);
        let happens = Fault::call(move |_| happens(&cluster));
        self.world.registry.fail(happens.method("DELETE").path(&path).times(1));
    }

    /// The number of the image that goes last.
    fn last(&self) -> u64 {
        let mut actions = self.inside.plan.actions.iter();
        let last = actions.rfind(|action| action.repository.as_str() == WEB).unwrap();
        let last = last.digest.to_string();
        (1..=OLD).find(|number| image(*number).digest == last).unwrap()
    }
}

#[tokio::test]
async fn every_removal_rests_on_an_answer_of_the_cluster_of_the_last_minute() {
    let slow = Slow::start().await;
    let last = slow.last();
    let late = pod("shop", "late", "registry.k8s.io/pause:1", &image(last).digest);
    slow.with_the_first_delete(move |cluster| cluster.put(late.clone()));
    let before = slow.cluster.lists_begun("/api/v1/pods").len();
    let report = slow.inside.apply_fast(&slow.world).await;

    let (outcome, why) = outcome_of(&report, last);
    assert_eq!(outcome, Happened::Failed);
    assert!(why.contains("in use by now") && why.contains("Pod shop/late"), "{why}");
    assert!(slow.world.has(&image(last)));
    assert_eq!((report.deleted, report.failed), (OLD, 1));
    let asked = slow.cluster.lists_begun("/api/v1/pods");
    let asked = &asked[before..];
    let deletes = slow.deletes.lock().unwrap();
    for delete in &*deletes {
        let latest = asked.iter().filter(|asked| *asked <= delete).max();
        let age = delete.duration_since(*latest.unwrap());
        assert!(
            age < FRESH,
            "a delete rests on what the cluster said {} s ago",
            age.as_secs()
        );
    }
    let took = deletes.last().unwrap().duration_since(deletes[0]);
    assert!(took > FRESH, "deletes of one minute show nothing: {took:?}");
    // Once a minute, and not for each image.
    let most = 2 + took.as_secs() / 25;
    assert!(
        (2..=most).contains(&(asked.len() as u64)),
        "asked {} times",
        asked.len()
    );
}

#[tokio::test]
async fn a_cluster_that_goes_away_in_the_middle_stops_what_is_left() {
    let slow = Slow::start().await;
    slow.with_the_first_delete(TestCluster::stop);
    let report = slow.inside.apply_fast(&slow.world).await;
    let refused: BTreeSet<&str> = report
        .actions
        .iter()
        .filter(|action| action.outcome == Happened::Refused)
        .filter_map(|action| action.why.as_deref())
        .collect();
    let why = refused.first().unwrap();
    assert!(
        refused.len() == 1 && why.starts_with("usage source prod is partial: "),
        "{refused:?}"
    );
    let counted = (report.deleted + report.refused, report.failed);
    assert_eq!(counted, (OLD + 1, 0), "{:#?}", report.actions);
    let begun = slow.deletes.lock().unwrap();
    let last = begun.last().unwrap().duration_since(begun[0]);
    assert!(report.refused > 0 && last < FRESH, "{last:?} {report:?}");
}
