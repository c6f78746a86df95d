//! Answers that are not as they should be.

use reqwest::header::{HeaderName, HeaderValue};

use super::*;

const MIB: usize = 1 << 20;

fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Answer {
    let header = |(name, value): &(&str, &str)| {
        (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
    };
    let status = StatusCode::from_u16(status).unwrap();
    Answer::new(status, headers.iter().map(header).collect(), Bytes::from(body.into()))
}

fn refused(body: impl Into<Vec<u8>>) -> Refusal {
    match answer(400, &[], body).forwarded() {
        Err(CallError::Refused(refusal)) => *refusal,
        other => panic!("{other:?}"),
    }
}

fn is_unreadable(body: impl Into<Vec<u8>>) -> bool {
    matches!(answer(200, &[], body).forwarded(), Err(CallError::Unreadable { .. }))
}

/// `{"code":230002, …}` with this in it.
fn with(members: &str) -> String {
    format!("{{\"code\":230002,{members}}}")
}

#[test]
fn a_clear_refusal_stays_that_refusal_whatever_else_the_answer_holds() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let objects = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    let violations = format!("[{}{{}}]", "{\"field\":\"f\"},".repeat(60_000));
    let bodies = [
        with("\"msg\":17"),
        with("\"msg\":null"),
        with("\"msg\":{\"a\":[1]}"),
        with("\"msg\":\"\\ud800\""),
        with(&format!("\"msg\":\"{}\"", "x".repeat(MIB))),
        with(&format!("\"msg\":{deep}")),
        with(&format!("\"error\":{deep}")),
        with(&format!("\"error\":{objects}")),
        with(&format!("\"error\":{{\"log_id\":{deep},\"field_violations\":{objects}}}")),
        with(&format!("\"data\":{deep},\"unknown\":{objects}")),
        with("\"error\":\"a text\",\"field_violations\":7"),
        with(&format!("\"field_violations\":{violations}")),
        with("\"msg\":\"a\",\"msg\":\"b\",\"error\":1,\"error\":2,\"code\":230002"),
        with("\"\\ud800\":1,\"data\":{\"message_id\":\"om_1\"}"),
        "{\"code\":\"230002\"}".to_owned(),
        "{\"code\":230002.0}".to_owned(),
        "{\"code\":2.30002e5}".to_owned(),
        "{\"\\u0063ode\":230002}".to_owned(),
        "\u{feff}{\"code\":230002}\n\n".to_owned(),
    ];
    for body in bodies {
        let start: String = body.chars().take(80).collect();
        let refusal = refused(body);
        assert_eq!((refusal.code, refusal.http_status), (230002, 400), "{start}");
        assert!(refusal.msg.chars().count() <= lenient::LONGEST_TEXT + 1, "{start}");
        assert!(refusal.fields.len() <= MOST_FIELDS, "{start}");
    }
    assert_eq!(refused(b"{\"code\":230002,\"msg\":\"\xff\xfe\"}".to_vec()).code, 230002);
}

#[test]
fn a_code_that_is_none_or_two_cannot_be_read() {
    for code in ["null", "true", "{}", "[0]", "230002.5", "\"\"", "\"x\"", "\"NaN\"", "\"inf\""] {
        assert!(is_unreadable(format!("{{\"code\":{code}}}")), "{code}");
    }
    assert!(is_unreadable("{\"code\":0,\"code\":230002,\"data\":{\"message_id\":\"om_2\"}}"));
    assert!(is_unreadable("{\"code\":230002,\"code\":0,\"data\":{\"message_id\":\"om_2\"}}"));
    for body in ["", "[]", "[230002]", "null", "{", "{\"msg\":\"x\"}", "{\"code\":230002} x"] {
        assert!(is_unreadable(body), "{body}");
    }
}

#[test]
fn a_code_beyond_64_bits_is_an_unknown_refusal() {
    for (code, read) in [("99999999999999999999", i64::MAX), ("-1e300", i64::MIN)] {
        assert_eq!(refused(format!("{{\"code\":{code}}}")).code, read);
    }
}

#[test]
fn words_are_one_line_without_what_changes_how_others_are_shown() {
    let told = |msg: &str| refused(with(&format!("\"msg\":{msg}"))).msg;
    assert_eq!(told("\"The bot\""), "The bot");
    assert_eq!(
        told("\" a\\u0000b\\r\\nc\\u202ed\\u2066e\\u2028f\\u001b[0m \""),
        "a b  c d e f [0m"
    );
    assert_eq!(told("17"), "17");
    assert_eq!(told("null"), "");
    assert_eq!(told("{\"a\":\"b\"}"), "{\"a\":\"b\"}");
    let long = told(&format!("\"{}\"", "长".repeat(2000)));
    assert_eq!((long.chars().count(), long.ends_with("长…")), (1001, true));
}

