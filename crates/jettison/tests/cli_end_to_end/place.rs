//! A folder with facts, a policy and a store whose every byte is known, and the program called in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jettison::store::{Action, Intent, NewOutcome, Outcome, RunId, RunStart, RunStatus, Store};
use jettison_core::model::Digest;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tempfile::TempDir;

use crate::world::{Case, HOST, NOW, images};

/// What the tests look at: something of everything that a plan can say.
const IMAGES: &str = "
@apps/web cap.undo=\"until-garbage-collection\"
manifest-v1     v1.2.3                 300d blobs=base:31000000,v1:21400000
manifest-live   main-1a2b3c4           190d blobs=base:31000000,l1:12600000
manifest-m2     main-2a2b3c4           120d blobs=base:31000000,l2:12500000
manifest-m3     main-3a2b3c4,nightly   90d  blobs=base:31000000,l3:12400000
manifest-m4     main-4a2b3c4           2h   blobs=base:31000000,l4:12300000
manifest-amd    -                      80d  platform=linux/amd64 blobs=base:31000000,x1:9000000
manifest-arm    -                      80d  platform=linux/arm64 blobs=base:31000000,x2:9100000
manifest-idx    feature-login-5a2b3c4  80d  children=manifest-amd,manifest-arm
manifest-newer  feature-login-6a2b3c4  20d  blobs=base:31000000,l6:12200000
manifest-cache  buildcache             60d  kind=build-cache blobs=c:812000000
@apps/a-service-with-a-rather-long-name/worker
manifest-w1     main-1b2b3c4           100d blobs=w1:70000000
manifest-w2     main-2b2b3c4           99d  blobs=w2:70000000
manifest-w3     main-3b2b3c4           98d  blobs=w3:70000000
manifest-w4     main-4b2b3c4           97d  blobs=w4:70000000
manifest-w5     main-5b2b3c4           96d  blobs=w5:70000000
manifest-w6     main-6b2b3c4           95d  blobs=w6:70000000
manifest-w7     main-7b2b3c4           94d  blobs=w7:70000000
manifest-w8     main-8b2b3c4           9d   blobs=w8:70000000
@apps/sealed cap.delete=false
manifest-s1     main-1c2b3c4           100d blobs=s1:70000000
manifest-s2     main-2c2b3c4           9d   blobs=s2:70000000
@apps/unread gap=timeout
manifest-u1     main-1d2b3c4           100d blobs=u1:70000000
";

/// Indexes that stay while a part of them goes, a signature, and a tag that others pull.
const COMPANY: &str = "
@apps/multi
manifest-n1     main-1e2b3c4           1d   children=manifest-c1,manifest-c2
manifest-c1     -                      40d  platform=linux/amd64 blobs=n1:70000000
manifest-c2     -                      40d  platform=linux/arm64 blobs=n2:70000000
manifest-n2     main-2e2b3c4           3d   children=manifest-c3
manifest-c3     -                      3d   platform=linux/amd64 blobs=n3:70000000
manifest-sig    -                      40d  kind=artifact subject=manifest-n1
manifest-n4     main-4e2b3c4,latest    50d  blobs=n4:70000000
manifest-n5     main-5e2b3c4           51d  blobs=n5:70000000
";

