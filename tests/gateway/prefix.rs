//! Behind a proxy that serves the gateway under a path of its own: no link leads out of it.

use std::collections::BTreeSet;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use reqwest::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use url::Url;

use gateway_harness::{Answer, Gateway, gateway, guarded};

const PREFIX: &str = "/apps/feishu";
const BROWSER: &str = "text/html,*/*;q=0.8";

/// Starts a proxy that cuts off the prefix, and has nothing outside of it; returns where the gateway is
/// found behind it.
fn proxy(gateway: &Gateway) -> Url {
    let (http, api) = (gateway.http.clone(), gateway.api.clone());
    let pass = move |request: HttpRequest, body: web::Bytes| {
        let (http, api) = (http.clone(), api.clone());
        async move {
            let Some(path) = request.uri().to_string().strip_prefix(PREFIX).map(str::to_owned)
            else {
                return HttpResponse::NotFound().body("not behind the prefix");
            };
            let method = request.method().as_str().parse().expect("a method");
            let mut sent = http.request(method, format!("{api}{path}")).body(body.to_vec());
            for (name, value) in request.headers() {
                if !matches!(name.as_str(), "host" | "content-length" | "connection") {
                    sent = sent.header(name.as_str(), value.as_bytes());
                }
            }
            let got = sent.send().await.expect("an answer");
            let mut answer = HttpResponse::build(
                actix_web::http::StatusCode::from_u16(got.status().as_u16()).expect("a status"),
            );
            for name in [CONTENT_TYPE, LOCATION] {
                if let Some(value) = got.headers().get(&name) {
                    answer.insert_header((name.as_str(), value.to_str().expect("text")));
                }
            }
            answer.body(got.bytes().await.expect("a body"))
        }
    };
    let server = HttpServer::new(move || App::new().default_service(web::to(pass.clone())))
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .expect("a free port");
    let address = server.addrs()[0];
    rt::spawn(server.run());
    Url::parse(&format!("http://{address}{PREFIX}/")).expect("a URL")
}

async fn get(gateway: &Gateway, url: &Url) -> Answer {
    Answer::of(gateway.http.get(url.clone()).header(ACCEPT, BROWSER)).await
}

/// What the attributes of HTML lead to, from the page at `base`.
fn links(html: &str, base: &Url) -> Vec<Url> {
    let values = ["href=\"", "src=\""].into_iter().flat_map(|name| html.split(name).skip(1));
    let values = values.filter_map(|rest| rest.split('"').next());
    let own = values.filter(|value| !value.starts_with("data:") && !value.starts_with('#'));
    own.map(|value| base.join(&value.replace("&amp;", "&")).expect("a link")).collect()
}

#[actix_web::test]
async fn every_link_on_every_page_stays_behind_the_prefix() {
    let gateway = gateway().start().await;
    let root = proxy(&gateway);
    let mut to_do = vec![root.clone()];
    to_do.extend(
        ["docs", "docs/index.html", "console", "problems/230002"]
            .map(|path| root.join(path).unwrap()),
    );
    let mut seen = BTreeSet::new();
    while let Some(url) = to_do.pop() {
        if !seen.insert(url.to_string()) {
            continue;
        }
        assert!(url.as_str().starts_with(root.as_str()), "{url}");
        let answer = get(&gateway, &url).await;
        if (300..400).contains(&answer.status) {
            to_do.push(url.join(answer.header("location").expect("a location")).unwrap());
            continue;
        }
        assert_eq!(answer.status, 200, "{url}");
        if answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
            to_do.extend(links(&answer.text(), &url));
        }
    }
    for path in [
        "docs/",
        "console/",
        "console/main.js",
        "problems",
        "problems/draining",
        "problems?lang=zh",
        "pages.css",
    ] {
        assert!(seen.contains(root.join(path).unwrap().as_str()), "{path} in {seen:#?}");
    }
}

#[actix_web::test]
async fn swagger_ui_finds_its_document_its_server_and_the_problems_behind_the_prefix() {
    let gateway = gateway().start().await;
    let root = proxy(&gateway);
    let page = root.join("docs/").unwrap();
    let script = get(&gateway, &page.join("swagger-initializer.js").unwrap()).await.text();
    let document = script.split("new URL('").nth(1).and_then(|rest| rest.split('\'').next());
    let document = page.join(document.expect("the document's address")).unwrap();
    let openapi = get(&gateway, &document).await.json();
    let server = openapi["servers"][0]["url"].as_str().expect("a server");
    assert_eq!(document.join(server).unwrap(), root);
    let paths = openapi["paths"].as_object().expect("paths");
    let mut followed = 0;
    let texts = paths.values().flat_map(|path| path.as_object().unwrap().values());
    for response in texts.flat_map(|method| method["responses"].as_object().unwrap().values()) {
        let text = response["description"].as_str().expect("a description");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            assert_eq!(get(&gateway, &page.join(link).unwrap()).await.status, 200, "{link}");
            followed += 1;
        }
    }
    assert!(followed > 40, "{followed}");
}

#[actix_web::test]
async fn the_public_url_begins_types_locations_and_the_server() {
    for public_url in ["https://apps.example.com/feishu", "https://apps.example.com/feishu/"] {
        let gateway = gateway().set("server.public_url", public_url).start().await;
        let start = "https://apps.example.com/feishu";
        let problem = gateway.forward("oc_1").without("x-api-key").send().await.json();
        assert_eq!(problem["type"], format!("{start}/problems/unauthorized"));
        let problem = gateway.ask_admin("GET", "/nope").await.json();
        assert_eq!(problem["type"], format!("{start}/problems/route_not_found"));
        for (path, target) in [
            ("/docs", "/docs/"),
            ("/console", "/console/"),
            ("/", "/docs/"),
            ("/problems/230002", "/problems/bot_not_in_chat"),
        ] {
            let answer = gateway.ask("GET", path).await;
            assert_eq!(answer.header("location"), Some(&*format!("{start}{target}")), "{path}");
        }
        let openapi = gateway.ask("GET", "/openapi.json").await;
        assert_eq!(openapi.json()["servers"][0]["url"], start);
        assert!(openapi.text().contains(&format!("{start}/problems/draining")));
        let request = gateway.http.get(format!("{}/problems/draining", gateway.api));
        let explained = guarded(request.header(ACCEPT, "application/json").send()).await.unwrap();
        let explained: serde_json::Value =
            serde_json::from_slice(&explained.bytes().await.unwrap()).unwrap();
        assert_eq!(explained["type"], format!("{start}/problems/draining"));
        assert_eq!(explained["examples"][0]["type"], explained["type"]);
    }
}
