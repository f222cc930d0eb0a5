//! Compose projects on a host: the files that its containers say they were made from, and those that the configuration
//! lists. What a project that is down would start again is in use as well.
//!
//! A file that is named and cannot be read is a gap: the images that it names are not known.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jettison_core::model::{SourceReport, legible};
use jiff::Timestamp;

use super::project::{Found, built};
use super::{Environment, folder, read_whole};
use crate::usage::file;
use crate::usage::said::{Said, understood};

/// A host has no more projects than that.
const MOST_PROJECTS: usize = 1_000;

/// A project, as the labels of its containers tell of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ComposeProject {
    name: String,
    files: Vec<PathBuf>,
    working: PathBuf,
    environment: Vec<PathBuf>,
}

impl ComposeProject {
    /// The project of a container with these labels, if it is of one. Podman's own Compose writes the same labels.
    pub(crate) fn of(labels: &BTreeMap<String, String>) -> Option<Self> {
        let label = |name: &str| labels.get(&format!("com.docker.compose.project{name}"));
        let name = label("")?.clone();
        let working = PathBuf::from(label(".working_dir").map_or("", String::as_str));
        let paths = |names: &str| {
            let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
            names.map(|name| working.join(name)).collect()
        };
        Some(Self {
            files: paths(label(".config_files").map_or("", String::as_str)),
            environment: paths(label(".environment_file").map_or("", String::as_str)),
            name,
            working,
        })
    }

    fn environment(&self) -> Environment {
        match self.environment.is_empty() {
            true => Environment::In(self.working.clone()),
            false => Environment::Named(self.environment.clone()),
        }
    }

    /// Whoever writes labels may name any file of this machine, so that of what cannot be understood nothing is shown.
    fn read(&self, now: Timestamp, said: &mut Said) {
        if self.files.is_empty() {
            self.cannot_be_read("its containers do not say from which files it was made", said);
        }
        let (mut own, mut found) = (Said::new(now, &BTreeSet::new()), Found::default());
        for path in &self.files {
            match file::contents(path, file::LARGEST_BYTES) {
                Ok(text) => {
                    read_whole(path, &text, self.environment(), &mut found, &mut own);
                    say_built(&text, &self.name, path, &mut own);
                }
                Err(why) => self.cannot_be_read(&format!("{}: {}", file::name(path), legible(&why)), said),
            }
        }
        found.finish(&mut own);
        let (references, gaps) = own.finish(true);
        references.into_iter().for_each(|reference| said.refers(reference));
        if !gaps.is_empty() {
            let files: Vec<String> = self.files.iter().map(|path| file::name(path)).collect();
            let why = format!(
                "{} cannot be understood as a whole; `docker compose --project-name {} config` says where",
                files.join(", "),
                legible(&self.name)
            );
            self.cannot_be_read(&why, said);
        }
    }

    fn cannot_be_read(&self, why: &str, said: &mut Said) {
        let name = legible(&self.name);
        said.gap(format!(
            "the images of the Compose project {name} are not known: {why}; if the project is no more, remove its \
             containers (`docker compose --project-name {name} down`), else list its file under `compose` of `host`, in a \
             folder of the name {name}"
        ));
    }

    /// Whether a file that the configuration lists is one of this project: it lies in a folder of its name.
    fn is_in(&self, listed: &Path) -> bool {
        let folder = folder(listed).file_name();
        folder.is_some_and(|folder| folder.to_string_lossy().to_lowercase() == self.name)
    }
}

/// What a project builds is used under the names that Compose gives it: those of its `tags`, else `project-service`, or
/// `project_service` by the first Compose (Compose specification, "build"; docker/compose, "separator").
fn say_built(text: &str, project: &str, path: &Path, said: &mut Said) {
    for (service, tags) in built(text) {
        let used_by = format!("Compose service {} in {}", legible(&service), file::name(path));
        let usual = ["-", "_"].map(|separator| format!("{project}{separator}{service}:latest"));
        for name in tags.iter().chain(&usual).filter(|name| understood(name).is_ok()) {
            said.uses(name, None, &used_by);
        }
    }
}