const LIFECYCLE: &str = r#"{
  "rules": [
    {
      "rulePriority": 1,
      "selection": { "tagStatus": "tagged", "tagPatternList": ["release-*"], "countType": "imageCountMoreThan", "countNumber": 9999 },
      "action": { "type": "expire" }
    },
    {
      "rulePriority": 2,
      "selection": { "tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 30 },
      "action": { "type": "expire" }
    },
    {
      "rulePriority": 3,
      "description": "the last few of everything",
      "selection": { "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 4 },
      "action": { "type": "expire" }
    }
  ]
}
"#;

const USAGE: &str = "@prod complete
r.example.com/apps/web:main-1a2b3c4";

const POLICY: &str = "policies:
  - name: applications
    rules:
      - { name: versions, match: { tags: [\"v*\"] }, keep: always }
      - { name: build caches, match: { kinds: [build-cache] }, expire: { older-than: 30d } }
      - { name: nightly, match: { tags: [nightly] }, expire: { older-than: 365d } }
      - name: branches
        match: { tags: [\"*\"] }
        group-by: branch
        expire: [ { beyond-newest: 1, older-than: 7d }, { not-pulled-for: 90d } ]
limits: { keep-at-least: 0 }
";

/// A folder with facts and a policy.
pub(crate) struct Place {
    folder: TempDir,
}

/// How a call ended, and what it said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    /// Nothing but an empty folder.
    pub(crate) fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// The facts of [`IMAGES`], to plan from with [`Place::PLAN`].
    pub(crate) fn with_facts() -> Self {
        Self::with(&images(IMAGES).usage(USAGE))
    }

    /// The facts of a case.
    pub(crate) fn with(case: &Case) -> Self {
        let place = Self::empty();
        place.write("i.json", &case.inventory().to_string());
        place.write("u.json", &case.usage_form().to_string());
        place.write("p.yaml", POLICY);
        place
    }

    /// How to plan from the facts.
    pub(crate) const PLAN: [&str; 9] = [
        "plan",
        "--inventory",
        "i.json",
        "--usage",
        "u.json",
        "--policy",
        "p.yaml",
        "--now",
        NOW,
    ];

    /// The facts of [`IMAGES`] with what ECR's lifecycle policies stumble over, and a policy that does.
    pub(crate) fn with_lifecycle() -> Self {
        let place = Self::with(&images(&format!("{IMAGES}{COMPANY}")).usage(USAGE));
        place.write("policy.json", LIFECYCLE);
        place
    }

    /// How to preview it.
    pub(crate) const PREVIEW: [&str; 10] = [
        "ecr",
        "preview",
        "--inventory",
        "i.json",
        "--usage",
        "u.json",
        "--policy",
        "policy.json",
        "--now",
        NOW,
    ];

    /// How to lint it.
    pub(crate) const LINT: [&str; 9] = [
        "ecr",
        "lint",
        "policy.json",
        "--inventory",
        "i.json",
        "--usage",
        "u.json",
        "--now",
        NOW,
    ];

    /// Writes a file of the folder.
    pub(crate) fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    /// A file of the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The program, ready to be called here.
    pub(crate) fn program(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jettison"));
        command
            .args(words)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("XDG_STATE_HOME", self.path("state"))
            .stdin(Stdio::null());
        command
    }

    /// Calls the program.
    pub(crate) fn call(&self, words: &[&str]) -> Said {
        self.call_with(words, &[])
    }

    /// Calls the program with something in its environment.
    pub(crate) fn call_with(&self, words: &[&str], environment: &[(&str, &str)]) -> Said {
        let output = self.program(words).envs(environment.iter().copied()).output().unwrap();
        Said {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The store that the program uses here.
    pub(crate) async fn store(&self) -> Store {
        Store::open(self.path("state/jettison")).await.unwrap()
    }

    /// Plans from the facts, and puts the plan into the store.
    pub(crate) async fn remember_plan(&self) -> Value {
        let plan = self.call(&[&Self::PLAN[..], &["--output", "json"]].concat()).json();
        let store = self.store().await;
        let id = plan["id"].as_str().unwrap();
        store.save_plan(id, now(), &plan.to_string()).await.unwrap();
        store.close().await;
        plan
    }

    /// Plans from the facts, and puts the plan and a run of it into the store: `idx` with its children and `m2` went,
    /// `cache` went and is back, `w1` failed, `w2` was left, and an earlier run took `m3` and put it back.
    pub(crate) async fn remember(&self) -> Value {
        let plan = self.remember_plan().await;
        let store = self.store().await;
        let journal = Journal {
            store: &store,
            plan: &plan,
        };
        let (done, back) = (Outcome::Done, Outcome::PutBack);
        journal
            .run(1, "run", -48, &[("m3", &[done.clone(), back.clone()])], RunStatus::Done)
            .await;
        let failed = Outcome::Failed {
            error: "the registry answered 500 Internal Server Error to DELETE, twice".to_owned(),
        };
        let left = Outcome::Skipped {
            why: "tag main-2b2b3c4 points to another image since the plan was made".to_owned(),
        };
        let entries = [
            ("idx", std::slice::from_ref(&done)),
            ("amd", std::slice::from_ref(&done)),
            ("arm", &[Outcome::AlreadyGone]),
            ("m2", std::slice::from_ref(&done)),
            ("cache", &[done.clone(), back]),
            ("w1", &[failed]),
            ("w2", &[left]),
        ];
        journal.run(2, "apply", 1, &entries, RunStatus::PartlyFailed).await;
        store.close().await;
        plan
    }
}

/// The moment of the facts.
pub(crate) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// The bytes of the manifest called `name` in [`IMAGES`]: in the shorthand a digest is that of the name.
pub(crate) fn manifest(name: &str) -> Vec<u8> {
    format!("manifest-{name}").into_bytes()
}

/// The id of the run with this number.
pub(crate) fn run_id(number: u8, hours: i64) -> RunId {
    RunId::new(now() + SignedDuration::from_hours(hours), [0, number])
}

/// Writes runs of a plan.
pub(crate) struct Journal<'a> {
    pub(crate) store: &'a Store,
    pub(crate) plan: &'a Value,
}

impl Journal<'_> {
    /// A run that began so many hours after the plan, with what became of each image, one second apart.
    async fn run(&self, number: u8, command: &str, hours: i64, entries: &[(&str, &[Outcome])], status: RunStatus) {
        let started_at = now() + SignedDuration::from_hours(hours);
        let start = RunStart {
            id: run_id(number, hours),
            plan_id: Some(self.plan["id"].as_str().unwrap().to_owned()),
            started_at,
            command: command.to_owned(),
        };
        let run = self.store.begin_run(&start).await.unwrap();
        let intents: Vec<Intent> = (0..)
            .zip(entries)
            .map(|(at, (name, _))| self.intent(at, name))
            .collect();
        let recorded = self.store.record_intent(&run, &intents).await.unwrap();
        let mut at = started_at;
        for (entry, (_, outcomes)) in recorded.into_iter().zip(entries) {
            for outcome in *outcomes {
                at += SignedDuration::from_secs(1);
                let outcome = outcome.clone();
                self.store
                    .record_outcomes(&[NewOutcome { entry, outcome, at }])
                    .await
                    .unwrap();
            }
        }
        self.store.end_run(&run, status, at).await.unwrap();
    }

    /// To delete the image called `name`, as the plan says; one that the plan keeps goes by the rule of `m2`.
    pub(crate) fn intent(&self, sequence: u64, name: &str) -> Intent {
        let find = |name: &str| {
            let digest = Digest::of(&manifest(name)).to_string();
            let mut actions = self.plan["actions"].as_array().unwrap().iter();
            actions.find(|action| action["digest"] == digest).cloned()
        };
        let action = find(name).or_else(|| find("m2")).unwrap();
        let bytes = manifest(name);
        let tags = match name {
            "m3" => vec!["main-3a2b3c4".parse().unwrap()],
            _ => serde_json::from_value(action["tags"].clone()).unwrap(),
        };
        let root = action["reason"]["root"].as_str();
        Intent {
            registry: HOST.parse().unwrap(),
            repository: action["repository"].as_str().unwrap().parse().unwrap(),
            digest: Digest::of(&bytes),
            action: Action::Delete,
            root: match root {
                Some(root) => root.parse().unwrap(),
                None => Digest::of(&bytes),
            },
            tags,
            media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
            bytes,
            referrers: Vec::new(),
            reason_json: action["reason"].to_string(),
            sequence,
        }
    }
}

impl Said {
    /// Standard output as the only JSON document on it.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}; exit {}\n{}\n{}", self.code, self.stdout, self.stderr))
    }

    /// Fails the test unless the exit code is this.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        self
    }
}
