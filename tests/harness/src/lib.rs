//! What the gateway's tests have in common: the real application in front of the Feishu simulator, both on
//! free ports of loopback and on one clock, which stands still until a test turns it.
//!
//! [`gateway`] begins the setup of one. Whatever is not as a test needs it panics, which fails the test.
#![expect(
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    reason = "many are called for what they assert, and no test keeps a setup"
)]

mod answer;
pub mod certificates;
mod forward;
pub mod log;
mod metrics;
mod program;
mod setup;
mod tls_front;
mod waiting;
mod wire;

use std::fs;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::Duration;

use feishu_forward_gateway::app::SentBefore;
use feishu_forward_gateway::clock::{Clock, ManualClock, Moment};
use feishu_forward_gateway::config::Config;
use feishu_simulator::{Api, Attempt, Delivery, Fault, FaultKind, Simulator};
use reqwest::Method;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use answer::Answer;
pub use forward::Forward;
pub use metrics::{Metrics, Sample};
pub use program::{
    Program, run_program, run_program_into, run_program_on, run_program_on_parts,
    run_program_unread,
};
pub use setup::{APP_SECRET, Setup, client, gateway, run};
pub use tls_front::{TlsFront, server_config};
pub use wire::Wire;

/// A gateway that runs, and the Feishu that it forwards to.
///
/// It runs in a thread of its own, and stops when this is dropped. A fault that was to strike so many times must
/// have done so by then: a test of what never went wrong fails.
pub struct Gateway {
    /// The Feishu that it forwards to.
    pub simulator: Simulator,
    /// The time of the gateway and of Feishu.
    pub clock: Clock,
    /// What turns the clock.
    pub hand: ManualClock,
    /// The key of the caller `tester`.
    pub key: String,
    /// Where callers reach it, as the beginning of a URL.
    pub api: String,
    /// Where operators reach it, as the beginning of a URL.
    pub admin: String,
    /// What its callers send with.
    pub http: reqwest::Client,
    /// The gateway's thread.
    pub process: Process,
    config: Config,
    /// The names of the store apps.
    store_apps: Vec<String>,
    /// The longest time that a forward waits in a queue.
    patience: Duration,
}

/// The thread that a gateway runs in, with the part of a process in production.
pub struct Process {
    /// Where Feishu pushes events, if that is an address of its own.
    pub events: Option<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<Option<io::Result<()>>>,
}

