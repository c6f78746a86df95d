//! The bodies of requests about broadcasts and of their answers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::language::Language;
use crate::api::public_url::PublicUrl;
use crate::broadcasts::{BroadcastBody, ReceiverProblem, ReceiverRecord, ReceiverState, in_millis};
use crate::feishu::codes;
use crate::model::problem_kind::{FixBy, ProblemKind};
use crate::model::receiver::ReceiveIdType;

/// The body of a request for a broadcast.
// No member of a body has a `default` in the document: generators of clients take such a member for a required one.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes what `input.rs` reads")]
#[schema(as = NewBroadcast)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBroadcastBody {
    /// Who gets the message: 1 to `broadcasts.max_receivers` of the gateway (10000 unless set otherwise), each one once.
    #[schema(value_type = BTreeSet<BroadcastReceiverBody>, min_items = 1)]
    receivers: Vec<BroadcastReceiverBody>,
    /// For how long the message may be sent, from 1 minute to 7 days, such as `2h` or `30m`. Left out: `24h`. Who has not been sent the message by then is `expired`.
    #[schema(
        example = "2h",
        pattern = "^([1-9][0-9]{0,3}m|[1-9][0-9]?h|1[0-5][0-9]h|16[0-8]h|[1-7]d)$",
        nullable = false
    )]
    expires_in: Option<String>,
}

/// One receiver of a broadcast.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes what `receivers.rs` reads")]
#[schema(as = BroadcastReceiver)]
#[serde(deny_unknown_fields)]
pub(crate) struct BroadcastReceiverBody {
    /// Who gets the message: a user, a group or a thread. One id, without white space or commas, neither
    /// a URL nor a message's id.
    #[schema(
        example = "oc_5ad11d72b830411d72b836c20",
        min_length = 1,
        max_length = 256,
        pattern = r"^[^\x00-\x1F\x7F-\x9F\s,，、]+$"
    )]
    receive_id: String,
    /// What `receive_id` is. Left out, it is detected as with a forward.
    #[schema(value_type = Option<ReceiveIdType>, nullable = false)]
    receive_id_type: Option<String>,
}

/// The body of a retry.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes what `input.rs` reads")]
#[schema(as = BroadcastRetry)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetryBody {
    /// Those with which outcomes get the message: `not_delivered`, `expired`, `unknown` (they may have got it before) or `canceled`. Left out: `not_delivered` and `expired`.
    #[schema(
        value_type = Option<BTreeSet<RetriableOutcome>>,
        example = json!(["not_delivered", "expired"]),
        min_items = 1,
        max_items = 4,
        nullable = false
    )]
    outcomes: Option<Vec<String>>,
}

/// An outcome that can be retried.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `input.rs` reads")]
#[schema(rename_all = "snake_case", example = "not_delivered")]
enum RetriableOutcome {
    /// The message was not delivered.
    NotDelivered,
    /// Nothing could be sent in time.
    Expired,
    /// Nobody knows whether the message was delivered.
    Unknown,
    /// The broadcast was canceled before anything was sent.
    Canceled,
}

/// What would become of a broadcast.
#[derive(Serialize, ToSchema)]
#[schema(as = BroadcastDryRun)]
pub(crate) struct PreviewBody {
    /// How many receivers it would have.
    #[schema(example = 3)]
    pub(crate) total: u32,
    /// How many of them are of which type, given or detected.
    #[schema(value_type = BTreeMap<String, u32>, example = json!({"chat_id": 2, "email": 1}))]
    pub(crate) by_type: BTreeMap<&'static str, u32>,
    /// When it would be completed if it began now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-22T09:00:01Z", nullable = false)]
    pub(crate) estimated_finish_at: Option<Timestamp>,
}

/// A page of the caller's broadcasts.
#[derive(Serialize, ToSchema)]
#[schema(as = BroadcastPage)]
pub(crate) struct BroadcastPageBody<'a> {
    /// The broadcasts, newest first.
    pub(crate) broadcasts: Vec<BroadcastBody<'a>>,
    /// The `cursor` of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "bc_019ac2f0b3a97c11a5b6c1d2e3f40516", nullable = false)]
    pub(crate) next_cursor: Option<&'a str>,
}

