//! The forward API. It checks a request in Feishu's order, then delivers the message and answers with the new one.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::call::Call;
use crate::codes;
use crate::ids::chat_of;
use crate::ledger::Delivery;
use crate::refusal::Refusal;
use crate::repeats::RepeatKey;
use crate::settings::Duplicate;
use crate::state::State;

/// The valid values of `receive_id_type` (doc).
const RECEIVE_ID_TYPES: [&str; 6] =
    ["open_id", "user_id", "union_id", "email", "chat_id", "thread_id"];

/// The largest number of characters in a uuid (doc).
const MAX_UUID: usize = 50;

/// The key of the only tenant in the simulator.
const TENANT_KEY: &str = "736588c9260f175e";

/// The checked parameters of a forward.
struct Forward<'a> {
    message_id: &'a str,
    receive_id: &'a str,
    receive_id_type: &'a str,
    uuid: Option<&'a str>,
}

impl State {
    /// Executes a forward. The token is checked first (seen). The order of the other checks is a guess.
    pub(crate) fn forward(
        &mut self,
        call: &Call,
        number: u64,
        now: u64,
    ) -> Result<Answer, Refusal> {
        let app_id =
            self.tokens.app_of(call.header("authorization"), now).map_err(Refusal::new)?.to_owned();
        self.ledger.note_app(number, &app_id);
        if self.settings.enforce_limits {
            self.limits.admit_app(&app_id, now, &self.settings)?;
        }
        let forward = check(call)?;
        if let Some(refusal) = requested_refusal(&forward) {
            return Err(refusal);
        }
        if self.settings.enforce_limits {
            let receiver = (forward.receive_id_type, forward.receive_id);
            self.limits.admit_receiver(&app_id, receiver, now, &self.settings)?;
        }
        let new_message_id = self.deliver_once(&forward, &app_id, number, now)?;
        self.ledger.note_new_message(number, &new_message_id);
        let data = self.message(&forward, &app_id, &new_message_id, now);
        Ok(Answer::success(&json!({"code": 0, "msg": "success", "data": data}), self.ids.log_id()))
    }

    /// Delivers the message unless its uuid has already been delivered. Returns the message id for the answer.
    fn deliver_once(
        &mut self,
        forward: &Forward,
        app_id: &str,
        number: u64,
        now: u64,
    ) -> Result<String, Refusal> {
        let key = forward.uuid.map(|uuid| RepeatKey {
            app_id: app_id.to_owned(),
            receive_id_type: forward.receive_id_type.to_owned(),
            receive_id: forward.receive_id.to_owned(),
            uuid: uuid.to_owned(),
        });
        let earlier = key.as_ref().and_then(|key| self.repeats.find(key, now)).map(str::to_owned);
        if let Some(earlier) = earlier {
            return match self.settings.duplicate {
                Duplicate::OriginalId => Ok(earlier),
                Duplicate::AnotherId => Ok(self.ids.message_id()),
                Duplicate::InProgress => Err(Refusal::new(codes::IN_PROGRESS)),
            };
        }
        let new_message_id = self.ids.message_id();
        if let Some(key) = key {
            self.repeats.remember(key, new_message_id.clone(), now);
        }
        let delivery = Delivery {
            attempt: number,
            at_ns: now,
            app_id: app_id.to_owned(),
            message_id: forward.message_id.to_owned(),
            receive_id: forward.receive_id.to_owned(),
            receive_id_type: forward.receive_id_type.to_owned(),
            uuid: forward.uuid.map(str::to_owned),
            new_message_id: new_message_id.clone(),
        };
        self.ledger.record_delivery(delivery, self.settings.ledger_limit);
        Ok(new_message_id)
    }

    /// The new message with the documented fields. The setting `extra_fields` adds newer fields (sdk).
    fn message(&self, forward: &Forward, app_id: &str, new_message_id: &str, now: u64) -> Value {
        let Forward { receive_id, receive_id_type, .. } = *forward;
        let time = self.clock.unix_ms(now).to_string();
        let chat_id = if receive_id_type == "chat_id" {
            receive_id.to_owned()
        } else {
            chat_of(receive_id_type, receive_id)
        };
        let mut message = json!({
            "message_id": new_message_id,
            "msg_type": "text",
            "create_time": time,
            "update_time": time,
            "deleted": false,
            "updated": false,
            "chat_id": chat_id,
            "sender": {"id": app_id, "id_type": "app_id", "sender_type": "app", "tenant_key": TENANT_KEY},
            "body": {"content": "{\"text\":\"test content\"}"},
        });
        if receive_id_type == "thread_id" {
            message["thread_id"] = json!(receive_id);
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

/// Checks everything that does not depend on whether the message and the receiver exist.
fn check(call: &Call) -> Result<Forward<'_>, Refusal> {
    let message_id = call.message_id.as_deref().unwrap_or_default();
    if !message_id.starts_with("om_") {
        return Err(Refusal::new(codes::NOT_AN_ID));
    }
    let uuid = call.uuid.as_deref();
    if uuid.is_some_and(|uuid| uuid.chars().count() > MAX_UUID) {
        return Err(Refusal::new(codes::FIELD_VALIDATION)); // This refusal names no field (seen).
    }
    let receive_id_type = check_type(call.receive_id_type.as_deref())?;
    let receive_id = check_receiver(call)?;
    // An empty uuid counts as no uuid (guess).
    Ok(Forward {
        message_id,
        receive_id,
        receive_id_type,
        uuid: uuid.filter(|uuid| !uuid.is_empty()),
    })
}

fn check_type(given: Option<&str>) -> Result<&str, Refusal> {
    let given = given.unwrap_or_default();
    if given.is_empty() {
        return Err(Refusal::field("receive_id_type", "", "receive_id_type is required"));
    }
    if !RECEIVE_ID_TYPES.contains(&given) {
        let options = RECEIVE_ID_TYPES.join(",");
        let description = format!("receive_id_type is required, options: [{options}]");
        return Err(Refusal::field("receive_id_type", given, &description));
    }
    Ok(given)
}

fn check_receiver(call: &Call) -> Result<&str, Refusal> {
    let Some(body) = call.json.as_ref().and_then(Value::as_object) else {
        return Err(Refusal::field("body", "", "body must be a JSON object"));
    };
    match body.get("receive_id") {
        None | Some(Value::Null) => Err(Refusal::field("receive_id", "", "receive_id is required")),
        Some(Value::String(id)) if id.trim().is_empty() => Err(Refusal::invalid("receive_id")),
        Some(Value::String(id)) => Ok(id),
        Some(other) => {
            Err(Refusal::field("receive_id", &other.to_string(), "receive_id must be a string"))
        }
    }
}

/// The refusal that a caller requests with an id such as `oc_code_230002`.
fn requested_refusal(forward: &Forward) -> Option<Refusal> {
    Refusal::requested_by(forward.message_id).or_else(|| Refusal::requested_by(forward.receive_id))
}
