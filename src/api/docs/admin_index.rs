//! What is there on the admin listener: a page for browsers, a text for everybody else.

use actix_web::{HttpRequest, HttpResponse};
use maud::html;

use crate::api::docs::page::{framed, link_to_other_language, negotiated};
use crate::api::docs::reader::{Reader, names_html};

/// The paths of the admin listener, with what each answers in English and Chinese.
const PATHS: &[(&str, &str, &str)] = &[
    ("/livez", "200 while the process works.", "进程正常时返回 200。"),
    (
        "/readyz",
        "200 when the gateway is ready for callers, else 503 with the reasons.",
        "网关可以接收请求时返回 200，否则返回 503 及原因。",
    ),
    ("/metrics", "Metrics in the Prometheus text format.", "Prometheus 文本格式的指标。"),
];

/// The list of the paths.
pub(crate) async fn index(request: HttpRequest) -> HttpResponse {
    let reader = Reader::of(&request);
    let say = |english, chinese| reader.language.choose(english, chinese);
    let title = say("Admin listener", "管理端口");
    if !names_html(&request) {
        let line = |(path, english, chinese): &(&str, &'static str, &'static str)| {
            format!("{path:<10}{}\n", say(english, chinese))
        };
        let text: String = PATHS.iter().map(line).collect();
        return negotiated(&reader, "text/plain; charset=utf-8", text);
    }
    let main = html! {
        h1 { (title) }
        p { (say(
            "Health and metrics of feishu-forward-gateway. The API is at the address in ",
            "feishu-forward-gateway 的健康检查与指标。API 的地址见配置项 ",
        )) code { "server.listen" } (say(".", "。")) }
        dl {
            @for (path, english, chinese) in PATHS {
                dt { a href=(reader.link(path)) { code { (path) } } }
                dd { (say(english, chinese)) }
            }
        }
    };
    let navigation = html! {
        nav aria-label=(say("Language", "语言")) { (link_to_other_language(&reader)) }
    };
    framed(&reader, title, &navigation, &main)
}
