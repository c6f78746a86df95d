//! Memory goes back to the system while the process is idle.

use std::time::Duration;

use crate::clock::Clock;

/// How often each thread gives back. That costs less than what a busy thread does by itself.
const INTERVAL: Duration = Duration::from_secs(10);

/// Gives back from time to time, for ever, what the calling thread no longer uses.
pub(super) async fn give_back() {
    // By the machine's clock, because it is the machine's memory.
    let clock = Clock::system();
    loop {
        clock.sleep_until(clock.now() + INTERVAL).await;
        gateway_allocator::give_back();
    }
}
