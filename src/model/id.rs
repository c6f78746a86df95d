//! The form of Feishu's ids of messages and threads.

use super::wording::{Wording, is_white_space};

const MAX_LENGTH: usize = 128;

/// Checks that a text is `prefix` and then 1 or more ASCII letters, digits, `_` and `-`, in all at most 128 characters.
/// The error is a sentence for the caller.
pub(super) fn check(text: &str, prefix: &str) -> Result<(), Wording> {
    if text.chars().any(is_white_space) {
        return Err(Wording::new(
            "must not contain white space; check its beginning and its end",
            "不能包含空白字符；请检查开头和结尾",
        ));
    }
    let Some(rest) = text.strip_prefix(prefix) else {
        return Err(Wording::new(
            format!("must begin with {prefix}"),
            format!("必须以 {prefix} 开头"),
        ));
    };
    if rest.is_empty() {
        return Err(Wording::new(
            format!("must have at least one character after {prefix}"),
            format!("{prefix} 之后至少需要一个字符"),
        ));
    }
    if text.len() > MAX_LENGTH {
        return Err(Wording::new("must be at most 128 characters long", "不能超过 128 个字符"));
    }
    if !rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
        return Err(Wording::new(
            "may contain only letters, digits, _ and -",
            "只能包含字母、数字、_ 和 -",
        ));
    }
    Ok(())
}
