//! Which events were taken before. Feishu pushes an event again until it gets an answer in time, and each repetition has
//! the event's id.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::event::EventId;
use crate::clock::Moment;

/// How long an id is remembered. Feishu's last repetition comes 15 s + 5 min + 1 h + 6 h after the first push (its
/// documentation).
const REMEMBERED_FOR: Duration = Duration::from_hours(8);
/// Most ids that are remembered. A ticket comes about once an hour; a busy app may have subscribed to other events.
const MOST: usize = 4096;

/// The ids of the events that an app's gateway took, up to a number and an age.
#[derive(Debug, Default)]
pub struct SeenEvents {
    /// When each was taken.
    ids: HashMap<EventId, Moment>,
    /// The same ids, the oldest first.
    order: VecDeque<(Moment, EventId)>,
}

impl SeenEvents {
    /// Whether the event was taken before.
    #[must_use]
    pub fn has(&self, id: &EventId, now: Moment) -> bool {
        self.ids.get(id).is_some_and(|at| !is_over(*at, now))
    }

    /// Remembers an event that is taken.
    pub fn add(&mut self, id: EventId, now: Moment) {
        while self.order.front().is_some_and(|(at, _)| is_over(*at, now)) {
            self.forget_oldest();
        }
        if self.ids.contains_key(&id) {
            return;
        }
        self.ids.insert(id.clone(), now);
        self.order.push_back((now, id));
        if self.order.len() > MOST {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, id)) = self.order.pop_front() {
            self.ids.remove(&id);
        }
    }
}

fn is_over(taken_at: Moment, now: Moment) -> bool {
    now.saturating_sub(taken_at) >= REMEMBERED_FOR
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> EventId {
        EventId::parse(text).expect("an id")
    }

    #[test]
    fn an_id_is_known_until_after_feishus_last_repetition() {
        let mut seen = SeenEvents::default();
        let first = Moment::ZERO + Duration::from_secs(7);
        assert!(!seen.has(&id("a"), first));
        seen.add(id("a"), first);
        let last_repetition = first + Duration::from_secs(15 + 5 * 60 + 7 * 3600);
        assert!(seen.has(&id("a"), last_repetition) && !seen.has(&id("b"), last_repetition));
        assert!(!seen.has(&id("a"), first + REMEMBERED_FOR));
    }

    #[test]
    fn the_number_of_known_ids_is_bounded_and_the_oldest_goes_first() {
        let mut seen = SeenEvents::default();
        for number in 0..=MOST {
            seen.add(id(&number.to_string()), Moment::ZERO);
            seen.add(id(&number.to_string()), Moment::ZERO);
        }
        assert_eq!((seen.ids.len(), seen.order.len()), (MOST, MOST));
        assert!(!seen.has(&id("0"), Moment::ZERO) && seen.has(&id("1"), Moment::ZERO));
        seen.add(id("new"), Moment::ZERO + REMEMBERED_FOR);
        assert_eq!((seen.ids.len(), seen.order.len()), (1, 1));
    }
}
