//! The registering of one metric.

use prometheus::Registry;
use prometheus::core::Collector;

/// Registers a metric that was made well and has a name of its own.
pub(super) fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    metric: prometheus::Result<C>,
) -> C {
    let metric = metric.expect("names and labels are written well");
    registry.register(Box::new(metric.clone())).expect("each metric is registered once");
    metric
}
