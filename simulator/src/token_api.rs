//! The two token APIs.

use serde_json::json;

use crate::answer::Answer;
use crate::call::Call;
use crate::codes;
use crate::ledger::Api;
use crate::refusal::Refusal;
use crate::state::State;

impl State {
    /// Executes a token call.
    pub(crate) fn token(&mut self, call: &Call, now: u64) -> Result<Answer, Refusal> {
        let (app_id, secret) =
            credentials(call).ok_or_else(|| Refusal::new(codes::MALFORMED_APP))?;
        let wrong = |msg: &str| Refusal { msg: Some(msg.into()), ..Refusal::new(codes::WRONG_APP) };
        let known = self.apps.get(app_id).ok_or_else(|| wrong("app id not exists"))?;
        if known != secret {
            return Err(wrong("app secret invalid"));
        }
        let (token, expire) =
            self.tokens.issue(app_id, self.settings.token_lifetime, now, &mut self.ids);
        let mut body =
            json!({"code": 0, "msg": "ok", "tenant_access_token": token, "expire": expire});
        if call.api == Api::AppAccessToken {
            body["app_access_token"] = json!(token);
        }
        Ok(Answer::success(&body, self.ids.log_id()))
    }
}

/// The app id and the app secret in the body. `None` unless both are non-empty strings.
fn credentials(call: &Call) -> Option<(&str, &str)> {
    let app_id = call.text("app_id").filter(|id| !id.is_empty())?;
    let secret = call.text("app_secret").filter(|secret| !secret.is_empty())?;
    Some((app_id, secret))
}
