//! The token APIs: two of self-built apps, and three of store apps. Failures have HTTP 200 (seen for self-built apps).

use serde_json::json;

use crate::answer::Answer;
use crate::apps::KnownApp;
use crate::call::Call;
use crate::codes;
use crate::ledger::Api;
use crate::options::TENANT_KEY;
use crate::refusal::Refusal;
use crate::state::State;
use crate::tokens::Caller;

impl State {
    /// Executes a token call of a self-built app.
    pub(crate) fn token(&mut self, call: &Call, now: u64) -> Result<Answer, Refusal> {
        let (app_id, app) = self.authenticated(call)?;
        if app.store.is_some() {
            return Err(token_refusal(self.settings.wrong_app_type_code));
        }
        let caller = Caller { app_id, tenant_key: TENANT_KEY.to_owned() };
        let (token, expire) = self.tenant_token(caller, now);
        let mut body =
            json!({"code": 0, "msg": "ok", "tenant_access_token": token, "expire": expire});
        if call.api == Api::AppAccessToken {
            body["app_access_token"] = json!(token);
        }
        Ok(Answer::success(&body, self.ids.log_id()))
    }

    /// Gets a store app the token of the app itself, for its ticket.
    pub(crate) fn store_app_token(&mut self, call: &Call, now: u64) -> Result<Answer, Refusal> {
        let (app_id, app) = self.authenticated(call)?;
        let Some(store) = &app.store else {
            return Err(token_refusal(self.settings.wrong_app_type_code));
        };
        let ticket = call.text("app_ticket").unwrap_or_default();
        if !store.accepts(ticket, self.settings.valid_tickets) {
            return Err(token_refusal(codes::WRONG_TICKET));
        }
        let lifetime = self.settings.token_lifetime;
        let (token, expire) = self.app_tokens.issue(app_id, lifetime, now, || self.ids.app_token());
        let body = json!({"code": 0, "msg": "ok", "app_access_token": token, "expire": expire});
        Ok(Answer::success(&body, self.ids.log_id()))
    }

    /// Gets a store app the token of a tenant, for the token of the app.
    pub(crate) fn store_tenant_token(
        &mut self,
        call: &Call,
        number: u64,
        now: u64,
    ) -> Result<Answer, Refusal> {
        let given = |member| call.text(member).filter(|text| !text.is_empty());
        let (Some(app_token), Some(tenant_key)) = (given("app_access_token"), given("tenant_key"))
        else {
            return Err(token_refusal(codes::MALFORMED_APP));
        };
        let app_id = self.app_tokens.holder(app_token, now).cloned();
        let app_id = app_id.ok_or_else(|| token_refusal(codes::APP_TOKEN_INVALID))?;
        let caller = Caller { app_id, tenant_key: tenant_key.to_owned() };
        self.ledger.note_caller(number, &caller);
        if !self.is_installed(&caller) {
            return Err(token_refusal(self.settings.uninstalled_tenant_code));
        }
        let (token, expire) = self.tenant_token(caller, now);
        let body = json!({"code": 0, "msg": "ok", "tenant_access_token": token, "expire": expire});
        Ok(Answer::success(&body, self.ids.log_id()))
    }

    /// Has a new ticket pushed to a store app.
    pub(crate) fn resend_ticket(&mut self, call: &Call) -> Result<Answer, Refusal> {
        let (app_id, app) = self.authenticated(call)?;
        if app.store.is_none() {
            return Err(token_refusal(codes::NOT_A_STORE_APP));
        }
        // This fails only while the simulator stops.
        let _ = self.wanted_tickets.send(app_id);
        Ok(Answer::success(&json!({"code": 0, "msg": "success"}), self.ids.log_id()))
    }

    /// The caller that the request's tenant token authenticates.
    pub(crate) fn caller(&mut self, call: &Call, number: u64, now: u64) -> Result<Caller, Refusal> {
        let caller =
            self.tokens.caller(call.header("authorization"), now).map_err(Refusal::new)?.clone();
        self.ledger.note_caller(number, &caller);
        if !self.is_installed(&caller) {
            return Err(Refusal::new(codes::NOT_IN_TENANT));
        }
        Ok(caller)
    }

    /// Whether the app is in the tenant. A self-built app always is.
    fn is_installed(&self, caller: &Caller) -> bool {
        let store = self.apps.store(&caller.app_id);
        store.is_none_or(|store| store.is_installed_in(&caller.tenant_key))
    }

    fn tenant_token(&mut self, caller: Caller, now: u64) -> (String, u64) {
        let lifetime = self.settings.token_lifetime;
        self.tokens.issue(caller, lifetime, now, || self.ids.tenant_token())
    }

    /// The app whose id and secret the body holds.
    fn authenticated(&self, call: &Call) -> Result<(String, &KnownApp), Refusal> {
        let (app_id, secret) =
            credentials(call).ok_or_else(|| Refusal::new(codes::MALFORMED_APP))?;
        let wrong = |msg: &str| Refusal { msg: Some(msg.into()), ..Refusal::new(codes::WRONG_APP) };
        let app = self.apps.get(app_id).ok_or_else(|| wrong("app id not exists"))?;
        if app.secret != secret {
            return Err(wrong("app secret invalid"));
        }
        Ok((app_id.to_owned(), app))
    }
}

/// A refusal of a token call. Its HTTP status is 200 with codes of other APIs too (guess).
fn token_refusal(code: i64) -> Refusal {
    Refusal { status: Some(200), ..Refusal::new(code) }
}

/// The app id and the app secret in the body. `None` unless both are non-empty strings.
fn credentials(call: &Call) -> Option<(&str, &str)> {
    let app_id = call.text("app_id").filter(|id| !id.is_empty())?;
    let secret = call.text("app_secret").filter(|secret| !secret.is_empty())?;
    Some((app_id, secret))
}
