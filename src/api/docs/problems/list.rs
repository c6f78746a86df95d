//! The page that lists all problems.

use actix_web::HttpResponse;
use maud::{Markup, html};

use crate::api::docs::page::page;
use crate::api::docs::problems::words::{retry, went_out, who};
use crate::api::docs::reader::Reader;
use crate::feishu::codes::CODES;
use crate::model::problem_kind::{FixBy, ProblemKind};

/// The groups of the page. Those come first about which callers can do most.
const GROUPS: &[FixBy] = &[
    FixBy::Caller,
    FixBy::Receiver,
    FixBy::ChatAdmin,
    FixBy::TenantAdmin,
    FixBy::Operator,
    FixBy::Nobody,
];

/// The page of all problems, grouped by who can remove the cause.
pub(crate) fn problems_page(reader: &Reader) -> HttpResponse {
    let say = |english, chinese| reader.language.choose(english, chinese);
    let title = say("Problems", "错误说明");
    let main = html! {
        h1 { (title) }
        p { (say("Every error is one of these. Who can fix it?", "所有错误都列在这里。由谁处理？")) }
        ul {
            @for group in GROUPS {
                li { a href={ "#" (group.name()) } { (who(*group, reader.language)) } }
            }
        }
        @for group in GROUPS {
            section aria-labelledby=(group.name()) {
                h2 id=(group.name()) { (who(*group, reader.language)) }
                (table(*group, reader))
            }
        }
    };
    page(reader, title, &main)
}

fn table(group: FixBy, reader: &Reader) -> Markup {
    let language = reader.language;
    let say = |english, chinese| language.choose(english, chinese);
    let problems = ProblemKind::ALL.iter().map(|kind| kind.facts());
    html! {
        table.problems {
            thead {
                tr {
                    th scope="col" { (say("Problem", "错误")) }
                    th scope="col" { (say("Status", "状态码")) }
                    th scope="col" { (say("Sent?", "已送出？")) }
                    th scope="col" { (say("Retry?", "可重试？")) }
                }
            }
            tbody {
                @for facts in problems.filter(|facts| facts.fix_by == group) {
                    tr {
                        th scope="row" {
                            a href=(reader.link_to_page(&format!("/problems/{}", facts.name))) {
                                (language.choose(facts.title, facts.title_zh))
                            }
                            code { (facts.name) }
                            (feishu_codes(facts.name, say("Feishu: ", "飞书：")))
                        }
                        td { (facts.status) }
                        td { (went_out(facts.outcome, language)) }
                        td { (retry(facts.retryable, language)) }
                    }
                }
            }
        }
    }
}

/// The codes of Feishu that become a problem, if there are any.
fn feishu_codes(problem: &str, label: &str) -> Markup {
    let codes = CODES.iter().filter(|known| known.problem.facts().name == problem);
    let codes: Vec<String> = codes.map(|known| known.code.to_string()).collect();
    html! {
        @if !codes.is_empty() {
            small { (label) (codes.join(", ")) }
        }
    }
}
