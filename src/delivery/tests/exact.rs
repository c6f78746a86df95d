//! Histories in which nothing fails, against a reference that says when each attempt goes out, to the
//! millisecond, or why none does.

use std::collections::{BTreeMap, VecDeque};

use super::callers;
use super::feishu::Duplicate;
use super::history::{Request, What};
use super::*;
use crate::limits::Scope;

/// What becomes of a request, in milliseconds since the history began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Sent {
        at: u64,
    },
    /// Refused as it came, because of the receiver.
    Refused {
        retry_after: u64,
    },
    HungUp,
}

/// One receiver: a log of what went out and a queue of those who wait.
#[derive(Default)]
struct Reference {
    sent: Vec<u64>,
    queue: VecDeque<Waiter>,
}

struct Waiter {
    number: usize,
    came_at: u64,
    hangs_up_at: u64,
}

const SPAN: u64 = 1050;
const LIMIT: usize = 5;

impl Reference {
    /// When the next message with `ahead` others before it can go.
    fn free_at(&self, ahead: usize, now: u64) -> u64 {
        let mut sent = self.sent.clone();
        for _ in 0..=ahead {
            let oldest = sent.len().checked_sub(LIMIT).map_or(0, |it| sent[it] + SPAN);
            sent.push(oldest.max(now));
        }
        sent[self.sent.len() + ahead]
    }

    /// Serves and loses those who wait, in the order of time, up to `now`.
    fn go_on(&mut self, now: u64, fates: &mut BTreeMap<usize, Fate>) {
        while let Some(first) = self.queue.front() {
            let next = self.free_at(0, first.came_at);
            let leaves_at = self.queue.iter().map(|it| it.hangs_up_at).min().unwrap_or(u64::MAX);
            if next.min(leaves_at) > now {
                break;
            }
            let is_going = |it: &Waiter| next < leaves_at || it.hangs_up_at == leaves_at;
            let gone = self.queue.iter().position(is_going).and_then(|it| self.queue.remove(it));
            let number = gone.expect("somebody goes or hangs up").number;
            if next < leaves_at {
                self.sent.push(next);
                fates.insert(number, Fate::Sent { at: next });
            } else {
                fates.insert(number, Fate::HungUp);
            }
        }
    }

    fn comes(&mut self, number: usize, request: &Request, now: u64) -> Option<Fate> {
        let free_at = self.free_at(self.queue.len(), now);
        if free_at > now + request.wait_ms {
            return Some(Fate::Refused { retry_after: free_at - now });
        }
        let hangs_up_at = request.hangs_up_after_ms.map_or(u64::MAX, |after| now + after);
        self.queue.push_back(Waiter { number, came_at: now, hangs_up_at });
        None
    }
}

fn foretold(requests: &[Request]) -> BTreeMap<usize, Fate> {
    let mut receivers: BTreeMap<u8, Reference> = BTreeMap::new();
    let mut fates = BTreeMap::new();
    let mut now = 0;
    for (number, request) in requests.iter().enumerate() {
        now += request.after_ms;
        let What::Plain { to, .. } = request.what else { unreachable!("none has a key") };
        let receiver = receivers.entry(to).or_default();
        receiver.go_on(now, &mut fates);
        let fate = receiver.comes(number, request, now);
        fates.extend(fate.map(|fate| (number, fate)));
        receiver.go_on(now, &mut fates);
    }
    for receiver in receivers.values_mut() {
        receiver.go_on(u64::MAX, &mut fates);
    }
    fates
}

/// Requests that come at even milliseconds, so that turns come at even ones too, and that hang up and
/// run out of time at odd ones: what happens at the same moment has no order that could be foretold.
fn requests() -> impl Strategy<Value = Vec<Request>> {
    let after_ms = prop_oneof![4 => Just(0), 4 => 0..150_u64, 1 => 500..700_u64];
    let after_ms = after_ms.prop_map(|half| half * 2);
    // With one app: the requests of two for one receiver go by turns, not by arrival.
    let what = (0..2_u8, any::<bool>());
    let what = what.prop_map(|(to, gives_uuid)| What::Plain { app: 0, to, gives_uuid });
    let hangs_up = prop::option::weighted(0.2, (0..2500_u64).prop_map(|half| half * 2 + 1));
    let wait_ms = prop_oneof![1 => Just(0), 4 => (0..2500_u64).prop_map(|half| half * 2 + 1)];
    let request = (after_ms, what, wait_ms, hangs_up).prop_map(
        |(after_ms, what, wait_ms, hangs_up_after_ms)| Request {
            after_ms,
            what,
            wait_ms,
            hangs_up_after_ms,
            asks_again_after_ms: None,
            feishu: Vec::new(),
        },
    );
    prop::collection::vec(request, 1..60)
}

fn played(stage: &Stage, requests: &[Request]) -> BTreeMap<usize, Fate> {
    let feishu = Feishu::new(stage.clock.clone(), Duplicate::OriginalId, &[]);
    let (start, records) = stage.runtime.block_on(async {
        let (delivery, tokens) = stage.delivery(&feishu, &rules(100_000, 6_000_000));
        for token in tokens {
            // Fetching a token takes its time, though not by the clock.
            token.get().await.expect("Feishu is well");
        }
        let start = stage.clock.now();
        (start, callers::play(&delivery, &stage.clock, &feishu, requests).await)
    });
    let ledger = feishu.ledger();
    let fate = |record: &callers::Record| {
        let message = message_id(&record.order.forward);
        let number = message.trim_start_matches("om_").parse().expect("a number");
        let sent = ledger.iter().find(|attempt| attempt.message == message);
        let fate = match (sent, &record.told) {
            (Some(attempt), _) => Fate::Sent { at: in_ms(attempt.at.saturating_sub(start)) },
            (None, None) => Fate::HungUp,
            (None, Some(report)) => match report.result {
                Err(ForwardError::NoPermit(QueueError::TooLate {
                    scope: Scope::Receiver,
                    retry_after,
                })) if record.ended.at == record.begun.at => {
                    Fate::Refused { retry_after: in_ms(retry_after) }
                }
                _ => panic!("neither sent nor refused at once: {record:?}"),
            },
        };
        (number, fate)
    };
    records.iter().map(fate).collect()
}

fn in_ms(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).expect("a short time") / 1_000_000
}

#[test]
fn where_nothing_fails_each_attempt_goes_at_the_moment_that_an_exact_log_foretells() {
    let stage = Stage::new();
    let config = ProptestConfig::with_cases(2500);
    proptest!(config, |(requests in requests())| {
        prop_assert_eq!(played(&stage, &requests), foretold(&requests));
    });
}
