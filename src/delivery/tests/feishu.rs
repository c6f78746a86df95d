//! A Feishu that does as a script says and keeps a ledger.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use reqwest::Request;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};

use crate::clock::{Clock, Moment};
use crate::feishu::error::CallError;
use crate::feishu::fake::{FakeAnswer, FakeFeishu};

/// What Feishu does with one call: after a while it does its work or does not, and then replies.
/// It does its work whether or not somebody still waits for the reply.
#[derive(Clone)]
pub(super) struct Act {
    pub(super) latency_ms: u64,
    pub(super) delivers: bool,
    pub(super) reply: Reply,
}

/// In one line, so that a history that fails can be read.
impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { latency_ms, delivers, reply } = self;
        let does = if *delivers { "delivers" } else { "does nothing" };
        write!(f, "{does} after {latency_ms} ms and says {reply:?}")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Normal,
    /// None at all.
    Silence,
    /// The connection breaks.
    Cut,
    /// The connection, which an earlier call has left, is dead.
    Stale,
    /// There is no connection to begin with.
    NoConnection,
    /// HTTP 502 of a proxy.
    Html,
    /// HTTP 200 that does not say which message.
    Garbage,
    Refusal {
        code: i64,
        /// Seconds in `x-ogw-ratelimit-reset`.
        reset: Option<u64>,
    },
}

impl Reply {
    /// Whether it says for sure that the message is, or is not, delivered.
    pub(super) fn is_certain(self) -> bool {
        match self {
            Self::Silence | Self::Cut | Self::Stale | Self::Html | Self::Garbage => false,
            Self::Refusal { code, .. } => ![2200, 230049, 18121].contains(&code),
            Self::Normal | Self::NoConnection => true,
        }
    }
}

/// What a repeated `uuid` gets. None delivers again.
#[derive(Clone, Copy, Debug)]
pub(super) enum Duplicate {
    OriginalId,
    AnotherId,
    InProgress,
}

/// One call for a forward, as Feishu saw it.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) at: Moment,
    pub(super) app: String,
    pub(super) message: String,
    pub(super) receiver: String,
    pub(super) uuid: String,
    pub(super) act: Act,
    /// The new message's id, if this attempt is the one that delivered.
    pub(super) delivered: Option<String>,
    /// What was said of it, while the gateway still listened.
    pub(super) said: Option<Reply>,
    /// The id in the answer by which the gateway learned that the message is delivered.
    pub(super) told: Option<String>,
}

/// Clones share it.
#[derive(Clone)]
pub(super) struct Feishu {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

struct State {
    /// What it does with the next attempts to forward a message.
    forwards: HashMap<String, VecDeque<Act>>,
    tokens: VecDeque<Act>,
    duplicate: Duplicate,
    ledger: Vec<Attempt>,
    /// By receiver and `uuid`: when it was delivered, and the new message's id.
    known: HashMap<(String, String), (Moment, String)>,
    ids: u32,
}

const HOUR: Duration = Duration::from_hours(1);
/// What it does when the script is over.
const WELL: Act = Act { latency_ms: 0, delivers: true, reply: Reply::Normal };

impl Feishu {
    pub(super) fn new(clock: Clock, duplicate: Duplicate, tokens: &[Act]) -> Self {
        let state = State {
            forwards: HashMap::new(),
            tokens: tokens.iter().cloned().collect(),
            duplicate,
            ledger: Vec::new(),
            known: HashMap::new(),
            ids: 0,
        };
        Self { clock, state: Arc::new(Mutex::new(state)) }
    }

    pub(super) fn fake(&self) -> FakeFeishu {
        let feishu = self.clone();
        FakeFeishu::new(move |request| {
            let feishu = feishu.clone();
            async move { feishu.answer(&request).await }
        })
    }

    /// Has it do so with the attempts to forward a message, after what it was told before.
    pub(super) fn plan(&self, message: &str, acts: &[Act]) {
        let mut state = self.state();
        state.forwards.entry(message.to_owned()).or_default().extend(acts.iter().cloned());
    }

    /// From now on all goes well.
    pub(super) fn recover(&self) {
        let mut state = self.state();
        state.forwards.clear();
        state.tokens.clear();
    }

    pub(super) fn ledger(&self) -> Vec<Attempt> {
        self.state().ledger.clone()
    }

    /// How many attempts there were.
    pub(super) fn attempts(&self) -> usize {
        self.state().ledger.len()
    }

    async fn answer(&self, request: &Request) -> FakeAnswer {
        match text(&body(request), "app_id") {
            Some(app) => self.token(&app).await,
            None => self.forward(request).await,
        }
    }

