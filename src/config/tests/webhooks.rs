//! The webhooks of keys, and the files of their secrets.

use super::*;
use crate::config::{ApiKeys, KeyFiles, read_keys_file, warnings};
use crate::model::webhook::WebhookSecret;

const URL: &str = "webhook_url = 'https://example.com/hook'\n";

/// A secret whose bytes follow from `letter`.
fn secret(letter: char) -> String {
    format!("whsec_{}", letter.to_string().repeat(32))
}

fn is_secret(keys: &ApiKeys, name: &str, letter: char) -> bool {
    let webhook = keys[name].webhook.as_ref().expect("a webhook");
    webhook.secret == WebhookSecret::parse(&secret(letter)).expect("right")
}

fn with_file(file: &OnDisk) -> String {
    format!("{URL}webhook_secret_file = '{}'", file.path.display())
}

#[test]
fn a_webhook_has_a_url_and_a_secret_or_its_file() {
    let file = on_disk(secret('b') + "\n");
    let inline = format!("{URL}webhook_secret = '{}'", secret('a'));
    let toml = key_table("a", "a", &inline) + &key_table("b", "b", &with_file(&file));
    let keys = load_toml(&(toml + &key_table("c", "c", "") + APP)).expect("right").keys;
    assert!(is_secret(&keys, "a", 'a') && is_secret(&keys, "b", 'b'));
    assert!(keys["c"].webhook.is_none());
}

#[test]
fn one_without_the_other_or_wrong_is_an_error_that_does_not_repeat_it() {
    let secret = format!("webhook_secret = '{}'\n", secret('a'));
    for (more, start) in [
        (URL.to_owned(), "keys.k.webhook_secret: is missing, but webhook_url is set"),
        (secret.clone(), "keys.k.webhook_url: is missing, but a secret for it is set"),
        (
            format!("{secret}webhook_url = 'hush'"),
            "keys.k.webhook_url: must be a URL that starts with https:// or http://",
        ),
        (
            format!("{secret}webhook_url = 'https://hush@example.com'"),
            "keys.k.webhook_url: must not contain a user name",
        ),
        (
            format!("{secret}webhook_url = 'https://example.com/#hush'"),
            "keys.k.webhook_url: must not have a fragment",
        ),
        (
            format!("{URL}webhook_secret = 'whsec_hush'"),
            "keys.k.webhook_secret: must be whsec_ and the base64 of 24 to 64 random bytes",
        ),
        (
            format!("{URL}webhook_secret_file = '/no/such'"),
            "keys.k.webhook_secret_file: names a file that cannot be read",
        ),
        (
            format!("{URL}{secret}webhook_secret_file = '/no/such'"),
            "keys.k.webhook_secret_file: is set, and so is webhook_secret",
        ),
    ] {
        let shown = error(&key_table("k", "k", &more));
        assert!(shown.starts_with(start) && !shown.contains("hush"), "{more}: {shown}");
    }
}

#[test]
fn another_secret_in_a_file_is_noticed_wherever_the_key_stands() {
    let (one, other) = (on_disk(secret('a')), on_disk(secret('b')));
    let table = key_table("other", "other", &with_file(&other));
    for (inline, keys_file) in [
        (key_table("one", "one", &with_file(&one)) + &table, None),
        (key_table("one", "one", &with_file(&one)), Some(on_disk(&table))),
    ] {
        fs::write(&other.path, secret('b')).expect("as at first");
        let keys_file = keys_file.as_ref();
        let setting = keys_file
            .map_or_else(String::new, |it| format!("keys_file = '{}'\n", it.path.display()));
        let config = load_toml(&(setting + &inline + APP)).expect("right");
        let mut files = KeyFiles::of(&config, &config.apps).expect("files");
        let mut look = || files.look();
        let keys = look().expect("the first").expect("right");
        assert!(is_secret(&keys, "one", 'a') && is_secret(&keys, "other", 'b'));
        assert!(look().is_none());

        fs::write(&other.path, secret('c')).expect("a change");
        let keys = look().expect("a change").expect("right");
        assert!(is_secret(&keys, "one", 'a') && is_secret(&keys, "other", 'c'));

        fs::write(&other.path, "whsec_hush").expect("a mistake");
        let shown = look().expect("a change").expect_err("wrong")[0].to_string();
        assert!(shown.starts_with("keys.other.webhook_secret_file: names a file"), "{shown}");
        assert!(look().is_none());

        fs::write(&other.path, secret('c')).expect("as before");
        assert!(look().expect("a change").is_ok_and(|keys| is_secret(&keys, "other", 'c')));
        assert!(look().is_none());
    }
}

