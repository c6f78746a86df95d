//! Commands for the server.

use super::super::database::{Database, Refusal};
use super::super::reply::Reply;
use super::syntax;

pub(crate) fn ping(_: &mut Database, _: &[Vec<u8>]) -> Result<Reply, Refusal> {
    Ok(Reply::Status("PONG".to_owned()))
}

pub(crate) fn time(database: &mut Database, _: &[Vec<u8>]) -> Result<Reply, Refusal> {
    let (seconds, micros) =
        (database.now.div_euclid(1_000_000), database.now.rem_euclid(1_000_000));
    Ok(Reply::List([seconds, micros].map(|it| Reply::text(it.to_string().as_bytes())).into()))
}

pub(crate) fn size(database: &mut Database, _: &[Vec<u8>]) -> Result<Reply, Refusal> {
    Ok(Reply::count(database.keys().count()))
}

pub(crate) fn empty(database: &mut Database, _: &[Vec<u8>]) -> Result<Reply, Refusal> {
    database.clear();
    Ok(Reply::ok())
}

/// What the gateway asks about: a server that writes everything down and removes nothing.
pub(crate) fn info(_: &mut Database, section: &[Vec<u8>]) -> Result<Reply, Refusal> {
    let text = match section.first().map(|it| it.to_ascii_lowercase()).as_deref() {
        Some(b"persistence") => "# Persistence\r\nloading:0\r\naof_enabled:1\r\n",
        Some(b"memory") => "# Memory\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n",
        _ => "",
    };
    Ok(Reply::text(text.as_bytes()))
}

/// About what a key takes in Redis.
pub(crate) fn memory(database: &mut Database, arguments: &[Vec<u8>]) -> Result<Reply, Refusal> {
    if !arguments[0].eq_ignore_ascii_case(b"USAGE") {
        return Err(syntax());
    }
    let key = &arguments[1];
    let held = database.value(key).map(|it| it.bytes().len());
    Ok(held.map_or(Reply::Nil, |it| Reply::count(it + key.len() + 56)))
}
