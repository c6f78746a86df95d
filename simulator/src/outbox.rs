//! The pushes that are to be sent: what they hold, when they are due, and which requests they become.

use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::nanos;
use crate::event::{Envelope, Event};
use crate::push::{NotPushed, Push, PushAnswer, PushFault, PushKind};
use crate::sealing;
use crate::state::State;

/// The times after which a push without an answer is repeated, each from the push before (doc; from when: guess).
const REPEATED_AFTER: [Duration; 4] = [
    Duration::from_secs(15),
    Duration::from_mins(5),
    Duration::from_hours(1),
    Duration::from_hours(6),
];

/// The pushes that are not due yet.
#[derive(Default)]
pub(crate) struct Outbox(Vec<(u64, Parcel)>);

/// What is pushed, and each repetition brings again.
#[derive(Clone)]
pub(crate) struct Parcel {
    pub(crate) app_id: String,
    pub(crate) kind: PushKind,
    pub(crate) content: Value,
    pub(crate) repetition: usize,
}

impl Outbox {
    pub(crate) fn add(&mut self, due: u64, parcel: Parcel) {
        self.0.push((due, parcel));
    }

    /// Plans the next repetition of a push that was sent at this time. After the last one there is none.
    pub(crate) fn repeat(&mut self, mut parcel: Parcel, sent_at: u64) {
        if let Some(after) = REPEATED_AFTER.get(parcel.repetition) {
            parcel.repetition += 1;
            self.add(sent_at.saturating_add(nanos(*after)), parcel);
        }
    }

    /// Takes what is due, in the order in which it became due.
    pub(crate) fn take_due(&mut self, now: u64) -> Vec<Parcel> {
        let mut due: Vec<_> = self.0.extract_if(.., |(due, _)| *due <= now).collect();
        due.sort_by_key(|(due, _)| *due);
        due.into_iter().map(|(_, parcel)| parcel).collect()
    }
}

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
        let encrypt_key = store.encrypt_key.as_deref();
        let body = match encrypt_key {
            Some(key) => {
                let encrypted = sealing::encrypted(&content.to_string(), key, self.ids.iv());
                json!({"encrypt": encrypted})
            }
            None => content.clone(),
        };
        let body = body.to_string();
        let mut headers =
            vec![("Content-Type".to_owned(), "application/json; charset=utf-8".to_owned())];
        let is_signed = parcel.kind != PushKind::AddressCheck
            && (encrypt_key.is_some() || self.settings.sign_plain_pushes)
            && fault != Some(PushFault::NoSignature);
        if is_signed {
            let timestamp = (self.clock.unix_ms(now) / 1000).to_string();
            let nonce = self.ids.nonce();
            let key = if fault == Some(PushFault::WrongSignature) {
                "wrong"
            } else {
                encrypt_key.unwrap_or_default()
            };
            let signature = sealing::signature(&timestamp, &nonce, key, &body);
            headers.extend([
                ("X-Lark-Request-Timestamp".to_owned(), timestamp),
                ("X-Lark-Request-Nonce".to_owned(), nonce),
                ("X-Lark-Signature".to_owned(), signature),
            ]);
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
