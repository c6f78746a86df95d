//! The simulated Redis against a real one: whatever both are asked, both answer the same.

use redis::{Commands as _, ConnectionLike as _, Value};
use simulated_redis::{Reply, Server};

/// How many histories are compared, and how many requests each one has.
const HISTORIES: u64 = 300;
const REQUESTS: u32 = 80;

/// Chance, from a seed (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    fn place(&mut self, places: usize) -> usize {
        usize::try_from(self.below(places as u64)).unwrap_or_default()
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.place(from.len())]
    }
}

const TEXTS: &[&str] =
    &["", "a", "b", "ab", "abc", "07", "-0", "words and\r\nlines", "\u{1f600}", "nan", "1e400"];
const INTEGERS: &[&str] =
    &["0", "1", "-1", "2", "3", "-2", "100000", "+1", "1.5", "9223372036854775807", "", "x"];
/// How long a key is kept: none that passes meanwhile.
const TIMES: &[&str] = &[
    "0",
    "-1",
    "100000",
    "9000000000",
    "9223372036854775807",
    "-9223372036854775807",
    "1e17",
    "x",
];
const SCORES: &[&str] = &[
    "0",
    "-0",
    "1",
    "1.5",
    "-1",
    "inf",
    "-inf",
    "+inf",
    "1e300",
    "-1e300",
    "0.1",
    "nan",
    "x",
    "",
    "3e-5",
    "1767225600000001",
];
const BOUNDS: &[&str] = &["-inf", "+inf", "0", "1", "(1", "(0", "1.5", "(x", "(-inf", "inf", "nan"];
const NAMES: &[&str] = &["-", "+", "[a", "(a", "[b", "(ab", "a", "", "[", "(abc"];

/// A command whose parts are chosen by `letters`: a key, a text, an integer, the bound of a score or of a name.
const COMMANDS: &[(&str, &str)] = &[
    ("DEL", "k"),
    ("DEL", "kk"),
    ("EXISTS", "kk"),
    ("EXPIRE", "ke"),
    ("GET", "k"),
    ("HDEL", "ktt"),
    ("HEXISTS", "kt"),
    ("HGET", "kt"),
    ("HGETALL", "k"),
    ("HLEN", "k"),
    ("HMGET", "ktt"),
    ("HSET", "ktt"),
    ("HSET", "ktttt"),
    ("HSET", "kttt"),
    ("HSTRLEN", "kt"),
    ("MGET", "kk"),
    ("PERSIST", "k"),
    ("PEXPIRE", "ke"),
    ("PTTL", "k"),
    ("RENAME", "kk"),
    ("RPUSH", "ktt"),
    ("SET", "kt"),
    ("SET", "ktoe"),
    ("SET", "kto"),
    ("SET", "ktooe"),
    ("STRLEN", "k"),
    ("TYPE", "k"),
    ("UNLINK", "k"),
    ("ZADD", "kst"),
    ("ZADD", "kost"),
    ("ZADD", "kstst"),
    ("ZADD", "ksts"),
    ("ZADD", "koost"),
    ("ZADD", "z0t"),
    ("ZADD", "z0t0t"),
    ("ZCARD", "k"),
    ("ZCOUNT", "kbb"),
    ("ZLEXCOUNT", "znn"),
    ("ZRANGE", "kii"),
    ("ZRANGE", "kiiw"),
    ("ZRANGEBYLEX", "znn"),
    ("ZRANGEBYLEX", "znnlii"),
    ("ZRANGEBYSCORE", "kbb"),
    ("ZRANGEBYSCORE", "kbbw"),
    ("ZRANGEBYSCORE", "kbbwlii"),
    ("ZRANGEBYSCORE", "kbbl"),
    ("ZREM", "ktt"),
    ("ZREMRANGEBYSCORE", "kbb"),
    ("ZREVRANGEBYLEX", "znn"),
    ("ZREVRANGEBYLEX", "znnlii"),
    ("ZSCORE", "kt"),
    ("NOSUCH", "k"),
    ("GET", ""),
];

