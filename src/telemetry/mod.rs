//! What operators see: logs and metrics.

pub mod audit;
pub mod logs;
pub mod metrics;
