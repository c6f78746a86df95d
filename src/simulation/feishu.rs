//! A Feishu that keeps the rules of Feishu (the simulator's README has the sources), and the network to it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rand::RngExt;
use reqwest::Request;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use tokio::sync::oneshot;

use super::agenda::{Due, Moment};
use super::answers::{cut, heard, proxy, refusal, success};
use super::history::{Repeated, Setup};
use super::ledger::Call;
use super::scene::{Scene, SceneState};
use super::weather::Weather;
use crate::feishu::error::CallError;
use crate::feishu::fake::{FakeAnswer, FakeFeishu};
use crate::limits::Rules;

pub(super) struct FeishuState {
    setup: Setup,
    rules: Rules,
    /// By app: the newest token and its end.
    newest: BTreeMap<String, (String, Moment)>,
    /// The app and the end of each token.
    tokens: BTreeMap<String, (String, Moment)>,
    tokens_made: u32,
    /// By receiver and by app: when messages came.
    came: BTreeMap<String, VecDeque<Moment>>,
    /// By app, receiver and `uuid`: when it was delivered, and the new message's id.
    known: BTreeMap<(String, String, String), (Moment, String)>,
    ids: u32,
    /// What is under way.
    requests: Vec<Underway>,
}

struct Underway {
    gateway: usize,
    process: u64,
    what: Asked,
    weather: Option<Weather>,
    back: Duration,
    answer: Option<FakeAnswer>,
    hears: Option<oneshot::Sender<FakeAnswer>>,
}

enum Asked {
    Token { app: String },
    Forward { call: usize, token: String },
}

/// How long Feishu knows a `uuid`.
const HOUR: Duration = Duration::from_hours(1);
/// A token that lives longer is handed out again.
const RENEWED_BEFORE: Duration = Duration::from_mins(30);

/// The Feishu that a process of a gateway calls.
pub(super) fn feishu_of(scene: &Scene, gateway: usize, process: u64) -> FakeFeishu {
    let scene = scene.clone();
    FakeFeishu::new(move |request| {
        let scene = scene.clone();
        async move {
            let (call, answer) = scene.state().begin(gateway, process, &request);
            let mut waiting = Waiting { scene: &scene, call };
            let answer = answer.await;
            waiting.call = None;
            match answer {
                Ok(answer) => {
                    if let Some(call) = call {
                        scene.state().ledger.heard(call, &heard(&answer));
                    }
                    answer
                }
                Err(_) => std::future::pending().await,
            }
        }
    })
}

/// A gateway that waits for an answer. Dropping it gives the call up.
struct Waiting<'a> {
    scene: &'a Scene,
    call: Option<usize>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(call) = self.call {
            let mut state = self.scene.state();
            let now = state.now();
            let of = &mut state.ledger.calls.all[call];
            (of.is_given_up, of.ended_at) = (true, Some(now));
            // A process that ends gives all of them up, in an order of its runtime's.
            let (gateway, process) = (of.gateway, Some(of.process));
            if state.processes[gateway] == process {
                state.ledger.note(format!("the gateway gives up ({call})"));
            }
        }
    }
}

impl FeishuState {
    pub(super) fn new(setup: Setup, rules: Rules) -> Self {
        Self {
            setup,
            rules,
            newest: BTreeMap::new(),
            tokens: BTreeMap::new(),
            tokens_made: 0,
            came: BTreeMap::new(),
            known: BTreeMap::new(),
            ids: 0,
            requests: Vec::new(),
        }
    }

    pub(super) fn revoke_tokens(&mut self) {
        self.tokens.clear();
        self.newest.clear();
    }

    /// Other programs have sent to a receiver.
    pub(super) fn others_send(&mut self, receiver: &str, messages: u8, now: Moment) {
        let came = self.came.entry(receiver.to_owned()).or_default();
        came.extend((0..messages).map(|_| now));
    }

