//! What only holders of the app's secret can read of a broadcast.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::broadcasts::broadcast::ReceiverProblem;
use crate::broadcasts::store::{Settlement, StoreError};
use crate::model::message_id::MessageId;
use crate::model::problem_kind::ProblemKind;
use crate::model::receiver::{ReceiveIdType, Receiver};
use crate::model::seal::Seal;

/// The seals of all apps, by name.
pub(super) type Seals = HashMap<String, Seal>;

/// The id of the new message, and the problem.
type Ended = (Option<Box<str>>, Option<ReceiverProblem>);

/// Seals the parts of one broadcast, each for its own place.
pub(super) struct BroadcastSeal<'a> {
    seal: &'a Seal,
    /// The key in Redis.
    key: &'a str,
}

/// What became of a receiver at last, as it is kept.
#[derive(Serialize, Deserialize)]
struct Outcome {
    /// The id of the new message.
    #[serde(rename = "m", skip_serializing_if = "Option::is_none")]
    message_id: Option<Box<str>>,
    /// The problem's name, and Feishu's code and id for it.
    #[serde(rename = "p", skip_serializing_if = "Option::is_none")]
    problem: Option<(String, Option<i64>, Option<Box<str>>)>,
}

/// How many receivers are sealed together. The scripts know the number too.
pub(super) const CHUNK: usize = 32;
/// The longest outcome that is kept, in bytes: far more than Feishu's ids have. A longer one is left out.
const LONGEST_OUTCOME: usize = 1024;

/// Redis has a value that no gateway has written, or not with this app's secret.
pub(super) fn foreign() -> StoreError {
    StoreError("Redis has a value that cannot be read".into())
}

/// The problem of this name. None for one of a later version.
pub(super) fn kind_of(name: &str) -> Option<ProblemKind> {
    ProblemKind::ALL.iter().copied().find(|it| it.facts().name == name)
}

impl<'a> BroadcastSeal<'a> {
    /// The seal of a broadcast of this app, under this key in Redis.
    pub(super) fn new(seals: &'a Seals, app: &str, key: &'a str) -> Result<Self, StoreError> {
        let seal = seals.get(app);
        let seal =
            seal.ok_or_else(|| StoreError("the broadcast's app is not configured".into()))?;
        Ok(Self { seal, key })
    }

    /// Seals the message.
    pub(super) fn message(&self, message: &MessageId) -> Vec<u8> {
        self.seal.seal(&self.place("m", 0), message.as_str().as_bytes())
    }

    /// The message that was sealed.
    pub(super) fn open_message(&self, sealed: &[u8]) -> Result<MessageId, StoreError> {
        let plain = self.open("m", 0, sealed)?;
        MessageId::parse(&plain).map_err(|_mistake| foreign())
    }

    /// Seals the receivers of a chunk.
    pub(super) fn receivers(&self, chunk: usize, receivers: &[Receiver]) -> Vec<u8> {
        // No id has a line feed, as control characters are refused.
        let lines = receivers.iter().map(|it| format!("{}{}", letter(it.kind()), it.id()));
        let lines: Vec<String> = lines.collect();
        self.seal.seal(&self.place("r", chunk), lines.join("\n").as_bytes())
    }

    /// The receivers of a chunk that were sealed.
    pub(super) fn open_receivers(
        &self,
        chunk: usize,
        sealed: &[u8],
    ) -> Result<Vec<Receiver>, StoreError> {
        let plain = self.open("r", chunk, sealed)?;
        let receiver = |line: &str| {
            let first = line.chars().next()?;
            let kind = ReceiveIdType::ALL.into_iter().find(|it| letter(*it) == first)?;
            Receiver::parse(&line[1..], Some(kind)).ok()
        };
        plain.split('\n').map(|line| receiver(line).ok_or_else(foreign)).collect()
    }

    /// Seals what became of the receiver at a place.
    pub(super) fn outcome(&self, place: u32, settlement: &Settlement) -> Vec<u8> {
        let outcome = Outcome::of(settlement);
        // Texts and numbers only, so it can always be written as JSON.
        let plain = serde_json::to_vec(&outcome).unwrap_or_default();
        if plain.len() > LONGEST_OUTCOME {
            return Vec::new();
        }
        self.seal.seal(&self.place("o", place as usize), &plain)
    }

    /// The id of the new message and the problem of the receiver at a place, as far as they were written down.
    pub(super) fn open_outcome(&self, place: u32, sealed: &[u8]) -> Result<Ended, StoreError> {
        if sealed.is_empty() {
            return Ok((None, None));
        }
        let plain = self.open("o", place as usize, sealed)?;
        let outcome: Outcome = serde_json::from_str(&plain).map_err(|_foreign| foreign())?;
        let problem = outcome.problem.and_then(|(name, feishu_code, log_id)| {
            Some(ReceiverProblem { kind: kind_of(&name)?, feishu_code, log_id })
        });
        Ok((outcome.message_id, problem))
    }

    fn open(&self, part: &str, number: usize, sealed: &[u8]) -> Result<String, StoreError> {
        let plain = self.seal.open(&self.place(part, number), sealed).ok_or_else(foreign)?;
        String::from_utf8(plain).map_err(|_not_text| foreign())
    }

    fn place(&self, part: &str, number: usize) -> String {
        format!("{}:{part}{number}", self.key)
    }
}

impl Outcome {
    fn of(settlement: &Settlement) -> Self {
        match settlement {
            Settlement::Delivered(id) => Self { message_id: Some(id.clone()), problem: None },
            Settlement::NotDelivered(problem)
            | Settlement::Unknown(problem)
            | Settlement::NotSent(problem, _)
            | Settlement::InDoubt(problem, _) => {
                let ReceiverProblem { kind, feishu_code, log_id } = problem;
                let problem = (kind.facts().name.to_owned(), *feishu_code, log_id.clone());
                Self { message_id: None, problem: Some(problem) }
            }
        }
    }
}

/// The letter of a type. Each is one byte, and never changes.
fn letter(kind: ReceiveIdType) -> char {
    match kind {
        ReceiveIdType::OpenId => 'o',
        ReceiveIdType::UserId => 'u',
        ReceiveIdType::UnionId => 'n',
        ReceiveIdType::Email => 'e',
        ReceiveIdType::ChatId => 'c',
        ReceiveIdType::ThreadId => 't',
    }
}
