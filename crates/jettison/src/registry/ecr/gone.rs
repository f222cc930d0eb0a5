//! Sees whether what was deleted here is gone, a hundred in one call.
//!
//! A look ([`super::look`]) finds out single by single what is not there. To read a manifest that is not there counts as no
//! pull and is answered for each; one that is there again was pushed since, and a pull more protects it.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use jettison_core::model::{Digest, RepositoryName};

use super::api::{Api, Trouble};
use super::coalesce::{Answers, Batch, Coalescer};
use super::read::fetch;

/// What ECR said that it deleted.
#[derive(Debug)]
pub(super) struct Gone {
    deleted: Mutex<HashSet<(RepositoryName, Digest)>>,
    absences: Coalescer<Absences>,
}

impl Gone {
    pub(super) fn new(api: &Arc<Api>) -> Self {
        let api = Arc::clone(api);
        Self {
            deleted: Mutex::default(),
            absences: Coalescer::new(Arc::new(Absences { api })),
        }
    }

    /// Notes that ECR said that it deleted something.
    pub(super) fn note(&self, repository: &RepositoryName, digest: &Digest) {
        let mut deleted = self.deleted.lock().unwrap_or_else(PoisonError::into_inner);
        deleted.insert((repository.clone(), digest.clone()));
    }

    /// Notes that something is put again.
    pub(super) fn forget(&self, repository: &RepositoryName, digest: &Digest) {
        let mut deleted = self.deleted.lock().unwrap_or_else(PoisonError::into_inner);
        deleted.remove(&(repository.clone(), digest.clone()));
    }

    /// Whether something that was deleted is there all the same; `None` if it was not deleted here.
    pub(super) async fn is_back(&self, repository: &RepositoryName, digest: &Digest) -> Option<Result<bool, Trouble>> {
        let place = (repository.clone(), digest.clone());
        let is_ours = self
            .deleted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&place);
        match is_ours {
            true => Some(self.absences.ask(repository, place.1).await),
            false => None,
        }
    }
}

/// Asks whether manifests are there that should not be.
struct Absences {
    api: Arc<Api>,
}

impl Batch for Absences {
    type Place = RepositoryName;
    type Key = Digest;
    type Answer = bool;
    type Error = Trouble;

    async fn ask(
        &self,
        repository: &RepositoryName,
        keys: Vec<Digest>,
    ) -> Result<Answers<Digest, bool, Trouble>, Trouble> {
        let digests: BTreeSet<&Digest> = keys.iter().collect();
        let answers = fetch(&self.api, repository, digests).await?.into_iter();
        Ok(answers
            .map(|(digest, answer)| (digest, answer.map(|manifest| manifest.is_some())))
            .collect())
    }

    fn unanswered(&self) -> Trouble {
        Trouble::strange("ECR left it out of its answer")
    }
}
