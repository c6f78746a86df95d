//! A Feishu as store apps meet it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::*;
use crate::clock::ManualClock;
use crate::feishu::token::{AppTicket, TicketStore};

/// A gateway with one store app, and its Feishu.
pub(super) struct Stage {
    pub(super) feishu: Arc<StoreFeishu>,
    pub(super) tickets: AppTickets,
    pub(super) app: TokenSource,
    pub(super) clock: Clock,
    pub(super) hand: ManualClock,
}

/// What Feishu knows, and what it was asked.
#[derive(Default)]
pub(super) struct StoreFeishu {
    state: Mutex<FeishuState>,
}

#[derive(Default)]
pub(super) struct FeishuState {
    /// The only ticket that it accepts. Empty: none.
    pub(super) ticket: String,
    /// The ticket that it pushes when it is asked to.
    pub(super) pushes: Option<AppTicket>,
    /// The number of its current app token.
    pub(super) app_token: u32,
    /// The code with which it refuses each tenant.
    pub(super) refused: BTreeMap<String, i64>,
    /// Who hears its pushes.
    listener: Option<AppTickets>,
    calls: BTreeMap<String, u32>,
    tenants: BTreeSet<String>,
    secrets: BTreeSet<String>,
}

impl StoreFeishu {
    pub(super) fn state(&self) -> MutexGuard<'_, FeishuState> {
        self.state.lock().unwrap()
    }

    /// How many calls there were for an app token, for a tenant token, and for a push.
    pub(super) fn calls(&self) -> [u32; 3] {
        let state = self.state();
        ["app_access_token", "tenant_access_token", "app_ticket/resend"]
            .map(|call| state.calls.get(call).copied().unwrap_or_default())
    }

    /// How many tenants a token was asked for.
    pub(super) fn tenants(&self) -> usize {
        self.state().tenants.len()
    }

    pub(super) fn was_called_with(&self, secret: &str) -> bool {
        self.state().secrets.contains(secret)
    }

    async fn answer(&self, call: &str, body: Value) -> Value {
        // A real answer takes a while, too.
        tokio::task::yield_now().await;
        let (pushes, listener) = {
            let state = self.state();
            (state.pushes.clone().filter(|_| call == "app_ticket/resend"), state.listener.clone())
        };
        if let (Some(ticket), Some(listener)) = (pushes, listener) {
            listener.heard(ticket).await.unwrap();
        }
        self.state().answer(call, &body)
    }
}

impl FeishuState {
    fn answer(&mut self, call: &str, body: &Value) -> Value {
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        *self.calls.entry(call.to_owned()).or_default() += 1;
        let app_token = format!("a-{}", self.app_token);
        match call {
            "app_access_token" => {
                self.secrets.insert(text("app_secret"));
                if text("app_ticket") == self.ticket {
                    json!({"code": 0, "app_access_token": app_token, "expire": 7200})
                } else {
                    json!({"code": 10012})
                }
            }
            "tenant_access_token" => {
                let tenant = text("tenant_key");
                self.tenants.insert(tenant.clone());
                if text("app_access_token") != app_token {
                    return json!({"code": 99991664});
                }
                if let Some(code) = self.refused.get(&tenant) {
                    return json!({"code": code});
                }
                let token = format!("t-{tenant}-{}", self.calls[call]);
                json!({"code": 0, "tenant_access_token": token, "expire": 7200})
            }
            "app_ticket/resend" => json!({"code": 0, "msg": "success"}),
            other => panic!("an unknown call: {other}"),
        }
    }
}

impl Stage {
    /// A gateway that was just started, with Feishu accepting the ticket `one`.
    pub(super) fn new() -> Self {
        Self::with_store(|_| TicketStore::Memory)
    }

    pub(super) fn with_store(store: impl FnOnce(&Clock) -> TicketStore) -> Self {
        let (clock, hand) = Clock::manual();
        let store = store(&clock);
        Self::with(clock, hand, store)
    }

    fn with(clock: Clock, hand: ManualClock, store: TicketStore) -> Self {
        let feishu = Arc::new(StoreFeishu::default());
        feishu.state().ticket = "one".to_owned();
        let asked = Arc::clone(&feishu);
        let fake = FakeFeishu::new(move |request| {
            let call = request.url().path().trim_start_matches("/open-apis/auth/v3/").to_owned();
            let body = request.body().and_then(reqwest::Body::as_bytes).unwrap();
            let (asked, body) = (Arc::clone(&asked), serde_json::from_slice(body).unwrap());
            async move { Ok((200, HeaderMap::new(), asked.answer(&call, body).await.to_string())) }
        });
        let client = client(&clock, fake);
        let credentials =
            Credentials { app_id: "cli_1".to_owned(), app_secret: "hush".to_owned().into() };
        let metrics = Metrics::new();
        let tickets =
            AppTickets::new("shop".into(), credentials, client, clock.clone(), metrics, store);
        feishu.state().listener = Some(tickets.clone());
        let app = TokenSource::store_app(&tickets);
        Self { feishu, tickets, app, clock, hand }
    }

    /// A ticket that was sent so many seconds after now.
    pub(super) fn ticket(&self, text: &str, seconds: i64) -> AppTicket {
        let sent_at: Timestamp = self.clock.wall() + SignedDuration::from_secs(seconds);
        AppTicket { ticket: text.into(), sent_at }
    }

    pub(super) async fn hear(&self, text: &str) {
        self.tickets.heard(self.ticket(text, 0)).await.unwrap();
    }

    pub(super) fn tenant(&self, key: &str) -> TokenSource {
        TokenSource::store_tenant(&self.app, TenantKey::parse(key).unwrap())
    }

    /// Returns once somebody waits for a moment that is so far from now.
    pub(super) async fn somebody_waits_for(&self, time: Duration) {
        let moment = self.clock.now() + time;
        self.hand.wait_for_sleepers(|all| all.contains(&moment)).await;
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // The tickets have the client, which has this Feishu.
        self.feishu.state().listener = None;
    }
}

/// The tokens of all sources, which are asked for at the same time.
pub(super) async fn together(
    sources: impl IntoIterator<Item = TokenSource>,
) -> Vec<Result<String, TokenTrouble>> {
    let mut all = JoinSet::new();
    for source in sources {
        all.spawn(async move { token(&source).await });
    }
    all.join_all().await
}

/// The `Authorization` of a source's token.
pub(super) async fn token(source: &TokenSource) -> Result<String, TokenTrouble> {
    let token = source.get().await?;
    Ok(token.authorization().to_str().unwrap().to_owned())
}

/// Lets every task that can go on do so.
pub(super) async fn settled() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}