/// Whose images Compose projects name: the files that `patterns` fit, relative to `base`, and those of `projects`. `None`
/// where there is neither.
pub(crate) fn report(
    patterns: &[String],
    base: &Path,
    projects: &BTreeSet<ComposeProject>,
    now: Timestamp,
) -> Option<SourceReport> {
    if patterns.is_empty() && projects.is_empty() {
        return None;
    }
    let (mut said, mut found) = (Said::new(now, &BTreeSet::new()), Found::default());
    let mut listed = BTreeSet::new();
    file::for_each(patterns, base, &mut said, |path, said| {
        match file::contents(path, file::LARGEST_BYTES) {
            Ok(text) => {
                super::read_listed(path, &text, &mut found, said);
                let folder = folder(path)
                    .file_name()
                    .map(|name| name.to_string_lossy().to_lowercase());
                say_built(&text, &folder.unwrap_or_default(), path, said);
            }
            Err(why) => said.gap(format!("{}: {}", file::name(path), legible(&why))),
        }
        listed.insert(path.to_owned());
    });
    if projects.len() > MOST_PROJECTS {
        said.gap(format!("there are more than {MOST_PROJECTS} Compose projects"));
    }
    let covered = |project: &ComposeProject| listed.iter().any(|path| project.is_in(path));
    for project in projects.iter().take(MOST_PROJECTS).filter(|project| !covered(project)) {
        project.read(now, &mut said);
    }
    found.finish(&mut said);
    Some(crate::usage::of_this_host("compose", "compose", said))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(name: &str, working: &Path, files: &str, environment: &str) -> BTreeMap<String, String> {
        let label = |key: &str, value: &str| (format!("com.docker.compose.project{key}"), value.to_owned());
        let mut labels = BTreeMap::from([
            label("", name),
            label(".working_dir", &working.display().to_string()),
            label(".config_files", files),
        ]);
        if !environment.is_empty() {
            labels.extend([label(".environment_file", environment)]);
        }
        labels
    }

    /// The images and gaps that are told of one project in a folder of the name `shop`.
    fn told(files: &str, environment: &str, listed: &[&str]) -> (Vec<String>, Vec<String>) {
        let home = tempfile::tempdir().unwrap();
        let shop = home.path().join("shop");
        std::fs::create_dir_all(&shop).unwrap();
        let write = |name: &str, text: &str| std::fs::write(shop.join(name), text).unwrap();
        write(
            "compose.yaml",
            "services: { web: { image: \"r.io/web:${TAG:-none}\" } }",
        );
        write(
            "more.yaml",
            "services: { job: { image: r.io/job:v1, profiles: [never] } }",
        );
        write("v2.env", "TAG=v2");
        write(".env", "TAG=v1");
        let project = ComposeProject::of(&labels("shop", &shop, files, environment)).unwrap();
        let listed: Vec<String> = listed.iter().map(|&path| path.to_owned()).collect();
        let told = report(&listed, home.path(), &BTreeSet::from([project]), Timestamp::UNIX_EPOCH).unwrap();
        let images = told.references.into_iter().map(|reference| reference.image);
        (images.collect(), told.gaps.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_a_project_names_is_in_use_with_the_files_that_its_labels_tell() {
        for (files, environment, images) in [
            ("compose.yaml", "", &["r.io/web:v1"][..]),
            ("compose.yaml,more.yaml", "", &["r.io/job:v1", "r.io/web:v1"]),
            ("compose.yaml", "v2.env", &["r.io/web:v2"]),
        ] {
            let (told, gaps) = told(files, environment, &[]);
            assert_eq!(
                (told, gaps),
                (images.iter().map(|&it| it.to_owned()).collect(), Vec::new())
            );
        }
    }

    #[test]
    fn a_file_that_is_gone_is_a_gap_until_it_is_listed_elsewhere() {
        for files in ["gone.yaml", "", "."] {
            let (images, gaps) = told(files, "", &[]);
            assert!(images.is_empty() && gaps.len() == 1, "{gaps:?}");
            assert!(
                gaps[0].contains("Compose project shop") && gaps[0].contains("`compose` of `host`"),
                "{gaps:?}"
            );
            let (images, gaps) = told(files, "", &["shop/compose.yaml"]);
            assert_eq!((images, gaps), (vec!["r.io/web:v1".to_owned()], Vec::new()));
        }
        let (_, gaps) = told("compose.yaml", "gone.env", &[]);
        assert_eq!(gaps.len(), 1, "{gaps:?}");
    }

    #[test]
    fn what_a_project_builds_is_in_use_by_its_usual_names_and_its_tags() {
        let home = tempfile::tempdir().unwrap();
        let text = "services: { web: { build: . }, job: { build: { context: ., tags: [r.io/job:v3] } }, db: { image: r.io/db:1 } }";
        std::fs::write(home.path().join("compose.yaml"), text).unwrap();
        let project = ComposeProject::of(&labels("shop", home.path(), "compose.yaml", "")).unwrap();
        let told = report(&[], home.path(), &BTreeSet::from([project]), Timestamp::UNIX_EPOCH).unwrap();
        let images: BTreeSet<&str> = told
            .references
            .iter()
            .map(|reference| reference.image.as_str())
            .collect();
        let expected = [
            "r.io/db:1",
            "r.io/job:v3",
            "shop-job:latest",
            "shop-web:latest",
            "shop_job:latest",
            "shop_web:latest",
        ];
        assert_eq!(images, BTreeSet::from(expected));
        assert!(told.gaps.is_empty(), "{:?}", told.gaps);
    }

    #[test]
    fn nothing_of_a_file_that_is_none_is_shown() {
        let home = tempfile::tempdir().unwrap();
        for secret in [
            "root:$6$salt$HASH:20228:0:99999:7:::",
            "services: { a: { image: \"Hunter2 secret!\" } }",
        ] {
            std::fs::write(home.path().join("shadow"), secret).unwrap();
            let project = ComposeProject::of(&labels("shop", home.path(), "shadow", "")).unwrap();
            let told = report(&[], home.path(), &BTreeSet::from([project]), Timestamp::UNIX_EPOCH).unwrap();
            let said: Vec<String> = told.gaps.iter().map(ToString::to_string).collect();
            assert!(said.len() == 1 && said[0].contains("Compose project shop"), "{said:?}");
            assert!(!said[0].contains("HASH") && !said[0].contains("Hunter2"), "{said:?}");
        }
    }

    #[test]
    fn only_containers_with_the_label_are_of_a_project() {
        assert_eq!(ComposeProject::of(&BTreeMap::new()), None);
        let nothing = report(&[], Path::new("/"), &BTreeSet::new(), Timestamp::UNIX_EPOCH);
        assert_eq!(nothing, None);
    }
}
