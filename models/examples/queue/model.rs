//! What the queue needs of `src/model`.

#[path = "../../../src/model/feishu_api.rs"]
pub mod feishu_api;
#[path = "../../../src/model/installation.rs"]
pub mod installation;
#[path = "../../../src/model/places.rs"]
pub mod places;
#[path = "../../../src/model/share.rs"]
pub mod share;
#[path = "../../../src/model/tenant_key.rs"]
pub mod tenant_key;
#[path = "../../../src/model/urgency.rs"]
pub mod urgency;

/// A caller: what the queue needs of it.
pub mod api_key {
    use std::sync::Arc;

    use super::share::Weight;

    /// A caller.
    #[derive(Clone, Debug)]
    pub struct Caller {
        /// Its name.
        pub name: Arc<str>,
        /// Its weight.
        pub weight: Weight,
    }
}

/// A receiver is its name.
pub mod receiver {
    /// A receiver.
    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Receiver(pub &'static str);
}

/// The problems of the queue.
pub mod problem_kind {
    /// A problem.
    #[derive(Clone, Copy, Debug)]
    pub enum ProblemKind {
        /// The receiver's limit.
        ReceiverRateLimited,
        /// The app's limits.
        AppRateLimited,
        /// Too many wait.
        Overloaded,
    }
}
