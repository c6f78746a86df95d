//! `check_forward`: what would become of a forward.

use std::fmt::Write as _;
use std::sync::Arc;

use rmcp::model::{JsonObject, Tool};
use serde_json::json;

use crate::api::mcp::context::ToolContext;
use crate::api::mcp::tools::answer::ToolAnswer;
use crate::api::mcp::tools::forward_message;
use crate::api::mcp::tools::schema::{self, Effect};
use crate::api::problems::forward_failure::problem_of_forward;
use crate::api::problems::problem::Problem;
use crate::delivery::{DryRunAction, DryRunReport};

const DESCRIPTION: &str = "Says what forward_message would do with the same arguments, and sends nothing. It checks \
    the arguments, whether the receiver is allowed, whether the limits allow the forward now, and whether an earlier \
    call already forwarded the message. It does not ask Feishu whether the message exists or the bot is in the chat. \
    Use it when you are unsure of the receiver, or to show a person what would happen. You need not call it before \
    every forward.\n\
    would: send or wait: forward_message would deliver it now, or in wait_seconds. replay: it was delivered within the \
    last hour and would not be sent again. join: it is being sent. A failure says why forward_message would fail.";

pub(super) fn definition() -> Tool {
    let output = json!({
        "type": "object",
        "required": ["would", "app", "receive_id_type"],
        "properties": {
            "would": { "enum": ["send", "wait", "join", "replay"] },
            "wait_seconds": { "type": "number", "minimum": 0 },
            "app": { "type": "string", "description": "The operator's name for the Feishu app that forwards." },
            "receive_id_type": { "type": "string", "description": "The type of receive_id." },
        },
    });
    schema::tool(
        "check_forward",
        "Check a forward without sending it",
        DESCRIPTION,
        Effect::Reads,
        (forward_message::input(), output),
    )
}

pub(super) async fn call(
    context: &ToolContext,
    arguments: JsonObject,
) -> Result<ToolAnswer, Problem> {
    let request = Arc::new(forward_message::request(context, arguments)?);
    let DryRunReport { result, prior_attempts, timings, .. } =
        context.delivery.dry_run(&request).await;
    let _ = context.notes.timings.set((timings, 0));
    let action =
        result.map_err(|error| problem_of_forward(&error, request.uuid.clone(), prior_attempts))?;
    let (would, wait, means) = match action {
        DryRunAction::Send { wait, .. } if wait.is_zero() => {
            ("send", Some(wait), "forward_message would send it at once.")
        }
        DryRunAction::Send { wait, .. } => {
            ("wait", Some(wait), "forward_message would wait for its turn and then send it.")
        }
        DryRunAction::Join => ("join", None, "An earlier call is sending it right now."),
        DryRunAction::Replay => (
            "replay",
            None,
            "An earlier call already forwarded it; forward_message would send nothing and return the result of that call.",
        ),
    };
    let (app, kind) = (&*request.caller.app, request.receiver.kind().as_str());
    let mut structured = json!({ "would": would, "app": app, "receive_id_type": kind });
    let mut text = format!("Nothing was sent. {means}\nwould: {would}");
    if let Some(wait) = wait {
        let seconds = wait.as_secs_f64();
        structured["wait_seconds"] = seconds.into();
        let _ = write!(text, "\nwait_seconds: {seconds:.3}");
    }
    let _ = write!(text, "\napp: {app}\nreceive_id_type: {kind}");
    Ok(ToolAnswer { text, structured, task: None })
}
