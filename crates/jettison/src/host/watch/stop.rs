//! How a round is told to end.

use tokio::sync::watch;

/// Tells whether somebody asked for an end.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

/// Asks for it.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

impl Stop {
    /// Somebody who can ask for an end, and what tells.
    pub fn channel() -> (Stopper, Self) {
        let (sender, receiver) = watch::channel(false);
        (Stopper(sender), Self(receiver))
    }

    /// Whether an end was asked for.
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until one is.
    pub async fn asked(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|asked| *asked).await.is_err() {
            // Nobody is left who could ask.
            std::future::pending::<()>().await;
        }
    }
}

impl Stopper {
    /// Asks for an end.
    pub fn ask(&self) {
        self.0.send_replace(true);
    }
}
