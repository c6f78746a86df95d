//! The shortest history that still fails.

use std::time::{Duration, Instant};

use super::history::History;
use super::world::{Played, play};

/// How long a shorter history is looked for. It is real time, so that the search ends on a busy machine too.
const SEARCH: Duration = Duration::from_mins(1);

/// Leaves out events as long as the history still breaks a promise. Returns it with how it went.
#[expect(clippy::disallowed_methods, reason = "no simulated time passes in between")]
pub(super) fn shrink(history: &History, played: Played) -> (History, Played) {
    let (mut shortest, mut failed) = (history.clone(), played);
    let began = Instant::now();
    let is_over = || began.elapsed() > SEARCH;
    let mut size = shortest.events.len().div_ceil(2);
    while size > 0 {
        let mut from = 0;
        let mut has_shrunk = false;
        while from < shortest.events.len() && !is_over() {
            let mut shorter = shortest.clone();
            let to = (from + size).min(shorter.events.len());
            shorter.events.drain(from..to);
            let played = play(&shorter);
            if played.broken.is_some() {
                (shortest, failed, has_shrunk) = (shorter, played, true);
            } else {
                from = to;
            }
        }
        if size == 1 && !has_shrunk || is_over() {
            break;
        }
        size = if size > 1 { size.div_ceil(2).min(size - 1) } else { 1 };
    }
    (shortest, failed)
}
