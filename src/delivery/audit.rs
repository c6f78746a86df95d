//! One audit line for each forward: who sent what to whom, and what became of it.
//!
//! The line is written when all work on the forward has ended: after the answer, or after Feishu's answer if the
//! caller hung up before.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use super::error::ForwardError;
use super::report::ForwardReport;
use super::request::ForwardRequest;
use crate::feishu::error::{CallError, Forwarded};
use crate::model::broadcast_id::BroadcastId;
use crate::model::forward::Forward;
use crate::model::message_id::MessageId;
use crate::telemetry::audit::AuditIds;

/// The audit line of one forward. Clones share it, and dropping the last one writes it.
#[derive(Clone, Debug)]
pub(super) struct AuditEntry(Arc<AuditLine>);

#[derive(Debug)]
struct AuditLine {
    request: Arc<ForwardRequest>,
    ids: AuditIds,
    end: Mutex<AuditedEnd>,
}

/// How a forward has ended, as far as is known.
#[derive(Debug)]
struct AuditedEnd {
    outcome: &'static str,
    new_message: Option<String>,
    /// The messages that Feishu has left out of a merge.
    invalid_messages: Vec<String>,
    feishu_code: Option<Cow<'static, str>>,
    feishu_log_id: Option<String>,
    is_replayed: bool,
}

impl AuditEntry {
    /// The line of a forward that begins: as long as nothing else is noted, nothing was delivered.
    pub(super) fn of(request: &Arc<ForwardRequest>, ids: &AuditIds) -> Self {
        let end = Mutex::new(AuditedEnd::of(Err(None), false));
        Self(Arc::new(AuditLine { request: Arc::clone(request), ids: ids.clone(), end }))
    }

    /// Notes that an attempt has ended. Another one may follow.
    pub(super) fn note_attempt(&self, answer: &Result<Forwarded, CallError>, is_in_doubt: bool) {
        self.note(AuditedEnd::of(answer.as_ref().map_err(Some), is_in_doubt));
    }

    /// Notes that the forward has ended.
    pub(super) fn note_report(&self, report: &ForwardReport) {
        if report.result.is_ok() && !report.is_replayed {
            // The attempt that succeeded has been noted.
            return;
        }
        let result = report.result.as_ref().map_err(|error| match error {
            ForwardError::Failed(error) => Some(error),
            _ => None,
        });
        let is_in_doubt = report.prior_attempts.safe_retry_until().is_some();
        let mut end = AuditedEnd::of(result, is_in_doubt);
        if let Err(ForwardError::NotAllowed) = report.result {
            end.outcome = "denied";
        }
        self.note(AuditedEnd { is_replayed: report.is_replayed, ..end });
    }

    fn note(&self, end: AuditedEnd) {
        *self.0.end.lock().unwrap_or_else(PoisonError::into_inner) = end;
    }
}

impl AuditedEnd {
    /// The end by a success, by a failed call, or by a failure before any call.
    fn of(result: Result<&Forwarded, Option<&CallError>>, is_in_doubt: bool) -> Self {
        match result {
            Ok(forwarded) => Self {
                outcome: "delivered",
                new_message: Some(forwarded.message_id.clone()),
                invalid_messages: forwarded.invalid_message_ids.clone(),
                feishu_code: Some("0".into()),
                feishu_log_id: forwarded.log_id.clone(),
                is_replayed: false,
            },
            Err(error) => Self {
                outcome: if is_in_doubt { "unknown" } else { "not_delivered" },
                new_message: None,
                invalid_messages: Vec::new(),
                feishu_code: error.map(CallError::code),
                feishu_log_id: error.and_then(CallError::log_id).map(str::to_owned),
                is_replayed: false,
            },
        }
    }
}

impl Drop for AuditLine {
    fn drop(&mut self) {
        let Self { request, ids, end } = self;
        let end = end.get_mut().unwrap_or_else(PoisonError::into_inner);
        let (message, messages, thread) = match &request.forward {
            Forward::Message(id) => (Some(id.as_str()), None, None),
            Forward::Merged(messages) => (None, Some(messages.ids()), None),
            Forward::Thread(id) => (None, None, Some(id.as_str())),
        };
        let tenant = request.caller.tenant.as_ref();
        let messages = messages.map(|it| ids.show_all(it.iter().map(MessageId::as_str)));
        let invalid = end.invalid_messages.iter().map(String::as_str);
        let invalid = (!end.invalid_messages.is_empty()).then(|| ids.show_all(invalid));
        tracing::info!(
            target: "audit",
            request_id = request.request_id,
            broadcast_id = request.broadcast.as_ref().map(BroadcastId::as_str),
            caller = &*request.caller.name,
            app = &*request.caller.app,
            tenant_key = tenant.map(|key| ids.show(key.as_str())).as_deref(),
            api = request.forward.api().as_str(),
            message_id = message.map(|id| ids.show(id)).as_deref(),
            message_ids = messages,
            thread_id = thread.map(|id| ids.show(id)).as_deref(),
            receive_id_type = request.receiver.kind().as_str(),
            receive_id = &*ids.show(request.receiver.id()),
            outcome = end.outcome,
            is_replayed = end.is_replayed,
            invalid_message_ids = invalid,
            new_message_id = end.new_message.as_deref().map(|id| ids.show(id)).as_deref(),
            feishu_code = end.feishu_code.as_deref(),
            feishu_log_id = end.feishu_log_id.as_deref(),
            "forward"
        );
    }
}
