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

/// A new broadcast.
// No member of a body has a `default` in the document: generators of clients take such a member for a required one.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes what `input.rs` reads")]
#[schema(as = NewBroadcast)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBroadcastBody {
    /// The receivers: at least 1, at most `broadcasts.max_receivers` of the gateway (10000 by default), each one once.
    #[schema(value_type = BTreeSet<BroadcastReceiverBody>, min_items = 1)]
    receivers: Vec<BroadcastReceiverBody>,
    /// How long the gateway may send the message: 1 minute to 7 days, such as `30m` or `2h`. Default: `24h`. Receivers that it could not send the message to by then become `expired`.
    #[schema(
        example = "2h",
        pattern = "^([1-9][0-9]{0,3}m|[1-9][0-9]?h|1[0-5][0-9]h|16[0-8]h|[1-7]d)$",
        nullable = false
    )]
    expires_in: Option<String>,
}

/// A receiver of a broadcast.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes what `receivers.rs` reads")]
#[schema(as = BroadcastReceiver)]
#[serde(deny_unknown_fields)]
pub(crate) struct BroadcastReceiverBody {
    /// The receiver: a user, a group or a thread. One id, without white space or commas. Not a URL, not a message id.
    #[schema(
        example = "oc_5ad11d72b830411d72b836c20",
        min_length = 1,
        max_length = 256,
        pattern = r"^[^\x00-\x1F\x7F-\x9F\s,，、]+$"
    )]
    receive_id: String,
    /// The type of `receive_id`. If you leave it out, the gateway detects it, as for a forward.
    #[schema(value_type = Option<ReceiveIdType>, nullable = false)]
    receive_id_type: Option<String>,
}

/// The receivers of a retry.
#[derive(Deserialize, ToSchema)]
#[expect(dead_code, reason = "describes what `input.rs` reads")]
#[schema(as = BroadcastRetry)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetryBody {
    /// Retry the receivers with these outcomes: `not_delivered`, `expired`, `unknown` (the message may already have arrived) or `canceled`. Default: `not_delivered` and `expired`.
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

/// What the gateway would accept.
#[derive(Serialize, ToSchema)]
#[schema(as = BroadcastDryRun)]
pub(crate) struct PreviewBody {
    /// The number of receivers.
    #[schema(example = 3)]
    pub(crate) total: u32,
    /// The number of receivers of each type, given or detected.
    #[schema(value_type = BTreeMap<String, u32>, example = json!({"chat_id": 2, "email": 1}))]
    pub(crate) by_type: BTreeMap<&'static str, u32>,
    /// When the broadcast would be completed if it started now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-22T09:00:01Z", nullable = false)]
    pub(crate) estimated_finish_at: Option<Timestamp>,
}

/// A page of your broadcasts.
#[derive(Serialize, ToSchema)]
#[schema(as = BroadcastPage)]
pub(crate) struct BroadcastPageBody<'a> {
    /// The broadcasts, newest first.
    pub(crate) broadcasts: Vec<BroadcastBody<'a>>,
    /// The `cursor` of the next page. Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "bc_019ac2f0b3a97c11a5b6c1d2e3f40516", nullable = false)]
    pub(crate) next_cursor: Option<&'a str>,
}

/// A page of the receivers of a broadcast.
#[derive(Serialize, ToSchema)]
#[schema(as = ReceiverPage)]
pub(crate) struct ReceiverPageBody<'a> {
    /// The receivers, in the order of the request.
    pub(crate) receivers: Vec<ReceiverBody<'a>>,
    /// The `cursor` of the next page, which may be empty. Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "100", nullable = false)]
    pub(crate) next_cursor: Option<String>,
}

/// A receiver of a broadcast, and its outcome.
#[derive(Serialize, ToSchema)]
#[schema(as = ReceiverResult)]
pub(crate) struct ReceiverBody<'a> {
    /// The receiver.
    #[schema(example = "oc_5ad11d72b830411d72b836c20")]
    pub(crate) receive_id: &'a str,
    /// The type of `receive_id`.
    pub(crate) receive_id_type: ReceiveIdType,
    /// The outcome.
    #[schema(inline = false)]
    pub(crate) outcome: ReceiverState,
    /// The id of the new message. Absent unless it was delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "om_f04fa7d4a2d3d0ff0b9a6f8dd1e5a3c7", nullable = false)]
    pub(crate) message_id: Option<&'a str>,
    /// The number of forwards that were started. One forward can be several calls to Feishu.
    #[schema(example = 1)]
    pub(crate) attempts: u32,
    /// When the outcome became final.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-22T09:00:12Z", nullable = false)]
    pub(crate) ended_at: Option<Timestamp>,
    /// Why the message was not delivered, or is not delivered yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) problem: Option<ReceiverProblemBody<'a>>,
}

/// Why a receiver did not get the message.
#[derive(Serialize, ToSchema)]
#[schema(as = ReceiverProblem)]
pub(crate) struct ReceiverProblemBody<'a> {
    /// The problem code, for programs.
    #[schema(inline = false)]
    pub(crate) code: ProblemKind,
    /// The address of the explanation of the problem.
    #[serde(rename = "type")]
    #[schema(example = "/problems/bot_not_in_chat")]
    kind: String,
    /// A short summary, in the language of the answer.
    #[schema(example = json!(ProblemKind::BotNotInChat.facts().title))]
    pub(crate) title: &'static str,
    /// Who can remove the cause.
    pub(crate) fix_by: FixBy,
    /// Whether a retry may succeed although nobody changes anything.
    #[schema(example = false)]
    pub(crate) retryable: bool,
    /// What to do, in the language of the answer.
    #[schema(example = json!(ProblemKind::BotNotInChat.facts().remedy.en))]
    pub(crate) remedy: &'static str,
    /// Feishu's error code. Absent unless Feishu refused the forward.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 230002, nullable = false)]
    pub(crate) feishu_code: Option<i64>,
    /// Feishu's log id of the call, for Feishu's support.
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
