//! From the bytes of a pushed request to an event.

use std::borrow::Cow;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::value::RawValue;
use subtle::ConstantTimeEq;

use super::cipher::decrypt;
use super::event::{self, Event, EventId};
use super::rejection::Rejection;
use super::signature::EventSignature;
use crate::feishu::lenient;
use crate::feishu::token::AppTicket;

/// The app that a request was pushed to, and its secrets of the developer console's page "Events and callbacks". One of
/// the secrets is set at least.
#[derive(Clone, Debug)]
pub struct ExpectedApp {
    /// The app's id at Feishu.
    pub app_id: String,
    /// The Encrypt Key. With it Feishu encrypts and signs.
    pub encrypt_key: Option<SecretString>,
    /// The verification token, which each event holds.
    pub verification_token: Option<SecretString>,
}

/// Longest challenge in bytes. Those that Feishu's documentation shows have 36.
const LONGEST_CHALLENGE: usize = 1024;
/// Longest ticket in bytes.
const LONGEST_TICKET: usize = 4096;
/// Longest type of an event that is shown, in characters.
const LONGEST_TYPE: usize = 100;

/// The event in the body of a pushed request. The caller bounds the body's size.
///
/// A time ahead of `now` is taken for `now`, so that no wrong clock makes a ticket newer than all later ones.
pub fn decode(
    app: &ExpectedApp,
    signature: Option<EventSignature<'_>>,
    body: &[u8],
    now: Timestamp,
) -> Result<Event, Rejection> {
    let text = str::from_utf8(body).map_err(|_| Rejection::NotJson)?;
    let [encrypt] = lenient::members(text, ["encrypt"]).ok_or(Rejection::NotJson)?;
    let Some(encrypt_key) = &app.encrypt_key else {
        return match encrypt {
            Some(_) => Err(Rejection::EncryptKeyMissing),
            None => Members::of(text)?.event(app, now),
        };
    };
    let encrypt = encrypt.and_then(lenient::text).ok_or(Rejection::NotEncrypted)?;
    // Before anything is decrypted: the encryption alone does not show a changed ciphertext.
    if signature.is_some_and(|signature| !signature.is_right(encrypt_key, body)) {
        return Err(Rejection::WrongSignature);
    }
    let plaintext = decrypt(&encrypt, encrypt_key).ok_or(Rejection::NotDecryptable)?;
    let text = str::from_utf8(&plaintext).map_err(|_| Rejection::NotDecryptable)?;
    let event = Members::of(text)?;
    // Feishu does not sign the address check.
    if signature.is_none() && !event.is_address_check() {
        return Err(Rejection::NotSigned);
    }
    event.event(app, now)
}

/// The members of a plain event.
struct Members {
    /// `type` at the top level: of the address check and of version 1.
    kind: Option<String>,
    challenge: Option<String>,
    token: Option<String>,
    id: (&'static str, Option<String>),
    sent_at: Option<Timestamp>,
    event_type: (&'static str, Option<String>),
    app_id: Option<String>,
    app_ticket: Option<String>,
}

impl Members {
    fn of(json: &str) -> Result<Self, Rejection> {
        let names = ["schema", "type", "challenge", "token", "uuid", "ts", "header", "event"];
        let [schema, kind, challenge, token, uuid, ts, header, event] =
            lenient::members(json, names).ok_or(Rejection::NotJson)?;
        let [event_type, of_event, app_ticket] = within(event, ["type", "app_id", "app_ticket"]);
        let (kind, challenge, app_ticket) = (text(kind), text(challenge), text(app_ticket));
        if schema.is_none() {
            return Ok(Self {
                kind,
                challenge,
                token: text(token),
                id: ("uuid", text(uuid)),
                sent_at: text(ts).and_then(|it| event::seconds(&it)),
                event_type: ("event.type", text(event_type)),
                app_id: text(of_event),
                app_ticket,
            });
        }
        let names = ["token", "event_id", "create_time", "event_type", "app_id"];
        let [token, event_id, create_time, event_type, app_id] = within(header, names);
        Ok(Self {
            kind,
            challenge,
            token: text(token),
            id: ("header.event_id", text(event_id)),
            sent_at: text(create_time).and_then(|it| event::milliseconds(&it)),
            event_type: ("header.event_type", text(event_type)),
            app_id: text(app_id),
            app_ticket,
        })
    }

    fn is_address_check(&self) -> bool {
        self.kind.as_deref() == Some("url_verification")
    }

    fn event(self, app: &ExpectedApp, now: Timestamp) -> Result<Event, Rejection> {
        if !has_token(self.token.as_deref(), app.verification_token.as_ref()) {
            return Err(Rejection::WrongToken);
        }
        if self.is_address_check() {
            let challenge = self.challenge.filter(|it| it.len() <= LONGEST_CHALLENGE);
            let challenge = challenge.ok_or(Rejection::Malformed("challenge"))?;
            return Ok(Event::AddressCheck { challenge });
        }
        let (name, id) = self.id;
        let id = id.and_then(|id| EventId::parse(&id)).ok_or(Rejection::Malformed(name))?;
        let (name, event_type) = self.event_type;
        let event_type = event_type.ok_or(Rejection::Malformed(name))?;
        if self.app_id.as_deref() != Some(&app.app_id) {
            return Err(Rejection::AnotherApp);
        }
        if event_type != "app_ticket" {
            let event_type = lenient::line(&event_type, LONGEST_TYPE);
            return Ok(Event::Other { id, event_type });
        }
        let ticket = self.app_ticket.filter(|it| is_ticket(it));
        let ticket = ticket.ok_or(Rejection::Malformed("event.app_ticket"))?;
        let ticket = AppTicket {
            ticket: ticket.into(),
            sent_at: self.sent_at.map_or(now, |it| it.min(now)),
        };
        Ok(Event::AppTicket { id, ticket })
    }
}

/// The members of an object in an object.
fn within<'a, const N: usize>(
    object: Option<&'a RawValue>,
    names: [&str; N],
) -> [Option<&'a RawValue>; N] {
    object.and_then(|object| lenient::members(object.get(), names)).unwrap_or([None; N])
}

fn text(json: Option<&RawValue>) -> Option<String> {
    lenient::text(json?).map(Cow::into_owned)
}

/// Whether the token is the expected one, if one is expected. Takes a time that says nothing of the expected one but its
/// length.
fn has_token(token: Option<&str>, expected: Option<&SecretString>) -> bool {
    let Some(expected) = expected else { return true };
    token.is_some_and(|it| it.as_bytes().ct_eq(expected.expose_secret().as_bytes()).into())
}

fn is_ticket(text: &str) -> bool {
    (1..=LONGEST_TICKET).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}
