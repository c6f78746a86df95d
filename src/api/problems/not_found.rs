//! The problem of a path without a route, with a guess at the path that was meant.
//!
//! The answer repeats nothing of the path in its detail: a path can be long, and can hold a secret that was
//! pasted into it.

use crate::api::problems::problem::Problem;
use crate::model::problem_kind::ProblemKind;
use crate::model::wording::Wording;

/// The route of a forward, as people read it.
const FORWARD: &str = "/v1/messages/{message_id}/forward";
/// The route of a merge.
const MERGE_FORWARD: &str = "/v1/messages/merge_forward";
/// The route of a thread's forward, as people read it.
const THREAD_FORWARD: &str = "/v1/threads/{thread_id}/forward";
/// The routes of broadcasts, as people read them.
const BROADCASTS: &str = "/v1/broadcasts";
const NEW_BROADCAST: &str = "/v1/messages/{message_id}/broadcasts";
/// Paths at which the admin listener or other services answer health checks and scrapes.
const PROBES: &[&str] = &[
    "/livez",
    "/readyz",
    "/metrics",
    "/healthz",
    "/health",
    "/live",
    "/liveness",
    "/ready",
    "/readiness",
    "/ping",
    "/status",
];
/// Paths at which other services have their documentation.
const DOCUMENTATION: &[&str] = &[
    "/swagger",
    "/swagger-ui",
    "/swagger-ui.html",
    "/swagger-ui/index.html",
    "/swagger.json",
    "/openapi",
    "/openapi.yaml",
    "/openapi.yml",
    "/api-docs",
    "/v3/api-docs",
    "/redoc",
];
/// Most segments before the path of a route that are taken for a prefix which a proxy should cut off.
const LONGEST_PREFIX: usize = 8;

/// The problem of a request to the public listener for a path without a route.
/// `has_docs` is whether that listener serves Swagger UI.
pub(crate) fn not_found(path: &str, has_docs: bool) -> Problem {
    let path = normal(path);
    let detail = if !has_docs && is_documentation(&path) {
        Wording::new(
            "There is nothing at this path; the documentation is at /openapi.json.",
            "该路径不存在；文档位于 /openapi.json。",
        )
    } else {
        detail(&path)
    };
    Problem::new(ProblemKind::RouteNotFound, detail)
}

fn is_documentation(path: &str) -> bool {
    path == "/docs" || path.starts_with("/docs/") || DOCUMENTATION.contains(&path)
}

/// The problem of a request to the admin listener for a path without a route.
pub(crate) fn not_found_on_admin(path: &str) -> Problem {
    Problem::new(ProblemKind::RouteNotFound, detail_on_admin(path))
}

/// The problem of a request to the listener of events for another path.
pub(crate) fn not_found_among_events() -> Problem {
    let detail = Wording::new(
        "There is nothing at this path; this address takes only POST /v1/events/{app}.",
        "该路径不存在；此地址只接受 POST /v1/events/{app}。",
    );
    Problem::new(ProblemKind::RouteNotFound, detail)
}

fn detail_on_admin(path: &str) -> Wording {
    if route_of(&normal(path)).is_some() {
        return Wording::new(
            "There is nothing at this path of the admin address; the API is at server.listen.",
            "管理地址上没有该路径；接口位于 server.listen。",
        );
    }
    Wording::new(
        "There is nothing at this path; the admin address has /livez, /readyz and /metrics.",
        "该路径不存在；管理地址提供 /livez、/readyz 和 /metrics。",
    )
}

