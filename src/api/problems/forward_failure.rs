//! The one table from the failures of a forward to problems. Each `match` names every case, so that the
//! compiler asks for the problem of a new one.

use std::time::Duration;

use crate::api::problems::problem::{InvalidField, Problem, SOON};
use crate::clock::seconds_up;
use crate::delivery::{ForwardError, PriorAttempts};
use crate::feishu::codes;
use crate::feishu::error::{CallError, FieldViolation, Refusal};
use crate::limits::{OverBudget, Scope};
use crate::model::dedup_key::DedupKey;
use crate::model::problem_kind::{Outcome, ProblemKind, Remedy};
use crate::model::wording::Wording;
use crate::queue::QueueError;

/// The `Retry-After` of a quota of Feishu that is used up. Feishu does not say when it begins anew.
const QUOTA_RETRY_AFTER: Duration = Duration::from_hours(1);

/// The problem of a forward that failed with `error`. Where an earlier attempt may have gone out (`prior_attempts`),
/// the outcome is unknown, whatever the last attempt met.
pub(crate) fn problem_of_forward(
    error: &ForwardError,
    uuid: DedupKey,
    prior_attempts: PriorAttempts,
) -> Problem {
    let safe_retry_until = prior_attempts.safe_retry_until();
    let mut problem = Problem { uuid: Some(uuid), safe_retry_until, ..problem_of_error(error) };
    if problem.outcome == Outcome::NotDelivered {
        if safe_retry_until.is_some() {
            problem.outcome = Outcome::Unknown;
        }
        add_prior_attempts(&mut problem.detail, prior_attempts);
    }
    problem
}

fn problem_of_error(error: &ForwardError) -> Problem {
    let kind = error.problem();
    match error {
        ForwardError::NotAllowed => Problem::new(
            kind,
            Wording::new(
                "The policy of this API key does not allow this receiver; nothing was sent.",
                "此 API 密钥的策略不允许转发给该接收者；消息未发送。",
            ),
        ),
        ForwardError::NoPermit(QueueError::TooLate { scope, retry_after }) => {
            problem_of_missing_permit(kind, *scope, *retry_after)
        }
        ForwardError::OverBudget(over) => problem_of_budget(over),
        ForwardError::NoPermit(QueueError::Full) => Problem::new(
            kind,
            Wording::new(
                "Too many forwards wait for their turn; nothing was sent.",
                "排队等待的转发过多；消息未发送。",
            ),
        ),
        ForwardError::Draining => Problem::new(
            kind,
            Wording::new(
                "The gateway is shutting down; nothing was sent.",
                "网关正在关闭；消息未发送。",
            ),
        ),
        ForwardError::CircuitOpen { retry_after } => {
            let seconds = retry_after.as_secs_f64();
            let detail = Wording::new(
                format!(
                    "Feishu has not answered for a while. The gateway tries again in {seconds:.3} s. Nothing was sent."
                ),
                format!("飞书已有一段时间没有响应，{seconds:.3} 秒后再次尝试；消息未发送。"),
            );
            Problem::new(kind, detail)
        }
        ForwardError::AppRefused { code, retry_after } => {
            let (number, seconds) = (code.code, seconds_up(*retry_after));
            let detail = Wording::new(
                format!(
                    "Feishu refused the app with {number}. The gateway makes no calls for the app for {seconds} s. Nothing was sent."
                ),
                format!(
                    "飞书以错误码 {number} 拒绝了该应用，网关在 {seconds} 秒内不再为它调用飞书；消息未发送。"
                ),
            );
            let problem = Problem {
                remedy: code.remedy,
                refused_before: Some(code),
                ..Problem::new(kind, detail)
            };
            if code.problem.facts().status == 429 {
                return problem.retry_after(*retry_after);
            }
            problem
        }
        ForwardError::NoToken(token) => problem_of_missing_token(&token.error),
        ForwardError::Failed(error) => problem_of_call(error),
        ForwardError::KeyReused => Problem::new(
            kind,
            Wording::new(
                "The Idempotency-Key was used for another message, receiver or app within the hour; nothing was sent.",
                "该 Idempotency-Key 在一小时内已用于其他消息、接收者或应用；消息未发送。",
            ),
        ),
        ForwardError::UuidReused => Problem::new(
            kind,
            Wording::new(
                "The uuid was used for another message, receiver or app within the hour; nothing was sent.",
                "该 uuid 在一小时内已用于其他消息、接收者或应用；消息未发送。",
            ),
        ),
        ForwardError::TooLateToRepeat => Problem::new(
            kind,
            Wording::new(
                "An earlier forward with this uuid may have been sent, and Feishu may no longer recognize the uuid. The gateway did not send the message again.",
                "此前使用该 uuid 的转发可能已送出，且可能已超出飞书的去重时限；网关没有再次发送。",
            ),
        ),
    }
}

