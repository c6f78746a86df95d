//! Who gets the message.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

/// What kind of id a `receive_id` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReceiveIdType {
    /// A user, as one app knows them.
    OpenId,
    /// A user, as their company knows them.
    UserId,
    /// A user, as one developer's apps know them.
    UnionId,
    /// A user, by their real e-mail address.
    Email,
    /// A group.
    ChatId,
    /// A thread in a group.
    ThreadId,
}

impl ReceiveIdType {
    /// Every type, in the order of Feishu's documentation.
    pub const ALL: [Self; 6] =
        [Self::OpenId, Self::UserId, Self::UnionId, Self::Email, Self::ChatId, Self::ThreadId];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenId => "open_id",
            Self::UserId => "user_id",
            Self::UnionId => "union_id",
            Self::Email => "email",
            Self::ChatId => "chat_id",
            Self::ThreadId => "thread_id",
        }
    }

    /// Reads a name; the error is a sentence for the caller.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or("must be one of open_id, user_id, union_id, email, chat_id, thread_id")
    }

    /// Guesses from the id. A prefix is a hint: a company chooses its user ids, and they can look
    /// like anything, so a type that the caller gives is always believed instead.
    #[must_use]
    pub fn detect(id: &str) -> Self {
        match id {
            id if id.starts_with("ou_") => Self::OpenId,
            id if id.starts_with("on_") => Self::UnionId,
            id if id.starts_with("oc_") => Self::ChatId,
            id if id.starts_with("omt_") => Self::ThreadId,
            id if has_at_inside(id) => Self::Email,
            _ => Self::ChatId,
        }
    }
}

fn has_at_inside(id: &str) -> bool {
    id.match_indices('@').any(|(at, _)| at > 0 && at + 1 < id.len())
}

/// A user, a group or a thread. Clones share the id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Receiver {
    id: Arc<str>,
    kind: ReceiveIdType,
}

const MAX_CHARACTERS: usize = 256;

impl Receiver {
    /// Reads a `receive_id` of 1 to 256 characters, none of them a control character; without a
    /// type it is detected. The error is a sentence for the caller.
    pub fn parse(id: &str, kind: Option<ReceiveIdType>) -> Result<Self, &'static str> {
        if id.is_empty() {
            return Err("must not be empty");
        }
        if id.chars().count() > MAX_CHARACTERS {
            return Err("must be at most 256 characters long");
        }
        if id.chars().any(char::is_control) {
            return Err("must not hold control characters");
        }
        Ok(Self { id: id.into(), kind: kind.unwrap_or_else(|| ReceiveIdType::detect(id)) })
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What kind of id it is.
    #[must_use]
    pub fn kind(&self) -> ReceiveIdType {
        self.kind
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_type_is_detected_from_what_ids_begin_with_or_hold() {
        for (id, kind) in [
            ("ou_1", ReceiveIdType::OpenId),
            ("on_1", ReceiveIdType::UnionId),
            ("oc_1", ReceiveIdType::ChatId),
            ("omt_1", ReceiveIdType::ThreadId),
            ("a@example.com", ReceiveIdType::Email),
            ("ou_a@example.com", ReceiveIdType::OpenId),
            ("@a", ReceiveIdType::ChatId),
            ("a@", ReceiveIdType::ChatId),
            ("4b7c9d", ReceiveIdType::ChatId),
            ("OU_1", ReceiveIdType::ChatId),
        ] {
            assert_eq!(ReceiveIdType::detect(id), kind, "{id}");
        }
    }

    #[test]
    fn a_given_type_is_believed() {
        let receiver = Receiver::parse("ou_1", Some(ReceiveIdType::UserId)).map(|it| it.kind());
        assert_eq!(receiver, Ok(ReceiveIdType::UserId));
    }

    #[test]
    fn each_name_reads_back() {
        for kind in ReceiveIdType::ALL {
            assert_eq!(ReceiveIdType::parse(kind.as_str()), Ok(kind));
        }
    }

    proptest! {
        #[test]
        fn a_receiver_of_up_to_256_characters_is_kept_as_it_is(id in "\\PC{1,256}") {
            let receiver = Receiver::parse(&id, None);
            prop_assert_eq!(receiver.map(|it| it.id().to_owned()), Ok(id));
        }

        #[test]
        fn control_characters_are_refused(before in "\\PC{0,9}", bad in "\\p{Cc}", after in "\\PC{0,9}") {
            let id = format!("{before}{bad}{after}");
            prop_assert!(Receiver::parse(&id, None).is_err());
        }

        #[test]
        fn more_than_256_characters_are_refused(id in "\\PC{257,300}") {
            prop_assert!(Receiver::parse(&id, None).is_err());
        }
    }
}
