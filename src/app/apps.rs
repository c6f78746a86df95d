//! The apps of the configuration.

use std::sync::Arc;

use super::state::State;
use super::stores::Stores;
use crate::clock::Clock;
use crate::config::{AppConfig, Config};
use crate::delivery::{AppCommon, Apps};
use crate::feishu::client::Client;
use crate::feishu::token::{AppTickets, Credentials, FileTicket, TicketStore, TokenSource};
use crate::model::idempotency_key::UuidMaker;
use crate::sqlite::Database;
use crate::telemetry::audit::AuditIds;
use crate::telemetry::metrics::Metrics;

/// The apps of the configuration, with their tokens and tickets.
pub(super) fn apps(
    config: &Config,
    client: &Client,
    clock: &Clock,
    metrics: &Metrics,
    stores: Stores<'_>,
) -> Apps {
    let mut apps = Apps::default();
    for (name, app) in &config.apps {
        let name: Arc<str> = name.as_str().into();
        metrics.begin_app(&name);
        let audit_ids = AuditIds::new(config.log.audit_ids, &app.app_secret);
        let uuids = UuidMaker::new(&app.app_secret);
        let interval = config.feishu.quota_interval;
        let common = AppCommon::new(name.clone(), audit_ids, uuids, interval, clock.clone());
        let credentials =
            Credentials { app_id: app.app_id.clone(), app_secret: app.app_secret.clone() };
        let state = stores.state;
        let (client, own_clock, metrics) = (client.clone(), clock.clone(), metrics.clone());
        if app.store.is_some() {
            let shared = state.map(|it| it.app_token(&credentials));
            let store = ticket_store(app, clock, stores);
            let tickets = AppTickets::new(name, credentials, client, own_clock, metrics, store);
            let token = TokenSource::store_app(&tickets);
            apps.add_store(common, token.shared_by(shared), tickets);
        } else {
            let shared = state.map(|it| it.tenant_token(&credentials));
            let token = TokenSource::self_built(name, credentials, client, own_clock, metrics);
            apps.add_self_built(common, token.shared_by(shared));
        }
    }
    apps
}

/// Opens the place where the gateway keeps the ticket of a store app, to look at it from another process. The error is a
/// clause for the operator.
pub async fn open_ticket_store(
    config: &Config,
    app: &AppConfig,
    clock: &Clock,
) -> Result<TicketStore, String> {
    let state = config.state.as_ref().map(|it| State::new(it, clock, &Metrics::new()));
    if let Some(state) = &state {
        let connected = state.redis().connect().await;
        connected.map_err(|gone| format!("the Redis of state.url: {gone}"))?;
    }
    let path = config.broadcasts.path.as_ref().filter(|_| state.is_none());
    let database = path.map(|path| Database::open_to_read(path)).transpose();
    let database = database.map_err(|error| format!("the file of broadcasts.path {error}"))?;
    let database = database.map(Arc::new);
    let stores = Stores { state: state.as_ref(), database: database.as_ref() };
    Ok(ticket_store(app, clock, stores))
}

/// Where the ticket of a store app outlives the process, if it can.
fn ticket_store(app: &AppConfig, clock: &Clock, stores: Stores<'_>) -> TicketStore {
    match (stores.state, stores.database) {
        (Some(state), _) => TicketStore::Redis(state.ticket(&app.app_id)),
        (None, Some(database)) => {
            let file = FileTicket::new(Arc::clone(database), &app.app_id, clock.clone());
            TicketStore::File(file)
        }
        (None, None) => TicketStore::Memory,
    }
}
