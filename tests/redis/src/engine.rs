//! Scripts, carried out by Lua.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use mlua::{Function, Lua, LuaOptions, LuaString, MultiValue, StdLib, Table, Value};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::cmsgpack;
use super::master::Master;
use super::numbers;
use super::reply::Reply;

/// The chunk that a script's functions are in.
const CHUNK: &str = "user_script";
/// Redis' bound on the values that a reply nests.
const DEEPEST: u32 = 100;

/// Lua, and the scripts that it knows.
pub(crate) struct Engine {
    lua: Lua,
    environment: Table,
    run: Function,
    scripts: BTreeMap<String, Function>,
}

impl Engine {
    /// One whose scripts call this server.
    pub(crate) fn new(master: &Arc<Mutex<Master>>) -> mlua::Result<Self> {
        let libraries = StdLib::MATH | StdLib::STRING | StdLib::TABLE;
        // Otherwise `pcall` is not Lua's own.
        let options = LuaOptions::new().catch_rust_panics(false);
        let lua = Lua::new_with(libraries, options)?;
        let command = lua.create_function({
            let master = Arc::clone(master);
            move |lua, arguments: MultiValue| {
                let reply = match texts(&arguments) {
                    // Nothing else can have the lock while a script runs, as each has the server to itself.
                    Ok(texts) => master.lock().unwrap_or_else(PoisonError::into_inner).call(&texts),
                    Err(why) => Reply::Error(why.to_owned()),
                };
                Ok((matches!(reply, Reply::Error(_)), to_lua(lua, &reply)?))
            }
        })?;
        let pack = lua.create_function(|lua, values: MultiValue| {
            if values.is_empty() {
                let why = "bad argument #0 to 'pack' (MessagePack pack needs input.)";
                return Ok((Some(why), 3, None));
            }
            let packed = lua.create_string(cmsgpack::pack(&values)?)?;
            Ok((None, 0, Some(packed)))
        })?;
        let unpack = lua.create_function(|lua, packed: LuaString| {
            let mut answer = MultiValue::new();
            match cmsgpack::unpack(lua, &packed.as_bytes())? {
                Ok(values) => {
                    answer.extend([Value::Nil, Value::Integer(0)]);
                    answer.extend(values);
                }
                Err(problem) => {
                    let text = lua.create_string(problem.text())?;
                    let level = if problem.has_place() { 3 } else { 0 };
                    answer.extend([Value::String(text), Value::Integer(level)]);
                }
            }
            Ok(answer)
        })?;
        let prelude = lua.load(include_str!("prelude.lua")).set_name("=redis");
        let (environment, run) = prelude.call((command, pack, unpack))?;
        Ok(Self { lua, environment, run, scripts: BTreeMap::new() })
    }

    /// Keeps a script. Returns its name, or why it is none.
    pub(crate) fn load(&mut self, body: &[u8]) -> Result<String, String> {
        let name = hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, body));
        if !self.scripts.contains_key(&name) {
            let chunk = self.lua.load(body).set_name(format!("@{CHUNK}"));
            let script = chunk.set_environment(self.environment.clone()).into_function();
            let script = script.map_err(|it| {
                let it = it.to_string();
                let why = it.strip_prefix("syntax error: ").unwrap_or(&it);
                format!("ERR Error compiling script (new function): {why}")
            })?;
            self.scripts.insert(name.clone(), script);
        }
        Ok(name)
    }

    /// Forgets all scripts.
    pub(crate) fn forget(&mut self) {
        self.scripts.clear();
    }

    /// Carries out a script that was loaded, if there is one of this name.
    pub(crate) fn run(&self, name: &str, keys: &[Vec<u8>], arguments: &[Vec<u8>]) -> Option<Reply> {
        let script = self.scripts.get(name)?;
        let reply = self.answer(script, keys, arguments, name);
        Some(reply.unwrap_or_else(|why| Reply::Error(format!("ERR Error running script: {why}"))))
    }

    fn answer(
        &self,
        script: &Function,
        keys: &[Vec<u8>],
        arguments: &[Vec<u8>],
        name: &str,
    ) -> mlua::Result<Reply> {
        let list = |texts: &[Vec<u8>]| {
            let texts = texts.iter().map(|it| self.lua.create_string(it));
            self.lua.create_sequence_from(texts.collect::<mlua::Result<Vec<_>>>()?)
        };
        let (is_done, answer): (bool, Value) =
            self.run.call((script, list(keys)?, list(arguments)?))?;
        if is_done {
            return to_reply(&answer, 0);
        }
        let problem = answer.as_table();
        let error = problem.and_then(|it| it.raw_get::<LuaString>("err").ok());
        let error = error.map_or_else(|| "ERR unknown error".to_owned(), |it| it.to_string_lossy());
        // Redis knows the line, too.
        Ok(Reply::Error(format!("{error} script: {name}, on @{CHUNK}.")))
    }
}

