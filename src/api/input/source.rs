//! What is forwarded, as a request names it.

use serde_json::Value;

use crate::api::input::mistakes::Mistakes;
use crate::model::forward::Forward;
use crate::model::merged_messages::{ListMistake, MergedMessages};
use crate::model::message_id::MessageId;
use crate::model::thread_id::ThreadId;

/// The member of a merge's body that names the messages.
pub(super) const MESSAGE_ID_LIST: &str = "message_id_list";

/// What the path of a request says of what is forwarded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<'a> {
    /// The message with this id.
    Message(&'a str),
    /// The messages that the body names.
    Merged,
    /// The thread with this id.
    Thread(&'a str),
}

impl Source<'_> {
    /// What is forwarded. None after a mistake.
    pub(super) fn forward(
        self,
        message_id_list: Option<Vec<Value>>,
        mistakes: &mut Mistakes,
    ) -> Option<Forward> {
        match self {
            Self::Message(id) => {
                mistakes.keep("message_id", MessageId::parse(id)).map(Forward::Message)
            }
            Self::Thread(id) => {
                mistakes.keep("thread_id", ThreadId::parse(id)).map(Forward::Thread)
            }
            Self::Merged => {
                let ids = message_id_list?;
                let ids: Vec<Option<&str>> = ids.iter().map(Value::as_str).collect();
                let parsed = MergedMessages::parse(&ids).inspect_err(|wrong| {
                    for ListMistake { place, detail } in wrong {
                        mistakes.add(place_in_list(*place), detail.clone());
                    }
                });
                parsed.ok().map(Forward::Merged)
            }
        }
    }
}

/// The name of a place in the list of a merge, as in `message_id_list[17]`; without a place, of the whole list.
fn place_in_list(place: Option<usize>) -> String {
    place.map_or_else(|| MESSAGE_ID_LIST.to_owned(), |place| format!("{MESSAGE_ID_LIST}[{place}]"))
}
