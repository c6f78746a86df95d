//! `get_broadcast`: what has become of a broadcast.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use rmcp::model::{JsonObject, Tool};
use serde_json::{Value, json};

use crate::api::broadcasting::configured::not_configured;
use crate::api::broadcasting::problems::{NamedIn, not_found, problem_of_broadcast};
use crate::api::mcp::arguments::Arguments;
use crate::api::mcp::context::ToolContext;
use crate::api::mcp::tools::answer::{Progress, ToolAnswer};
use crate::api::mcp::tools::schema::{self, Effect};
use crate::api::problems::problem::Problem;
use crate::broadcasts::{
    Broadcast, BroadcastBody, BroadcastError, Broadcasts, MOST_AT_ONCE, ReceiverRecord,
    ReceiverState,
};
use crate::feishu::codes;
use crate::model::broadcast_id::BroadcastId;

const DESCRIPTION: &str = "Shows a broadcast that broadcast_message accepted: its state, how many receivers have which \
    outcome, and why some did not get the message, with what to do and who can do it. It sends nothing.\n\
    state: running: it continues; call again later, or pass wait_seconds to wait until it ends. paused: it continues \
    by itself after the problem in paused_by is over. completed: each receiver has its outcome, which need not be \
    delivered: read counts and failures, and report them to the person. canceled: receivers that were still pending \
    get nothing.\n\
    Do not broadcast again to receivers that failed before the cause is fixed, and never to receivers with the outcome \
    unknown: they may have the message.";
/// Longest wait. Clients commonly give a call a minute.
const LONGEST_WAIT: u64 = 50;
/// Time between two looks at a broadcast at least.
const PACE: Duration = Duration::from_secs(1);
/// The outcomes that are told one by one.
const FAILED: [ReceiverState; 3] =
    [ReceiverState::NotDelivered, ReceiverState::Unknown, ReceiverState::Expired];
/// The most kinds of failures that are told, and the most receivers of each.
const MOST_KINDS: usize = 10;
const MOST_EXAMPLES: usize = 5;

pub(super) fn definition() -> Tool {
    let input = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["broadcast_id"],
        "properties": {
            "broadcast_id": {
                "type": "string",
                "pattern": "^bc_[0-9a-f]{32}$",
                "description": "The id that broadcast_message returned, bc_…",
            },
            "wait_seconds": {
                "type": "integer",
                "minimum": 0,
                "maximum": LONGEST_WAIT,
                "description": "How long to wait for its end, at most. Default: do not wait.",
            },
        },
    });
    schema::tool("get_broadcast", "Show a broadcast", DESCRIPTION, Effect::Reads, (input, output()))
}

/// The schema of a broadcast.
pub(super) fn output() -> Value {
    let counts: JsonObject = ReceiverState::ALL
        .iter()
        .map(|state| (state.as_str().to_owned(), json!({ "type": "integer", "minimum": 0 })))
        .collect();
    json!({
        "type": "object",
        "required": ["broadcast_id", "message_id", "state", "total", "counts"],
        "properties": {
            "broadcast_id": { "type": "string" },
            "message_id": { "type": "string" },
            "state": { "enum": ["running", "paused", "completed", "canceled"] },
            "paused_by": { "type": "string", "description": "The problem that paused it." },
            "total": { "type": "integer", "minimum": 1 },
            "counts": {
                "type": "object",
                "description": "How many receivers have which outcome.",
                "properties": counts,
            },
            "created_at": { "type": "string" },
            "expires_at": { "type": "string" },
            "estimated_finish_at": { "type": "string" },
            "finished_at": { "type": "string" },
            "retry_of": { "type": "string" },
            "replayed": {
                "type": "boolean",
                "description": "Whether an earlier call of broadcast_message created it.",
            },
            "failures": {
                "type": "array",
                "description": "Why receivers did not get the message, the most frequent reason first.",
                "items": {
                    "type": "object",
                    "required": ["outcome", "count", "examples"],
                    "properties": {
                        "outcome": { "type": "string" },
                        "code": { "type": "string" },
                        "title": { "type": "string" },
                        "remedy": { "type": "string" },
                        "fix_by": { "type": "string" },
                        "feishu_code": { "type": "integer" },
                        "count": { "type": "integer", "minimum": 1 },
                        "examples": { "type": "array", "items": { "type": "string" } },
                    },
                },
            },
        },
    })
}

