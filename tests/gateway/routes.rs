//! Paths and methods, right and wrong, on both listeners.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use gateway_harness::{Answer, Wire, gateway};

#[actix_web::test]
async fn other_paths_are_not_found() {
    let gateway = gateway().start().await;
    for path in ["/nope", "/v1", "/v1/messages/om_1", "/v1/messages/om_1/forward/", "/docs/none.js"]
    {
        for method in ["GET", "POST", "BREW"] {
            if method != "GET" && path.starts_with("/docs") {
                continue;
            }
            let answer = gateway.ask(method, path).await;
            let problem = answer.problem(404, "route_not_found", "not_delivered");
            assert_eq!(problem["instance"], path);
        }
    }
}

#[actix_web::test]
async fn each_route_names_the_methods_that_it_takes() {
    let gateway = gateway().start().await;
    let routes = [
        ("/v1/messages/om_1/forward", &["POST"][..]),
        ("/openapi.json", &["GET", "HEAD"]),
        ("/docs/", &["GET", "HEAD"]),
        ("/docs", &["GET", "HEAD"]),
        ("/console/", &["GET", "HEAD"]),
        ("/console", &["GET", "HEAD"]),
        ("/problems", &["GET", "HEAD"]),
        ("/problems/draining", &["GET", "HEAD"]),
        ("/pages.css", &["GET", "HEAD"]),
        ("/home.js", &["GET", "HEAD"]),
        ("/", &["GET", "HEAD"]),
    ];
    for (path, allowed) in routes {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
            if allowed.contains(&method) {
                continue;
            }
            let answer = gateway.ask(method, path).await;
            answer.problem(405, "method_not_allowed", "not_delivered");
            assert_eq!(answer.header("allow"), Some(&*allowed.join(", ")), "{method} {path}");
        }
    }
}

#[actix_web::test]
async fn head_is_get_without_a_body() {
    let gateway = gateway().start().await;
    let pages =
        ["/", "/home.js", "/problems", "/problems/draining", "/problems/nope", "/pages.css"];
    let docs = ["/docs", "/docs/", "/docs/swagger-ui.css", "/docs/docs.css", "/openapi.json"];
    let console = ["/console", "/console/", "/console/main.js"];
    for path in pages.into_iter().chain(docs).chain(console).chain(["/nope"]) {
        let (get, head) = (gateway.ask("GET", path).await, gateway.ask("HEAD", path).await);
        same_head(&get, &head, path);
    }
    for path in ["/livez", "/readyz", "/nope", "/"] {
        let (get, head) =
            (gateway.ask_admin("GET", path).await, gateway.ask_admin("HEAD", path).await);
        same_head(&get, &head, path);
    }
}

fn same_head(get: &Answer, head: &Answer, path: &str) {
    assert_eq!(head.status, get.status, "{path}");
    assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
    assert_eq!(head.header("content-length"), get.header("content-length"), "{path}");
    assert!(head.body.is_empty(), "{path}");
}

#[actix_web::test]
async fn failures_of_the_admin_listener_are_problems_too() {
    let gateway = gateway().start().await;
    let answer = gateway.ask_admin("GET", "/nope").await;
    answer.problem(404, "route_not_found", "not_delivered");
    for path in ["/livez", "/readyz", "/metrics", "/"] {
        let answer = gateway.ask_admin("POST", path).await;
        answer.problem(405, "method_not_allowed", "not_delivered");
        assert_eq!(answer.header("allow"), Some("GET, HEAD"));
    }
}

#[actix_web::test]
async fn neither_listener_answers_for_the_other() {
    let gateway = gateway().start().await;
    for path in ["/metrics", "/livez", "/readyz"] {
        gateway.ask("GET", path).await.problem(404, "route_not_found", "not_delivered");
    }
    for path in ["/openapi.json", "/docs/", "/problems", "/console/"] {
        gateway.ask_admin("GET", path).await.problem(404, "route_not_found", "not_delivered");
    }
}

