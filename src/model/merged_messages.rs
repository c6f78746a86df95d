//! The messages of a merge.

use std::collections::HashSet;
use std::sync::Arc;

use super::message_id::MessageId;
use super::wording::Wording;

/// 1 to 100 messages that are forwarded as one, none of them twice. Clones share the ids.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MergedMessages(Arc<[MessageId]>);

/// A mistake in a list of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListMistake {
    /// The place of the wrong id, from 0. None for the list as a whole.
    pub place: Option<usize>,
    /// A sentence for the caller.
    pub detail: Wording,
}

impl MergedMessages {
    /// The most messages of a merge (Feishu's documentation).
    pub const MOST: usize = 100;

    /// Parses the ids of the messages, where none is what is no text. An error has each mistake.
    pub fn parse(ids: &[Option<&str>]) -> Result<Self, Vec<ListMistake>> {
        if let Err(detail) = check_length(ids.len()) {
            return Err(vec![ListMistake { place: None, detail }]);
        }
        let (mut parsed, mut mistakes) = (Vec::with_capacity(ids.len()), Vec::new());
        let mut seen = HashSet::new();
        for (place, id) in ids.iter().enumerate() {
            let result = match id {
                None => Err(Wording::new("must be a string", "必须是字符串")),
                Some(id) if seen.insert(*id) => MessageId::parse(id),
                Some(_) => Err(Wording::new("is in the list twice", "在列表中重复出现")),
            };
            match result {
                Ok(id) => parsed.push(id),
                Err(detail) => mistakes.push(ListMistake { place: Some(place), detail }),
            }
        }
        if mistakes.is_empty() { Ok(Self(parsed.into())) } else { Err(mistakes) }
    }

    /// The ids of the messages, in the caller's order.
    #[must_use]
    pub fn ids(&self) -> &[MessageId] {
        &self.0
    }
}

fn check_length(length: usize) -> Result<(), Wording> {
    if length == 0 {
        return Err(Wording::new("must have at least one message", "至少需要一条消息"));
    }
    if length > MergedMessages::MOST {
        return Err(Wording::new(
            format!("must have at most 100 messages; there are {length}"),
            format!("最多 100 条消息；目前有 {length} 条"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(ids: &[Option<&str>]) -> Vec<Option<usize>> {
        MergedMessages::parse(ids).expect_err("wrong").into_iter().map(|it| it.place).collect()
    }

    #[test]
    fn one_to_a_hundred_different_messages_keep_their_order() {
        let ids: Vec<String> = (0..100).map(|number| format!("om_{number}")).collect();
        let ids: Vec<Option<&str>> = ids.iter().map(|id| Some(id.as_str())).collect();
        for ids in [&ids[..], &ids[..1]] {
            let merged = MergedMessages::parse(ids).expect("valid");
            assert!(merged.ids().iter().map(|id| Some(id.as_str())).eq(ids.iter().copied()));
        }
    }

    #[test]
    fn an_empty_list_and_one_of_more_than_a_hundred_are_wrong_as_a_whole() {
        assert_eq!(places(&[]), [None]);
        assert_eq!(places(&[Some("om_1"); 101]), [None]);
    }

    #[test]
    fn each_wrong_id_is_named_by_its_place() {
        let ids = [Some("om_1"), Some("oc_1"), Some("om_2"), Some("om_1"), Some(""), None, None];
        assert_eq!(places(&ids), [Some(1), Some(3), Some(4), Some(5), Some(6)]);
    }
}
