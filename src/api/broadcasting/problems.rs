//! The one table from the refusals of requests about broadcasts to problems.

use crate::api::broadcasting::receivers::{RECEIVERS, id_at};
use crate::api::input::mistakes::Mistakes;
use crate::api::problems::problem::Problem;
use crate::broadcasts::BroadcastError;
use crate::model::problem_kind::ProblemKind;
use crate::model::wording::Wording;

/// Where a request names its receivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NamedIn {
    /// In a list in its body, or nowhere.
    List,
    /// In its one `receive_id`.
    ReceiveId,
    /// In an earlier request, some of whose receivers it sends to again.
    EarlierBroadcast,
}

/// The problem of a request that was refused with `error`.
pub(crate) fn problem_of_broadcast(error: &BroadcastError, named_in: NamedIn) -> Problem {
    match error {
        BroadcastError::NotFound => not_found(),
        BroadcastError::Ended => Problem::new(
            ProblemKind::BroadcastEnded,
            Wording::new(
                "Every receiver of the broadcast has a final outcome already.",
                "该群发的所有接收者都已有最终结果。",
            ),
        ),
        BroadcastError::NotAllowed(places) => denied(places, named_in),
        BroadcastError::NobodyToRetry => Problem::new(
            ProblemKind::BroadcastEnded,
            Wording::new(
                "No receiver of the broadcast has one of these outcomes.",
                "该群发中没有处于这些结果的接收者。",
            ),
        ),
        BroadcastError::TooMany(most) => Problem::new(
            ProblemKind::TooManyBroadcasts,
            Wording::new(
                format!("This API key already has {most} active broadcasts, which is the limit."),
                format!("该 API 密钥已有 {most} 个进行中的群发，已达上限。"),
            ),
        ),
        BroadcastError::KeyReused => Problem::new(
            ProblemKind::IdempotencyKeyReused,
            Wording::new(
                "The Idempotency-Key was used for another broadcast; nothing was accepted.",
                "该 Idempotency-Key 已用于另一个群发；本次请求未被接受。",
            ),
        ),
        BroadcastError::Draining => Problem::new(
            ProblemKind::Draining,
            Wording::new(
                "The gateway is shutting down; nothing was accepted.",
                "网关正在关闭；本次请求未被接受。",
            ),
        ),
        BroadcastError::Unavailable(error) => {
            tracing::error!(%error, "a request about broadcasts was refused");
            Problem::new(
                ProblemKind::Overloaded,
                Wording::new(
                    "The broadcast store failed. It is safe to retry the request; send the same Idempotency-Key if it had one.",
                    "群发的存储出现故障；可以安全地重试，如有 Idempotency-Key 请保持不变。",
                ),
            )
        }
    }
}

/// The problem of an id that is none of the caller's broadcasts.
pub(crate) fn not_found() -> Problem {
    Problem::new(
        ProblemKind::BroadcastNotFound,
        Wording::new(
            "This API key has no broadcast with this id.",
            "该 API 密钥没有此 ID 的群发。",
        ),
    )
}

/// The problem of a request that lacks nothing but its `Idempotency-Key`.
pub(crate) fn key_missing() -> Problem {
    Problem::new(
        ProblemKind::IdempotencyKeyMissing,
        Wording::new(
            "The header Idempotency-Key is missing; without it, a repeated request would create a second broadcast.",
            "缺少请求头 Idempotency-Key；没有它，重复的请求会创建另一个群发。",
        ),
    )
}

/// The mistake of a request that lacks its `Idempotency-Key` as well.
pub(super) fn key_is_missing() -> Wording {
    Wording::new("is missing from the headers", "请求头中缺失")
}

fn denied(places: &[u32], named_in: NamedIn) -> Problem {
    let count = places.len();
    let detail = Wording::new(
        format!(
            "The policy of this API key does not allow {count} of the receivers; nothing was accepted."
        ),
        format!("此 API 密钥的策略不允许转发给其中 {count} 个接收者；本次请求未被接受。"),
    );
    let mut mistakes = Mistakes::in_a_list();
    let not_included = || {
        Wording::new(
            "is not allowed by the policy of this API key",
            "不在此 API 密钥的策略允许范围内",
        )
    };
    match named_in {
        NamedIn::List => {
            for place in places {
                mistakes.add(id_at(*place as usize), not_included());
            }
        }
        NamedIn::ReceiveId => mistakes.add("receive_id", not_included()),
        NamedIn::EarlierBroadcast => {}
    }
    let errors = mistakes.into_fields_of(RECEIVERS);
    Problem { errors, ..Problem::new(ProblemKind::ReceiverNotAllowed, detail) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broadcasts::StoreError;

    #[test]
    fn every_refusal_is_said_in_english_and_in_chinese() {
        for error in [
            BroadcastError::NotFound,
            BroadcastError::Ended,
            BroadcastError::NotAllowed(vec![1]),
            BroadcastError::NobodyToRetry,
            BroadcastError::TooMany(10),
            BroadcastError::KeyReused,
            BroadcastError::Draining,
            BroadcastError::Unavailable(StoreError("disk full".into())),
        ] {
            let problem = problem_of_broadcast(&error, NamedIn::List);
            let details = problem.errors.iter().map(|it| &it.detail).chain([&*problem.detail]);
            for Wording { en, zh } in details {
                assert!(en.is_ascii() && !zh.is_ascii(), "{error:?}: {en} {zh}");
                assert!(!en.contains("disk"), "the store's own words are for the log: {en}");
            }
        }
    }

    #[test]
    fn each_place_that_is_denied_is_named_up_to_a_bound() {
        let places: Vec<u32> = (0..150).collect();
        let problem = problem_of_broadcast(&BroadcastError::NotAllowed(places), NamedIn::List);
        assert_eq!(problem.errors[17].field, "receivers[17].receive_id");
        assert_eq!(problem.errors.len(), 101);
        let one = BroadcastError::NotAllowed(vec![0]);
        let problem = problem_of_broadcast(&one, NamedIn::ReceiveId);
        assert_eq!(problem.errors[0].field, "receive_id");
        let problem = problem_of_broadcast(&one, NamedIn::EarlierBroadcast);
        assert!(problem.errors.is_empty(), "the caller does not know these places");
    }
}
