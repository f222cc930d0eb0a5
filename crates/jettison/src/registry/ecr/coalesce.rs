//! Many callers, few calls: what several ask for at the same time goes out as one batch, and each gets its own answer.
//!
//! It knows nothing of what is asked. A batch belongs to nobody: it goes on when a caller leaves, and what nobody waits for
//! any more when it begins is not asked for.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Turn, oneshot};
use tokio::time::{sleep, timeout};

/// The most keys of one batch: no call of ECR takes more.
pub(super) const MOST: usize = 100;

/// How long the first caller of a batch waits for others.
const PAUSE: Duration = Duration::from_millis(5);

/// How long a batch that is not full waits for the one before it to come back: those who are answered then mostly have a
/// next question. Nobody waits longer because somebody else's call is slow.
const PATIENCE: Duration = Duration::from_millis(250);

/// What each key of a batch is answered with.
pub(super) type Answers<K, A, E> = BTreeMap<K, Result<A, E>>;

/// What a batch is answered with.
pub(super) type Answered<B> =
    Result<Answers<<B as Batch>::Key, <B as Batch>::Answer, <B as Batch>::Error>, <B as Batch>::Error>;

/// A question that can be asked about many things of one place at once.
pub(super) trait Batch: Sized + Send + Sync + 'static {
    /// What all keys of a batch have in common.
    type Place: Clone + Eq + Hash + Send + Sync + 'static;
    /// What is asked about.
    type Key: Clone + Ord + Send + Sync + 'static;
    /// What is answered.
    type Answer: Clone + Send + 'static;
    /// Why there is no answer.
    type Error: Clone + Send + 'static;

    /// Asks about 1 to [`MOST`] different keys. An error is that of all of them.
    fn ask(&self, place: &Self::Place, keys: Vec<Self::Key>) -> impl Future<Output = Answered<Self>> + Send;

    /// The error of a key that was asked about, and that the answers leave out.
    fn unanswered(&self) -> Self::Error;
}

/// Gathers callers into batches.
pub(super) struct Coalescer<B: Batch> {
    shared: Arc<Shared<B>>,
}

struct Shared<B: Batch> {
    batch: Arc<B>,
    /// Held by a batch that was not full while it is under way.
    turn: Turn<()>,
    waiting: Mutex<HashMap<B::Place, Waiting<B>>>,
}

/// Who waits for the answer to which key.
type Waiting<B> = BTreeMap<<B as Batch>::Key, Vec<Caller<B>>>;
type Caller<B> = oneshot::Sender<Result<<B as Batch>::Answer, <B as Batch>::Error>>;

impl<B: Batch> fmt::Debug for Coalescer<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coalescer").finish_non_exhaustive()
    }
}

impl<B: Batch> Coalescer<B> {
    pub(super) fn new(batch: Arc<B>) -> Self {
        let waiting = Mutex::default();
        Self {
            shared: Arc::new(Shared {
                batch,
                turn: Turn::new(()),
                waiting,
            }),
        }
    }

    /// Asks about one key, together with whoever asks about others now.
    pub(super) async fn ask(&self, place: &B::Place, key: B::Key) -> Result<B::Answer, B::Error> {
        let (caller, answer) = oneshot::channel();
        self.join(place, key, caller);
        answer.await.unwrap_or_else(|_| Err(self.shared.batch.unanswered()))
    }

    /// Who makes a batch full sends it; who begins one sees to it that it is sent soon.
    fn join(&self, place: &B::Place, key: B::Key, caller: Caller<B>) {
        let mut waiting = self.shared.lock();
        let group = waiting.entry(place.clone()).or_default();
        let begins = group.is_empty();
        group.entry(key).or_default().push(caller);
        let is_full = group.len() >= MOST;
        let shared = Arc::clone(&self.shared);
        let place = place.clone();
        if is_full {
            let full = waiting.remove(&place).unwrap_or_default();
            drop(waiting);
            tokio::spawn(async move { shared.send(&place, full).await });
        } else if begins {
            drop(waiting);
            tokio::spawn(async move {
                sleep(PAUSE).await;
                let _turn = timeout(PATIENCE, shared.turn.lock()).await;
                // It may have become full meanwhile: then this is the beginning of the next one, or nothing.
                let group = shared.lock().remove(&place).unwrap_or_default();
                shared.send(&place, group).await;
            });
        }
    }
}

impl<B: Batch> Shared<B> {
    fn lock(&self) -> MutexGuard<'_, HashMap<B::Place, Waiting<B>>> {
        // Only whole callers are put in, so that a panic elsewhere does not spoil it.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for those who still wait, and tells each.
    async fn send(&self, place: &B::Place, mut group: Waiting<B>) {
        group.retain(|_, callers| callers.iter().any(|caller| !caller.is_closed()));
        if group.is_empty() {
            return;
        }
        let answers = self.batch.ask(place, group.keys().cloned().collect()).await;
        for (key, callers) in group {
            let answer = match &answers {
                Ok(answers) => answers.get(&key).cloned(),
                Err(error) => Some(Err(error.clone())),
            };
            let answer = answer.unwrap_or_else(|| Err(self.batch.unanswered()));
            for caller in callers {
                // Whoever left does not want to know.
                let _ = caller.send(answer.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests;
