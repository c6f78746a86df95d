//! The checks behind the fuzz targets in `fuzz/`. The tests below run them on the corpus in `fuzz/corpus`.
//!
//! Each public function takes the bytes of one input, and panics if a property that must hold for every input does
//! not hold.

use secrecy::SecretString;

use crate::model::api_key::{ApiKey, KeyHash};
use crate::model::forward::Forward;
use crate::model::idempotency_key::{IdempotencyKey, UuidMaker};
use crate::model::message_id::MessageId;
use crate::model::receiver::Receiver;
use crate::{api, config, feishu};

/// Checks a request for a forward. The input has a first line such as `om_1?uuid=2`, headers, an empty line and a
/// body.
pub fn request(data: &[u8]) {
    let message = Message::read(data);
    let Ok(target) = str::from_utf8(message.first_line) else {
        return;
    };
    api::fuzz::request(target, &message.headers, message.body);
}

/// Checks an answer of Feishu. The input has a first line with the HTTP status, headers, an empty line and a body.
pub fn answer(data: &[u8]) {
    let message = Message::read(data);
    let status = str::from_utf8(message.first_line).ok().and_then(|line| line.parse().ok());
    let Some(status) = status else {
        return;
    };
    feishu::fuzz::token(status, &message.headers, message.body);
    let answer = feishu::fuzz::forwarded(status, &message.headers, message.body);
    if let Err(error) = answer {
        api::fuzz::failed(&error);
    }
}

/// Checks a request that Feishu pushes to a store app. The input has a first line that does not count, headers, an empty
/// line and a body.
pub fn event(data: &[u8]) {
    let message = Message::read(data);
    feishu::fuzz::pushed(&message.headers, message.body);
}

/// Checks a configuration. The input is the file, a zero byte, and environment variables, one `NAME=VALUE` on each
/// line.
pub fn config(data: &[u8]) {
    let (toml, variables) = split_at(data, b"\0");
    let variables = String::from_utf8_lossy(variables);
    let variables: Vec<(String, String)> = variables
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    config::fuzz::config(toml, &variables);
}

/// Checks the parsers of API keys, key hashes, idempotency keys, the keys file and `Prefer`. Each parser gets the
/// whole input.
pub fn key(data: &[u8]) {
    config::fuzz::keys_file(data);
    api::fuzz::prefer(data);
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    api_key(text);
    key_hash(text);
    idempotency_key(text);
}

fn idempotency_key(text: &str) {
    let (Ok(key), Ok(message)) = (IdempotencyKey::parse(text), MessageId::parse("om_1")) else {
        return;
    };
    let receiver = Receiver::parse("oc_1", None).expect("a receiver");
    let uuids = UuidMaker::new(&SecretString::from("fuzz"));
    let forward = key.names("caller", "main", &Forward::Message(message), &receiver);
    assert!(uuids.of(&forward).as_str().len() <= 50);
    // In quotes, as the draft for this header requires, the text is an equal key.
    let bare = text.trim_matches([' ', '\t']);
    if !bare.starts_with('"') {
        let quoted = format!("\"{}\"", bare.replace('\\', "\\\\").replace('"', "\\\""));
        assert_eq!(IdempotencyKey::parse(&quoted), Ok(key));
    }
}

fn api_key(text: &str) {
    if ApiKey::has_valid_checksum(text) {
        assert!(text.len() == 66 && text.starts_with("ffg_") && text.is_ascii());
        let other = if text.ends_with('0') { '1' } else { '0' };
        assert!(!ApiKey::has_valid_checksum(&format!("{}{other}", &text[..65])));
    }
}

fn key_hash(text: &str) {
    if let Ok(hash) = text.parse::<KeyHash>() {
        assert_eq!(hash.to_string(), text.to_ascii_lowercase());
        assert_eq!(hash.to_string().parse(), Ok(hash));
    }
}

/// Checks the arguments of the tools for assistants. The input is their JSON, which each tool gets.
pub fn tool(data: &[u8]) {
    api::fuzz::arguments(data);
}

/// An HTTP message in a shortened format, which people can read and write in a corpus.
struct Message<'a> {
    first_line: &'a [u8],
    headers: Vec<(&'a [u8], &'a [u8])>,
    body: &'a [u8],
}

impl<'a> Message<'a> {
    fn read(data: &'a [u8]) -> Self {
        let (head, body) = split_at(data, b"\n\n");
        let (first_line, headers) = split_at(head, b"\n");
        let headers = headers
            .split(|byte| *byte == b'\n')
            .map(|line| split_at(line, b":"))
            .map(|(name, value)| (name, value.trim_ascii()))
            .collect();
        Self { first_line, headers, body }
    }
}

/// The bytes before and after the first `separator`.
fn split_at<'a>(data: &'a [u8], separator: &[u8]) -> (&'a [u8], &'a [u8]) {
    match data.windows(separator.len()).position(|window| window == separator) {
        Some(at) => (&data[..at], &data[at + separator.len()..]),
        None => (data, &[]),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::panic::catch_unwind;
    use std::path::Path;

    use super::*;

    /// Runs `check` on each input in the corpus of a target.
    fn check_corpus(target: &str, check: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        let mut inputs = 0;
        for input in fs::read_dir(folder).expect("a corpus") {
            let path = input.expect("an input").path();
            let data = fs::read(&path).expect("a readable input");
            assert!(catch_unwind(|| check(&data)).is_ok(), "the input is {}", path.display());
            inputs += 1;
        }
        assert!(inputs > 0, "the corpus is empty");
    }

    #[test]
    fn all_checks_of_requests_hold_for_the_corpus() {
        check_corpus("request", request);
    }

    #[test]
    fn all_checks_of_feishus_answers_hold_for_the_corpus() {
        check_corpus("answer", answer);
    }

    #[test]
    fn all_checks_of_pushed_requests_hold_for_the_corpus() {
        check_corpus("event", event);
    }

    #[test]
    fn all_checks_of_configurations_hold_for_the_corpus() {
        check_corpus("config", config);
    }

    #[test]
    fn all_checks_of_tools_arguments_hold_for_the_corpus() {
        check_corpus("tool", tool);
    }

    #[test]
    fn all_checks_of_keys_hold_for_the_corpus() {
        check_corpus("key", key);
    }
}
