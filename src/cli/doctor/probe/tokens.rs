//! The answer to a token that Feishu does not know.

use reqwest::header::HeaderValue;

use super::lab::Lab;
use super::lesson::Lesson;
use crate::model::dedup_key::DedupKey;
use crate::model::wording::Wording;

/// A token that looks like one of Feishu's.
const MADE_UP: HeaderValue =
    HeaderValue::from_static("Bearer t-0000000000000000000000000000000000");
const TOKEN_INVALID: i64 = 99991663;

/// Forwards once with a made-up token, which delivers nothing.
pub(super) async fn rejected_token(lab: &Lab<'_>) -> Lesson {
    let seen = lab.forward_with(&MADE_UP, &DedupKey::generate()).await;
    let said = seen.words();
    let answer = Wording::new(said.clone(), said);
    let lesson = Lesson::new("rejected_token", answer, seen.shown());
    match (seen.code, seen.status) {
        (Some(TOKEN_INVALID), Some(status)) => lesson.set("rejected_token_status", status),
        _ => lesson,
    }
}
