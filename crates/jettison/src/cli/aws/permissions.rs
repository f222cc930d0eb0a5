//! Every action of AWS that jettison needs, with the reason, and what each is asked of.
//!
//! What the usage source needs stands beside it ([`crate::usage::aws::ACTIONS`]). To ask who one is
//! (`sts:GetCallerIdentity`) needs no permission.

/// What a scan, a plan and `explain` need.
pub(super) const READ: [&str; 4] = [
    // Which repositories there are.
    "ecr:DescribeRepositories",
    // Digests, tags, sizes, and times of pushes and pulls, without reading an image.
    "ecr:DescribeImages",
    // The manifests of indexes, and of what the list does not tell; what is attached to an image is asked by it too.
    "ecr:BatchGetImage",
    // Configs: when an image was built, and whether a label keeps it.
    "ecr:GetDownloadUrlForLayer",
];

/// What deleting needs beyond that.
pub(super) const DELETE: [&str; 1] = [
    // Up to a hundred images a call; tags too.
    "ecr:BatchDeleteImage",
];

/// What archiving needs beyond reading, and bringing back from the archive.
pub(super) const ARCHIVE: [&str; 1] = ["ecr:UpdateImageStorageClass"];

/// What `undo` needs beyond reading.
pub(super) const UNDO: [&str; 2] = [
    // Are the layers still there?
    "ecr:BatchCheckLayerAvailability",
    // The manifest, byte by byte, and its tags.
    "ecr:PutImage",
];

/// What it needs to read ECR's own lifecycle policies, and to ask ECR what they would do. No run over images needs it.
pub(super) const LIFECYCLE: [&str; 3] = [
    // The policy of a repository.
    "ecr:GetLifecyclePolicy",
    // ECR's own preview is begun, and then read. It changes nothing.
    "ecr:StartLifecyclePolicyPreview",
    "ecr:GetLifecyclePolicyPreview",
];

/// What `ecr apply-policy` needs beyond that.
pub(super) const LIFECYCLE_WRITE: [&str; 2] = [
    "ecr:PutLifecyclePolicy",
    // To undo it where there was no policy before.
    "ecr:DeleteLifecyclePolicy",
];

/// What whoever makes the calls of `setup --apply` needs, once; the role of jettison does not. ECR's user guide names the
/// permissions Create and Delete, its API the calls Register and Deregister: IAM takes both names.
pub(super) const SETUP: [&str; 5] = [
    "ecr:ListPullTimeUpdateExclusions",
    "ecr:RegisterPullTimeUpdateExclusion",
    "ecr:CreatePullTimeUpdateExclusion",
    // For the way back.
    "ecr:DeregisterPullTimeUpdateExclusion",
    "ecr:DeletePullTimeUpdateExclusion",
];

/// To take on a role.
pub(super) const ASSUME: &str = "sts:AssumeRole";

/// What an action is asked of: how narrow its permission can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    /// The action knows no resource.
    Anywhere,
    /// A list of all repositories of a registry.
    Catalog,
    /// Single repositories.
    Images,
    /// Services, tasks and functions of a region.
    Workloads,
}

/// What an action is asked of (Service Authorization Reference, the pages of each service).
pub(super) fn scope(action: &str) -> Scope {
    match action {
        "ecr:DescribeRepositories" => Scope::Catalog,
        action if action.ends_with("PullTimeUpdateExclusion") || action.ends_with("PullTimeUpdateExclusions") => {
            Scope::Anywhere
        }
        "ecs:DescribeServices"
        | "ecs:DescribeTasks"
        | "ecs:ListServiceDeployments"
        | "ecs:DescribeServiceDeployments"
        | "ecs:DescribeServiceRevisions"
        | "lambda:GetFunction"
        | "lambda:ListAliases" => Scope::Workloads,
        action if action.starts_with("ecr:") => Scope::Images,
        _ => Scope::Anywhere,
    }
}
