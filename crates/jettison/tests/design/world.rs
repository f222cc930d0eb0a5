//! A shorthand for inventories, usage and plans, so that a case fits on a few lines. It must not know the code of
//! jettison: it writes the documented JSON forms and reads them back.
//!
//! **Images**, one a line: a name, its tags (`-`: none), then `key=value`. The digest is the SHA-256 of the name.
//!
//! ```text
//! @apps/web host=r.example.com cap.delete_tag=false missing=gone gap=timeout     begins a repository
//! index   main,v1~5d    40d  children=amd,arm  labels=team=shop                  pushed 40 days ago, v1 set 5 days ago
//! sig     @index.sig    40d  kind=artifact                                       the tag sha256-<hex of index>.sig
//! ```
//!
//! A time is so long ago (`40d`, `40d+1s`: a second older), ahead (`+24h`), or given in full. **Usage**: `@name status`
//! begins a source, every other line is an image, in which `@name` is a digest. **Outcomes**, in any order: `delete a`,
//! `follow a`, `untag a:x,y`, `keep a:x not-expired`, `keep a:x hold in-use`, `block a:x cannot-untag`; images outside
//! of `apps/web` carry their repository, as `apps/api/a`.

#[path = "answer.rs"]
mod answer;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

pub(crate) use answer::{Answer, check, list};

/// The moment for which every case is planned, unless it says another.
pub(crate) const NOW: &str = "2026-11-21T12:00:00Z";
/// The registry of every case, unless it says another.
pub(crate) const HOST: &str = "r.example.com";
const REPOSITORY: &str = "apps/web";

/// The digest of the image called `name`. A name such as `0a` stands for the digest that begins with it.
pub(crate) fn digest(name: &str) -> String {
    format!("sha256:{}", hex(name))
}

/// The 64 digits of [`digest`].
pub(crate) fn hex(name: &str) -> String {
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        return format!("{name:0<64}");
    }
    Sha256::digest(name).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A directory with what one call of the program reads.
pub(crate) struct Case {
    images: String,
    usage: String,
    policy: String,
    now: String,
    taken_at: String,
    complete: bool,
    flags: Vec<String>,
    lifecycle: Option<Value>,
}

/// A case with these images, judged by one rule that expires everything.
pub(crate) fn images(text: &str) -> Case {
    Case {
        images: text.to_owned(),
        usage: "@prod complete".to_owned(),
        policy: policy(&[EVERYTHING]),
        now: NOW.to_owned(),
        taken_at: NOW.to_owned(),
        complete: true,
        flags: Vec::new(),
        lifecycle: None,
    }
}

/// The rule that expires every image, of whatever kind, that is old enough for `grace`.
pub(crate) const EVERYTHING: &str =
    "match: { kinds: [image, build-cache, chart, artifact, orphan] }, expire: { older-than: 2d }";

fn policy(rules: &[&str]) -> String {
    policy_with("", rules)
}

fn policy_with(keys: &str, rules: &[&str]) -> String {
    let rules = rules.iter().enumerate();
    let rules: Vec<_> = rules
        .map(|(at, rule)| format!("      - {{ name: r{}, {rule} }}\n", at + 1))
        .collect();
    let keys = if keys.is_empty() {
        String::new()
    } else {
        format!("    {keys}\n")
    };
    format!("policies:\n  - name: p\n{keys}    rules:\n{}", rules.concat())
}

impl Case {
    /// Judged by these rules, each the inside of a YAML map without its name; they are called r1, r2, …
    pub(crate) fn rules(self, rules: &[&str]) -> Self {
        self.file(&policy(rules))
    }

    /// The same, with a further line in the policy, such as `untag: true`.
    pub(crate) fn policy(self, keys: &str, rules: &[&str]) -> Self {
        self.file(&policy_with(keys, rules))
    }

