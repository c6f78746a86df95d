//! The members of a problem in plain words.

use crate::api::language::Language;
use crate::model::problem_kind::{Facts, FixBy, Outcome};

/// Who can remove the cause.
pub(crate) fn who(fix_by: FixBy, language: Language) -> &'static str {
    match fix_by {
        FixBy::Caller => language.choose("The calling program or its author", "调用方"),
        FixBy::Receiver => language.choose("The user who receives the message", "接收消息的用户"),
        FixBy::ChatAdmin => {
            language.choose("The owner or an administrator of the chat", "群主或群管理员")
        }
        FixBy::TenantAdmin => {
            language.choose("The administrator of the Feishu tenant", "飞书企业管理员")
        }
        FixBy::Operator => language
            .choose("The operator of the gateway and its Feishu app", "网关及飞书应用的运维人员"),
        FixBy::Nobody => language.choose("Nobody: it resolves itself", "无需处理，会自行恢复"),
    }
}

/// Whether the message went out, in a word.
pub(crate) fn went_out(outcome: Outcome, language: Language) -> &'static str {
    match outcome {
        Outcome::NotDelivered => language.choose("No", "否"),
        Outcome::Unknown => language.choose("Unknown", "未知"),
    }
}

/// Whether the message went out, in a sentence.
pub(crate) fn whether_it_went_out(outcome: Outcome, language: Language) -> &'static str {
    match outcome {
        Outcome::NotDelivered => language.choose("No.", "没有。"),
        Outcome::Unknown => language
            .choose("Unknown: it may have been delivered.", "无法确定：可能已送达，也可能没有。"),
    }
}

/// Whether trying again helps, in a word.
pub(crate) fn retry(retryable: bool, language: Language) -> &'static str {
    if retryable { language.choose("Yes", "是") } else { language.choose("No", "否") }
}

/// Whether trying again helps, in a sentence.
pub(crate) fn whether_retrying_helps(facts: &Facts, language: Language) -> &'static str {
    match (facts.retryable, facts.outcome) {
        (false, _) => {
            language.choose("No, not until the cause is fixed.", "没用，需先消除原因。")
        }
        (true, Outcome::NotDelivered) => language.choose(
            "Yes. The same request may succeed later, and nobody has to act.",
            "有用：无需任何人处理，稍后重试同一请求可能成功。",
        ),
        (true, Outcome::Unknown) => language.choose(
            "Yes, with the same uuid or Idempotency-Key. Until safe_retry_until, the message cannot arrive twice.",
            "有用：请使用相同的 uuid 或 Idempotency-Key；在 safe_retry_until 之前重试，消息不会重复送达。",
        ),
    }
}
