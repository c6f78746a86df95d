//! The connections to Feishu. All calls share one pool, so that the next call finds a warm connection. When a
//! connection turns out to be dead, a new pool replaces the old one.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::{Bytes, BytesMut};
use reqwest::{Certificate, Request, Response};
use rustls::pki_types::CertificateDer;
use tower::util::MapRequestLayer;
use url::{Host, Url};

use super::error::CallError;
use super::lenient;
use super::options::Options;
use super::wire::Answer;
use crate::clock::{Clock, Elapsed, Moment};
use crate::tls;

/// The pool of connections in use.
#[derive(Debug)]
pub(super) struct Connections {
    options: ArcSwap<Options>,
    /// A call keeps the pool that it began with. A replaced pool is dropped when its last call ends.
    current: ArcSwap<reqwest::Client>,
}

/// How long an idle connection is kept. When Feishu closes one is not known; common proxies do it after 60 s
/// (AWS) or 75 s (nginx). This side closes ten seconds sooner, so that Feishu rarely closes a connection just
/// as a request is sent over it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);
/// How long a connection is silent before the system probes it: short enough for a NAT to remember it.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// Between two such probes, when none is answered.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_QUESTIONS: u32 = 2;
/// How long sent data may stay unacknowledged before the system gives the connection up.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);
/// The largest answer, in bytes, far larger than any of Feishu's: an endless body must not fill the memory.
const LARGEST_ANSWER: usize = 1 << 20;

/// Longest cause of a failure, in characters: a certificate error lists all names of the certificate.
const LONGEST_CAUSE: usize = 300;

tokio::task_local! {
    /// Whether the current call has begun to open a connection. If not, it uses one that an earlier call left.
    static OPENS_ONE: Cell<bool>;
}

impl Connections {
    /// Fails if the machine's TLS roots cannot be read.
    pub(super) fn new(options: Options) -> reqwest::Result<Self> {
        let current = ArcSwap::from_pointee(http_client(&options)?);
        Ok(Self { options: ArcSwap::from_pointee(options), current })
    }

    /// Trusts these certificates besides the system's from the next connection on.
    pub(super) fn trust(&self, authorities: Vec<CertificateDer<'static>>) {
        let options = Options { authorities, ..Options::clone(&self.options.load()) };
        let new = http_client(&options);
        self.options.store(Arc::new(options));
        match new {
            Ok(new) => self.current.store(Arc::new(new)),
            Err(error) => report(&error),
        }
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

    /// Replaces a pool that had a dead connection, because its other connections may be dead too. Once, however
    /// many calls find that out.
    fn renew(&self, old: &Arc<reqwest::Client>) {
        if !Arc::ptr_eq(&self.current.load(), old) {
            return;
        }
        match http_client(&self.options.load()) {
            Ok(new) => drop(self.current.compare_and_swap(old, Arc::new(new))),
            Err(error) => report(&error),
        }
    }
}

fn report(error: &reqwest::Error) {
    tracing::error!(%error, "the connections to Feishu cannot be renewed");
}

/// An HTTP client as all calls to Feishu use it. Fails if the machine's TLS roots cannot be read.
pub fn http_client(options: &Options) -> reqwest::Result<reqwest::Client> {
    tls::use_ring();
    let authorities: reqwest::Result<Vec<Certificate>> =
        options.authorities.iter().map(|it| Certificate::from_der(it)).collect();
    let http = reqwest::Client::builder()
        .tls_certs_merge(authorities?)
        .user_agent(concat!("feishu-forward-gateway/", env!("CARGO_PKG_VERSION")))
        // Shorter than the attempt, so that a failure to connect is known to have sent nothing.
        .connect_timeout(options.connect_timeout.min(options.attempt_timeout * 9 / 10))
        .connector_layer(MapRequestLayer::new(note_opening))
        .pool_idle_timeout(IDLE_TIMEOUT)
        .tcp_keepalive(KEEPALIVE)
        .tcp_keepalive_interval(KEEPALIVE_INTERVAL)
        .tcp_keepalive_retries(KEEPALIVE_QUESTIONS)
        // A redirect or a retry would be a call that the limiter did not grant.
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never());
    #[cfg(target_os = "linux")]
    let http = http.tcp_user_timeout(UNACKNOWLEDGED);
    if is_loopback(&options.base_url) {
        // A proxy in the environment is for the way out, not for a simulator on this machine.
        return http.no_proxy().build();
    }
    http.build()
}

/// Called when a connection is begun, in the task of the call that needs it.
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
            // A truncated body does not parse, so the answer counts as unreadable.
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

/// Whether the answer was no HTTP.
fn is_garbled(error: &reqwest::Error) -> bool {
    causes(error).filter_map(|it| it.downcast_ref::<hyper::Error>()).any(hyper::Error::is_parse)
}

/// The innermost cause. The outer ones repeat the URL, which holds the receiver's type and the uuid.
fn root_cause(error: &reqwest::Error) -> String {
    let cause = causes(error).last().map(ToString::to_string).unwrap_or_default();
    lenient::line(&cause, LONGEST_CAUSE)
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error as _), |it: &&(dyn std::error::Error + 'static)| it.source())
}

/// Whether Feishu is on this machine. Then no proxy is used.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
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
            authorities: Vec::new(),
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
