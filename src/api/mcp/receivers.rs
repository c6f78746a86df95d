//! Receivers, as a model names them.

use crate::model::receiver::{ReceiveIdType, Receiver};
use crate::model::wording::Wording;

/// Reads a receiver. A type that cannot be that of the id is a mistake: a model that fills in what it may leave out
/// would send a message elsewhere than it was told to, or nowhere.
pub(super) fn parse(id: &str, kind: Option<ReceiveIdType>) -> Result<Receiver, Wording> {
    if id.starts_with("om_") && !id.contains('@') {
        return Err(Wording::new(
            "is the id of a message; it must be the id of a receiver",
            "这是消息 ID；应填写接收者的 ID",
        ));
    }
    let receiver = Receiver::parse(id, kind)?;
    check_type(&receiver)?;
    Ok(receiver)
}

/// Refuses a receiver whose type cannot be that of its id.
pub(super) fn check_type(receiver: &Receiver) -> Result<(), Wording> {
    let (id, given) = (receiver.id(), receiver.kind());
    let detected = ReceiveIdType::detect(id);
    let can_be = match given {
        // A company chooses its user ids freely.
        ReceiveIdType::UserId => true,
        // An address may begin as an id does.
        ReceiveIdType::Email => id.contains('@'),
        given => given == detected,
    };
    if can_be {
        return Ok(());
    }
    let (given, detected) = (given.as_str(), detected.as_str());
    Err(Wording::new(
        format!(
            "is not of the type {given}: it looks like {detected}; leave out receive_id_type, and the gateway detects it"
        ),
        format!("不是 {given}：看起来是 {detected}；请不要填写 receive_id_type，网关会自动识别"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_cannot_be_right_is_refused_with_the_one_that_it_must_be() {
        use ReceiveIdType::*;
        for (id, given, detected) in [
            ("ou_1", ChatId, "open_id"),
            ("on_1", ChatId, "union_id"),
            ("omt_1", ChatId, "thread_id"),
            ("a@example.com", ChatId, "email"),
            ("oc_1", OpenId, "chat_id"),
            ("oc_1", Email, "chat_id"),
            ("4b7c9d", UnionId, "chat_id"),
        ] {
            let Wording { en, .. } = parse(id, Some(given)).expect_err(id);
            assert!(en.contains(detected) && en.contains("leave out receive_id_type"), "{en}");
        }
        for (id, given) in [
            ("oc_1", Some(ChatId)),
            ("ou_1", Some(UserId)),
            ("4b7c9d", Some(UserId)),
            ("4b7c9d", Some(ChatId)),
            ("ou_a@example.com", Some(Email)),
            ("ou_1", None),
        ] {
            assert!(parse(id, given).is_ok(), "{id} {given:?}");
        }
        assert!(parse("om_1", None).expect_err("a message").en.contains("message"));
    }
}
