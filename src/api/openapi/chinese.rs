//! The Chinese texts of the OpenAPI document. `zh.toml` has them, beside their English ones.

use std::collections::HashMap;

use serde_json::Value;
use utoipa::openapi::OpenApi;

use crate::model::problem_kind::ProblemKind;

/// The document with its texts in Chinese.
pub(super) fn in_chinese(document: &OpenApi) -> Value {
    let table = table();
    let texts = table.iter().map(|(english, chinese)| (english.as_str(), chinese.as_str()));
    // Some examples are what the gateway says of a problem.
    let problems = ProblemKind::ALL
        .iter()
        .map(|it| it.facts())
        .flat_map(|it| [(it.title, it.title_zh), (it.remedy.en, it.remedy.zh)]);
    let chinese: HashMap<_, _> = problems.chain(texts).collect();
    let mut json = serde_json::to_value(document).expect("the document is made of strings");
    for_each_text(&mut json, &mut |_, text| {
        if let Some(translated) = chinese.get(in_one_line(text).as_str()) {
            (*translated).clone_into(text);
        }
    });
    json
}

/// The Chinese text of each English one.
fn table() -> HashMap<String, String> {
    toml::from_str(include_str!("zh.toml")).expect("a test reads the table")
}

/// The text without its line breaks, which in a comment of the code depend on where the text begins.
fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Calls `see` with the name and the content of each text for readers: titles, summaries, descriptions, and examples, most
/// of which are the same in both languages.
fn for_each_text(json: &mut Value, see: &mut impl FnMut(&str, &mut String)) {
    match json {
        Value::Object(members) => {
            for (name, member) in members {
                match (name.as_str(), member) {
                    (
                        name @ ("title" | "summary" | "description" | "example"),
                        Value::String(text),
                    ) => see(name, text),
                    (_, member) => for_each_text(member, see),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| for_each_text(item, see)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::api::openapi::document::without_problems;
    use crate::api::public_url::PublicUrl;

    /// The texts of the English document, in one line each: those that say something, and the examples.
    fn texts_and_examples() -> (BTreeSet<String>, BTreeSet<String>) {
        let document = without_problems(&PublicUrl::default());
        let mut json = serde_json::to_value(document).expect("JSON");
        let (mut texts, mut examples) = (BTreeSet::new(), BTreeSet::new());
        for_each_text(&mut json, &mut |name, text| {
            let of_its_kind = if name == "example" { &mut examples } else { &mut texts };
            of_its_kind.insert(in_one_line(text));
        });
        (texts, examples)
    }

    // TOML refuses a table with the same key twice, so there is one Chinese text at most.
    #[test]
    fn each_english_text_of_the_document_has_a_chinese_one() {
        let ((texts, _), table) = (texts_and_examples(), table());
        assert!(texts.len() > 200, "{}", texts.len());
        let missing: Vec<_> = texts.iter().filter(|text| !table.contains_key(*text)).collect();
        assert!(missing.is_empty(), "zh.toml lacks {missing:#?}");
    }

    #[test]
    fn each_english_text_of_the_table_is_in_the_document() {
        let ((texts, examples), table) = (texts_and_examples(), table());
        let is_used = |text: &String| texts.contains(text) || examples.contains(text);
        let stale: Vec<_> = table.keys().filter(|english| !is_used(english)).collect();
        assert!(stale.is_empty(), "the document no longer has {stale:#?}");
    }
}
