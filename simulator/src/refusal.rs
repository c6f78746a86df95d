//! A refusal of Feishu, before it becomes an answer.

use serde_json::{Value, json};

use crate::codes;

/// A refusal with one of Feishu's codes.
pub(crate) struct Refusal {
    pub(crate) code: i64,
    /// The HTTP status. `None` means that of the table of codes.
    pub(crate) status: Option<u16>,
    /// The text. `None` means that of the table of codes.
    pub(crate) msg: Option<String>,
    /// The invalid fields in `error.field_violations`.
    pub(crate) violations: Vec<Value>,
    /// The header `x-ogw-ratelimit-limit`.
    pub(crate) limit: Option<usize>,
    /// The header `x-ogw-ratelimit-reset`, in seconds.
    pub(crate) reset: Option<u64>,
}

impl Refusal {
    /// A refusal with the status and the text of the table of codes.
    pub(crate) fn new(code: i64) -> Self {
        Self { code, status: None, msg: None, violations: Vec::new(), limit: None, reset: None }
    }

    /// 99992402 with an invalid field (doc: the format; seen on other APIs: the texts).
    pub(crate) fn field(field: &str, value: &str, description: &str) -> Self {
        let violation = json!({"field": field, "value": value, "description": description});
        Self { violations: vec![violation], ..Self::new(codes::FIELD_VALIDATION) }
    }

    /// 230001 with the name of the invalid field in its text (doc).
    pub(crate) fn invalid(field: &str) -> Self {
        Self::with_ext(codes::INVALID_PARAMETER, &format!("invalid {field}"))
    }

    /// A refusal with `, ext=…` after its text.
    pub(crate) fn with_ext(code: i64, ext: &str) -> Self {
        let msg = codes::msg(code).trim_end_matches('.');
        Self { msg: Some(format!("{msg}, ext={ext}")), ..Self::new(code) }
    }

    /// 99991400 for a limit that is full for another `reset` seconds (doc: code, status, headers).
    pub(crate) fn app_limit(limit: usize, reset: u64) -> Self {
        Self { limit: Some(limit), reset: Some(reset), ..Self::new(codes::APP_LIMIT) }
    }

    /// The refusal that an id with `_code_` and a number requests. The number is the code.
    pub(crate) fn requested_by(id: &str) -> Option<Self> {
        let (_, tail) = id.split_once("_code_")?;
        let digits = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
        let code: i64 = tail[..digits].parse().ok().filter(|code| *code != 0)?;
        // Feishu's documentation shows 52 as the example of this header.
        let reset = (code == codes::APP_LIMIT).then_some(52);
        Some(Self { reset, ..Self::new(code) })
    }
}
