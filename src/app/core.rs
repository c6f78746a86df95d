//! A gateway without its listeners: what forwards, and what broadcasts.

use tokio::task::JoinSet;

use super::parts::Parts;
use super::{broadcasts, delivery};
use crate::broadcasts::Broadcasts;
use crate::delivery::Delivery;

/// What forwards, and what broadcasts, in a gateway that has started.
pub(crate) struct Core {
    pub(crate) delivery: Delivery,
    /// None if nothing keeps broadcasts.
    pub(crate) broadcasts: Option<Broadcasts>,
}

impl Core {
    /// Puts the parts together. What goes on beside the requests is among `tasks`.
    pub(super) fn start(parts: Parts<'_>, tasks: &mut JoinSet<()>) -> Self {
        let Parts { config, clock, metrics, keys, stores, .. } = parts;
        let delivery = delivery::assemble(parts);
        delivery.heed_budgets(&keys.keys);
        delivery.spawn_background_tasks(tasks);
        let broadcasts = broadcasts::assemble(config, clock, stores);
        if let Some(broadcasts) = &broadcasts {
            let find_caller = broadcasts::find_caller(&keys.keyring, clock);
            broadcasts.spawn_background_tasks(tasks, &delivery, &find_caller, metrics);
        }
        Self { delivery, broadcasts }
    }
}
