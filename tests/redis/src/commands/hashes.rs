//! Commands for hashes.

use super::super::database::{Database, Hash, Refusal, Value};
use super::super::reply::Reply;

fn hash<'a>(database: &'a mut Database, key: &[u8]) -> Result<Option<&'a mut Hash>, Refusal> {
    database.typed(key, Value::as_hash)
}

pub(crate) fn set(database: &mut Database, arguments: &[Vec<u8>]) -> Result<Reply, Refusal> {
    let (pairs, rest) = arguments[1..].as_chunks::<2>();
    if !rest.is_empty() {
        return Err("ERR wrong number of arguments for 'hset' command".to_owned());
    }
    let new = Value::Hash(Hash::new());
    let hash = database.typed_or(&arguments[0], new, Value::as_hash)?;
    let is_new = |[name, value]: &&[Vec<u8>; 2]| hash.insert(name.clone(), value.clone()).is_none();
    Ok(Reply::count(pairs.iter().filter(is_new).count()))
}

pub(crate) fn get(database: &mut Database, arguments: &[Vec<u8>]) -> Result<Reply, Refusal> {
    let hash = hash(database, &arguments[0])?;
    Ok(Reply::or_nil(hash.and_then(|it| it.get(&arguments[1]))))
}

pub(crate) fn get_many(database: &mut Database, arguments: &[Vec<u8>]) -> Result<Reply, Refusal> {
    let hash = hash(database, &arguments[0])?;
    let get = |name| Reply::or_nil(hash.as_ref().and_then(|it| it.get(name)));
    Ok(Reply::List(arguments[1..].iter().map(get).collect()))
}

/// In the order of the fields' names. Redis' own order depends on how it stores them.
pub(crate) fn all(database: &mut Database, keys: &[Vec<u8>]) -> Result<Reply, Refusal> {
    let hash = hash(database, &keys[0])?;
    let fields = hash.into_iter().flatten();
    Ok(Reply::List(fields.flat_map(|(name, it)| [Reply::text(name), Reply::text(it)]).collect()))
}

pub(crate) fn remove(database: &mut Database, arguments: &[Vec<u8>]) -> Result<Reply, Refusal> {
    let Some(hash) = hash(database, &arguments[0])? else { return Ok(Reply::Number(0)) };
    let removed = arguments[1..].iter().filter(|name| hash.remove(*name).is_some()).count();
    database.remove_if_empty(&arguments[0]);
    Ok(Reply::count(removed))
}

pub(crate) fn size(database: &mut Database, keys: &[Vec<u8>]) -> Result<Reply, Refusal> {
    Ok(Reply::count(hash(database, &keys[0])?.map_or(0, |it| it.len())))
}

pub(crate) fn exists(database: &mut Database, arguments: &[Vec<u8>]) -> Result<Reply, Refusal> {
    let hash = hash(database, &arguments[0])?;
    Ok(Reply::count(hash.is_some_and(|it| it.contains_key(&arguments[1])).into()))
}

pub(crate) fn length(database: &mut Database, arguments: &[Vec<u8>]) -> Result<Reply, Refusal> {
    let hash = hash(database, &arguments[0])?;
    let value = hash.and_then(|it| it.get(&arguments[1]));
    Ok(Reply::count(value.map_or(0, Vec::len)))
}
