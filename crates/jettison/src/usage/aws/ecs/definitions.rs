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
    let mut newest = Vec::new();
    let is_of_family = |arn: &String| short(arn).rsplit_once(':').is_some_and(|(name, _)| name == family);
    ecs.place
        .pages(LIST, page, |arns| {
            newest.extend(arns.into_iter().filter(is_of_family));
            newest.len() < ecs.newest
        })
        .await;
    newest.truncate(ecs.newest);
    newest
}

/// Says what the images of task definitions are.
pub(super) async fn ask(ecs: &Question<'_, '_, '_>, wanted: Wanted) {
    let wanted = wanted.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    let asked = stream::iter(wanted).for_each_concurrent(CALLS_AT_ONCE, async |(arn, users)| {
        let asked = ecs.client.describe_task_definition().task_definition(&arn).send();
        if let Some(answer) = ecs.place.call(DESCRIBE, asked).await {
            let containers = answer.task_definition.and_then(|found| found.container_definitions);
            let images = containers.into_iter().flatten().map(|container| container.image);
            say(ecs, &arn, images.collect(), &users);
        }
    });
    asked.await;
}

fn say(ecs: &Question<'_, '_, '_>, arn: &str, images: Vec<Option<String>>, users: &BTreeSet<String>) {
    let is_missing = |image: &Option<String>| image.as_ref().is_none_or(String::is_empty);
    if images.is_empty() || images.iter().any(is_missing) {
        let name = short(arn);
        ecs.place.unclear(
            DESCRIBE,
            format!("the task definition {name} has a container without an image, or none at all"),
        );
    }
    for image in images.iter().flatten() {
        users.iter().for_each(|user| ecs.place.uses(Some(image), None, user));
    }
}