fn problem_of_missing_permit(kind: ProblemKind, scope: Scope, retry_after: Duration) -> Problem {
    let (whose, whose_zh) = match scope {
        Scope::Receiver => ("this receiver", "该接收者"),
        Scope::App => ("the app", "该应用"),
    };
    let seconds = retry_after.as_secs_f64();
    let detail = Wording::new(
        format!(
            "The next turn for {whose} comes in {seconds:.3} s, and this forward cannot wait that long; nothing was sent."
        ),
        format!(
            "{whose_zh}还需等待 {seconds:.3} 秒才能发送，超过本次转发允许的等待时间；消息未发送。"
        ),
    );
    Problem::new(kind, detail).retry_after(retry_after)
}

fn problem_of_budget(over: &OverBudget) -> Problem {
    match over {
        OverBudget::Minute { limit, retry_after } => {
            let seconds = retry_after.as_secs_f64();
            let detail = Wording::new(
                format!(
                    "This API key may make {limit} calls to Feishu in a minute, and its next one in {seconds:.3} s. Nothing was sent."
                ),
                format!(
                    "该 API 密钥每分钟最多可调用飞书 {limit} 次，{seconds:.3} 秒后可再次调用；消息未发送。"
                ),
            );
            let problem = Problem::new(over.problem(), detail);
            Problem { caller_per_minute: Some(*limit), ..problem }.retry_after(*retry_after)
        }
        OverBudget::Month { limit, month, retry_after } => {
            let detail = Wording::new(
                format!(
                    "This API key may make {limit} calls to Feishu in a month, and has used them up for {month} (UTC+8). Nothing was sent."
                ),
                format!(
                    "该 API 密钥每月最多可调用飞书 {limit} 次，{month}（UTC+8）的次数已用完；消息未发送。"
                ),
            );
            Problem::new(over.problem(), detail).retry_after(*retry_after)
        }
    }
}

/// The problem of a forward that had no tenant token. Nothing was sent, whatever became of the call for
/// the token.
fn problem_of_missing_token(error: &CallError) -> Problem {
    let problem = match error {
        CallError::Refused(refusal) => problem_of_refusal(refusal),
        CallError::NoTicket => problem_of_missing_ticket(),
        CallError::Connect(_)
        | CallError::TimedOut { .. }
        | CallError::Broken { .. }
        | CallError::Unreadable { .. } => Problem::new(
            ProblemKind::FeishuUnreachable,
            Wording::new(
                format!("The gateway could not fetch a tenant token: {error}; nothing was sent."),
                "无法获取 tenant_access_token；消息未发送，具体原因见网关日志。",
            ),
        ),
    };
    Problem { outcome: Outcome::NotDelivered, ..problem }
}

fn problem_of_missing_ticket() -> Problem {
    let detail = Wording::new(
        "Feishu has not pushed the store app's app_ticket yet, without which there is no token; nothing was sent.",
        "飞书尚未推送商店应用的 app_ticket，无法获取 token；消息未发送。",
    );
    let remedy = Remedy {
        en: "Nothing was sent. Try again in a few seconds. If this lasts, ask the operator to check the app's event URL in Feishu's developer console: Feishu pushes the app_ticket to it.",
        zh: "消息未发送，请几秒后重试；若持续出现，请运维在飞书开发者后台检查应用的事件请求地址，飞书会向其推送 app_ticket。",
    };
    Problem { remedy, ..Problem::new(ProblemKind::FeishuUnreachable, detail) }
}

