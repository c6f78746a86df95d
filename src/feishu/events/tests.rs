//! Tests of what is taken for an event, and of what is refused.

use jiff::Timestamp;
use proptest::prelude::*;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::*;
use crate::feishu::fuzz::pushed as checked;

const TOKEN: &str = "41a9425ea7df4536a7623e38fa321bae";
/// An app ticket that the official SDKs for Python and node accept, with its signature (protocol.md).
const SIGNED: &[u8] = include_bytes!("tests/app_ticket.json");
const SIGNATURE: EventSignature<'_> = EventSignature {
    timestamp: b"1700000000",
    nonce: b"abc123",
    signature: b"4aff95d28ecef3dbc805e376274d174e4076d6cb920babddb7438a2262bce0ca",
};

fn now() -> Timestamp {
    "2026-11-28T00:00:00Z".parse().expect("a time")
}

fn app(encrypt_key: Option<&str>, verification_token: Option<&str>) -> ExpectedApp {
    ExpectedApp {
        app_id: "cli_xxx".to_owned(),
        encrypt_key: encrypt_key.map(Into::into),
        verification_token: verification_token.map(Into::into),
    }
}

/// A plain ticket of version 1.
fn version_1() -> Value {
    json!({"ts": "1502199207.7171419", "uuid": "u1", "token": TOKEN, "type": "event_callback",
        "event": {"app_id": "cli_xxx", "app_ticket": "xxx", "type": "app_ticket"}})
}

/// A plain ticket of version 2.
fn version_2() -> Value {
    json!({"schema": "2.0", "event": {"app_ticket": "xxx"}, "header": {"event_id": "e1", "token": TOKEN,
        "create_time": "1608725989000", "event_type": "app_ticket", "tenant_key": "t", "app_id": "cli_xxx"}})
}

fn plain(body: &Value) -> Result<Event, Rejection> {
    decode(&app(None, Some(TOKEN)), None, body.to_string().as_bytes(), now())
}

/// Asserts that the body is refused so, as it is and with the value at `pointer` changed.
fn refused(mut body: Value, pointer: &str, value: Value, why: Rejection) {
    plain(&body).expect("right before the change");
    *body.pointer_mut(pointer).expect("a member") = value;
    assert_eq!(plain(&body).expect_err("wrong"), why, "{pointer}");
}

#[test]
fn the_signed_vector_is_a_ticket() {
    let app = app(Some("test key"), Some(TOKEN));
    let event = decode(&app, Some(SIGNATURE), SIGNED, now()).expect("an event");
    let Event::AppTicket { ticket, .. } = event else { panic!("{event:?}") };
    assert_eq!(ticket.ticket.expose_secret(), "xxx");
    assert!(!format!("{ticket:?}").contains("xxx"), "{ticket:?}");
}

#[test]
fn a_changed_byte_or_signature_header_is_refused() {
    let app = app(Some("test key"), Some(TOKEN));
    let refused = |signature, body: &[u8]| {
        let refused = decode(&app, Some(signature), body, now()).expect_err("refused");
        assert_eq!(refused, Rejection::WrongSignature);
    };
    refused(EventSignature { timestamp: b"1700000001", ..SIGNATURE }, SIGNED);
    refused(EventSignature { nonce: b"", ..SIGNATURE }, SIGNED);
    let upper = SIGNATURE.signature.to_ascii_uppercase();
    for signature in [&b""[..], b"\xff", &SIGNATURE.signature[..63], &upper] {
        refused(EventSignature { signature, ..SIGNATURE }, SIGNED);
    }
    refused(SIGNATURE, &[SIGNED, b" "].concat());
    let mut changed = SIGNED.to_vec();
    changed[40] ^= 1;
    refused(SIGNATURE, &changed);
}

#[test]
fn an_app_with_an_encrypt_key_takes_nothing_that_is_plain_or_not_signed() {
    let app = app(Some("test key"), Some(TOKEN));
    let unsigned = decode(&app, None, SIGNED, now()).expect_err("not signed");
    assert_eq!(unsigned, Rejection::NotSigned);
    for body in [version_1(), json!({"type": "url_verification", "challenge": "c", "token": TOKEN})]
    {
        let body = body.to_string();
        let plain = decode(&app, Some(SIGNATURE), body.as_bytes(), now()).expect_err("plain");
        assert_eq!(plain, Rejection::NotEncrypted);
    }
    let other = ExpectedApp { encrypt_key: Some("another key".into()), ..app };
    let undecryptable = decode(&other, None, SIGNED, now()).expect_err("another key");
    assert_eq!(undecryptable, Rejection::NotDecryptable);
}

#[test]
fn an_app_without_an_encrypt_key_says_that_it_needs_one_for_an_encrypted_body() {
    let refused = decode(&app(None, Some(TOKEN)), Some(SIGNATURE), SIGNED, now());
    assert_eq!(refused.expect_err("refused"), Rejection::EncryptKeyMissing);
}

