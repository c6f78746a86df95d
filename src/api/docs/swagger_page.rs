//! The page of Swagger UI. Its scripts and its stylesheet are the files beside this one and those of Swagger UI's release.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use maud::html;

use crate::api::docs::page::{navigation, with_head};
use crate::api::docs::reader::Reader;
use crate::api::http::security_headers::SCRIPTED;
use crate::api::language::Language;

/// The page of Swagger UI, whose own texts a script translates.
pub(crate) fn swagger_page(reader: &Reader) -> HttpResponse {
    let say = |english, chinese| reader.language.choose(english, chinese);
    let body = html! {
        header {
            (navigation(reader))
            label {
                input type="checkbox" id="remember-key";
                " " (say("Keep my key in this browser", "在此浏览器中保存我的密钥"))
            }
        }
        main id="swagger-ui" {}
        script src="swagger-ui-bundle.js" {}
        script type="module" src="swagger-initializer.js" {}
        script type="module" src="swagger-corrections.js" {}
        @if reader.language == Language::Chinese {
            script type="module" src="swagger-zh.js" {}
        }
    };
    let title = say("API of feishu-forward-gateway", "feishu-forward-gateway 接口调试");
    let mut answer = with_head(reader, title, &["swagger-ui.css", "docs.css"], &body);
    let policy = HeaderValue::from_static(SCRIPTED);
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    answer
}
