//! The OpenAPI document in Chinese.

use std::collections::BTreeSet;

use feishu_forward_gateway::api::{Language, PublicUrl, openapi_json};
use gateway_harness::{Answer, Gateway, gateway};
use serde_json::Value;
use url::Url;

/// The members of the document whose texts are in its language, the ones of example answers included.
const TEXTS: [&str; 6] = ["title", "summary", "description", "detail", "remedy", "example"];
/// The texts that are the same in both languages.
const SAME: [&str; 3] =
    ["feishu-forward-gateway", "`respond-async`.", "`Accept, Accept-Language`."];

/// A string at the same place of both documents.
struct Pair {
    place: String,
    english: String,
    chinese: String,
}

impl Pair {
    fn is_in(&self, members: &[&str]) -> bool {
        members.iter().any(|name| self.place.ends_with(&format!(" {name}")))
    }
}

/// Every string of both documents. Whatever else they hold is the same.
fn pairs() -> Vec<Pair> {
    let document = |language| {
        let json = openapi_json(language, &PublicUrl::default());
        serde_json::from_str::<Value>(&json).expect("JSON")
    };
    let mut pairs = Vec::new();
    pair("", &document(Language::English), &document(Language::Chinese), &mut pairs);
    pairs
}

fn pair(place: &str, english: &Value, chinese: &Value, pairs: &mut Vec<Pair>) {
    match (english, chinese) {
        (Value::Object(english), Value::Object(chinese)) => {
            assert!(english.keys().eq(chinese.keys()), "{place}");
            for (name, member) in english {
                pair(&format!("{place} {name}"), member, &chinese[name], pairs);
            }
        }
        (Value::Array(english), Value::Array(chinese)) => {
            assert_eq!(english.len(), chinese.len(), "{place}");
            for (at, (english, chinese)) in english.iter().zip(chinese).enumerate() {
                pair(&format!("{place} {at}"), english, chinese, pairs);
            }
        }
        (Value::String(english), Value::String(chinese)) => pairs.push(Pair {
            place: place.to_owned(),
            english: english.clone(),
            chinese: chinese.clone(),
        }),
        (english, chinese) => assert_eq!(english, chinese, "{place}"),
    }
}

fn is_chinese(text: &str) -> bool {
    text.chars().any(|it| ('\u{4e00}'..='\u{9fff}').contains(&it))
}

/// What the text has between backticks.
fn code(text: &str) -> BTreeSet<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_documents_differ_in_texts_alone() {
    for Pair { place, english, chinese } in pairs().iter().filter(|it| !it.is_in(&TEXTS)) {
        assert_eq!(english, chinese, "{place}");
    }
}

#[test]
fn each_text_of_the_chinese_document_is_chinese() {
    let pairs = pairs();
    // Most examples are ids and names.
    let texts: Vec<_> = pairs.iter().filter(|it| it.is_in(&TEXTS[..5])).collect();
    assert!(texts.len() > 1000, "{}", texts.len());
    for Pair { place, english, chinese } in &texts {
        let is_same = SAME.contains(&english.as_str());
        assert_eq!(is_chinese(chinese), !is_same, "{place}: {chinese}");
        assert!(!is_chinese(english), "{place}: {english}");
    }
    for same in SAME {
        assert!(texts.iter().any(|it| it.english == same), "{same} is not in the document");
    }
}

#[test]
fn the_examples_of_a_problem_are_chinese() {
    for name in ["title", "detail", "remedy"] {
        let place = format!(" components schemas Problem properties {name} example");
        let found = pairs().into_iter().find(|it| it.place == place).expect("an example");
        assert!(is_chinese(&found.chinese), "{name}: {}", found.chinese);
    }
}

#[test]
fn both_documents_have_the_same_code_in_their_texts() {
    for Pair { place, english, chinese } in pairs().iter().filter(|it| it.is_in(&TEXTS[..3])) {
        assert_eq!(english.matches('`').count() % 2, 0, "{place}: {english}");
        assert_eq!(chinese.matches('`').count() % 2, 0, "{place}: {chinese}");
        assert_eq!(code(english), code(chinese), "{place}");
    }
}

async fn read(gateway: &Gateway, path: &str, accept_language: &str) -> Answer {
    let request = gateway.http.get(format!("{}{path}", gateway.api));
    Answer::of(request.header("accept-language", accept_language)).await
}

#[actix_web::test]
async fn the_reader_gets_the_document_in_its_language() {
    let gateway = gateway().start().await;
    for (path, accept_language, expected, tag) in [
        ("/openapi.json", "zh-CN,zh;q=0.9,en;q=0.8", Language::Chinese, "zh"),
        ("/openapi.json", "en-US,zh;q=0.5", Language::English, "en"),
        ("/openapi.json", "*", Language::English, "en"),
        ("/openapi.json?lang=zh", "en", Language::Chinese, "zh"),
        ("/openapi.json?lang=en", "zh", Language::English, "en"),
    ] {
        let answer = read(&gateway, path, accept_language).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        assert_eq!(answer.header("content-language"), Some(tag), "{path} {accept_language}");
        assert_eq!(answer.header("vary"), Some("Accept-Encoding, Accept-Language"));
        let document = openapi_json(expected, &PublicUrl::default());
        assert!(answer.text() == document, "{path} {accept_language}");
    }
}

#[test]
fn the_chinese_document_names_the_public_url_too() {
    let public_url = Url::parse("https://apps.example.com/feishu").expect("a URL");
    let document = openapi_json(Language::Chinese, &PublicUrl::new(&public_url));
    let json: Value = serde_json::from_str(&document).expect("JSON");
    assert_eq!(json["servers"][0]["url"], public_url.as_str());
    assert!(document.contains(&format!("({public_url}/problems/draining?lang=zh)")));
    assert!(!document.contains("](../problems/"));
}
