//! Puts the parts together that deliver broadcasts.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use tokio::runtime::Handle;

use super::start::StartError;
use super::stores::Stores;
use crate::api::keyring::Keyring;
use crate::broadcasts::{
    BroadcastSettings, Broadcasts, FindCaller, Forecast, SqliteStore, Store, WebhookClient,
    announce_ends,
};
use crate::clock::Clock;
use crate::config::Config;
use crate::model::reach::Reach;
use crate::sqlite::Database;
use crate::telemetry::metrics::Metrics;

/// How long the start waits for another process to close the file: the one before, which is still draining.
const PATIENCE: Duration = Duration::from_secs(10);

/// The file in which this process keeps its broadcasts. None if there is none, or if Redis keeps them.
pub(super) fn open(config: &Config) -> Result<Option<Arc<Database>>, StartError> {
    let path = config.broadcasts.path.as_ref().filter(|_| config.state.is_none());
    let database = path.map(|path| Database::open(path, PATIENCE)).transpose();
    Ok(database.map_err(StartError::Broadcasts)?.map(Arc::new))
}

/// The service for broadcasts. None if nothing keeps them.
pub(super) fn assemble(
    config: &Config,
    clock: &Clock,
    Stores { state, database }: Stores<'_>,
) -> Option<Broadcasts> {
    let store: Arc<dyn Store> = match (state, database) {
        (Some(state), _) => Arc::new(state.broadcasts(config)),
        (None, Some(database)) => Arc::new(SqliteStore::new(Arc::clone(database))),
        (None, None) => return None,
    };
    let settings = BroadcastSettings {
        max_receivers: config.broadcasts.max_receivers.get(),
        max_active_per_key: config.broadcasts.max_active_per_key.get(),
        keep: config.broadcasts.keep,
    };
    let limits = &config.limits;
    let forecast = Forecast::new(limits.app_per_second.get(), limits.app_per_minute.get());
    let apps = config.apps.keys().map(|name| Arc::from(name.as_str()));
    Some(Broadcasts::new(store, apps, settings, forecast, clock.clone()))
}

/// Announces the ends of broadcasts by the webhooks of the API keys, for ever. `runtime` is that of the calls to Feishu.
pub(super) fn announce(
    config: &Config,
    clock: &Clock,
    metrics: &Metrics,
    runtime: &Handle,
    broadcasts: Broadcasts,
    keyring: web::Data<Keyring>,
) -> Result<impl Future<Output = ()> + use<>, StartError> {
    let reach = Reach::new(config.broadcasts.webhook_networks.clone());
    let client = WebhookClient::new(reach, runtime.clone(), clock.clone())?;
    let webhook_of = move |caller: &str| keyring.webhook(caller);
    Ok(announce_ends(broadcasts, client, metrics.clone(), webhook_of))
}

/// Finds callers among the API keys that are in force.
pub(super) fn find_caller(keyring: &web::Data<Keyring>, clock: &Clock) -> FindCaller {
    let (keyring, clock) = (keyring.clone(), clock.clone());
    Arc::new(move |name, tenant| keyring.caller_named(name, tenant, clock.wall()))
}
