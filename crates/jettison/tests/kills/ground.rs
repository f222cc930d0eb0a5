//! A registry and a folder of state that can be put back as they were, and a program that is killed on the way.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use jettison_testkit::images::{Cosign, Image, Index, Manifest, cosign, cosign_referrer, cosign_tag};
use jettison_testkit::pull::Puller;
use jettison_testkit::push::Pusher;
use jettison_testkit::registry::{Fault, Options, TestRegistry};
use serde_json::Value;
use tempfile::TempDir;

use crate::common::contents::{Contents, text};
use crate::common::desk::Desk;

const WEB: &str = "apps/web";

const CONFIG: &str = "
registries:
  - { host: '{host}', repositories: ['apps/*'], expects: none, trust-created: true }
usage:
  - { name: lists, kind: file, paths: [in-use.txt] }
policies:
  - name: test
    untag: {untag}
    rules:
      - { name: old, match: { tags: ['old-*'] }, expire: { older-than: 30d } }
limits: { max-share: 100%, keep-at-least: 0 }
";

/// What was pushed: tags and manifest, or a signature of it.
struct Pushed {
    tags: Vec<String>,
    manifest: Manifest,
}

/// A registry and a desk whose state can be kept and put back.
pub(crate) struct Ground {
    pub(crate) registry: TestRegistry,
    pub(crate) desk: Desk,
    pub(crate) puller: Puller,
    pusher: Pusher,
    pushed: Vec<Pushed>,
    referrers: Vec<Manifest>,
    kept: TempDir,
}

impl Ground {
    /// Old images of every shape, and `more` plain ones; some of what they consist of stays.
    pub(crate) async fn start(options: Options, more: u64) -> Self {
        let referrers_api = options.referrers;
        // Where a single tag cannot be removed, an image that stays under another tag is refused, and nothing else.
        let config = CONFIG.replace("{untag}", &options.delete_tag.to_string());
        let registry = TestRegistry::start(options).await.unwrap();
        let url = registry.url();
        let desk = Desk::new(&registry.host(), &config);
        desk.write("in-use.txt", "{host}/apps/web:keep\n");
        let (pushed, referrers) = images(referrers_api, more);
        let ground = Self {
            puller: Puller::new(&url).unwrap(),
            pusher: Pusher::new(&url).unwrap(),
            registry,
            desk,
            pushed,
            referrers,
            kept: tempfile::tempdir().unwrap(),
        };
        ground.push_all().await;
        ground
    }

    /// Pushes everything again that was pushed at the start.
    pub(crate) async fn push_all(&self) {
        for Pushed { tags, manifest } in &self.pushed {
            let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
            self.pusher.push(WEB, &tags, manifest).await.unwrap();
        }
        for referrer in &self.referrers {
            self.pusher.push_referrer(WEB, referrer).await.unwrap();
        }
    }

    /// Takes out of the registry whatever `wanted` does not have.
    pub(crate) fn take_away_all_but(&self, wanted: &Contents) {
        let now = Contents::of(&self.registry);
        for (name, digest) in now.manifests_not_in(wanted) {
            self.registry.remove_manifest(&name, &digest);
        }
        for (name, tag) in now.tags_not_in(wanted) {
            self.registry.remove_tag(&name, &tag);
        }
        assert_eq!(&Contents::of(&self.registry), wanted);
    }

    /// Keeps what the program remembers now.
    pub(crate) fn keep_state(&self) {
        copy(&self.desk.state(), self.kept.path());
    }

    /// Makes the program remember what it did when that was kept.
    pub(crate) fn put_state_back(&self) {
        let state = self.desk.state();
        std::fs::remove_dir_all(&state).unwrap();
        std::fs::create_dir(&state).unwrap();
        copy(self.kept.path(), &state);
    }

    /// Runs the program and kills it when its request number `requests` (from 0) arrives. Says whether it was killed.
    pub(crate) async fn kill_at(&self, requests: u64, arguments: &[&str]) -> bool {
        self.signal_at("KILL", requests, arguments)
            .await
            .status
            .code()
            .is_none()
    }

    /// The same with any signal.
    pub(crate) async fn signal_at(&self, signal: &'static str, requests: u64, arguments: &[&str]) -> Output {
        let process = Arc::new(AtomicU32::new(0));
        let victim = Arc::clone(&process);
        self.registry
            .fail(Fault::call(move |_| send(signal, &victim)).skip(requests).times(1));
        let child = self.desk.start(arguments);
        process.store(child.id().unwrap(), Ordering::SeqCst);
        let ended = child.wait_with_output().await.unwrap();
        self.registry.clear_faults();
        ended
    }

    /// Every run and every entry of the journal came to an end that is known.
    pub(crate) async fn nothing_is_open(&self) {
        for run in self.runs().await {
            assert!(
                run["ended_at"].is_string() && run["status"] != "running",
                "{run} never ended"
            );
            let shown = self.desk.run(&["history", &text(&run["id"]), "--output", "json"]).await;
            let detail = shown.exits(0).json();
            for action in detail["actions"].as_array().unwrap() {
                assert_ne!(action["outcome"], "unknown", "{action}");
            }
        }
    }

    /// Undoes every run that deleted or untagged something, the newest first.
    pub(crate) async fn undo_everything(&self) {
        for run in self.runs().await {
            if run["deleted"] != 0 || run["untagged"] != 0 {
                self.desk.run(&["undo", &text(&run["id"]), "--yes"]).await.exits(0);
            }
        }
    }

    async fn runs(&self) -> Vec<Value> {
        let history = self.desk.run(&["history", "--output", "json"]).await.exits(0).json();
        history["runs"].as_array().unwrap().clone()
    }
}

/// What stands in the repository, and what is attached by the referrers API.
fn images(referrers_api: bool, more: u64) -> (Vec<Pushed>, Vec<Manifest>) {
    let image = |seed: u64| Image::new(seed).created("2025-01-01T00:00:00Z").build();
    let shared = image(10);
    let kept_index = Index::new().child(shared.clone()).child(image(11)).build();
    let old_index = Index::new().child(shared).child(image(12)).build();
    let tagged = |tags: &[&str], manifest: &Manifest| Pushed {
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        manifest: manifest.clone(),
    };
    let signed = image(1);
    let mut pushed = vec![
        tagged(&["keep"], &image(0)),
        tagged(&["keep-index"], &kept_index),
        tagged(&["old-1", "old-one"], &signed),
        tagged(&["old-2"], &old_index),
        tagged(&["old-3", "stable"], &image(3)),
    ];
    for number in 0..more {
        pushed.push(tagged(&[&format!("old-more-{number}")], &image(100 + number)));
    }
    let signature = cosign_tag(&old_index.digest, Cosign::Signature);
    pushed.push(tagged(&[&signature], &cosign(&old_index.digest, Cosign::Signature)));
    let referrers = if referrers_api {
        vec![cosign_referrer(&signed)]
    } else {
        Vec::new()
    };
    (pushed, referrers)
}

/// Sends a signal to a process that is about to be known.
fn send(signal: &str, process: &AtomicU32) {
    let id = loop {
        match process.load(Ordering::SeqCst) {
            0 => std::thread::yield_now(),
            id => break id,
        }
    };
    let killed = Command::new("sh")
        .args(["-c", &format!("kill -{signal} {id}")])
        .status()
        .unwrap();
    assert!(killed.success(), "process {id} could not be sent SIG{signal}");
}

fn copy(from: &Path, to: &Path) {
    for file in std::fs::read_dir(from).unwrap() {
        let file: PathBuf = file.unwrap().path();
        std::fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
    }
}
