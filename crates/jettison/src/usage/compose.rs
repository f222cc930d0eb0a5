//! Usage from Compose files: the image of every service, whatever its profile.
//!
//! Files are read as Compose reads them (compose-spec, "Services top-level element", "Interpolation", "Include"), as far
//! as images go. An image that hangs on a variable which nobody set makes the source partial: it could be any. Nothing
//! is looked up in the environment of this process, which is not that of the deployment; the `.env` beside the file is.

mod interpolation;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::file;
use super::said::Said;
use interpolation::interpolate;

/// So many files are followed from one to the next.
const MOST_FILES: usize = 200;

/// What counts of a Compose file.
#[derive(Debug, Deserialize)]
struct Project {
    #[serde(default)]
    services: Option<BTreeMap<String, Option<Service>>>,
    #[serde(default)]
    include: Option<Vec<Value>>,
}

#[derive(Debug, Deserialize)]
struct Service {
    image: Option<Value>,
    #[serde(default)]
    build: Option<Value>,
    #[serde(default)]
    extends: Option<Value>,
    /// Volumes may be mounted images (`type: image`).
    #[serde(default)]
    volumes: Option<Vec<Value>>,
}

/// Reads every Compose file that `patterns` fit, relative to `base`.
pub(super) fn read(patterns: &[String], base: &Path, said: &mut Said) {
    let mut open = Vec::new();
    file::for_each(patterns, base, said, |path, text, said| {
        open.extend(read_one(path, &text, said));
    });
    let mut seen: BTreeSet<PathBuf> = BTreeSet::new();
    while let Some(path) = open.pop() {
        // Files may include each other by ever longer ways round.
        let path = path.canonicalize().unwrap_or(path);
        if !seen.insert(path.clone()) {
            continue;
        }
        if seen.len() > MOST_FILES {
            return said.gap(format!("more than {MOST_FILES} files include each other"));
        }
        match file::contents(&path) {
            Ok(text) => open.extend(read_one(&path, &text, said)),
            Err(why) => said.gap(format!("{}: {why}", path.display())),
        }
    }
}

/// What one file names, and the files that it takes in.
fn read_one(path: &Path, text: &str, said: &mut Said) -> Vec<PathBuf> {
    let name = path.display();
    let project: Project = match serde_saphyr::from_str(text) {
        Ok(project) => project,
        Err(error) => {
            said.gap(format!("{name}: no Compose file: {}", first_line(&error.to_string())));
            return Vec::new();
        }
    };
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let variables = variables(&folder.join(".env"), said);
    for (service, content) in project.services.iter().flatten() {
        let used_by = format!("Compose service {service} in {name}");
        if let Some(content) = content {
            read_service(content, &used_by, &variables, said);
        }
    }
    let mut more = extended(&project, folder, said);
    for include in project.include.iter().flatten() {
        match included(include) {
            Some(paths) => more.extend(paths.iter().map(|path| folder.join(path))),
            None => said.gap(format!("{name}: what it includes is not known: {include}")),
        }
    }
    more
}

fn read_service(service: &Service, used_by: &str, variables: &BTreeMap<String, String>, said: &mut Said) {
    let mounted = service.volumes.iter().flatten();
    let mounted = mounted.filter(|volume| volume.get("type").and_then(Value::as_str) == Some("image"));
    let mounted = mounted.filter_map(|volume| volume.get("source"));
    for image in service.image.iter().chain(mounted) {
        let Some(text) = image.as_str() else {
            said.gap(format!("{used_by}: its image is no text"));
            continue;
        };
        match interpolate(text, variables) {
            // What is built on the spot is named by its image, and pulled by nobody.
            Ok(image) => said.uses(image.trim(), None, used_by),
            Err(why) => said.gap(format!("{used_by}: `{text}`: {why}")),
        }
    }
    let nameless = service.image.is_none() && service.build.is_none() && service.extends.is_none();
    if nameless {
        said.gap(format!("{used_by}: it has neither an image nor a build"));
    }
}

/// Files whose services others extend.
fn extended(project: &Project, folder: &Path, said: &mut Said) -> Vec<PathBuf> {
    let services = project
        .services
        .iter()
        .flatten()
        .filter_map(|(_, service)| service.as_ref());
    let files = services.filter_map(|service| service.extends.as_ref()?.get("file"));
    let mut paths = Vec::new();
    for file in files {
        match file.as_str().and_then(local) {
            Some(path) => paths.push(folder.join(path)),
            None => said.gap(format!("what it extends is not known: {file}")),
        }
    }
    paths
}

/// The files of one entry of `include`: a path, or a mapping with one or several of them.
fn included(include: &Value) -> Option<Vec<&str>> {
    match include {
        Value::String(path) => Some(vec![local(path)?]),
        Value::Object(fields) => match fields.get("path")? {
            Value::String(path) => Some(vec![local(path)?]),
            Value::Array(paths) => paths.iter().map(|path| local(path.as_str()?)).collect(),
            _ => None,
        },
        _ => None,
    }
}

