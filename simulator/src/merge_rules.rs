//! The rules for messages that are merged (doc). The codes of single rules, and the order of the rules, are guesses.

use crate::codes;
use crate::messages::{KnownMessage, MessageState, Messages};
use crate::refusal::Refusal;

/// Removes the messages that cannot be forwarded any more from `message_ids`, and returns them. It is an error if none
/// is left (guess), or if the others break a rule. A message that the simulator does not know breaks none.
pub(crate) fn take_invalid(
    message_ids: &mut Vec<&str>,
    messages: &Messages,
) -> Result<Vec<String>, Refusal> {
    let state = |id: &str| messages.find(id)?.state;
    let all_recalled = message_ids.iter().all(|id| state(id) == Some(MessageState::Recalled));
    let invalid: Vec<String> =
        message_ids.extract_if(.., |id| state(id).is_some()).map(str::to_owned).collect();
    if message_ids.is_empty() {
        let code = if all_recalled { codes::ALL_RECALLED } else { codes::INVALID_MESSAGE };
        return Err(Refusal::new(code));
    }
    let known: Vec<&KnownMessage> = message_ids.iter().filter_map(|id| messages.find(id)).collect();
    check(&known)?;
    Ok(invalid)
}

fn check(messages: &[&KnownMessage]) -> Result<(), Refusal> {
    if messages.iter().any(|message| is_system(message) || message.upper_message_id.is_some()) {
        return Err(Refusal::new(codes::NOT_MERGEABLE));
    }
    if !are_equal(messages, |message| Some(&message.chat_id)) {
        return Err(Refusal::new(codes::SEVERAL_CHATS));
    }
    // This is also broken by a message of a thread together with one that is in none.
    if !are_equal(messages, |message| message.thread_id.as_ref()) {
        return Err(Refusal::new(codes::NOT_MERGEABLE));
    }
    Ok(())
}

fn is_system(message: &KnownMessage) -> bool {
    message.msg_type.as_deref() == Some("system")
}

fn are_equal<'a>(
    messages: &[&'a KnownMessage],
    value: impl Fn(&'a KnownMessage) -> Option<&'a String>,
) -> bool {
    messages.windows(2).all(|pair| value(pair[0]) == value(pair[1]))
}