#[test]
fn keys_without_files_are_not_watched() {
    let inline = format!("{URL}webhook_secret = '{}'", secret('a'));
    let config = load_toml(&(key_table("k", "k", &inline) + APP)).expect("right");
    assert!(KeyFiles::of(&config, &config.apps).is_none());
}

#[test]
fn a_keys_file_shows_its_webhooks_without_their_secrets() {
    let file = on_disk(key_table(
        "k",
        "k",
        &format!("{URL}webhook_secret = 'whsec_{}'", "hush".repeat(8)),
    ));
    let apps = load_toml(APP).expect("right").apps;
    let (keys, effective) = read_keys_file(&file.path, &apps, &ApiKeys::new()).expect("right");
    let shown = format!("{}{keys:?}", effective.as_keys_file_comment());
    assert!(shown.contains("# webhook_url = \"https://example.com/hook\""), "{shown}");
    assert!(!shown.contains("hush"), "{shown}");
}

#[test]
fn the_networks_of_webhooks_are_a_list_that_may_be_empty() {
    let networks = |toml: &str, env: &[(&str, &str)]| {
        let config = load_with(&format!("{toml}\n{APP}"), env).expect(toml);
        let networks = config.broadcasts.webhook_networks;
        networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(networks("", &[]), "");
    assert_eq!(networks("broadcasts.webhook_networks = []", &[]), "");
    let two = "broadcasts.webhook_networks = ['10.0.0.0/8', 'fd00::/8']";
    assert_eq!(networks(two, &[]), "10.0.0.0/8 fd00::/8");
    let variable = |value| [("GATEWAY__BROADCASTS__WEBHOOK_NETWORKS", value)];
    assert_eq!(networks("", &variable("127.0.0.1/32, ::1/128")), "127.0.0.1/32 ::1/128");
    assert_eq!(networks(two, &variable("")), "");
    for wrong in ["['10.0.0.0']", "['10.0.0.1/8']", "['fd00::/129']", "['']", "[10]", "true"] {
        refused(&[(
            &format!("broadcasts.webhook_networks = {wrong}"),
            "broadcasts.webhook_networks: must",
        )]);
    }
}

#[test]
fn a_webhook_that_can_be_read_on_its_way_or_not_be_reached_is_a_warning() {
    let warned = |url: &str, networks: &str| {
        let webhook = format!("webhook_url = '{url}'\nwebhook_secret = '{}'", secret('a'));
        let toml = format!(
            "broadcasts.webhook_networks = [{networks}]\n{}{APP}",
            key_table("k", "k", &webhook)
        );
        let config = load_toml(&toml).expect("allowed");
        warnings(&config, &config.keys, jiff::Timestamp::UNIX_EPOCH)
    };
    assert_eq!(warned("https://example.com", ""), [""; 0]);
    assert_eq!(warned("http://127.0.0.1:1", "'127.0.0.0/8'"), [""; 0]);
    assert!(warned("http://example.com", "")[0].starts_with("keys.k.webhook_url: is plain http"));
    for private in ["https://10.0.0.1", "https://[fd00::1]", "http://[::1]"] {
        let shown = warned(private, "");
        assert!(shown[0].contains("is a private address"), "{private}: {shown:?}");
    }
}
