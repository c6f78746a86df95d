//! What operators see: logs, metrics and the ids of the audit log.

pub mod audit;
pub mod logs;
pub mod metrics;
pub mod traces;
