//! What `ecr preview` prints for programs.

use std::path::Path;

use jettison_core::lifecycle::{LifecycleDifference, LifecyclePreview};
use jettison_core::model::{RegistryHost, Repository, RepositoryName};
use jiff::Timestamp;
use serde::Serialize;

use super::super::stored::StoredPolicy;

/// All repositories.
#[derive(Debug, Serialize)]
pub(super) struct Form {
    schema: u8,
    pub(super) now: Timestamp,
    /// The file of the policy; null where the stored ones were looked at.
    pub(super) policy: Option<String>,
    pub(super) repositories: Vec<RepositoryForm>,
    pub(super) gaps: Vec<String>,
}

/// One repository.
#[derive(Debug, Serialize)]
pub(super) struct RepositoryForm {
    pub(super) registry: RegistryHost,
    pub(super) repository: RepositoryName,
    pub(super) status: Status,
    /// When AWS last acted on the stored policy.
    pub(super) last_evaluated_at: Option<Timestamp>,
    pub(super) preview: Option<LifecyclePreview>,
    /// What AWS's own preview says, if it was asked.
    pub(super) aws: Option<AwsForm>,
}

/// What there is to say of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Status {
    /// Its policy was read.
    Previewed,
    /// It has none.
    NoPolicy,
    /// Its policy could not be read.
    Unread,
}

/// AWS's own preview.
#[derive(Debug, Serialize)]
pub(super) struct AwsForm {
    /// How many images are on AWS's list.
    pub(super) images: u64,
    pub(super) differences: Vec<LifecycleDifference>,
}

impl Form {
    pub(super) fn new(
        now: Timestamp,
        policy: Option<&Path>,
        repositories: Vec<RepositoryForm>,
        gaps: Vec<String>,
    ) -> Self {
        Self {
            schema: 1,
            now,
            policy: policy.map(|file| file.display().to_string()),
            repositories,
            gaps,
        }
    }

    /// Everything that was previewed.
    pub(super) fn previews(&self) -> impl Iterator<Item = &LifecyclePreview> + Clone {
        self.repositories
            .iter()
            .filter_map(|repository| repository.preview.as_ref())
    }

    /// How many images would go that jettison would not let go.
    pub(super) fn held(&self) -> u64 {
        self.previews().map(LifecyclePreview::held).sum()
    }

    /// The sum of a figure over all repositories.
    pub(super) fn sum(&self, figure: impl Fn(&LifecyclePreview) -> u64) -> u64 {
        self.previews().map(figure).sum()
    }
}

impl RepositoryForm {
    pub(super) fn of(repository: &Repository) -> Self {
        Self {
            registry: repository.registry.clone(),
            repository: repository.name.clone(),
            status: Status::NoPolicy,
            last_evaluated_at: None,
            preview: None,
            aws: None,
        }
    }

    pub(super) fn fill(&mut self, stored: &StoredPolicy, preview: LifecyclePreview) {
        self.status = Status::Previewed;
        self.last_evaluated_at = stored.last_evaluated_at;
        self.preview = Some(preview);
    }

    /// `registry/repository`.
    pub(super) fn place(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }
}
