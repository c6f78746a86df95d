//! What a repeated `uuid` answers, and for how long.

use std::time::Duration;

use serde_json::json;

use super::lab::Lab;
use super::lesson::Lesson;
use super::observation::Observation;
use crate::clock::Moment;
use crate::model::dedup_key::DedupKey;
use crate::model::wording::Wording;

/// The minutes after which a forward is repeated, as far as the patience reaches.
pub(super) const MINUTES: [u64; 7] = [1, 10, 30, 50, 59, 61, 66];
const IN_PROGRESS: i64 = 230049;

/// A forward that can be repeated.
pub(super) struct FirstForward {
    uuid: DedupKey,
    at: Moment,
    first: Observation,
    /// What the first repetition got.
    repeated: Answer,
}

/// What a repetition got.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    OriginalId,
    AnotherId,
    InProgress,
    Unclear,
}

/// Forwards once, and repeats that at once. None if the first forward failed, as then nothing can be learned.
pub(super) async fn repeat_at_once(lab: &Lab<'_>) -> (Lesson, Option<FirstForward>) {
    let uuid = DedupKey::generate();
    let at = lab.clock.now();
    let first = lab.forward(&uuid).await;
    if first.code != Some(0) {
        let said = first.words();
        let answer = Wording::new(
            format!("no result: the first forward got {said}"),
            format!("未得出结论：首次转发返回 {said}"),
        );
        return (Lesson::new("repeated_uuid", answer, first.shown()), None);
    }
    let second = lab.forward(&uuid).await;
    let repeated = answer(&first, &second);
    let (words, setting) = match repeated {
        Answer::OriginalId => {
            (Wording::new("the original id", "返回原消息 ID"), Some("original_id"))
        }
        Answer::AnotherId => (
            Wording::new(
                "another id; check whether the chat has the message twice",
                "返回另一个 ID；请在会话中查看是否收到两条",
            ),
            Some("another_id"),
        ),
        Answer::InProgress => (Wording::new("230049", "返回 230049"), Some("in_progress")),
        Answer::Unclear => (Wording::new(second.words(), second.words()), None),
    };
    let lesson = Lesson::new("repeated_uuid", words, second.shown());
    let lesson = match setting {
        Some(value) => lesson.set("duplicate", value),
        None => lesson,
    };
    (lesson, Some(FirstForward { uuid, at, first, repeated }))
}

/// Repeats a forward again and again until it is executed anew, or the patience ends.
pub(super) async fn repeat_later(lab: &Lab<'_>, forward: &FirstForward) -> Lesson {
    const NAME: &str = "uuid_lifetime";
    if matches!(forward.repeated, Answer::AnotherId | Answer::Unclear) {
        let answer = Wording::new(
            "no result: the answer is the same for a repetition and for a new message",
            "未得出结论：响应无法区分重复与新消息",
        );
        return Lesson::new(NAME, answer, json!(null));
    }
    let minutes = MINUTES.map(Duration::from_mins).into_iter();
    let (mut seen, mut known_at) = (Vec::new(), Duration::ZERO);
    for after in minutes.filter(|it| *it <= lab.patience) {
        lab.clock.sleep_until(forward.at + after).await;
        let again = lab.forward(&forward.uuid).await;
        seen.push(json!({"after_seconds": after.as_secs(), "answer": again.shown()}));
        let got = answer(&forward.first, &again);
        if got == Answer::AnotherId {
            let about = (known_at + after) / 2;
            let (from, to) = (known_at.as_secs() / 60, after.as_secs() / 60);
            let words = Wording::new(
                format!("recognized after {from} min, executed again after {to} min"),
                format!("{from} 分钟时仍识别为重复，{to} 分钟时重新执行"),
            );
            return Lesson::new(NAME, words, json!(seen))
                .set("uuid_lifetime_seconds", about.as_secs());
        }
        if got == forward.repeated {
            known_at = after;
        }
    }
    if seen.is_empty() {
        let answer =
            Wording::new("not checked: --for is shorter than a minute", "未测试：--for 不足一分钟");
        return Lesson::new(NAME, answer, json!(null));
    }
    let minutes = known_at.as_secs() / 60;
    let words = Wording::new(
        format!("recognized for at least {minutes} min"),
        format!("至少 {minutes} 分钟内识别为重复"),
    );
    Lesson::new(NAME, words, json!(seen))
}

fn answer(first: &Observation, again: &Observation) -> Answer {
    match again.code {
        Some(0) if again.message_id == first.message_id => Answer::OriginalId,
        Some(0) => Answer::AnotherId,
        Some(IN_PROGRESS) => Answer::InProgress,
        _ => Answer::Unclear,
    }
}
