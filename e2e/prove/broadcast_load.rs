//! Broadcasts that a proof has accepted, follows to their end and judges by the simulator's ledger.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use feishu_simulator::Ledger;
use serde_json::{Value, json};

use crate::gateway::{APPS, Gateway};

/// Receivers of one broadcast.
pub(crate) const RECEIVERS: usize = 200;
/// Broadcasts that are active at the same time.
const ACTIVE: usize = 3;
/// Longest time until all is delivered, once nothing is killed any more.
const FINISHED_WITHIN: Duration = Duration::from_mins(5);

/// Broadcasts of the first app's caller.
pub(crate) struct BroadcastLoad {
    gateway: Arc<Gateway>,
    /// Whether what keeps broadcasts may forget some.
    may_be_forgotten: bool,
    /// The broadcasts that were accepted, by message.
    accepted: HashMap<String, String>,
    asked: usize,
}

/// What became of receivers.
pub(crate) struct Judgement {
    pub(crate) violations: Vec<String>,
    /// How many receivers have each outcome.
    pub(crate) outcomes: BTreeMap<String, usize>,
}

impl BroadcastLoad {
    pub(crate) fn new(gateway: &Arc<Gateway>, may_be_forgotten: bool) -> Self {
        let gateway = Arc::clone(gateway);
        Self { gateway, may_be_forgotten, accepted: HashMap::new(), asked: 0 }
    }

    /// How many were accepted.
    pub(crate) fn count(&self) -> usize {
        self.accepted.len()
    }

    /// Whether this is the message of one that was accepted.
    pub(crate) fn has(&self, message: &str) -> bool {
        self.accepted.contains_key(message)
    }

    /// How many are not at their end.
    pub(crate) async fn running(&self) -> usize {
        self.get("/v1/broadcasts?limit=100").await.map_or(0, |page| {
            let all = page["broadcasts"].as_array().cloned().unwrap_or_default();
            all.iter().filter(|it| it["state"] == "running" || it["state"] == "paused").count()
        })
    }

    /// Has as many broadcasts accepted as are to be active.
    pub(crate) async fn ask(&mut self) {
        for _ in self.running().await..ACTIVE {
            self.ask_another().await;
        }
    }

    /// Has one more accepted.
    pub(crate) async fn ask_another(&mut self) {
        self.asked += 1;
        let message = format!("om_{}", self.asked);
        let receivers: Vec<Value> =
            (0..RECEIVERS).map(|number| json!({ "receive_id": format!("oc_{number}") })).collect();
        let path = format!("/v1/messages/{message}/broadcasts");
        let body = json!({ "receivers": receivers, "expires_in": "1h" });
        // An answer that is lost is asked for again, under the same key.
        for _ in 0..20 {
            if let Some(id) = self.post(&path, &message, &body).await {
                self.accepted.insert(message, id);
                break;
            }
            self.gateway.pause(Duration::from_millis(200)).await;
        }
    }

    /// Waits until every broadcast has ended.
    pub(crate) async fn await_the_end(&self) -> Vec<String> {
        let until = self.gateway.clock.now() + FINISHED_WITHIN;
        let mut violations = Vec::new();
        for (message, id) in &self.accepted {
            let path = format!("/v1/broadcasts/{id}");
            let has_ended = async || {
                let found = self.get(&path).await;
                let is_lost = self.may_be_forgotten && found.is_none();
                is_lost || found.is_some_and(|it| it["finished_at"].is_string())
            };
            if !self.gateway.holds_by(until, has_ended).await {
                let last = self.get(&path).await;
                violations.push(format!("the broadcast of {message} does not end: {last:?}"));
            }
        }
        violations
    }

    /// Whether each receiver has at most one message, and every outcome is true.
    pub(crate) async fn judge(&self, ledger: &Ledger) -> Judgement {
        let mut violations = Vec::new();
        let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
        let mut delivered: HashMap<(&str, &str), Vec<&str>> = HashMap::new();
        for delivery in &ledger.deliveries {
            let who = (&*delivery.message_id, &*delivery.receive_id);
            delivered.entry(who).or_default().push(&delivery.new_message_id);
        }
        for (who, messages) in &delivered {
            if messages.len() > 1 {
                violations.push(format!("{who:?} got {} messages", messages.len()));
            }
        }
        for (message, id) in &self.accepted {
            let receivers = self.receivers(id).await;
            if receivers.is_empty() && self.may_be_forgotten {
                continue;
            }
            if receivers.len() != RECEIVERS {
                violations.push(format!("{message} has {} receivers", receivers.len()));
            }
            for receiver in &receivers {
                let text = |name: &str| receiver[name].as_str().unwrap_or_default();
                let got = delivered.get(&(message.as_str(), text("receive_id")));
                let is_true = match text("outcome") {
                    "delivered" => got.is_some_and(|it| it.contains(&text("message_id"))),
                    "not_delivered" | "expired" | "canceled" => got.is_none(),
                    "unknown" => true,
                    _ => false,
                };
                if !is_true {
                    violations.push(format!("{message}: {receiver} is not true: {got:?}"));
                }
                *outcomes.entry(text("outcome").to_owned()).or_default() += 1;
            }
        }
        Judgement { violations, outcomes }
    }

    async fn receivers(&self, id: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut path = format!("/v1/broadcasts/{id}/receivers?limit=1000");
        while let Some(page) = self.get(&path).await {
            all.extend(page["receivers"].as_array().cloned().unwrap_or_default());
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            path = format!("/v1/broadcasts/{id}/receivers?limit=1000&cursor={cursor}");
        }
        all
    }

    /// The id of the broadcast that was accepted.
    async fn post(&self, path: &str, key: &str, body: &Value) -> Option<String> {
        let caller = self.gateway.caller(APPS[0]);
        let url = format!("{}{path}", caller.replicas.offered().first()?.api);
        let post = caller.http.post(url).header("x-api-key", &caller.key);
        let post = post.header("idempotency-key", key).header("content-type", "application/json");
        let answer = post.body(body.to_string()).send().await.ok()?;
        let answer: Value = serde_json::from_slice(&answer.bytes().await.ok()?).ok()?;
        answer["id"].as_str().map(str::to_owned)
    }

    /// What is there, if it is there.
    async fn get(&self, path: &str) -> Option<Value> {
        let caller = self.gateway.caller(APPS[0]);
        // Redis may be away for a moment.
        for _ in 0..20 {
            let Some(addresses) = caller.replicas.offered().first().cloned() else { continue };
            let get = caller.http.get(format!("{}{path}", addresses.api));
            if let Ok(answer) = get.header("x-api-key", &caller.key).send().await {
                match answer.status().as_u16() {
                    200 => return serde_json::from_slice(&answer.bytes().await.ok()?).ok(),
                    404 => return None,
                    _ => {}
                }
            }
            self.gateway.pause(Duration::from_millis(100)).await;
        }
        None
    }
}
