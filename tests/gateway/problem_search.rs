//! The search for problems, on their page and as JSON.

use feishu_forward_gateway::feishu::codes::CODES;
use feishu_forward_gateway::model::problem_kind::ProblemKind;
use url::Url;

use gateway_harness::{Answer, Gateway, gateway};

async fn page(gateway: &Gateway, query: &[(&str, &str)]) -> String {
    let answer = read(gateway, query, "text/html").await;
    assert_eq!(answer.status, 200, "{query:?}");
    answer.text()
}

async fn read(gateway: &Gateway, query: &[(&str, &str)], accept: &str) -> Answer {
    let url = Url::parse_with_params(&format!("{}/problems", gateway.api), query);
    Answer::of(gateway.http.get(url.expect("a URL")).header("accept", accept)).await
}

/// The codes of the problems that are found.
async fn found(gateway: &Gateway, text: &str) -> Vec<String> {
    let list = read(gateway, &[("q", text)], "application/json").await.json();
    let problems = list["problems"].as_array().expect("problems").iter();
    let codes: Vec<String> =
        problems.map(|it| it["code"].as_str().expect("a code").to_owned()).collect();
    // The page has the same ones, each once in a table.
    let page = page(gateway, &[("q", text)]).await;
    assert_eq!(page.matches("<th scope=\"row\">").count(), codes.len(), "{text}");
    for code in &codes {
        assert!(page.contains(&format!("href=\"./problems/{code}\"")), "{text}: {code}");
    }
    codes
}

#[actix_web::test]
async fn each_code_of_feishus_finds_its_problem_and_what_to_do_about_that_code() {
    let gateway = gateway().start().await;
    for known in CODES {
        let (code, problem) = (known.code.to_string(), known.problem.facts());
        assert_eq!(found(&gateway, &code).await, [problem.name], "{code}");
        let text = page(&gateway, &[("q", &code)]).await;
        let hit = text.split("<section class=\"box\">").nth(1).expect("the code");
        let remedy =
            known.remedy.en.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        assert!(hit.contains(&remedy.replace('"', "&quot;")), "{code}: {hit}");
    }
}

#[actix_web::test]
async fn a_code_of_feishus_that_is_not_known_is_said_to_be_and_finds_how_it_is_answered() {
    let gateway = gateway().start().await;
    for code in ["239999", "-1", "9223372036854775807"] {
        assert_eq!(found(&gateway, code).await, ["feishu_error"], "{code}");
        let text = page(&gateway, &[("q", code)]).await;
        assert!(text.contains("This gateway does not know this code."), "{text}");
        let text = page(&gateway, &[("q", code), ("lang", "zh")]).await;
        assert!(text.contains("本网关不认识该错误码。"), "{text}");
    }
}

#[actix_web::test]
async fn words_and_codes_and_statuses_find_what_has_them_all_in_either_language() {
    let gateway = gateway().start().await;
    for (text, expected) in [
        ("bot_not_in_chat", &["bot_not_in_chat"][..]),
        ("BOT_NOT_IN", &["bot_not_in_chat"]),
        ("机器人不在群中", &["bot_not_in_chat"]),
        // Feishu's own words.
        ("  Bot can NOT be outside the group ", &["bot_not_in_chat"]),
        ("504", &["feishu_timeout"]),
        // As people paste it.
        ("230013,", &["user_out_of_scope"]),
        ("feishu.code=230013", &["user_out_of_scope"]),
        ("{\"code\":230013,\"msg\"", &["user_out_of_scope"]),
        ("Feishu answered 230013: Bot has NO", &["user_out_of_scope"]),
        ("错误码230013。", &["user_out_of_scope"]),
        ("bot_not_in_chat。", &["bot_not_in_chat"]),
        ("413 body_too_large", &["body_too_large"]),
        ("413 230002", &[]),
        ("nothing-that-there-is", &[]),
        ("18446744073709551616", &[]),
    ] {
        assert_eq!(found(&gateway, text).await, expected, "{text}");
    }
    for status in [401, 429] {
        let of_status = ProblemKind::ALL.iter().map(|kind| kind.facts());
        let of_status = of_status.filter(|facts| facts.status == status).map(|facts| facts.name);
        assert_eq!(found(&gateway, &status.to_string()).await, of_status.collect::<Vec<_>>());
    }
    for nothing in ["", "   "] {
        assert_eq!(found(&gateway, nothing).await.len(), ProblemKind::ALL.len());
    }
}

#[actix_web::test]
async fn the_page_says_how_many_it_found_and_what_to_do_if_none() {
    let gateway = gateway().start().await;
    for (text, language, words) in [
        ("230002", "en", "1 problem matches “230002”."),
        ("quota", "en", " problems match “quota”."),
        ("zzz", "en", "No problem matches “zzz”."),
        ("zzz", "en", "Search for less"),
        ("230002", "zh", "1 个错误与“230002”匹配。"),
        ("zzz", "zh", "没有与“zzz”匹配的错误。"),
        ("zzz", "zh", "减少搜索内容"),
    ] {
        let page = page(&gateway, &[("q", text), ("lang", language)]).await;
        assert!(page.contains(words), "{words} in {page}");
        // The search can be changed, and stays in its language.
        assert!(page.contains(&format!("value=\"{text}\"")), "{page}");
        assert!(page.contains(&format!("type=\"hidden\" name=\"lang\" value=\"{language}\"")));
        let other = if language == "en" { "zh" } else { "en" };
        assert!(page.contains(&format!("href=\"?q={text}&amp;lang={other}\"")), "{page}");
    }
}

#[actix_web::test]
async fn what_a_reader_looks_for_is_bounded_and_escaped() {
    let gateway = gateway().start().await;
    let long = "界".repeat(1000);
    let text = page(&gateway, &[("q", &long)]).await;
    assert!(text.contains(&"界".repeat(100)) && !text.contains(&format!("<h1>{long}")));
    assert!(!text.contains(&"界".repeat(101)), "the rest is cut off");
    // So is the rest in the link to the other language, and what the page does not read.
    let longest = "%E7%95%8C".repeat(100);
    assert!(text.contains(&longest) && !text.contains(&format!("{longest}%")), "{text}");
    let many: Vec<(&str, &str)> = [("a", "b")].repeat(5000);
    assert!(page(&gateway, &many).await.len() < 100_000);
    let text = page(&gateway, &[("q", "<script>\"&")]).await;
    assert!(!text.contains("<script"), "{text}");
    assert!(text.contains("&lt;script&gt;&quot;&amp;"), "{text}");
}
