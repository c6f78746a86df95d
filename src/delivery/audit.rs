//! One line for each forward, for those who have to know later who sent what to whom.
//!
//! It is written when all that works on the forward has ended: after the answer, or, where the caller
//! hung up, after Feishu's.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use super::error::ForwardError;
use super::{Order, Report};
use crate::feishu::error::{CallError, Forwarded};
use crate::telemetry::audit::AuditIds;

/// The line of one forward; clones share it, and the last one writes it.
#[derive(Clone, Debug)]
pub(super) struct Entry(Arc<Line>);

#[derive(Debug)]
struct Line {
    order: Arc<Order>,
    ids: AuditIds,
    known: Mutex<Known>,
}

/// What is known of a forward's end.
#[derive(Debug)]
struct Known {
    outcome: &'static str,
    new_message: Option<String>,
    feishu_code: Option<Cow<'static, str>>,
    feishu_log_id: Option<String>,
    is_replayed: bool,
}

impl Entry {
    /// Until something else is told, nothing was delivered.
    pub(super) fn of(order: &Arc<Order>, ids: &AuditIds) -> Self {
        let known = Mutex::new(Known::of(Err(None), false));
        Self(Arc::new(Line { order: Arc::clone(order), ids: ids.clone(), known }))
    }

    /// An attempt has ended; whether another follows or its caller still listens is not known yet.
    pub(super) fn tell_attempt(&self, answer: &Result<Forwarded, CallError>, is_in_doubt: bool) {
        self.know(Known::of(answer.as_ref().map_err(Some), is_in_doubt));
    }

    /// The forward has ended.
    pub(super) fn tell(&self, report: &Report) {
        let result = report.result.as_ref().map_err(|error| match error {
            ForwardError::Failed(error) => Some(error),
            _ => None,
        });
        let mut known = Known::of(result, report.past.safe_retry_until().is_some());
        if let Err(ForwardError::NotAllowed) = report.result {
            known.outcome = "denied";
        }
        self.know(Known { is_replayed: report.is_replayed, ..known });
    }

    fn know(&self, known: Known) {
        *self.0.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }
}

impl Known {
    /// What a success or a failure tells, which came of a call or of none.
    fn of(result: Result<&Forwarded, Option<&CallError>>, is_in_doubt: bool) -> Self {
        match result {
            Ok(forwarded) => Self {
                outcome: "delivered",
                new_message: Some(forwarded.message_id.clone()),
                feishu_code: Some("0".into()),
                feishu_log_id: forwarded.log_id.clone(),
                is_replayed: false,
            },
            Err(error) => Self {
                outcome: if is_in_doubt { "unknown" } else { "not_delivered" },
                new_message: None,
                feishu_code: error.map(CallError::code),
                feishu_log_id: error.and_then(CallError::log_id).map(str::to_owned),
                is_replayed: false,
            },
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let Self { order, ids, known } = self;
        let known = known.get_mut().unwrap_or_else(PoisonError::into_inner);
        tracing::info!(
            target: "audit",
            request_id = order.request_id,
            caller = &*order.caller.name,
            app = &*order.caller.app,
            message_id = &*ids.show(order.message.as_str()),
            receive_id_type = order.receiver.kind().as_str(),
            receive_id = &*ids.show(order.receiver.id()),
            outcome = known.outcome,
            is_replayed = known.is_replayed,
            new_message_id = known.new_message.as_deref().map(|id| ids.show(id)).as_deref(),
            feishu_code = known.feishu_code.as_deref(),
            feishu_log_id = known.feishu_log_id.as_deref(),
            "forward"
        );
    }
}
