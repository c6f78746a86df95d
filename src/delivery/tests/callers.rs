//! Callers as they should be: they repeat what is unknown, by its key or its `uuid`, and some hang up.

use std::sync::Mutex;

use tokio::task::JoinSet;

use super::feishu::Feishu;
use super::history::{FEW, Request, What};
use super::*;
use crate::model::api_key;
use crate::model::idempotency_key::IdempotencyKey;
use crate::model::urgency::Urgency;

/// One request and what became of it.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) order: Arc<ForwardRequest>,
    pub(super) begun: Point,
    pub(super) ended: Point,
    /// None for one whose caller hung up.
    pub(super) told: Option<ForwardReport>,
}

/// A point in the history.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) at: Moment,
    /// How many attempts there had been.
    pub(super) attempts: usize,
}

#[derive(Clone)]
struct Caller {
    delivery: Delivery,
    clock: Clock,
    feishu: Feishu,
    records: Arc<Mutex<Vec<Record>>>,
}

/// How often a caller asks at most.
const PATIENCE: usize = 4;
/// Longer than any forward takes.
const LONG: Duration = Duration::from_hours(1);

/// Makes all requests and waits until the last caller has gone.
pub(super) async fn play(
    delivery: &Delivery,
    clock: &Clock,
    feishu: &Feishu,
    requests: &[Request],
) -> Vec<Record> {
    let records = Arc::new(Mutex::new(Vec::new()));
    let mut callers = JoinSet::new();
    let mut at = clock.now();
    for (number, request) in requests.iter().cloned().enumerate() {
        at += ms(request.after_ms);
        clock.sleep_until(at).await;
        let (delivery, clock, feishu) = (delivery.clone(), clock.clone(), feishu.clone());
        let caller = Caller { delivery, clock, feishu, records: Arc::clone(&records) };
        callers.spawn(async move { Box::pin(caller.call(number, &request)).await });
    }
    while let Some(ended) = callers.join_next().await {
        ended.expect("no caller panics");
    }
    std::mem::take(&mut *records.lock().unwrap())
}

impl Caller {
    async fn call(&self, number: usize, request: &Request) {
        let clock = &self.clock;
        let mut order = order(number, request);
        self.feishu.plan(message_id(&order.forward), &request.feishu);
        for _ in 0..PATIENCE {
            let told = self.ask(&order, request.hangs_up_after_ms).await;
            let may_repeat = match told {
                Some(is_sure) => !is_sure,
                None => order.uuid_is_given,
            };
            let (true, Some(pause)) = (may_repeat, request.asks_again_after_ms) else { break };
            clock.sleep_until(clock.now() + ms(pause)).await;
            order.uuid_is_given = true;
        }
    }

    /// Asks once, and tells whether the answer was sure; none where the caller hung up.
    async fn ask(&self, order: &ForwardRequest, hangs_up_after: Option<u64>) -> Option<bool> {
        let order = Arc::new(order.clone());
        let begun = self.point();
        let hangs_up_at = begun.at + hangs_up_after.map_or(LONG, ms);
        let forward = self.delivery.forward(&order);
        let told = self.clock.timeout_at(hangs_up_at, forward).await.ok();
        let is_sure = told.as_ref().map(|report| !is_unknown(report));
        let ended = self.point();
        self.records.lock().unwrap().push(Record { order, begun, ended, told });
        is_sure
    }

    fn point(&self) -> Point {
        Point { at: self.clock.now(), attempts: self.feishu.attempts() }
    }
}

/// Whether the caller was told that nobody knows.
pub(super) fn is_unknown(report: &ForwardReport) -> bool {
    report.result.is_err() && report.prior_attempts.safe_retry_until().is_some()
}

/// What is to be forwarded.
pub(super) fn order(number: usize, request: &Request) -> ForwardRequest {
    let (request_id, wait) = (String::new(), ms(request.wait_ms));
    // The exact reference has no idea of urgency, and plain requests only.
    let is_bulk = !matches!(request.what, What::Plain { .. }) && number.is_multiple_of(5);
    let urgency = Urgency::ALL[usize::from(is_bulk)];
    match request.what {
        What::Plain { app, to, gives_uuid } => {
            let caller = caller(APPS[usize::from(app)]);
            let forward = forward(&format!("om_{number}"));
            let uuid = DedupKey::generate();
            let receiver = receiver(to);
            ForwardRequest {
                request_id,
                caller,
                forward,
                receiver,
                uuid,
                uuid_is_given: gives_uuid,
                idempotent: None,
                broadcast: None,
                wait,
                urgency,
            }
        }
        What::Chosen { uuid, caller: who, content, to } => {
            let message = format!("om_chosen_{uuid}_{who}_{content}");
            ForwardRequest {
                request_id,
                caller: api_key::Caller { name: format!("caller {who}").into(), ..caller(APPS[0]) },
                forward: forward(&message),
                receiver: receiver(to),
                uuid: DedupKey::parse(&format!("chosen {uuid}")).unwrap(),
                uuid_is_given: true,
                idempotent: None,
                broadcast: None,
                wait,
                urgency,
            }
        }
        What::Named { key, content } => {
            let app = APPS[usize::from(key % 2)];
            let forward = forward(&format!("om_key_{key}_{content}"));
            let receiver = receiver((key + content) % FEW);
            let key = IdempotencyKey::parse(&format!("key {key}")).unwrap();
            let idempotent = key.names("caller", app, &forward, &receiver);
            let uuid = uuids(app).of(&idempotent);
            let caller = caller(app);
            ForwardRequest {
                request_id,
                caller,
                forward,
                receiver,
                uuid,
                uuid_is_given: true,
                idempotent: Some(idempotent),
                broadcast: None,
                wait,
                urgency,
            }
        }
    }
}