    fn token(&mut self, app: &str, now: Moment) -> String {
        let life = self.setup.token_life;
        let reusable = self.newest.get(app).filter(|(_, end)| *end > now + RENEWED_BEFORE);
        let (token, end) = reusable.cloned().unwrap_or_else(|| {
            self.tokens_made += 1;
            (format!("t-{}", self.tokens_made), now + life)
        });
        self.newest.insert(app.to_owned(), (token.clone(), end));
        self.tokens.insert(token.clone(), (app.to_owned(), end));
        let expire = end.saturating_sub(now).as_secs();
        format!(r#"{{"code":0,"tenant_access_token":"{token}","expire":{expire}}}"#)
    }

    /// Whether this many messages came within the span. If not, one more has come.
    fn is_full(&mut self, whose: &str, most: u32, span: Duration, now: Moment) -> bool {
        let came = self.came.entry(whose.to_owned()).or_default();
        came.retain(|at| *at + span > now);
        let is_full = came.len() >= most as usize;
        if !is_full {
            came.push_back(now);
        }
        is_full
    }
}

impl SceneState {
    /// A gateway makes a call. Returns its place in the ledger, if it forwards.
    fn begin(
        &mut self,
        gateway: usize,
        process: u64,
        request: &Request,
    ) -> (Option<usize>, oneshot::Receiver<FakeAnswer>) {
        let body = request.body().and_then(reqwest::Body::as_bytes).expect("a body of bytes");
        let body: serde_json::Value = serde_json::from_slice(body).expect("JSON");
        let app = body["app_id"].as_str().map(str::to_owned);
        let weather = self.weather(app.is_some());
        if let Some(weather) = weather {
            self.ledger.count(weather.name());
        }
        let what = match app {
            Some(app) => {
                self.ledger.count("token calls");
                self.ledger.note(format!("gateway {gateway} asks for a token of {app}"));
                Asked::Token { app }
            }
            None => self.forward_of(gateway, process, request, &body, weather),
        };
        let call = match &what {
            Asked::Forward { call, .. } => Some(*call),
            Asked::Token { .. } => None,
        };
        if let Some(weather) = weather {
            self.ledger.note(format!("  its fate: {weather:?}"));
        }
        let (there, back) = self.latency(weather);
        let (hears, answer) = oneshot::channel();
        let place = self.feishu.requests.len();
        let hears = Some(hears);
        self.feishu.requests.push(Underway {
            gateway,
            process,
            what,
            weather,
            back,
            answer: None,
            hears,
        });
        let due = if weather.is_some_and(|it| !it.reaches() && never_arrives(it)) {
            Due::Answered(place)
        } else {
            Due::Arrives(place)
        };
        self.enter(there, due);
        (call, answer)
    }

    fn forward_of(
        &mut self,
        gateway: usize,
        process: u64,
        request: &Request,
        body: &serde_json::Value,
        weather: Option<Weather>,
    ) -> Asked {
        let token = request.headers()[AUTHORIZATION].to_str().expect("a token is ASCII");
        let token = token.replace("Bearer ", "");
        let path: Vec<&str> = request.url().path_segments().expect("a path").collect();
        let query: BTreeMap<_, _> = request.url().query_pairs().into_owned().collect();
        let message = path[path.len() - 2].to_owned();
        let app = app_of(&message).to_owned();
        let receiver = body["receive_id"].as_str().expect("a receiver").to_owned();
        let flow = self.flow_of(gateway, &message, &receiver);
        let call = Call {
            gateway,
            process,
            sent: self.now(),
            app,
            message,
            receiver,
            uuid: query["uuid"].clone(),
            flow,
            is_given_up: false,
            ended_at: None,
        };
        let call = self.ledger.called(call, weather != Some(Weather::NoConnection));
        Asked::Forward { call, token }
    }

    /// The weather of a call: the newest that is over it.
    fn weather(&mut self, is_token: bool) -> Option<Weather> {
        let now = self.now();
        self.spells.retain(|it| it.until > now);
        let random = &mut self.random;
        let concerns = |it: Weather| match it {
            Weather::NoTokens { .. } => is_token,
            Weather::Refuses { .. } | Weather::Garbage | Weather::Fails { .. } => !is_token,
            _ => true,
        };
        self.spells
            .iter()
            .rev()
            .filter(|it| concerns(it.weather))
            .find(|it| random.random_range(0..100) < it.share)
            .map(|it| it.weather)
    }

    /// How long a call takes to Feishu, and the answer back.
    fn latency(&mut self, weather: Option<Weather>) -> (Duration, Duration) {
        let most = match weather {
            Some(Weather::Slow { up_to }) => up_to,
            _ => Duration::from_millis(150),
        };
        let mut one = || self.random.random_range(Duration::from_millis(1)..=most);
        (one(), one())
    }

