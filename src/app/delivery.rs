//! Puts the parts together that forward messages.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use super::apps::apps;
use super::parts::Parts;
use super::start::{SentBefore, StartError};
use super::state::{State, rules};
use super::stores::Stores;
use crate::clock::Clock;
use crate::config::{Config, LimitsConfig};
use crate::delivery::{
    CallerBudgets, Context, Delivery, DeliverySettings, Idempotency, InDoubtRegister,
    KeptIdempotency,
};
use crate::feishu::client::Client;
use crate::feishu::options::Options;
use crate::queue::{Bounds, Scheduler};

/// The service that forwards messages.
pub(super) fn assemble(parts: Parts<'_>) -> Delivery {
    let Parts { config, clock, metrics, sent_before, closing, client, stores, .. } = parts;
    let state = stores.state;
    Delivery::new(Context {
        apps: apps(config, client, clock, metrics, stores),
        budgets: budgets(config, clock, state).into(),
        scheduler: scheduler(config, clock, sent_before, state),
        register: register(clock, sent_before, state),
        idempotency: idempotency(config, clock, sent_before, stores),
        client: client.clone(),
        calls: TaskTracker::new(),
        clock: clock.clone(),
        settings: settings(config),
        closing: closing.clone(),
        metrics: metrics.clone(),
    })
}

/// What calls Feishu, with connections on `runtime`.
pub(super) fn client(
    config: &Config,
    clock: &Clock,
    runtime: &Handle,
) -> Result<Client, StartError> {
    let options = Options {
        base_url: config.feishu.base_url.clone(),
        authorities: config.feishu.tls.pem.ca.clone().unwrap_or_default(),
        connect_timeout: config.feishu.connect_timeout,
        attempt_timeout: config.feishu.attempt_timeout,
    };
    Ok(Client::new(options, runtime.clone(), clock.clone())?)
}

/// The bounds of each forward.
pub(super) fn settings(config: &Config) -> DeliverySettings {
    let deadline = config.feishu.deadline;
    // The last third of the deadline is for the call itself, or less if a call may not take that long.
    let for_the_call = config.feishu.attempt_timeout.min(deadline / 3);
    DeliverySettings {
        deadline,
        last_start: deadline.saturating_sub(for_the_call),
        max_attempts: config.feishu.max_attempts,
    }
}

fn scheduler(
    config: &Config,
    clock: &Clock,
    sent_before: SentBefore,
    state: Option<&State<'_>>,
) -> Scheduler {
    let rules = rules(config);
    let LimitsConfig { max_waiting_per_receiver, max_waiting, .. } = config.limits;
    let bounds = Bounds { per_receiver: max_waiting_per_receiver, in_all: max_waiting };
    let scheduler = Scheduler::new(&rules, bounds, clock.clone());
    match state {
        // Redis knows what was sent before.
        Some(state) => scheduler.shared_by(state.coordinator(config)),
        None if sent_before == SentBefore::Anything => scheduler.after_predecessor(),
        None => scheduler,
    }
}

fn register(clock: &Clock, sent_before: SentBefore, state: Option<&State<'_>>) -> InDoubtRegister {
    let mut register = InDoubtRegister::new(clock.clone());
    if sent_before == SentBefore::Anything {
        register = register.after_predecessor();
    }
    match state {
        Some(state) => register.shared_by(state.uuids(clock)),
        None => register,
    }
}

fn budgets(config: &Config, clock: &Clock, state: Option<&State<'_>>) -> CallerBudgets {
    let budgets = CallerBudgets::new(clock.clone());
    match state {
        Some(state) => budgets.shared_by(state.budgets(config)),
        None => budgets,
    }
}

fn idempotency(
    config: &Config,
    clock: &Clock,
    sent_before: SentBefore,
    Stores { state, database }: Stores<'_>,
) -> Idempotency {
    let idempotency = Idempotency::new(clock.clone());
    match (state, database) {
        (Some(state), _) => idempotency.shared_by(state.keys(config, clock)),
        (None, Some(database)) => {
            let secrets = config.apps.iter().map(|(name, app)| (name, &app.app_secret));
            let kept = KeptIdempotency::new(
                Arc::clone(database),
                secrets,
                config.feishu.deadline,
                clock.clone(),
            );
            idempotency.kept_in(match sent_before {
                SentBefore::Anything => kept.after_predecessor(),
                SentBefore::Nothing => kept,
            })
        }
        (None, None) => idempotency,
    }
}
