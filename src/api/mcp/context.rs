//! What the tools of one request have.

use std::sync::OnceLock;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::Span;

use crate::api::auth::sender::{Sender, TENANT_KEY};
use crate::api::input::mistakes::more_than_once;
use crate::api::problems::problem::{InvalidField, Problem};
use crate::api::sanitize;
use crate::broadcasts::Broadcasts;
use crate::clock::Clock;
use crate::delivery::{Delivery, Timings};
use crate::model::api_key::Caller;
use crate::model::problem_kind::ProblemKind;
use crate::model::trace_id::TraceId;
use crate::telemetry::metrics::Metrics;

/// What the tools of one request have.
pub(super) struct ToolContext {
    pub(super) sender: Sender,
    pub(super) request_id: String,
    /// The request's, which encloses each log line of a tool too. `rmcp` calls tools in tasks of their own.
    pub(super) span: Span,
    pub(super) delivery: Delivery,
    /// None if the gateway has no store for them.
    pub(super) broadcasts: Option<Broadcasts>,
    /// The JSON of the receivers of a call, if they were cut out of it.
    pub(super) long_list: Option<String>,
    /// Longest time that a forward may wait for its turn.
    pub(super) max_wait: Duration,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    /// Whether the caller reads an answer that is a stream of events.
    pub(super) takes_events: bool,
    pub(super) notes: CallNotes,
    /// Ends the tool's work when the caller hangs up. `rmcp` lets it go on.
    pub(super) hung_up: CancellationToken,
    /// The name of a member that the message has twice.
    pub(super) repeated: Option<String>,
}

impl ToolContext {
    /// The caller, for a tool that reads.
    pub(super) fn caller(&self) -> &Caller {
        self.sender.caller()
    }

    /// The caller in its tenant, for a tool that forwards.
    pub(super) fn caller_in_tenant(&self) -> Result<Caller, Problem> {
        let caller = self.sender.in_named_tenant();
        caller.map_err(|mistake| Problem::invalid(vec![InvalidField::new(TENANT_KEY, mistake)]))
    }

    /// Refuses a message that has a member twice, as the rest of the API does: a tool would heed only one of them.
    pub(super) fn refuse_repetition(&self) -> Result<(), Problem> {
        let Some(name) = &self.repeated else { return Ok(()) };
        Err(Problem::invalid(vec![InvalidField::new(sanitize::name(name), more_than_once())]))
    }
}

/// What a tool notes for the request's log line and metrics. The task of a tool cannot see the request itself.
#[derive(Default)]
pub(super) struct CallNotes {
    /// The trace that the call itself names.
    pub(super) trace_id: OnceLock<TraceId>,
    /// Where the time of a forward went, and how many calls it made to Feishu.
    pub(super) timings: OnceLock<(Timings, u32)>,
    /// Feishu's id for the last of these calls.
    pub(super) feishu_log_id: OnceLock<String>,
    /// The problem that the tool answered with, and what of its detail the log may hold.
    pub(super) problem: OnceLock<(ProblemKind, Option<String>)>,
}

impl ToolContext {
    /// Takes the trace of a `traceparent` in the call itself for the request's. A header only tells of the client's way here.
    pub(super) fn heed_traceparent(&self, traceparent: &str) {
        if let Some(trace_id) = TraceId::of_traceparent(traceparent) {
            self.span.record("trace_id", trace_id.as_str());
            let _ = self.notes.trace_id.set(trace_id);
        }
    }
}

impl CallNotes {
    /// Notes a problem that the tool tells of.
    pub(super) fn note_problem(&self, problem: &Problem) {
        let _ = self.problem.set((problem.kind, problem.for_log()));
        if let Some(id) = &problem.log_id {
            let _ = self.feishu_log_id.set(id.clone());
        }
    }
}
