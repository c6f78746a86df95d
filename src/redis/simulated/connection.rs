//! A connection to the simulated server.

use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis::aio::ConnectionLike;
use redis::{Arg, Cmd, Pipeline, RedisError, RedisFuture, RedisResult, Value, parse_redis_value};
use simulated_redis::Reply;
use tokio::sync::{mpsc, oneshot};

use super::faults::{Event, Failure, Fate, Reach};
use super::host::Host;
use crate::clock::{Clock, Moment};

/// The way from one gateway to the server.
#[derive(Default)]
pub(super) struct Line {
    pub(super) reach: Reach,
    /// What becomes of the next request. Without it, all are carried out and answered at once.
    pub(super) fates: Option<Box<dyn FnMut() -> Fate + Send>>,
}

/// Sends requests, and does not wait for an answer before the next one. A request that nobody waits for any longer is
/// carried out all the same.
#[derive(Clone)]
pub(crate) struct SimulatedConnection {
    clock: Clock,
    line: Arc<Mutex<Line>>,
    requests: mpsc::UnboundedSender<Request>,
}

struct Request {
    command: Vec<Vec<u8>>,
    fate: Fate,
    arrives_at: Moment,
    answer: oneshot::Sender<RedisResult<Value>>,
}

/// The server's end of a connection.
struct Service {
    clock: Clock,
    line: Arc<Mutex<Line>>,
    server: Arc<Mutex<Host>>,
    /// How often the server had closed its connections before this one.
    closed: u64,
    /// Those who learn nothing.
    unanswered: Vec<oneshot::Sender<RedisResult<Value>>>,
}

/// An answer on its way.
struct Answer {
    arrives_at: Moment,
    value: RedisResult<Value>,
    to: oneshot::Sender<RedisResult<Value>>,
}

impl SimulatedConnection {
    /// One that lives as long as the runtime that this is called in.
    pub(super) async fn open(
        line: Arc<Mutex<Line>>,
        server: Arc<Mutex<Host>>,
    ) -> RedisResult<Self> {
        let reach = lock(&line).reach;
        match reach {
            Reach::Open => {}
            Reach::Refused => return Err(broken(ErrorKind::ConnectionRefused)),
            Reach::Silent => return std::future::pending().await,
        }
        let (clock, closed) = {
            let server = lock(&server);
            (server.clock.true_clock().clone(), server.closed)
        };
        let (requests, arriving) = mpsc::unbounded_channel();
        let service = Service {
            clock: clock.clone(),
            line: Arc::clone(&line),
            server,
            closed,
            unanswered: Vec::new(),
        };
        tokio::spawn(service.serve(arriving));
        Ok(Self { clock, line, requests })
    }

    fn send(&self, command: &Cmd) -> oneshot::Receiver<RedisResult<Value>> {
        let command = command.args_iter().map(|it| match it {
            Arg::Simple(text) => text.to_vec(),
            _ => b"0".to_vec(),
        });
        let fate = lock(&self.line).fates.as_mut().map(|next| next()).unwrap_or_default();
        let arrives_at = self.clock.now() + fate.there;
        let (answer, answered) = oneshot::channel();
        // If the connection has ended, `answer` is dropped.
        let _ =
            self.requests.send(Request { command: command.collect(), fate, arrives_at, answer });
        answered
    }
}

impl ConnectionLike for SimulatedConnection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async {
            let answered = self.send(command).await;
            answered.unwrap_or_else(|_dropped| Err(broken(ErrorKind::BrokenPipe)))
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        _: &'a Pipeline,
        _: usize,
        _: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        // The gateway has no pipelines.
        Box::pin(async { Err(broken(ErrorKind::Unsupported)) })
    }

    fn get_db(&self) -> i64 {
        0
    }
}

impl Service {
    /// Carries out what arrives, in its order. The connection ends when this returns.
    async fn serve(mut self, mut requests: mpsc::UnboundedReceiver<Request>) {
        let (answers, leaving) = mpsc::unbounded_channel();
        tokio::spawn(deliver(self.clock.clone(), leaving));
        while let Some(Request { command, fate, arrives_at, answer }) = requests.recv().await {
            let reach = lock(&self.line).reach;
            if reach == Reach::Refused || fate.failure == Some(Failure::NotSent) {
                return;
            }
            if reach == Reach::Silent || fate.failure == Some(Failure::Silence) {
                self.unanswered.push(answer);
                continue;
            }
            until(&self.clock, arrives_at).await;
            let Some(value) = self.ask(fate.before, &command) else { return };
            if fate.failure == Some(Failure::AnswerLost) {
                return;
            }
            let value = match fate.failure {
                Some(Failure::AnswerLostAndSentAgain) => self.ask(None, &command),
                _ => Some(value),
            };
            let Some(value) = value else { return };
            let arrives_at = self.clock.now() + fate.back;
            if answers.send(Answer { arrives_at, value, to: answer }).is_err() {
                return;
            }
        }
    }

    /// What the server answers, unless it has closed the connection.
    fn ask(&self, before: Option<Event>, command: &[Vec<u8>]) -> Option<RedisResult<Value>> {
        let mut server = lock(&self.server);
        if let Some(event) = before {
            server.happens(event);
        }
        if server.closed != self.closed {
            return None;
        }
        Some(value(server.ask(command)))
    }
}

/// The answer as the client reads it.
fn value(reply: Reply) -> RedisResult<Value> {
    Ok(match reply {
        Reply::Nil => Value::Nil,
        Reply::Number(number) => Value::Int(number),
        Reply::Text(text) => Value::BulkString(text),
        Reply::Status(text) if text == "OK" => Value::Okay,
        Reply::Status(text) => Value::SimpleString(text),
        Reply::List(all) => Value::Array(all.into_iter().map(value).collect::<RedisResult<_>>()?),
        // The client finds out what kind of error it is.
        Reply::Error(text) => {
            return parse_redis_value(
                format!("-{}\r\n", text.replace(['\r', '\n'], " ")).as_bytes(),
            );
        }
    })
}

/// Hands answers over when they arrive, in their order.
async fn deliver(clock: Clock, mut answers: mpsc::UnboundedReceiver<Answer>) {
    while let Some(Answer { arrives_at, value, to }) = answers.recv().await {
        until(&clock, arrives_at).await;
        // The one who asked may no longer wait.
        let _ = to.send(value);
    }
}

async fn until(clock: &Clock, moment: Moment) {
    if moment > clock.now() {
        clock.sleep_until(moment).await;
    }
}

fn broken(kind: ErrorKind) -> RedisError {
    io::Error::from(kind).into()
}

pub(super) fn lock<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}
