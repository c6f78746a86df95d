//! The messages that the simulator knows. A merge has to obey rules about them.

use std::collections::{HashMap, VecDeque};

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// The largest number of messages of which a simulator can be told.
pub(crate) const MAX_TOLD: usize = 10_000;

/// How many of the messages that were delivered are known, the newest ones.
const MAX_DELIVERED: usize = 1000;

/// The largest number of characters in each text of a message.
const MAX_CHARACTERS: usize = 256;

/// A message that the simulator knows. A merge of messages that it does not know breaks no rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownMessage {
    /// The id of the message. Feishu's message ids start with `om_`.
    #[serde(deserialize_with = "text")]
    pub message_id: String,
    /// The chat in which the message is.
    #[serde(deserialize_with = "text")]
    pub chat_id: String,
    /// The thread in which the message is, if it is in one.
    #[serde(default, deserialize_with = "optional_text")]
    pub thread_id: Option<String>,
    /// The merged message of which this message is a part, if it is a part of one.
    #[serde(default, deserialize_with = "optional_text")]
    pub upper_message_id: Option<String>,
    /// The type of the message, such as `text`. The type `system` cannot be merged.
    #[serde(default, deserialize_with = "optional_text")]
    pub msg_type: Option<String>,
    /// Why the message cannot be forwarded any more. `None` if it can.
    #[serde(default)]
    pub state: Option<MessageState>,
}

/// Why a message cannot be forwarded any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// It was recalled.
    Recalled,
    /// It was deleted.
    Deleted,
    /// The bot does not see it.
    Invisible,
}

/// The messages that the simulator knows.
#[derive(Default)]
pub(crate) struct Messages {
    /// Those of which the simulator was told, in the order in which it was.
    told: Vec<KnownMessage>,
    /// The places in `told` by message id.
    places: HashMap<String, usize>,
    delivered: HashMap<String, KnownMessage>,
    /// The ids of the delivered messages, oldest first.
    order: VecDeque<String>,
}

impl Messages {
    /// Adds a message, or replaces the one that has its id. False if the simulator was told of [`MAX_TOLD`] others.
    pub(crate) fn add(&mut self, message: KnownMessage) -> bool {
        if let Some(place) = self.places.get(&message.message_id) {
            self.told[*place] = message;
            return true;
        }
        if self.told.len() >= MAX_TOLD {
            return false;
        }
        self.places.insert(message.message_id.clone(), self.told.len());
        self.told.push(message);
        true
    }

    /// Adds a message that was delivered. The oldest one is forgotten for it.
    pub(crate) fn add_delivered(&mut self, message: KnownMessage) {
        self.order.push_back(message.message_id.clone());
        self.delivered.insert(message.message_id.clone(), message);
        if self.order.len() > MAX_DELIVERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.delivered.remove(&oldest);
        }
    }

    /// What is known of a message. What the simulator was told takes precedence.
    pub(crate) fn find(&self, message_id: &str) -> Option<&KnownMessage> {
        match self.places.get(message_id) {
            Some(place) => self.told.get(*place),
            None => self.delivered.get(message_id),
        }
    }

    /// The messages of which the simulator was told, in the order in which it was.
    pub(crate) fn told(&self) -> &[KnownMessage] {
        &self.told
    }

    /// Forgets the messages of which the simulator was told.
    pub(crate) fn clear_told(&mut self) {
        self.told.clear();
        self.places.clear();
    }
}

fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if text.trim().is_empty() || text.chars().count() > MAX_CHARACTERS {
        return Err(Error::custom(format!("must have 1 to {MAX_CHARACTERS} characters")));
    }
    Ok(text)
}

fn optional_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    struct Text(#[serde(deserialize_with = "text")] String);
    Ok(Option::<Text>::deserialize(from)?.map(|Text(text)| text))
}