fn command(dice: &mut Dice, prefix: &str) -> Vec<Vec<u8>> {
    let (name, letters) = COMMANDS[dice.place(COMMANDS.len())];
    let part = |letter| match letter {
        'k' => format!("{prefix}{}", dice.below(4)),
        // Names have an order where all scores are one.
        'z' => format!("{prefix}4"),
        '0' => "0".to_owned(),
        't' => dice.pick(TEXTS).to_owned(),
        'i' => dice.pick(INTEGERS).to_owned(),
        'e' => dice.pick(TIMES).to_owned(),
        's' => dice.pick(SCORES).to_owned(),
        'b' => dice.pick(BOUNDS).to_owned(),
        'n' => dice.pick(NAMES).to_owned(),
        'o' => dice.pick(&["EX", "px", "NX", "xx"]).to_owned(),
        'w' => "WITHSCORES".to_owned(),
        'l' => "LIMIT".to_owned(),
        other => panic!("{other}"),
    };
    let parts: Vec<String> = letters.chars().map(part).collect();
    [name.to_owned()].into_iter().chain(parts).map(String::into_bytes).collect()
}

/// Numbers, as Lua writes them.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "127",
    "128",
    "-32",
    "-33",
    "-128",
    "-129",
    "255",
    "256",
    "65535",
    "65536",
    "-32768",
    "-32769",
    "4294967295",
    "4294967296",
    "-2147483648",
    "-2147483649",
    "2^53",
    "2^63",
    "-2^63",
    "2^64",
    "1e300",
    "-1e300",
    "0.1",
    "0.5",
    "-1.5",
    "1/0",
    "-1/0",
    "-0",
    "1e-300",
    "16777217",
    "1767225600000001",
];

/// A value, as Lua writes it.
fn expression(dice: &mut Dice, depth: u32) -> String {
    match dice.below(if depth > 3 { 6 } else { 9 }) {
        0 | 1 => dice.pick(NUMBERS).to_owned(),
        2 => format!(
            "string.rep('x', {})",
            dice.pick(&["0", "1", "31", "32", "255", "256", "65535", "65536"])
        ),
        3 => dice
            .pick(&["true", "false", "nil", "''", "'a'", "'\\0\\255'", "print and 1", "redis.call"])
            .to_owned(),
        4 => dice
            .pick(&[
                "nested(3)",
                "nested(15)",
                "nested(16)",
                "nested(17)",
                "nested(40)",
                "many(15)",
                "many(16)",
                "many(70000)",
            ])
            .to_owned(),
        5 => dice
            .pick(&[
                "{}",
                "{ 1, nil, 3 }",
                "{ [2] = 1 }",
                "{ [1.5] = 1 }",
                "{ [0] = 1 }",
                "{ ok = 'fine' }",
                "{ err = 'MY own' }",
            ])
            .to_owned(),
        6 => {
            let many = dice.below(18);
            let all: Vec<String> = (0..many).map(|_| expression(dice, depth + 1)).collect();
            format!("{{ {} }}", all.join(", "))
        }
        _ => {
            let many = dice.below(18);
            let pair = |_| {
                let key = dice.pick(&[
                    "a",
                    "b",
                    "cells",
                    "under_way",
                    "x1",
                    "x2",
                    "x3",
                    "x4",
                    "x5",
                    "x6",
                ]);
                format!("{key} = {}", expression(dice, depth + 1))
            };
            let all: Vec<String> = (0..many).map(pair).collect();
            format!("{{ {} }}", all.join(", "))
        }
    }
}

const HELP: &str = "local function nested(n) local it = 1 for _ = 1, n do it = { it } end return it end \
    local function many(n) local it = {} for k = 1, n do it[k] = k end return it end ";