    /// Judged by this whole configuration file.
    pub(crate) fn file(mut self, yaml: &str) -> Self {
        self.policy = yaml.to_owned();
        self
    }

    /// Judged by a lifecycle policy of ECR with these rules, which stands beside the configuration.
    pub(crate) fn ecr(mut self, rules: &Value) -> Self {
        self.lifecycle = Some(json!({ "rules": rules }));
        self.file("policies:\n  - name: p\n    ecr-policy: lifecycle.json\n")
    }

    /// Further lines at the top level of the configuration. A `limits` here stands instead of `keep-at-least: 0`.
    pub(crate) fn settings(mut self, yaml: &str) -> Self {
        self.policy = format!("{}{yaml}\n", self.policy);
        self
    }

    /// Used as these lines say, instead of one complete source that names nothing.
    pub(crate) fn usage(mut self, text: &str) -> Self {
        self.usage = text.to_owned();
        self
    }

    /// Planned for this moment.
    pub(crate) fn at(mut self, now: &str) -> Self {
        now.clone_into(&mut self.now);
        now.clone_into(&mut self.taken_at);
        self
    }

    /// Read at this moment, in the shorthand of times.
    pub(crate) fn taken(mut self, time: &str) -> Self {
        self.taken_at = moment(time, &self.now);
        self
    }

    /// No registry is said to be read whole.
    pub(crate) fn some_repositories(mut self) -> Self {
        self.complete = false;
        self
    }

    /// With a further flag.
    pub(crate) fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    /// The inventory in its documented form.
    pub(crate) fn inventory(&self) -> Value {
        let mut repositories: Vec<Value> = Vec::new();
        for line in lines(&self.images) {
            if let Some(header) = line.strip_prefix('@') {
                repositories.push(self.repository(header));
                continue;
            }
            if repositories.is_empty() {
                repositories.push(self.repository(REPOSITORY));
            }
            self.add_image(repositories.last_mut().unwrap(), line);
        }
        let hosts = repositories
            .iter()
            .filter(|_| self.complete)
            .map(|repository| repository["registry"].clone());
        let hosts: std::collections::BTreeSet<String> = hosts.map(|host| host.as_str().unwrap().to_owned()).collect();
        json!({"schema": 1, "taken_at": self.taken_at, "complete_registries": hosts, "repositories": repositories})
    }

    fn repository(&self, header: &str) -> Value {
        let mut words = header.split_whitespace();
        let mut repository = json!({"registry": HOST, "name": words.next().unwrap(),
            "capabilities": {"delete": true, "delete_tag": true, "list_untagged": true, "push_time": true, "pull_time": false},
            "pull_data_since": null, "scanned_since": null, "missing": [], "gaps": [], "tags": [], "manifests": []});
        for (key, value) in words.map(pair) {
            match key {
                "host" => repository["registry"] = json!(value),
                "missing" => repository["missing"] = value.split(',').map(digest).collect(),
                "gap" => repository["gaps"] = json!([value]),
                "scanned_since" | "pull_data_since" => repository[key] = json!(moment(value, &self.now)),
                _ => {
                    let capability = key.strip_prefix("cap.").unwrap();
                    repository["capabilities"][capability] = serde_json::from_str(value).unwrap();
                }
            }
        }
        repository
    }

    fn add_image(&self, repository: &mut Value, line: &str) {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap();
        for tag in words.next().unwrap().split(',').filter(|tag| *tag != "-") {
            let tag = self.tag(name, tag);
            repository["tags"].as_array_mut().unwrap().push(tag);
        }
        let mut manifest = json!({"digest": digest(name), "kind": "image", "size": 0, "blobs": [], "children": [], "labels": {},
            "annotations": {}, "media_type": "application/vnd.oci.image.manifest.v1+json", "artifact_type": null,
            "config_media_type": "application/vnd.oci.image.config.v1+json", "subject": null});
        for word in words {
            let (key, value) = if word.contains('=') {
                pair(word)
            } else {
                ("pushed", word)
            };
            manifest[field(key)] = self.value(key, value);
        }
        if manifest["children"] != json!([]) {
            manifest["media_type"] = json!("application/vnd.oci.image.index.v1+json");
            manifest["config_media_type"] = Value::Null;
        }
        repository["manifests"].as_array_mut().unwrap().push(manifest);
    }

