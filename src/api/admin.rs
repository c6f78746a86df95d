//! The admin listener: liveness, readiness, metrics. None of it ever calls Feishu.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde::Serialize;

use crate::clock::seconds_up;
use crate::delivery::{AppHealth, Delivery};
use crate::feishu::error::CallError;
use crate::telemetry::metrics::{Gauges, Metrics};

/// Whether the process has begun to shut down; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Draining(Arc<AtomicBool>);

impl Draining {
    /// From now on the gateway is not ready.
    pub fn begin(&self) {
        self.0.store(true, Relaxed);
    }

    pub(super) fn has_begun(&self) -> bool {
        self.0.load(Relaxed)
    }
}

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
    /// What ails an app though it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// How long each app's token is waited for: longer, and one app's trouble takes the gateway away from all.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn livez() -> HttpResponse {
    HttpResponse::Ok().json(Readiness {
        status: "alive",
        reasons: Vec::new(),
        warnings: Vec::new(),
    })
}

/// Ready once every app has had a token, or one has and the others were waited for; from then on unless
/// the gateway drains. What ails one app is told and keeps nobody from the others.
pub(super) async fn readyz(
    delivery: web::Data<Delivery>,
    draining: web::Data<Draining>,
) -> HttpResponse {
    let apps = delivery.health();
    let has_begun = apps.iter().all(|app| app.has_had_token)
        || apps.iter().any(|app| app.has_had_token) && apps.iter().all(|app| app.age >= PATIENCE);
    let mut ailments: Vec<String> = apps.into_iter().flat_map(ailments).collect();
    ailments.sort();
    if has_begun && !draining.has_begun() {
        let body = Readiness { status: "ready", reasons: Vec::new(), warnings: ailments };
        return HttpResponse::Ok().json(body);
    }
    let (reasons, warnings) = if draining.has_begun() {
        (vec!["the gateway is shutting down".to_owned()], ailments)
    } else {
        (ailments, Vec::new())
    };
    HttpResponse::ServiceUnavailable().json(Readiness { status: "not ready", reasons, warnings })
}

/// What ails an app, with Feishu's code and without its words, which are not for everybody.
fn ailments(app: AppHealth) -> Vec<String> {
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
                "app {name}: the tenant token runs out in {left} s and is not renewed{said}"
            ))
        }
        (Some(_), None) => None,
    };
    let refused = app.refused_with.into_iter().map(|(code, pause)| {
        let (problem, pause) = (code.problem.facts().name, seconds_up(pause));
        format!("app {name}: Feishu refused it with {} ({problem}) and is not asked again for {pause} s", code.code)
    });
    token.into_iter().chain(refused).collect()
}

pub(super) async fn metrics(
    delivery: web::Data<Delivery>,
    metrics: web::Data<Metrics>,
) -> HttpResponse {
    let now = Gauges {
        receivers: delivery.receivers(),
        waiting: delivery.waiting(),
        open_circuits: delivery.open_circuits(),
    };
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(metrics.render(&now))
}
