//! What the queue needs of `src/telemetry`.

/// Metrics that nobody reads.
pub mod metrics {
    /// The metrics.
    pub struct Metrics;

    #[expect(clippy::unused_self, reason = "as in the gateway")]
    impl Metrics {
        /// Whether Redis is there.
        pub fn state_is_up(&self, _: bool) {}
    }
}
