//! Commands for keys of any type.

use super::super::database::{Database, Refusal};
use super::super::reply::Reply;
use super::integer;

pub(crate) fn remove(database: &mut Database, keys: &[Vec<u8>]) -> Result<Reply, Refusal> {
    Ok(Reply::count(keys.iter().filter(|key| database.remove(key)).count()))
}

pub(crate) fn exist(database: &mut Database, keys: &[Vec<u8>]) -> Result<Reply, Refusal> {
    Ok(Reply::count(keys.iter().filter(|key| database.value(key).is_some()).count()))
}

/// Not in Redis' format, but with the same texts in it.
pub(crate) fn dump(database: &mut Database, keys: &[Vec<u8>]) -> Result<Reply, Refusal> {
    Ok(database.value(&keys[0]).map_or(Reply::Nil, |it| Reply::Text(it.bytes())))
}

pub(crate) fn kind(database: &mut Database, keys: &[Vec<u8>]) -> Result<Reply, Refusal> {
    let kind = database.value(&keys[0]).map_or("none", |it| it.kind());
    Ok(Reply::Status(kind.to_owned()))
}

/// Those that begin with a text, which is followed by `*`, or that are the text.
pub(crate) fn names(database: &mut Database, pattern: &[Vec<u8>]) -> Result<Reply, Refusal> {
    let pattern = &pattern[0];
    let (text, is_open) = pattern.strip_suffix(b"*").map_or((&**pattern, false), |it| (it, true));
    if text.iter().any(|it| b"*?[\\".contains(it)) {
        return Err("ERR the simulated Redis knows no such pattern".to_owned());
    }
    let is_meant = |key: &&Vec<u8>| if is_open { key.starts_with(text) } else { **key == text };
    Ok(Reply::List(database.keys().filter(is_meant).map(|key| Reply::text(key)).collect()))
}

pub(crate) fn rename(database: &mut Database, keys: &[Vec<u8>]) -> Result<Reply, Refusal> {
    if database.rename(&keys[0], &keys[1]) {
        Ok(Reply::ok())
    } else {
        Err("ERR no such key".to_owned())
    }
}

pub(crate) fn expire(database: &mut Database, arguments: &[Vec<u8>]) -> Result<Reply, Refusal> {
    let seconds = integer(&arguments[1])?;
    expire_in(database, &arguments[0], seconds.checked_mul(1000), "expire")
}

pub(crate) fn expire_millis(
    database: &mut Database,
    arguments: &[Vec<u8>],
) -> Result<Reply, Refusal> {
    let millis = integer(&arguments[1])?;
    expire_in(database, &arguments[0], Some(millis), "pexpire")
}

fn expire_in(
    database: &mut Database,
    key: &[u8],
    millis: Option<i64>,
    command: &str,
) -> Result<Reply, Refusal> {
    let now = database.millis();
    let at = millis.and_then(|it| now.checked_add(it)).ok_or_else(|| invalid_expiry(command))?;
    let is_there =
        if at <= now { database.remove(key) } else { database.set_expiry(key, Some(at)) };
    Ok(Reply::count(is_there.into()))
}

pub(crate) fn invalid_expiry(command: &str) -> Refusal {
    format!("ERR invalid expire time in '{command}' command")
}

pub(crate) fn millis_left(database: &mut Database, keys: &[Vec<u8>]) -> Result<Reply, Refusal> {
    let now = database.millis();
    Ok(Reply::Number(match database.expires_at(&keys[0]) {
        None => -2,
        Some(None) => -1,
        Some(Some(at)) => (at - now).max(0),
    }))
}

pub(crate) fn persist(database: &mut Database, keys: &[Vec<u8>]) -> Result<Reply, Refusal> {
    let expired = database.expires_at(&keys[0]).flatten().is_some();
    database.set_expiry(&keys[0], None);
    Ok(Reply::count(expired.into()))
}