fn script(dice: &mut Dice, prefix: &str) -> Vec<Vec<u8>> {
    let value = expression(dice, 0);
    let command = command(dice, prefix);
    let body = match dice.below(14) {
        0 | 1 => format!("{HELP} return cmsgpack.pack({value})"),
        2 => format!("{HELP} return cmsgpack.pack({value}, {})", expression(dice, 0)),
        3 => format!("{HELP} return {value}"),
        4 => format!("{HELP} return {{ cmsgpack.unpack(cmsgpack.pack({value})) }}"),
        5 => {
            // Some bytes are others.
            let (place, byte) = (dice.below(12) + 1, dice.below(256));
            let (many, more) = (dice.below(3), dice.below(256));
            format!(
                "{HELP} local it = cmsgpack.pack({value}) it = it:sub(1, {place} - 1) .. '\\{byte}' .. it:sub({place} + 1) \
                 .. string.rep('\\{more}', {many}) return {{ pcall(cmsgpack.unpack, it) }}"
            )
        }
        6 => {
            let bytes: Vec<_> = (0..dice.below(20)).map(|_| format!("\\{}", dice.below(256))).collect();
            let bytes = bytes.concat();
            format!("return {{ pcall(cmsgpack.unpack, '{bytes}') }}")
        }
        7 => {
            let (byte, many) = (dice.pick(&["\\145", "x", "\\129", "\\129\\161a", "\\192"]), dice.pick(&["10", "1999", "2100", "3990", "4010", "60000"]));
            format!("local done, it = pcall(cmsgpack.unpack, string.rep('{byte}', {many})) return {{ done, type(it) == 'table' }}")
        }
        12 => {
            let number = dice.pick(NUMBERS);
            format!(
                "redis.call('DEL', KEYS[1]) redis.call('SET', KEYS[1], {number}) local it = redis.call('GET', KEYS[1]) \
                 redis.call('DEL', KEYS[1]) redis.call('ZADD', KEYS[1], {number}, 'a') \
                 return {{ it, redis.call('ZSCORE', KEYS[1], 'a') }}"
            )
        }
        8 => "return redis.call(unpack(ARGV))".to_owned(),
        9 => "return redis.pcall(unpack(ARGV))".to_owned(),
        10 => "local done, it = pcall(redis.call, unpack(ARGV)) return { done, it }".to_owned(),
        11 => "local it = redis.pcall(unpack(ARGV)) return { type(it), type(it) == 'table' and #it, type(it) == 'string' and it }".to_owned(),
        _ => dice
            .pick(&[
                "error('plain')",
                "error({ err = 'MY own' })",
                "local a = nil\nreturn a.b",
                "return nothing",
                "anything = 1",
                "math.anything = 1",
                "return (",
                "return redis.call('SET', KEYS[1], 0.1)",
                "return redis.call('SET', KEYS[1], {})",
                "return redis.call()",
                "return redis.call('GET')",
                "local done, it = pcall(error, { err = 'MY own' }) return { done, it }",
                "local done, it = pcall(error, 'words', 0) return { done, it }",
                "return { redis.call('TIME')[3], #redis.call('TIME') }",
                "return string.format('%.0f %s %s', 1e15, 0.1, 1e15)",
                "return tostring(KEYS) == tostring(KEYS) and #ARGV",
                "return cmsgpack.pack()",
                "return function() end",
                "return { 1, 2.9, -2.9, 0/0, 1e300, true, false, 3 }",
                "local all = {} for key in pairs({ a = 1, b = 2, cells = 3, pause = 4, x = 5 }) do all[#all + 1] = key end return all",
            ])
            .to_owned(),
    };
    let head =
        [b"EVAL".to_vec(), body.into_bytes(), b"1".to_vec(), format!("{prefix}0").into_bytes()];
    head.into_iter().chain(command).collect()
}

