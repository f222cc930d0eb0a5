//! The whole way on the real registry: of 200 images everything goes but what a Docker host, its Swarm or a cluster uses,
//! by whatever name; and that still pulls.

use std::collections::{BTreeMap, BTreeSet};

use jettison_testkit::kubernetes::objects::{
    config_map, controller_revision, cron_job, owned, pod, template, workload,
};
use jettison_testkit::kubernetes::{Account, Kind, Options, Rbac, TestCluster};
use serde_json::{Value, json};

use super::scene::{OLD, Pushed, Scene};
use crate::support::clients::Clients;
use crate::support::dockerd::Dockerd;
use crate::support::real_engines_ready;
use crate::support::wire::Wire;

/// Nothing but use holds anything.
const EVERYTHING_GOES: &str = r#"
grace: 0h
limits: { keep-at-least: 0, max-share: 100% }
policies:
  - name: everything
    rules:
      - { name: tagged, match: { tags: ["*"] }, expire: { older-than: 0h } }
      - { name: untagged, match: { untagged: true }, expire: { older-than: 0h } }
"#;

/// Images that have a tag, in both repositories.
const IMAGES: usize = 200;

/// Of these nobody uses so many in the repository beside the main one.
const UNUSED_BESIDE: usize = 20;

/// Indexes that nobody uses, of two platforms each.
const UNUSED_INDEXES: usize = 5;

/// How pods name what they run: its tag, the image in the specification, and what the status says.
///
/// Where only the status tells, the tag in the specification is gone from the registry.
const PODS: [(&str, &str, &str); 14] = [
    ("by-tag", "{repository}:by-tag", ""),
    ("latest", "{repository}", ""),
    ("by-digest", "{repository}@{digest}", ""),
    // The tag names another image by now: both count.
    ("by-both", "{repository}:since-moved@{digest}", ""),
    ("index-by-tag", "{repository}:index-by-tag", "{repository}@{platform}"),
    (
        "index-by-digest",
        "{repository}@{digest}",
        "docker-pullable://{repository}@{platform}",
    ),
    ("index-by-platform", "{repository}@{platform}", ""),
    ("index-by-what-runs", "{repository}:gone", "{repository}@{platform}"),
    (
        "id-of-docker",
        "{repository}:gone",
        "docker-pullable://{repository}@{digest}",
    ),
    // A runtime names whatever repository it has the digest from.
    (
        "id-of-containerd",
        "{repository}:gone",
        "mirror.example.com/anything@{digest}",
    ),
    ("id-of-cri-o", "{repository}:gone", "{digest}"),
    ("id-of-a-config", "{repository}:gone", "{config}"),
    ("id-of-a-config-by-docker", "{repository}:gone", "docker://{config}"),
    ("index-by-config", "{repository}:gone", "{config}"),
];

/// Everything that uses images, and what it uses.
struct Ground {
    scene: Scene,
    engine: Dockerd,
    cluster: TestCluster,
    clients: Clients,
    /// A second repository, which shares a digest with the first.
    beside: Wire,
    /// By tag, all of the main repository.
    used: BTreeMap<String, Pushed>,
}

/// The digests of what nobody uses: of an index its own, and that of one platform.
struct Unused {
    here: Vec<String>,
    beside: Vec<String>,
}

impl Ground {
    async fn new() -> Self {
        let roles = [
            include_str!("../../../../deploy/kubernetes/rbac.yaml"),
            include_str!("../../../../deploy/kubernetes/operators.yaml"),
        ];
        let options = Options {
            rbac: Some(Rbac::read(&roles).unwrap()),
            ..Options::default()
        };
        let scene = Scene::new();
        Self {
            engine: Dockerd::start(),
            cluster: TestCluster::start(options).await.unwrap(),
            clients: Clients::new(),
            beside: Wire::new(&scene.registry.host(), "apps/beside"),
            used: BTreeMap::new(),
            scene,
        }
    }

    /// Pushes an image, or an index of two platforms where the tag says so, that is about to be used.
    fn push(&mut self, tag: &str) -> Pushed {
        let pushed = match tag.starts_with("index-") {
            true => self.scene.push_index(tag),
            false => self.scene.push(tag, tag),
        };
        self.used.insert(tag.to_owned(), pushed.clone());
        pushed
    }

