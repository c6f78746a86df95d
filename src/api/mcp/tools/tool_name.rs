//! The list of the tools.

use rmcp::model::{JsonObject, Tool};

use crate::api::mcp::context::ToolContext;
use crate::api::mcp::tools::answer::{Progress, ToolAnswer};
use crate::api::mcp::tools::{broadcast_message, check_forward, forward_message, get_broadcast};
use crate::api::problems::problem::Problem;
use crate::model::problem_kind::Outcome;

/// A tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api::mcp) enum ToolName {
    ForwardMessage,
    CheckForward,
    BroadcastMessage,
    GetBroadcast,
}

impl ToolName {
    /// All tools, in the order in which callers see them.
    pub(in crate::api::mcp) const ALL: [Self; 4] =
        [Self::ForwardMessage, Self::CheckForward, Self::BroadcastMessage, Self::GetBroadcast];

    pub(in crate::api::mcp) const fn as_str(self) -> &'static str {
        match self {
            Self::ForwardMessage => "forward_message",
            Self::CheckForward => "check_forward",
            Self::BroadcastMessage => "broadcast_message",
            Self::GetBroadcast => "get_broadcast",
        }
    }

    /// Whether it is there only where the gateway keeps broadcasts.
    pub(in crate::api::mcp) const fn needs_store(self) -> bool {
        matches!(self, Self::BroadcastMessage | Self::GetBroadcast)
    }

    /// What a failure with this outcome means for what the tool is for.
    pub(in crate::api::mcp) const fn failure(self, outcome: Outcome) -> &'static str {
        match (self, outcome) {
            (Self::ForwardMessage, Outcome::NotDelivered) => "The message was not forwarded.",
            (Self::ForwardMessage, Outcome::Unknown) => {
                "It is unknown whether the message was forwarded."
            }
            (Self::CheckForward, _) => "Nothing was sent. forward_message would fail like this:",
            (Self::BroadcastMessage, _) => {
                "This call was not accepted, so nobody gets the message."
            }
            (Self::GetBroadcast, _) => "The broadcast could not be read.",
        }
    }

    pub(in crate::api::mcp) fn definition(self) -> Tool {
        match self {
            Self::ForwardMessage => forward_message::definition(),
            Self::CheckForward => check_forward::definition(),
            Self::BroadcastMessage => broadcast_message::definition(),
            Self::GetBroadcast => get_broadcast::definition(),
        }
    }

    /// Does what the tool is for.
    pub(in crate::api::mcp) async fn call(
        self,
        context: &ToolContext,
        arguments: JsonObject,
        progress: &Progress,
    ) -> Result<ToolAnswer, Problem> {
        context.refuse_repetition()?;
        match self {
            Self::ForwardMessage => forward_message::call(context, arguments).await,
            Self::CheckForward => check_forward::call(context, arguments).await,
            Self::BroadcastMessage => broadcast_message::call(context, arguments).await,
            Self::GetBroadcast => get_broadcast::call(context, arguments, progress).await,
        }
    }
}
