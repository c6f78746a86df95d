//! The receiver's 5 a second and the app's 50 a second: their shape, whether refused calls count, and what the codes
//! mean.

use std::time::Duration;

use serde_json::{Value, json};

use super::lab::{Lab, Series};
use super::lesson::Lesson;
use super::observation::Observation;
use super::shape::{Explanation, Rule, SpanKind, Try, explain};
use crate::model::dedup_key::DedupKey;
use crate::model::wording::Wording;

pub(super) const RECEIVER_TICKS: u32 = 16;
pub(super) const APP_TICKS: u32 = 12;
pub(super) const APP_CALLS_PER_TICK: u32 = 10;
/// From one round to the next. It ends on half a second, so that the second round meets the seconds of a calendar
/// elsewhere than the first one.
const RECEIVER_ROUND: Duration = Duration::from_millis(4500);
const APP_ROUND: Duration = Duration::from_millis(3500);
/// Quiet before a series, so that nothing counts any more.
const QUIET: Duration = Duration::from_secs(2);

const RECEIVER_LIMIT: i64 = 230020;
const APP_LIMIT: i64 = 99991400;

/// A limit that is experimented with.
struct Limit {
    code: i64,
    documented: usize,
    shape: &'static str,
    refusal: &'static str,
    per_second: &'static str,
    /// The code as a lone call would get it, were it no limit.
    other_meaning: Wording,
}

/// Finds out how the receiver's limit works. It costs two rounds of forwards.
pub(super) async fn receiver(lab: &Lab<'_>) -> Vec<Lesson> {
    let call = async || lab.forward(&DedupKey::generate()).await;
    let series = two_rounds(lab, RECEIVER_ROUND, RECEIVER_TICKS, 1, call).await;
    let limit = Limit {
        code: RECEIVER_LIMIT,
        documented: 5,
        shape: "receiver_limit_shape",
        refusal: "receiver_limit_refusal",
        per_second: "receiver_per_second",
        other_meaning: Wording::new(
            "a single call gets it too, so it is not a limit: the target may have been recalled",
            "单独调用也会返回，因此不是限频：目标可能已撤回",
        ),
    };
    let mut lessons = limit.lessons(&series);
    let refused = series.iter().find(|(_, it)| it.code == Some(RECEIVER_LIMIT));
    if let (Some((_, refused)), Some(lesson)) = (refused, lessons.pop()) {
        lessons.push(lesson.set("receiver_limit_reset", json!(refused.reset)));
    }
    lessons
}

/// Finds out how the app's limit works, by calls that deliver nothing.
pub(super) async fn app(lab: &Lab<'_>) -> Vec<Lesson> {
    let call = async || lab.call_in_vain().await;
    let series = two_rounds(lab, APP_ROUND, APP_TICKS, APP_CALLS_PER_TICK, call).await;
    let limit = Limit {
        code: APP_LIMIT,
        documented: 50,
        shape: "app_limit_shape",
        refusal: "app_limit_refusal",
        per_second: "app_per_second",
        other_meaning: Wording::new(
            "a single call gets it too, so it is not a limit: a permission may be missing",
            "单独调用也会返回，因此不是限频：可能缺少权限",
        ),
    };
    let mut lessons = limit.lessons(&series);
    let refused = series.iter().find(|(_, it)| it.code == Some(APP_LIMIT));
    if let (Some((_, refused)), Some(lesson)) = (refused, lessons.pop()) {
        lessons.push(lesson.set("app_limit_status", json!(refused.status)));
    }
    lessons
}

async fn two_rounds(
    lab: &Lab<'_>,
    round: Duration,
    ticks: u32,
    calls_per_tick: u32,
    call: impl AsyncFn() -> Observation,
) -> Series {
    let begin = lab.clock.now() + QUIET;
    lab.clock.sleep_until(begin).await;
    let mut series = lab.series(ticks, calls_per_tick, &call).await;
    lab.clock.sleep_until(begin + round).await;
    series.extend(lab.series(ticks, calls_per_tick, &call).await);
    series
}