    fn at(&self, digest: &str) -> String {
        format!("{}@{digest}", self.scene.repository())
    }

    /// Containers that run, are stopped or were never started.
    fn fill_host(&mut self) {
        let (by_tag, by_digest) = (self.push("host-tag"), self.push("host-digest"));
        let (by_platform, moved) = (self.push("index-of-the-host"), self.push("host-moved"));
        self.engine.run_for_long("by-tag", &by_tag.image);
        let pinned = self.at(&by_digest.digest);
        self.engine.docker(&format!("create --name by-digest {pinned}"));
        let platform = self.at(&by_platform.manifest);
        self.engine.docker(&format!(
            "run --network none --name by-platform {platform} /bin/busybox true"
        ));
        // The image runs, its tag is another's by now, and it has a second tag. What the tag names now may be started next.
        self.engine.run_for_long("moved", &moved.image);
        let second = self.scene.push("release-7", "host-moved");
        assert_eq!(second.digest, moved.digest);
        self.used.insert("release-7".to_owned(), second);
        let newer = self.scene.push("host-moved", "host-moved, newer");
        self.used.insert("host-moved".to_owned(), newer);
    }

    /// A service that was updated once, and one without a task.
    fn fill_swarm(&mut self) {
        let (before, now, idle) = (
            self.push("service-before"),
            self.push("service-now"),
            self.push("service-idle"),
        );
        self.engine.begin_swarm();
        let create = "service create --detach --replicas 0 --name";
        self.engine.docker(&format!("{create} web {}", before.image));
        self.engine
            .docker(&format!("service update --detach --image {} web", now.image));
        self.engine
            .docker(&format!("{create} idle --no-resolve-image {}", idle.image));
    }

    fn fill_cluster(&mut self) {
        self.push("since-moved");
        for (tag, image, status) in PODS {
            let pushed = self.push(tag);
            let named = |form: &str| {
                form.replace("{repository}", &self.scene.repository())
                    .replace("{digest}", &pushed.digest)
                    .replace("{platform}", &pushed.manifest)
                    .replace("{config}", &pushed.config)
            };
            self.cluster.put(pod("shop", tag, &named(image), &named(status)));
        }
        let apps = "apps/v1";
        let stateful = self.push("stateful");
        self.cluster
            .put(workload(apps, "StatefulSet", "shop", "db", &stateful.image));
        let revision = self.push("controller-revision");
        let revision = controller_revision("shop", "db-2", &revision.image);
        self.cluster.put(owned(revision, "StatefulSet", "db"));
        let rollback = self.push("revision-2").image;
        let mut rollback = workload(apps, "ReplicaSet", "shop", "web-2", &rollback);
        rollback["metadata"]["annotations"] = json!({"deployment.kubernetes.io/revision": "2"});
        self.cluster.put(owned(rollback, "Deployment", "web"));
        let weekly = self.push("suspended");
        self.cluster.put(cron_job("shop", "weekly", &weekly.image));
        self.fill_other_texts();
    }

    /// Images that stand in no place of their own.
    fn fill_other_texts(&mut self) {
        let in_environment = self.push("in-environment").image;
        let mut operator = workload(
            "apps/v1",
            "Deployment",
            "shop",
            "operator",
            "registry.k8s.io/operator:1",
        );
        operator["spec"]["template"]["spec"]["containers"][0]["env"] =
            json!([{"name": "RELATED_IMAGE", "value": in_environment}]);
        self.cluster.put(operator);
        let in_settings = self.push("in-settings").image;
        let settings = format!("containers:\n  - image: {in_settings}\n");
        self.cluster.put(config_map("shop", "injector", &settings));
        let in_pipeline = self.push("in-pipeline").digest;
        let task = json!({"apiVersion": "tekton.dev/v1", "kind": "Task", "metadata": {"namespace": "ci", "name": "build"},
            "spec": {"steps": [{"name": "build", "image": self.at(&in_pipeline)}], "podTemplate": template("registry.k8s.io/x:1")}});
        self.cluster.define(Kind::listed("tekton.dev", "v1", "tasks", "Task"));
        self.cluster.put(task);
    }