fn problem_of_call(error: &CallError) -> Problem {
    let kind = error.problem_of_forward();
    match error {
        CallError::NoTicket => problem_of_missing_ticket(),
        CallError::Connect(_) => Problem::new(
            kind,
            Wording::new(
                format!("Feishu cannot be reached: {error}; nothing was sent."),
                "无法与飞书建立连接；消息未发送，具体原因见网关日志。",
            ),
        ),
        CallError::TimedOut { .. } => Problem::new(
            kind,
            Wording::new(
                "Feishu did not answer in time; it may have received the message.",
                "飞书未及时响应；消息可能已提交给飞书。",
            ),
        ),
        CallError::Broken { .. } => Problem::new(
            kind,
            Wording::new(
                format!("Feishu's answer did not arrive completely: {error}."),
                "没有收到飞书的完整响应，连接已中断；具体原因见网关日志。",
            ),
        ),
        CallError::Unreadable { http_status, log_id, .. } => Problem {
            log_id: log_id.clone(),
            ..Problem::new(
                kind,
                Wording::new(
                    format!("Feishu's answer cannot be read: {error}."),
                    format!("无法解析飞书的响应（HTTP 状态码 {http_status}）。"),
                ),
            )
        },
        CallError::Refused(refusal) => problem_of_refusal(refusal),
    }
}

fn problem_of_refusal(refusal: &Refusal) -> Problem {
    let Refusal { code, msg, .. } = refusal;
    let english = match msg.as_str() {
        "" => format!("Feishu answered {code} without a message."),
        msg => format!("Feishu answered {code}: {msg}"),
    };
    let problem = if let Some(known) = codes::find(*code) {
        // Feishu's words are English. The Chinese text leaves them to the member `feishu`, where they
        // stand as they came.
        let chinese = format!("飞书返回错误码 {code}：{}。", known.problem.facts().title_zh);
        let detail = Wording::new(english, chinese);
        Problem { remedy: known.remedy, ..Problem::new(known.problem, detail) }
    } else {
        let chinese = format!("飞书返回未知的错误码 {code}，原文见 feishu.msg。");
        Problem::new(ProblemKind::FeishuError, Wording::new(english, chinese))
    };
    let problem = Problem { outcome: refusal.outcome(), ..problem };
    let problem = match problem.kind {
        ProblemKind::AppRateLimited => problem.retry_after(refusal.reset.unwrap_or(SOON)),
        ProblemKind::MonthlyQuotaExhausted | ProblemKind::DailyQuotaExhausted => {
            problem.retry_after(QUOTA_RETRY_AFTER)
        }
        _ => problem,
    };
    Problem {
        errors: refusal.fields.iter().map(invalid_field_of).collect(),
        log_id: refusal.log_id.clone(),
        feishu: Some(Box::new(refusal.clone())),
        ..problem
    }
}

/// Adds to the detail what is known of earlier attempts.
fn add_prior_attempts(detail: &mut Wording, prior_attempts: PriorAttempts) {
    let (en, zh) = match prior_attempts {
        PriorAttempts::NotSent => return,
        PriorAttempts::NotSentSince(time) => (
            format!(
                " The gateway knows forwards with this uuid only since {time:.0}; an earlier one may have been sent."
            ),
            format!("网关只了解 {time:.0} 以来使用该 uuid 的转发；更早的转发可能已送出。"),
        ),
        PriorAttempts::Unconfirmed(_) => (
            " Another replica may have sent the message: the shared Redis does not answer, or has only just recovered.".to_owned(),
            "其他副本可能已送出：副本共享的 Redis 目前无法查询，或刚刚恢复。".to_owned(),
        ),
        PriorAttempts::InDoubt(_) => (
            " An earlier attempt may have been sent.".to_owned(),
            "此前的一次请求可能已送出。".to_owned(),
        ),
        PriorAttempts::Delivered(_) => (
            " An earlier forward with this uuid was delivered.".to_owned(),
            "此前使用该 uuid 的转发已送达。".to_owned(),
        ),
    };
    detail.en.to_mut().push_str(&en);
    detail.zh.to_mut().push_str(&zh);
}

