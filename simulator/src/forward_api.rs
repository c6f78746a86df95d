//! The three forward APIs. They check a request in Feishu's order, then deliver a message and answer with it.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::call::Call;
use crate::codes;
use crate::forward_call::{Forward, ForwardSource};
use crate::ledger::{Api, Delivery};
use crate::merge_rules;
use crate::messages::KnownMessage;
use crate::refusal::Refusal;
use crate::repeats::RepeatKey;
use crate::settings::Duplicate;
use crate::state::State;
use crate::tokens::Caller;

/// Who sent a request, which one it is, and when it takes effect.
struct Sent<'a> {
    api: Api,
    caller: &'a Caller,
    number: u64,
    now: u64,
}

impl State {
    /// Executes a forward. The token is checked first (seen). The order of the other checks is a guess.
    pub(crate) fn forward(
        &mut self,
        call: &Call,
        number: u64,
        now: u64,
    ) -> Result<Answer, Refusal> {
        let caller = self.caller(call, number, now)?;
        if self.settings.enforce_limits {
            self.limits.admit_app(&caller, call.api, now, &self.settings)?;
        }
        let mut forward = Forward::read(call)?;
        if let Some(refusal) = forward.requested_refusal() {
            return Err(refusal);
        }
        let invalid = match &mut forward.source {
            ForwardSource::Messages(ids) => Some(merge_rules::take_invalid(ids, &self.messages)?),
            ForwardSource::Message(_) | ForwardSource::Thread(_) => None,
        };
        if self.settings.enforce_limits {
            let receiver = (forward.receive_id_type, forward.receive_id);
            self.limits.admit_receiver(&caller, receiver, now, &self.settings)?;
        }
        let sent = Sent { api: call.api, caller: &caller, number, now };
        let new_message_id = self.deliver_once(&forward, &sent)?;
        self.ledger.note_new_message(number, &new_message_id);
        let message = self.message(&forward, &sent, &new_message_id);
        let data = match invalid {
            Some(invalid) => json!({"message": message, "invalid_message_id_list": invalid}),
            None => message,
        };
        Ok(Answer::success(&json!({"code": 0, "msg": "success", "data": data}), self.ids.log_id()))
    }

    /// Delivers the message unless its uuid has already been delivered. Returns the message id for the answer.
    fn deliver_once(&mut self, forward: &Forward, sent: &Sent) -> Result<String, Refusal> {
        let key = forward.uuid.map(|uuid| RepeatKey {
            caller: sent.caller.clone(),
            api: (!self.settings.shared_uuids).then_some(sent.api),
            receive_id_type: forward.receive_id_type.to_owned(),
            receive_id: forward.receive_id.to_owned(),
            uuid: uuid.to_owned(),
        });
        let lifetime = self.settings.uuid_lifetime;
        let earlier = key.as_ref().and_then(|key| self.repeats.find(key, sent.now, lifetime));
        let earlier = earlier.map(str::to_owned);
        if let Some(earlier) = earlier {
            return match self.settings.duplicate {
                Duplicate::OriginalId => Ok(earlier),
                Duplicate::AnotherId => Ok(self.ids.message_id()),
                Duplicate::InProgress => Err(Refusal::new(codes::IN_PROGRESS)),
            };
        }
        let new_message_id = self.ids.message_id();
        if let Some(key) = key {
            self.repeats.remember(key, new_message_id.clone(), sent.now);
        }
        self.messages.add_delivered(KnownMessage {
            message_id: new_message_id.clone(),
            chat_id: forward.chat_id(),
            thread_id: forward.thread_id().map(str::to_owned),
            upper_message_id: None,
            msg_type: Some(content(&forward.source).0.to_owned()),
            state: None,
        });
        let delivery = delivery(forward, sent, &new_message_id);
        self.ledger.record_delivery(delivery, self.settings.ledger_limit);
        Ok(new_message_id)
    }

    /// The new message with the documented fields. The setting `extra_fields` adds newer fields (sdk).
    fn message(&self, forward: &Forward, sent: &Sent, new_message_id: &str) -> Value {
        let in_seconds = sent.api == Api::ThreadForward && self.settings.thread_time_in_seconds;
        let time = self.clock.unix_ms(sent.now);
        let time = if in_seconds { time / 1000 } else { time }.to_string();
        let (msg_type, content) = content(&forward.source);
        let mut message = json!({
            "message_id": new_message_id,
            "msg_type": msg_type,
            "create_time": time,
            "update_time": time,
            "deleted": false,
            "updated": false,
            "chat_id": forward.chat_id(),
            "sender": {
                "id": sent.caller.app_id,
                "id_type": "app_id",
                "sender_type": "app",
                "tenant_key": sent.caller.tenant_key,
            },
            "body": {"content": content},
        });
        if let Some(thread_id) = forward.thread_id() {
            message["thread_id"] = json!(thread_id);
        }
        if self.settings.extra_fields {
            message["message_app_link"] = json!(format!(
                "https://applink.feishu.cn/client/message/open?openMessageId={new_message_id}"
            ));
            message["message_position"] = json!("1");
            message["sender"]["sender_name"] = json!("Simulator");
        }
        message
    }
}

/// The type and the content of a new message (doc: those of a merge, and the content for a thread).
fn content(source: &ForwardSource) -> (&'static str, &'static str) {
    match source {
        ForwardSource::Message(_) => ("text", "{\"text\":\"test content\"}"),
        ForwardSource::Messages(_) | ForwardSource::Thread(_) => {
            ("merge_forward", "Merged and Forwarded Message")
        }
    }
}

fn delivery(forward: &Forward, sent: &Sent, new_message_id: &str) -> Delivery {
    let mut delivery = Delivery {
        attempt: sent.number,
        at_ns: sent.now,
        app_id: sent.caller.app_id.clone(),
        tenant_key: sent.caller.tenant_key.clone(),
        message_id: String::new(),
        message_ids: Vec::new(),
        thread_id: None,
        receive_id: forward.receive_id.to_owned(),
        receive_id_type: forward.receive_id_type.to_owned(),
        uuid: forward.uuid.map(str::to_owned),
        new_message_id: new_message_id.to_owned(),
    };
    match &forward.source {
        ForwardSource::Message(id) => (*id).clone_into(&mut delivery.message_id),
        ForwardSource::Messages(ids) => {
            delivery.message_ids = ids.iter().map(|id| (*id).to_owned()).collect();
        }
        ForwardSource::Thread(id) => delivery.thread_id = Some((*id).to_owned()),
    }
    delivery
}
