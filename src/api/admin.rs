//! The admin listener: liveness, readiness, metrics. None of it ever calls Feishu.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde::Serialize;

use crate::clock::{Moment, seconds_up};
use crate::delivery::{App, Delivery};
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

    pub(crate) fn has_begun(&self) -> bool {
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

pub(crate) async fn livez() -> HttpResponse {
    HttpResponse::Ok().json(Readiness {
        status: "alive",
        reasons: Vec::new(),
        warnings: Vec::new(),
    })
}

/// Ready once every app has had a token, or one has and the others were waited for; from then on unless
/// the gateway drains. What ails one app is told and keeps nobody from the others.
pub(crate) async fn readyz(
    delivery: web::Data<Delivery>,
    draining: web::Data<Draining>,
) -> HttpResponse {
    let now = delivery.clock.now();
    let apps: Vec<&App> = delivery.apps.values().map(|app| &**app).collect();
    let has_begun = apps.iter().all(|app| app.token.has_had_one())
        || apps.iter().any(|app| app.token.has_had_one())
            && apps.iter().all(|app| now >= app.since + PATIENCE);
    let mut ailments: Vec<String> = apps.into_iter().flat_map(|app| ailments(app, now)).collect();
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
fn ailments(app: &App, now: Moment) -> Vec<String> {
    let name = &app.name;
    let said = app.token.trouble().map(|trouble| match &*trouble.error {
        CallError::Refused(refusal) => format!(": Feishu answered {}", refusal.code),
        error => format!(": {}", error.code()),
    });
    let token = match (app.token.usable(), said) {
        (None, said) => {
            Some(format!("app {name}: no usable tenant token{}", said.unwrap_or_default()))
        }
        (Some(token), Some(said)) => {
            let left = seconds_up(token.expires_at().saturating_sub(now));
            Some(format!(
                "app {name}: the tenant token runs out in {left} s and is not renewed{said}"
            ))
        }
        (Some(_), None) => None,
    };
    let refused = app.refused_with().into_iter().map(|(code, pause)| {
        let (problem, pause) = (code.problem.facts().name, seconds_up(pause));
        format!("app {name}: Feishu refused it with {} ({problem}) and is not asked again for {pause} s", code.code)
    });
    token.into_iter().chain(refused).collect()
}

pub(crate) async fn metrics(
    delivery: web::Data<Delivery>,
    metrics: web::Data<Metrics>,
) -> HttpResponse {
    let now = Gauges {
        receivers: delivery.turns.receivers(),
        waiting: delivery.turns.waiting(),
        closed_gates: delivery.closed_gates(),
    };
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(metrics.render(&now))
}
