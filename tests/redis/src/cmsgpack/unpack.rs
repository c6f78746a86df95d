//! Unpacking. Redis does it with recursion on Lua's stack, whose size bounds what it can unpack.

use mlua::{Lua, Table, Value};

/// Why something cannot be unpacked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// It is more than fits on Lua's stack.
    TooMany(&'static str),
    /// It ends too early.
    Missing,
    /// It holds a byte that means nothing.
    Bad,
    /// A table has a key that cannot be one.
    Key(&'static str),
}

impl Problem {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::TooMany(place) => format!("stack overflow ({place})"),
            Self::Missing => "Missing bytes in input.".to_owned(),
            Self::Bad => "Bad data format in input.".to_owned(),
            Self::Key(why) => format!("table index is {why}"),
        }
    }

    /// Whether Redis says where in the script it happened.
    pub(crate) fn has_place(&self) -> bool {
        !matches!(self, Self::Key(_))
    }
}

/// How many values Lua's stack holds for a function.
const STACK: usize = 8000;

/// All values that are packed one after the other.
pub(crate) fn unpack(lua: &Lua, packed: &[u8]) -> mlua::Result<Result<Vec<Value>, Problem>> {
    let mut unpacking = Unpacking { lua, input: packed, open: Vec::new(), values: Vec::new() };
    while !(unpacking.input.is_empty() && unpacking.open.is_empty()) {
        let step = unpacking.next()?.and_then(|begun| match begun {
            Some(value) => unpacking.add(value),
            None => Ok(()),
        });
        if let Err(problem) = step {
            return Ok(Err(problem));
        }
    }
    Ok(Ok(unpacking.values))
}

struct Unpacking<'a> {
    lua: &'a Lua,
    input: &'a [u8],
    /// The tables that are not complete yet, each in the one before it.
    open: Vec<Open>,
    values: Vec<Value>,
}

struct Open {
    table: Table,
    /// How many values or pairs are still missing.
    left: usize,
    /// Where the next value goes: at a place, at a key, or it is the next key.
    next: Next,
}

enum Next {
    At(i64),
    AtKey(Value),
    Key,
}

impl Unpacking<'_> {
    /// The next value, unless it is a table that begins here.
    fn next(&mut self) -> mlua::Result<Result<Option<Value>, Problem>> {
        let too_many = "too many return values at once; use unpack_one or unpack_limit instead.";
        if self.stack() + 1 > STACK {
            return Ok(Err(Problem::TooMany(too_many)));
        }
        let Some(kind) = self.take(1) else { return Ok(Err(Problem::Missing)) };
        let kind = kind[0];
        let array = |size| Ok((size, Next::At(1)));
        let map = |size| Ok((size, Next::Key));
        let table = match kind {
            0x80..=0x8f => map(usize::from(kind & 15)),
            0x90..=0x9f => array(usize::from(kind & 15)),
            0xdc => self.size(2).and_then(array),
            0xdd => self.size(4).and_then(array),
            0xde => self.size(2).and_then(map),
            0xdf => self.size(4).and_then(map),
            _ => return self.scalar(kind),
        };
        let (left, next) = match table {
            Ok(table) => table,
            Err(problem) => return Ok(Err(problem)),
        };
        if matches!(next, Next::At(_)) && self.stack() + 2 > STACK {
            return Ok(Err(Problem::TooMany("in function mp_decode_to_lua_array")));
        }
        let table = self.lua.create_table()?;
        if left == 0 {
            return Ok(Ok(Some(Value::Table(table))));
        }
        self.open.push(Open { table, left, next });
        Ok(Ok(None))
    }

    fn scalar(&mut self, kind: u8) -> mlua::Result<Result<Option<Value>, Problem>> {
        let value = match kind {
            0x00..=0x7f => Ok(Value::Integer(kind.into())),
            0xe0..=0xff => Ok(Value::Integer(kind.cast_signed().into())),
            0xc0 => Ok(Value::Nil),
            0xc2 | 0xc3 => Ok(Value::Boolean(kind == 0xc3)),
            0xca => self.bytes().map(|it| Value::Number(f32::from_be_bytes(it).into())),
            0xcb => self.bytes().map(|it| Value::Number(f64::from_be_bytes(it))),
            0xcc => self.bytes().map(|it| Value::Integer(u8::from_be_bytes(it).into())),
            0xcd => self.bytes().map(|it| Value::Integer(u16::from_be_bytes(it).into())),
            0xce => self.bytes().map(|it| Value::Integer(u32::from_be_bytes(it).into())),
            0xd0 => self.bytes().map(|it| Value::Integer(i8::from_be_bytes(it).into())),
            0xd1 => self.bytes().map(|it| Value::Integer(i16::from_be_bytes(it).into())),
            0xd2 => self.bytes().map(|it| Value::Integer(i32::from_be_bytes(it).into())),
            // Redis reads both as signed.
            0xcf | 0xd3 => self.bytes().map(|it| Value::Integer(i64::from_be_bytes(it))),
            0xa0..=0xbf | 0xd9 | 0xda | 0xdb => {
                let size = match kind {
                    0xd9 => self.size(1),
                    0xda => self.size(2),
                    0xdb => self.size(4),
                    _ => Ok(usize::from(kind & 31)),
                };
                let lua = self.lua;
                match size.and_then(|it| self.take(it).ok_or(Problem::Missing)) {
                    Ok(text) => Ok(Value::String(lua.create_string(text)?)),
                    Err(problem) => Err(problem),
                }
            }
            _ => Err(Problem::Bad),
        };
        Ok(value.map(Some))
    }

    /// Puts a value where it belongs, and each table that is complete with it.
    fn add(&mut self, mut value: Value) -> Result<(), Problem> {
        while let Some(mut open) = self.open.pop() {
            let set = |key: Value, value| match key {
                Value::Nil => Err(Problem::Key("nil")),
                Value::Number(it) if it.is_nan() => Err(Problem::Key("NaN")),
                key => open.table.raw_set(key, value).map_err(|_| Problem::Key("odd")),
            };
            open.next = match open.next {
                Next::Key => {
                    open.next = Next::AtKey(value);
                    self.open.push(open);
                    return Ok(());
                }
                Next::AtKey(key) => {
                    set(key, value)?;
                    Next::Key
                }
                Next::At(place) => {
                    set(Value::Integer(place), value)?;
                    Next::At(place + 1)
                }
            };
            open.left -= 1;
            if open.left > 0 {
                self.open.push(open);
                return Ok(());
            }
            value = Value::Table(open.table);
        }
        self.values.push(value);
        Ok(())
    }

    /// How many values are on Redis' stack now: the input, what is unpacked, and of each open table itself and its key.
    fn stack(&self) -> usize {
        let of = |open: &Open| if matches!(open.next, Next::Key) { 1 } else { 2 };
        1 + self.values.len() + self.open.iter().map(of).sum::<usize>()
    }

    fn take(&mut self, many: usize) -> Option<&[u8]> {
        let (taken, rest) = self.input.split_at_checked(many)?;
        self.input = rest;
        Some(taken)
    }

    fn bytes<const SIZE: usize>(&mut self) -> Result<[u8; SIZE], Problem> {
        let (taken, rest) = self.input.split_first_chunk().ok_or(Problem::Missing)?;
        self.input = rest;
        Ok(*taken)
    }

    fn size(&mut self, bytes: usize) -> Result<usize, Problem> {
        let taken = self.take(bytes).ok_or(Problem::Missing)?;
        Ok(taken.iter().fold(0, |size, byte| size << 8 | usize::from(*byte)))
    }
}
