//! What the core of a gateway is made of.

use tokio_util::sync::CancellationToken;

use super::reload::FirstKeys;
use super::start::SentBefore;
use super::stores::Stores;
use crate::clock::Clock;
use crate::config::Config;
use crate::feishu::client::Client;
use crate::telemetry::metrics::Metrics;

/// What a gateway is made of.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) config: &'a Config,
    pub(super) clock: &'a Clock,
    pub(super) metrics: &'a Metrics,
    pub(super) sent_before: SentBefore,
    /// Cancelled when what still waits is to be refused.
    pub(super) closing: &'a CancellationToken,
    pub(super) client: &'a Client,
    pub(super) keys: &'a FirstKeys,
    pub(super) stores: Stores<'a>,
}
