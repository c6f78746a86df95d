//! Puts together what forwards messages.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::state::{State, rules};
use super::{SentBefore, StartError};
use crate::clock::Clock;
use crate::config::{AppConfig, Config, LimitsConfig};
use crate::delivery::{App, Bounds, Delivery, Idempotency, Register, Turns};
use crate::feishu::client::{self, Client};
use crate::feishu::token::{Credentials, TokenSource};
use crate::model::idempotency_key::Uuids;
use crate::store::Store;
use crate::telemetry::audit::AuditIds;
use crate::telemetry::metrics::Metrics;

/// What forwards messages, and the Redis that it shares with other replicas.
pub(super) fn assemble(
    config: &Config,
    clock: &Clock,
    metrics: &Metrics,
    sent_before: SentBefore,
    closing: &CancellationToken,
    runtime: &Handle,
) -> Result<(Delivery, Option<Arc<Store>>), StartError> {
    let options = client::Options {
        base_url: config.feishu.base_url.clone(),
        connect_timeout: config.feishu.connect_timeout,
        attempt_timeout: config.feishu.attempt_timeout,
    };
    let client = Client::new(options, runtime.clone(), clock.clone())?;
    let state = config.state.as_ref().map(|it| State::new(it, clock, metrics));
    let apps = config.apps.iter().map(|(name, it)| {
        let name: Arc<str> = name.as_str().into();
        metrics.begin_app(&name);
        let token = token(&name, it, &client, clock, metrics, state.as_ref());
        let audit_ids = AuditIds::new(config.log.audit_ids, &it.app_secret);
        let uuids = Uuids::new(&it.app_secret);
        let quota_interval = config.feishu.quota_interval;
        let app = App::new(name.clone(), token, audit_ids, uuids, quota_interval, clock.clone());
        (name, Arc::new(app))
    });
    let deadline = config.feishu.deadline;
    let delivery = Delivery {
        apps: Arc::new(apps.collect()),
        turns: Arc::new(turns(config, clock, sent_before, state.as_ref())),
        register: Arc::new(register(clock, sent_before, state.as_ref())),
        idempotency: Arc::new(idempotency(config, clock, state.as_ref())),
        client,
        calls: TaskTracker::new(),
        clock: clock.clone(),
        deadline,
        // The last third of the deadline is for the call itself, or less where a call may not take
        // that long.
        last_start: deadline.saturating_sub(config.feishu.attempt_timeout.min(deadline / 3)),
        max_attempts: config.feishu.max_attempts,
        closing: closing.clone(),
        metrics: metrics.clone(),
    };
    Ok((delivery, state.map(|it| it.store())))
}

fn token(
    name: &Arc<str>,
    app: &AppConfig,
    client: &Client,
    clock: &Clock,
    metrics: &Metrics,
    state: Option<&State>,
) -> TokenSource {
    let credentials =
        Credentials { app_id: app.app_id.clone(), app_secret: app.app_secret.clone() };
    let shared = state.map(|it| it.token(&credentials));
    let (client, clock, metrics) = (client.clone(), clock.clone(), metrics.clone());
    let token = TokenSource::new(Arc::clone(name), credentials, client, clock, metrics);
    match shared {
        Some(shared) => token.shared_by(shared),
        None => token,
    }
}

fn turns(config: &Config, clock: &Clock, sent_before: SentBefore, state: Option<&State>) -> Turns {
    let rules = rules(config);
    let names: Vec<Arc<str>> = config.apps.keys().map(|name| name.as_str().into()).collect();
    let LimitsConfig { max_waiting_per_receiver, max_waiting, .. } = config.limits;
    let bounds = Bounds { per_receiver: max_waiting_per_receiver, in_all: max_waiting };
    let turns = Turns::new(&rules, bounds, &names, clock.clone());
    match state {
        // What was sent before is written down in Redis.
        Some(state) => turns.shared_by(state.sharing(config)),
        None if sent_before == SentBefore::Anything => turns.after_another_process(),
        None => turns,
    }
}

fn register(clock: &Clock, sent_before: SentBefore, state: Option<&State>) -> Register {
    let mut register = Register::new(clock.clone());
    if sent_before == SentBefore::Anything {
        register = register.after_another_process();
    }
    match state {
        Some(state) => register.shared_by(state.uuids(clock)),
        None => register,
    }
}

fn idempotency(config: &Config, clock: &Clock, state: Option<&State>) -> Idempotency {
    let idempotency = Idempotency::new(clock.clone());
    match state {
        Some(state) => idempotency.shared_by(state.keys(config, clock)),
        None => idempotency,
    }
}
