//! The pages that explain problems, for people and for programs.

use feishu_forward_gateway::feishu::codes::CODES;
use feishu_forward_gateway::model::problem_kind::ProblemKind;

use gateway_harness::{Answer, Gateway, gateway};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn read(gateway: &Gateway, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = gateway.http.get(format!("{}{path}", gateway.api));
    Answer::of(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)))
        .await
}

/// The text, escaped as in HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[actix_web::test]
async fn each_problem_has_a_page_with_all_that_is_known_of_it() {
    let gateway = gateway().start().await;
    for kind in ProblemKind::ALL {
        let facts = kind.facts();
        let path = format!("/problems/{}", facts.name);
        let english = read(&gateway, &path, &[("accept", BROWSER)]).await;
        let chinese =
            read(&gateway, &path, &[("accept", BROWSER), ("accept-language", "zh-CN")]).await;
        assert_eq!((english.status, chinese.status), (200, 200), "{path}");
        let (english, chinese) = (english.text(), chinese.text());
        assert!(english.contains(&format!("<dd>{}</dd>", facts.status)), "{path}");
        for said in [facts.title, facts.remedy.en] {
            assert!(english.contains(&escaped(said)), "{path} lacks {said}");
        }
        let code = facts.name.replace('_', "_<wbr>");
        assert!(english.contains(&format!("<code>{code}</code>")), "{path} breaks at underscores");
        for said in [facts.title_zh, facts.remedy.zh] {
            assert!(chinese.contains(&escaped(said)), "{path} lacks {said}");
        }
        for code in CODES.iter().filter(|code| code.problem == *kind) {
            for said in [&*code.code.to_string(), code.msg, code.remedy.en] {
                assert!(english.contains(&escaped(said)), "{path} lacks {said}");
            }
            assert!(chinese.contains(&escaped(code.remedy.zh)), "{path} lacks {}", code.remedy.zh);
        }
    }
}

#[actix_web::test]
async fn the_list_leads_to_each_problem_once() {
    let gateway = gateway().start().await;
    let list = read(&gateway, "/problems", &[("accept", BROWSER)]).await.text();
    for kind in ProblemKind::ALL {
        let link = format!("href=\"./problems/{}\"", kind.facts().name);
        assert_eq!(list.matches(&link).count(), 1, "{link}");
    }
}

#[actix_web::test]
async fn the_type_of_a_problem_resolves() {
    let gateway = gateway().start().await;
    let problem = gateway.forward("oc_1").without("x-api-key").send().await;
    let problem = problem.problem(401, "unauthorized", "not_delivered");
    let path = problem["type"].as_str().unwrap();
    let page = read(&gateway, path, &[]).await.text();
    assert!(page.contains(&escaped(problem["remedy"].as_str().unwrap())), "{page}");
    let explained = read(&gateway, path, &[("accept", "application/json")]).await.json();
    for member in ["type", "title", "status", "code", "outcome", "retryable", "fix_by", "remedy"] {
        assert_eq!(explained[member], problem[member], "{member}");
    }
}

#[actix_web::test]
async fn programs_read_the_same_as_json() {
    let gateway = gateway().start().await;
    let json = [("accept", "application/json")];
    let explained = read(&gateway, "/problems/permission_missing", &json).await.json();
    let codes = explained["feishu_codes"].as_array().unwrap();
    let numbers: Vec<i64> = codes.iter().map(|it| it["code"].as_i64().unwrap()).collect();
    assert_eq!(numbers, [230027, 99991672, 99991676, 99991679]);
    assert_eq!(codes[0]["msg"], "Lack of necessary permissions.");
    assert_eq!(codes[3]["remedy"], "The user has not authorised the app.");
    let example = &explained["examples"][0];
    assert_eq!(example["type"], "/problems/permission_missing");
    assert_eq!(example["feishu"]["code"], 230027);

    let list = read(&gateway, "/problems", &json).await.json();
    let all = list["problems"].as_array().unwrap();
    assert_eq!(all.len(), ProblemKind::ALL.len());
    assert!(all.contains(&explained), "the list says the same");
}

#[actix_web::test]
async fn html_is_what_is_answered_unless_json_comes_first_in_accept() {
    let gateway = gateway().start().await;
    let html = "text/html; charset=utf-8";
    for (accept, expected) in [
        (None, html),
        (Some("*/*"), html),
        (Some(BROWSER), html),
        (Some("text/html, application/json"), html),
        (Some("application/json;q=0.5, */*;q=0.6"), html),
        (Some("application/json;q=0"), html),
        (Some("image/png"), html),
        (Some("not a type"), html),
        (Some("application/json"), "application/json"),
        (Some("application/json, text/html"), "application/json"),
        (Some("application/json, text/plain, */*"), "application/json"),
        (Some("text/html;q=0.8, application/json;q=0.9"), "application/json"),
    ] {
        for path in ["/problems", "/problems/draining"] {
            let headers: Vec<_> = accept.map(|accept| ("accept", accept)).into_iter().collect();
            let answer = read(&gateway, path, &headers).await;
            assert_eq!(answer.header("content-type"), Some(expected), "{path} {accept:?}");
            assert_eq!(answer.header("vary"), Some("Accept, Accept-Encoding, Accept-Language"));
            assert_eq!(answer.header("cache-control"), Some("no-cache"));
        }
    }
}