    /// A call has reached Feishu, or the place where it is lost.
    pub(super) fn arrives(&mut self, place: usize) {
        let (now, underway) = (self.now(), &self.feishu.requests[place]);
        let (weather, back) = (underway.weather, underway.back);
        let is_of_living = self.processes[underway.gateway] == Some(underway.process);
        if weather == Some(Weather::Lost) {
            return;
        }
        let answer = match (weather, &underway.what) {
            (Some(Weather::Refuses { code, reset }), _) => refusal(code, reset),
            (Some(Weather::NoTokens { code }), _) => refusal(code, None),
            (Some(Weather::Fails { after: false }), _) => refusal(2200, None),
            (_, Asked::Token { app }) => {
                let app = app.clone();
                Ok((200, HeaderMap::new(), self.feishu.token(&app, now)))
            }
            (_, Asked::Forward { call, token }) => {
                let (call, token) = (*call, token.clone());
                self.ledger.arrived(call, is_of_living);
                self.forward(call, &token)
            }
        };
        let is_refused = matches!(&answer, Ok((status, ..)) if *status != 200);
        let answer = match weather {
            Some(Weather::Unheard) => return,
            Some(Weather::CutAfter) => Err(cut(false)),
            Some(Weather::Proxy { after: true }) => proxy(),
            Some(Weather::Garbage) if !is_refused => {
                Ok((200, HeaderMap::new(), r#"{"code":0}"#.to_owned()))
            }
            Some(Weather::Fails { after: true }) if !is_refused => refusal(2200, None),
            _ => answer,
        };
        self.feishu.requests[place].answer = Some(answer);
        self.enter(back, Due::Answered(place));
    }

    /// Does what a call asks for, and answers it.
    fn forward(&mut self, call: usize, token: &str) -> FakeAnswer {
        let now = self.now();
        let Call { app, receiver, uuid, .. } = &self.ledger.calls.all[call];
        let (app, receiver, uuid) = (app.clone(), receiver.clone(), uuid.clone());
        let feishu = &mut self.feishu;
        let is_valid = feishu.tokens.get(token).is_some_and(|(_, end)| *end > now);
        if !is_valid {
            self.ledger.count("tokens rejected");
            return refusal(99991663, None);
        }
        let rules = feishu.rules;
        let (second, minute) = (Duration::from_secs(1), Duration::from_mins(1));
        let minute_of_app = format!("{app} in a minute");
        if feishu.is_full(&minute_of_app, rules.app_per_minute.get(), minute, now)
            || feishu.is_full(&app, rules.app_per_second.get(), second, now)
        {
            self.ledger.count("app limits met");
            return refusal(99991400, Some(1));
        }
        if feishu.is_full(&receiver, rules.receiver_per_second.get(), second, now) {
            self.ledger.count("receiver limits met");
            return refusal(230020, None);
        }
        feishu.ids += 1;
        let new_id = format!("om_new_{}", feishu.ids);
        let key = (app, receiver, uuid);
        if let Some((_, first)) = feishu.known.get(&key).filter(|(at, _)| now < *at + HOUR) {
            let first = first.clone();
            self.ledger.count("uuids repeated");
            self.ledger.note(format!("Feishu knows ({call}) as {first}"));
            return match self.feishu.setup.repeated {
                Repeated::FirstId => success(&first),
                Repeated::AnotherId => success(&new_id),
                Repeated::InProgress => refusal(230049, None),
            };
        }
        feishu.known.insert(key, (now, new_id.clone()));
        self.ledger.delivered(call, &new_id);
        success(&new_id)
    }

    /// The answer reaches the gateway, if that still waits.
    pub(super) fn hears(&mut self, place: usize) {
        let underway = &mut self.feishu.requests[place];
        let lost = match underway.weather {
            Some(Weather::NoConnection) => Err(CallError::Connect("refused".to_owned())),
            Some(Weather::CutBefore) => Err(cut(false)),
            Some(Weather::Stale) => Err(cut(true)),
            _ => proxy(),
        };
        let answer = underway.answer.take().unwrap_or(lost);
        let told = match &answer {
            Ok((status, _, body)) => format!("HTTP {status} {body}"),
            Err(error) => error.to_string(),
        };
        let (gateway, hears) = (underway.gateway, underway.hears.take());
        if let Asked::Forward { call, .. } = &underway.what {
            let call = *call;
            self.ledger.note(format!("gateway {gateway} hears of ({call}): {told}"));
        }
        // It may have given up, or be gone.
        let _ = hears.map(|it| it.send(answer));
    }
}

/// What is answered by somebody on the way, or by nobody who could.
fn never_arrives(weather: Weather) -> bool {
    matches!(
        weather,
        Weather::NoConnection
            | Weather::CutBefore
            | Weather::Stale
            | Weather::Proxy { after: false }
    )
}

/// The app of a message, which the simulation's message ids tell.
pub(super) fn app_of(message: &str) -> &'static str {
    if message.starts_with("om_2_") { "other" } else { "main" }
}
