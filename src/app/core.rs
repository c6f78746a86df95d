//! A gateway without its listeners: what forwards, and what broadcasts.

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::reload::FirstKeys;
use super::start::SentBefore;
use super::stores::Stores;
use super::{broadcasts, delivery};
use crate::broadcasts::Broadcasts;
use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::Delivery;
use crate::feishu::client::Client;
use crate::telemetry::metrics::Metrics;

/// What forwards, and what broadcasts, in a gateway that has started.
pub(crate) struct Core {
    pub(crate) delivery: Delivery,
    /// None if nothing keeps broadcasts.
    pub(crate) broadcasts: Option<Broadcasts>,
}

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

impl Core {
    /// Puts the parts together. What goes on beside the requests is among `tasks`.
    pub(super) fn start(parts: Parts<'_>, tasks: &mut JoinSet<()>) -> Self {
        let Parts { config, clock, metrics, keys, stores, .. } = parts;
        let delivery = delivery::assemble(parts);
        delivery.heed_budgets(&keys.keys);
        delivery.spawn_background_tasks(tasks);
        let broadcasts = broadcasts::assemble(config, clock, stores);
        if let Some(broadcasts) = &broadcasts {
            let find_caller = broadcasts::find_caller(&keys.keyring, clock);
            broadcasts.spawn_background_tasks(tasks, &delivery, &find_caller, metrics);
        }
        Self { delivery, broadcasts }
    }
}
