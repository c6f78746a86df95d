//! The start page: what the service is, for those who come with a browser.

use actix_web::http::header::VARY;
use actix_web::{HttpRequest, HttpResponse};
use maud::html;

use crate::api::docs::page::{NEGOTIATED, page};
use crate::api::docs::reader::{Reader, names_html};
use crate::api::docs::swagger_ui::to_docs;

/// The start page. A client that does not name HTML in `Accept` is redirected to Swagger UI.
pub(crate) async fn home(request: HttpRequest) -> HttpResponse {
    if names_html(&request) {
        return start_page(&Reader::of(&request));
    }
    let mut redirect = to_docs(request).await;
    redirect.headers_mut().insert(VARY, NEGOTIATED);
    redirect
}

fn start_page(reader: &Reader) -> HttpResponse {
    let say = |english, chinese| reader.language.choose(english, chinese);
    let main = html! {
        h1 { "feishu-forward-gateway" }
        p {
            (say(
                "Forwards Feishu (Lark) messages for internal services: they send one plain request \
                 with their API key. The gateway holds the app's secret, keeps to Feishu's limits and \
                 waits for their turn. It answers with the new message, or with a problem that says \
                 whether the message went out, who can remove the cause, and how.",
                "为内部服务转发飞书（Lark）消息：只需携带 API 密钥发送一个简单的请求。网关保管应用凭证、遵守飞书的\
                 频率限制并自动排队；返回新消息，或返回错误说明：消息是否送出、由谁处理、如何处理。",
            ))
        }
        ul {
            li { a href=(reader.link_to_page("/console/")) { (say("Broadcasts", "群发")) } (say(": one message to many receivers, without writing a program", "：无需编写程序，把一条消息发送给许多接收者")) }
            li { a href=(reader.link("/docs/")) { (say("Try the API", "调试接口")) } (say(": a form for each request", "：在网页上发送请求")) }
            li { a href=(reader.link_to_page("/problems")) { (say("Problems", "错误说明")) } (say(": what can go wrong, and what to do", "：可能出现的错误及其处理办法")) }
            li { a href=(reader.link("/openapi.json")) { (say("OpenAPI document", "OpenAPI 文档")) } (say(": for programs and generators", "：供程序与代码生成器使用")) }
        }
    };
    page(reader, "feishu-forward-gateway", &main)
}
