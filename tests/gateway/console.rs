//! The files of the console. What they do in a browser is shown by `e2e/browser/console.test.mjs`.

use std::collections::BTreeSet;

use reqwest::header::IF_NONE_MATCH;

use gateway_harness::{Answer, gateway};

#[actix_web::test]
async fn every_file_that_the_console_names_comes_from_the_gateway() {
    let gateway = gateway().start().await;
    let page = gateway.ask("GET", "/console/").await;
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let mut to_do: Vec<String> = named(&page.text());
    assert!(to_do.contains(&"main.js".to_owned()), "{to_do:?}");
    let mut seen = BTreeSet::new();
    while let Some(name) = to_do.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let file = gateway.ask("GET", &format!("/console/{name}")).await;
        assert_eq!(file.status, 200, "{name}");
        let kind = if name.ends_with(".css") { "text/css" } else { "text/javascript" };
        assert_eq!(file.header("content-type"), Some(&*format!("{kind}; charset=utf-8")), "{name}");
        let text = file.text();
        for other_host in ["http://", "https://"] {
            assert!(!text.contains(other_host), "{name} mentions another host");
        }
        to_do.extend(named(&text));
    }
    assert!(seen.len() > 10, "{seen:?}");
}

/// The files beside it that a file of the console names.
fn named(text: &str) -> Vec<String> {
    let values = ["src=\"", "href=\""].into_iter().flat_map(|start| text.split(start).skip(1));
    let values = values.filter_map(|rest| rest.split('"').next());
    let imports = text.split("from './").skip(1).filter_map(|rest| rest.split('\'').next());
    let is_beside = |name: &&str| name.ends_with(".js") || name.ends_with(".css");
    let names = values.chain(imports).filter(is_beside).filter(|name| !name.starts_with("../"));
    names.map(str::to_owned).collect()
}

#[actix_web::test]
async fn the_console_may_call_this_gateway_and_nothing_else() {
    let gateway = gateway().start().await;
    let page = gateway.ask("GET", "/console/").await;
    let policy = page.header("content-security-policy").expect("a policy");
    let mut rules: Vec<&str> = policy.split("; ").collect();
    rules.sort_unstable();
    let expected = [
        "base-uri 'none'",
        "connect-src 'self'",
        "default-src 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "img-src 'self' data:",
        "script-src 'self'",
        "style-src 'self'",
    ];
    assert_eq!(rules, expected);
    let html = page.text();
    for inline in ["style=\"", "onclick=\"", "<style", "<script>"] {
        assert!(!html.contains(inline), "{inline} is what the policy forbids");
    }
}

#[actix_web::test]
async fn a_file_that_a_browser_has_kept_is_not_sent_again() {
    let gateway = gateway().start().await;
    for path in ["/console/", "/console/main.js"] {
        let first = gateway.ask("GET", path).await;
        assert_eq!(first.header("cache-control"), Some("no-cache"), "{path}");
        let tag = first.header("etag").expect("a tag").to_owned();
        let again = async |tags: String| {
            let request = gateway.http.get(format!("{}{path}", gateway.api));
            Answer::of(request.header(IF_NONE_MATCH, tags)).await
        };
        let kept = again(format!("\"other\", {tag}")).await;
        assert_eq!((kept.status, kept.body.len()), (304, 0), "{path}");
        assert_eq!(kept.header("etag"), Some(&*tag), "{path}");
        assert_eq!(again("\"other\"".to_owned()).await.status, 200, "{path}");
    }
}

#[actix_web::test]
async fn what_is_no_file_of_the_console_is_not_found() {
    let gateway = gateway().start().await;
    for path in ["/console/none.js", "/console/../mod.rs", "/console/console.rs"] {
        gateway.ask("GET", path).await.problem(404, "route_not_found", "not_delivered");
    }
}

#[actix_web::test]
async fn the_start_page_leads_to_the_console() {
    let gateway = gateway().start().await;
    let request = gateway.http.get(format!("{}/", gateway.api)).header("accept", "text/html");
    assert!(Answer::of(request).await.text().contains("href=\"./console/\""));
}
