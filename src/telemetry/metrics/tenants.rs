//! The metrics of the tenants of store apps.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

use super::register::register;
use crate::model::tenant_key::TenantKey;

/// Most tenants that have a label of their own: the first ones that forward.
const MOST_LABELS: usize = 100;
/// The label of all other tenants.
const OTHERS: &str = "other";

#[derive(Debug)]
pub(super) struct TenantSeries {
    known: IntGaugeVec,
    forwards: IntCounterVec,
    labels: Mutex<HashSet<TenantKey>>,
}

impl TenantSeries {
    pub(super) fn new(registry: &Registry) -> Self {
        let known = Opts::new(
            "feishu_gateway_tenants",
            "Tenants of a store app that the gateway has in memory, because they forwarded lately.",
        );
        let forwards = Opts::new(
            "feishu_gateway_tenant_forwards_total",
            "Accepted forwards in tenants of store apps, by result. Only the first 100 tenants have a label of their own.",
        );
        Self {
            known: register(registry, IntGaugeVec::new(known, &["app"])),
            forwards: register(
                registry,
                IntCounterVec::new(forwards, &["app", "tenant", "result"]),
            ),
            labels: Mutex::default(),
        }
    }

    pub(super) fn set_known(&self, app: &str, tenants: usize) {
        self.known.with_label_values(&[app]).set(i64::try_from(tenants).unwrap_or(i64::MAX));
    }

    pub(super) fn forward(&self, app: &str, tenant: &TenantKey, result: &str) {
        // No code that can panic runs under this lock.
        let mut labels = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        let has_label =
            labels.contains(tenant) || labels.len() < MOST_LABELS && labels.insert(tenant.clone());
        drop(labels);
        let label = if has_label { tenant.as_str() } else { OTHERS };
        self.forwards.with_label_values(&[app, label, result]).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_tenants_have_a_label_of_their_own() {
        let registry = Registry::new();
        let series = TenantSeries::new(&registry);
        for number in 0..2 * MOST_LABELS {
            let tenant = TenantKey::parse(&format!("t{number}")).expect("valid");
            (0..2).for_each(|_| series.forward("main", &tenant, "delivered"));
        }
        let families = registry.gather();
        assert_eq!(families[0].get_metric().len(), MOST_LABELS + 1);
        let count =
            |label: &str| series.forwards.with_label_values(&["main", label, "delivered"]).get();
        assert_eq!((count("t0"), count("t100"), count(OTHERS)), (2, 0, 200));
    }
}