    /// The same image in the other repository.
    fn push_twin(&self, tag: &str) {
        let twin = self.scene.registry.image("apps/beside:twin");
        self.clients.copy(&self.used[tag].image, &twin).unwrap();
        let there = self.beside.manifest("twin").unwrap();
        assert_eq!(there.digest, self.used[tag].digest);
    }

    /// Images that nobody uses.
    fn push_unused(&self) -> Unused {
        let number = IMAGES - UNUSED_BESIDE - UNUSED_INDEXES - self.used.len() - 1;
        let (tag, name) = (|number| format!("main-{number}"), |number| format!("unused {number}"));
        let here = (0..number).map(|number: usize| self.scene.push(&tag(number), &name(number)).digest);
        let mut here: Vec<String> = here.collect();
        for number in 0..UNUSED_INDEXES {
            let index = self.scene.push_index(&format!("unused-index-{number}"));
            here.extend([index.digest, index.manifest]);
        }
        let beside = (0..UNUSED_BESIDE).map(|number| self.beside.push_image(&tag(number), OLD, &name(number)));
        Unused {
            here,
            beside: beside.collect(),
        }
    }

    /// Runs with both sources; the cluster is found by this kubeconfig.
    fn run(&self, kubeconfig: &str, code: i32) -> Value {
        let (registry, host) = (self.scene.registry.host(), self.engine.host());
        let sources = format!(
            "registries: [ {{ host: \"{registry}\", expects: [host, cluster], trust-created: true }} ]
usage:
  - {{ name: host, kind: docker, host: \"{host}\", swarm: true }}
  - {{ name: cluster, kind: kubernetes, kubeconfig: {kubeconfig}, context: prod }}\n"
        );
        self.scene.user.write("jettison.yaml", &(sources + EVERYTHING_GOES));
        self.scene.user.json("run --yes", code)
    }

    /// Everything that is used can be pulled, by real clients that have nothing of it.
    fn assert_pulls(&self) {
        self.engine.docker("swarm leave --force");
        self.engine.docker("rm --force by-tag by-digest by-platform moved");
        self.engine.docker("image prune --all --force");
        let by_tag = self.used.values().map(|used| used.image.clone());
        let by_digest = self.used.values().map(|used| self.at(&used.digest));
        let twin = self.scene.registry.image("apps/beside:twin");
        for image in by_tag.chain([twin]) {
            self.clients.pull_whole(&image).unwrap();
        }
        for image in by_digest {
            self.engine.docker(&format!("pull --quiet {image}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aggressive_policy_takes_all_but_what_is_used_and_that_still_pulls() {
    if !real_engines_ready() {
        return;
    }
    let mut ground = Ground::new().await;
    ground.fill_host();
    ground.fill_swarm();
    ground.fill_cluster();
    ground.push_twin("by-digest");
    let unused = ground.push_unused();
    let (web, beside) = (&ground.scene.web, &ground.beside);
    assert_eq!(web.tags().len() + beside.tags().len(), IMAGES);

    // As long as one of those that are expected does not answer, nothing goes.
    let run = ground.run("not-there-yet", 5);
    assert_eq!(
        (&run["deleted"], &run["status"]),
        (&json!(0), &json!("incomplete")),
        "{run}"
    );
    assert_eq!(web.tags().len() + beside.tags().len(), IMAGES);

    let account = Account {
        namespace: "jettison".to_owned(),
        name: "jettison".to_owned(),
    };
    let kubeconfig = ground.cluster.kubeconfig("prod", &account);
    ground.scene.user.write("kubeconfig", &kubeconfig);
    let run = ground.run("kubeconfig", 0);
    // Every index has one more platform.
    let manifests = unused.here.len() + unused.beside.len() + UNUSED_INDEXES;
    assert_eq!(run["deleted"], manifests, "{run}");
    let tags: BTreeSet<String> = web.tags().into_iter().collect();
    assert_eq!(tags, ground.used.keys().cloned().collect());
    assert_eq!(beside.tags(), ["twin"]);
    assert!(unused.here.iter().all(|digest| web.manifest(digest).is_none()));
    assert!(unused.beside.iter().all(|digest| beside.manifest(digest).is_none()));
    for (tag, used) in &ground.used {
        assert_eq!(web.manifest(tag).unwrap().digest, used.digest, "{tag}");
    }
    ground.assert_pulls();
}
