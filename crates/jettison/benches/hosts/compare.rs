//! The same 300 images on one engine, three times: what `docker image prune`, docuum and jettison remove of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use jettison::host::engine::open;
use jettison::host::ledger::{HostLedger, SeenImage};
use jettison::store::Store;
use jettison_core::config::{ContainerEngine, EngineSource};
use jettison_core::model::Digest;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Builder;

use crate::others;
use crate::say;
use crate::support::distribution::{DistributionOptions, DistributionRegistry};
use crate::support::dockerd::Dockerd;
use crate::world::{Made, OWN_BYTES, push};

/// Pulls of the last minute postpone everything.
const LONGEST_WAIT: Duration = Duration::from_secs(180);

const DAY: u64 = 24 * 60 * 60;

/// Images of one fate.
struct Kind {
    about: &'static str,
    number: usize,
    /// Whether somebody needs them.
    needed: bool,
    /// The build date that their config gives.
    built: Built,
    /// How long ago they were last used. Zero: just now.
    unused_days: u64,
    shape: Shape,
}

#[derive(Clone, Copy)]
enum Built {
    DaysAgo(i64),
    Epoch,
}

/// How they are named and what becomes of them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Running,
    Stopped,
    Created,
    Pulled,
    /// The release before the running one, in the repository of that.
    Previous,
    Compose,
    /// Built on the host.
    Local,
    Labelled,
    /// Releases before the previous one, in the repositories of the running ones.
    Old,
}

const KINDS: [Kind; 10] = [
    kind(
        "of running containers",
        40,
        true,
        (Built::DaysAgo(60), 0),
        Shape::Running,
    ),
    kind(
        "of stopped containers",
        20,
        true,
        (Built::DaysAgo(60), 40),
        Shape::Stopped,
    ),
    kind(
        "of containers that were created and not started",
        10,
        true,
        (Built::DaysAgo(60), 40),
        Shape::Created,
    ),
    kind(
        "an older release, pulled a moment ago for a deploy",
        20,
        true,
        (Built::DaysAgo(700), 0),
        Shape::Pulled,
    ),
    kind(
        "reproducible builds (dated 1970), pulled a moment ago",
        10,
        true,
        (Built::Epoch, 0),
        Shape::Pulled,
    ),
    kind(
        "the release before the running one, in use until 3 days ago",
        40,
        true,
        (Built::DaysAgo(90), 3),
        Shape::Previous,
    ),
    kind(
        "of a Compose project that is down",
        10,
        true,
        (Built::DaysAgo(90), 40),
        Shape::Compose,
    ),
    kind(
        "built on this host, in no registry",
        10,
        true,
        (Built::DaysAgo(90), 40),
        Shape::Local,
    ),
    kind(
        "labelled io.jettison.keep=true",
        10,
        true,
        (Built::DaysAgo(90), 40),
        Shape::Labelled,
    ),
    kind(
        "older releases that nobody needs, unused for 40 days",
        130,
        false,
        (Built::DaysAgo(120), 40),
        Shape::Old,
    ),
];

const fn kind(
    about: &'static str,
    number: usize,
    needed: bool,
    (built, unused_days): (Built, u64),
    shape: Shape,
) -> Kind {
    Kind {
        about,
        number,
        needed,
        built,
        unused_days,
        shape,
    }
}

/// An image of the scene.
struct Image {
    kind: usize,
    name: String,
    id: String,
}

/// An engine with all images.
struct Scene {
    engine: Dockerd,
    _registry: DistributionRegistry,
    images: Vec<Image>,
    /// An archive of those that no registry has.
    local: TempDir,
}

/// Compares, and prints the table. Numbers are divided by `divisor`.
pub(crate) fn run(program: &Path, docuum: Option<&Path>, divisor: usize) {
    let mut scene = Scene::make(divisor);
    let mut columns: Vec<(&str, BTreeSet<String>)> = Vec::new();
    others::docker_prune(&scene.engine);
    columns.push(("docker image prune", scene.missing()));
    scene.restore();
    if let Some(docuum) = docuum {
        let seen: Vec<(String, u64)> = scene
            .images
            .iter()
            .map(|image| (image.id.clone(), KINDS[image.kind].unused_days * DAY))
            .collect();
        others::docuum(docuum, &scene.engine, &seen, scene.bytes_of_needed());
        columns.push(("docuum", scene.missing()));
        scene.restore();
    }
    columns.push(("jettison", scene.prune(program, divisor == 1)));
    scene.print(&columns);
}

