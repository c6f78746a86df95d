//! The section `broadcasts`: where broadcasts are kept, and their bounds.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::reader::ConfigReader;
use super::values::{count, or_none, path, positive_duration};
use super::webhooks::networks;

/// Most receivers of one broadcast that can be configured. They are checked and written in one piece.
const MOST_RECEIVERS: u32 = 100_000;
/// Most active broadcasts of one API key that can be configured.
const MOST_ACTIVE: u32 = 1000;
/// Longest time for which broadcasts can be kept.
const MONTH: Duration = Duration::from_hours(31 * 24);

/// Where broadcasts are kept, and their bounds.
#[derive(Debug, Clone)]
pub struct BroadcastsConfig {
    /// The SQLite file of one process. It also keeps the records of `Idempotency-Key`s. Not used where replicas share a
    /// Redis, which then keeps both.
    pub path: Option<PathBuf>,
    /// Most receivers of one broadcast.
    pub max_receivers: NonZeroU32,
    /// Most broadcasts of one API key that run or are paused.
    pub max_active_per_key: NonZeroU32,
    /// How long a broadcast is kept after it has finished.
    pub keep: Duration,
    /// Networks besides the public internet to which webhooks may lead.
    pub webhook_networks: Vec<IpNet>,
}

impl BroadcastsConfig {
    pub(super) fn read(reader: &mut ConfigReader) -> Self {
        let mut section = reader.section(&["broadcasts"]);
        Self {
            path: section.with_default("path", or_none(path)),
            max_receivers: section.with_default("max_receivers", count(MOST_RECEIVERS)),
            max_active_per_key: section.with_default("max_active_per_key", count(MOST_ACTIVE)),
            keep: section.with_default("keep", positive_duration(MONTH)),
            webhook_networks: section.with_default("webhook_networks", networks),
        }
    }
}