/// `path` is from [`normal`].
fn detail(path: &str) -> Wording {
    if PROBES.contains(&path) {
        return Wording::new(
            "There is nothing at this path; /livez, /readyz and /metrics are at the admin address, server.admin_listen.",
            "该路径不存在；/livez、/readyz 和 /metrics 位于管理地址 server.admin_listen。",
        );
    }
    if path == "/open-apis" || path.starts_with("/open-apis/") || path.starts_with("/oauth/v3/") {
        return of_feishu();
    }
    if let Some(known) = route_of(path) {
        return Wording::new(
            format!(
                "There is nothing at this path. Did you mean {known}? Case and slashes matter."
            ),
            format!("该路径不存在。你要找的是 {known} 吗？路径区分大小写，斜杠不能多也不能少。"),
        );
    }
    if DOCUMENTATION.contains(&path) {
        return Wording::new(
            "There is nothing at this path; the documentation is at /docs/ and /openapi.json.",
            "该路径不存在；文档位于 /docs/ 和 /openapi.json。",
        );
    }
    let mut inner = path.match_indices('/').skip(1).take(LONGEST_PREFIX);
    if let Some(known) = inner.find_map(|(at, _)| route_of(&path[at..])) {
        return Wording::new(
            format!(
                "There is nothing at this path, but there is {known}. Remove the part before it, if necessary in the proxy."
            ),
            format!("该路径不存在，但有 {known}：请去掉前面的部分，必要时在代理中去掉。"),
        );
    }
    if path.contains("/merge") {
        return Wording::new(
            format!("There is nothing at this path; to merge messages, use POST {MERGE_FORWARD}."),
            format!("该路径不存在；合并转发消息请使用 POST {MERGE_FORWARD}。"),
        );
    }
    if path.contains("/broadcast") {
        return Wording::new(
            format!(
                "There is nothing at this path; to broadcast a message, use POST {NEW_BROADCAST}; broadcasts are at {BROADCASTS}."
            ),
            format!(
                "该路径不存在；群发消息请使用 POST {NEW_BROADCAST}，已有的群发位于 {BROADCASTS}。"
            ),
        );
    }
    if path.contains("/threads") {
        return Wording::new(
            format!(
                "There is nothing at this path; to forward a thread, use POST {THREAD_FORWARD}."
            ),
            format!("该路径不存在；转发话题请使用 POST {THREAD_FORWARD}。"),
        );
    }
    if path.contains("/messages") || path.contains("/forward") {
        return Wording::new(
            format!("There is nothing at this path; to forward a message, use POST {FORWARD}."),
            format!("该路径不存在；转发消息请使用 POST {FORWARD}。"),
        );
    }
    Wording::new("There is nothing at this path.", "该路径不存在。")
}

/// What the gateway serves of Feishu's API.
fn of_feishu() -> Wording {
    let served = "POST /open-apis/auth/v3/tenant_access_token/internal, \
        POST /open-apis/auth/v3/app_access_token/internal, \
        POST /open-apis/auth/v3/app_access_token, \
        POST /open-apis/auth/v3/tenant_access_token, \
        POST /open-apis/auth/v3/app_ticket/resend, \
        POST /open-apis/im/v1/messages/{message_id}/forward, \
        POST /open-apis/im/v1/messages/merge_forward, \
        POST /open-apis/im/v1/threads/{thread_id}/forward";
    Wording::new(
        format!(
            "This gateway does not serve this Feishu API. It serves {served}. For other APIs, call Feishu directly."
        ),
        format!("网关不提供飞书的该接口，只提供 {served}；其他接口请直接调用飞书。"),
    )
}

/// The path in small letters, without doubled slashes and without one at the end.
fn normal(path: &str) -> String {
    let mut normal = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        normal.push('/');
        normal.push_str(segment);
    }
    normal.make_ascii_lowercase();
    normal
}

/// The route that would answer a path from [`normal`], as people read it.
fn route_of(path: &str) -> Option<&'static str> {
    match path {
        "/docs" => Some("/docs/"),
        "/openapi.json" => Some("/openapi.json"),
        "/mcp" => Some("/mcp"),
        "/problems" => Some("/problems"),
        MERGE_FORWARD => Some(MERGE_FORWARD),
        BROADCASTS => Some(BROADCASTS),
        path if has_id(path, "/v1/messages/", "/forward") => Some(FORWARD),
        path if has_id(path, "/v1/messages/", "/broadcasts") => Some(NEW_BROADCAST),
        path if has_id(path, "/v1/threads/", "/forward") => Some(THREAD_FORWARD),
        path if is_problem(path) => Some("/problems/{code}"),
        _ => None,
    }
}

