//! The tools: what each is for, and its call.

mod broadcast_message;
mod check_forward;
mod forward_message;
mod get_broadcast;
mod schema;

use rmcp::RoleServer;
use rmcp::model::{JsonObject, ProgressNotificationParam, ProgressToken, Tool};
use rmcp::service::Peer;
use serde_json::Value;

use crate::api::mcp::context::ToolContext;
use crate::api::problems::problem::Problem;
use crate::model::problem_kind::Outcome;

/// A tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ToolName {
    ForwardMessage,
    CheckForward,
    BroadcastMessage,
    GetBroadcast,
}

/// What a tool answers where it did what it is for.
pub(super) struct ToolAnswer {
    /// For the model.
    pub(super) text: String,
    /// The same facts for programs, as the tool's schema says.
    pub(super) structured: Value,
}

/// Tells the caller how far a call has come, if it asked for that.
pub(super) struct Progress {
    pub(super) peer: Peer<RoleServer>,
    pub(super) token: Option<ProgressToken>,
}

impl ToolName {
    /// All tools, in the order in which callers see them.
    pub(super) const ALL: [Self; 4] =
        [Self::ForwardMessage, Self::CheckForward, Self::BroadcastMessage, Self::GetBroadcast];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::ForwardMessage => "forward_message",
            Self::CheckForward => "check_forward",
            Self::BroadcastMessage => "broadcast_message",
            Self::GetBroadcast => "get_broadcast",
        }
    }

    /// Whether it is there only where the gateway keeps broadcasts.
    pub(super) const fn needs_store(self) -> bool {
        matches!(self, Self::BroadcastMessage | Self::GetBroadcast)
    }

    /// What a failure with this outcome means for what the tool is for.
    pub(super) const fn failure(self, outcome: Outcome) -> &'static str {
        match (self, outcome) {
            (Self::ForwardMessage, Outcome::NotDelivered) => "The message was not forwarded.",
            (Self::ForwardMessage, Outcome::Unknown) => {
                "Nobody knows whether the message was forwarded."
            }
            (Self::CheckForward, _) => "Nothing was sent. forward_message would fail like this:",
            (Self::BroadcastMessage, _) => "No broadcast was accepted: nobody gets the message.",
            (Self::GetBroadcast, _) => "The broadcast could not be read.",
        }
    }

    pub(super) fn definition(self) -> Tool {
        match self {
            Self::ForwardMessage => forward_message::definition(),
            Self::CheckForward => check_forward::definition(),
            Self::BroadcastMessage => broadcast_message::definition(),
            Self::GetBroadcast => get_broadcast::definition(),
        }
    }

    /// Does what the tool is for.
    pub(super) async fn call(
        self,
        context: &ToolContext,
        arguments: JsonObject,
        progress: &Progress,
    ) -> Result<ToolAnswer, Problem> {
        match self {
            Self::ForwardMessage => forward_message::call(context, arguments).await,
            Self::CheckForward => check_forward::call(context, arguments).await,
            Self::BroadcastMessage => broadcast_message::call(context, arguments).await,
            Self::GetBroadcast => get_broadcast::call(context, arguments, progress).await,
        }
    }
}

impl Progress {
    /// Tells that so much of the whole is done, which must be more than it was told before.
    pub(super) async fn tell(&self, done: u32, of: u32, message: String) {
        let Some(token) = &self.token else { return };
        let progress = ProgressNotificationParam::new(token.clone(), f64::from(done))
            .with_total(f64::from(of))
            .with_message(message);
        // A caller that is gone does not read it.
        let _ = self.peer.notify_progress(progress).await;
    }
}