impl Scene {
    fn make(divisor: usize) -> Self {
        let registry = DistributionRegistry::start(DistributionOptions::default());
        let engine = Dockerd::start();
        let mut scene = Self {
            engine,
            _registry: registry,
            images: Vec::new(),
            local: TempDir::new().expect("a folder"),
        };
        for (place, kind) in KINDS.iter().enumerate() {
            for number in 0..kind.number / divisor {
                scene.add(place, kind, (number, divisor));
            }
        }
        let local = scene
            .of_shape(Shape::Local)
            .map(|image| image.name.clone())
            .collect::<Vec<_>>()
            .join(" ");
        scene
            .engine
            .docker(&format!("save --output {} {local}", scene.archive()));
        for image in &mut scene.images {
            let inspected = scene.engine.docker(&format!("image inspect {}", image.name));
            let inspected: Value = serde_json::from_str(&inspected).expect("JSON");
            image.id = inspected[0]["Id"].as_str().unwrap_or_default().to_owned();
        }
        scene
    }

    fn add(&mut self, place: usize, kind: &Kind, (number, divisor): (usize, usize)) {
        let running = KINDS[0].number / divisor;
        let (repository, tag) = match kind.shape {
            Shape::Running => (format!("apps/app{number}"), "v9".to_owned()),
            Shape::Previous => (format!("apps/app{number}"), "v8".to_owned()),
            Shape::Old => (
                format!("apps/app{}", number % running),
                format!("v{}", number / running),
            ),
            _ => (format!("kind{place}"), format!("v{number}")),
        };
        let created = match kind.built {
            Built::DaysAgo(days) => (Timestamp::now() - SignedDuration::from_hours(24 * days)).to_string(),
            Built::Epoch => "1970-01-01T00:00:00Z".to_owned(),
        };
        let labels = match kind.shape {
            Shape::Labelled => json!({"io.jettison.keep": "true"}),
            _ => json!({}),
        };
        let made = Made {
            repository: &repository,
            tag: &tag,
            created: &created,
            labels,
        };
        let mut name = push(&self._registry, &made);
        self.engine.docker(&format!("pull --quiet {name}"));
        if kind.shape == Shape::Local {
            let pulled = std::mem::replace(&mut name, format!("built-here:v{number}"));
            self.engine.docker(&format!("tag {pulled} {name}"));
            self.engine.docker(&format!("rmi {pulled}"));
        }
        match kind.shape {
            Shape::Running => self.engine.run_for_long(&format!("running{number}"), &name),
            Shape::Stopped => {
                self.engine.docker(&format!(
                    "run --network none --name stopped{number} {name} /bin/busybox true"
                ));
            }
            Shape::Created => {
                self.engine
                    .docker(&format!("create --network none --name created{number} {name}"));
            }
            _ => {}
        }
        self.images.push(Image {
            kind: place,
            name,
            id: String::new(),
        });
    }

    fn of_shape(&self, shape: Shape) -> impl Iterator<Item = &Image> {
        self.images.iter().filter(move |image| KINDS[image.kind].shape == shape)
    }

    fn archive(&self) -> String {
        self.local.path().join("local.tar").display().to_string()
    }

    /// The images that are no longer there under their name.
    fn missing(&self) -> BTreeSet<String> {
        let there = self
            .engine
            .docker("image ls --no-trunc --format {{.ID}}|{{.Repository}}:{{.Tag}}");
        let there: BTreeSet<&str> = there.lines().collect();
        let gone = self
            .images
            .iter()
            .filter(|image| !there.contains(format!("{}|{}", image.id, image.name).as_str()));
        gone.map(|image| image.name.clone()).collect()
    }

    /// The bytes of all layers without those that only unneeded images have.
    fn bytes_of_needed(&self) -> u64 {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let layers = runtime.block_on(async {
            let engine = open(&source(&self.engine), Path::new("/")).await.expect("the engine");
            engine.layers_bytes().await.expect("its layers")
        });
        let unneeded = self.images.iter().filter(|image| !KINDS[image.kind].needed).count();
        layers.unwrap_or_default() - (unneeded * OWN_BYTES) as u64
    }

    /// Pulls and loads again what is missing.
    fn restore(&mut self) {
        self.engine.docker(&format!("load --quiet --input {}", self.archive()));
        for name in self.missing() {
            self.engine.docker(&format!("pull --quiet {name}"));
        }
        assert_eq!(self.missing(), BTreeSet::new());
    }

