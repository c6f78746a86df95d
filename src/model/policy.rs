//! To whom a caller may forward.

use std::collections::BTreeSet;

use crate::model::receiver::{ReceiveIdType, Receiver};

/// To whom a caller may forward: to everybody, unless the operator says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The receivers; none: all.
    pub receivers: Option<AllowedReceivers>,
    /// The types of `receive_id`; none: all.
    pub types: Option<Vec<ReceiveIdType>>,
}

/// Receivers by their whole ids, or by what their ids begin with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedReceivers {
    ids: BTreeSet<String>,
    beginnings: BTreeSet<String>,
}

/// Stands at the end of what ids begin with.
const ANY_END: char = '*';

impl Policy {
    /// Whether the caller may forward to the receiver.
    #[must_use]
    pub fn allows(&self, receiver: &Receiver) -> bool {
        self.types.as_ref().is_none_or(|types| types.contains(&receiver.kind()))
            && self.receivers.as_ref().is_none_or(|receivers| receivers.contain(receiver.id()))
    }
}

impl AllowedReceivers {
    /// Reads whole ids, and beginnings of ids that end with `*`. The error is a sentence for the
    /// operator.
    pub fn parse<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, &'static str> {
        let mut allowed = Self::default();
        for pattern in patterns {
            let (id, is_beginning) = match pattern.strip_suffix(ANY_END) {
                Some(beginning) => (beginning, true),
                None => (pattern, false),
            };
            if id.contains(ANY_END) {
                return Err("may have a * at the end of an id only");
            }
            if is_beginning {
                allowed.beginnings.insert(id.to_owned());
            } else {
                allowed.ids.insert(id.to_owned());
            }
        }
        Ok(allowed)
    }

    /// What it was read from, in order.
    #[must_use]
    pub fn patterns(&self) -> Vec<String> {
        let beginnings = self.beginnings.iter().map(|beginning| format!("{beginning}{ANY_END}"));
        let mut patterns: Vec<String> = self.ids.iter().cloned().chain(beginnings).collect();
        patterns.sort();
        patterns
    }

    fn contain(&self, id: &str) -> bool {
        self.ids.contains(id) || self.beginnings.iter().any(|beginning| id.starts_with(beginning))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receiver(id: &str) -> Receiver {
        Receiver::parse(id, None).unwrap()
    }

    fn only(patterns: &[&str]) -> Policy {
        let receivers = AllowedReceivers::parse(patterns.iter().copied()).unwrap();
        Policy { receivers: Some(receivers), types: None }
    }

    #[test]
    fn without_a_policy_everybody_may_be_sent_to() {
        for id in ["oc_1", "ou_1", "somebody@example.com", "*"] {
            assert!(Policy::default().allows(&receiver(id)), "{id}");
        }
    }

    #[test]
    fn a_whole_id_allows_itself_and_nothing_that_begins_with_it() {
        let policy = only(&["oc_team", "oc_other"]);
        assert!(policy.allows(&receiver("oc_team")) && policy.allows(&receiver("oc_other")));
        for id in ["oc_team2", "oc_tea", "OC_TEAM", "xoc_team", "oc_team."] {
            assert!(!policy.allows(&receiver(id)), "{id}");
        }
    }

    #[test]
    fn a_beginning_allows_what_begins_with_it() {
        let policy = only(&["oc_ops*", "ou_1"]);
        assert!(policy.allows(&receiver("oc_ops")) && policy.allows(&receiver("oc_ops_night")));
        assert!(!policy.allows(&receiver("oc_op")) && !policy.allows(&receiver("xoc_ops")));
        assert!(only(&["*"]).allows(&receiver("anybody")));
    }

    #[test]
    fn types_hold_beside_receivers() {
        let types = Some(vec![ReceiveIdType::ChatId]);
        let policy = Policy { types, ..only(&["oc_*", "ou_*"]) };
        assert!(policy.allows(&receiver("oc_1")) && !policy.allows(&receiver("ou_1")));
        // What the caller says the id is counts: that is how Feishu takes it.
        let user = Receiver::parse("oc_1", Some(ReceiveIdType::UserId)).unwrap();
        assert!(!policy.allows(&user));
    }

    #[test]
    fn a_star_elsewhere_is_refused_as_it_would_allow_nobody() {
        for pattern in ["*_team", "oc_*_team", "oc_**"] {
            assert!(AllowedReceivers::parse([pattern]).is_err(), "{pattern}");
        }
    }

    #[test]
    fn what_was_read_can_be_written_back() {
        let patterns = ["oc_*", "oc_team", "ou_1"];
        assert_eq!(AllowedReceivers::parse(patterns).unwrap().patterns(), patterns);
    }
}
