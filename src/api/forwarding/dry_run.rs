//! The answer to a forward with `dry_run`.

use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::dialect::Dialect;
use crate::api::forwarding::headers::set_measured;
use crate::api::forwarding::schema::FeishuRequestBody;
use crate::api::forwarding::success::success;
use crate::api::problems::forward_failure::problem_of_forward;
use crate::delivery::{DryRunAction, DryRunReport, ForwardRequest};
use crate::feishu::client::Preview;
use crate::model::receiver::ReceiveIdType;

/// What the gateway would do with a forward.
#[derive(Serialize, ToSchema)]
pub(crate) struct DryRun<'a> {
    /// What the gateway would do.
    would: Would,
    /// How long the forward would wait for its turn, in seconds. An estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 0.412, minimum = 0, nullable = false)]
    wait_seconds: Option<f64>,
    /// The operator's name for the Feishu app of your API key.
    #[schema(example = "main")]
    app: &'a str,
    /// The type of `receive_id`, given or detected.
    receive_id_type: ReceiveIdType,
    /// The `uuid` that Feishu would get. A new one each time, if you sent neither `uuid` nor
    /// `Idempotency-Key`.
    #[schema(example = "0199f3a2-7b1c-7d2e-9c5a-3f1e8d6b4a20", max_length = 50)]
    uuid: &'a str,
    /// The call that Feishu would get. Absent if there would be none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    feishu_request: Option<FeishuRequest>,
}

/// What the gateway would do:
///
/// - `send`: send the forward at once;
/// - `wait`: wait for its turn, then send it;
/// - `join`: give the answer of a request with the same `Idempotency-Key` that is still running;
/// - `replay`: give the answer of an earlier request with the same `Idempotency-Key`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "wait")]
enum Would {
    /// Send it at once.
    Send,
    /// Let it wait for its turn, and then send it.
    Wait,
    /// Answer it like another one with the same `Idempotency-Key` that is in progress.
    Join,
    /// Answer what another one with the same `Idempotency-Key` was told.
    Replay,
}

/// A call to Feishu, without its header `Authorization`.
#[derive(Serialize, ToSchema)]
struct FeishuRequest {
    /// The HTTP method.
    #[schema(example = "POST")]
    method: &'static str,
    /// The URL.
    #[schema(
        example = "https://open.feishu.cn/open-apis/im/v1/messages/om_dc13264520392913993dd051dba21dcf/forward?receive_id_type=chat_id&uuid=0199f3a2-7b1c-7d2e-9c5a-3f1e8d6b4a20"
    )]
    url: String,
    /// The body.
    #[schema(value_type = FeishuRequestBody)]
    body: serde_json::Value,
}

/// The answer to a dry run, without the headers that every answer to a forward has.
pub(super) fn response(
    forward_request: &ForwardRequest,
    dialect: Dialect,
    dry_run: DryRunReport,
) -> HttpResponse {
    let DryRunReport { result, prior_attempts, timings, standing, budget } = dry_run;
    let mut response = match result {
        Ok(foreseen) => {
            let dry_run = serde_json::to_vec(&DryRun::of(forward_request, foreseen));
            success(
                dry_run.expect("a struct of strings and numbers is always JSON").into(),
                dialect,
            )
        }
        Err(error) => HttpResponse::from_error(problem_of_forward(
            &error,
            forward_request.uuid.clone(),
            prior_attempts,
        )),
    };
    set_measured(response.headers_mut(), standing, budget, &timings, 0);
    response
}

impl<'a> DryRun<'a> {
    fn of(forward_request: &'a ForwardRequest, foreseen: DryRunAction) -> Self {
        let (would, wait, call) = match foreseen {
            DryRunAction::Send { wait, call } if wait.is_zero() => {
                (Would::Send, Some(wait), Some(call))
            }
            DryRunAction::Send { wait, call } => (Would::Wait, Some(wait), Some(call)),
            DryRunAction::Join => (Would::Join, None, None),
            DryRunAction::Replay => (Would::Replay, None, None),
        };
        Self {
            would,
            wait_seconds: wait.map(|wait| wait.as_secs_f64()),
            app: &forward_request.caller.app,
            receive_id_type: forward_request.receiver.kind(),
            uuid: forward_request.uuid.as_str(),
            feishu_request: call.map(|Preview { url, body }| FeishuRequest {
                method: "POST",
                url: url.into(),
                body,
            }),
        }
    }
}