impl Limit {
    /// The lessons about the shape and about the refusal, in this order.
    fn lessons(&self, series: &Series) -> Vec<Lesson> {
        let tries: Vec<Try> =
            series.iter().map(|(at, it)| (*at, it.code != Some(self.code))).collect();
        vec![self.shape(series, &tries), self.refusal(series)]
    }

    fn shape(&self, series: &Series, tries: &[Try]) -> Lesson {
        let begin = tries.first().map_or(Duration::ZERO, |(at, _)| *at);
        let shown: Vec<Value> = series
            .iter()
            .map(|(at, it)| json!([at.saturating_sub(begin).as_millis(), it.code]))
            .collect();
        let found = explain(tries, self.documented);
        let evidence = json!({"calls": shown, "explanation": found});
        let code = self.code;
        let Some(found) = found else {
            let answer = if tries.iter().all(|(_, passed)| *passed) {
                Wording::new(
                    format!("{code} never came at this rate"),
                    format!("在此频率下从未返回 {code}"),
                )
            } else {
                Wording::new("no known model explains it", "已知模型均无法解释")
            };
            return Lesson::new(self.shape, answer, evidence);
        };
        let lesson = Lesson::new(self.shape, words(&found), evidence);
        match found.rules[..] {
            [rule] => lesson
                .set(self.per_second, rule.per_second)
                .set("window", json!(rule.window))
                .set("refused_attempts_count", rule.refused_attempts_count),
            _ => lesson,
        }
    }

    fn refusal(&self, series: &Series) -> Lesson {
        let code = self.code;
        let is_refused = |it: &Observation| it.code == Some(code);
        let refused = series.iter().find(|(_, it)| is_refused(it));
        let Some((_, refused)) = refused else {
            let answer = Wording::new(format!("{code} was not seen"), format!("未出现 {code}"));
            return Lesson::new(self.refusal, answer, Value::Null);
        };
        let evidence = json!({"first": refused.shown()});
        let status = refused.status.unwrap_or_default();
        let reset = refused.reset.map_or_else(
            || Wording::new("without a reset", "不带 reset"),
            |it| Wording::new(format!("with a reset of {it} s"), format!("reset 为 {it} 秒")),
        );
        let meaning = if series.first().is_some_and(|(_, it)| is_refused(it)) {
            self.other_meaning.clone()
        } else {
            Wording::new(
                "it is a limit: a single call does not get it",
                "属于限频：单独调用不会返回",
            )
        };
        let answer = Wording::new(
            format!("{code} comes with HTTP {status}, {}; {}", reset.en, meaning.en),
            format!("{code} 的 HTTP 状态为 {status}，{}；{}", reset.zh, meaning.zh),
        );
        Lesson::new(self.refusal, answer, evidence)
    }
}

fn words(found: &Explanation) -> Wording {
    let each: Vec<(String, String)> = found.rules.iter().map(words_of).collect();
    let (en, zh): (Vec<String>, Vec<String>) = each.into_iter().unzip();
    Wording::new(en.join(", or "), zh.join("；或"))
}

/// A rule in English and in Chinese.
fn words_of(rule: &Rule) -> (String, String) {
    let count = rule.per_second;
    let (en, zh) = match rule.window {
        SpanKind::Sliding => ("in any span", "任意一秒内"),
        SpanKind::Calendar => ("in each calendar second", "按自然秒计数"),
        SpanKind::Bucket => ("by a token bucket", "令牌桶"),
    };
    let (en_more, zh_more) = match (rule.window, rule.refused_attempts_count) {
        (SpanKind::Calendar, _) => ("", ""),
        (_, false) => ("; refused calls do not count", "；被拒绝的调用不计数"),
        (_, true) => ("; refused calls count", "；被拒绝的调用也计数"),
    };
    (format!("{count} a second {en}{en_more}"), format!("每秒 {count} 次，{zh}{zh_more}"))
}
