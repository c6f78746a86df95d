//! Posts to webhooks: only to addresses that they may lead to, each post once.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use thiserror::Error;
use tokio::net::lookup_host;
use tokio::runtime::Handle;
use url::Host;

use crate::clock::{Clock, Elapsed};
use crate::model::reach::Reach;
use crate::model::webhook::Webhook;
use crate::tls;

/// Posts to webhooks. Clones share everything.
#[derive(Clone, Debug)]
pub struct WebhookClient {
    http: reqwest::Client,
    reach: Reach,
    clock: Clock,
}

/// Why a post was not taken. The text is for the log: it names neither the path nor the query of the webhook.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum PostError {
    /// The receiver wants no more posts: 410 Gone.
    #[error("the receiver answered 410 Gone")]
    Gone,
    /// The receiver answered, but not that it has taken the post. A redirect is not followed.
    #[error("the receiver answered {0}")]
    Refused(u16),
    /// There was no answer in time.
    #[error("the receiver did not answer within {} seconds", TIMEOUT.as_secs())]
    TimedOut,
    /// There was no answer, and this is why.
    #[error("{0}")]
    Unreachable(String),
}

/// Longest time of one post, from the lookup of the name to the head of the answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time for connecting to all addresses of a name together, so that some time is left for the post.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(6);
/// Longest cause of a failure, in characters: a certificate error lists all names of the certificate.
const LONGEST_CAUSE: usize = 300;

impl WebhookClient {
    /// A client that posts to addresses within `reach`, and looks names up on `lookups`: a runtime whose end does not wait
    /// for a silent name server. Fails if the machine's TLS roots cannot be read.
    pub fn new(reach: Reach, lookups: Handle, clock: Clock) -> reqwest::Result<Self> {
        tls::use_ring();
        let http = reqwest::Client::builder()
            .user_agent(concat!("feishu-forward-gateway/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .dns_resolver(BoundedResolver { reach: reach.clone(), lookups })
            // A proxy would look names up by itself and connect to whatever it finds.
            .no_proxy()
            // A redirect could lead to where the webhook may not.
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            // Posts to one receiver are rare: its next connection is looked up and checked anew.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self { http, reach, clock })
    }

    /// Posts a body under this id, signed at this moment. Of the answer only the status is read.
    pub(super) async fn post(
        &self,
        webhook: &Webhook,
        id: &str,
        body: Vec<u8>,
    ) -> Result<(), PostError> {
        let url = webhook.url.get();
        // A URL with an address in place of a name is connected to without the resolver.
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            Some(Host::Domain(_)) | None => None,
        };
        if address.is_some_and(|it| !self.reach.allows(it)) {
            return Err(PostError::Unreachable(OutOfReach.to_string()));
        }
        let now = self.clock.wall();
        let request = self
            .http
            .post(url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", now.as_second())
            .header("webhook-signature", webhook.secret.sign(id, now, &body))
            .body(body);
        let answer = self.clock.timeout_at(self.clock.now() + TIMEOUT, request.send()).await;
        let status = match answer {
            Err(Elapsed) => return Err(PostError::TimedOut),
            Ok(Err(error)) => return Err(PostError::Unreachable(cause(&error))),
            Ok(Ok(answer)) => answer.status(),
        };
        match status.as_u16() {
            200..=299 => Ok(()),
            410 => Err(PostError::Gone),
            status => Err(PostError::Refused(status)),
        }
    }
}

/// The innermost cause as one line. The outer ones repeat the URL.
fn cause(error: &reqwest::Error) -> String {
    let mut innermost: &dyn Error = error;
    while let Some(inner) = innermost.source() {
        innermost = inner;
    }
    let cause = innermost.to_string();
    cause.chars().map(|it| if it.is_control() { ' ' } else { it }).take(LONGEST_CAUSE).collect()
}

/// Finds the addresses of a name that are within reach. They are the ones that are connected to, so a name cannot lead
/// elsewhere after it was checked.
struct BoundedResolver {
    reach: Reach,
    lookups: Handle,
}

/// A webhook leads to no address that the gateway may post to.
#[derive(Debug, Error)]
#[error("the webhook's address is private and outside broadcasts.webhook_networks")]
struct OutOfReach;

impl Resolve for BoundedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        let found = self.lookups.spawn(async move {
            let found = lookup_host((name, 0)).await?;
            std::io::Result::Ok(found.collect::<Vec<SocketAddr>>())
        });
        let reach = self.reach.clone();
        Box::pin(async move {
            let mut found = found.await??;
            found.retain(|it| reach.allows(it.ip()));
            if found.is_empty() {
                return Err(OutOfReach.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
