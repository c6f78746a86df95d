//! The three APIs that tell of an app: its bot, its scopes, and whether its bot is in a chat (doc).

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::call::Call;
use crate::ledger::Api;
use crate::refusal::Refusal;
use crate::state::State;

impl State {
    /// Executes a call that asks about the app. No limit counts it (guess).
    pub(crate) fn about_app(
        &mut self,
        call: &Call,
        number: u64,
        now: u64,
    ) -> Result<Answer, Refusal> {
        self.caller(call, number, now)?;
        let body = match call.api {
            Api::BotInfo => self.bot(),
            Api::Scopes => self.scopes(),
            _ => json!({"code": 0, "msg": "ok", "data": {"is_in_chat": self.settings.is_in_chat}}),
        };
        Ok(Answer::success(&body, self.ids.log_id()))
    }

    /// The result stands at the top level (doc).
    fn bot(&self) -> Value {
        let bot = json!({
            "activate_status": self.settings.bot_activate_status,
            "app_name": "Simulator",
            "open_id": "ou_simulator",
            "ip_white_list": self.settings.ip_white_list,
        });
        json!({"code": 0, "msg": "ok", "bot": bot})
    }

    fn scopes(&self) -> Value {
        let scope =
            |(name, status): (&String, &i64)| json!({"scope_name": name, "grant_status": status});
        let scopes: Vec<Value> = self.settings.scopes.iter().map(scope).collect();
        json!({"code": 0, "msg": "success", "data": {"scopes": scopes}})
    }
}
