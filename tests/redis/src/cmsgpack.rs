//! `MessagePack`, with the choices and the errors of Redis' `cmsgpack`.

mod unpack;

use mlua::{MultiValue, Table, Value};

pub(crate) use unpack::unpack;

/// Tables that are nested more deeply are packed as nil.
const DEEPEST: u32 = 16;

/// These values, packed one after the other.
pub(crate) fn pack(values: &MultiValue) -> mlua::Result<Vec<u8>> {
    let mut packed = Vec::new();
    for value in values {
        append(&mut packed, value, 0)?;
    }
    Ok(packed)
}

fn append(to: &mut Vec<u8>, value: &Value, depth: u32) -> mlua::Result<()> {
    match value {
        Value::String(text) => {
            let text = text.as_bytes();
            let sizes = Sizes { fixed: (0xa0, 31), one: Some(0xd9), two: 0xda, four: 0xdb };
            sizes.append(to, text.len());
            to.extend_from_slice(&text);
        }
        Value::Boolean(it) => to.push(if *it { 0xc3 } else { 0xc2 }),
        Value::Integer(number) => append_integer(to, *number),
        Value::Number(number) => append_number(to, *number),
        Value::Table(table) if depth < DEEPEST => append_table(to, table, depth)?,
        _ => to.push(0xc0),
    }
    Ok(())
}

/// Numbers without a fraction are integers if 64 bits hold them; others have the fewest bits that hold them.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "C's casts")]
#[expect(clippy::float_cmp, reason = "whether it is the same number")]
fn append_number(to: &mut Vec<u8>, number: f64) {
    // Rust's cast ends at the largest integer, which as a number is 2^63.
    if number as i64 as f64 == number && number < i64::MAX as f64 {
        append_integer(to, number as i64);
    } else if f64::from(number as f32) == number {
        to.push(0xca);
        to.extend_from_slice(&(number as f32).to_be_bytes());
    } else {
        to.push(0xcb);
        to.extend_from_slice(&number.to_be_bytes());
    }
}

fn append_integer(to: &mut Vec<u8>, number: i64) {
    let bytes = number.to_be_bytes();
    let (kind, size) = match number {
        -32..=127 => return to.push(bytes[7]),
        128..=0xff => (0xcc, 1),
        0x100..=0xffff => (0xcd, 2),
        0x1_0000..=0xffff_ffff => (0xce, 4),
        0x1_0000_0000.. => (0xcf, 8),
        -0x80..=-33 => (0xd0, 1),
        -0x8000..=-0x81 => (0xd1, 2),
        -0x8000_0000..=-0x8001 => (0xd2, 4),
        ..=-0x8000_0001 => (0xd3, 8),
    };
    to.push(kind);
    to.extend_from_slice(&bytes[8 - size..]);
}

fn append_table(to: &mut Vec<u8>, table: &Table, depth: u32) -> mlua::Result<()> {
    if is_array(table)? {
        let size = table.raw_len();
        Sizes { fixed: (0x90, 15), one: None, two: 0xdc, four: 0xdd }.append(to, size);
        for place in 1..=size {
            append(to, &table.raw_get(place)?, depth + 1)?;
        }
        return Ok(());
    }
    let (mut size, mut pairs) = (0, Vec::new());
    table.for_each(|key: Value, value: Value| {
        size += 1;
        append(&mut pairs, &key, depth + 1)?;
        append(&mut pairs, &value, depth + 1)
    })?;
    Sizes { fixed: (0x80, 15), one: None, two: 0xde, four: 0xdf }.append(to, size);
    to.append(&mut pairs);
    Ok(())
}

/// Whether the keys are 1 to as many as there are.
#[expect(clippy::cast_possible_truncation, reason = "C's cast")]
#[expect(clippy::float_cmp, reason = "whether it is the same number")]
fn is_array(table: &Table) -> mlua::Result<bool> {
    let (mut many, mut largest, mut are_places) = (0_i64, 0_i64, true);
    table.for_each(|key: Value, _: Value| {
        let place = match key {
            Value::Integer(it) => Some(it),
            Value::Number(it) if f64::from(it as i32) == it => Some(it as i64),
            _ => None,
        };
        match place.filter(|it| *it > 0 && i32::try_from(*it).is_ok()) {
            Some(place) => largest = largest.max(place),
            None => are_places = false,
        }
        many += 1;
        Ok(())
    })?;
    Ok(are_places && many == largest)
}

/// How the size of something is written: within its first byte, or in one, two or four bytes after it.
struct Sizes {
    fixed: (u8, u8),
    one: Option<u8>,
    two: u8,
    four: u8,
}

impl Sizes {
    fn append(&self, to: &mut Vec<u8>, size: usize) {
        let bytes = u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes();
        match (self.fixed, self.one) {
            ((kind, most), _) if size <= usize::from(most) => to.push(kind | bytes[3]),
            (_, Some(kind)) if size <= 0xff => to.extend_from_slice(&[kind, bytes[3]]),
            _ if size <= 0xffff => to.extend_from_slice(&[self.two, bytes[2], bytes[3]]),
            _ => {
                to.push(self.four);
                to.extend_from_slice(&bytes);
            }
        }
    }
}
