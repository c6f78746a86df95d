//! The real gateway in front of the simulator, both on free ports and on one clock that stands
//! still until a test turns it.

mod answer;
mod forward;
mod metrics;
mod program;
mod setup;
mod waiting;
mod wire;

use std::future::Future;
use std::io;
use std::time::Duration;

use feishu_forward_gateway::app::SentBefore;
use feishu_forward_gateway::clock::{Clock, ManualClock, Moment};
use feishu_forward_gateway::config::Config;
use feishu_simulator::{Api, Attempt, Delivery, Fault, FaultKind, Simulator};
use reqwest::Method;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) use answer::Answer;
pub(crate) use forward::Forward;
pub(crate) use metrics::Metrics;
pub(crate) use program::{Program, run_program, run_program_unread};
pub(crate) use setup::{APP_SECRET, Setup, client, gateway, run};
pub(crate) use wire::Wire;

/// A gateway that is ready, unless it was started cold.
///
/// It runs in a thread of its own, as in production, and is told to stop when this is dropped.
pub(crate) struct Gateway {
    pub(crate) simulator: Simulator,
    pub(crate) clock: Clock,
    pub(crate) hand: ManualClock,
    /// The key of the caller `tester`.
    pub(crate) key: String,
    pub(crate) api: String,
    pub(crate) admin: String,
    pub(crate) http: reqwest::Client,
    pub(crate) process: Process,
    config: Config,
    /// How long a forward waits for its turn.
    patience: Duration,
}

/// The thread that the gateway runs in.
pub(crate) struct Process {
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<Option<io::Result<()>>>,
}

impl Process {
    /// What SIGTERM does.
    pub(crate) fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    /// Returns once the gateway has ended by itself, without an error.
    pub(crate) async fn ended(&mut self) {
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
    /// Ends it and starts another one in front of the same Feishu, which remembers nothing and has waited as
    /// long as one does that has just started.
    pub(crate) async fn restart(&mut self) {
        self.process.stop();
        self.process.ended().await;
        let started = run(self.config.clone(), self.clock.clone(), SentBefore::Anything).await;
        let (process, [api, admin]) = started.expect("it starts");
        self.process = process;
        (self.api, self.admin) = (format!("http://{api}"), format!("http://{admin}"));
        // A call for a token would be given up where time jumps, and the next one wait for time to pass.
        guarded(async { while self.ask_admin("GET", "/readyz").await.status != 200 {} }).await;
        self.advance(Duration::from_secs(10));
    }

    /// A forward of `om_1` to `receive_id` by `tester`, still to be changed and sent.
    pub(crate) fn forward(&self, receive_id: &str) -> Forward {
        let body = serde_json::json!({ "receive_id": receive_id }).to_string();
        Forward::new(self.http.clone(), &self.api, &self.key, body)
    }

    /// The head of a forward by `tester` with these header lines more, each with its end.
    pub(crate) fn head(&self, more: &str) -> String {
        let key = &self.key;
        format!(
            "POST /v1/messages/om_1/forward HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n{more}\r\n"
        )
    }

    /// Asks the public listener.
    pub(crate) async fn ask(&self, method: &str, path: &str) -> Answer {
        self.request(method, &format!("{}{path}", self.api)).await
    }

    /// Asks the admin listener.
    pub(crate) async fn ask_admin(&self, method: &str, path: &str) -> Answer {
        self.request(method, &format!("{}{path}", self.admin)).await
    }

    async fn request(&self, method: &str, url: &str) -> Answer {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        Answer::of(self.http.request(method, url)).await
    }

    /// What `/metrics` says now.
    pub(crate) async fn metrics(&self) -> Metrics {
        let answer = self.ask_admin("GET", "/metrics").await;
        assert_eq!(answer.status, 200);
        Metrics::parse(&answer.text())
    }

    /// Lets time pass.
    pub(crate) fn advance(&self, by: Duration) {
        self.hand.advance(by);
    }

    /// Lets time pass until `moment`.
    pub(crate) fn advance_to(&self, moment: Moment) {
        self.hand.advance(moment.checked_sub(self.clock.now()).expect("a moment to come"));
    }

    /// Lets time pass until the nanosecond before `moment`.
    pub(crate) fn advance_to_just_before(&self, moment: Moment) {
        self.advance_to(moment.saturating_sub(Duration::from_nanos(1)));
    }

    /// Returns once `enough` is true of the moments that the gateway sleeps until.
    pub(crate) async fn sleep(&self, enough: impl FnMut(&Vec<Moment>) -> bool) {
        guarded(self.hand.wait_for_sleepers(enough)).await;
    }

    /// Returns once somebody sleeps until exactly `moment`.
    pub(crate) async fn sleeps_until(&self, moment: Moment) {
        self.sleep(|all| all.contains(&moment)).await;
    }

    /// The moments that the gateway sleeps until.
    pub(crate) async fn sleepers(&self) -> Vec<Moment> {
        let mut sleepers = Vec::new();
        self.sleep(|all| {
            sleepers.clone_from(all);
            true
        })
        .await;
        sleepers
    }

    /// Every attempt to forward that reached Feishu.
    pub(crate) fn forwards(&self) -> Vec<Attempt> {
        self.simulator.ledger().of(Api::Forward).cloned().collect()
    }

    /// Every call for a tenant token that reached Feishu.
    pub(crate) fn token_calls(&self) -> Vec<Attempt> {
        self.simulator.ledger().of(Api::TenantAccessToken).cloned().collect()
    }

    /// Every message that was really delivered.
    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        self.simulator.ledger().deliveries
    }

