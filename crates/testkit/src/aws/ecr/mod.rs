//! ECR: repositories and their images, by its API (JSON 1.1) and by the registry API.

mod archive;
mod delete;
mod describe;
mod fill;
mod handle;
mod image;
mod layers;
mod lifecycle;
mod manifest;
mod oci;
mod push;
mod read;
mod repository;
mod settings;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::call::{Answer, Call};
use super::place::Place;
use super::refusal::Refusal;
use super::state::State;
use repository::Repository;

pub use handle::{Ecr, Held};
pub use image::Status;
pub(super) use layers::Token;
pub(super) use oci::{is_registry_api, registry_api};

/// The registry of one account in one region.
pub(super) struct Registry {
    repositories: BTreeMap<String, Repository>,
    /// Principals whose pulls leave no trace, and since when.
    exclusions: BTreeMap<String, Timestamp>,
    /// Accounts that may come in from outside.
    shared_with: BTreeSet<String>,
    /// Passwords for the registry API.
    tokens: BTreeMap<String, Token>,
    /// Whether a pull time is refreshed but once a day.
    is_lazy: bool,
    /// How many questions a new preview answers with "in progress".
    preview_polls: u64,
}

impl Default for Registry {
    fn default() -> Self {
        Self {
            repositories: BTreeMap::new(),
            exclusions: BTreeMap::new(),
            shared_with: BTreeSet::new(),
            tokens: BTreeMap::new(),
            is_lazy: false,
            preview_polls: 1,
        }
    }
}

/// One call on one registry.
struct Scene<'c> {
    call: &'c Call,
    place: Place,
    now: Timestamp,
}

impl Registry {
    pub(super) fn repository(&self, name: &str) -> Result<&Repository, Refusal> {
        self.repositories.get(name).ok_or_else(|| unknown(name))
    }

    fn repository_mut(&mut self, name: &str) -> Result<&mut Repository, Refusal> {
        self.repositories.get_mut(name).ok_or_else(|| unknown(name))
    }
}

fn unknown(name: &str) -> Refusal {
    let message = format!("The repository with name '{name}' does not exist in the registry");
    Refusal::new("RepositoryNotFoundException", message)
}

/// The ARN of a repository.
fn arn(place: &Place, repository: &str) -> String {
    place.arn("ecr", &format!("repository/{repository}"))
}

pub(super) fn serve(state: &mut State, call: &Call) -> Answer {
    let account = call.text("registryId").unwrap_or(&call.caller.account);
    let place = Place::new(account, &call.region);
    authorize(state, call, &place)?;
    let (now, id, url) = (state.now, state.id(), state.url.clone());
    let registry = &mut state.region(&place).registry;
    let scene = Scene { call, place, now };
    match call.operation.as_str() {
        "DescribeRepositories" => describe::repositories(registry, &scene),
        "DescribeImages" => describe::images(registry, &scene),
        "ListImages" => describe::list(registry, &scene),
        "BatchGetImage" => read::batch(registry, &scene),
        "ListImageReferrers" => read::referrers(registry, &scene),
        "BatchDeleteImage" => delete::batch(registry, &scene),
        "PutImage" => push::put(registry, &scene),
        "UpdateImageStorageClass" => archive::update(registry, &scene),
        "BatchCheckLayerAvailability" => layers::available(registry, &scene),
        "GetDownloadUrlForLayer" => layers::address(registry, &scene, &url),
        "GetAuthorizationToken" => layers::token(registry, &scene, &id),
        "DescribeRegistry" => Ok(settings::registry(&scene)),
        "PutImageTagMutability" => settings::put_mutability(registry, &scene),
        "GetLifecyclePolicy" => lifecycle::get(registry, &scene),
        "PutLifecyclePolicy" => lifecycle::put(registry, &scene),
        "DeleteLifecyclePolicy" => lifecycle::delete(registry, &scene),
        "StartLifecyclePolicyPreview" => lifecycle::start(registry, &scene),
        "GetLifecyclePolicyPreview" => lifecycle::preview(registry, &scene),
        "ListPullTimeUpdateExclusions" => settings::exclusions(registry, &scene),
        "RegisterPullTimeUpdateExclusion" => settings::exclude(registry, &scene),
        "DeregisterPullTimeUpdateExclusion" => settings::include(registry, &scene),
        _ => Err(Refusal::new("UnknownOperationException", "")),
    }
}

/// Refuses what the caller may not, or what the registry of another account does not let it do.
fn authorize(state: &mut State, call: &Call, place: &Place) -> Result<(), Refusal> {
    // The reference of the API names no action of its own for this one.
    let action = match call.operation.as_str() {
        "ListImageReferrers" => "ecr:BatchGetImage".to_owned(),
        operation => format!("ecr:{operation}"),
    };
    let resource = match call.operation.as_str() {
        "DescribeRepositories" if call.list("repositoryNames").is_empty() => arn(place, "*"),
        _ => call
            .text("repositoryName")
            .map_or_else(|| "*".to_owned(), |name| arn(place, name)),
    };
    state.identities.check(&call.caller, &action, &resource)?;
    let own = place.account == call.caller.account;
    let registry = &state.region(place).registry;
    if own || registry.shared_with.contains(&call.caller.account) {
        return Ok(());
    }
    let message = format!(
        "User: {} is not authorized to perform: {action} on resource: {resource} because no resource-based policy allows the \
         {action} action",
        call.caller.arn
    );
    Err(Refusal::new("AccessDeniedException", message))
}
