//! `--probe`: finds out what Feishu's documentation leaves open, by experiments that are named before they run and
//! bounded in number.
//!
//! `run` is the list of experiments, read downwards.

mod connection;
mod lab;
mod lesson;
mod limits;
mod observation;
mod repeats;
mod report;
mod shape;
#[cfg(test)]
mod tests;
mod tokens;

use std::time::Duration;

pub(super) use lab::Lab;
pub(super) use lesson::Lesson;
pub(super) use report::ProbeReport;

use crate::model::wording::Wording;

/// What the probe is going to do, for the person who has to agree.
pub(super) fn announcement(patience: Duration) -> Wording {
    let receiver = 2 * limits::RECEIVER_TICKS;
    let app = 2 * limits::APP_TICKS * limits::APP_CALLS_PER_TICK;
    let later = repeats::MINUTES.iter().filter(|it| Duration::from_mins(**it) <= patience).count();
    let seconds = patience.as_secs();
    Wording::new(
        format!(
            "\
The probe makes these experiments with the message and the receiver of this command:
  rejected_token        1 call with a made-up token; delivers nothing
  repeated_uuid         2 calls with one uuid; delivers the message once, or twice
  receiver_limit        {receiver} calls in 7 s; delivers the message up to {receiver} times
  app_limit             {app} calls in 5 s that deliver nothing. Other calls of the app may be refused for up to a minute
  uuid_lifetime         {later} calls within {seconds} s; delivers the message at most once
  idle_timeout, http_2  no call of an API
Feishu counts the calls towards the month's quota of small tenants."
        ),
        format!(
            "\
探测将使用本命令的消息与接收者进行以下实验：
  rejected_token        1 次调用，使用伪造的 token；不会送达
  repeated_uuid         2 次调用，使用同一 uuid；送达 1 条或 2 条
  receiver_limit        7 秒内 {receiver} 次调用；最多送达 {receiver} 条
  app_limit             5 秒内 {app} 次不会送达的调用；应用的其他调用可能在一分钟内被拒绝
  uuid_lifetime         {seconds} 秒内 {later} 次调用；最多送达 1 条
  idle_timeout, http_2  不调用接口
这些调用会计入小型企业的当月额度。"
        ),
    )
}

/// Makes all experiments. Says each lesson as soon as it is learned.
pub(super) async fn run(lab: &Lab<'_>, mut say: impl FnMut(&Lesson)) -> Vec<Lesson> {
    let mut lessons = Vec::new();
    let mut learn = |learned: Vec<Lesson>| {
        learned.iter().for_each(&mut say);
        lessons.extend(learned);
    };
    learn(vec![tokens::rejected_token(lab).await]);
    let (lesson, forward) = repeats::repeat_at_once(lab).await;
    learn(vec![lesson]);
    learn(limits::receiver(lab).await);
    learn(limits::app(lab).await);
    learn(vec![connection::http_2(lab).await]);
    let repeat_later = async {
        match &forward {
            Some(forward) => Some(repeats::repeat_later(lab, forward).await),
            None => None,
        }
    };
    // Side by side, because both wait.
    let (idle, lifetime) = tokio::join!(connection::idle_timeout(lab), repeat_later);
    learn(vec![idle]);
    learn(lifetime.into_iter().collect());
    lessons
}