    fn tag(&self, image: &str, tag: &str) -> Value {
        let immutable = tag.ends_with('!');
        let tag = tag.trim_end_matches('!');
        let (tag, updated) = tag
            .split_once('~')
            .map_or((tag, None), |(tag, time)| (tag, Some(moment(time, &self.now))));
        json!({"name": long_tag(tag), "digest": digest(image), "updated_at": updated, "immutable": immutable})
    }

    fn value(&self, key: &str, value: &str) -> Value {
        match key {
            "children" => value.split(',').map(digest).collect(),
            "subject" | "config" => json!(digest(value)),
            "labels" | "annotations" => Value::Object(
                value
                    .split(',')
                    .map(pair)
                    .map(|(k, v)| (k.to_owned(), json!(v)))
                    .collect::<Map<_, _>>(),
            ),
            "blobs" => value.split(',').map(blob).collect(),
            "size" => json!(value.parse::<u64>().unwrap()),
            "kind" | "platform" | "media_type" | "artifact_type" => json!(value),
            _ => json!(moment(value, &self.now)),
        }
    }

    /// The usage in its documented form.
    pub(crate) fn usage_form(&self) -> Value {
        let mut sources: Vec<Value> = Vec::new();
        for line in lines(&self.usage) {
            if let Some(header) = line.strip_prefix('@') {
                sources.push(source(header));
            } else {
                let reference = self.reference(line);
                sources.last_mut().unwrap()["references"]
                    .as_array_mut()
                    .unwrap()
                    .push(reference);
            }
        }
        json!({"schema": 1, "taken_at": self.taken_at, "sources": sources})
    }

    fn reference(&self, line: &str) -> Value {
        let mut words = line.split_whitespace();
        let image = words.next().unwrap();
        let image = image
            .split_once('@')
            .map_or(image.to_owned(), |(path, name)| format!("{path}@{}", digest(name)));
        let mut reference =
            json!({"image": image, "digest": null, "used_by": "Pod shop/web-0 container web", "last_seen_at": null});
        for (key, value) in words.map(pair) {
            match key {
                "digest" => reference["digest"] = json!(digest(value)),
                "seen" => reference["last_seen_at"] = json!(moment(value, &self.now)),
                _ => reference[key] = json!(value),
            }
        }
        reference
    }

    /// Writes the files and plans from them.
    pub(crate) fn plan(&self) -> Answer {
        self.plan_from(&self.inventory(), &self.usage_form())
    }

    /// Plans from these facts instead of those that the shorthand tells.
    pub(crate) fn plan_from(&self, inventory: &Value, usage: &Value) -> Answer {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("inventory.json"), inventory.to_string()).unwrap();
        fs::write(at("usage.json"), usage.to_string()).unwrap();
        let limits = if self.policy.contains("limits:") {
            ""
        } else {
            "limits: { keep-at-least: 0 }\n"
        };
        fs::write(at("policy.yaml"), format!("{}{limits}", self.policy)).unwrap();
        if let Some(lifecycle) = &self.lifecycle {
            fs::write(at("lifecycle.json"), lifecycle.to_string()).unwrap();
        }
        let words = "plan --inventory inventory.json --usage usage.json --policy policy.yaml --output json --now";
        self.call(directory.path(), words)
    }

    /// Lets the lifecycle policy alone judge.
    pub(crate) fn evaluate(&self) -> Answer {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, value: &Value| fs::write(directory.path().join(name), value.to_string()).unwrap();
        write("inventory.json", &self.inventory());
        write("policy.json", self.lifecycle.as_ref().unwrap());
        let words = "ecr evaluate --inventory inventory.json --policy policy.json --output json --now";
        self.call(directory.path(), words)
    }

    fn call(&self, directory: &Path, words: &str) -> Answer {
        let mut words: Vec<&str> = words.split(' ').collect();
        words.push(&self.now);
        words.extend(self.flags.iter().map(String::as_str));
        let mut answer = call(directory, &words);
        answer.names = self.names();
        answer
    }

    /// What each digest is called in this case.
    fn names(&self) -> BTreeMap<String, String> {
        let names = lines(&self.images).filter(|line| !line.starts_with('@'));
        names
            .filter_map(|line| line.split_whitespace().next())
            .map(|name| (digest(name), name.to_owned()))
            .collect()
    }
}

