//! What is kept of keys, and how much.

use bytes::Bytes;

use super::*;
use crate::clock::ManualClock;
use crate::delivery::conclusion::Known;
use crate::delivery::error::ForwardError;
use crate::feishu::error::{CallError, FieldViolation, Forwarded, Refusal};

fn keys() -> (Idempotency, ManualClock) {
    let (clock, hand) = Clock::manual();
    (Idempotency::new(clock), hand)
}

fn named(number: u64) -> IdempotentForward {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&number.to_le_bytes());
    IdempotentForward { key, fingerprint: [7; 32] }
}

fn delivered(data: Bytes) -> Conclusion {
    let forwarded = Forwarded { data, message_id: "om_new".to_owned(), ..Forwarded::default() };
    Conclusion { result: Ok(forwarded), in_doubt_since: None, known: Known::Wholly }
}

fn refused(msg: String, fields: usize) -> Conclusion {
    let field = || FieldViolation { field: "f".repeat(100), description: "d".repeat(100) };
    let fields = std::iter::repeat_with(field).take(fields).collect();
    let refusal = Refusal { code: 230002, msg, http_status: 400, fields, ..Refusal::default() };
    Conclusion::failed(ForwardError::Failed(CallError::Refused(Box::new(refusal))))
}

impl Idempotency {
    fn end(&self, number: u64, outcome: Conclusion) {
        match self.claim(&named(number)) {
            Claim::Lead(lead) => drop(lead.conclude(outcome)),
            other => panic!("{other:?}"),
        }
    }

    fn weight(&self) -> u64 {
        self.entries.run_pending_tasks();
        self.entries.weighted_size()
    }
}

#[test]
fn what_is_kept_holds_nothing_of_what_was_read_from_a_connection() {
    let (keys, _hand) = keys();
    let read = Bytes::from(vec![b'x'; 1 << 16]);
    keys.end(1, delivered(read.slice(100..200)));
    assert!(read.is_unique());
    assert!(matches!(keys.claim(&named(1)), Claim::Done(_)));
}

#[test]
fn all_that_is_kept_is_weighed() {
    let (keys, _hand) = keys();
    let mut before = keys.weight();
    for (number, outcome, at_least) in [
        (1, delivered(Bytes::from(vec![b'x'; 5000])), 5000),
        (2, refused("m".repeat(5000), 0), 5000),
        (3, refused(String::new(), 50), 10_000),
        (4, Conclusion::failed(ForwardError::Draining), 400),
    ] {
        keys.end(number, outcome);
        let after = keys.weight();
        assert!(after >= before + at_least, "{number}: from {before} to {after}");
        before = after;
    }
}

#[test]
fn the_memory_has_a_bound_and_knows_what_it_had_to_forget() {
    let (keys, hand) = keys();
    hand.advance(REMEMBERED);
    assert_eq!(keys.known_since(), None);
    hand.advance(REMEMBERED);
    for number in 0..10_000 {
        keys.end(number, refused("m".repeat(10_000), 0));
    }
    assert!(keys.weight() <= MOST_MEMORY);
    assert_eq!(keys.known_since(), Some(2 * REMEMBERED));
    hand.advance(REMEMBERED);
    assert_eq!(keys.known_since(), None);
}
