//! What a tool answers, and tells of before that.

use rmcp::RoleServer;
use rmcp::model::{CallToolResult, ContentBlock, ProgressNotificationParam, ProgressToken, Task};
use rmcp::service::Peer;
use serde_json::Value;

/// What a tool answers where it did what it is for.
pub(in crate::api::mcp) struct ToolAnswer {
    /// For the model.
    pub(in crate::api::mcp) text: String,
    /// The same facts for programs, as the tool's schema says.
    pub(in crate::api::mcp) structured: Value,
    /// What goes on after the answer, for clients that follow tasks.
    pub(in crate::api::mcp) task: Option<Task>,
}

impl ToolAnswer {
    /// The answer as the protocol has it.
    pub(in crate::api::mcp) fn into_result(self) -> CallToolResult {
        let mut result = CallToolResult::success(vec![ContentBlock::text(self.text)]);
        result.structured_content = Some(self.structured);
        result
    }
}

/// Tells the caller how far a call has come, if it asked for that.
pub(in crate::api::mcp) struct Progress {
    pub(in crate::api::mcp) peer: Peer<RoleServer>,
    pub(in crate::api::mcp) token: Option<ProgressToken>,
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