#[test]
fn both_versions_have_id_and_time_in_their_places() {
    for (body, name, sent_at) in [
        (version_1(), "u1", "2017-08-08T13:33:27.7171419Z"),
        (version_2(), "e1", "2020-12-23T12:19:49Z"),
    ] {
        let event = plain(&body).expect("an event");
        let Event::AppTicket { id, ticket } = event else { panic!("{event:?}") };
        assert_eq!((format!("{id:?}"), ticket.sent_at.to_string()), (name.into(), sent_at.into()));
    }
}

#[test]
fn a_ticket_whose_time_is_missing_wrong_or_ahead_was_sent_now() {
    for time in [json!(null), json!(""), json!(15), json!("99999999999"), json!("-1")] {
        let mut body = version_1();
        body["ts"] = time;
        let event = plain(&body).expect("an event");
        let Event::AppTicket { ticket, .. } = event else { panic!("{event:?}") };
        assert_eq!(ticket.sent_at, now());
    }
}

#[test]
fn the_address_check_needs_the_token_and_no_signature() {
    let body = json!({"challenge": "c", "token": TOKEN, "type": "url_verification"});
    let event = plain(&body).expect("an event");
    assert!(matches!(&event, Event::AddressCheck { challenge } if challenge == "c"), "{event:?}");
    refused(body.clone(), "/token", json!("another"), Rejection::WrongToken);
    refused(body.clone(), "/challenge", json!(5), Rejection::Malformed("challenge"));
    let long = "c".repeat(1025);
    refused(body, "/challenge", json!(long), Rejection::Malformed("challenge"));
}

#[test]
fn other_events_are_told_by_their_type() {
    let mut body = version_2();
    body["header"]["event_type"] = json!("im.message\u{202e}.receive_v1");
    let event = plain(&body).expect("an event");
    let Event::Other { event_type, .. } = &event else { panic!("{event:?}") };
    assert_eq!(event_type, "im.message .receive_v1");
}

#[test]
fn a_wrong_member_is_named() {
    use Rejection::{AnotherApp, Malformed, WrongToken};
    for (pointer, value, why) in [
        ("/token", json!("x"), WrongToken),
        ("/token", json!([TOKEN]), WrongToken),
        ("/uuid", json!(""), Malformed("uuid")),
        ("/uuid", json!("u".repeat(129)), Malformed("uuid")),
        ("/event", json!([]), Malformed("event.type")),
        ("/event/type", json!(1), Malformed("event.type")),
        ("/event/app_id", json!("cli_other"), AnotherApp),
        ("/event/app_ticket", json!(""), Malformed("event.app_ticket")),
        ("/event/app_ticket", json!("t".repeat(4097)), Malformed("event.app_ticket")),
        ("/event/app_ticket", json!("a b"), Malformed("event.app_ticket")),
    ] {
        refused(version_1(), pointer, value, why);
    }
    for (pointer, value, why) in [
        ("/header", json!(null), WrongToken),
        ("/header/event_id", json!({}), Malformed("header.event_id")),
        ("/header/event_type", json!(null), Malformed("header.event_type")),
        ("/header/app_id", json!(null), AnotherApp),
    ] {
        refused(version_2(), pointer, value, why);
    }
}

#[test]
fn a_member_that_is_there_twice_counts_as_missing() {
    let body = version_1().to_string().replacen('{', r#"{"token":"another","#, 1);
    let refused = decode(&app(None, Some(TOKEN)), None, body.as_bytes(), now());
    assert_eq!(refused.expect_err("two tokens"), Rejection::WrongToken);
}

#[test]
fn garbage_and_depth_are_refused() {
    let deep = format!("{}1{}", r#"{"event":"#.repeat(10_000), "}".repeat(10_000));
    let brackets = "[".repeat(60_000);
    for body in ["", "null", "[]", "\"\"", "{", "{}{}", "\u{feff}{}", &brackets, &deep[..50_000]] {
        let refused = decode(&app(None, Some(TOKEN)), None, body.as_bytes(), now());
        assert_eq!(refused.expect_err("garbage"), Rejection::NotJson, "{body:.20}");
    }
    let refused = decode(&app(None, Some(TOKEN)), None, deep.as_bytes(), now());
    assert_eq!(refused.expect_err("no token"), Rejection::WrongToken);
    let refused = decode(&app(None, Some(TOKEN)), None, b"{\"a\":\"\xff\"}", now());
    assert_eq!(refused.expect_err("no UTF-8"), Rejection::NotJson);
}

proptest! {
    #[test]
    fn random_bodies_and_changes_of_right_ones_keep_every_promise(
        noise in prop::collection::vec(any::<u8>(), 0..64),
        at in 0..400_usize,
        is_plain in any::<bool>(),
    ) {
        let mut body = if is_plain { version_1().to_string().into_bytes() } else { SIGNED.to_vec() };
        let at = at % body.len();
        let end = (at + noise.len()).min(body.len());
        body.splice(at..end, noise.iter().copied());
        checked(&[], &noise);
        checked(&[], &body);
    }
}