impl Process {
    /// Does what SIGTERM does.
    pub fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    /// Returns once the gateway has ended by itself, without an error.
    pub async fn ended(&mut self) {
        let ended = guarded(&mut self.ended).await.expect("the watcher ends");
        ended.expect("the gateway's thread says how it ended").expect("the gateway ends well");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Gateway {
    /// Ends the gateway and starts another one in front of the same Feishu. The new one remembers nothing, and
    /// returns once it has waited as long as a process does that has just started.
    pub async fn restart(&mut self) {
        self.process.stop();
        self.process.ended().await;
        self.start_another().await;
    }

    /// Starts another gateway in front of the same Feishu. It finds the file as it is now, so to it this one was killed;
    /// calls that are under way reach Feishu all the same.
    pub async fn kill(&mut self) {
        let path = self.config.broadcasts.path.as_mut().expect("a file");
        let found = path.with_extension("found.db");
        for suffix in ["", "-wal"] {
            let name = |path: &Path| format!("{}{suffix}", path.display());
            fs::copy(name(path), name(&found)).expect("a copy");
        }
        *path = found;
        self.start_another().await;
    }

    async fn start_another(&mut self) {
        let bound = |address| setup::push_to(&self.simulator, &self.store_apps, address);
        let (config, clock) = (self.config.clone(), self.clock.clone());
        let started = setup::run_once_bound(config, clock, SentBefore::Anything, bound).await;
        let (process, [api, admin]) = started.expect("it starts");
        self.process = process;
        (self.api, self.admin) = (format!("http://{api}"), format!("http://{admin}"));
        // Time may jump only once there is a token: a call that is under way for one would time out, and the
        // next one would wait for time to pass.
        guarded(async { while self.ask_admin("GET", "/readyz").await.status != 200 {} }).await;
        for name in &self.store_apps {
            self.has_app_token(name).await;
        }
        self.advance(Duration::from_secs(10));
    }

    /// A forward of `om_1` to `receive_id` by `tester`, which is not sent yet.
    pub fn forward(&self, receive_id: &str) -> Forward {
        let body = serde_json::json!({ "receive_id": receive_id }).to_string();
        Forward::new(self.http.clone(), &self.api, &self.key, body)
    }

    /// A merge of these messages to `receive_id` by `tester`, which is not sent yet.
    pub fn merge(&self, receive_id: &str, message_ids: &[&str]) -> Forward {
        let body = serde_json::json!({ "receive_id": receive_id, "message_id_list": message_ids });
        self.forward(receive_id).path("/v1/messages/merge_forward").body(body.to_string())
    }

    /// A forward of this thread to `receive_id` by `tester`, which is not sent yet.
    pub fn forward_thread(&self, thread_id: &str, receive_id: &str) -> Forward {
        self.forward(receive_id).path(&format!("/v1/threads/{thread_id}/forward"))
    }

    /// A request by `tester` for a broadcast of `om_1` to these receivers, with the `Idempotency-Key` `a`. It is not sent
    /// yet.
    pub fn broadcast<'a>(&self, receive_ids: impl IntoIterator<Item = &'a str>) -> Forward {
        let receivers = receive_ids.into_iter().map(|id| serde_json::json!({ "receive_id": id }));
        let receivers: Vec<_> = receivers.collect();
        let body = serde_json::json!({ "receivers": receivers });
        self.forward("")
            .path("/v1/messages/om_1/broadcasts")
            .header("idempotency-key", "a")
            .body(body.to_string())
    }

    /// A request by `tester` without a body, which is not sent yet.
    pub fn call(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        self.http.request(method, format!("{}{path}", self.api)).header("x-api-key", &self.key)
    }

    /// The head of a forward by `tester`, with these lines at its end, each of which ends with CRLF.
    pub fn head(&self, more: &str) -> String {
        let key = &self.key;
        format!(
            "POST /v1/messages/om_1/forward HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n{more}\r\n"
        )
    }

    /// Sends a request without a body to the public listener.
    pub async fn ask(&self, method: &str, path: &str) -> Answer {
        self.request(method, &format!("{}{path}", self.api)).await
    }

    /// Sends a request without a body to the admin listener.
    pub async fn ask_admin(&self, method: &str, path: &str) -> Answer {
        self.request(method, &format!("{}{path}", self.admin)).await
    }

    async fn request(&self, method: &str, url: &str) -> Answer {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        Answer::of(self.http.request(method, url)).await
    }

    /// The metrics as they are now.
    pub async fn metrics(&self) -> Metrics {
        let answer = self.ask_admin("GET", "/metrics").await;
        assert_eq!(answer.status, 200);
        Metrics::parse(&answer.text())
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.hand.advance(by);
    }

    /// Lets time pass until `moment`.
    pub fn advance_to(&self, moment: Moment) {
        self.hand.advance(moment.checked_sub(self.clock.now()).expect("a moment to come"));
    }

    /// Lets time pass until the nanosecond before `moment`.
    pub fn advance_to_just_before(&self, moment: Moment) {
        self.advance_to(moment.saturating_sub(Duration::from_nanos(1)));
    }

    /// Returns once `enough` holds for the moments that the gateway sleeps until.
    pub async fn sleep(&self, enough: impl FnMut(&Vec<Moment>) -> bool) {
        guarded(self.hand.wait_for_sleepers(enough)).await;
    }

    /// Returns once a task of the gateway's sleeps until exactly `moment`.
    pub async fn sleeps_until(&self, moment: Moment) {
        self.sleep(|all| all.contains(&moment)).await;
    }

    /// The moments that the gateway sleeps until.
    pub async fn sleepers(&self) -> Vec<Moment> {
        let mut sleepers = Vec::new();
        self.sleep(|all| {
            sleepers.clone_from(all);
            true
        })
        .await;
        sleepers
    }

    /// Every attempt to forward a message that reached Feishu.
    pub fn forwards(&self) -> Vec<Attempt> {
        self.calls(Api::Forward)
    }

    /// Every call for a tenant token that reached Feishu.
    pub fn token_calls(&self) -> Vec<Attempt> {
        self.calls(Api::TenantAccessToken)
    }

    /// Every call of this API that reached Feishu.
    pub fn calls(&self, api: Api) -> Vec<Attempt> {
        self.simulator.ledger().of(api).cloned().collect()
    }

    /// Every message that Feishu delivered.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.simulator.ledger().deliveries
    }

    /// Returns once this many attempts to forward a message have reached Feishu, and no more.
    pub async fn forwards_reach(&self, count: usize) {
        eventually(|| self.forwards().len() >= count).await;
        assert_eq!(self.forwards().len(), count);
    }

