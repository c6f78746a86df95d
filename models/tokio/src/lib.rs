//! tokio under shuttle, with a `Notify` that can be told to lose wake-ups.

pub use shuttle_tokio::*;

/// `tokio::sync` under shuttle.
pub mod sync {
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

    pub use shuttle_tokio::sync::{oneshot, watch};

    /// Whether wake-ups are lost of those who do not sleep yet.
    pub static LOSES_WAKES: AtomicBool = AtomicBool::new(false);

    /// A `Notify`.
    #[derive(Debug, Default)]
    pub struct Notify(shuttle_tokio::sync::Notify);

    impl Notify {
        /// Nobody is notified yet.
        #[must_use]
        pub fn new() -> Self {
            Self::default()
        }

        /// Wakes one, and keeps the wake-up if nobody sleeps.
        pub fn notify_one(&self) {
            if LOSES_WAKES.load(SeqCst) {
                self.0.notify_waiters();
            } else {
                self.0.notify_one();
            }
        }

        /// Sleeps until there is a wake-up.
        pub async fn notified(&self) {
            self.0.notified().await;
        }
    }
}