#[actix_web::test]
async fn the_language_that_was_chosen_on_the_page_comes_before_the_browsers() {
    let gateway = gateway().start().await;
    for (query, accept_language, expected) in [
        ("", None, "en"),
        ("", Some("fr, zh;q=0.5"), "zh"),
        ("", Some("en, zh;q=0.5"), "en"),
        ("?lang=zh", None, "zh"),
        ("?lang=zh-CN", Some("en"), "zh"),
        ("?lang=en", Some("zh-CN"), "en"),
        ("?lang=fr", Some("zh-CN"), "zh"),
    ] {
        for path in ["/", "/problems", "/problems/draining"] {
            let mut headers = vec![("accept", BROWSER)];
            headers.extend(accept_language.map(|tag| ("accept-language", tag)));
            let answer = read(&gateway, &format!("{path}{query}"), &headers).await;
            assert_eq!(answer.header("content-language"), Some(expected), "{path}{query}");
            let tag = format!("<html lang=\"{expected}\">");
            assert!(answer.text().contains(&tag), "{path}{query}");
        }
        let headers: Vec<_> =
            accept_language.map(|tag| ("accept-language", tag)).into_iter().collect();
        let path = format!("/problems/draining{query}");
        let json = [&headers[..], &[("accept", "application/json")]].concat();
        let explained = read(&gateway, &path, &json).await;
        assert_eq!(explained.header("content-language"), Some(expected), "{path}");
        let facts = ProblemKind::Draining.facts();
        let title = if expected == "zh" { facts.title_zh } else { facts.title };
        assert_eq!(explained.json()["title"], title);
    }
}

#[actix_web::test]
async fn a_code_of_feishus_leads_to_the_problem_that_it_becomes() {
    let gateway = gateway().start().await;
    for (path, location) in [
        ("/problems/230002", "../problems/bot_not_in_chat"),
        ("/problems/99991403?lang=zh", "../problems/monthly_quota_exhausted?lang=zh"),
    ] {
        let answer = read(&gateway, path, &[("accept", BROWSER)]).await;
        assert_eq!((answer.status, answer.header("location")), (307, Some(location)), "{path}");
    }
    for (path, words) in [
        ("/problems/239999", "feishu_error"),
        ("/problems/Bot-Not-In-Chat", "/problems/bot_not_in_chat"),
    ] {
        let answer = read(&gateway, path, &[]).await;
        let problem = answer.problem(404, "route_not_found", "not_delivered");
        assert!(problem["detail"].as_str().expect("a detail").contains(words), "{problem:#}");
    }
    let list = read(&gateway, "/problems", &[("accept", BROWSER)]).await.text();
    for code in CODES {
        assert!(list.contains(&code.code.to_string()), "{}", code.code);
    }
}

#[actix_web::test]
async fn a_problem_that_there_is_not_is_not_found() {
    let gateway = gateway().start().await;
    for path in ["/problems/nope", "/problems/Draining", "/problems/", "/problems/draining/"] {
        let answer = read(&gateway, path, &[("accept", BROWSER)]).await;
        answer.problem(404, "route_not_found", "not_delivered");
    }
}

#[actix_web::test]
async fn browsers_get_a_landing_page_and_everybody_else_is_sent_to_the_form() {
    let gateway = gateway().start().await;
    for accept in [BROWSER, "application/json, text/html;q=0.1"] {
        let page = read(&gateway, "/", &[("accept", accept)]).await;
        assert_eq!(page.status, 200, "{accept}");
        assert_eq!(page.header("vary"), Some("Accept, Accept-Encoding, Accept-Language"));
        for link in ["/docs/", "/problems", "/openapi.json"] {
            assert!(page.text().contains(&format!("href=\".{link}\"")), "{link}");
        }
    }
    for accept in ["*/*", "text/*", "application/json", "text/html;q=0"] {
        let redirect = read(&gateway, "/", &[("accept", accept)]).await;
        assert_eq!(redirect.status, 307, "{accept}");
        assert_eq!(redirect.header("location"), Some("./docs/"));
        assert_eq!(redirect.header("vary"), Some("Accept, Accept-Encoding, Accept-Language"));
    }
}

#[actix_web::test]
async fn every_page_says_what_a_browser_may_do_with_it() {
    let gateway = gateway().start().await;
    for path in ["/", "/problems", "/problems/draining", "/docs/", "/console/"] {
        let page = read(&gateway, path, &[("accept", BROWSER)]).await;
        assert_eq!(page.status, 200, "{path}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert_eq!(page.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(page.header("cross-origin-opener-policy"), Some("same-origin"), "{path}");
        let policy = page.header("content-security-policy").expect("a policy");
        let parts: Vec<&str> = policy.split("; ").collect();
        for part in ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"] {
            assert!(parts.contains(&part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        let may_run_scripts = parts.contains(&"script-src 'self'");
        assert_eq!(may_run_scripts, !path.starts_with("/problems"), "{path}: {policy}");
        let may_send_forms = parts.contains(&"form-action 'self'");
        assert_eq!(may_send_forms, path.starts_with("/problems"), "{path}: {policy}");
    }
}

#[actix_web::test]
async fn answers_of_the_api_do_not_carry_what_only_pages_need() {
    let gateway = gateway().start().await;
    let answer = gateway.forward("oc_1").send().await;
    assert_eq!((answer.status, answer.header("content-security-policy")), (200, None));
}
