//! One Compose file: the images that it names, and the files that it takes in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jettison_core::model::legible;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_saphyr::UserMessageFormatter;

use super::environment::Variables;
use super::interpolation::interpolate;
use super::{Environment, Opening, folder};
use crate::usage::file;
use crate::usage::said::Said;

/// What a Compose file may consist of, besides `x-…`. Anything else is none, or one from before 2014 whose services stand
/// where these do.
const PARTS: [&str; 9] = [
    "version", "name", "include", "services", "models", "networks", "volumes", "configs", "secrets",
];

/// What counts of a Compose file.
#[derive(Debug, Deserialize)]
struct Project {
    #[serde(default)]
    services: Option<BTreeMap<String, Option<Service>>>,
    #[serde(default)]
    include: Option<Vec<Value>>,
    /// Models are kept in registries, as images are.
    #[serde(default)]
    models: Option<BTreeMap<String, Model>>,
}

#[derive(Debug, Default, Deserialize)]
struct Service {
    #[serde(default)]
    image: Option<Value>,
    #[serde(default)]
    build: Option<Value>,
    #[serde(default)]
    extends: Option<Value>,
    /// A program outside of Compose that runs it. It may have a model.
    #[serde(default)]
    provider: Option<Value>,
    /// Volumes may be mounted images (`type: image`).
    #[serde(default)]
    volumes: Option<Vec<Value>>,
}

#[derive(Debug, Deserialize)]
struct Model {
    model: Value,
}

/// The services of a folder: what one file there leaves out another may say.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Those that some file gives an image, or what it is made from.
    whole: BTreeSet<(PathBuf, String)>,
    /// Those that a file does not, and how they are told.
    nameless: Vec<(PathBuf, String, String)>,
}

/// Who reads a file, and with which variables.
struct Reading<'r> {
    path: &'r Path,
    variables: &'r Variables,
    said: &'r mut Said,
}

impl Found {
    /// Reads one file, and returns those that it takes in.
    pub(super) fn read(&mut self, path: &Path, text: &str, variables: &Variables, said: &mut Said) -> Vec<Opening> {
        let project = match parsed(text) {
            Ok(project) => project,
            Err(why) => {
                said.gap(format!("{}: no Compose file: {why}", file::name(path)));
                return Vec::new();
            }
        };
        let mut reading = Reading { path, variables, said };
        for (service, content) in project.services.iter().flatten() {
            let used_by = format!("Compose service {} in {}", legible(service), file::name(path));
            let is_whole = reading.service(content.as_ref().unwrap_or(&Service::default()), &used_by);
            let folder = folder(path).to_owned();
            if is_whole {
                self.whole.insert((folder, service.clone()));
            } else {
                self.nameless.push((folder, service.clone(), used_by));
            }
        }
        for (name, model) in project.models.iter().flatten() {
            let used_by = format!("Compose model {} in {}", legible(name), file::name(path));
            reading.image(&model.model, &used_by);
        }
        reading.taken_in(&project)
    }

    /// Says what no file told.
    pub(super) fn finish(self, said: &mut Said) {
        for (folder, service, used_by) in self.nameless {
            if !self.whole.contains(&(folder, service)) {
                said.gap(format!("{used_by}: it has neither an image nor a build"));
            }
        }
    }
}