    async fn token(&self, app: &str) -> FakeAnswer {
        let act = self.state().tokens.pop_front().unwrap_or(WELL);
        self.pass(act.latency_ms).await;
        let token = format!(r#"{{"code":0,"tenant_access_token":"{app}","expire":7200}}"#);
        reply(act.reply, token).await
    }

    async fn forward(&self, request: &Request) -> FakeAnswer {
        let attempt = self.note(request);
        let feishu = self.clone();
        let work = tokio::spawn(async move { feishu.work(attempt).await });
        let (said, id) = work.await.expect("nothing in it panics");
        self.hears(attempt, said, &id);
        reply(said, format!(r#"{{"code":0,"data":{{"message_id":"{id}"}}}}"#)).await
    }

    fn hears(&self, attempt: usize, said: Reply, id: &str) {
        let heard = &mut self.state().ledger[attempt];
        heard.said = Some(said);
        heard.told = (said == Reply::Normal).then(|| id.to_owned());
    }

    /// Writes the attempt down and tells its place in the ledger.
    fn note(&self, request: &Request) -> usize {
        let token = request.headers()[AUTHORIZATION].to_str().expect("a token is ASCII");
        let path: Vec<&str> = request.url().path_segments().expect("a path").collect();
        let query: HashMap<_, _> = request.url().query_pairs().into_owned().collect();
        let message = path[path.len() - 2].to_owned();
        let mut state = self.state();
        let act = state.forwards.get_mut(&message).and_then(VecDeque::pop_front).unwrap_or(WELL);
        state.ledger.push(Attempt {
            at: self.clock.now(),
            app: token.replace("Bearer ", ""),
            message,
            receiver: text(&body(request), "receive_id").expect("a receiver"),
            uuid: query["uuid"].clone(),
            act,
            delivered: None,
            said: None,
            told: None,
        });
        state.ledger.len() - 1
    }

    /// Does the work, and tells what to say of it and the new message's id.
    async fn work(&self, attempt: usize) -> (Reply, String) {
        let Attempt { act, receiver, uuid, .. } = self.state().ledger[attempt].clone();
        self.pass(act.latency_ms).await;
        let mut state = self.state();
        state.ids += 1;
        let new_id = format!("om_new_{}", state.ids);
        if !act.delivers {
            return (act.reply, new_id);
        }
        let now = self.clock.now();
        let known = state.known.get(&(receiver.clone(), uuid.clone()));
        match known.filter(|(at, _)| now < *at + HOUR).cloned() {
            None => {
                state.known.insert((receiver, uuid), (now, new_id.clone()));
                state.ledger[attempt].delivered = Some(new_id.clone());
                (act.reply, new_id)
            }
            Some((_, original)) => match (state.duplicate, act.reply) {
                (Duplicate::InProgress, Reply::Normal) => {
                    (Reply::Refusal { code: 230049, reset: None }, new_id)
                }
                (Duplicate::AnotherId, said) => (said, new_id),
                (_, said) => (said, original),
            },
        }
    }

    async fn pass(&self, ms: u64) {
        self.clock.sleep_until(self.clock.now() + Duration::from_millis(ms)).await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

async fn reply(reply: Reply, normal: String) -> FakeAnswer {
    let mut headers = HeaderMap::new();
    match reply {
        Reply::Normal => Ok((200, headers, normal)),
        Reply::Silence => std::future::pending().await,
        Reply::Cut => Err(CallError::Broken { cause: "cut".to_owned(), is_stale: false }),
        Reply::Stale => Err(CallError::Broken { cause: "stale".to_owned(), is_stale: true }),
        Reply::NoConnection => Err(CallError::Connect("refused".to_owned())),
        Reply::Html => Ok((502, headers, "<html>Bad Gateway</html>".to_owned())),
        Reply::Garbage => Ok((200, headers, r#"{"code":0}"#.to_owned())),
        Reply::Refusal { code, reset } => {
            if let Some(seconds) = reset {
                headers.insert("x-ogw-ratelimit-reset", HeaderValue::from(seconds));
            }
            Ok((400, headers, format!(r#"{{"code":{code},"msg":"no"}}"#)))
        }
    }
}

fn body(request: &Request) -> serde_json::Value {
    let bytes = request.body().and_then(reqwest::Body::as_bytes).expect("a body of bytes");
    serde_json::from_slice(bytes).expect("JSON")
}

fn text(body: &serde_json::Value, member: &str) -> Option<String> {
    body[member].as_str().map(str::to_owned)
}
