//! Mistakes of callers: each is named, all at once, and nothing of them reaches Feishu.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use gateway_harness::{Forward, gateway, guarded};

pub(crate) type Change = fn(Forward) -> Forward;

/// One mistake each: what is done to a good forward, and the fields that are to be named.
pub(crate) const MISTAKES: &[(Change, &[&str])] = &[
    // The message.
    (|it| it.message("om_"), &["message_id"]),
    (|it| it.message("oc_1"), &["message_id"]),
    (|it| it.message("OM_1"), &["message_id"]),
    (|it| it.message("om_a.b"), &["message_id"]),
    (|it| it.message("om_a%20b"), &["message_id"]),
    (|it| it.message("om_%E7%8E%8B"), &["message_id"]),
    (|it| it.message("om_%FF"), &["message_id"]),
    (|it| it.message("om_%00"), &["message_id"]),
    (|it| it.message(&format!("om_{}", "x".repeat(126))), &["message_id"]),
    (|it| it.message("%20om_1"), &["message_id"]),
    (|it| it.message("om_1%0A"), &["message_id"]),
    // The query.
    (|it| it.query("receive_id_type=group"), &["receive_id_type"]),
    (|it| it.query("receive_id_type=CHAT_ID"), &["receive_id_type"]),
    (|it| it.query("receive_id_type="), &["receive_id_type"]),
    (|it| it.query("receive_id_type"), &["receive_id_type"]),
    (|it| it.query("receive_id_type=chat_id&receive_id_type=chat_id"), &["receive_id_type"]),
    (|it| it.query("uuid="), &["uuid"]),
    (|it| it.query("uuid=%FF"), &["uuid"]),
    (|it| it.query("uuid=a&uuid=b"), &["uuid"]),
    (|it| it.query("uuid=a&uu%69d=a"), &["uuid"]),
    (|it| it.query(&format!("uuid={}", "x".repeat(51))), &["uuid"]),
    (|it| it.query(&format!("uuid={}", "%E7%8E%8B".repeat(51))), &["uuid"]),
    (|it| it.query("recieve_id_type=chat_id"), &["recieve_id_type"]),
    (|it| it.query("UUID=a"), &["UUID"]),
    (|it| it.query("a=1&b=2"), &["a", "b"]),
    (|it| it.query("receive_id=oc_1"), &["receive_id"]),
    (|it| it.query("idempotency_key=a"), &["idempotency_key"]),
    (|it| it.query("dry_run="), &["dry_run"]),
    // The body.
    (|it| it.body(""), &["body"]),
    (|it| it.query("=1"), &["query"]),
    (|it| it.body("{"), &["body"]),
    (|it| it.body("oc_1"), &["body"]),
    (|it| it.body("null"), &["body"]),
    (|it| it.body("[\"oc_1\"]"), &["body"]),
    (|it| it.body("\"oc_1\""), &["body"]),
    (|it| it.body("{\"receive_id\":\"oc_1\"} {}"), &["body"]),
    (|it| it.body("{\"receive_id\":\"oc_1\",}"), &["body"]),
    (|it| it.body("{\"receive_id\":\"\\ud800\"}"), &["body"]),
    (|it| it.body(b"{\"receive_id\":\"\xff\"}".as_slice()), &["body"]),
    (|it| it.body(format!("{{\"receive_id\":{}1}}", "[".repeat(10_000))), &["body"]),
    (|it| it.body("{}"), &["receive_id"]),
    (|it| it.body("{\"receive_id\":null}"), &["receive_id"]),
    (|it| it.body("{\"receive_id\":1}"), &["receive_id"]),
    (|it| it.body("{\"receive_id\":[\"oc_1\"]}"), &["receive_id"]),
    (|it| it.body("{\"receive_id\":\"\"}"), &["receive_id"]),
    (|it| it.body("{\"receive_id\":\"a\\nb\"}"), &["receive_id"]),
    (|it| it.body("{\"receive_id\":\"a\\u0000\"}"), &["receive_id"]),
    (|it| it.body("{\"receive_id\":\"a\\u0085\"}"), &["receive_id"]),
    (|it| it.body("{\"receive_id\":\"a\",\"receive_id\":\"a\"}"), &["receive_id"]),
    (|it| it.body("{\"receive_id\":\"a\",\"receive_\\u0069d\":\"b\"}"), &["receive_id"]),
    (|it| it.body("{\"receive_id\":\"a\",\"uuid\":\"b\"}"), &["uuid"]),
    (|it| it.body("{\"receive_id\":\"a\",\"\":\"b\"}"), &["body"]),
    (|it| it.body("{\"Receive_id\":\"a\"}"), &["Receive_id", "receive_id"]),
    (|it| it.body(format!("{{\"receive_id\":\"{}\"}}", "x".repeat(257))), &["receive_id"]),
    (|it| it.body(format!("{{\"receive_id\":\"{}\"}}", "王".repeat(257))), &["receive_id"]),
    (|it| it.body("{\"receive_id\":\" oc_1\"}"), &["receive_id"]),
    (|it| it.body("{\"receive_id\":\"oc_1,oc_2\"}"), &["receive_id"]),
    (|it| it.body("{\"receive_id\":\"https://example.com/\"}"), &["receive_id"]),
    (|it| it.body("{\"receive_id\":\"om_1\"}"), &["receive_id"]),
    (|it| it.body("{\"receive_id\":\"a\",\"receive_id_type\":\"chat_id\"}"), &["receive_id_type"]),
    (|it| it.body(b"\xEF\xBB\xBF{\"receive_id\":\"oc_1\"}".as_slice()), &["body"]),
    (|it| it.body(b"{\0\"\0".as_slice()), &["body"]),
    (|it| it.body("receive_id=oc_1"), &["body"]),
    // Headers that the gateway does not read.
    (|it| it.header("x-idempotency-key", "a"), &["X-Idempotency-Key"]),
    (|it| it.header("idempotency_key", "a"), &["Idempotency_key"]),
    (|it| it.header("dry-run", "true"), &["Dry-Run"]),
    // The wait.
    (|it| it.header("prefer", "wait 5"), &["Prefer"]),
    (|it| it.header("prefer", "wait:5"), &["Prefer"]),
    (|it| it.header("prefer", "wait"), &["Prefer"]),
    (|it| it.header("prefer", "wait="), &["Prefer"]),
    (|it| it.header("prefer", "wait=soon"), &["Prefer"]),
    (|it| it.header("prefer", "wait=-1"), &["Prefer"]),
    (|it| it.header("prefer", "wait=1.5"), &["Prefer"]),
    (|it| it.header("prefer", "wait=+5"), &["Prefer"]),
    (|it| it.header("prefer", "respond-async, wait=x"), &["Prefer"]),
];

