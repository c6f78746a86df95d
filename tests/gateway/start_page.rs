//! The start page, and the list of what is on the admin listener.

use gateway_harness::{Answer, Gateway, code, every_token, gateway};

const BROWSER: &str = "text/html,*/*;q=0.8";

async fn read(gateway: &Gateway, query: &str, headers: &[(&str, &str)]) -> String {
    let request = gateway.http.get(format!("{}/{query}", gateway.api)).header("accept", BROWSER);
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let page = Answer::of(request).await;
    assert_eq!(page.status, 200);
    page.text()
}

/// What a shell gets who copies the first block of code.
fn curl_line(page: &str) -> String {
    let code = page.split("<pre><code>").nth(1).and_then(|rest| rest.split("</code>").next());
    let code = code.expect("a block of code");
    let text: String =
        code.split('<').map(|part| part.split_once('>').map_or(part, |it| it.1)).collect();
    text.replace("&quot;", "\"").replace("&amp;", "&")
}

#[actix_web::test]
async fn the_line_to_paste_forwards_a_message_once_the_placeholders_are_filled_in() {
    let gateway = gateway().start().await;
    let line = curl_line(&read(&gateway, "", &[]).await).replace("\\\n", "");
    let url = line.split('\'').nth(1).expect("a URL").replace("om_…", "om_1");
    assert!(url.starts_with(&gateway.api), "{url}");
    let body = line.split("-d '").nth(1).and_then(|rest| rest.split('\'').next()).expect("a body");
    assert!(line.contains("-H \"X-API-Key: $GATEWAY_KEY\""), "{line}");
    let request = gateway.http.post(url).header("content-type", "application/json");
    let request = request.header("x-api-key", &gateway.key).body(body.replace("oc_…", "oc_1"));
    Answer::of(request).await.message_id();
}

#[actix_web::test]
async fn the_address_is_the_public_url_or_the_host_that_was_asked() {
    let gateway_of_host = gateway().start().await;
    let headers = [("host", "gateway.example:8080"), ("x-forwarded-host", "elsewhere.example")];
    for query in ["", "?lang=zh"] {
        let page = read(&gateway_of_host, query, &headers).await;
        assert!(curl_line(&page).contains("'http://gateway.example:8080/v1/messages/"), "{page}");
        assert!(!page.contains("elsewhere.example"), "{page}");
        assert!(page.contains("src=\"./home.js\""), "{page}");
    }
    for host in ["a'$(id).example", "<b>.example", ""] {
        let page = read(&gateway_of_host, "", &[("host", host)]).await;
        assert!(curl_line(&page).contains("'http://…/v1/messages/"), "{host}: {page}");
    }

    let url = "https://apps.example.com/feishu";
    let gateway = gateway().set("server.public_url", url).start().await;
    let page = read(&gateway, "", &headers).await;
    assert!(curl_line(&page).contains(&format!("'{url}/v1/messages/")), "{page}");
    assert!(page.contains(&format!("{url}</span>/mcp")), "{page}");
    assert!(!page.contains("home.js"), "{page}");
}

#[actix_web::test]
async fn it_says_whether_the_gateway_is_ready_as_readyz_does() {
    let cold = gateway().fault(every_token(code(10003))).cold().start().await;
    assert_eq!(cold.ask_admin("GET", "/readyz").await.status, 503);
    assert!(read(&cold, "", &[]).await.contains("<dd>Not ready"));
    assert!(read(&cold, "?lang=zh", &[]).await.contains("<dd>未就绪"));

    let gateway = gateway().start().await;
    assert_eq!(gateway.ask_admin("GET", "/readyz").await.status, 200);
    assert!(read(&gateway, "", &[]).await.contains("<dd>Ready</dd>"));
    assert!(read(&gateway, "?lang=zh", &[]).await.contains("<dd>就绪</dd>"));
}

#[actix_web::test]
async fn it_says_whether_broadcasts_are_configured() {
    let without = gateway().start().await;
    assert!(read(&without, "", &[]).await.contains("<dd>Not configured</dd>"));
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("broadcasts.db");
    let with = gateway().set("broadcasts.path", file.to_str().expect("UTF-8")).start().await;
    assert!(read(&with, "", &[]).await.contains("<dd>Configured</dd>"));
}

#[actix_web::test]
async fn it_says_nothing_of_apps_and_callers_and_no_more_of_the_version_than_the_openapi_document()
{
    let gateway = gateway()
        .app("hidden_app", "hidden-secret")
        .set("keys.hidden_caller.hash", &format!("sha256:{}", "0".repeat(64)))
        .set("keys.hidden_caller.app", "hidden_app")
        .start()
        .await;
    let page = read(&gateway, "", &[]).await;
    for hidden in ["hidden", "cli_"] {
        assert!(!page.contains(hidden), "{page}");
    }
    let document = gateway.ask("GET", "/openapi.json").await.json();
    let version = document["info"]["version"].as_str().expect("a version");
    assert!(page.contains(&format!("<dd>{version}</dd>")), "{page}");
}

#[actix_web::test]
async fn the_admin_listener_lists_what_it_has() {
    let gateway = gateway().start().await;
    for (query, words) in [("", "Prometheus text format"), ("?lang=zh", "Prometheus 文本格式")]
    {
        let url = format!("{}/{query}", gateway.admin);
        let text = Answer::of(gateway.http.get(&url)).await;
        assert_eq!(text.header("content-type"), Some("text/plain; charset=utf-8"));
        let page = Answer::of(gateway.http.get(&url).header("accept", BROWSER)).await;
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(page.header("content-security-policy").is_some());
        assert!(page.text().contains(words), "{}", page.text());
        let paths: Vec<String> = text
            .text()
            .lines()
            .map(|line| line.split_whitespace().next().expect("a path").to_owned())
            .collect();
        assert_eq!(paths, ["/livez", "/readyz", "/metrics"]);
        for path in paths.iter().map(String::as_str).chain(["/pages.css"]) {
            assert_eq!(gateway.ask_admin("GET", path).await.status, 200, "{path}");
            assert!(page.text().contains(&format!("href=\".{path}\"")), "{path}");
        }
        assert!(text.text().contains(words), "{}", text.text());
    }
}
