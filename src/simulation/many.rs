//! Many histories: on all cores, and what happened in them.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::generate::history;
use super::world::{Played, play};

/// What many histories come to.
#[derive(Default)]
pub(super) struct Total {
    pub(super) histories: u64,
    pub(super) simulated: Duration,
    /// How often what has happened.
    pub(super) counts: BTreeMap<&'static str, u64>,
    /// The first seed whose history broke a promise, and how that history went.
    pub(super) broken: Option<(u64, Played)>,
}

/// Plays at most so many histories, with the seeds from `first` on, until `is_over`. After the first one that breaks a
/// promise it begins no other. All before that one are played: which one it is does not depend on the number of cores.
pub(super) fn play_many(first: u64, most: u64, is_over: impl Fn() -> bool + Sync) -> Total {
    let next = AtomicU64::new(0);
    let total = Mutex::new(Total::default());
    let go_on = || !is_over() && lock(&total).broken.is_none();
    let play_some = || {
        while go_on() {
            let place = next.fetch_add(1, Ordering::Relaxed);
            if place >= most {
                return;
            }
            let seed = first.wrapping_add(place);
            let _named = NamedIfItPanics(seed);
            let played = play(&history(seed));
            lock(&total).add(first, seed, played);
        }
    };
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(play_some);
        }
    });
    total.into_inner().unwrap_or_else(PoisonError::into_inner)
}

impl Total {
    fn add(&mut self, first: u64, seed: u64, played: Played) {
        self.histories += 1;
        self.simulated += played.took;
        for (what, count) in &played.counts {
            *self.counts.entry(what).or_default() += count;
        }
        let place = |seed: u64| seed.wrapping_sub(first);
        let is_earlier = self.broken.as_ref().is_none_or(|(it, _)| place(seed) < place(*it));
        if played.broken.is_some() && is_earlier {
            self.broken = Some((seed, played));
        }
    }
}

/// A history that panics is to be found again.
struct NamedIfItPanics(u64);

impl Drop for NamedIfItPanics {
    #[expect(clippy::print_stdout, reason = "it belongs to the panic's message")]
    fn drop(&mut self) {
        if thread::panicking() {
            println!("seed {:#x} panics", self.0);
        }
    }
}

fn lock(total: &Mutex<Total>) -> MutexGuard<'_, Total> {
    total.lock().unwrap_or_else(PoisonError::into_inner)
}
