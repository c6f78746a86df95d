//! What would become of a forward, for callers who want to know before they send it.

use std::sync::Arc;
use std::time::Duration;

use super::error::ForwardError;
use super::idempotency::Claim;
use super::identity::Identity;
use super::past::Known;
use super::register::Reused;
use super::run::Run;
use super::{Delivery, Name, Order, Past, Timings};
use crate::feishu::client::{Call, Preview};
use crate::limits::Standing;

/// What would become of a forward that begins now.
#[derive(Debug)]
pub struct Rehearsal {
    /// What the gateway would do, or why it would not.
    pub result: Result<Foreseen, ForwardError>,
    /// Where it would not: what is known of earlier attempts.
    pub past: Past,
    /// Where the time went.
    pub timings: Timings,
    /// How much of the receiver's limit is left.
    pub standing: Standing,
}

/// What the gateway would do with a forward.
#[derive(Debug)]
pub enum Foreseen {
    /// Send it.
    Send {
        /// How long it would wait for its turn, as far as that can be foreseen.
        wait: Duration,
        /// What Feishu would get.
        call: Preview,
    },
    /// Let it hear what becomes of another request with the same key.
    Join,
    /// Answer what another request with the same key was told.
    Replay,
}

impl Delivery {
    /// Does all that a forward does before its call to Feishu, and takes nobody's turn.
    pub async fn rehearse(self: &Arc<Self>, order: &Arc<Order>) -> Rehearsal {
        let started = self.clock.now();
        let mut run = Run::new(self, self.app_of(&order.caller), order, Name::None, started);
        let result = self.foresee(&mut run, order).await;
        Rehearsal {
            past: match result {
                Ok(_) => Past::NothingOut,
                Err(_) => self.past_of_failure(order, run.in_doubt_since(), Known::Wholly),
            },
            result,
            timings: Timings { total: self.clock.since(started), ..run.timings },
            standing: self.turns.standing(&order.receiver),
        }
    }

    async fn foresee(&self, run: &mut Run<'_>, order: &Order) -> Result<Foreseen, ForwardError> {
        order.check_policy()?;
        let used = match &order.named {
            Some(named) => self.idempotency.look(named, &order.caller.app).await,
            None => None,
        };
        match used {
            Some(Claim::Reused) => return Err(ForwardError::KeyReused),
            Some(Claim::Done(_)) => return Ok(Foreseen::Replay),
            Some(Claim::Join(_)) => return Ok(Foreseen::Join),
            Some(Claim::Lead(_)) | None => {}
        }
        if order.uuid_is_chosen() {
            let looked = self.register.look(&Identity::of(order));
            looked.map_err(|Reused| ForwardError::UuidReused)?;
        }
        let wait = run.rehearse()?;
        let Order { message, receiver, uuid, .. } = order;
        Ok(Foreseen::Send { wait, call: self.client.preview(Call { message, receiver, uuid }) })
    }
}