/// A path on this machine; other resources (`oci://`, `https://…`, variables) are not followed.
fn local(path: &str) -> Option<&str> {
    let elsewhere = path.contains("://") || path.starts_with("git@") || path.contains('$');
    (!elsewhere && !path.is_empty()).then_some(path)
}

/// The variables of an `.env` file; none without one.
fn variables(path: &Path, said: &mut Said) -> BTreeMap<String, String> {
    if !path.exists() {
        return BTreeMap::new();
    }
    let text = match file::contents(path) {
        Ok(text) => text,
        Err(why) => {
            said.gap(format!("{}: {why}", path.display()));
            return BTreeMap::new();
        }
    };
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.strip_prefix("export ").unwrap_or(line).split_once('='));
    pairs
        .map(|(name, value)| (name.trim().to_owned(), unquoted(value)))
        .collect()
}

/// A value without its quotes, or without the comment behind it.
fn unquoted(value: &str) -> String {
    let value = value.trim();
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|rest| rest.split(quote).next()) {
            return inner.to_owned();
        }
    }
    value.split(" #").next().unwrap_or_default().trim_end().to_owned()
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use jettison_core::model::Reference;
    use jiff::Timestamp;

    use super::*;

    fn read_files(files: &[(&str, &str)]) -> (Vec<Reference>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let mut said = Said::new(Timestamp::UNIX_EPOCH, &BTreeSet::new());
        read(&["compose*.yaml".to_owned()], folder.path(), &mut said);
        let (references, gaps) = said.finish(false);
        (references, gaps.iter().map(ToString::to_string).collect())
    }

    fn images(files: &[(&str, &str)]) -> Vec<String> {
        let (references, gaps) = read_files(files);
        assert!(gaps.is_empty(), "{gaps:?}");
        references.into_iter().map(|reference| reference.image).collect()
    }

    #[test]
    fn every_service_names_its_image() {
        let web = "
x-common: &common
  image: r.io/common:1
services:
  web: { image: 'r.io/web:v1', profiles: [debug] }
  api: { <<: *common, command: serve }
  tool: { build: . }
  built: { build: ., image: 'r.io/built:v2' }
  data:
    image: r.io/data@sha256:0123456789012345678901234567890123456789012345678901234567890123
    volumes:
      - /a:/b
      - { type: image, source: 'r.io/files:v3', target: /c }
";
        let pinned = format!("r.io/data@sha256:{}0123", "0123456789".repeat(6));
        assert_eq!(
            images(&[("compose.yaml", web)]),
            [
                "r.io/built:v2",
                "r.io/common:1",
                &pinned,
                "r.io/files:v3",
                "r.io/web:v1"
            ]
        );
    }

    #[test]
    fn variables_come_from_the_file_beside_it_and_from_defaults_alone() {
        let text = "services: { web: { image: 'r.io/web:${TAG}' }, api: { image: '${HOST:-r.io}/api:$TAG' } }";
        let env = "# of the deployment\nexport TAG=\"v7\" # now\n";
        assert_eq!(
            images(&[("compose.yaml", text), (".env", env)]),
            ["r.io/api:v7", "r.io/web:v7"]
        );
        let (references, gaps) = read_files(&[("compose.yaml", text)]);
        assert!(references.is_empty());
        assert_eq!(gaps.len(), 2, "{gaps:?}");
        assert!(gaps[0].contains("service api") && gaps[0].contains("TAG"), "{gaps:?}");
    }

    #[test]
    fn other_files_are_followed_where_they_can_be() {
        let main = "include: [ 'more/compose.yaml', { path: [ 'compose-two.yaml' ] } ]
services: { web: { extends: { file: base.yaml, service: web } } }";
        let more = "services: { more: { image: 'r.io/more:1' } }\ninclude: [ ../compose.yaml ]";
        let files = [
            ("compose.yaml", main),
            ("more/compose.yaml", more),
            ("compose-two.yaml", "services: { two: { image: 'r.io/two:2' } }"),
            ("base.yaml", "services: { web: { image: 'r.io/base:3' } }"),
        ];
        assert_eq!(images(&files), ["r.io/base:3", "r.io/more:1", "r.io/two:2"]);
        let (_, gaps) = read_files(&[("compose.yaml", "include: [ 'oci://r.io/app:1', missing.yaml ]")]);
        assert_eq!(gaps.len(), 2, "{gaps:?}");
    }

    #[test]
    fn what_is_no_compose_file_is_a_gap() {
        for text in [
            "services: 5",
            "services: { web: { image: [a] } }",
            "{",
            "services: { web: {} }",
        ] {
            let (_, gaps) = read_files(&[("compose.yaml", text)]);
            assert_eq!(gaps.len(), 1, "{text}: {gaps:?}");
        }
        let laughs: String = (1..30)
            .map(|n| format!("a{n}: &a{n} [{0}, {0}, {0}]\n", format!("*a{}", n - 1)))
            .collect();
        let (_, gaps) = read_files(&[("compose.yaml", &format!("a0: &a0 [x]\n{laughs}"))]);
        assert_eq!(gaps.len(), 1);
    }
}
