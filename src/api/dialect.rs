//! Whose words a request and its answer are in.

use actix_web::HttpRequest;

/// Whose words a request and its answer are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// The gateway's own: what is unknown is refused, and a failure is a problem.
    Gateway,
    /// Feishu's: what is unknown is ignored, and each answer has Feishu's envelope.
    Feishu,
}

/// What the paths of Feishu's API begin with. (SDKs may ask the second one for a token by client assertions.)
const OF_FEISHU: [&str; 2] = ["/open-apis", "/oauth/v3"];

impl Dialect {
    /// The dialect of a request, which its path decides.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let path = request.path();
        // Feishu's SDK for node writes two slashes if the domain ends with one.
        let path = if path.starts_with("//") { &path[1..] } else { path };
        let is_below = |prefix: &str| {
            path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if OF_FEISHU.into_iter().any(is_below) { Self::Feishu } else { Self::Gateway }
    }
}
