//! One call of an experiment, and what is remembered of its answer. It holds no id and no text that could hold one.

use serde::Serialize;
use serde_json::{Value, json};

use super::super::call::{NoAnswer, RawAnswer};

/// What is remembered of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Observation {
    /// The HTTP status. None without an answer.
    pub(super) status: Option<u16>,
    /// Feishu's code.
    pub(super) code: Option<i64>,
    /// The headers `x-ogw-ratelimit-limit` and `x-ogw-ratelimit-reset`.
    pub(super) limit: Option<u32>,
    pub(super) reset: Option<u32>,
    /// The words after `ext=` in Feishu's text, if they are words alone.
    pub(super) ext: Option<String>,
    /// The id of the new message. It is compared, and never shown.
    #[serde(skip)]
    pub(super) message_id: Option<String>,
}

/// Longest text after `ext=` that is kept, in characters.
const LONGEST_EXT: usize = 40;

impl Observation {
    pub(super) fn of(answer: &Result<RawAnswer, NoAnswer>) -> Self {
        let Ok(answer) = answer else { return Self::default() };
        let msg = answer.msg();
        let ext = msg.split_once("ext=").map(|(_, ext)| ext.trim().to_owned());
        let is_words = |it: &String| {
            it.len() <= LONGEST_EXT && it.chars().all(|c| c.is_ascii_lowercase() || c == ' ')
        };
        Self {
            status: Some(answer.status),
            code: answer.code(),
            limit: answer.limit,
            reset: answer.reset,
            ext: ext.filter(is_words),
            message_id: answer.body["data"]["message_id"].as_str().map(str::to_owned),
        }
    }

    /// What is shown of it.
    pub(super) fn shown(&self) -> Value {
        json!(self)
    }

    /// The status and the code in a few words.
    pub(super) fn words(&self) -> String {
        match (self.status, self.code) {
            (None, _) => "no answer".to_owned(),
            (Some(status), None) => format!("HTTP {status} without a code"),
            (Some(status), Some(code)) => format!("HTTP {status}, code {code}"),
        }
    }
}