#[actix_web::test]
async fn each_mistake_is_named_and_nothing_of_it_reaches_feishu() {
    let gateway = gateway().start().await;
    assert!(!MISTAKES.is_empty());
    for (number, (change, fields)) in MISTAKES.iter().enumerate() {
        let answer = change(gateway.forward("oc_1")).send().await;
        assert_eq!(answer.wrong_fields(), *fields, "mistake {number}: {}", answer.text());
    }
    assert_eq!(gateway.forwards(), []);
}

#[actix_web::test]
async fn all_mistakes_of_a_request_are_named_at_once() {
    let gateway = gateway().start().await;
    let forward = gateway.forward("").message("nonsense").header("prefer", "wait=x");
    let forward = forward.query("receive_id_type=nope&uuid=&typo=1");
    let answer = forward.body("{\"receive_id\":7,\"extra\":1}").send().await;
    let mut fields = answer.wrong_fields();
    fields.sort_unstable();
    let all = ["Prefer", "extra", "message_id", "receive_id", "receive_id_type", "typo", "uuid"];
    assert_eq!(fields, all);
    assert_eq!(gateway.forwards(), []);
}

#[actix_web::test]
async fn what_is_just_long_enough_goes_through_unchanged() {
    let gateway = gateway().start().await;
    let message = format!("om_{}", "x".repeat(125));
    let receiver = "王".repeat(256);
    let forward = gateway.forward(&receiver).message(&message);
    let forward = forward.query(&format!("uuid={}", "%E7%8E%8B".repeat(50)));
    forward.send().await.message_id();
    let delivery = gateway.deliveries().pop().unwrap();
    assert_eq!(delivery.message_id, message);
    assert_eq!(delivery.receive_id, receiver);
    assert_eq!(delivery.uuid, Some("王".repeat(50)));
}

#[actix_web::test]
async fn a_problem_says_where_it_happened() {
    let gateway = gateway().start().await;
    let answer = gateway.forward("").query("uuid=a").send().await;
    let problem = answer.problem(400, "invalid_request", "not_delivered");
    assert_eq!(problem["instance"], "/v1/messages/om_1/forward");
    assert_eq!(problem["retryable"], false);
    assert_eq!(problem["fix_by"], "caller");
    assert!(problem.get("feishu").is_none());
}

#[actix_web::test]
async fn a_made_up_name_is_said_back_shortened() {
    let gateway = gateway().start().await;
    let answer = gateway.forward("oc_1").query(&format!("{}=1", "y".repeat(5000))).send().await;
    let fields = answer.wrong_fields();
    assert!(fields[0].len() <= 128 && answer.body.len() < 2000, "{fields:?}");
}

