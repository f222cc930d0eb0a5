//! Task definitions: those that something names, and the newest of each family, from which tasks may start any time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use aws_sdk_ecs::types::{SortOrder, TaskDefinitionFamilyStatus, TaskDefinitionStatus};
use futures_util::{StreamExt as _, stream};

use super::{Question, short};
use crate::usage::aws::place::{CALLS_AT_ONCE, Call};

const FAMILIES: Call = Call::new("ecs:ListTaskDefinitionFamilies");
const LIST: Call = Call::new("ecs:ListTaskDefinitions");
const DESCRIBE: Call = Call::new("ecs:DescribeTaskDefinition");

/// Task definitions that are to be asked for, with those who use them.
#[derive(Debug, Default)]
pub(super) struct Wanted(Mutex<BTreeMap<String, BTreeSet<String>>>);

impl Wanted {
    /// Somebody uses the revision of this ARN.
    pub(super) fn add(&self, arn: &str, user: String) {
        let mut wanted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.entry(arn.to_owned()).or_default().insert(user);
    }
}

/// The images of task definitions by ARN. A revision never changes: whoever asks every minute needs to be told once, and
/// leaves the calls that AWS allows (20 a second in an account) to others.
#[derive(Debug, Default)]
pub struct KnownDefinitions(Mutex<BTreeMap<String, Vec<String>>>);

/// So many definitions are remembered.
const MOST_KNOWN: usize = 100_000;

impl KnownDefinitions {
    fn images(&self, arn: &str) -> Option<Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(arn).cloned()
    }

    fn remember(&self, arn: String, images: Vec<String>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MOST_KNOWN {
            known.insert(arn, images);
        }
    }
}

/// Adds the newest active revisions of every family.
pub(super) async fn ask_newest(ecs: &Question<'_, '_, '_>, wanted: &Wanted) {
    let page = async |token| {
        let asked = ecs.client.list_task_definition_families();
        let asked = asked.status(TaskDefinitionFamilyStatus::Active).max_results(100);
        let answer = asked.set_next_token(token).send().await?;
        Ok((answer.families, answer.next_token))
    };
    let families = ecs.place.every(FAMILIES, page).await;
    let asked = stream::iter(&families).for_each_concurrent(CALLS_AT_ONCE, async |family| {
        for arn in newest(ecs, family).await {
            let user = format!("ecs task definition {}", short(&arn));
            wanted.add(&arn, user);
        }
    });
    asked.await;
}

/// The ARNs of the newest active revisions of a family.
async fn newest(ecs: &Question<'_, '_, '_>, family: &str) -> Vec<String> {
    let most = i32::try_from(ecs.newest.min(100)).unwrap_or(100);
    let page = async |token| {
        let asked = ecs.client.list_task_definitions().family_prefix(family);
        let asked = asked.status(TaskDefinitionStatus::Active).sort(SortOrder::Desc);
        let answer = asked.max_results(most).set_next_token(token).send().await?;
        Ok((answer.task_definition_arns, answer.next_token))
    };
    let mut newest: Vec<String> = Vec::new();
    let is_of_family = |arn: &String| short(arn).rsplit_once(':').is_some_and(|(name, _)| name == family);
    ecs.place
        .pages(LIST, page, |arns| {
            for arn in arns.into_iter().filter(is_of_family) {
                // What is told twice must not take the place of another.
                if !newest.contains(&arn) {
                    newest.push(arn);
                }
            }
            newest.len() < ecs.newest
        })
        .await;
    newest
}

/// Says what the images of task definitions are.
pub(super) async fn ask(ecs: &Question<'_, '_, '_>, wanted: Wanted) {
    let wanted = wanted.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    let asked = stream::iter(wanted).for_each_concurrent(CALLS_AT_ONCE, async |(arn, users)| {
        let images = match ecs.known.images(&arn) {
            Some(images) => images,
            None => images_of(ecs, arn).await,
        };
        for image in &images {
            users.iter().for_each(|user| ecs.place.uses(Some(image), None, user));
        }
    });
    asked.await;
}

/// The images of a revision, as far as it tells them.
async fn images_of(ecs: &Question<'_, '_, '_>, arn: String) -> Vec<String> {
    let asked = ecs.client.describe_task_definition().task_definition(&arn).send();
    let Some(answer) = ecs.place.call(DESCRIBE, asked).await else {
        return Vec::new();
    };
    let containers = answer.task_definition.and_then(|found| found.container_definitions);
    let containers = containers.unwrap_or_default();
    let images = containers.iter().filter_map(|container| container.image.clone());
    let images: Vec<String> = images.filter(|image| !image.is_empty()).collect();
    if images.is_empty() || images.len() < containers.len() {
        let name = short(&arn);
        let what = format!("the task definition {name} has a container without an image, or none at all");
        ecs.place.unclear(DESCRIBE, what);
    } else {
        ecs.known.remember(arn, images.clone());
    }
    images
}
