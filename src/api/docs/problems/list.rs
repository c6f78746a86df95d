//! The page that lists all problems.

use actix_web::HttpResponse;
use maud::{Markup, html};

use crate::api::docs::page::{code, page};
use crate::api::docs::problems::search::Search;
use crate::api::docs::problems::words::{retry, went_out, who};
use crate::api::docs::reader::{LONGEST_SEARCH, Reader};
use crate::api::language::Language;
use crate::feishu::codes::{CODES, Code};
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

/// The page of the problems that were found, grouped by who can remove the cause.
pub(crate) fn problems_page(
    reader: &Reader,
    search: &Search,
    found: &[ProblemKind],
) -> HttpResponse {
    let say = |english, chinese| reader.language.choose(english, chinese);
    let title = say("Problems", "错误说明");
    let of = |group: FixBy| found.iter().copied().filter(move |kind| kind.facts().fix_by == group);
    let groups = GROUPS.iter().filter(|group| of(**group).next().is_some());
    let main = html! {
        h1 { (title) }
        (form(reader, search))
        @if search.text.is_empty() {
            p { (say("Every error is one of these. Who can fix it?", "所有错误都列在这里。由谁处理？")) }
            ul {
                @for group in GROUPS {
                    li { a href={ "#" (group.name()) } { (who(*group, reader.language)) } }
                }
            }
        } @else {
            (result(reader, search, found))
        }
        @for group in groups {
            section aria-labelledby=(group.name()) {
                h2 id=(group.name()) { (who(*group, reader.language)) }
                (table(of(*group), reader))
            }
        }
    };
    if search.text.is_empty() {
        return page(reader, title, &main);
    }
    page(reader, &format!("{} – {title}", search.text), &main)
}

fn form(reader: &Reader, search: &Search) -> Markup {
    let say = |english, chinese| reader.language.choose(english, chinese);
    html! {
        form method="get" action=(reader.link("/problems")) role="search" {
            label for="q" { (say("Search by Feishu's code, the code of your answer, or words", "按飞书错误码、响应中的 code 或关键词搜索")) }
            div.row {
                input #q name="q" type="search" value=(search.text) maxlength=(LONGEST_SEARCH)
                    placeholder="230013" autocomplete="off" spellcheck="false";
                @if reader.has_chosen {
                    input type="hidden" name="lang" value=(reader.language.tag());
                }
                button { (say("Search", "搜索")) }
            }
        }
    }
}

/// What was found: how many problems, and what is known of Feishu's codes that were looked for.
fn result(reader: &Reader, search: &Search, found: &[ProblemKind]) -> Markup {
    let say = |english, chinese| reader.language.choose(english, chinese);
    let text = &search.text;
    let count = match (reader.language, found.len()) {
        (Language::English, 0) => format!("No problem matches “{text}”."),
        (Language::English, 1) => format!("1 problem matches “{text}”."),
        (Language::English, count) => format!("{count} problems match “{text}”."),
        (Language::Chinese, 0) => format!("没有与“{text}”匹配的错误。"),
        (Language::Chinese, count) => format!("{count} 个错误与“{text}”匹配。"),
    };
    html! {
        p role="status" { (count) " " a href=(reader.link_to_page("/problems")) { (say("All problems", "全部错误")) } }
        @if found.is_empty() {
            p { (say(
                "Search for less: only the number in feishu.code of your answer, only its code, or one word of its title.",
                "减少搜索内容：只搜响应里 feishu.code 的数字、响应里的 code，或标题中的一个词。",
            )) }
        }
        @for (number, known) in search.feishu_codes() {
            (feishu_code(reader, number, known))
        }
        @if !found.is_empty() {
            p { (say("Who can fix it?", "由谁处理？")) }
        }
    }
}

/// What to do about one of Feishu's codes.
fn feishu_code(reader: &Reader, number: i64, known: Option<&Code>) -> Markup {
    let language = reader.language;
    let say = |english, chinese| language.choose(english, chinese);
    let problem = known.map_or(ProblemKind::FeishuError, |it| it.problem).facts();
    html! {
        section.box {
            h2 { (say("Feishu's code ", "飞书错误码 ")) (number) }
            @match known {
                Some(known) => {
                    @if !known.msg.is_empty() {
                        p { (say("Feishu says: ", "飞书的说明：")) span lang="en" { (known.msg) } }
                    }
                    p { (language.choose(known.remedy.en, known.remedy.zh)) }
                }
                None => p { (say("This gateway does not know this code.", "本网关不认识该错误码。")) }
            }
            p {
                (say("The gateway's problem for it: ", "网关返回的错误："))
                a href=(reader.link_to_page(&format!("/problems/{}", problem.name))) {
                    (language.choose(problem.title, problem.title_zh))
                }
            }
        }
    }
}

fn table(problems: impl Iterator<Item = ProblemKind>, reader: &Reader) -> Markup {
    let language = reader.language;
    let say = |english, chinese| language.choose(english, chinese);
    html! {
        table.problems {
            thead {
                tr {
                    th scope="col" { (say("Problem", "错误")) }
                    th scope="col" { (say("Status", "状态码")) }
                    th scope="col" { (say("Sent?", "已送达？")) }
                    th scope="col" { (say("Retry?", "可重试？")) }
                }
            }
            tbody {
                @for facts in problems.map(ProblemKind::facts) {
                    tr {
                        th scope="row" {
                            a href=(reader.link_to_page(&format!("/problems/{}", facts.name))) {
                                (language.choose(facts.title, facts.title_zh))
                            }
                            (code(facts.name))
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