#[actix_web::test]
async fn what_was_sent_in_place_of_an_order_is_not_said_back_at_length() {
    let gateway = gateway().start().await;
    let long = "y".repeat(5000);
    let text = gateway.forward("").body(format!("\"{long}\"")).send().await;
    text.problem(400, "invalid_request", "not_delivered");
    let declared = gateway.forward("oc_1").header("content-type", &long).send().await;
    declared.problem(415, "unsupported_media_type", "not_delivered");
    assert!(text.body.len() < 2000 && declared.body.len() < 2000);
}

#[actix_web::test]
async fn preferences_that_are_not_ours_are_neither_refused_nor_claimed() {
    let gateway = gateway().start().await;
    let answer = gateway.forward("oc_1").header("prefer", "respond-async").send().await;
    answer.message_id();
    assert_eq!(answer.header("preference-applied"), None);
}

#[actix_web::test]
async fn a_body_of_exactly_the_limit_is_read_and_one_byte_more_is_refused() {
    let gateway = gateway().start().await;
    let padded = |length: usize| {
        let body = "{\"receive_id\":\"oc_1\"}";
        format!("{body}{}", " ".repeat(length - body.len()))
    };
    gateway.forward("").body(padded(64 * 1024)).send().await.message_id();
    let answer = gateway.forward("").body(padded(64 * 1024 + 1)).send().await;
    answer.problem(413, "body_too_large", "not_delivered");
    assert_eq!(gateway.forwards().len(), 1);
}

#[actix_web::test]
async fn the_largest_body_can_be_set() {
    let gateway = gateway().set("server.max_body", "21B").start().await;
    gateway.forward("oc_1").send().await.message_id();
    let answer = gateway.forward("oc_12").send().await;
    answer.problem(413, "body_too_large", "not_delivered");
}

#[actix_web::test]
async fn a_body_of_unknown_length_has_the_same_limit() {
    let gateway = gateway().set("server.max_body", "21B").start().await;
    for (body, status) in
        [("{\"receive_id\":\"oc_1\"}", "200"), ("{\"receive_id\":\"oc_12\"}", "413")]
    {
        let address = gateway.api.strip_prefix("http://").unwrap();
        let mut stream = guarded(TcpStream::connect(address)).await.unwrap();
        // In pieces of one byte each, as `Transfer-Encoding: chunked` sends what has no length.
        let chunks: Vec<String> = body.chars().map(|c| format!("1\r\n{c}\r\n")).collect();
        let request = format!(
            "POST /v1/messages/om_1/forward HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\n\
             Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
            gateway.key,
            chunks.concat()
        );
        guarded(stream.write_all(request.as_bytes())).await.unwrap();
        let mut answer = Vec::new();
        // The connection may be reset where the rest of a body is not read.
        let _ = guarded(stream.read_to_end(&mut answer)).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
    assert_eq!(gateway.forwards().len(), 1);
}

#[actix_web::test]
async fn a_body_that_is_declared_as_something_else_is_refused() {
    let gateway = gateway().start().await;
    for other in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
        let answer = gateway.forward("oc_1").header("content-type", other).send().await;
        answer.problem(415, "unsupported_media_type", "not_delivered");
    }
    assert_eq!(gateway.forwards(), []);
}

#[actix_web::test]
async fn who_calls_is_asked_before_anything_else_is_read() {
    let gateway = gateway().start().await;
    let forward = gateway.forward("").without("x-api-key").message("bad").query("typo=1");
    let answer = forward.header("content-type", "text/plain").body("{").send().await;
    answer.problem(401, "unauthorized", "not_delivered");
}

#[actix_web::test]
async fn a_wait_of_any_length_is_cut_to_what_is_allowed_and_other_preferences_are_let_be() {
    let gateway = gateway().set("limits.max_wait", "2500ms").start().await;
    for (prefer, applied) in [
        ("wait=99999999999999999999", Some("wait=2")),
        ("respond-async, wait=1", Some("wait=1")),
        ("WAIT = 1", Some("wait=1")),
        ("wait=\"1\"", Some("wait=1")),
        ("wait=1; foo=bar", Some("wait=1")),
        ("respond-async", None),
        ("foo; wait=x", None),
        ("foo=\"a, wait=x\"", None),
    ] {
        let answer = gateway.forward("oc_1").header("prefer", prefer).send().await;
        answer.message_id();
        assert_eq!(answer.header("preference-applied"), applied, "{prefer}");
        gateway.advance(std::time::Duration::from_secs(2));
    }
}

#[actix_web::test]
async fn an_answer_does_not_grow_with_the_number_of_mistakes() {
    let gateway = gateway().start().await;
    let query: Vec<String> = (0..5000).map(|number| format!("a{number}=1")).collect();
    let answer = gateway.forward("oc_1").query(&query.join("&")).send().await;
    assert_eq!(answer.wrong_fields().len(), 20);
    assert!(answer.text().len() < 4000, "{} bytes", answer.text().len());
}
