//! A line of the Model Context Protocol, and the lines that answer it where the gateway does not.

use serde_json::{Value, json};

/// A message from a client.
pub(super) struct ClientMessage {
    body: Value,
}

/// Where a request of the stateless revision names that revision.
const VERSION: &str = "/params/_meta/io.modelcontextprotocol~1protocolVersion";

impl ClientMessage {
    /// The message that a line is; else the line that says that it is none.
    pub(super) fn parse(line: &str) -> Result<Self, String> {
        match serde_json::from_str(line) {
            Ok(body) => Ok(Self { body }),
            Err(_) => Err(failure(&Value::Null, -32700, "The line is not JSON.", None)),
        }
    }

    /// The id, if this is a request.
    pub(super) fn id(&self) -> Option<&Value> {
        let id = self.body.get("id").filter(|it| it.is_string() || it.is_number());
        id.filter(|_| self.body.get("method").is_some())
    }

    /// The id of the request that this withdraws, if it withdraws one.
    pub(super) fn canceled(&self) -> Option<String> {
        (self.method() == Some("notifications/cancelled"))
            .then(|| self.body.pointer("/params/requestId").map(ToString::to_string))?
    }

    pub(super) fn method(&self) -> Option<&str> {
        self.body.get("method")?.as_str()
    }

    /// What this is about, for the header `Mcp-Name`: a tool, or a task.
    pub(super) fn name(&self) -> Option<&str> {
        let is_of_task = self.method().is_some_and(|it| it.starts_with("tasks/"));
        let place = if is_of_task { "/params/taskId" } else { "/params/name" };
        self.body.pointer(place)?.as_str()
    }

    /// The revision that this is of, if it says so.
    pub(super) fn version(&self) -> Option<&str> {
        self.body.pointer(VERSION)?.as_str()
    }

    pub(super) fn to_json(&self) -> String {
        self.body.to_string()
    }

    /// The line for what came back. None if it is not JSON.
    pub(super) fn line(&self, answer: &str) -> Option<(String, Option<String>)> {
        let mut answer: Value = serde_json::from_str(answer).ok()?;
        // A gateway that could not read the message does not know its id.
        if let Some(id) = self.id()
            && answer.get("error").is_some()
            && answer.get("id").is_none_or(Value::is_null)
        {
            answer["id"] = id.clone();
        }
        let negotiated = answer.pointer("/result/protocolVersion").and_then(Value::as_str);
        let negotiated = negotiated.filter(|_| self.method() == Some("initialize"));
        let negotiated = negotiated.map(str::to_owned);
        Some((answer.to_string(), negotiated))
    }

    /// The line that says that this request was not answered. None if nobody waits for an answer.
    pub(super) fn failed(&self, why: &str, data: Option<Value>) -> Option<String> {
        self.id().map(|id| failure(id, -32000, why, data))
    }
}

/// The line for a line that is too long.
pub(super) fn too_long() -> String {
    failure(&Value::Null, -32600, "The line is too long.", None)
}

fn failure(id: &Value, code: i32, why: &str, data: Option<Value>) -> String {
    let mut error = json!({ "code": code, "message": why });
    if let Some(data) = data {
        error["data"] = data;
    }
    json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_about_a_tool_or_a_task() {
        for (line, name) in [
            (r#"{"method": "tools/call", "params": {"name": "a", "taskId": "b"}}"#, Some("a")),
            (r#"{"method": "tasks/get", "params": {"name": "a", "taskId": "b"}}"#, Some("b")),
            (r#"{"method": "tools/list"}"#, None),
        ] {
            let message = ClientMessage::parse(line).expect("a message");
            assert_eq!(message.name(), name, "{line}");
        }
    }
}