/// What the real one answers.
///
/// Nothing if the client cannot read it, because it is an error that is no text.
fn real(connection: &mut redis::Connection, request: &[Vec<u8>]) -> Option<Reply> {
    let mut command = redis::Cmd::new();
    for part in request {
        command.arg(&part[..]);
    }
    match connection.req_packed_command(&command.get_packed_command()) {
        Ok(value) => Some(reply(value)),
        Err(error) => {
            Some(Reply::Error(format!("{} {}", error.code()?, error.detail().unwrap_or(""))))
        }
    }
}

fn reply(value: Value) -> Reply {
    match value {
        Value::Nil => Reply::Nil,
        Value::Int(number) => Reply::Number(number),
        Value::BulkString(text) => Reply::Text(text),
        Value::SimpleString(text) => Reply::Status(text),
        Value::Okay => Reply::Status("OK".to_owned()),
        Value::Array(all) => Reply::List(all.into_iter().map(reply).collect()),
        Value::ServerError(error) => {
            Reply::Error(format!("{} {}", error.code(), error.details().unwrap_or("")))
        }
        other => panic!("{other:?}"),
    }
}

/// The same without what may differ: the order of a hash, how much time is left, and where in a script an error is.
fn comparable(request: &[Vec<u8>], answer: Reply) -> Reply {
    let is = |name: &[u8]| request.iter().any(|it| it == name);
    match answer {
        Reply::List(mut all)
            if is(b"HGETALL") && all.iter().all(|it| matches!(it, Reply::Text(_))) =>
        {
            all.sort_by_key(|it| format!("{it:?}"));
            Reply::List(all)
        }
        Reply::Number(1..) if is(b"PTTL") => Reply::Number(1),
        Reply::Error(text) => Reply::Error(without_line(text.trim_end())),
        Reply::List(all) => {
            Reply::List(all.into_iter().map(|it| comparable(request, it)).collect())
        }
        Reply::Text(text) => match String::from_utf8(text) {
            Ok(text) => Reply::Text(without_line(&text).into_bytes()),
            Err(other) => Reply::Text(other.into_bytes()),
        },
        other => other,
    }
}

fn without_line(text: &str) -> String {
    let mut parts = text.split("user_script:");
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|it: char| it.is_ascii_digit());
        // Where it is the beginning, the place of an error.
        all.push_str(rest.strip_prefix(": ").unwrap_or(&format!("user_script{rest}")));
    }
    all
}

#[test]
#[ignore = "needs a Redis: TEST_STATE_URL"]
fn a_simulated_redis_answers_as_a_real_one_does() {
    let url = std::env::var("TEST_STATE_URL").expect("TEST_STATE_URL names a Redis");
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_connection().unwrap();
    let (seconds, micros): (i64, i64) = redis::cmd("TIME").query(&mut connection).unwrap();
    let now = seconds * 1_000_000 + micros;
    let mut differences = Vec::new();
    for seed in 0..HISTORIES {
        let (mut dice, mut server) = (Dice(seed), Server::new());
        let prefix = format!("{{compared-{now}}}:{seed}:");
        for step in 0..REQUESTS {
            let is_script = dice.below(3) == 0;
            let make = if is_script { script } else { command };
            let request = make(&mut dice, &prefix);
            let Some(expected) = real(&mut connection, &request) else {
                connection = client.get_connection().unwrap();
                break;
            };
            let expected = comparable(&request, expected);
            let found = comparable(&request, server.ask(now, &request));
            if found != expected {
                let request: Vec<_> =
                    request.iter().map(|it| String::from_utf8_lossy(it)).collect();
                let [found, expected] = [found, expected]
                    .map(|it| format!("{it:?}").chars().take(300).collect::<String>());
                differences.push(format!("seed {seed}, step {step}: {request:?}\n  simulated {found}\n  real      {expected}"));
                break;
            }
        }
        for number in 0..5 {
            let _: () = connection.del(format!("{prefix}{number}")).unwrap();
        }
    }
    assert!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        differences.join("\n")
    );
}
