//! Who may come in by the Model Context Protocol besides by an API key: from which web pages, and under which names.

use actix_web::http::header::{HOST, HeaderMap, HeaderValue, ORIGIN};

use crate::api::mcp::tools::tool_name::ToolName;
use crate::api::problems::problem::Problem;
use crate::model::problem_kind::ProblemKind;
use crate::model::web_origin::{OwnName, WebOrigin};
use crate::model::wording::Wording;
use crate::telemetry::metrics::Metrics;

/// The door of the Model Context Protocol: who may come in, and what counts the calls.
#[derive(Debug)]
pub struct McpDoor {
    /// Web pages of no other origin may come in.
    origins: Vec<WebOrigin>,
    /// The names that a request may call the gateway by. None: every name.
    names: Vec<OwnName>,
    pub(super) metrics: Metrics,
}

impl McpDoor {
    /// Lets web pages of these origins in, and requests to one of these names, or to every name if there are none.
    #[must_use]
    pub fn new(origins: Vec<WebOrigin>, names: Vec<OwnName>, metrics: Metrics) -> Self {
        metrics.begin_mcp_tools(&ToolName::ALL.map(ToolName::as_str), &["ok", "failed"]);
        metrics.begin_mcp_tools(&[UNKNOWN_TOOL], &["refused"]);
        Self { origins, names, metrics }
    }

    /// Refuses a request from another web page, or to another name, than the operator allows.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
        for origin in headers.get_all(ORIGIN).map(text) {
            if !self.origins.iter().any(|it| it.is_named_by(&origin)) {
                return Err(foreign_origin());
            }
        }
        let host = headers.get(HOST).map(text).unwrap_or_default();
        if !self.names.is_empty() && !self.names.iter().any(|it| it.is_in(&host)) {
            return Err(foreign_name());
        }
        Ok(())
    }
}

/// The label of a tool that there is not.
pub(super) const UNKNOWN_TOOL: &str = "other";

/// The problem of a request from a web page that may not come in.
pub(crate) fn foreign_origin() -> Problem {
    let detail = Wording::new(
        "The header Origin names a web page that is not allowed to call this gateway; nothing was sent.",
        "Origin 请求头所指的网页不允许调用此网关；消息未发送。",
    );
    Problem::new(ProblemKind::OriginNotAllowed, detail)
}

fn foreign_name() -> Problem {
    let detail = Wording::new(
        "The gateway does not serve the protocol under the name in the header Host; nothing was sent.",
        "网关不接受 Host 请求头中的主机名；消息未发送。",
    );
    Problem::new(ProblemKind::OriginNotAllowed, detail)
}