#[test]
fn an_id_is_shown_as_it_is_unless_it_is_too_long_or_holds_what_changes_how_others_are_shown() {
    for (id, shown) in [
        ("", ""),
        ("om_12345", "om_12345"),
        ("om_123456", "om_12345…"),
        ("长长长长长长长长", "长长长长长长长长"),
        (" om_1\n", "om_1"),
        ("\u{7f}om\u{7f}1", "om 1"),
        ("om\u{200b}1", "om 1"),
    ] {
        assert_eq!(lenient::line(id, 8), shown, "{id:?}");
    }
}

#[test]
fn a_log_id_is_short_and_of_the_usual_characters_or_is_none() {
    let longest = "A".repeat(128);
    let (too_long, huge) = ("A".repeat(129), "A".repeat(900_000));
    for (said, is_one) in [
        ("202611221530120F2A6D1F5C3B7E9A4D21", true),
        (longest.as_str(), true),
        (too_long.as_str(), false),
        (huge.as_str(), false),
        ("", false),
        ("a b", false),
        ("a\tb", false),
        ("<script>", false),
    ] {
        let from_header = answer(400, &[("x-tt-logid", said)], "{\"code\":1}").forwarded();
        let log_id = from_header.as_ref().unwrap_err().log_id();
        assert_eq!(log_id, Some(said).filter(|_| is_one));
        let from_body = refused(format!("{{\"code\":1,\"error\":{{\"log_id\":{said:?}}}}}"));
        assert_eq!(from_body.log_id.as_deref(), log_id);
        let html = answer(502, &[("x-tt-logid", said)], "<html>").forwarded();
        assert_eq!(html.unwrap_err().log_id(), log_id);
    }
    // A header that is none does not hide the body's.
    let body = "{\"code\":1,\"error\":{\"logid\":\"ok\"}}";
    let both = answer(400, &[("x-tt-logid", "not one")], body).forwarded();
    assert_eq!(both.unwrap_err().log_id(), Some("ok"));
}

#[test]
fn a_troubleshooter_is_the_link_in_what_feishu_says() {
    let link = "https://open.feishu.cn/search?from=openapi&log_id=1&code=2";
    let long = format!("https://x/{}", "y".repeat(1000));
    for (said, expected) in [
        (link.to_owned(), Some(link)),
        (format!("排查建议查看(Troubleshooting suggestions): {link}"), Some(link)),
        (format!("see <{link}>."), Some(link)),
        ("javascript:alert(1)".to_owned(), None),
        ("https://".to_owned(), None),
        ("ask somebody".to_owned(), None),
        (long, None),
    ] {
        let refusal = refused(with(&format!("\"error\":{{\"troubleshooter\":{said:?}}}")));
        assert_eq!(refusal.troubleshooter.as_deref(), expected, "{said}");
    }
    assert_eq!(refused(with("\"error\":{\"troubleshooter\":[1]}")).troubleshooter, None);
}

#[test]
fn a_reset_is_a_time_of_a_minute_at_most() {
    let huge = "9".repeat(400);
    for (said, seconds) in [
        ("52", Some(52.0)),
        (" 1.5 ", Some(1.5)),
        ("0", Some(0.0)),
        ("61", Some(60.0)),
        ("18446744073709551615", Some(60.0)),
        ("99999999999999999999999999", Some(60.0)),
        (huge.as_str(), None),
        ("-1", None),
        ("inf", None),
        ("NaN", None),
        ("soon", None),
        ("", None),
    ] {
        let body = "{\"code\":99991400}";
        let answer = answer(429, &[("x-ogw-ratelimit-reset", said)], body).forwarded();
        let Err(CallError::Refused(refusal)) = answer else { panic!("{answer:?}") };
        assert_eq!(refusal.reset, seconds.map(Duration::from_secs_f64), "{said}");
    }
}

#[test]
fn fields_are_few_short_and_named() {
    let long = "x".repeat(5000);
    let list = format!(
        "[7,null,{{}},{{\"field\":1}},{{\"field\":\"a\\u0000\",\"description\":{{}}}},{{\"field\":\"{long}\",\"description\":\"{long}\"}}]"
    );
    for place in [
        format!("\"field_violations\":{list}"),
        format!("\"error\":{{\"field_violations\":{list}}}"),
    ] {
        let fields = refused(with(&place)).fields;
        assert_eq!(fields.len(), 2);
        assert_eq!((fields[0].field.as_str(), fields[0].description.as_str()), ("a", "{}"));
        assert_eq!(fields[1].field.chars().count(), lenient::LONGEST_TEXT + 1);
        assert_eq!(fields[1].description.chars().count(), lenient::LONGEST_TEXT + 1);
    }
}