/// Calls the program in `directory`, with nothing of the environment but a home there.
pub(crate) fn call(directory: &Path, words: &[&str]) -> Answer {
    let state: PathBuf = directory.join("state");
    let output = Command::new(env!("CARGO_BIN_EXE_jettison"))
        .args(words)
        .current_dir(directory)
        .env_clear()
        .env("HOME", directory)
        .env("XDG_STATE_HOME", state)
        .output()
        .unwrap();
    Answer {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        names: BTreeMap::new(),
    }
}

/// The moment that the shorthand names, as RFC 3339.
pub(crate) fn moment(text: &str, now: &str) -> String {
    if text.contains('T') {
        return text.to_owned();
    }
    let now: Timestamp = now.parse().unwrap();
    let (text, ahead) = text.strip_prefix('+').map_or((text, false), |rest| (rest, true));
    let seconds: i64 = terms(text).iter().map(|term| seconds(term)).sum();
    let offset = SignedDuration::from_secs(if ahead { seconds } else { -seconds });
    now.checked_add(offset).unwrap().to_string()
}

/// `40d+1s` as its signed terms.
fn terms(text: &str) -> Vec<String> {
    text.replace('+', " ")
        .replace('-', " -")
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}

fn seconds(term: &str) -> i64 {
    let (count, unit) = term.split_at(term.len() - 1);
    let unit = BTreeMap::from([("s", 1), ("m", 60), ("h", 3600), ("d", 86400), ("w", 604_800)])[unit];
    count.parse::<i64>().unwrap() * unit
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

fn pair(word: &str) -> (&str, &str) {
    word.split_once('=').unwrap()
}

fn blob(text: &str) -> Value {
    let (name, size) = text.split_once(':').unwrap();
    json!({"digest": digest(&format!("blob {name}")), "size": size.parse::<u64>().unwrap()})
}

/// `@index.sig` as the tag that names the digest of `index`.
fn long_tag(tag: &str) -> String {
    let Some(named) = tag.strip_prefix('@') else {
        return tag.to_owned();
    };
    let (name, suffix) = named
        .split_once('.')
        .map_or((named, String::new()), |(name, rest)| (name, format!(".{rest}")));
    format!("sha256-{}{suffix}", hex(name))
}

fn field(key: &str) -> &str {
    match key {
        "pushed" => "pushed_at",
        "created" => "created_at",
        "first_seen" => "first_seen_at",
        "untagged" => "untagged_at",
        "pulled" => "last_pulled_at",
        "restored" => "restored_at",
        "config" => "config_digest",
        other => other,
    }
}

fn source(header: &str) -> Value {
    let mut words = header.split_whitespace();
    let mut source = json!({"name": words.next().unwrap(), "kind": "kubernetes", "status": words.next().unwrap(),
        "covers": ["**"], "gaps": [], "references": []});
    for (key, value) in words.map(pair) {
        match key {
            "covers" => source["covers"] = value.split(',').collect(),
            "gap" => source["gaps"] = json!([value]),
            _ => source[key] = json!(value),
        }
    }
    source
}