pub(super) async fn call(
    context: &ToolContext,
    arguments: JsonObject,
    progress: &Progress,
) -> Result<ToolAnswer, Problem> {
    let broadcasts = context.broadcasts.as_ref().ok_or_else(not_configured)?;
    let (id, wait) = read(arguments)?;
    let found = broadcasts.find(context.caller(), &id).await.map_err(|it| refused(&it))?;
    let broadcast = until_it_ends(context, broadcasts, found, wait, progress)
        .await
        .map_err(|it| refused(&it))?;
    answer(context, broadcasts, &broadcast).await
}

/// Reads which broadcast the arguments ask for, and how long to wait for its end.
pub(in crate::api::mcp) fn read(arguments: JsonObject) -> Result<(BroadcastId, Duration), Problem> {
    let mut arguments = Arguments::new(arguments);
    let id = arguments.required_text("broadcast_id");
    let wait = Duration::from_secs(arguments.number("wait_seconds", LONGEST_WAIT).unwrap_or(0));
    arguments.finish()?;
    let id = id.as_deref().and_then(BroadcastId::parse).ok_or_else(not_found)?;
    Ok((id, wait))
}

/// What has become of a broadcast, with its failures.
pub(in crate::api::mcp) async fn answer(
    context: &ToolContext,
    broadcasts: &Broadcasts,
    broadcast: &Broadcast,
) -> Result<ToolAnswer, Problem> {
    let failed = failed(context, broadcasts, broadcast).await.map_err(|it| refused(&it))?;
    let failures = grouped(&failed);
    let mut structured = in_json(broadcasts, broadcast);
    structured["failures"] = failures.iter().map(Failure::in_json).collect();
    let mut text = state_in_words(broadcast);
    for failure in &failures {
        failure.write(&mut text);
    }
    let counted: usize = failures.iter().map(|it| it.count).sum();
    let all: u32 = FAILED.iter().map(|state| broadcast.counts.of(*state)).sum();
    if counted < all as usize {
        let _ = write!(text, "\n{} more failures are not listed.", all as usize - counted);
    }
    Ok(ToolAnswer { text, structured, task: None })
}

fn refused(error: &BroadcastError) -> Problem {
    problem_of_broadcast(error, NamedIn::List)
}

/// The broadcast once it has ended, or when the time is over or the process begins to end. The caller is told of
/// progress meanwhile.
async fn until_it_ends(
    context: &ToolContext,
    broadcasts: &Broadcasts,
    found: Broadcast,
    wait: Duration,
    progress: &Progress,
) -> Result<Broadcast, BroadcastError> {
    let until = context.clock.now() + wait;
    let mut broadcast = found;
    let mut told = None;
    loop {
        let done = broadcast.total.saturating_sub(broadcast.counts.open());
        if told < Some(done) && !wait.is_zero() {
            let message = format!("{done} of {} receivers have an outcome", broadcast.total);
            progress.tell(done, broadcast.total, message).await;
            told = Some(done);
        }
        if broadcast.finished_at.is_some() || context.clock.now() >= until {
            return Ok(broadcast);
        }
        tokio::select! {
            () = broadcasts.stopping() => return Ok(broadcast),
            () = context.clock.sleep_until(until.min(context.clock.now() + PACE)) => {}
        }
        let changed =
            broadcasts.changed(context.caller(), &broadcast.id, broadcast.revision, until);
        broadcast = changed.await?;
    }
}

