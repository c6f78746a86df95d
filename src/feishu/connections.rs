//! The connections to Feishu: one pool for everybody, so that the next call finds a warm one, and a new
//! pool when a connection of the old one turns out to be dead.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::{Bytes, BytesMut};
use reqwest::{Request, Response};
use tower::util::MapRequestLayer;
use url::{Host, Url};

use super::client::Options;
use super::error::CallError;
use super::said;
use super::wire::Answer;
use crate::clock::{Clock, Elapsed, Moment};
use crate::tls;

/// The pool of connections that is in use.
#[derive(Debug)]
pub(super) struct Connections {
    options: Options,
    /// A call keeps the pool that it began with; when the last one ends, the pool and its connections go.
    current: ArcSwap<reqwest::Client>,
}

/// How long a connection is kept for the next call. When Feishu closes one is not known. Common proxies do
/// it after 60 s (AWS) or 75 s (nginx): ten seconds sooner, so that it is rarely Feishu who closes first,
/// just as a request is on its way.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);
/// How long a connection is silent before the system asks the other side whether it is there: often enough
/// for a NAT to remember the connection.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// Between two such questions, when nobody answers.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_QUESTIONS: u32 = 2;
/// How long what was sent may stay without an acknowledgement until the system gives the connection up.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);
/// Far more than any answer of Feishu's: a body that goes on for ever must not fill the memory.
const LARGEST_ANSWER: usize = 1 << 20;

/// Longest account of what broke: a certificate that fits no name lists those that it has.
const LONGEST_CAUSE: usize = 300;

tokio::task_local! {
    /// Whether the call has begun to open a connection. If not, it goes over one that an earlier call left.
    static OPENS_ONE: Cell<bool>;
}

impl Connections {
    /// Fails when the TLS roots of the machine cannot be read.
    pub(super) fn new(options: Options) -> reqwest::Result<Self> {
        let current = ArcSwap::from_pointee(pool(&options)?);
        Ok(Self { options, current })
    }

    /// Sends a request and reads the answer, until `until` at the latest.
    pub(super) async fn exchange(
        &self,
        request: Request,
        clock: &Clock,
        until: Moment,
    ) -> Result<Answer, CallError> {
        let pool = self.current.load_full();
        let mut is_answered = false;
        let exchange = async {
            let answer = ask(&pool, request, &mut is_answered);
            let answer = clock.timeout_at(until, answer).await;
            let is_stale = !is_answered && !OPENS_ONE.with(Cell::get);
            match answer {
                Ok(answer) => answer.map_err(|error| call_error(&error, is_stale)),
                Err(Elapsed) => Err(CallError::TimedOut { is_stale }),
            }
        };
        let answer = OPENS_ONE.scope(Cell::new(false), exchange).await;
        if answer.as_ref().is_err_and(CallError::is_stale) {
            self.renew(&pool);
        }
        answer
    }

    /// Puts a new pool in place of the one that a connection turned out to be dead of: others of it may be
    /// dead too. Once, however many calls find that out.
    fn renew(&self, old: &Arc<reqwest::Client>) {
        if !Arc::ptr_eq(&self.current.load(), old) {
            return;
        }
        match pool(&self.options) {
            Ok(new) => {
                self.current.compare_and_swap(old, Arc::new(new));
            }
            Err(error) => tracing::error!(%error, "the connections to Feishu cannot be renewed"),
        }
    }
}

fn pool(options: &Options) -> reqwest::Result<reqwest::Client> {
    tls::use_ring();
    let http = reqwest::Client::builder()
        .user_agent(concat!("feishu-forward-gateway/", env!("CARGO_PKG_VERSION")))
        // Shorter than the attempt, so that it is known that nothing was sent.
        .connect_timeout(options.connect_timeout.min(options.attempt_timeout * 9 / 10))
        .connector_layer(MapRequestLayer::new(note_opening))
        .pool_idle_timeout(IDLE_TIMEOUT)
        .tcp_keepalive(KEEPALIVE)
        .tcp_keepalive_interval(KEEPALIVE_INTERVAL)
        .tcp_keepalive_retries(KEEPALIVE_QUESTIONS)
        // A redirect or a repetition would be a call that the limiter did not allow.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never());
    #[cfg(target_os = "linux")]
    let http = http.tcp_user_timeout(UNACKNOWLEDGED);
    if is_loopback(&options.base_url) {
        // A proxy that the environment names is for the way out, not for a simulator here.
        return http.no_proxy().build();
    }
    http.build()
}

/// Called as a connection is begun, in the task of the call that needs one.
fn note_opening<T>(target: T) -> T {
    // Fails only outside of a call.
    let _ = OPENS_ONE.try_with(|it| it.set(true));
    target
}

async fn ask(
    pool: &reqwest::Client,
    request: Request,
    is_answered: &mut bool,
) -> reqwest::Result<Answer> {
    let mut response = pool.execute(request).await?;
    *is_answered = true;
    let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
    Ok(Answer::new(status, headers, read(&mut response).await?))
}

async fn read(response: &mut Response) -> reqwest::Result<Bytes> {
    let first = response.chunk().await?.unwrap_or_default();
    let Some(second) = response.chunk().await? else {
        return Ok(first);
    };
    let mut body = BytesMut::from(first);
    body.extend_from_slice(&second);
    while let Some(more) = response.chunk().await? {
        if body.len() + more.len() > LARGEST_ANSWER {
            // Cut off, it does not parse and so is unreadable, which is what it is.
            break;
        }
        body.extend_from_slice(&more);
    }
    Ok(body.freeze())
}

fn call_error(error: &reqwest::Error, is_stale: bool) -> CallError {
    let cause = root_cause(error);
    if error.is_connect() || error.is_builder() {
        return CallError::Connect(cause);
    }
    CallError::Broken { cause, is_stale: is_stale && !is_garbled(error) }
}

/// Whether something came back that is no HTTP.
fn is_garbled(error: &reqwest::Error) -> bool {
    causes(error).filter_map(|it| it.downcast_ref::<hyper::Error>()).any(hyper::Error::is_parse)
}

/// The innermost cause: the outer ones repeat the URL, which holds the receiver's type and uuid.
fn root_cause(error: &reqwest::Error) -> String {
    let cause = causes(error).last().map(ToString::to_string).unwrap_or_default();
    said::line(&cause, LONGEST_CAUSE)
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error as _), |it: &&(dyn std::error::Error + 'static)| it.source())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_many_find_a_connection_of_a_pool_dead_it_is_renewed_once() {
        let options = Options {
            base_url: "http://127.0.0.1:1".parse().unwrap(),
            connect_timeout: Duration::from_secs(1),
            attempt_timeout: Duration::from_secs(1),
        };
        let connections = Connections::new(options).unwrap();
        let first = connections.current.load_full();
        connections.renew(&first);
        let second = connections.current.load_full();
        assert!(!Arc::ptr_eq(&first, &second));
        for _ in 0..10 {
            connections.renew(&first);
        }
        assert!(Arc::ptr_eq(&second, &connections.current.load()));
    }
}
