//! The policy of a caller: which receivers it may forward to.

use std::collections::BTreeSet;

use crate::model::receiver::{ReceiveIdType, Receiver};

/// The receivers to which a caller may forward. The default allows all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The allowed receivers. `None` allows all.
    pub receivers: Option<AllowedReceivers>,
    /// The allowed types of `receive_id`. `None` allows all.
    pub types: Option<Vec<ReceiveIdType>>,
}

/// Allowed receivers, listed by whole ids and by prefixes of ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedReceivers {
    ids: BTreeSet<String>,
    prefixes: BTreeSet<String>,
}

/// The wildcard at the end of a pattern. It makes the pattern a prefix.
const WILDCARD: char = '*';

impl Policy {
    /// Whether the caller may forward to the receiver.
    #[must_use]
    pub fn allows(&self, receiver: &Receiver) -> bool {
        self.types.as_ref().is_none_or(|types| types.contains(&receiver.kind()))
            && self.receivers.as_ref().is_none_or(|receivers| receivers.contain(receiver.id()))
    }
}

impl AllowedReceivers {
    /// Parses patterns. A pattern is a whole id, or a prefix of ids followed by `*`. The error is a sentence for the
    /// operator.
    pub fn parse<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, &'static str> {
        let mut allowed = Self::default();
        for pattern in patterns {
            let (id, is_prefix) = match pattern.strip_suffix(WILDCARD) {
                Some(prefix) => (prefix, true),
                None => (pattern, false),
            };
            if id.contains(WILDCARD) {
                return Err("may have a * only at the end of an id");
            }
            if is_prefix {
                allowed.prefixes.insert(id.to_owned());
            } else {
                allowed.ids.insert(id.to_owned());
            }
        }
        Ok(allowed)
    }

    /// The patterns, sorted.
    #[must_use]
    pub fn patterns(&self) -> Vec<String> {
        let prefixes = self.prefixes.iter().map(|prefix| format!("{prefix}{WILDCARD}"));
        let mut patterns: Vec<String> = self.ids.iter().cloned().chain(prefixes).collect();
        patterns.sort();
        patterns
    }

    fn contain(&self, id: &str) -> bool {
        self.ids.contains(id) || self.prefixes.iter().any(|prefix| id.starts_with(prefix))
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
    fn the_default_policy_allows_every_receiver() {
        for id in ["oc_1", "ou_1", "somebody@example.com", "*"] {
            assert!(Policy::default().allows(&receiver(id)), "{id}");
        }
    }

    #[test]
    fn a_whole_id_allows_this_id_only() {
        let policy = only(&["oc_team", "oc_other"]);
        assert!(policy.allows(&receiver("oc_team")) && policy.allows(&receiver("oc_other")));
        for id in ["oc_team2", "oc_tea", "OC_TEAM", "xoc_team", "oc_team."] {
            assert!(!policy.allows(&receiver(id)), "{id}");
        }
    }

    #[test]
    fn a_prefix_allows_every_id_that_starts_with_it() {
        let policy = only(&["oc_ops*", "ou_1"]);
        assert!(policy.allows(&receiver("oc_ops")) && policy.allows(&receiver("oc_ops_night")));
        assert!(!policy.allows(&receiver("oc_op")) && !policy.allows(&receiver("xoc_ops")));
        assert!(only(&["*"]).allows(&receiver("anybody")));
    }

    #[test]
    fn types_and_receivers_must_both_allow_a_receiver() {
        let types = Some(vec![ReceiveIdType::ChatId]);
        let policy = Policy { types, ..only(&["oc_*", "ou_*"]) };
        assert!(policy.allows(&receiver("oc_1")) && !policy.allows(&receiver("ou_1")));
        // The type that the caller gives counts, whatever the id starts with: Feishu resolves the id by that type.
        let user = Receiver::parse("oc_1", Some(ReceiveIdType::UserId)).unwrap();
        assert!(!policy.allows(&user));
    }

    #[test]
    fn a_star_before_the_end_is_refused_because_no_id_contains_one() {
        for pattern in ["*_team", "oc_*_team", "oc_**"] {
            assert!(AllowedReceivers::parse([pattern]).is_err(), "{pattern}");
        }
    }

    #[test]
    fn parsed_patterns_can_be_listed_again() {
        let patterns = ["oc_*", "oc_team", "ou_1"];
        assert_eq!(AllowedReceivers::parse(patterns).unwrap().patterns(), patterns);
    }
}