    /// Returns once this many calls for a token have reached Feishu, and no more.
    pub async fn token_calls_reach(&self, count: usize) {
        eventually(|| self.token_calls().len() >= count).await;
        assert_eq!(self.token_calls().len(), count);
    }

    /// Has this go wrong at the next attempt to forward a message.
    pub fn spoil_forward(&self, kind: FaultKind) {
        self.spoil(Api::Forward, kind);
    }

    /// Has this go wrong at the next call of this API.
    pub fn spoil(&self, api: Api, kind: FaultKind) {
        self.simulator.add_fault(Fault { api: Some(api), ..Fault::once(kind) });
    }

    /// Has this go wrong at every attempt to forward a message from now on.
    pub fn spoil_every_forward(&self, kind: FaultKind) {
        let fault = Fault { api: Some(Api::Forward), times: None, ..Fault::once(kind) };
        self.simulator.add_fault(fault);
    }

    /// Has this go wrong at every call for a token from now on.
    pub fn spoil_every_token(&self, kind: FaultKind) {
        self.simulator.add_fault(every_token(kind));
    }

    /// Returns once exactly this many requests are in flight.
    pub async fn in_flight_are(&self, count: u64) {
        let name = "feishu_gateway_http_requests_in_flight";
        guarded(async { while self.metrics().await.count(name, &[]) != count {} }).await;
    }

    /// Hangs up on a forward, which is the only request in flight, and returns once the gateway has noticed.
    pub async fn hang_up(&self, forward: JoinHandle<Answer>) {
        self.in_flight_are(1).await;
        forward.abort();
        assert!(forward.await.is_err(), "it was answered before its caller hung up");
        self.in_flight_are(0).await;
    }

    /// Returns once the gateway has had a token of this app: the app token of a store app.
    pub async fn has_app_token(&self, app: &str) {
        let name = "feishu_gateway_tenant_token_expiry_timestamp_seconds";
        let labels = [("app", app)];
        guarded(async { while self.metrics().await.count(name, &labels) == 0 {} }).await;
    }

    /// The tenant token of the last attempt to forward a message.
    pub fn token_of_last_forward(&self) -> String {
        let forwards = self.forwards();
        let attempt = forwards.last().expect("a forward");
        header(attempt, "authorization").strip_prefix("Bearer ").expect("a bearer").to_owned()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let left = self.simulator.faults().into_iter().filter(|fault| fault.times.is_some());
        let left: Vec<Fault> = left.collect();
        assert!(left.is_empty() || thread::panicking(), "these never struck: {left:?}");
    }
}

/// The fault that this goes wrong at every call for a token.
pub fn every_token(kind: FaultKind) -> Fault {
    Fault { api: Some(Api::TenantAccessToken), times: None, ..Fault::once(kind) }
}

/// Feishu answers with this code, and the HTTP status that it has for it.
pub fn code(code: i64) -> FaultKind {
    FaultKind::Code { code, status: None, msg: None, reset: None }
}

/// Feishu answers with this code and this HTTP status.
pub fn code_with_status(code: i64, status: u16) -> FaultKind {
    FaultKind::Code { code, status: Some(status), msg: None, reset: None }
}

/// A proxy between the gateway and Feishu answers in its place.
pub fn foreign(status: u16, content_type: &str, body: impl Into<String>) -> FaultKind {
    FaultKind::Status { status, content_type: content_type.into(), body: body.into() }
}

/// A header of an attempt, which must be there exactly once.
pub fn header<'a>(attempt: &'a Attempt, name: &str) -> &'a str {
    let mut values = attempt.headers.iter().filter(|(known, _)| known == name);
    let (_, value) = values.next().unwrap_or_else(|| panic!("no header {name}: {attempt:?}"));
    assert_eq!(values.next(), None, "more than one header {name}");
    value
}

/// Milliseconds.
pub fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// The answers to these forwards, in their order.
pub async fn all(answers: Vec<JoinHandle<Answer>>) -> Vec<Answer> {
    let mut all = Vec::new();
    for answer in answers {
        all.push(guarded(answer).await.expect("a request does not panic"));
    }
    all
}

/// Returns once nothing listens there any longer.
pub async fn refuses_connections(url: &str) {
    let address = url.strip_prefix("http://").expect("an address");
    guarded(async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Returns once the condition holds. Other threads make it hold, without any help of the test's.
pub async fn eventually(condition: impl Fn() -> bool) {
    guarded(async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// The output of `work`, which is expected to end by itself. A test that hangs fails.
#[expect(clippy::disallowed_methods, reason = "the one place that fails a test that hangs")]
pub async fn guarded<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(3), work).await.expect("the test hangs")
}
