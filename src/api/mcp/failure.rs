//! A failure as a model reads it: what became of the message, why, who can do what about it, and whether to call again.
//!
//! All of it is in the text, because clients pass nothing else of a failure on to their model.

use std::fmt::Write as _;

use actix_web::http::header::RETRY_AFTER;
use serde_json::{Value, json};

use crate::api::mcp::text::{clean, quote};
use crate::api::problems::problem::Problem;
use crate::feishu::error::Refusal;
use crate::model::problem_kind::{FixBy, Outcome};

/// Longest detail, in characters.
const LONGEST_DETAIL: usize = 500;
/// Longest name of an argument that is wrong, in characters.
const LONGEST_NAME: usize = 64;

/// The failure of a request in words, of which these are the first: what it means for what the tool is for.
pub(super) fn in_words(problem: &Problem, meaning: &str, request_id: &str) -> String {
    let facts = problem.kind.facts();
    let mut text = format!("{meaning}\n");
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name}: {value}");
    };
    line("outcome", outcome(problem));
    line("problem", &format!("{}. {}.", facts.name, facts.title));
    line("detail", &detail(problem));
    for error in &problem.errors {
        let said = &error.detail.en;
        // What is wrong with a field of Feishu's is said in Feishu's words.
        let said = if problem.feishu.is_some() { quote(said) } else { clean(said, LONGEST_DETAIL) };
        line("wrong", &format!("{}: {said}", clean(&error.field, LONGEST_NAME)));
    }
    line("what to do", problem.remedy.en);
    line("who can do it", who(facts.fix_by));
    line("call again", &advice(problem));
    line("request_id", request_id);
    if let Some(uuid) = &problem.uuid {
        line("uuid", uuid.as_str());
    }
    if let Some(until) = problem.safe_retry_until {
        line("safe_retry_until", &until.to_string());
    }
    if let Some(Refusal { msg, .. }) = problem.feishu.as_deref().filter(|it| !it.msg.is_empty()) {
        text.push_str(&quote(msg));
        text.push('\n');
    }
    text
}

/// The failure for programs, without words of Feishu's.
pub(super) fn in_json(problem: &Problem) -> Value {
    let facts = problem.kind.facts();
    let mut json = json!({
        "outcome": problem.outcome,
        "problem": {
            "code": facts.name,
            "title": facts.title,
            "remedy": problem.remedy.en,
            "fix_by": facts.fix_by.name(),
            "retryable": facts.retryable,
        },
    });
    if let Some(uuid) = &problem.uuid {
        json["uuid"] = uuid.as_str().into();
    }
    if let Some(until) = problem.safe_retry_until {
        json["safe_retry_until"] = until.to_string().into();
    }
    json
}

fn outcome(problem: &Problem) -> &'static str {
    match problem.outcome {
        Outcome::NotDelivered => "not_delivered",
        Outcome::Unknown => "unknown",
    }
}

/// The detail without Feishu's words, which have a line of their own.
fn detail(problem: &Problem) -> String {
    let detail = problem.detail.en.as_ref();
    let Some(Refusal { code, msg, log_id, .. }) = problem.feishu.as_deref() else {
        return clean(detail, LONGEST_DETAIL);
    };
    let said = format!("Feishu answered {code}: {msg}");
    // Behind Feishu's words the gateway may have said what it knows of earlier attempts.
    let more = detail.strip_prefix(&said).filter(|_| !msg.is_empty()).unwrap_or_default();
    let log_id = log_id.as_ref().map(|it| format!(" (log id {})", clean(it, LONGEST_NAME)));
    clean(
        &format!("Feishu refused with {code}{}.{more}", log_id.unwrap_or_default()),
        LONGEST_DETAIL,
    )
}

fn who(fix_by: FixBy) -> &'static str {
    match fix_by {
        FixBy::Caller => "you, with other arguments, or the person you act for",
        FixBy::Receiver => "the user who receives the message",
        FixBy::ChatAdmin => "the owner or an administrator of the chat",
        FixBy::TenantAdmin => "the administrator of the company's Feishu",
        FixBy::Operator => "the operator of this gateway",
        FixBy::Nobody => "nobody: it resolves itself",
    }
}

fn advice(problem: &Problem) -> String {
    let is_retryable = problem.kind.facts().retryable;
    match (problem.outcome, problem.safe_retry_until) {
        (Outcome::Unknown, Some(until)) => format!(
            "yes, with exactly the same arguments, before {until}: the message then cannot arrive twice. With other arguments it can."
        ),
        (Outcome::Unknown, None) => {
            "no, the message could arrive twice; ask a person to check whether it arrived"
                .to_owned()
        }
        (Outcome::NotDelivered, _) if is_retryable => match seconds(problem) {
            Some(seconds) => format!("yes, with the same arguments, in {seconds} s or later"),
            None => "yes, with the same arguments, later".to_owned(),
        },
        (Outcome::NotDelivered, _) => "no, not until the cause is fixed".to_owned(),
    }
}

fn seconds(problem: &Problem) -> Option<&str> {
    let (name, value) = problem.header.as_ref()?;
    if *name == RETRY_AFTER { value.to_str().ok() } else { None }
}
