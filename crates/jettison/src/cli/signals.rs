//! Ctrl-C and the like while a registry is being changed: says where the work stands before the program ends.
//!
//! Nothing is finished or taken back here. An end by a signal is to the journal what a kill is: whatever comes next
//! settles it. Only around work that waits for registries: a question on the terminal must stay interruptible.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::failure::Failure;
use crate::exit::Exit;
use crate::store::Store;

/// The store is asked for the run no longer than this: whoever ends a program does not want to wait.
const PATIENCE: Duration = Duration::from_secs(2);

/// From now on SIGINT and SIGTERM do not end the program by themselves; waits for one, and says how to end then.
///
/// # Errors
/// If they cannot be listened for.
pub(super) fn awaited() -> io::Result<impl Future<Output = Exit>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => Exit::Interrupted,
            _ = terminate.recv() => Exit::Terminated,
        }
    })
}

/// Does `work` unless SIGINT or SIGTERM ends it, which is told with the run that is in the journal.
pub(super) async fn unless_interrupted<T, E>(
    store: &Store,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Failure>
where
    Failure: From<E>,
{
    let Ok(signalled) = awaited() else {
        return Ok(work.await?);
    };
    // Whatever is not chosen is dropped when this ends, and the lock of the run with it.
    let exit = tokio::select! {
        biased;
        ended = work => return Ok(ended?),
        exit = signalled => exit,
    };
    Err(Failure::new(exit, standing(store).await))
}

async fn standing(store: &Store) -> String {
    let open = tokio::time::timeout(PATIENCE, store.half_done()).await;
    match open {
        Ok(Ok(runs)) => match runs.last() {
            Some(last) => format!(
                "interrupted: run {} is in the journal; the next apply, run or undo finishes or drops it",
                last.run
            ),
            None => "interrupted: no run had begun".to_owned(),
        },
        Ok(Err(_)) | Err(_) => {
            "interrupted: what was begun is in the journal; the next apply, run or undo finishes or drops it".to_owned()
        }
    }
}
