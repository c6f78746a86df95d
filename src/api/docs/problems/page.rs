//! The page that explains one problem.

use actix_web::HttpResponse;
use maud::{Markup, html};

use crate::api::docs::page::{code, page};
use crate::api::docs::problems::explanation::ProblemExplanation;
use crate::api::docs::problems::words::{whether_it_went_out, whether_retrying_helps, who};
use crate::api::docs::reader::Reader;

/// The page that explains a problem.
pub(crate) fn problem_page(reader: &Reader, problem: &ProblemExplanation) -> HttpResponse {
    let language = reader.language;
    let say = |english, chinese| language.choose(english, chinese);
    let facts = problem.code.facts();
    let main = html! {
        h1 { (problem.title) }
        p.code { (code(facts.name)) }
        h2 { (say("What to do", "如何处理")) }
        p { (problem.remedy) }
        dl {
            dt { (say("Who can fix it?", "由谁处理？")) }
            dd { (who(facts.fix_by, language)) }
            dt { (say("Was the message delivered?", "消息送达了吗？")) }
            dd {
                (whether_it_went_out(facts.outcome, language))
                small {
                    (say(
                        "Read outcome in your answer: it says whether this message may have been sent.",
                        "以实际响应中的 outcome 为准：它说明这条消息是否可能已发出。",
                    ))
                }
            }
            dt { (say("Does a retry help?", "重试有用吗？")) }
            dd { (whether_retrying_helps(&facts, language)) }
            dt { (say("HTTP status", "HTTP 状态码")) }
            dd { (facts.status) }
        }
        @if !problem.feishu_codes.is_empty() {
            h2 { (say("Feishu's codes for this problem", "对应的飞书错误码")) }
            (feishu_codes(reader, problem))
        }
        h2 { (say("Example answers", "响应示例")) }
        @for example in &problem.examples {
            pre { code { (serde_json::to_string_pretty(example).unwrap_or_default()) } }
        }
        p { a href=(reader.link_to_page("/problems")) { (say("All problems", "全部错误")) } }
    };
    page(reader, problem.title, &main)
}

fn feishu_codes(reader: &Reader, problem: &ProblemExplanation) -> Markup {
    let say = |english, chinese| reader.language.choose(english, chinese);
    html! {
        table {
            thead {
                tr {
                    th scope="col" { (say("Code", "错误码")) }
                    th scope="col" { (say("What Feishu says", "飞书的说明")) }
                    th scope="col" { (say("What to do", "如何处理")) }
                }
            }
            tbody {
                @for known in &problem.feishu_codes {
                    tr {
                        th scope="row" { code { (known.code) } }
                        td lang="en" { (known.msg.unwrap_or("–")) }
                        td { (known.remedy.unwrap_or(say("See above.", "同上。"))) }
                    }
                }
            }
        }
    }
}
