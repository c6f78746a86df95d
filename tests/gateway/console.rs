//! The files of the console. What they do in a browser is shown by `e2e/browser/console.test.mjs`.

use std::collections::BTreeSet;

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
        let kind = if ending(&name) == "css" { "text/css" } else { "text/javascript" };
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
    let is_beside = |name: &&str| ["js", "css"].contains(&ending(name)) && !name.starts_with("../");
    values.chain(imports).filter(is_beside).map(str::to_owned).collect()
}

/// What stands behind the last dot.
fn ending(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or_default()
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
