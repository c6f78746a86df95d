//! Why Feishu refuses a request, before it is put into an answer.

use serde_json::{Value, json};

use crate::codes;

/// A refusal by code; what is left open is taken from the table of codes.
pub(crate) struct Refusal {
    pub(crate) code: i64,
    pub(crate) status: Option<u16>,
    pub(crate) msg: Option<String>,
    /// `error.field_violations`, where Feishu names fields.
    pub(crate) violations: Vec<Value>,
    /// The header `x-ogw-ratelimit-limit`.
    pub(crate) limit: Option<usize>,
    /// The header `x-ogw-ratelimit-reset`, in seconds.
    pub(crate) reset: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(code: i64) -> Self {
        Self { code, status: None, msg: None, violations: Vec::new(), limit: None, reset: None }
    }

    /// 99992402 with the field that is wrong (doc: the shape; seen on other APIs: the wording).
    pub(crate) fn field(field: &str, value: &str, description: &str) -> Self {
        let violation = json!({"field": field, "value": value, "description": description});
        Self { violations: vec![violation], ..Self::new(codes::FIELD_VALIDATION) }
    }

    /// 230001, whose text ends in the name of the field (doc).
    pub(crate) fn invalid(field: &str) -> Self {
        Self::with_ext(codes::INVALID_PARAMETER, &format!("invalid {field}"))
    }

    /// A refusal whose text ends in `, ext=…`.
    pub(crate) fn with_ext(code: i64, ext: &str) -> Self {
        let msg = codes::msg(code).trim_end_matches('.');
        Self { msg: Some(format!("{msg}, ext={ext}")), ..Self::new(code) }
    }

    /// 99991400 for a limit that has room again after so many seconds (doc: code, status, headers).
    pub(crate) fn app_limit(limit: usize, reset: u64) -> Self {
        Self { limit: Some(limit), reset: Some(reset), ..Self::new(codes::APP_LIMIT) }
    }

    /// What an id asks for that contains `_code_` and a number: that code, and nothing else.
    pub(crate) fn asked_for_by(id: &str) -> Option<Self> {
        let (_, tail) = id.split_once("_code_")?;
        let digits = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
        let code: i64 = tail[..digits].parse().ok().filter(|code| *code != 0)?;
        // The documentation's own sample of this header is 52.
        let reset = (code == codes::APP_LIMIT).then_some(52);
        Some(Self { reset, ..Self::new(code) })
    }
}