/// The services that a project builds itself, with the names that they are to have besides the usual one. A name with a variable in it
/// is left out.
pub(super) fn built(text: &str) -> Vec<(String, Vec<String>)> {
    let services = parsed(text)
        .ok()
        .and_then(|project| project.services)
        .unwrap_or_default();
    let built = services.into_iter().filter_map(|(name, service)| {
        let service = service.unwrap_or_default();
        let build = service.build.filter(|_| service.image.is_none())?;
        let tags = build["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
        Some((name, tags.filter(|tag| !tag.contains('$')).map(str::to_owned).collect()))
    });
    built.collect()
}

fn parsed(text: &str) -> Result<Project, String> {
    let told = |error: serde_saphyr::Error| {
        let told = error.render_with_formatter(&UserMessageFormatter);
        legible(told.lines().next().unwrap_or_default())
    };
    let project: Project = serde_saphyr::from_str(text).map_err(told)?;
    let parts: BTreeMap<String, IgnoredAny> = serde_saphyr::from_str(text).map_err(told)?;
    let unknown = parts
        .keys()
        .find(|part| !PARTS.contains(&part.as_str()) && !part.starts_with("x-"));
    match unknown {
        Some(part) => Err(format!("it has a part `{}`", legible(part))),
        None => Ok(project),
    }
}

impl Reading<'_> {
    /// Says what a service uses; whether it told what it runs.
    fn service(&mut self, service: &Service, used_by: &str) -> bool {
        let mounted = service.volumes.iter().flatten();
        let mounted = mounted.filter(|volume| volume.get("type").and_then(Value::as_str) == Some("image"));
        for image in mounted.filter_map(|volume| volume.get("source")) {
            self.image(image, used_by);
        }
        let provided = service.provider.as_ref();
        if let Some(model) = provided.and_then(|provider| provider.get("options")?.get("model")) {
            self.image(model, used_by);
        }
        // What is built on the spot is named by its image, and pulled by nobody.
        let has_image = service.image.as_ref().is_some_and(|image| self.image(image, used_by));
        has_image || service.build.is_some() || service.extends.is_some() || provided.is_some()
    }

    /// Says an image; whether anything is written there.
    fn image(&mut self, image: &Value, used_by: &str) -> bool {
        let Some(text) = image.as_str() else {
            self.said.gap(format!("{used_by}: its image is no text"));
            return true;
        };
        match interpolate(text, self.variables) {
            Ok(image) => {
                self.said.uses(image.trim(), None, used_by);
                !image.trim().is_empty()
            }
            Err(why) => {
                self.said
                    .gap(format!("{used_by}: `{}`: {}", legible(text), legible(&why)));
                true
            }
        }
    }

    /// The files that are included, and those whose services others extend.
    fn taken_in(&mut self, project: &Project) -> Vec<Opening> {
        let mut open = Vec::new();
        for include in project.include.iter().flatten() {
            match self.included(include) {
                Some(files) => open.extend(files),
                None => self.unknown("includes", include),
            }
        }
        let services = project.services.iter().flatten();
        let extended = services.filter_map(|(_, service)| service.as_ref()?.extends.as_ref()?.get("file"));
        for file in extended {
            match file.as_str().and_then(local) {
                Some(path) => open.push(self.opening(path, Environment::Given)),
                None => self.unknown("extends", file),
            }
        }
        open
    }

    /// The files of one entry of `include`: a path, or a mapping with one or several of them.
    fn included(&self, include: &Value) -> Option<Vec<Opening>> {
        let fields = match include {
            Value::String(path) => return self.included(&serde_json::json!({ "path": path })),
            other => other.as_object()?,
        };
        let paths = texts(fields.get("path")?)?;
        let here = folder(self.path);
        let beside = folder(&here.join(paths.first()?)).to_owned();
        let environment = match (fields.get("env_file"), fields.get("project_directory")) {
            (Some(files), _) => {
                let files = texts(files)?;
                Environment::Named(files.into_iter().map(|file| here.join(file)).collect())
            }
            (None, Some(folder)) => Environment::In(here.join(local(folder.as_str()?)?)),
            (None, None) => Environment::In(beside),
        };
        let opening = |path| self.opening(path, environment.clone());
        Some(paths.into_iter().map(opening).collect())
    }

    fn opening(&self, path: &str, environment: Environment) -> Opening {
        Opening {
            path: folder(self.path).join(path),
            given: self.variables.clone(),
            environment,
        }
    }

    fn unknown(&mut self, what: &str, value: &Value) {
        let (name, value) = (file::name(self.path), legible(&value.to_string()));
        self.said.gap(format!("{name}: what it {what} is not known: {value}"));
    }
}

/// One path or several.
fn texts(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(path) => Some(vec![local(path)?]),
        Value::Array(paths) => paths.iter().map(|path| local(path.as_str()?)).collect(),
        _ => None,
    }
}

/// A path on this machine; other resources (`oci://`, `https://…`, variables) are not followed.
pub(super) fn local(path: &str) -> Option<&str> {
    let elsewhere = path.contains("://") || path.starts_with("git@") || path.contains('$');
    (!elsewhere && !path.is_empty()).then_some(path)
}
