//! What Feishu saw, by message: each forward of a proof has a message of its own.

use std::collections::HashMap;
use std::time::Duration;

use feishu_forward_gateway::clock::Moment;
use feishu_simulator::{Api, Attempt, Delivery, Ledger};

use crate::gateway::{AppLimits, RECEIVER_PER_SECOND};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// The ledger's rows about one message.
#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) deliveries: Vec<Delivery>,
}

/// The rows of each message.
pub(crate) fn by_message(ledger: &Ledger) -> HashMap<String, Rows> {
    let mut rows: HashMap<String, Rows> = HashMap::new();
    for attempt in ledger.of(Api::Forward) {
        let message = attempt.message_id.clone().unwrap_or_default();
        rows.entry(message).or_default().attempts.push(attempt.clone());
    }
    for delivery in &ledger.deliveries {
        rows.entry(delivery.message_id.clone()).or_default().deliveries.push(delivery.clone());
    }
    rows
}

impl Rows {
    /// What one needs of them to look into a violation.
    pub(crate) fn describe(&self) -> String {
        let attempts = self.attempts.iter().map(|it| {
            let Attempt { number, uuid, status, code, .. } = it;
            let at = Moment::from_nanos(it.at_ns);
            format!("\n    attempt {number} at {at:?}: uuid {uuid:?}, sent {status:?} {code:?}")
        });
        let deliveries = self.deliveries.iter().map(|it| {
            let Delivery { attempt, new_message_id, .. } = it;
            let at = Moment::from_nanos(it.at_ns);
            format!("\n    delivery of attempt {attempt} at {at:?}: {new_message_id}")
        });
        attempts.chain(deliveries).collect()
    }
}

/// Spans that held more attempts than Feishu allows. `app_of` is the app that forwards a message.
pub(crate) fn over_the_limits<'a>(
    ledger: &Ledger,
    limits: AppLimits,
    app_of: impl Fn(&str) -> Option<&'a str>,
) -> Vec<String> {
    let mut receivers: HashMap<&str, Vec<u64>> = HashMap::new();
    let mut apps: HashMap<&str, Vec<u64>> = HashMap::new();
    let mut over = Vec::new();
    for attempt in ledger.of(Api::Forward) {
        let receiver = attempt.receive_id.as_deref().unwrap_or_default();
        receivers.entry(receiver).or_default().push(attempt.at_ns);
        match attempt.message_id.as_deref().and_then(&app_of) {
            Some(app) => apps.entry(app).or_default().push(attempt.at_ns),
            None => over.push(format!("Feishu was asked for what nobody sent: {attempt:?}")),
        }
    }
    let mut check = |whose: &str, times: &[u64], span: Duration, limit: usize| {
        let fullest = fullest(times, span);
        if fullest.len() > limit {
            let first = Moment::from_nanos(fullest[0]);
            let offsets = fullest.iter().map(|at| (at - fullest[0]) / 1_000_000);
            let offsets: Vec<u64> = offsets.collect();
            let most = fullest.len();
            over.push(format!("{most} attempts in {span:?} to {whose}, {limit} are allowed: from {first:?} on after {offsets:?} ms"));
        }
    };
    for (receiver, times) in &mut receivers {
        times.sort_unstable();
        check(receiver, times, SECOND, RECEIVER_PER_SECOND);
    }
    for (app, times) in &mut apps {
        times.sort_unstable();
        check(app, times, SECOND, limits.per_second);
        check(app, times, SECOND * 60, limits.per_minute);
    }
    over
}

/// Those of these times, which are in order, that the half-open span with the most of them holds.
fn fullest(times: &[u64], span: Duration) -> &[u64] {
    let span = u64::try_from(span.as_nanos()).expect("a short span");
    let (mut first, mut fullest) = (0, &times[..0]);
    for (last, at) in times.iter().enumerate() {
        while at - times[first] >= span {
            first += 1;
        }
        if last + 1 - first > fullest.len() {
            fullest = &times[first..=last];
        }
    }
    fullest
}
