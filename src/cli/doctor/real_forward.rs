//! A real forward, by the gateway's own client: what its answer means is what the gateway's callers would be told.

use reqwest::header::HeaderValue;
use tokio::runtime::Handle;

use super::advice::{Advice, AppPages, Role};
use super::finding::Finding;
use crate::clock::{Clock, Moment};
use crate::feishu::client::{Client, ForwardCall};
use crate::feishu::codes;
use crate::feishu::error::CallError;
use crate::feishu::options::Options;
use crate::model::dedup_key::DedupKey;
use crate::model::forward::Forward;
use crate::model::message_id::MessageId;
use crate::model::problem_kind::Outcome;
use crate::model::receiver::Receiver;
use crate::model::wording::Wording;

/// What is forwarded to whom.
#[derive(Clone, Debug)]
pub(super) struct Errand {
    pub(super) message: MessageId,
    pub(super) receiver: Receiver,
}

impl Errand {
    /// What is going to happen.
    pub(super) fn announcement(&self, app: &str) -> Wording {
        let (message, receiver) = (&self.message, self.receiver.id());
        let kind = self.receiver.kind().as_str();
        Wording::new(
            format!(
                "This forwards {message} to {receiver} ({kind}) for real, once, with the app {app}."
            ),
            format!("将使用应用 {app} 把 {message} 真实转发给 {receiver}（{kind}），仅一次。"),
        )
    }

    /// Forwards, once.
    pub(super) async fn run(
        &self,
        options: &Options,
        clock: &Clock,
        token: &HeaderValue,
        pages: AppPages<'_>,
    ) -> Finding {
        let client = match Client::new(options.clone(), Handle::current(), clock.clone()) {
            Ok(client) => client,
            Err(error) => return not_sent(error.to_string()),
        };
        let forward = Forward::Message(self.message.clone());
        let uuid = DedupKey::generate();
        let call = ForwardCall { forward: &forward, receiver: &self.receiver, uuid: &uuid };
        match client.forward(token, call, clock.now(), Moment::MAX).await {
            Ok(forwarded) => Finding::ok(Wording::new(
                format!("delivered as {}", forwarded.message_id),
                format!("已送达：{}", forwarded.message_id),
            )),
            Err(error) => failed(&error, pages),
        }
    }
}

fn failed(error: &CallError, pages: AppPages<'_>) -> Finding {
    let facts = error.problem_of_forward().facts();
    let (en, zh) = match error.outcome() {
        Outcome::NotDelivered => ("not delivered", "未送达"),
        Outcome::Unknown => ("it is unknown whether it was delivered", "无法确定是否送达"),
    };
    let detail = Wording::new(
        format!("{en}: {} ({}). {error}", facts.title, facts.name),
        format!("{zh}：{}（{}）。{error}", facts.title_zh, facts.name),
    );
    let advice = match error {
        CallError::Refused(refusal) if codes::find(refusal.code).is_some() => {
            pages.for_code(refusal.code)
        }
        _ => Advice {
            who: Role::of(facts.fix_by),
            what: Wording::new(facts.remedy.en, facts.remedy.zh),
            link: None,
        },
    };
    Finding::failed(detail, advice)
}

fn not_sent(cause: String) -> Finding {
    let advice = Advice::to(
        Role::Operator,
        "install the system's certificates (ca-certificates).",
        "请安装系统根证书（ca-certificates）。",
    );
    Finding::failed(super::network::same(cause), advice)
}
