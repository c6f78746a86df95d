//! Broadcasts as tasks, for clients that declare the protocol's extension for them (SEP-2663). The id of a task is that of
//! its broadcast, so that every replica knows it, and nothing is remembered besides.

use std::time::Duration;

use jiff::Timestamp;
use rmcp::ErrorData;
use rmcp::model::{DetailedTask, JsonObject, Task, TaskPayload, TaskStatus};
use serde_json::Value;

use crate::api::broadcasting::configured::not_configured;
use crate::api::broadcasting::problems::{NamedIn, not_found, problem_of_broadcast};
use crate::api::mcp::context::ToolContext;
use crate::api::mcp::tools::get_broadcast;
use crate::api::problems::problem::Problem;
use crate::broadcasts::{Broadcast, BroadcastError, Broadcasts, State, in_millis};
use crate::model::broadcast_id::BroadcastId;
use crate::model::problem_kind::ProblemKind;

/// Time between two looks at a task that clients are asked for. It takes seconds at least.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// The task of a broadcast that was found at `now`.
pub(super) fn of(broadcasts: &Broadcasts, broadcast: &Broadcast, now: Timestamp) -> Task {
    let status = match broadcast.state {
        State::Running | State::Paused => TaskStatus::Working,
        State::Completed => TaskStatus::Completed,
        State::Canceled => TaskStatus::Cancelled,
    };
    let end = broadcast.finished_at.unwrap_or(broadcast.expires_at);
    let lifetime = end.duration_since(broadcast.created_at);
    let lifetime = Duration::try_from(lifetime).unwrap_or_default();
    let kept = lifetime.saturating_add(broadcasts.settings().keep);
    let updated = broadcast.finished_at.unwrap_or(now);
    let (created, updated) = (in_millis(broadcast.created_at), in_millis(updated));
    Task::new(broadcast.id.as_str(), status, created.to_string(), updated.to_string())
        .with_status_message(get_broadcast::state_in_words(broadcast))
        .with_ttl_ms(in_milliseconds(kept))
        .with_poll_interval_ms(in_milliseconds(POLL_INTERVAL))
}

fn in_milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What has become of a task. Once it is completed, its result is what `get_broadcast` answers.
pub(super) async fn get(context: &ToolContext, id: &str) -> Result<DetailedTask, Problem> {
    let (broadcasts, broadcast) = find(context, id).await?;
    let task = of(broadcasts, &broadcast, context.clock.wall());
    let payload = match broadcast.state {
        State::Running | State::Paused => TaskPayload::Working,
        State::Canceled => TaskPayload::Cancelled,
        State::Completed => {
            let answer = get_broadcast::answer(context, broadcasts, &broadcast).await?;
            TaskPayload::Completed { result: in_json(&answer.into_result()) }
        }
    };
    Ok(DetailedTask::new(task, payload))
}

/// Checks that there is such a task. No task asks its client for anything, so nothing that it says changes one.
pub(super) async fn check(context: &ToolContext, id: &str) -> Result<(), Problem> {
    find(context, id).await.map(|_| ())
}

/// Cancels a task, if it has not ended.
pub(super) async fn cancel(context: &ToolContext, id: &str) -> Result<(), Problem> {
    let (broadcasts, broadcast) = find(context, id).await?;
    match broadcasts.cancel(context.caller(), &broadcast.id).await {
        Ok(_) | Err(BroadcastError::Ended) => Ok(()),
        Err(error) => Err(problem_of_broadcast(&error, NamedIn::List)),
    }
}

async fn find<'a>(
    context: &'a ToolContext,
    id: &str,
) -> Result<(&'a Broadcasts, Broadcast), Problem> {
    let broadcasts = context.broadcasts.as_ref().ok_or_else(not_configured)?;
    let id = BroadcastId::parse(id).ok_or_else(not_found)?;
    let found = broadcasts.find(context.caller(), &id).await;
    let broadcast = found.map_err(|error| problem_of_broadcast(&error, NamedIn::List))?;
    Ok((broadcasts, broadcast))
}

/// The error of a request about a task.
pub(super) fn refused(context: &ToolContext, problem: &Problem) -> ErrorData {
    context.notes.note_problem(problem);
    let words = problem.detail.en.to_string();
    match problem.kind {
        ProblemKind::BroadcastNotFound => ErrorData::invalid_params(words, None),
        _ => ErrorData::internal_error(words, None),
    }
}

fn in_json(result: &impl serde::Serialize) -> JsonObject {
    match serde_json::to_value(result) {
        Ok(Value::Object(result)) => result,
        _ => unreachable!("the result of a tool is an object"),
    }
}
