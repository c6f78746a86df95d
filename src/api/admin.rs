//! The admin listener: liveness, readiness, metrics. None of it ever calls Feishu.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use actix_web::{HttpResponse, web};
use serde::Serialize;

use crate::delivery::Delivery;
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
}

pub(super) async fn livez() -> HttpResponse {
    HttpResponse::Ok().json(Readiness { status: "alive", reasons: Vec::new() })
}

pub(super) async fn readyz(
    delivery: web::Data<Delivery>,
    draining: web::Data<Draining>,
) -> HttpResponse {
    let mut reasons = Vec::new();
    if draining.has_begun() {
        reasons.push("the gateway is shutting down".to_owned());
    }
    for app in delivery.apps.values() {
        if app.token.usable().await.is_none() {
            reasons.push(format!("app {}: no usable tenant token", app.name));
        }
    }
    if reasons.is_empty() {
        return HttpResponse::Ok().json(Readiness { status: "ready", reasons });
    }
    reasons.sort();
    HttpResponse::ServiceUnavailable().json(Readiness { status: "not ready", reasons })
}

pub(super) async fn metrics(
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
