//! The start page: what the service is, how to call it, and the status of this gateway.
//!
//! Everybody may read it, so it says nothing of apps, callers or traffic. The version is in the OpenAPI document too.

use std::sync::LazyLock;

use actix_web::http::header::{CONTENT_SECURITY_POLICY, HOST, HeaderValue, VARY};
use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};

use crate::api::connections::connection::ClientConnection;
use crate::api::docs::document::{Document, SCRIPT};
use crate::api::docs::page::{NEGOTIATED, page};
use crate::api::docs::reader::{Reader, names_html};
use crate::api::docs::swagger_ui::to_docs;
use crate::api::http::draining::Draining;
use crate::api::http::security_headers::WITH_SCRIPT;
use crate::api::public_url::PublicUrl;
use crate::api::readiness::is_ready;
use crate::broadcasts::Broadcasts;
use crate::delivery::Delivery;

/// The script that corrects the gateway's address on the page.
static ADDRESS_SCRIPT: LazyLock<Document> =
    LazyLock::new(|| Document::new(SCRIPT, include_str!("home.js")));

/// What the page says of this gateway.
struct Status {
    is_ready: bool,
    has_broadcasts: bool,
}

/// The start page. A client that does not name HTML in `Accept` is redirected to Swagger UI.
pub(crate) async fn home(
    request: HttpRequest,
    delivery: web::Data<Delivery>,
    draining: web::Data<Draining>,
    broadcasts: web::Data<Option<Broadcasts>>,
) -> HttpResponse {
    if !names_html(&request) {
        let mut redirect = to_docs(request).await;
        redirect.headers_mut().insert(VARY, NEGOTIATED);
        return redirect;
    }
    let status = Status {
        is_ready: is_ready(&delivery.health(), &draining),
        has_broadcasts: broadcasts.is_some(),
    };
    let mut page = start_page(&Reader::of(&request), &status);
    page.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(WITH_SCRIPT));
    page
}

/// Answers with the script of the start page.
pub(crate) async fn script(request: HttpRequest) -> HttpResponse {
    ADDRESS_SCRIPT.answer(&request)
}

fn start_page(reader: &Reader, status: &Status) -> HttpResponse {
    let say = |english, chinese| reader.language.choose(english, chinese);
    let public_url = PublicUrl::of(reader.request);
    let address = public_url.get().map_or_else(|| address(reader.request), str::to_owned);
    let main = html! {
        h1 { "feishu-forward-gateway" }
        p {
            (say(
                "Forwards Feishu (Lark) messages for internal services. It holds the app's secret, keeps to Feishu's \
                 rate limits, retries where a retry is safe, and says after each failure what to do.",
                "为内部服务转发飞书（Lark）消息。网关保管 App Secret，遵守飞书的限频，只在安全时重试，失败时说明如何处理。",
            ))
        }
        h2 { (say("Forward a message", "转发一条消息")) }
        pre {
            code {
                "curl -X POST '" span.address { (address) } "/v1/messages/om_…/forward' \\\n"
                "  -H \"X-API-Key: $GATEWAY_KEY\" -H 'Content-Type: application/json' \\\n"
                "  -d '{\"receive_id\": \"oc_…\"}'"
            }
        }
        p {
            code { "om_…" } (say(" is the id of the message, ", " 是消息的 message_id，"))
            code { "oc_…" } (say(
                " the id of the chat that receives it. Feishu's events and lists have both, as message_id and chat_id. \
                 The operator of this gateway gives you the API key.",
                " 是接收群组的 chat_id，飞书的事件和列表接口都会返回。API 密钥由本网关的运维人员提供。",
            ))
        }
        h2 { (say("Three ways to call it", "三种接入方式")) }
        (doors(reader, &address))
        h2 { (say("For people", "网页工具")) }
        dl {
            dt { a href=(reader.link_to_page("/console/")) { (say("Broadcasts", "群发")) } }
            dd { (say("Forward one message to many receivers, and see the result of each.", "把一条消息转发给多个接收者，并查看每个接收者的结果。")) }
            dt { a href=(reader.link_to_page("/problems")) { (say("Problems", "错误说明")) } }
            dd { (say("Search by Feishu's code or by words, and read what to do.", "按飞书错误码或关键词搜索，查看如何处理。")) }
        }
        h2 { (say("This gateway", "本网关")) }
        (facts(reader, status))
        // The public URL is right as it is.
        @if public_url.get().is_none() {
            script src=(reader.link("/home.js")) {}
        }
    };
    page(reader, "feishu-forward-gateway", &main)
}

/// The ways to call the gateway.
fn doors(reader: &Reader, address: &str) -> Markup {
    let say = |english, chinese| reader.language.choose(english, chinese);
    html! {
        dl {
            dt { "REST" code { "/v1/…" } }
            dd {
                (say("Plain HTTP with your API key. ", "普通 HTTP 请求，携带 API 密钥。"))
                a href=(reader.link_to_page("/docs/")) { (say("Try the API", "调试接口")) }
                (say(" or read the ", "，或查看 "))
                a href=(reader.link_to_page("/openapi.json")) { (say("OpenAPI document", "OpenAPI 文档")) }
                (say(".", "。"))
            }
            dt { (say("Feishu's own paths", "飞书原生接口")) code { "/open-apis/…" } }
            dd {
                (say(
                    "For programs with a Feishu SDK. Set the SDK's domain to ",
                    "供使用飞书 SDK 的程序接入：把 SDK 的域名设为 ",
                ))
                code { span.address { (address) } }
                (say(", and its app secret to your API key.", "，把 App Secret 设为 API 密钥。"))
            }
            dt { "MCP" code { "/mcp" } }
            dd {
                (say("For AI assistants. Add ", "供 AI 助手接入：添加 HTTP 类型的 MCP 服务器 "))
                code { span.address { (address) } "/mcp" }
                (say(" as an HTTP server, with your API key in the header ", "，API 密钥放在请求头 "))
                code.whole { "X-API-Key" } (say(".", " 中。"))
            }
        }
    }
}

fn facts(reader: &Reader, status: &Status) -> Markup {
    let say = |english, chinese| reader.language.choose(english, chinese);
    html! {
        dl {
            dt { (say("Version", "版本")) }
            dd { (env!("CARGO_PKG_VERSION")) }
            dt { (say("Status", "状态")) }
            dd {
                @if status.is_ready {
                    (say("Ready", "就绪"))
                } @else {
                    (say("Not ready: it is starting or shutting down", "未就绪：正在启动或退出"))
                }
            }
            dt { (say("Broadcasts", "群发")) }
            dd {
                @if status.has_broadcasts {
                    (say("Configured", "已启用"))
                } @else {
                    (say("Not configured", "未启用"))
                }
            }
        }
    }
}

/// The address that the request names. Without a script, this is the best that is known of it.
///
/// Not from `X-Forwarded-Host`: a cache that keeps the page does not tell requests apart by it, and readers send their keys
/// to this address.
fn address(request: &HttpRequest) -> String {
    let is_secured = ClientConnection::of(request).is_some_and(|it| it.is_secured());
    let scheme = if is_secured { "https" } else { "http" };
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    // Readers paste it into a shell.
    let is_plain =
        |host: &&str| host.chars().all(|it| it.is_ascii_alphanumeric() || "-._:[]".contains(it));
    let host = host.filter(|it| !it.is_empty()).filter(is_plain);
    format!("{scheme}://{}", host.unwrap_or("…"))
}