/// Whether a path has one segment between these words.
fn has_id(path: &str, before: &str, after: &str) -> bool {
    let id = path.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    id.is_some_and(|id| !id.is_empty() && !id.contains('/'))
}

fn is_problem(path: &str) -> bool {
    let code = path.strip_prefix("/problems/");
    code.is_some_and(|code| ProblemKind::ALL.iter().any(|kind| kind.facts().name == code))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADMIN: &str = "server.admin_listen";

    #[test]
    fn a_path_that_was_nearly_right_leads_to_the_right_one() {
        for (path, hint) in [
            ("/v1/messages/om_1/forward/", FORWARD),
            ("//v1//messages/om_1/forward", FORWARD),
            ("/V1/Messages/om_1/Forward", FORWARD),
            ("/feishu/v1/messages/om_1/forward", FORWARD),
            ("/v1/messages/om_1", FORWARD),
            ("/messages/om_1/forward", FORWARD),
            ("/v1/messages/merge_forward/", MERGE_FORWARD),
            ("/V1/messages//Merge_Forward", MERGE_FORWARD),
            ("/feishu/v1/messages/merge_forward", MERGE_FORWARD),
            ("/v1/merge_forward", MERGE_FORWARD),
            ("/v1/messages/merge-forward", MERGE_FORWARD),
            ("/v1/messages/merge%5Fforward", MERGE_FORWARD),
            ("/v1/threads/omt_1/forward/", THREAD_FORWARD),
            ("/im/v1/threads/omt_1/forward", THREAD_FORWARD),
            ("/V1/Threads/omt_1", THREAD_FORWARD),
            ("/threads/omt_1/forward", THREAD_FORWARD),
            ("/v1/messages/om_1/broadcasts/", NEW_BROADCAST),
            ("/v1/messages/om_1/broadcast", NEW_BROADCAST),
            ("/v1/broadcasts/", BROADCASTS),
            ("/v1/broadcast/bc_1", BROADCASTS),
            ("/open-apis/im/v1/messages/om_1/forward", FORWARD),
            ("/open-apis/im/v1/messages", "Feishu API"),
            ("/Open-Apis/", "Feishu API"),
            ("/Docs", "/docs/"),
            ("/docs//", "/docs/"),
            ("/swagger-ui/", "/docs/"),
            ("/api/openapi.json", "/openapi.json"),
            ("/problems/", "/problems"),
            ("/mcp/", "/mcp"),
            ("/feishu/mcp", "/mcp"),
            ("/problems/draining/", "/problems/{code}"),
            ("/healthz", ADMIN),
            ("/metrics/", ADMIN),
            ("/livez", ADMIN),
            ("/READYZ", ADMIN),
        ] {
            let Wording { en, zh } = detail(&normal(path));
            assert!(en.contains(hint), "{path}: {en}");
            assert!(hint == "Feishu API" || zh.contains(hint), "{path}: {zh}");
        }
    }

    #[test]
    fn the_admin_address_says_where_the_api_is_and_what_it_has_itself() {
        let forwards = ["/v1/messages/om_1/forward", MERGE_FORWARD, "/v1/threads/omt_1/forward"];
        for path in forwards.into_iter().chain(["/docs/", "/openapi.json", "/problems"]) {
            assert!(detail_on_admin(path).en.contains("server.listen"), "{path}");
        }
        for path in ["/", "/healthz", "/metrics/", "/nope"] {
            assert!(detail_on_admin(path).en.contains("/livez, /readyz and /metrics"));
        }
    }

    #[test]
    fn the_answer_repeats_nothing_of_a_path_however_long_it_is() {
        for path in [
            "/secret",
            "/secret/v1/messages/secret/forward/",
            "/v1/threads/secret/forward/",
            "/secret/merge_forward",
            "/problems/secret/",
        ] {
            let path = format!("{path}{}", "/secret".repeat(10_000));
            for Wording { en, zh } in [detail(&normal(&path)), detail_on_admin(&path)] {
                assert!(!en.contains("secret") && !zh.contains("secret"), "{en} {zh}");
            }
        }
    }
}
