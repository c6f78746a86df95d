//! The OpenAPI document and the page that shows it.

use std::fs;
use std::path::Path;

use feishu_forward_gateway::api::{Language, PublicUrl, openapi_json};
use feishu_forward_gateway::model::problem_kind::ProblemKind;

use gateway_harness::{Answer, gateway};

#[test]
fn the_document_under_review_is_the_one_that_the_code_describes() {
    for (name, language) in
        [("openapi.json", Language::English), ("openapi.zh.json", Language::Chinese)]
    {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi").join(name);
        let reviewed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            reviewed == openapi_json(language, &PublicUrl::default()),
            "openapi/{name} is not what the code describes: run `make openapi` and review the diff"
        );
    }
}

#[actix_web::test]
async fn the_gateway_serves_the_document() {
    let gateway = gateway().start().await;
    let answer = gateway.ask("GET", "/openapi.json").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    assert_eq!(answer.text(), openapi_json(Language::English, &PublicUrl::default()));
    let version = answer.json()["openapi"].as_str().unwrap().to_owned();
    assert!(version.starts_with("3.1"), "{version}");
}

#[test]
fn the_document_describes_every_problem_code() {
    let document = openapi_json(Language::English, &PublicUrl::default());
    assert!(!ProblemKind::ALL.is_empty());
    for kind in ProblemKind::ALL {
        let name = format!("\"{}\"", kind.facts().name);
        assert!(document.contains(&name), "{name} is nowhere in the document");
    }
}

/// The problems that a forward never has.
const OF_OTHER_ROUTES: [&str; 7] = [
    "route_not_found",
    "method_not_allowed",
    "origin_not_allowed",
    "broadcast_not_found",
    "broadcast_ended",
    "broadcasts_not_configured",
    "event_rejected",
];

#[test]
fn the_document_describes_every_status_and_header_of_a_forward() {
    let document: serde_json::Value =
        serde_json::from_str(&openapi_json(Language::English, &PublicUrl::default())).unwrap();
    let forward = &document["paths"]["/v1/messages/{message_id}/forward"]["post"];
    let responses = forward["responses"].as_object().expect("responses");
    for kind in ProblemKind::ALL {
        if OF_OTHER_ROUTES.contains(&kind.facts().name) {
            continue;
        }
        let status = kind.facts().status.to_string();
        assert!(responses.contains_key(&status), "{} has {status}", kind.facts().name);
    }
    let headers = responses["200"]["headers"].as_object().expect("headers");
    for header in [
        "X-Request-Id",
        "X-Feishu-Log-Id",
        "RateLimit-Policy",
        "RateLimit",
        "Server-Timing",
        "Idempotency-Replayed",
        "Preference-Applied",
    ] {
        assert!(headers.contains_key(header), "{header}");
    }
}

#[test]
fn each_problem_of_a_forward_has_an_example_under_its_status() {
    let document: serde_json::Value =
        serde_json::from_str(&openapi_json(Language::English, &PublicUrl::default())).unwrap();
    let responses = &document["paths"]["/v1/messages/{message_id}/forward"]["post"]["responses"];
    for facts in ProblemKind::ALL.iter().map(|kind| kind.facts()) {
        if OF_OTHER_ROUTES.contains(&facts.name) {
            continue;
        }
        let content = &responses[facts.status.to_string()]["content"]["application/problem+json"];
        let example = &content["examples"][facts.name]["value"];
        assert_eq!(example["code"], facts.name);
        assert_eq!(example["status"], facts.status);
        assert_eq!(example["retryable"], facts.retryable, "{}", facts.name);
    }
}

#[actix_web::test]
async fn the_page_comes_from_the_gateway_alone() {
    let gateway = gateway().start().await;
    let scripts = ["swagger-initializer.js", "swagger-corrections.js", "swagger-zh.js"]
        .map(|name| format!("/docs/{name}"));
    for path in ["/docs/", "/docs/?lang=zh", "/docs/index.html"]
        .into_iter()
        .chain(scripts.iter().map(|it| &**it))
    {
        let answer = gateway.ask("GET", path).await;
        assert_eq!(answer.status, 200, "{path}");
        let text = answer.text();
        for other_host in ["http://", "https://", "src=\"//", "href=\"//"] {
            assert!(!text.contains(other_host), "{path} mentions another host: {text}");
        }
    }
    let page = gateway.ask("GET", "/docs/").await.text();
    let files = [
        "swagger-ui.css",
        "docs.css",
        "swagger-ui-bundle.js",
        "swagger-initializer.js",
        "swagger-corrections.js",
    ];
    for name in files {
        assert!(page.contains(name), "{name}");
        assert_eq!(gateway.ask("GET", &format!("/docs/{name}")).await.status, 200, "{name}");
    }
    assert!(
        gateway.ask("GET", "/docs/swagger-initializer.js").await.text().contains("/openapi.json")
    );
}

#[actix_web::test]
async fn the_page_is_in_the_readers_language_and_only_the_chinese_one_is_translated() {
    let gateway = gateway().start().await;
    let english = gateway.ask("GET", "/docs/").await;
    assert_eq!(english.header("content-language"), Some("en"));
    assert!(english.text().contains("<html lang=\"en\">"));
    assert!(!english.text().contains("swagger-zh.js"));
    let accepting =
        gateway.http.get(format!("{}/docs/", gateway.api)).header("accept-language", "zh-CN");
    for chinese in [gateway.ask("GET", "/docs/?lang=zh").await, Answer::of(accepting).await] {
        assert_eq!(chinese.header("content-language"), Some("zh"));
        for part in ["<html lang=\"zh\">", "swagger-zh.js", "在此浏览器中保存我的密钥", "?lang=en"]
        {
            assert!(chinese.text().contains(part), "{part}");
        }
    }
}

#[actix_web::test]
async fn visitors_are_sent_to_the_page() {
    let gateway = gateway().start().await;
    for path in ["/", "/docs"] {
        let answer = gateway.ask("GET", path).await;
        assert!((300..400).contains(&answer.status), "{path}");
        assert_eq!(answer.header("location"), Some("./docs/"));
    }
}

#[actix_web::test]
async fn without_docs_there_is_neither_a_start_page_nor_swagger_ui_and_no_link_to_them() {
    let gateway = gateway().set("server.docs", "false").start().await;
    for path in ["/", "/docs", "/docs/", "/docs/swagger-ui.css", "/swagger-ui"] {
        let answer = gateway.ask("GET", path).await;
        let problem = answer.problem(404, "route_not_found", "not_delivered");
        assert!(!problem["detail"].as_str().unwrap().contains("/docs/"), "{path}: {problem}");
    }
    for path in ["/problems", "/problems/draining", "/console/"] {
        let answer = gateway.ask("GET", path).await;
        assert_eq!(answer.status, 200, "{path}");
        let page = answer.text();
        assert!(!page.contains("docs/\"") && !page.contains("\"../\""), "{path}: {page}");
    }
    assert_eq!(gateway.ask("GET", "/openapi.json").await.status, 200);
}
