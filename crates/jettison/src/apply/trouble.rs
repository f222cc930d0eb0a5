//! When to stop asking a registry that is in trouble, so that an apply ends while somebody still waits for it.
//!
//! Below, each call has its own patience: it tries again, and keeps the pauses that the registry asks for. What
//! survives that is noted here, and nobody asks on behalf of the same repository any more once it is enough.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jettison_core::model::RegistryHost;

use crate::registry::{ErrorKind, RegistryError};

/// So many calls in a row that fail although each was tried again mean that the registry is down.
const FAILURES: u32 = 3;

/// So many repositories in a row that had to be left mean that all of the registry is in trouble.
const REPOSITORIES: u32 = 2;

/// The trouble that the work on one repository had.
#[derive(Debug, Default)]
pub(super) struct Trouble(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    why: Option<String>,
}

impl Trouble {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call failed for good: too many calls, or so often in a row that the registry must be down.
    pub(super) fn note(&self, error: &RegistryError) {
        let mut state = self.lock();
        match error.kind {
            ErrorKind::RateLimited => state.failures = FAILURES,
            ErrorKind::Transient => state.failures += 1,
            _ => {}
        }
        if state.failures >= FAILURES {
            state.why.get_or_insert_with(|| error.to_string());
        }
    }

    /// A call failed without which nothing here can go on.
    pub(super) fn note_fatal(&self, error: &RegistryError) {
        if is_passing(error) {
            self.stop(&error.to_string());
        }
    }

    /// Nothing more is to be asked here.
    pub(super) fn stop(&self, why: &str) {
        self.lock().why.get_or_insert_with(|| why.to_owned());
    }

    /// Something was done: failures before it were no pattern.
    pub(super) fn went_well(&self) {
        self.lock().failures = 0;
    }

    /// Why nothing more is to be asked, if so.
    pub(super) fn why(&self) -> Option<String> {
        self.lock().why.as_ref().map(|why| format!("left alone, since {why}"))
    }
}

/// Whether it says more about the registry's state than about what was asked.
pub(super) fn is_passing(error: &RegistryError) -> bool {
    matches!(error.kind, ErrorKind::RateLimited | ErrorKind::Transient)
}

/// The trouble that registries had over several repositories.
#[derive(Debug, Default)]
pub(super) struct Patience(BTreeMap<RegistryHost, (u32, String)>);

impl Patience {
    /// Notes how the work on a repository ended.
    pub(super) fn note(&mut self, host: &RegistryHost, trouble: &Trouble) {
        match trouble.why() {
            Some(why) => {
                let (repositories, last) = self.0.entry(host.clone()).or_default();
                *repositories += 1;
                *last = why;
            }
            None => drop(self.0.remove(host)),
        }
    }

    /// Why the rest of a registry is left, if it is.
    pub(super) fn exhausted(&self, host: &RegistryHost) -> Option<&str> {
        let (repositories, why) = self.0.get(host)?;
        (*repositories >= REPOSITORIES).then_some(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: ErrorKind) -> RegistryError {
        RegistryError {
            kind,
            registry: "r.io".parse().unwrap(),
            operation: "delete it".to_owned(),
            status: None,
            detail: "no".to_owned(),
            advised: false,
        }
    }

    #[test]
    fn too_many_calls_stop_at_once_and_failures_only_in_a_row() {
        use ErrorKind::{Forbidden, RateLimited, Transient};
        for (kinds, stops) in [
            (&[RateLimited][..], true),
            (&[Transient, Transient], false),
            (&[Transient, Transient, Transient], true),
            (&[Forbidden, Forbidden, Forbidden, Forbidden], false),
        ] {
            let trouble = Trouble::default();
            kinds.iter().for_each(|kind| trouble.note(&error(*kind)));
            assert_eq!(trouble.why().is_some(), stops, "{kinds:?}");
        }
        let trouble = Trouble::default();
        for _ in 0..10 {
            trouble.note(&error(Transient));
            trouble.went_well();
        }
        assert_eq!(trouble.why(), None);
    }

    #[test]
    fn a_registry_is_left_after_two_repositories_in_a_row() {
        let host: RegistryHost = "r.io".parse().unwrap();
        let (bad, good) = (Trouble::default(), Trouble::default());
        bad.stop("it is down");
        let mut patience = Patience::default();
        for (trouble, exhausted) in [(&bad, false), (&good, false), (&bad, false), (&bad, true)] {
            patience.note(&host, trouble);
            assert_eq!(patience.exhausted(&host).is_some(), exhausted);
        }
    }
}
