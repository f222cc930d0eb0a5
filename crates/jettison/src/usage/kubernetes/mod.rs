//! Usage from a Kubernetes cluster: who refers to which image, in two layers that are united.
//!
//! - *Typed*: the fields that are meant for images, of every kind that runs something or may run it again. What cannot be
//!   read or understood there is a gap.
//! - *Sweep*: every text of every object that can be listed, if it names a managed registry. It only ever adds.
//!
//! The module reads page by page and keeps references alone, so its memory does not grow with the cluster. It never
//! changes anything there: the only verb it needs is `list`.

mod api;
mod connect;
mod discovery;
mod escapes;
#[cfg(feature = "fuzzing")]
pub(super) mod fuzzing;
mod helm;
mod image_id;
mod kinds;
mod list;
mod names;
mod page;
mod pods;
mod sweep;
mod workloads;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use jettison_core::config::KubernetesSource;
use jettison_core::model::legible;
use serde_json::value::RawValue;

use self::api::Api;
use self::discovery::Discovered;
use self::kinds::Task;
use self::sweep::Sweep;
use super::said::Said;

pub(super) use self::names::ManagedNames;

/// Lists that are read at a time. Each holds one page in memory.
const LISTS_AT_ONCE: usize = 4;

/// What to ask a cluster.
pub(super) struct Question<'a> {
    pub(super) source: &'a KubernetesSource,
    /// The folder that a relative path to a kubeconfig starts from.
    pub(super) base: &'a Path,
    /// What managed registries are called.
    pub(super) managed: ManagedNames,
}

impl Question<'_> {
    /// Asks the cluster. What it does not tell, or not in time, is a gap.
    pub(super) async fn ask(self, said: &mut Said) {
        let open = Mutex::new(BTreeSet::new());
        let within = Duration::from_secs(self.source.timeout_seconds);
        let asked = tokio::time::timeout(within, self.read(&open, said)).await;
        if asked.is_err() {
            let seconds = self.source.timeout_seconds;
            let open = open.into_inner().unwrap_or_else(PoisonError::into_inner);
            let open: Vec<String> = open.into_iter().collect();
            let at = if open.is_empty() {
                "the beginning".to_owned()
            } else {
                open.join(", ")
            };
            said.gap(format!(
                "the cluster did not tell everything within {seconds} s; it was at {at}"
            ));
        }
    }

    async fn read(&self, open: &Mutex<BTreeSet<String>>, said: &mut Said) {
        let before = said.len();
        let api = match connect::client(self.source, self.base).await {
            Ok(client) => Api::new(client),
            Err(why) => return said.gap(why.to_string()),
        };
        let discovered = discovery::discover(&api).await;
        let tasks = self.tasks(discovered, said);
        let reader = Reader {
            api: &api,
            sweep: Sweep::new(&self.managed),
            open,
            said: Mutex::new(said),
        };
        futures_util::stream::iter(&tasks)
            .for_each_concurrent(LISTS_AT_ONCE, |task| reader.list(task))
            .await;
        let said = reader.said.into_inner().unwrap_or_else(PoisonError::into_inner);
        if said.len() == before && !said.has_gaps() {
            said.is_empty_because("the cluster runs nothing that has an image; is it the right one?".to_owned());
        }
    }

    /// What is to be listed, owners before what they own. What could not be discovered is a gap.
    fn tasks(&self, discovered: Discovered, said: &mut Said) -> Vec<Task> {
        for (group, failure) in discovered.failed {
            if !kinds::may_miss(&group, self.source) {
                said.gap(discovery::told(&group, &failure));
            }
        }
        if discovered.too_many {
            said.gap(format!(
                "it has more than {} kinds; the others are not known",
                discovery::MOST_KINDS
            ));
        }
        if discovered.was_answered && !discovered.kinds.iter().any(kinds::is_pods) {
            said.gap("it serves no pods: this is no cluster, or it is not up yet".to_owned());
        }
        if discovered.was_answered && !discovered.kinds.iter().any(kinds::is_grouped) {
            said.gap("it serves nothing but its first kinds: it is no whole cluster, or not up yet".to_owned());
        }
        kinds::tasks(discovered.kinds, self.source)
    }
}

/// Reads lists, several at a time, into what is said.
struct Reader<'a, 's> {
    api: &'a Api,
    sweep: Sweep<'a>,
    /// The lists that are being read.
    open: &'a Mutex<BTreeSet<String>>,
    said: Mutex<&'s mut Said>,
}

impl Reader<'_, '_> {
    async fn list(&self, task: &Task) {
        let name = legible(&task.kind.name());
        self.open().insert(name.clone());
        let read = |item: &RawValue| self.with(|said| read(task, item, &self.sweep, said));
        let listed = list::every_page(self.api, task, read).await;
        self.open().remove(&name);
        if let Err(failure) = listed {
            self.with(|said| said.gap(task.told(&failure)));
        }
    }

    fn open(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with(&self, work: impl FnOnce(&mut Said)) {
        work(&mut self.said.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Reads one object of a list.
fn read(task: &Task, item: &RawValue, sweep: &Sweep<'_>, said: &mut Said) {
    let known = match &task.place {
        Some(place) => place.read(&task.kind.kind, item, sweep, said),
        None => BTreeSet::new(),
    };
    if task.is_swept {
        sweep.read(&task.kind.kind, item, &known, said);
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn kinds_beyond_the_bound_are_a_gap() {
        let source = KubernetesSource {
            context: None,
            kubeconfig: None,
            in_cluster: false,
            helm: false,
            leave_out: Vec::new(),
            timeout_seconds: 1,
        };
        let question = Question {
            source: &source,
            base: Path::new("."),
            managed: ManagedNames::default(),
        };
        for (too_many, expected) in [(false, 0), (true, 1)] {
            let mut discovered = Discovered::default();
            discovered.too_many = too_many;
            let mut said = Said::new(Timestamp::UNIX_EPOCH, &BTreeSet::new());
            assert!(question.tasks(discovered, &mut said).is_empty());
            assert_eq!(said.finish(false).1.len(), expected);
        }
    }
}
