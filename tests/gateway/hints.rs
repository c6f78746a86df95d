//! Mistakes whose meaning can be guessed: the answer names them as what they are.

use crate::input::Change;
use gateway_harness::gateway;

#[actix_web::test]
async fn a_mistake_that_can_be_guessed_is_named_as_what_it_is() {
    let gateway = gateway().start().await;
    let guesses: &[(Change, &str)] = &[
        (|it| it.message("om_1%20"), "white space"),
        (|it| it.body("{\"receive_id\":\"oc_1\\n\"}"), "white space"),
        (|it| it.query("receive_id=oc_1"), "belongs in the body"),
        (|it| it.query("receiveId=oc_1"), "belongs in the body"),
        (|it| it.query("Idempotency-Key=a"), "header Idempotency-Key"),
        (|it| it.query("wait=5"), "Prefer: wait=5"),
        (|it| it.query("api_key=a"), "header X-API-Key"),
        (|it| it.query("UUID=a"), "uuid=…"),
        (|it| it.body("{\"receive_id\":\"a\",\"uuid\":\"b\"}"), "belongs in the query"),
        (|it| it.body("{\"receive_id\":\"a\",\"dry_run\":true}"), "belongs in the query"),
        (|it| it.body("{\"receive_id\":\"a\",\"message_id\":\"om_1\"}"), "belongs in the path"),
        (|it| it.body("{\"receive_id\":\"a\",\"chat_id\":\"oc_1\"}"), "is not a field"),
        (|it| it.body(b"\xEF\xBB\xBF{}".as_slice()), "byte order mark"),
        (|it| it.body(b"\xFF\xFE{\0".as_slice()), "UTF-16"),
        (|it| it.body(b"\0{\0\"".as_slice()), "UTF-16"),
        (|it| it.body(b"{\"receive_id\":\"\xCD\xF5\"}".as_slice()), "not UTF-8"),
        (|it| it.body(b"\x1F\x8B\x08".as_slice()), "gzip"),
        (|it| it.header("x-idempotency-key", "a"), "header Idempotency-Key"),
    ];
    for (change, words) in guesses {
        let answer = change(gateway.forward("oc_1")).send().await;
        answer.wrong_fields();
        assert!(answer.text().contains(words), "{words}: {}", answer.text());
    }
    assert_eq!(gateway.forwards(), []);
}

#[actix_web::test]
async fn a_body_that_is_encoded_or_form_data_is_refused_by_that_name() {
    let gateway = gateway().start().await;
    for (name, value, words) in [
        ("content-encoding", "gzip", "Content-Encoding"),
        ("content-type", "application/x-www-form-urlencoded", "form data"),
    ] {
        let answer = gateway.forward("oc_1").header(name, value).send().await;
        let problem = answer.problem(415, "unsupported_media_type", "not_delivered");
        assert!(problem["detail"].as_str().expect("a detail").contains(words), "{problem:#}");
    }
}
