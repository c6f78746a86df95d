//! The routes of the admin listener: liveness, readiness and metrics. None of them ever calls Feishu.

use actix_web::{HttpResponse, web};
use serde::Serialize;

use crate::api::auth::keyring::Keyring;
use crate::api::http::draining::Draining;
use crate::api::readiness::is_ready;
use crate::clock::seconds_up;
use crate::delivery::{AppHealth, Delivery};
use crate::feishu::error::CallError;
use crate::telemetry::metrics::{Gauges, Metrics};

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    /// Why the gateway is not ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
    /// What is wrong with an app although the gateway is ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

pub(crate) async fn livez() -> HttpResponse {
    HttpResponse::Ok().json(Readiness {
        status: "alive",
        reasons: Vec::new(),
        warnings: Vec::new(),
    })
}

/// Whether the gateway is ready, and what is wrong. Trouble of one app is a warning, so that the callers of the other apps
/// are still served.
pub(crate) async fn readyz(
    delivery: web::Data<Delivery>,
    draining: web::Data<Draining>,
) -> HttpResponse {
    let apps = delivery.health();
    let is_ready = is_ready(&apps, &draining);
    let mut troubles: Vec<String> = apps.into_iter().flat_map(troubles).collect();
    troubles.sort();
    if is_ready {
        let body = Readiness { status: "ready", reasons: Vec::new(), warnings: troubles };
        return HttpResponse::Ok().json(body);
    }
    let (reasons, warnings) = if draining.has_begun() {
        (vec!["the gateway is shutting down".to_owned()], troubles)
    } else {
        (troubles, Vec::new())
    };
    HttpResponse::ServiceUnavailable().json(Readiness { status: "not ready", reasons, warnings })
}

/// What is wrong with an app. Feishu's code is named; Feishu's words are left out, as they can hold what
/// not everybody on the admin network may read.
fn troubles(app: AppHealth) -> Vec<String> {
    let name = &app.name;
    let said = app.token_error.map(|error| match &*error {
        CallError::Refused(refusal) => format!(": Feishu answered {}", refusal.code),
        error => format!(": {}", error.code()),
    });
    let token = match (app.token_expires_in, said) {
        (None, said) => {
            Some(format!("app {name}: no usable tenant token{}", said.unwrap_or_default()))
        }
        (Some(left), Some(said)) => {
            let left = seconds_up(left);
            Some(format!(
                "app {name}: the tenant token expires in {left} s and could not be renewed{said}"
            ))
        }
        (Some(_), None) => None,
    };
    let refused = app.refused_with.into_iter().map(|(code, pause)| {
        let (problem, pause) = (code.problem.facts().name, seconds_up(pause));
        format!("app {name}: Feishu refused the app with {} ({problem}); the next call is in {pause} s at the earliest", code.code)
    });
    let tenants = (app.refused_tenants > 0)
        .then(|| format!("app {name}: Feishu refuses the app in {} tenants", app.refused_tenants));
    token.into_iter().chain(refused).chain(tenants).collect()
}

pub(crate) async fn metrics(
    delivery: web::Data<Delivery>,
    metrics: web::Data<Metrics>,
    keyring: web::Data<Keyring>,
) -> HttpResponse {
    let now = Gauges {
        receivers: delivery.receivers(),
        waiting: delivery.waiting(),
        waiting_by_caller: delivery.waiting_by_caller(),
        tenants: delivery.tenants(),
        open_circuits: delivery.open_circuits(),
        caller_budgets: delivery.caller_budgets(),
        key_expiries: keyring.expiries(),
    };
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(metrics.render(&now))
}
