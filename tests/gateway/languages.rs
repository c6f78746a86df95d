//! A problem is of one language as a whole: the caller's.

use feishu_forward_gateway::model::problem_kind::ProblemKind;
use serde_json::Value;

use crate::input::MISTAKES;
use gateway_harness::{Answer, foreign, gateway};

/// All that a problem says in words of the gateway's own.
fn words(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().into_iter().flatten();
    let members = ["title", "detail", "remedy"].map(|member| &problem[member]);
    let all = members.into_iter().chain(errors.map(|error| &error["detail"]));
    all.map(|text| text.as_str().expect("text")).collect()
}

fn is_chinese(character: char) -> bool {
    ('\u{3000}'..='\u{303f}').contains(&character)
        || ('\u{4e00}'..='\u{9fff}').contains(&character)
        || ('\u{ff00}'..='\u{ffef}').contains(&character)
}

/// How many words stand in a row that are letters alone: names of fields and headers are one or two.
fn longest_run_of_english(text: &str) -> usize {
    let is_word = |word: &&str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphabetic());
    let words: Vec<&str> = text.split(' ').collect();
    words.split(|word| !is_word(word)).map(<[&str]>::len).max().unwrap_or_default()
}

#[track_caller]
fn is_of_one_language(problem: &Value, language: &str) {
    for text in words(problem) {
        let chinese = text.chars().any(is_chinese);
        assert_eq!(chinese, language == "zh", "{text} in {problem:#}");
        assert!(!chinese || longest_run_of_english(text) < 3, "{text} in {problem:#}");
    }
}

#[track_caller]
pub(crate) fn answered_in(answer: &Answer, language: &str) {
    assert_eq!(answer.header("content-language"), Some(language));
    assert_eq!(answer.header("vary"), Some("Accept-Language"));
    is_of_one_language(&answer.json(), language);
}

#[actix_web::test]
async fn each_example_of_each_problem_is_of_one_language() {
    let gateway = gateway().start().await;
    for language in ["en", "zh"] {
        let request = gateway.http.get(format!("{}/problems", gateway.api));
        let request = request.header("accept", "application/json");
        let list = Answer::of(request.header("accept-language", language)).await.json();
        let problems = list["problems"].as_array().expect("problems");
        assert_eq!(problems.len(), ProblemKind::ALL.len());
        for problem in problems {
            let examples = problem["examples"].as_array().expect("examples");
            assert!(!examples.is_empty(), "{problem:#}");
            for example in examples {
                is_of_one_language(example, language);
                assert_eq!(example["title"], problem["title"]);
            }
            for code in problem["feishu_codes"].as_array().expect("codes") {
                if let Some(remedy) = code["remedy"].as_str() {
                    assert_eq!(remedy.chars().any(is_chinese), language == "zh", "{remedy}");
                }
            }
        }
    }
}

#[actix_web::test]
async fn each_mistake_of_a_caller_is_named_in_one_language() {
    let gateway = gateway().start().await;
    for (change, _) in MISTAKES {
        for language in ["en", "zh"] {
            let forward = change(gateway.forward("oc_1")).header("accept-language", language);
            answered_in(&forward.send().await, language);
        }
    }
}

#[actix_web::test]
async fn what_is_refused_outside_of_the_route_is_of_one_language_too() {
    let gateway = gateway().set("server.max_body", "64B").one_attempt().start().await;
    for language in ["en", "zh"] {
        let ask = |method: &str, url: String| {
            let method = method.parse().expect("a method");
            gateway.http.request(method, url).header("accept-language", language)
        };
        let keyless = gateway.forward("oc_1").without("x-api-key");
        answered_in(&keyless.header("accept-language", language).send().await, language);
        let large = gateway.forward(&"x".repeat(100)).header("accept-language", language);
        answered_in(&large.send().await, language);
        for (method, url) in [
            ("GET", format!("{}/nope", gateway.api)),
            ("PUT", format!("{}/docs/", gateway.api)),
            ("GET", format!("{}/docs/nope", gateway.api)),
            ("GET", format!("{}/problems/nope", gateway.api)),
            ("GET", format!("{}/nope", gateway.admin)),
            ("POST", format!("{}/livez", gateway.admin)),
        ] {
            answered_in(&Answer::of(ask(method, url)).await, language);
        }
        gateway.spoil_forward(foreign(502, "text/html", "<html>Bad Gateway</html>"));
        let unreadable = gateway.forward("oc_1").header("accept-language", language);
        answered_in(&unreadable.send().await, language);
    }
}