#[test]
fn a_success_is_passed_through_as_it_came() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let data = format!("{{ \"message_id\" : \"om_2\", \"new\": {deep}, \"x\":1,\"x\":2}}");
    let body = format!("{{\"code\":0,\"msg\":{deep},\"data\":{data}}}");
    let forwarded = answer(200, &[], body).forwarded().unwrap();
    assert_eq!((forwarded.message_id.as_str(), &forwarded.data[..]), ("om_2", data.as_bytes()));
    let long = format!("{{\"code\":0,\"data\":{{\"message_id\":\"{}\"}}}}", "m".repeat(MIB / 2));
    let forwarded = answer(200, &[], long).forwarded().unwrap();
    assert_eq!(forwarded.message_id.chars().count(), LONGEST_ID + 1);
}

#[test]
fn a_merge_is_passed_through_with_the_messages_that_were_left_out() {
    let merged = |data: &str| answer(200, &[], format!("{{\"code\":0,\"data\":{data}}}")).merged();
    let data = r#"{"message":{"message_id":"om_new"},"invalid_message_id_list":["om_1",7,"om_2"]}"#;
    let forwarded = merged(data).unwrap();
    assert_eq!((forwarded.message_id.as_str(), &forwarded.data[..]), ("om_new", data.as_bytes()));
    assert_eq!(forwarded.invalid_message_ids, ["om_1", "om_2"]);
    for whole in [
        r#"{"message":{"message_id":"om_new"}}"#,
        r#"{"message":{"message_id":"om_new"},"invalid_message_id_list":null}"#,
        r#"{"message":{"message_id":"om_new"},"invalid_message_id_list":"om_1"}"#,
    ] {
        assert!(merged(whole).unwrap().invalid_message_ids.is_empty(), "{whole}");
    }
    let many = format!("[{}\"om_1\"]", format!("\"{}\",", "m".repeat(1000)).repeat(5000));
    let many =
        format!(r#"{{"message":{{"message_id":"om_new"}},"invalid_message_id_list":{many}}}"#);
    let left_out = merged(&many).unwrap().invalid_message_ids;
    assert_eq!((left_out.len(), left_out[0].chars().count()), (100, LONGEST_ID + 1));
    for unclear in ["null", "{}", r#"{"message":null}"#, r#"{"message_id":"om_new"}"#] {
        assert!(matches!(merged(unclear), Err(CallError::Unreadable { .. })), "{unclear}");
    }
}

#[test]
fn a_token_is_read_though_its_time_is_odd() {
    let token = |members: &str| {
        answer(200, &[], format!("{{\"code\":0,{members}}}")).token(TokenKind::Tenant)
    };
    for (expire, seconds) in [
        ("7200", 7200),
        ("\"7200\"", 7200),
        ("7200.0", 7200),
        ("-1", 0),
        ("1e300", i64::MAX.unsigned_abs()),
    ] {
        let read = token(&format!("\"tenant_access_token\":\"t-1\",\"expire\":{expire}"));
        let read = read.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((read.token.as_str(), read.expire), ("t-1", seconds));
    }
    let huge = format!("\"tenant_access_token\":\"{}\",\"expire\":1", "t".repeat(MIB / 2));
    for members in [huge.as_str(), "\"tenant_access_token\":7,\"expire\":1", "\"expire\":1"] {
        assert!(matches!(token(members), Err(CallError::Unreadable { .. })));
    }
}

#[test]
fn a_body_that_is_encoded_says_so() {
    let gzip = answer(200, &[("content-encoding", "gzip")], vec![0x1f, 0x8b, 8, 0]).forwarded();
    let error = gzip.unwrap_err().to_string();
    assert!(error.contains("Content-Encoding"), "{error}");
}

#[test]
fn an_app_token_is_read_from_its_own_member() {
    let body = "{\"code\":0,\"app_access_token\":\"a-1\",\"expire\":7140}";
    let read = answer(200, &[], body.to_owned()).token(TokenKind::App).ok().unwrap();
    assert_eq!((read.token.as_str(), read.expire), ("a-1", 7140));
    assert!(answer(200, &[], body.to_owned()).token(TokenKind::Tenant).is_err());
}

#[test]
fn a_call_that_returns_nothing_needs_only_its_code() {
    assert!(answer(200, &[], "{\"code\":0,\"msg\":\"success\"}".to_owned()).done().is_ok());
    let refused = answer(200, &[], "{\"code\":10016}".to_owned()).done();
    assert_eq!(refused.unwrap_err().code(), "10016");
    assert!(answer(200, &[], "<html>".to_owned()).done().is_err());
}
