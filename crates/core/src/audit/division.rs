//! By what an audit divides registries besides repositories, kinds and ages.

use crate::graph::Graph;
use crate::graph::Node;
use crate::model::{Repository, RepositoryName};
use crate::policy::{BranchPatterns, GroupBy, GroupRegex};

/// What a part is called that nothing fits: untagged images where tags are grouped, say.
pub(super) const NONE: &str = "(none)";

/// By what images are grouped. Groups reach over all repositories of a registry: `main` is one branch everywhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Division {
    /// What it is called: `branch`, `team`, `label:team`.
    name: String,
    by: By,
}

#[derive(Debug, Clone, PartialEq)]
enum By {
    /// The first so many parts of the repository's name.
    Path(usize),
    /// As rules group entries.
    Group(GroupBy),
}

/// Why a text does not say how to divide.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no division: write `team` (the first part of the repository's name), `path:2` (the first two), `branch`, \
     `label:NAME`, or `regex:EXPRESSION` with a capture named `group`{problem}"
)]
pub struct InvalidDivision {
    text: String,
    problem: String,
}

impl std::str::FromStr for Division {
    type Err = InvalidDivision;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |problem: String| InvalidDivision {
            text: crate::model::legible(text),
            problem,
        };
        let by = match text.split_once(':') {
            None if text == "team" => By::Path(1),
            None if text == "branch" => By::Group(GroupBy::Branch(BranchPatterns::default())),
            Some(("path", parts)) => By::Path(
                parts
                    .parse()
                    .ok()
                    .filter(|parts| (1..=20).contains(parts))
                    .ok_or_else(|| invalid("; a path has 1 to 20 parts".to_owned()))?,
            ),
            Some(("label", name)) if !name.is_empty() => By::Group(GroupBy::Label(name.to_owned())),
            Some(("regex", pattern)) => {
                let regex = GroupRegex::new(pattern).map_err(|error| invalid(format!(": {error}")))?;
                By::Group(GroupBy::Regex(regex))
            }
            _ => return Err(invalid(String::new())),
        };
        Ok(Self {
            name: text.to_owned(),
            by,
        })
    }
}

impl Division {
    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it needs labels, which only the manifests themselves tell.
    pub fn looks_inside(&self) -> bool {
        matches!(self.by, By::Group(GroupBy::Label(_)))
    }

    /// The group that has all of a repository, if its name alone decides.
    pub(super) fn of_whole(&self, repository: &Repository) -> Option<String> {
        match &self.by {
            By::Path(parts) => Some(beginning(&repository.name, *parts)),
            By::Group(_) => None,
        }
    }

    /// The groups that a root belongs to, in order, each once; never none.
    pub(super) fn groups(&self, repository: &Repository, graph: &Graph<'_>, root: Node) -> Vec<String> {
        let by = match &self.by {
            By::Path(parts) => return vec![beginning(&repository.name, *parts)],
            By::Group(by) => by,
        };
        let Some(manifest) = graph.manifest(root) else {
            return vec![NONE.to_owned()];
        };
        let labels = [&manifest.labels, &manifest.annotations];
        let is_tag = |text: &str| graph.has_tag(text);
        let tags = graph.ordinary_tags(root).map(|entry| Some(&entry.name));
        let mut tags: Vec<_> = tags.collect();
        if tags.is_empty() {
            tags.push(None);
        }
        let groups = tags.into_iter().map(|tag| match by.group(tag, labels, &is_tag) {
            Some(group) if !group.is_empty() => group.to_owned(),
            Some(_) | None => NONE.to_owned(),
        });
        let mut groups: Vec<String> = groups.collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }
}

/// The first so many parts of a name; of a shorter one all.
fn beginning(name: &RepositoryName, parts: usize) -> String {
    let parts: Vec<&str> = name.as_str().split('/').take(parts).collect();
    parts.join("/")
}