    /// Returns once this many attempts to forward have reached Feishu.
    pub(crate) async fn forwards_reach(&self, count: usize) {
        eventually(|| self.forwards().len() >= count).await;
        assert_eq!(self.forwards().len(), count);
    }

    /// Returns once this many calls for a token have reached Feishu.
    pub(crate) async fn token_calls_reach(&self, count: usize) {
        eventually(|| self.token_calls().len() >= count).await;
        assert_eq!(self.token_calls().len(), count);
    }

    /// Lets this go wrong at the next forward.
    pub(crate) fn spoil_forward(&self, kind: FaultKind) {
        self.simulator.add_fault(Fault { api: Some(Api::Forward), ..Fault::once(kind) });
    }

    /// Lets this go wrong at every forward from now on.
    pub(crate) fn spoil_every_forward(&self, kind: FaultKind) {
        let fault = Fault { api: Some(Api::Forward), times: None, ..Fault::once(kind) };
        self.simulator.add_fault(fault);
    }

    /// Lets this go wrong at every call for a token from now on.
    pub(crate) fn spoil_every_token(&self, kind: FaultKind) {
        self.simulator.add_fault(every_token(kind));
    }

    /// The app's tenant token, as the ledger shows it.
    pub(crate) fn token_of_last_forward(&self) -> String {
        let forwards = self.forwards();
        let attempt = forwards.last().expect("a forward");
        header(attempt, "authorization").strip_prefix("Bearer ").expect("a bearer").to_owned()
    }
}

/// This goes wrong at every call for a token.
pub(crate) fn every_token(kind: FaultKind) -> Fault {
    Fault { api: Some(Api::TenantAccessToken), times: None, ..Fault::once(kind) }
}

/// Feishu answers with this code, as it does.
pub(crate) fn code(code: i64) -> FaultKind {
    FaultKind::Code { code, status: None, msg: None, reset: None }
}

/// Feishu answers with this code and this HTTP status.
pub(crate) fn code_with_status(code: i64, status: u16) -> FaultKind {
    FaultKind::Code { code, status: Some(status), msg: None, reset: None }
}

/// Somebody between the gateway and Feishu answers.
pub(crate) fn foreign(status: u16, content_type: &str, body: impl Into<String>) -> FaultKind {
    FaultKind::Status { status, content_type: content_type.into(), body: body.into() }
}

/// A header of an attempt; there must be exactly one.
pub(crate) fn header<'a>(attempt: &'a Attempt, name: &str) -> &'a str {
    let mut values = attempt.headers.iter().filter(|(known, _)| known == name);
    let (_, value) = values.next().unwrap_or_else(|| panic!("no header {name}: {attempt:?}"));
    assert_eq!(values.next(), None, "more than one header {name}");
    value
}

/// Milliseconds.
pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// The answers of all that were sent, in the order in which they were sent.
pub(crate) async fn all(answers: Vec<JoinHandle<Answer>>) -> Vec<Answer> {
    let mut all = Vec::new();
    for answer in answers {
        all.push(guarded(answer).await.expect("a request does not panic"));
    }
    all
}

/// Returns once nobody listens there any longer.
pub(crate) async fn refuses_connections(url: &str) {
    let address = url.strip_prefix("http://").expect("an address");
    guarded(async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Returns once the condition holds; what is waited for happens in other threads, by itself.
pub(crate) async fn eventually(condition: impl Fn() -> bool) {
    guarded(async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// The output of `work`, which is expected to end by itself: a test that hangs fails.
#[expect(clippy::disallowed_methods, reason = "the one place that fails a test that hangs")]
pub(crate) async fn guarded<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(3), work).await.expect("the test hangs")
}