#[actix_web::test]
async fn a_path_that_was_nearly_right_is_answered_with_the_right_one() {
    let gateway = gateway().start().await;
    let detail = |answer: Answer| {
        let problem = answer.problem(404, "route_not_found", "not_delivered");
        problem["detail"].as_str().expect("a detail").to_owned()
    };
    for (path, words) in [
        ("/v1/messages/om_1/forward/", "/v1/messages/{message_id}/forward"),
        ("/v1//messages/om_1/forward", "/v1/messages/{message_id}/forward"),
        ("/V1/messages/om_1/Forward", "/v1/messages/{message_id}/forward"),
        ("/healthz", "server.admin_listen"),
        ("/metrics", "server.admin_listen"),
    ] {
        let said = detail(gateway.ask("POST", path).await);
        assert!(said.contains(words), "{path}: {said}");
    }
    let said = detail(gateway.ask_admin("POST", "/v1/messages/om_1/forward").await);
    assert!(said.contains("server.listen"), "{said}");
}

#[actix_web::test]
async fn a_request_for_the_server_as_a_whole_is_answered_like_any_other() {
    let gateway = gateway().start().await;
    for address in [&gateway.api, &gateway.admin] {
        let address = address.trim_start_matches("http://");
        let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = "OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        assert!(answer.contains("\"code\":\"route_not_found\""), "{answer}");
    }
}

#[actix_web::test]
async fn a_refusal_does_not_cost_the_connection_even_if_nobody_wants_the_body() {
    let gateway = gateway().start().await;
    let mut wire = Wire::to(&gateway.api).await;
    let wrong_key = "POST /v1/messages/om_1/forward HTTP/1.1\r\nx-api-key: wrong\r\n";
    let nowhere = "POST /nowhere HTTP/1.1\r\n";
    for (head, status) in [(wrong_key, 401), (nowhere, 404), (wrong_key, 401)] {
        let body = "{\"receive_id\":\"oc_1\"}";
        wire.send(format!("{head}host: x\r\ncontent-length: {}\r\n\r\n{body}", body.len())).await;
        let answer = wire.answer().await;
        assert_eq!((answer.status, answer.header("connection")), (status, None));
    }
}

#[actix_web::test]
async fn what_only_looks_like_the_path_of_a_forward_leads_nowhere() {
    let gateway = gateway().start().await;
    for path in [
        "/v1/messages//forward",
        "/v1/messages/forward",
        "/v1/messages/om_1/om_2/forward",
        "/v1/messages/om_1/forwards",
        "/v1/messagesom_1/forward",
    ] {
        gateway.ask("POST", path).await.problem(404, "route_not_found", "not_delivered");
    }
    gateway.ask("PUT", "/v1/messages/om_1/forward").await.problem(
        405,
        "method_not_allowed",
        "not_delivered",
    );
}

#[actix_web::test]
async fn only_the_messages_id_may_be_percent_encoded_in_the_path_of_a_forward() {
    let gateway = gateway().start().await;
    let key = &gateway.key;
    let post = async |path: &str| {
        let mut wire = Wire::to(&gateway.api).await;
        let body = "{\"receive_id\":\"oc_1\"}";
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\n");
        wire.send(format!("{head}content-length: {}\r\n\r\n{body}", body.len())).await;
        wire.answer().await
    };
    assert_eq!(post("/v1/messages/om%5F1/forward").await.status, 200);
    for id in ["om%2F1", "om%251", "om%FF", "om%0A", "%", "%2", ".."] {
        let answer = post(&format!("/v1/messages/{id}/forward")).await;
        let problem = answer.problem(400, "invalid_request", "not_delivered");
        assert_eq!(problem["errors"][0]["field"], "message_id", "{id}");
    }
    for path in [
        "/v1/mess%61ges/om_1/forward",
        "/v1/messages/om_1/forw%61rd",
        "/v1/messages/om_1%2Fforward",
    ] {
        post(path).await.problem(404, "route_not_found", "not_delivered");
    }
}
