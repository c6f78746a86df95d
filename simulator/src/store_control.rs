//! The part of the control API that is about store apps: their tenants and what is pushed to them.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::apps::KnownStoreApp;
use crate::control_body::{done, mistake, parse};
use crate::event::Event;
use crate::push::{NotPushed, PushAnswer};
use crate::pusher;
use crate::receiver::is_push_url;
use crate::state::{Shared, State};

/// The longest key of a tenant, in bytes.
const MAX_TENANT_KEY: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tenant {
    app_id: String,
    tenant_key: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PushUrl {
    app_id: String,
    url: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToPush {
    app_id: String,
    push: Pushed,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Pushed {
    AppTicket,
    AddressCheck,
    Event(Event),
}

/// The store apps.
pub(crate) fn apps(state: &State) -> Value {
    let shown = |(app_id, store): (&str, &KnownStoreApp)| {
        let valid: Vec<_> = store.tickets.iter().take(state.settings.valid_tickets).collect();
        json!({
            "app_id": app_id,
            "tenants": store.tenants,
            "push_url": store.push_url,
            "app_tickets": valid,
        })
    };
    json!(state.apps.stores().into_iter().map(shown).collect::<Vec<_>>())
}

/// Installs an app in a tenant.
pub(crate) fn install(state: &mut State, body: &str) -> Result<Value, Value> {
    change_tenants(state, body, KnownStoreApp::install)
}

/// Uninstalls an app in a tenant.
pub(crate) fn uninstall(state: &mut State, body: &str) -> Result<Value, Value> {
    change_tenants(state, body, KnownStoreApp::uninstall)
}

fn change_tenants(
    state: &mut State,
    body: &str,
    change: fn(&mut KnownStoreApp, &str),
) -> Result<Value, Value> {
    let Tenant { app_id, tenant_key } = parse(body)?;
    let store = state.apps.store_mut(&app_id).ok_or_else(no_store_app)?;
    if tenant_key.is_empty() || tenant_key.len() > MAX_TENANT_KEY {
        return Err(mistake("tenant_key", "must have 1 to 256 bytes"));
    }
    change(store, &tenant_key);
    Ok(json!({"tenants": store.tenants}))
}

/// Sets the URL to which an app's events are pushed.
pub(crate) fn set_push_url(state: &mut State, body: &str) -> Result<Value, Value> {
    let PushUrl { app_id, url } = parse(body)?;
    let store = state.apps.store_mut(&app_id).ok_or_else(no_store_app)?;
    if !is_push_url(&url) {
        return Err(mistake("url", "must be a URL with the scheme http"));
    }
    store.push_url = Some(url);
    Ok(done())
}

/// Pushes something, and waits for the answer.
pub(crate) async fn push(shared: &Shared, body: &str) -> Result<Value, Value> {
    let ToPush { app_id, push } = parse(body)?;
    let answer = match push {
        Pushed::AppTicket => pusher::push_ticket(shared, &app_id).await,
        Pushed::AddressCheck => pusher::push_check(shared, &app_id).await,
        Pushed::Event(event) => pusher::push_event(shared, &app_id, &event).await,
    };
    match answer {
        Err(NotPushed::NoStoreApp) => Err(no_store_app()),
        Err(NotPushed::NoUrl) => Err(mistake("app_id", "this app has no URL; push_url sets it")),
        answer => Ok(pushed(answer)),
    }
}

/// Pushes what is due.
pub(crate) async fn push_due(shared: &Shared) -> Value {
    json!(pusher::push_due(shared).await.into_iter().map(pushed).collect::<Vec<_>>())
}

/// What the answer of the receiver is, or why there is none.
fn pushed(answer: Result<PushAnswer, NotPushed>) -> Value {
    match answer {
        Ok(answer) => json!({"answer": answer}),
        Err(why) => json!({"answer": null, "error": why.to_string()}),
    }
}

fn no_store_app() -> Value {
    mistake("app_id", "no store app has this id")
}
