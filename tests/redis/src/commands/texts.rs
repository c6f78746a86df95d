//! Commands for texts, and the only one for lists.

use super::super::database::{Database, Refusal, Value};
use super::super::reply::Reply;
use super::keys::invalid_expiry;
use super::{integer, syntax};

pub(crate) fn get(database: &mut Database, keys: &[Vec<u8>]) -> Result<Reply, Refusal> {
    let text = database.typed(&keys[0], Value::as_text)?;
    Ok(text.map_or(Reply::Nil, |it| Reply::text(it)))
}

/// A value of another type reads as absent.
pub(crate) fn get_many(database: &mut Database, keys: &[Vec<u8>]) -> Result<Reply, Refusal> {
    let mut get = |key: &Vec<u8>| {
        let text = database.value(key).and_then(Value::as_text);
        text.map_or(Reply::Nil, |it| Reply::text(it))
    };
    Ok(Reply::List(keys.iter().map(&mut get).collect()))
}

pub(crate) fn length(database: &mut Database, keys: &[Vec<u8>]) -> Result<Reply, Refusal> {
    let text = database.typed(&keys[0], Value::as_text)?;
    Ok(Reply::count(text.map_or(0, |it| it.len())))
}

pub(crate) fn set(database: &mut Database, arguments: &[Vec<u8>]) -> Result<Reply, Refusal> {
    let (key, text, now) = (&arguments[0], &arguments[1], database.millis());
    let (mut millis, mut must_exist) = (None, None);
    let mut options = arguments[2..].iter();
    while let Some(option) = options.next() {
        match &*option.to_ascii_uppercase() {
            b"NX" if must_exist != Some(true) => must_exist = Some(false),
            b"XX" if must_exist != Some(false) => must_exist = Some(true),
            unit @ (b"EX" | b"PX") if millis.is_none() => {
                millis = Some((
                    options.next().ok_or_else(syntax)?,
                    if unit == b"EX" { 1000 } else { 1 },
                ));
            }
            _ => return Err(syntax()),
        }
    }
    let expires_at = millis.map(|(number, unit)| {
        let millis = integer(number)?.checked_mul(unit).filter(|it| *it > 0);
        millis.and_then(|it| now.checked_add(it)).ok_or_else(|| invalid_expiry("set"))
    });
    let expires_at = expires_at.transpose()?;
    if must_exist.is_some_and(|it| it != database.value(key).is_some()) {
        return Ok(Reply::Nil);
    }
    database.set(key, Value::Text(text.clone()), expires_at);
    Ok(Reply::ok())
}

pub(crate) fn push(database: &mut Database, arguments: &[Vec<u8>]) -> Result<Reply, Refusal> {
    let list = database.typed_or(&arguments[0], Value::List(Vec::new()), Value::as_list)?;
    list.extend_from_slice(&arguments[1..]);
    Ok(Reply::count(list.len()))
}