/// The arguments of `redis.call`.
fn texts(arguments: &MultiValue) -> Result<Vec<Vec<u8>>, &'static str> {
    if arguments.is_empty() {
        return Err("ERR Please specify at least one argument for this redis lib call");
    }
    let text = |argument: &Value| match argument {
        Value::String(text) => Ok(text.as_bytes().to_vec()),
        Value::Integer(number) => Ok(numbers::text(as_number(*number)).into_bytes()),
        Value::Number(number) => Ok(numbers::text(*number).into_bytes()),
        _ => Err("ERR Lua redis lib command arguments must be strings or integers"),
    };
    arguments.iter().map(text).collect()
}

#[expect(clippy::cast_precision_loss, reason = "Lua's numbers are floats")]
fn as_number(number: i64) -> f64 {
    number as f64
}

fn to_lua(lua: &Lua, reply: &Reply) -> mlua::Result<Value> {
    let named = |name, text: &str| {
        let table = lua.create_table()?;
        table.raw_set(name, text)?;
        mlua::Result::Ok(Value::Table(table))
    };
    Ok(match reply {
        Reply::Nil => Value::Boolean(false),
        Reply::Number(number) => Value::Integer(*number),
        Reply::Text(text) => Value::String(lua.create_string(text)?),
        Reply::Status(text) => named("ok", text)?,
        Reply::Error(text) => named("err", text)?,
        Reply::List(all) => {
            let table = lua.create_table_with_capacity(all.len(), 0)?;
            for (place, one) in (1_usize..).zip(all) {
                table.raw_set(place, to_lua(lua, one)?)?;
            }
            Value::Table(table)
        }
    })
}

fn to_reply(value: &Value, depth: u32) -> mlua::Result<Reply> {
    if depth > DEEPEST {
        return Ok(Reply::Error("ERR reached lua stack limit".to_owned()));
    }
    Ok(match value {
        Value::String(text) => Reply::Text(text.as_bytes().to_vec()),
        Value::Integer(number) => Reply::Number(*number),
        Value::Number(number) => Reply::Number(truncated(*number)),
        Value::Boolean(true) => Reply::Number(1),
        Value::Table(table) => {
            let named = |name| table.raw_get::<Value>(name).map(|it| it.as_string().cloned());
            if let Some(text) = named("err")? {
                return Ok(Reply::Error(one_line(&text)));
            }
            if let Some(text) = named("ok")? {
                return Ok(Reply::Status(one_line(&text)));
            }
            let mut all = Vec::new();
            loop {
                let one: Value = table.raw_get(all.len() + 1)?;
                if one.is_nil() {
                    break;
                }
                all.push(to_reply(&one, depth + 1)?);
            }
            Reply::List(all)
        }
        _ => Reply::Nil,
    })
}

fn one_line(text: &LuaString) -> String {
    text.to_string_lossy().replace(['\r', '\n'], " ")
}

/// As the processor casts it for C: what no integer can hold is the least one.
#[expect(clippy::cast_possible_truncation, reason = "it is meant to be")]
#[expect(clippy::cast_precision_loss, reason = "the largest integer becomes 2^63")]
fn truncated(number: f64) -> i64 {
    let fits = number >= i64::MIN as f64 && number < i64::MAX as f64;
    if fits { number as i64 } else { i64::MIN }
}
