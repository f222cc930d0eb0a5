//! What programs read: every command's JSON fits its published schema, on a registry with something of everything.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use jettison_testkit::images::{Attestation, Image, Index, Manifest, attestation};
use jettison_testkit::push::Pusher;
use jettison_testkit::registry::{Options, TestRegistry};
use serde_json::Value;

use crate::place::{Place, Said};

/// Holds documents against the schemas that `jettison schema` prints.
pub(crate) struct Forms {
    validators: BTreeMap<String, jsonschema::Validator>,
}

impl Forms {
    pub(crate) fn published() -> Self {
        let place = Place::empty();
        let listed = place.call(&["schema", "--output", "json"]).exits(0).json();
        let names = listed["schemas"].as_array().unwrap().iter();
        let validator = |name: &Value| {
            let name = name["name"].as_str().unwrap();
            let schema = place.call(&["schema", name]).exits(0).json();
            (name.to_owned(), jsonschema::draft202012::new(&schema).unwrap())
        };
        let forms = Self {
            validators: names.map(validator).collect(),
        };
        forms.holds("schemas", &listed);
        forms
    }

    /// Fails the test unless the document is of the form.
    #[track_caller]
    pub(crate) fn holds(&self, form: &str, document: &Value) {
        let validator = &self.validators[form];
        let wrong: Vec<String> = validator
            .iter_errors(document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "not of the form `{form}`: {wrong:#?}\n{document:#}");
        // A form that lets everything through proves nothing.
        let mut other = document.clone();
        other["something"] = Value::Null;
        assert!(!validator.is_valid(&other), "`{form}` takes any field");
    }
}

fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas")
}

fn old(seed: u64) -> Manifest {
    Image::new(seed).created("2025-01-01T00:00:00Z").build()
}

/// A registry with an index, an attestation, a shared image, old and used ones; and a place to look after it from.
pub(crate) async fn registry() -> (TestRegistry, Place) {
    let registry = TestRegistry::start(Options::default()).await.unwrap();
    let pusher = Pusher::new(&registry.url()).unwrap();
    let child = Image::new(10)
        .platform("linux/amd64")
        .created("2025-01-01T00:00:00Z")
        .build();
    let index = Index::new()
        .children([child.clone(), attestation(&child, Attestation::AsImage)])
        .build();
    for (tags, manifest) in [
        (&["keep"][..], &old(0)),
        (&["old-1"], &old(1)),
        (&["old-2", "current"], &old(2)),
        (&["old-index"], &index),
        (&["old-used"], &old(3)),
    ] {
        pusher.push("apps/web", tags, manifest).await.unwrap();
    }
    let place = Place::empty();
    let host = registry.host();
    place.write(
        "in-use.txt",
        &format!("{host}/apps/web:keep\n{host}/apps/web:old-used # Pod shop/web-0\n"),
    );
    place.write(
        "jettison.yaml",
        &format!(
            "registries:
  - {{ host: '{host}', repositories: ['apps/*'], expects: none, trust-created: true }}
usage:
  - {{ name: lists, kind: file, paths: [in-use.txt] }}
policies:
  - name: test
    untag: true
    rules:
      - {{ name: old, match: {{ tags: ['old-*'], kinds: [image, artifact] }}, expire: {{ older-than: 30d }} }}
limits: {{ max-share: 100%, keep-at-least: 0 }}
"
        ),
    );
    (registry, place)
}