    /// What jettison removes, with the Compose file configured, and what it would have seen of uses; unless `in_full`, what it
    /// would remove.
    fn prune(&self, program: &Path, in_full: bool) -> BTreeSet<String> {
        let folder = TempDir::new().expect("a folder");
        let services: BTreeMap<String, Value> = self
            .of_shape(Shape::Compose)
            .enumerate()
            .map(|(number, image)| (format!("part{number}"), json!({"image": image.name})))
            .collect();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("compose.yaml"), json!({"services": services}).to_string()).expect("the project");
        let settings = "host: { compose: [compose.yaml], recheck-after-seconds: 1 }";
        fs::write(at("jettison.yaml"), settings).expect("the configuration");
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(self.remember(&at("state")));
        let host = |words: &[&str]| -> Value {
            let ended = Command::new(program)
                .arg("host")
                .args(words)
                .args(["--output", "json", "--host", &self.engine.host(), "--state"])
                .arg(at("state"))
                .current_dir(folder.path())
                .output()
                .expect("jettison");
            assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
            serde_json::from_slice(&ended.stdout).expect("JSON")
        };
        if !in_full {
            // Whoever has just pulled would have to wait for a minute.
            let plan = host(&["plan"]);
            return names_of(&plan["go"]);
        }
        let started = Instant::now();
        loop {
            let report = host(&["prune", "--yes", "--on-kubernetes-node"]);
            if report["postponed"].is_null() {
                return self.missing();
            }
            assert!(started.elapsed() < LONGEST_WAIT, "postponed for ever: {report}");
            std::thread::sleep(Duration::from_secs(5));
        }
    }

    /// Tells a new store what it would have seen since then: everything that was there, and who used it last.
    async fn remember(&self, state: &Path) {
        let store = Store::open(state).await.expect("a store");
        let engine = open(&source(&self.engine), state).await.expect("the engine");
        let id = engine.facts().await.expect("its facts").id;
        for days in BTreeSet::from(KINDS.map(|kind| kind.unused_days))
            .into_iter()
            .rev()
            .filter(|days| *days > 0)
        {
            let at = Timestamp::now() - SignedDuration::from_hours(24 * i64::try_from(days).unwrap_or(0));
            let there = self
                .images
                .iter()
                .filter(|image| KINDS[image.kind].shape != Shape::Pulled);
            let seen: Vec<SeenImage> = there
                .map(|image| SeenImage {
                    id: image.id.parse::<Digest>().expect("an id"),
                    names: vec![image.name.clone()],
                    used_by: (KINDS[image.kind].unused_days <= days).then(|| "what ran then".to_owned()),
                })
                .collect();
            HostLedger::observe(&store, &id, &seen, at).await.expect("noted");
        }
        store.close().await;
    }

    fn print(&self, columns: &[(&str, BTreeSet<String>)]) {
        let heads: String = columns.iter().map(|(name, _)| format!(" {name} |")).collect();
        say(&format!("| images | number |{heads}"));
        say(&format!("|---|---:|{}", "---:|".repeat(columns.len())));
        for (place, kind) in KINDS.iter().enumerate() {
            let own: Vec<&Image> = self.images.iter().filter(|image| image.kind == place).collect();
            let gone = |gone: &BTreeSet<String>| own.iter().filter(|image| gone.contains(&image.name)).count();
            let cells: String = columns.iter().map(|(_, names)| format!(" {} |", gone(names))).collect();
            say(&format!("| {} | {} |{cells}", kind.about, own.len()));
        }
        let total = |needed: bool, gone: &BTreeSet<String>| {
            let images = self.images.iter().filter(|image| KINDS[image.kind].needed == needed);
            images.filter(|image| gone.contains(&image.name)).count()
        };
        for (about, needed) in [
            ("**needed, and removed**", true),
            ("**not needed, and removed**", false),
        ] {
            let number = self
                .images
                .iter()
                .filter(|image| KINDS[image.kind].needed == needed)
                .count();
            let cells: String = columns
                .iter()
                .map(|(_, gone)| format!(" **{}** |", total(needed, gone)))
                .collect();
            say(&format!("| {about} | {number} |{cells}"));
        }
    }
}

fn names_of(images: &Value) -> BTreeSet<String> {
    let images = images.as_array().into_iter().flatten();
    let names = images.flat_map(|image| image["names"].as_array().into_iter().flatten());
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn source(engine: &Dockerd) -> EngineSource {
    EngineSource {
        engine: ContainerEngine::Docker,
        host: Some(engine.host()),
        context: None,
        ca_file: None,
        client_certificate: None,
        client_key: None,
        swarm: false,
        timeout_seconds: 60,
    }
}
