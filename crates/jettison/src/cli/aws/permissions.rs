//! Every action of AWS that jettison needs, with the reason, and what each is asked of.
//!
//! To ask who one is (`sts:GetCallerIdentity`) needs no permission.

/// What a scan, a plan and `explain` need.
pub(super) const READ: [&str; 5] = [
    // A password for the registry API, by which configs are read.
    "ecr:GetAuthorizationToken",
    // Which repositories there are, and whose tags are immutable.
    "ecr:DescribeRepositories",
    // Digests, tags, sizes, and times of pushes and pulls, without reading an image.
    "ecr:DescribeImages",
    // The manifests of indexes, and of what the list does not tell; also asked for referrers.
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

/// What the usage source needs.
pub(super) const USAGE: [&str; 15] = [
    // Where services and tasks are.
    "ecs:ListClusters",
    // What runs, and what has stopped and may be started again: images with their digests.
    "ecs:ListTasks",
    "ecs:DescribeTasks",
    // Services, also those scaled to zero, with every deployment.
    "ecs:ListServices",
    "ecs:DescribeServices",
    // The digests that deployments are pinned to, which ECS goes on starting when the tag has moved.
    "ecs:ListServiceDeployments",
    "ecs:DescribeServiceDeployments",
    "ecs:DescribeServiceRevisions",
    // What schedules, rules and people start by name, and what a service would be rolled back to.
    "ecs:ListTaskDefinitionFamilies",
    "ecs:ListTaskDefinitions",
    "ecs:DescribeTaskDefinition",
    // Functions, their versions and aliases, and the digest of each.
    "lambda:ListFunctions",
    "lambda:ListVersionsByFunction",
    "lambda:ListAliases",
    "lambda:GetFunction",
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
        "ecr:GetAuthorizationToken" => Scope::Anywhere,
        action if action.ends_with("PullTimeUpdateExclusion") || action.ends_with("PullTimeUpdateExclusions") => {
            Scope::Anywhere
        }
        "ecs:DescribeServices"
        | "ecs:DescribeTasks"
        | "ecs:ListServiceDeployments"
        | "ecs:DescribeServiceDeployments"
        | "ecs:DescribeServiceRevisions"
        | "lambda:GetFunction"
        | "lambda:ListAliases"
        | "lambda:ListVersionsByFunction" => Scope::Workloads,
        action if action.starts_with("ecr:") => Scope::Images,
        _ => Scope::Anywhere,
    }
}