/// A page of a broadcast's receivers.
#[derive(Serialize, ToSchema)]
#[schema(as = ReceiverPage)]
pub(crate) struct ReceiverPageBody<'a> {
    /// The receivers, in the order of the request.
    pub(crate) receivers: Vec<ReceiverBody<'a>>,
    /// The `cursor` of the next page, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "100", nullable = false)]
    pub(crate) next_cursor: Option<String>,
}

/// One receiver of a broadcast, and what became of it.
#[derive(Serialize, ToSchema)]
#[schema(as = ReceiverResult)]
pub(crate) struct ReceiverBody<'a> {
    /// Who it is.
    #[schema(example = "oc_5ad11d72b830411d72b836c20")]
    pub(crate) receive_id: &'a str,
    /// What `receive_id` is.
    pub(crate) receive_id_type: ReceiveIdType,
    /// What became of it.
    #[schema(inline = false)]
    pub(crate) outcome: ReceiverState,
    /// The new message's id, if it was delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "om_f04fa7d4a2d3d0ff0b9a6f8dd1e5a3c7", nullable = false)]
    pub(crate) message_id: Option<&'a str>,
    /// How many forwards were begun. Each may have been several calls.
    #[schema(example = 1)]
    pub(crate) attempts: u32,
    /// When it got its final outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-22T09:00:12Z", nullable = false)]
    pub(crate) ended_at: Option<Timestamp>,
    /// Why it was not delivered, or is not yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) problem: Option<ReceiverProblemBody<'a>>,
}

/// Why a receiver has not got the message.
#[derive(Serialize, ToSchema)]
#[schema(as = ReceiverProblem)]
pub(crate) struct ReceiverProblemBody<'a> {
    /// The problem, for programs.
    #[schema(inline = false)]
    pub(crate) code: ProblemKind,
    /// Identifies the kind of problem, as in every problem.
    #[serde(rename = "type")]
    #[schema(example = "/problems/bot_not_in_chat")]
    kind: String,
    /// A short summary, in the language of the answer.
    #[schema(example = "The bot is not in the chat")]
    pub(crate) title: &'static str,
    /// Who can remove the cause.
    pub(crate) fix_by: FixBy,
    /// Whether a retry may succeed although nobody acts.
    #[schema(example = false)]
    pub(crate) retryable: bool,
    /// What to do, in the language of the answer.
    #[schema(example = "Add the app's bot to the chat that receives the message.")]
    pub(crate) remedy: &'static str,
    /// Feishu's result code, if Feishu refused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 230002, nullable = false)]
    pub(crate) feishu_code: Option<i64>,
    /// Feishu's id for its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "202611221530120F2A6D1F5C3B7E9A4D21", nullable = false)]
    pub(crate) log_id: Option<&'a str>,
}

impl<'a> ReceiverBody<'a> {
    pub(crate) fn of(record: &'a ReceiverRecord, language: Language, url: &PublicUrl) -> Self {
        let problem = record.problem.as_ref();
        Self {
            receive_id: record.receiver.id(),
            receive_id_type: record.receiver.kind(),
            outcome: record.state,
            message_id: record.message_id.as_deref(),
            attempts: record.attempts,
            ended_at: record.ended_at.map(in_millis),
            problem: problem.map(|it| ReceiverProblemBody::of(it, language, url)),
        }
    }
}

impl<'a> ReceiverProblemBody<'a> {
    fn of(problem: &'a ReceiverProblem, language: Language, url: &PublicUrl) -> Self {
        let facts = problem.kind.facts();
        let known = problem.feishu_code.and_then(codes::find);
        // A code says more exactly what to do than the problem that it stands for.
        let remedy =
            known.filter(|it| it.problem == problem.kind).map_or(facts.remedy, |it| it.remedy);
        Self {
            code: problem.kind,
            kind: url.type_of(facts.name),
            title: language.choose(facts.title, facts.title_zh),
            fix_by: facts.fix_by,
            retryable: facts.retryable,
            remedy: language.choose(remedy.en, remedy.zh),
            feishu_code: problem.feishu_code,
            log_id: problem.log_id.as_deref(),
        }
    }
}
