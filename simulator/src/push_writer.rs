//! Makes what is pushed to store apps: tickets, events, address checks, and the requests that bring them.

use serde_json::json;

use crate::event::{Envelope, Event};
use crate::outbox::Parcel;
use crate::push::{NotPushed, Push, PushAnswer, PushFault, PushKind};
use crate::sealing;
use crate::state::State;

impl State {
    /// A push of a new ticket, which is valid from now on.
    pub(crate) fn ticket_parcel(&mut self, app_id: &str, now: u64) -> Result<Parcel, NotPushed> {
        let store = self.apps.store_mut(app_id).ok_or(NotPushed::NoStoreApp)?;
        let new = self.ids.app_ticket();
        let before = store.tickets.front().cloned();
        store.add_ticket(new.clone(), now);
        let ticket = match self.settings.push_fault {
            Some(PushFault::OldTicket) => before.unwrap_or(new),
            Some(PushFault::WrongTicket) => self.ids.app_ticket(),
            _ => new,
        };
        self.event_parcel(app_id, PushKind::AppTicket, &Event::app_ticket(&ticket), now)
    }

    /// A push of an event.
    pub(crate) fn event_parcel(
        &mut self,
        app_id: &str,
        kind: PushKind,
        event: &Event,
        now: u64,
    ) -> Result<Parcel, NotPushed> {
        let store = self.apps.store(app_id).ok_or(NotPushed::NoStoreApp)?;
        let id = event.id.clone().unwrap_or_else(|| self.ids.event_id());
        let content = event.enveloped(&Envelope {
            app_id,
            verification_token: &store.verification_token,
            id: &id,
            unix_ms: self.clock.unix_ms(now),
        });
        Ok(Parcel { app_id: app_id.to_owned(), kind, content, repetition: 0 })
    }

    /// A push that checks the address.
    pub(crate) fn check_parcel(&mut self, app_id: &str) -> Result<Parcel, NotPushed> {
        let store = self.apps.store(app_id).ok_or(NotPushed::NoStoreApp)?;
        let content = json!({
            "challenge": self.ids.event_id(),
            "token": store.verification_token,
            "type": "url_verification",
        });
        let kind = PushKind::AddressCheck;
        Ok(Parcel { app_id: app_id.to_owned(), kind, content, repetition: 0 })
    }

    /// Makes the request of a push, encrypted and signed, and records it in the ledger.
    pub(crate) fn send_parcel(&mut self, parcel: &Parcel, now: u64) -> Result<Push, NotPushed> {
        let store = self.apps.store(&parcel.app_id).ok_or(NotPushed::NoStoreApp)?;
        let url = store.push_url.clone().ok_or(NotPushed::NoUrl)?;
        let fault = self.settings.push_fault;
        let mut content = parcel.content.clone();
        if fault == Some(PushFault::WrongToken) {
            let of =
                if content.get("header").is_some() { &mut content["header"] } else { &mut content };
            of["token"] = json!("wrong");
        }
        let encrypt_key = store.encrypt_key.clone();
        let body = match &encrypt_key {
            Some(key) => {
                let encrypted = sealing::encrypted(&content.to_string(), key, self.ids.iv());
                json!({"encrypt": encrypted}).to_string()
            }
            None => content.to_string(),
        };
        let mut headers =
            vec![("Content-Type".to_owned(), "application/json; charset=utf-8".to_owned())];
        if parcel.kind != PushKind::AddressCheck {
            headers.extend(self.signature(encrypt_key.as_deref(), &body, now));
        }
        let push = Push {
            number: 0,
            app_id: parcel.app_id.clone(),
            kind: parcel.kind,
            repetition: parcel.repetition,
            at_ns: now,
            url,
            headers,
            body,
            content,
            answer: None,
        };
        Ok(self.ledger.record_push(push, self.settings.ledger_limit))
    }

    /// The headers that sign a body. There are none for an app without an Encrypt Key, unless the settings want them.
    fn signature(
        &mut self,
        encrypt_key: Option<&str>,
        body: &str,
        now: u64,
    ) -> Vec<(String, String)> {
        let key = match (self.settings.push_fault, encrypt_key) {
            (Some(PushFault::NoSignature), _) => return Vec::new(),
            (_, None) if !self.settings.sign_plain_pushes => return Vec::new(),
            (Some(PushFault::WrongSignature), _) => "wrong",
            (_, key) => key.unwrap_or_default(),
        };
        let timestamp = (self.clock.unix_ms(now) / 1000).to_string();
        let nonce = self.ids.nonce();
        let signature = sealing::signature(&timestamp, &nonce, key, body);
        vec![
            ("X-Lark-Request-Timestamp".to_owned(), timestamp),
            ("X-Lark-Request-Nonce".to_owned(), nonce),
            ("X-Lark-Signature".to_owned(), signature),
        ]
    }

    /// Records the answer to a push, and plans a repetition unless it was accepted.
    pub(crate) fn note_push_answer(
        &mut self,
        parcel: Parcel,
        push: &Push,
        answer: Option<&PushAnswer>,
    ) {
        self.ledger.note_push_answer(push.number, answer);
        let is_accepted = answer.is_some_and(|answer| answer.is_accepted);
        if !is_accepted && parcel.kind != PushKind::AddressCheck {
            self.outbox.repeat(parcel, push.at_ns);
        }
    }
}