/// A field that Feishu finds wrong. Its description is English and stands nowhere else in the problem, so
/// the Chinese text quotes it.
fn invalid_field_of(violation: &FieldViolation) -> InvalidField {
    let FieldViolation { field, description } = violation;
    let chinese = format!("飞书认为该字段无效，原文：“{description}”");
    InvalidField::new(field, Wording::new(description.clone(), chinese))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::delivery::TokenError;
    use crate::feishu::codes::MONTHLY_QUOTA;
    use crate::limits::Month;

    fn failures() -> Vec<ForwardError> {
        let second = Duration::from_secs(1);
        let calls = [
            CallError::Connect("dns error".into()),
            CallError::TimedOut { is_stale: false },
            CallError::Broken {
                cause: "end of file before message length reached".into(),
                is_stale: false,
            },
            CallError::Unreadable { http_status: 502, detail: "no JSON object", log_id: None },
            CallError::NoTicket,
            CallError::Refused(Box::new(Refusal { code: 230002, ..Refusal::default() })),
            CallError::Refused(Box::new(Refusal {
                code: 1,
                msg: "odd".into(),
                ..Refusal::default()
            })),
        ];
        let without_token = calls.clone().map(|error| {
            ForwardError::NoToken(TokenError { error: Arc::new(error), call_at: Duration::ZERO })
        });
        let own = [
            ForwardError::NotAllowed,
            ForwardError::NoPermit(QueueError::TooLate { scope: Scope::App, retry_after: second }),
            ForwardError::NoPermit(QueueError::TooLate {
                scope: Scope::Receiver,
                retry_after: second,
            }),
            ForwardError::NoPermit(QueueError::Full),
            ForwardError::OverBudget(OverBudget::Minute { limit: 100, retry_after: second }),
            ForwardError::OverBudget(OverBudget::Month {
                limit: 10_000,
                month: Month::of(Timestamp::UNIX_EPOCH),
                retry_after: second,
            }),
            ForwardError::Draining,
            ForwardError::CircuitOpen { retry_after: second },
            ForwardError::AppRefused { code: MONTHLY_QUOTA, retry_after: second },
            ForwardError::KeyReused,
            ForwardError::UuidReused,
            ForwardError::TooLateToRepeat,
        ];
        own.into_iter().chain(without_token).chain(calls.map(ForwardError::Failed)).collect()
    }

    #[test]
    fn every_failure_of_a_forward_is_said_in_english_and_in_chinese() {
        for error in failures() {
            let time = Timestamp::UNIX_EPOCH;
            let since = PriorAttempts::NotSentSince(time);
            let unknown = [
                PriorAttempts::Unconfirmed(time),
                PriorAttempts::InDoubt(time),
                PriorAttempts::Delivered(time),
            ];
            for prior_attempts in [PriorAttempts::NotSent, since].into_iter().chain(unknown) {
                let problem = problem_of_forward(&error, DedupKey::generate(), prior_attempts);
                let Wording { en, zh } = *problem.detail;
                assert!(en.is_ascii() && en.contains(' '), "{error:?}: {en}");
                let ascii = zh.chars().filter(char::is_ascii_alphabetic).count();
                assert!(ascii < zh.chars().count() / 2, "{error:?}: {zh}");
            }
        }
    }

    #[test]
    fn what_feishu_says_of_a_field_is_quoted_in_chinese() {
        let violation = FieldViolation { field: "uuid".into(), description: "too odd".into() };
        let Wording { en, zh } = invalid_field_of(&violation).detail;
        assert_eq!((&*en, &*zh), ("too odd", "飞书认为该字段无效，原文：“too odd”"));
    }
}
