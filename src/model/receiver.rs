//! The receiver of a forward.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::tenant_key::TenantKey;
use super::wording::{Wording, is_white_space};

/// The type of a `receive_id`:
///
/// - `open_id`: a user, as one app knows them;
/// - `user_id`: a user, as their tenant knows them;
/// - `union_id`: a user, as all apps of one developer know them;
/// - `email`: a user, by e-mail address;
/// - `chat_id`: a group;
/// - `thread_id`: a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
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
    /// All types, in the order of Feishu's documentation.
    pub const ALL: [Self; 6] =
        [Self::OpenId, Self::UserId, Self::UnionId, Self::Email, Self::ChatId, Self::ThreadId];

    /// The name in requests and answers.
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

    /// Parses a name. The error is a sentence for the caller.
    pub fn parse(text: &str) -> Result<Self, Wording> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            Wording::new(
                "must be one of open_id, user_id, union_id, email, chat_id, thread_id",
                "必须是 open_id、user_id、union_id、email、chat_id、thread_id 之一",
            )
        })
    }

    /// Guesses the type of an id from its prefix.
    ///
    /// The guess can be wrong, because a company chooses its user ids freely. A type that the caller gives takes
    /// precedence.
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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Receiver {
    /// The id. In a tenant of a store app, the tenant's key and [`AFTER_TENANT`] are before it: one text is smaller than
    /// two, and the limiter keeps very many.
    name: Arc<str>,
    /// Where the id begins.
    id_at: u8,
    kind: ReceiveIdType,
}

/// Hashes the name alone: two receivers seldom have the same one, and a forward hashes its receiver a dozen times.
impl Hash for Receiver {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// What separates a tenant's key from an id. No id contains it.
const AFTER_TENANT: char = ',';

const MAX_CHARACTERS: usize = 256;

/// Detects common mistakes that make a text no receiver's id, such as white space that was copied with the id or
/// the id of a message. The result is a sentence for the caller.
fn mistake_in(id: &str) -> Option<Wording> {
    if id.chars().any(is_white_space) {
        return Some(Wording::new(
            "must not contain white space; check its beginning and its end",
            "不能包含空白字符；请检查开头和结尾",
        ));
    }
    if id.contains([',', '，', '、']) {
        return Some(Wording::new(
            "must not contain a comma: give one id, and send one request for each receiver",
            "不能包含逗号：只能填写一个 ID，每个接收者需单独发送请求",
        ));
    }
    if id.contains("://") {
        return Some(Wording::new("must be an id, not a URL", "必须是 ID，而不是链接"));
    }
    // An e-mail address may start with om_ too.
    if id.starts_with("om_") && !id.contains('@') {
        return Some(Wording::new(
            "must be the id of a receiver; this is the id of a message, which belongs in the path",
            "必须是接收者的 ID；这是消息 ID，应放在路径中",
        ));
    }
    None
}

impl Receiver {
    /// Parses a `receive_id` of 1 to 256 characters. Control characters, white space and commas are refused, and so
    /// are URLs and message ids. Without a given type, [`ReceiveIdType::detect`] decides. The error is a sentence for
    /// the caller.
    pub fn parse(id: &str, kind: Option<ReceiveIdType>) -> Result<Self, Wording> {
        if id.is_empty() {
            return Err(Wording::new("must not be empty", "不能为空"));
        }
        if id.chars().count() > MAX_CHARACTERS {
            return Err(Wording::new("must be at most 256 characters long", "不能超过 256 个字符"));
        }
        if let Some(mistake) = mistake_in(id) {
            return Err(mistake);
        }
        if id.chars().any(char::is_control) {
            return Err(Wording::new("must not contain control characters", "不能包含控制字符"));
        }
        let kind = kind.unwrap_or_else(|| ReceiveIdType::detect(id));
        Ok(Self { name: id.into(), id_at: 0, kind })
    }

    /// The receiver with this id in a tenant of a store app: tenants choose user ids freely, so two of them may have the
    /// same one.
    #[must_use]
    pub fn in_tenant(self, tenant: &TenantKey) -> Self {
        let before = format!("{tenant}{AFTER_TENANT}");
        let id_at = before.len().try_into().expect("a tenant's key has at most 64 bytes");
        Self { name: (before + self.id()).into(), id_at, ..self }
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.name[usize::from(self.id_at)..]
    }

    /// The id, and before it the tenant's key if the receiver is in a tenant of a store app. Different receivers of one
    /// type have different names.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type of the id.
    #[must_use]
    pub fn kind(&self) -> ReceiveIdType {
        self.kind
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_type_is_detected_from_the_prefix_or_the_at_sign_of_an_id() {
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
    fn a_given_type_takes_precedence_over_the_prefix() {
        let receiver = Receiver::parse("ou_1", Some(ReceiveIdType::UserId)).map(|it| it.kind());
        assert_eq!(receiver, Ok(ReceiveIdType::UserId));
    }

    #[test]
    fn a_common_mistake_is_refused_with_a_hint_whatever_the_type() {
        for (id, hint) in [
            (" oc_1", "white space"),
            ("oc_1 ", "white space"),
            ("oc_1\n", "white space"),
            ("oc 1", "white space"),
            ("oc_1\u{a0}", "white space"),
            ("oc_1\u{3000}", "white space"),
            ("\u{feff}oc_1", "white space"),
            ("oc_1\u{200b}", "white space"),
            ("oc_1,oc_2", "comma"),
            ("oc_1，oc_2", "comma"),
            ("https://example.com/oc_1", "URL"),
            ("om_1", "message"),
            ("om_", "message"),
        ] {
            for kind in [None, Some(ReceiveIdType::UserId)] {
                let refusal = Receiver::parse(id, kind).expect_err(id);
                assert!(refusal.en.contains(hint), "{id:?}: {}", refusal.en);
            }
        }
        for id in ["om_a@example.com", "a:b", "omt_1", "a//b", "王", "a.b+c@example.com"] {
            assert!(Receiver::parse(id, None).is_ok(), "{id}");
        }
    }

    #[test]
    fn each_name_parses_to_its_type() {
        for kind in ReceiveIdType::ALL {
            assert_eq!(ReceiveIdType::parse(kind.as_str()), Ok(kind));
        }
    }

    #[test]
    fn receivers_with_one_id_and_different_types_are_not_the_same() {
        let all = ReceiveIdType::ALL.map(|kind| Receiver::parse("a1", Some(kind)).expect("valid"));
        assert_eq!(HashSet::from(all).len(), ReceiveIdType::ALL.len());
    }

    #[test]
    fn a_receiver_in_a_tenant_keeps_its_id_and_is_another_one_in_each_tenant() {
        let receiver = Receiver::parse("oc_1", None).expect("valid");
        let tenants = ["a", "b"].map(|key| TenantKey::parse(key).expect("valid"));
        let [one, other] = tenants.map(|tenant| receiver.clone().in_tenant(&tenant));
        assert_eq!([one.id(), other.id(), receiver.name()], ["oc_1"; 3]);
        assert_eq!([one.name(), other.name()], ["a,oc_1", "b,oc_1"]);
        assert!(one != other && one != receiver);
    }

    proptest! {
        #[test]
        fn an_id_of_up_to_256_characters_is_accepted_unchanged(id in "[\\pL\\pN\\pM._@+/-]{1,256}") {
            prop_assume!(!id.starts_with("om_"));
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