fn json(place: &Place, words: &[&str]) -> Said {
    place.call(&[words, &["--output", "json"]].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_prints_the_form_that_is_published() {
    let forms = Forms::published();
    let (registry, place) = registry().await;
    let image = |tag: &str| format!("{}/apps/web:{tag}", registry.host());
    forms.holds("inventory", &json(&place, &["scan"]).exits(0).json());
    forms.holds("usage", &json(&place, &["usage"]).exits(0).json());
    forms.holds("usage", &json(&place, &["usage", "--check"]).exits(0).json());
    let found = json(&place, &["usage", "--find", "missing,tag-only"]).exits(0).json();
    assert!(!found["findings"].as_array().unwrap().is_empty(), "{found:#}");
    forms.holds("usage", &found);
    let plan = json(&place, &["plan", "--out", "plan.json"]).exits(0).json();
    assert!(plan["actions"].as_array().unwrap().len() > 3, "{plan:#}");
    assert!(!plan["blocked"].as_array().unwrap().is_empty() || !plan["kept"].as_array().unwrap().is_empty());
    forms.holds("plan", &plan);
    let audit = json(&place, &["audit", "--price", "0.10", "--by", "branch", "--by", "team"])
        .exits(0)
        .json();
    for list in ["registries", "rows", "heaviest_in_use", "oldest_in_use"] {
        assert!(!audit[list].as_array().unwrap().is_empty(), "no {list}: {audit:#}");
    }
    assert!(audit["savings"]["rules"].is_array(), "{audit:#}");
    forms.holds("audit", &audit);
    forms.holds("audit", &json(&place, &["audit", "--recorded"]).exits(0).json());
    forms.holds("plan", &json(&place, &["run", "--dry-run"]).exits(0).json());
    forms.holds(
        "plan",
        &json(&place, &["run", "--dry-run", "--detailed-exit-code"])
            .exits(10)
            .json(),
    );
    for tag in ["old-used", "old-1", "keep", "old-2"] {
        forms.holds("explanation", &json(&place, &["explain", &image(tag)]).exits(0).json());
    }
    // The registry cannot remove a single tag: the plan says so, and nothing of it fails.
    let report = json(&place, &["apply", "plan.json", "--yes"]).json();
    forms.holds("run", &report);
    assert!(report["deleted"].as_u64().unwrap() > 2, "{report:#}");
    forms.holds("run", &json(&place, &["run", "--yes"]).json());
    let gone = json(&place, &["explain", &image("old-index")]).exits(0).json();
    assert_eq!(gone["gone"], true, "{gone:#}");
    forms.holds("explanation", &gone);
    forms.holds("history", &json(&place, &["history"]).exits(0).json());
    let run = report["run"].as_str().unwrap();
    forms.holds("history-run", &json(&place, &["history", run]).exits(0).json());
    forms.holds(
        "history-run",
        &json(&place, &["history", run, "--image", &image("old-1")])
            .exits(0)
            .json(),
    );
    let history = json(&place, &["history", "--image", &image("old-1")]).exits(0).json();
    assert!(!history["tag_history"].as_array().unwrap().is_empty(), "{history:#}");
    assert!(
        history["tag_history"][0]["until"].is_string(),
        "the tag is gone: {history:#}"
    );
    forms.holds("history-image", &history);
    let undone = json(&place, &["undo", run, "--yes"]).exits(0).json();
    assert!(undone["restored"].as_u64().unwrap() > 1, "{undone:#}");
    forms.holds("undo", &undone);
    let undo = undone["run"].as_str().unwrap();
    forms.holds("history-run", &json(&place, &["history", undo]).exits(0).json());
    forms.holds("history", &json(&place, &["history"]).exits(0).json());
    let back = json(&place, &["history", "--image", &image("old-1")]).exits(0).json();
    forms.holds("history-image", &back);
    forms.holds(
        "explanation",
        &json(&place, &["explain", &image("old-1")]).exits(0).json(),
    );
    let linted = json(&place, &["policy", "check", &format!("{}/**", registry.host())])
        .exits(0)
        .json();
    assert!(linted["findings"].is_array(), "{linted:#}");
    forms.holds("policy-check", &linted);
    forms.holds("store-check", &json(&place, &["store", "check"]).exits(0).json());
    forms.holds("store-compact", &json(&place, &["store", "compact"]).exits(0).json());
    registry.stop().await;
}

#[tokio::test]
async fn plans_and_explanations_of_saved_facts_fit_too() {
    let forms = Forms::published();
    let place = Place::with_facts();
    forms.holds("plan", &place.remember().await);
    for tag in [
        "main-1a2b3c4",
        "main-3a2b3c4",
        "v1.2.3",
        "feature-login-5a2b3c4",
        "nightly",
        "buildcache",
    ] {
        let image = format!("r.example.com/apps/web:{tag}");
        forms.holds("explanation", &json(&place, &["explain", &image]).exits(0).json());
    }
    let blocked = json(&place, &["explain", "r.example.com/apps/sealed:main-1c2b3c4"])
        .exits(0)
        .json();
    assert_eq!(blocked["verdicts"][0]["verdict"], "blocked");
    forms.holds("explanation", &blocked);
    crate::store::damage(&place, "idx").await;
    let damaged = json(&place, &["store", "check"]).exits(1).json();
    assert!(!damaged["lost"].as_array().unwrap().is_empty());
    forms.holds("store-check", &damaged);
}

#[test]
fn policies_and_their_mistakes_fit_too() {
    let forms = Forms::published();
    let place = Place::with_facts();
    forms.holds(
        "policy-check",
        &json(&place, &["policy", "check", "p.yaml"]).exits(0).json(),
    );
    place.write("bad.yaml", "grace: 1y\n");
    let mistakes = json(&place, &["policy", "check", "bad.yaml"]).exits(2);
    forms.holds("policy-check", &mistakes.json());
    place.write(
        "t.yaml",
        "now: 2026-11-21T00:00:00Z\nrepository: r.example.com/apps/web\nimages:\n  - { tags: [a-1a2b3c4], pushed: 140d ago, expect: keep }\n  - { tags: [a-2a2b3c4], pushed: 4d ago, expect: keep }\n",
    );
    forms.holds(
        "policy-test",
        &json(&place, &["policy", "test", "t.yaml"]).exits(4).json(),
    );
    let schema = place.call(&["policy", "schema"]).exits(0).json();
    let configuration = jsonschema::validator_for(&schema).unwrap();
    for name in ["standard", "host-standard"] {
        let standard = json(&place, &["policy", "show", name]).exits(0);
        assert!(configuration.is_valid(&standard.json()), "{}", standard.stdout);
        place.write("standard.json", &standard.stdout);
        place.call(&["policy", "check", "standard.json"]).exits(0);
    }
}

#[test]
fn what_is_said_of_lifecycle_policies_fits_too() {
    let forms = Forms::published();
    let place = Place::with_lifecycle();
    let preview = json(&place, &Place::PREVIEW).exits(5).json();
    let one = &preview["repositories"][0]["preview"];
    assert!(one["marked"].as_array().unwrap().len() > 3, "{preview:#}");
    assert!(!one["cut"].as_array().unwrap().is_empty(), "{preview:#}");
    forms.holds("ecr-preview", &preview);
    let linted = json(&place, &Place::LINT).exits(5).json();
    assert!(!linted["policies"][0]["findings"].as_array().unwrap().is_empty());
    forms.holds("ecr-lint", &linted);
    forms.holds(
        "ecr-lint",
        &json(&place, &["ecr", "lint", "policy.json"]).exits(0).json(),
    );
    place.write("bad.json", "{}");
    forms.holds("ecr-lint", &json(&place, &["ecr", "lint", "bad.json"]).exits(2).json());
}

#[test]
fn the_demo_prints_one_report() {
    let forms = Forms::published();
    forms.holds(
        "run",
        &json(&Place::empty(), &["demo", "--images", "50"]).exits(0).json(),
    );
}

/// A failing command prints nothing on standard output, and one line of JSON as the last one of standard error.
#[test]
fn errors_fit_and_leave_standard_output_empty() {
    let forms = Forms::published();
    let place = Place::with_facts();
    place.write("bad.yaml", "grace: 1y\n");
    let calls: [(&[&str], i32); 8] = [
        (&["plan"], 2),
        (&["plan", "--no-such-flag"], 2),
        (&["no-such-command"], 2),
        (&["plan", "--policy", "bad.yaml", "r.example.com/a"], 2),
        (&["explain", "r.example.com/apps/nothing:here"], 2),
        (&["apply", "gone.json", "--yes"], 2),
        (&["store", "check", "--state", "nowhere"], 2),
        (&["history", "--image", "not an image"], 2),
    ];
    for (words, code) in calls {
        let said = json(&place, words).exits(code);
        assert_eq!(said.stdout, "", "{words:?}");
        let error: Value = serde_json::from_str(said.stderr.lines().last().unwrap()).unwrap();
        assert_eq!(error["error"]["exit"], code, "{words:?}");
        forms.holds("error", &error);
    }
}

/// A definition of one name is the same in every form: nothing of a plan is called otherwise in a history.
#[test]
fn definitions_of_one_name_are_equal() {
    let mut known: BTreeMap<String, (String, Value)> = BTreeMap::new();
    for entry in fs::read_dir(schemas()).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let schema: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
            let (first, same) = known
                .entry(name.clone())
                .or_insert_with(|| (file.clone(), definition.clone()));
            assert_eq!(definition, same, "`{name}` differs in {file} and {first}");
        }
    }
    assert!(known.len() > 10);
}

#[test]
fn every_schema_is_embedded_and_named_in_the_page_about_json() {
    let listed = Place::empty().call(&["schema", "--output", "json"]).json();
    let embedded: BTreeSet<String> = listed["schemas"]
        .as_array()
        .unwrap()
        .iter()
        .map(|schema| schema["name"].as_str().unwrap().to_owned())
        .collect();
    let files: BTreeSet<String> = fs::read_dir(schemas())
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    assert_eq!(embedded, files);
    let page = fs::read_to_string(schemas().join("../json.md")).unwrap();
    for name in files {
        assert!(
            page.contains(&format!("(schemas/{name}.json)")),
            "docs/json.md does not name {name}"
        );
    }
}
