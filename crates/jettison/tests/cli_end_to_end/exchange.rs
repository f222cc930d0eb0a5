//! Policies of Amazon ECR in the words of jettison, and back: what is printed where, and how it ends.

use serde_json::{Value, json};

use crate::forms::{Forms, registry};
use crate::place::Place;
use crate::world::{NOW, images};

/// A count of everything counts the children of indexes too.
pub(crate) const INEXACT: &str = r#"{"rules": [
  {"rulePriority": 10, "description": "the last production images", "selection": {"tagStatus": "tagged", "tagPatternList": ["v*"],
    "countType": "imageCountMoreThan", "countNumber": 3}, "action": {"type": "expire"}},
  {"rulePriority": 20, "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 6}, "action": {"type": "expire"}}
]}"#;

const EXACT: &str = r#"{"rules": [
  {"rulePriority": 10, "selection": {"tagStatus": "tagged", "tagPatternList": ["v*"],
    "countType": "imageCountMoreThan", "countNumber": 1}, "action": {"type": "expire"}},
  {"rulePriority": 20, "selection": {"tagStatus": "any", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 30},
    "action": {"type": "expire"}}
]}"#;

/// One rule that AWS can only hear of as a protection, and one that it has words for.
pub(crate) const RULES: &str = "policies:
  - name: applications
    rules:
      - { name: versions, match: { tags: [\"v*\"] }, keep: always }
      - { name: branches, match: { tags: [\"main-*\"] }, group-by: branch, expire: { beyond-newest: 1 } }
      - name: all others
        match: { kinds: [image, build-cache, chart, artifact, orphan], archived: false }
        since: push
        expire: { older-than: 70d }
";

/// An index, and images that are older and younger than it.
const IMAGES: &str = "
@apps/web
manifest-v1     v1.2.3                 300d
manifest-m2     main-2a2b3c4           120d
manifest-m3     main-3a2b3c4,nightly   90d
manifest-m4     main-4a2b3c4           2h
manifest-amd    -                      60d
manifest-arm    -                      60d
manifest-idx    feature-login-5a2b3c4  60d  children=manifest-amd,manifest-arm
manifest-newer  feature-login-6a2b3c4  20d
@apps/worker
manifest-w1     main-1b2b3c4           100d
manifest-w2     main-2b2b3c4           99d
manifest-w3     main-3b2b3c4           98d
manifest-w4     main-4b2b3c4           97d
manifest-w5     main-5b2b3c4           96d
manifest-w6     main-6b2b3c4           95d
manifest-w7     main-7b2b3c4           94d
manifest-w8     main-8b2b3c4           9d
";

pub(crate) fn place() -> Place {
    let place = Place::with(&images(IMAGES));
    place.write("inexact.json", INEXACT);
    place.write("exact.json", EXACT);
    place.write("rules.yaml", RULES);
    place
}

const FACTS: [&str; 4] = ["--inventory", "i.json", "--now", NOW];

#[test]
fn an_import_goes_to_a_file_and_the_rest_to_standard_error() {
    let place = place();
    let said = place.call(&["policy", "import", "exact.json"]).exits(0);
    assert_eq!(said.stderr, "");
    place.write("jettison.yaml", &said.stdout);
    place.call(&["policy", "check", "jettison.yaml"]).exits(0);
    // An index and its children are younger than all images, and fill the places of the newest for AWS.
    let children: Vec<String> = (0..12).map(|number| format!("manifest-c{number}")).collect();
    let platforms: String = children.iter().map(|child| format!("{child} - 1d\n")).collect();
    let old: String = (0..12)
        .map(|number| format!("manifest-o{number} main-{number} {}d\n", number + 9))
        .collect();
    let index = format!("manifest-index latest 2d children={}\n", children.join(","));
    let place = Place::with(&images(&format!("@apps/web\n{platforms}{index}{old}")));
    place.write("inexact.json", &INEXACT.replace(": 6", ": 13"));
    let inexact = [&["policy", "import", "inexact.json", "--name", "web"][..], &FACTS].concat();
    let said = place.call(&inexact).exits(0);
    assert!(said.stdout.contains("- name: \"web\""), "{}", said.stdout);
    for part in [
        "rule `priority 20` is not exact",
        "`ecr-policy: inexact.json`",
        "12 of 13 images are judged differently",
        "stays by priority 20  expires by priority 20",
        "and 2 more images (--verbose shows all)",
    ] {
        assert!(said.stderr.contains(part), "{part}: {}", said.stderr);
    }
    let all = place.call(&[&inexact[..], &["--verbose"]].concat()).exits(0);
    assert!(!all.stderr.contains("more image"), "{}", all.stderr);
    place
        .call(&[&inexact[..], &["--detailed-exit-code"]].concat())
        .exits(10);
}

#[test]
fn an_exact_import_says_that_all_images_are_judged_alike() {
    let place = place();
    let words = ["policy", "import", "exact.json", "--detailed-exit-code"];
    let said = place.call(&[&words[..], &FACTS].concat()).exits(0);
    assert!(said.stderr.contains("images are judged alike"), "{}", said.stderr);
    let nowhere = [&words[..], &["--repositories", "other/**"], &FACTS].concat();
    assert!(place.call(&nowhere).exits(0).stderr.contains("no image to judge"));
}

#[test]
fn what_aws_would_refuse_is_told_at_once() {
    let place = place();
    place.write("bad.json", r#"{"rules": [{"rulePriority": 0, "selection": {"tagStatus": "some", "countType": "imageCountMoreThan", "countNumber": 0}, "action": {"type": "expire"}}]}"#);
    let said = place.call(&["policy", "import", "bad.json"]).exits(2);
    assert_eq!(said.stdout, "");
    for part in ["AWS would refuse", "rulePriority", "tagStatus", "countNumber"] {
        assert!(said.stderr.contains(part), "{part}: {}", said.stderr);
    }
    place.call(&["policy", "import", "gone.json"]).exits(2);
    place
        .call(&["policy", "import", "exact.json", "--repositories", "a["])
        .exits(2);
    place.call(&["policy", "import", "exact.json", "--name", ""]).exits(2);
    let both = [
        "policy",
        "import",
        "exact.json",
        "r.example.com/apps/**",
        "--inventory",
        "i.json",
    ];
    place.call(&both).exits(2);
}

#[test]
fn an_import_exports_to_the_same_policy() {
    let place = place();
    let yaml = place.call(&["policy", "import", "exact.json"]).exits(0).stdout;
    place.write("imported.yaml", &yaml);
    let words = [
        "policy",
        "export",
        "--to",
        "ecr",
        "--policy",
        "imported.yaml",
        "--detailed-exit-code",
    ];
    // Said whole; but one of its rules speaks of untagged images, and AWS takes parts of images by it.
    let said = place.call(&[&words[..], &FACTS].concat()).exits(10);
    let original: Value = serde_json::from_str(EXACT).unwrap();
    assert_eq!(said.json(), original);
    for part in [
        "AWS knows no holds",
        "are judged alike",
        "children of indexes and signatures",
    ] {
        assert!(said.stderr.contains(part), "{part}: {}", said.stderr);
    }
}

#[test]
fn what_aws_has_no_words_for_is_named_and_refused_where_nothing_is_left() {
    let place = place();
    let words = ["policy", "export", "--to", "ecr", "--policy", "rules.yaml"];
    let said = place.call(&[&words[..], &FACTS].concat()).exits(0);
    let patterns: Vec<Value> = said.json()["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["selection"].clone())
        .collect();
    assert_eq!(patterns[0]["tagPatternList"], json!(["v*"]));
    assert_eq!(patterns[1]["tagPatternList"], json!(["main-*"]));
    assert_eq!(
        (&patterns[2]["tagStatus"], &patterns[2]["countNumber"]),
        (&json!("any"), &json!(70))
    );
    assert!(
        said.stderr.contains("rule `branches` takes nothing in AWS"),
        "{}",
        said.stderr
    );
    place.call(&[&words[..], &["--detailed-exit-code"]].concat()).exits(10);
    let nothing = place.call(&["policy", "export", "--to", "ecr", "standard"]).exits(3);
    assert_eq!(nothing.stdout, "");
    assert!(
        nothing.stderr.contains("no words for any rule of `standard`"),
        "{}",
        nothing.stderr
    );
    let unknown = place.call(&["policy", "export", "--to", "ecr", "nothing"]).exits(2);
    assert!(unknown.stderr.contains("`standard`"), "{}", unknown.stderr);
    place.write(
        "two.yaml",
        &format!("{RULES}  - {{ name: other, ecr-policy: exact.json }}\n"),
    );
    let two = ["policy", "export", "--to", "ecr", "--policy", "two.yaml"];
    let which = place.call(&two).exits(2);
    assert!(
        which.stderr.contains("say which policy: `applications`, `other`"),
        "{}",
        which.stderr
    );
    let other = place.call(&[&two[..], &["other"]].concat()).exits(0);
    assert_eq!(other.json(), serde_json::from_str::<Value>(EXACT).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn both_fit_their_forms_also_on_images_that_are_scanned() {
    let forms = Forms::published();
    let (registry, place) = registry().await;
    place.write("inexact.json", &INEXACT.replace(": 6", ": 1"));
    let target = format!("{}/apps/*", registry.host());
    let json = |words: &[&str]| place.call(&[words, &["--output", "json"]].concat());
    let alone = json(&["policy", "import", "inexact.json"]).exits(0).json();
    assert_eq!((&alone["images"], &alone["differences"]), (&Value::Null, &Value::Null));
    forms.holds("policy-import", &alone);
    let scanned = json(&["policy", "import", "inexact.json", &target]).exits(0).json();
    assert!(scanned["images"].as_u64().unwrap() > 3, "{scanned:#}");
    assert_eq!(
        (&scanned["exact"], &scanned["rules"][1]["exact"]),
        (&json!(false), &json!(false))
    );
    forms.holds("policy-import", &scanned);
    place.write("rules.yaml", RULES);
    let exported = json(&["policy", "export", "--to", "ecr", "--policy", "rules.yaml", &target])
        .exits(0)
        .json();
    assert_eq!(exported["rules"][1]["fidelity"], "not-expressible", "{exported:#}");
    forms.holds("policy-export", &exported);
    let refused = json(&["policy", "export", "--to", "ecr"]).exits(3).json();
    assert_eq!(refused["policy"], Value::Null);
    forms.holds("policy-export", &refused);
    registry.stop().await;
}
