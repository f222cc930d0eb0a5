//! House rules that no other tool checks.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::{Failure, say};

/// Everything that the core may depend on. None of them reads a clock, a file, the network or the environment on
/// its own; whoever adds one here says in the change why that is true of it. `rayon` asks how many threads to use and
/// nothing else: what is computed on them is put together in the order of the facts. `rust_decimal` is arithmetic on
/// integers, without its features for databases, wire formats and chance.
const CORE_DEPENDENCIES: [&str; 15] = [
    "annotate-snippets",
    "foldhash",
    "globset",
    "jiff",
    "rayon",
    "regex",
    "rust_decimal",
    "schemars",
    "serde",
    "serde-saphyr",
    "serde_json",
    "sha2",
    "smol_str",
    "strsim",
    "thiserror",
];

const CORE_MANIFEST: &str = "crates/core/Cargo.toml";
const MAP: &str = "docs/ARCHITECTURE.md";

/// Checks the project at `root` and reports every breach.
pub(crate) fn check(root: &Path) -> Result<(), Failure> {
    say("$ house rules: module headers, the core's purity, the map of the house");
    let mut breaches = headerless_files(root)?;
    breaches.extend(impurities(&read(&root.join(CORE_MANIFEST))?));
    breaches.extend(unmapped_rooms(root)?);
    if breaches.is_empty() {
        Ok(())
    } else {
        Err(Failure::Untidy(breaches.join("\n")))
    }
}

/// Source files that do not begin by saying what they are for.
fn headerless_files(root: &Path) -> Result<Vec<String>, Failure> {
    let mut breaches = Vec::new();
    for path in rust_files(root)? {
        if !read(&path)?.starts_with("//!") {
            let name = path.strip_prefix(root).unwrap_or(&path).display();
            breaches.push(format!(
                "{name} does not begin with `//!`: say what it is for and what it must not do"
            ));
        }
    }
    Ok(breaches)
}

/// Dependencies of the core that are not allowed, of whatever kind but for its tests.
fn impurities(manifest: &str) -> Vec<String> {
    let mut section = "";
    let mut named = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']');
            named.extend(dependency_in_header(section));
        } else if lists_dependencies(section) && !line.starts_with('#') {
            named.extend(
                line.split(['=', '.'])
                    .next()
                    .map(str::trim)
                    .filter(|name| !name.is_empty()),
            );
        }
    }
    let foreign = named
        .into_iter()
        .map(|name| name.trim_matches('"'))
        .filter(|name| !CORE_DEPENDENCIES.contains(name));
    foreign
        .map(|name| format!("{CORE_MANIFEST} depends on {name}, which the pure core may not"))
        .collect()
}

/// `dependencies`, `build-dependencies`, `target.'cfg(unix)'.dependencies`: each line below it is one.
fn lists_dependencies(section: &str) -> bool {
    section.ends_with("dependencies") && !section.ends_with("dev-dependencies")
}

/// The dependency that has a section of its own, such as `dependencies.serde`.
fn dependency_in_header(section: &str) -> Option<&str> {
    let (kind, name) = section.rsplit_once('.')?;
    lists_dependencies(kind).then_some(name)
}

/// Top-level modules with a folder that the map does not name.
fn unmapped_rooms(root: &Path) -> Result<Vec<String>, Failure> {
    let Ok(map) = fs::read_to_string(root.join(MAP)) else {
        return Ok(vec![format!("{MAP} is missing: it is the map of the house")]);
    };
    let mut breaches = Vec::new();
    for package in entries(&root.join("crates"))? {
        let source = package.join("src");
        if !source.is_dir() {
            continue;
        }
        for room in entries(&source)?.into_iter().filter(|path| path.is_dir()) {
            let name = room.file_name().unwrap_or_default().to_string_lossy();
            if !names(&map, &name) {
                let room = room.strip_prefix(root).unwrap_or(&room).display();
                breaches.push(format!(
                    "{MAP} does not name `{name}/` ({room}): say there what it is for"
                ));
            }
        }
    }
    Ok(breaches)
}

/// Whether the map has `name/` as a word of its own.
fn names(map: &str, name: &str) -> bool {
    let room = format!("{name}/");
    let begins_a_word = |before: &str| !before.ends_with(|last: char| last.is_alphanumeric() || "_-.".contains(last));
    map.match_indices(&room)
        .any(|(at, _)| map.get(..at).is_some_and(begins_a_word))
}

/// Every source file of the project, sorted.
fn rust_files(root: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = ["crates", "xtask", "fuzz", "benches"]
        .map(|name| root.join(name))
        .into_iter()
        .filter(|it| it.is_dir())
        .collect();
    while let Some(folder) = folders.pop() {
        for path in entries(&folder)? {
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |source| Failure::Unreadable {
        path: folder.to_owned(),
        source,
    };
    let entries = fs::read_dir(folder).map_err(unreadable)?;
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(unreadable)?;
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|source| Failure::Unreadable {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    //! Each rule notices its breach.

    use super::*;

    #[test]
    fn the_core_may_depend_on_what_is_listed_alone() {
        let pure = "[package]\nname = \"x\"\n# tokio = 1\n[dependencies]\nserde.workspace = true\nsha2 = \"0\"\n\
            # tokio = \"1\"\n[dev-dependencies]\nproptest = \"1\"\n[dev-dependencies.insta]\nversion = \"1\"\n";
        assert_eq!(impurities(pure), [""; 0]);
        for section in [
            "[dependencies]\ntokio.workspace = true",
            "[dependencies]\n\"tokio\" = \"1\"",
            "[dependencies.tokio]\nversion = \"1\"",
            "[build-dependencies]\ntokio = \"1\"",
            "[target.'cfg(unix)'.dependencies]\ntokio = \"1\"",
            "[target.'cfg(unix)'.dependencies.tokio]\nversion = \"1\"",
        ] {
            let found = impurities(&format!("{pure}{section}\n"));
            assert!(
                found.iter().any(|breach| breach.contains("depends on tokio")),
                "{section}: {found:?}"
            );
        }
    }

    #[test]
    fn a_room_is_named_by_a_word_of_its_own() {
        for map in ["`policy/`", "src/policy/", "  policy/ rules"] {
            assert!(names(map, "policy"), "{map}");
        }
        for map in ["policy", "old-policy/", "my_policy/", "policy.rs"] {
            assert!(!names(map, "policy"), "{map}");
        }
    }

    #[test]
    fn a_project_with_breaches_is_told_all_of_them() {
        let root = std::env::temp_dir().join(format!("jettison-tidy-{}", std::process::id()));
        for folder in ["crates/core/src/policy", "crates/core/src/model", "docs"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::write(root.join("crates/core/src/policy/mod.rs"), "//! Fine.\n").unwrap();
        fs::write(root.join("crates/core/src/model/mod.rs"), "// Not a header.\n").unwrap();
        fs::write(root.join(CORE_MANIFEST), "[dependencies]\ntokio = \"1\"\n").unwrap();
        let without_map = check(&root).unwrap_err().to_string();
        fs::write(root.join(MAP), "`policy/` is where policies live.").unwrap();
        let with_map = check(&root).unwrap_err().to_string();
        fs::remove_dir_all(&root).unwrap();
        assert!(without_map.contains("docs/ARCHITECTURE.md is missing"), "{without_map}");
        for breach in [
            "model/mod.rs does not begin",
            "depends on tokio",
            "does not name `model/`",
        ] {
            assert!(with_map.contains(breach), "{with_map}");
        }
        assert!(!with_map.contains("policy"), "{with_map}");
    }
}
