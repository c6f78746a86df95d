//! The shortest history that still fails.

use super::history::History;
use super::world::{Played, play};

/// How often a shorter history is tried at most.
const TRIES: usize = 150;

/// Leaves out events as long as the history still breaks a promise. Returns it with how it went.
pub(super) fn shrink(history: &History, played: Played) -> (History, Played) {
    let (mut shortest, mut failed) = (history.clone(), played);
    let mut tries = 0;
    let mut size = shortest.events.len().div_ceil(2);
    while size > 0 {
        let mut from = 0;
        let mut has_shrunk = false;
        while from < shortest.events.len() && tries < TRIES {
            let mut shorter = shortest.clone();
            let to = (from + size).min(shorter.events.len());
            shorter.events.drain(from..to);
            tries += 1;
            let played = play(&shorter);
            if played.broken.is_some() {
                (shortest, failed, has_shrunk) = (shorter, played, true);
            } else {
                from = to;
            }
        }
        if size == 1 && !has_shrunk || tries >= TRIES {
            break;
        }
        size = if size > 1 { size.div_ceil(2).min(size - 1) } else { 1 };
    }
    (shortest, failed)
}