/// The receivers that have not got the message, as many as are read at once.
async fn failed(
    context: &ToolContext,
    broadcasts: &Broadcasts,
    broadcast: &Broadcast,
) -> Result<Vec<ReceiverRecord>, BroadcastError> {
    if FAILED.iter().all(|state| broadcast.counts.of(*state) == 0) {
        return Ok(Vec::new());
    }
    broadcasts.receivers(context.caller(), &broadcast.id, &FAILED, 0, MOST_AT_ONCE).await
}

/// Receivers that have failed alike.
struct Failure<'a> {
    count: usize,
    /// The first of them.
    first: &'a ReceiverRecord,
    examples: Vec<&'a str>,
}

/// The failures by outcome, problem and Feishu's code, most frequent first.
fn grouped(failed: &[ReceiverRecord]) -> Vec<Failure<'_>> {
    let mut groups: BTreeMap<_, Failure<'_>> = BTreeMap::new();
    for record in failed {
        let problem = record.problem.as_ref();
        let alike =
            (record.state.as_str(), problem.map(|it| (it.kind.facts().name, it.feishu_code)));
        let new = || Failure { count: 0, first: record, examples: Vec::new() };
        let group = groups.entry(alike).or_insert_with(new);
        group.count += 1;
        if group.examples.len() < MOST_EXAMPLES {
            group.examples.push(record.receiver.id());
        }
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|it| usize::MAX - it.count);
    groups.truncate(MOST_KINDS);
    groups
}

impl Failure<'_> {
    fn remedy(&self) -> Option<&'static str> {
        let problem = self.first.problem.as_ref()?;
        let known = problem.feishu_code.and_then(codes::find);
        let known = known.filter(|it| it.problem == problem.kind);
        Some(known.map_or(problem.kind.facts().remedy, |it| it.remedy).en)
    }

    fn in_json(&self) -> Value {
        let mut json = json!({
            "outcome": self.first.state.as_str(),
            "count": self.count,
            "examples": self.examples,
        });
        if let Some(problem) = &self.first.problem {
            let facts = problem.kind.facts();
            json["code"] = facts.name.into();
            json["title"] = facts.title.into();
            json["fix_by"] = facts.fix_by.name().into();
            json["remedy"] = self.remedy().into();
            if let Some(code) = problem.feishu_code {
                json["feishu_code"] = code.into();
            }
        }
        json
    }

    fn write(&self, text: &mut String) {
        let (state, examples) = (self.first.state.as_str(), self.examples.join(", "));
        let more = if self.count > self.examples.len() { ", …" } else { "" };
        let _ = write!(text, "\n{} × {state} ({examples}{more})", self.count);
        if let Some(problem) = &self.first.problem {
            let facts = problem.kind.facts();
            let _ = write!(
                text,
                ": {}. {}. What to do: {} Who can do it: {}.",
                facts.name,
                facts.title,
                self.remedy().unwrap_or_default(),
                facts.fix_by.name()
            );
        }
    }
}

/// The broadcast as the schema has it.
pub(super) fn in_json(broadcasts: &Broadcasts, broadcast: &Broadcast) -> Value {
    let body = BroadcastBody::new(broadcast, broadcasts.estimated_finish_at(broadcast));
    let mut json =
        serde_json::to_value(body).expect("a struct of strings and numbers is always JSON");
    if let Some(members) = json.as_object_mut()
        && let Some(id) = members.remove("id")
    {
        members.insert("broadcast_id".to_owned(), id);
    }
    json
}

/// Where the broadcast stands, in lines.
pub(in crate::api::mcp) fn state_in_words(broadcast: &Broadcast) -> String {
    let mut text = format!("broadcast_id: {}\nstate: {}", broadcast.id, broadcast.state.as_str());
    if let Some(kind) = broadcast.paused_by {
        let facts = kind.facts();
        let _ = write!(text, "\npaused_by: {}. {}.", facts.name, facts.title);
    }
    let _ = write!(text, "\ntotal: {}", broadcast.total);
    for state in ReceiverState::ALL {
        let count = broadcast.counts.of(state);
        if count > 0 {
            let _ = write!(text, "\n{}: {count}", state.as_str());
        }
    }
    text
}
