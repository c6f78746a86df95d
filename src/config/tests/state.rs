//! The Redis that replicas share.

use secrecy::ExposeSecret;

use super::*;

#[test]
fn without_a_url_nothing_is_shared() {
    assert!(load_toml(APP).expect("right").state.is_none());
    let toml = format!("state.url = ''\nstate.prefix = 'chat'\nstate.replicas = 3\n{APP}");
    assert!(load_toml(&toml).expect("right").state.is_none());
}

#[test]
fn what_is_shared_is_where_the_url_says_under_the_prefix() {
    let toml = format!("state.url = 'redis+cluster://a,b'\nstate.prefix = 'chat'\n{APP}");
    let state = load_toml(&toml).expect("right").state.expect("shared");
    assert_eq!(state.url.to_string(), "redis+cluster://a,b");
    assert_eq!((state.prefix.as_str(), state.replicas.get()), ("chat", 2));
    assert!(state.password.is_none());
}

#[test]
fn the_password_stands_beside_the_url_or_in_a_file() {
    let file = on_disk("hush\n");
    for set in ["password = 'hush'", &format!("password_file = '{}'", file.path.display())] {
        let toml = format!("state.url = 'redis://redis'\nstate.{set}\n{APP}");
        let state = load_toml(&toml).expect("right").state.expect("shared");
        assert_eq!(state.password.expect("set").expose_secret(), "hush");
    }
}

#[test]
fn errors_name_the_key_and_repeat_no_password() {
    for (toml, shown) in [
        ("state.url = 'redis://:hush@redis'", "state.url: must hold no password"),
        ("state.url = 'http://redis'", "state.url: must be like redis://HOST:PORT"),
        ("state.url = 1", "state.url: must be text in quotes"),
        ("state.password = 'hush'", "state.url: is missing, but there is a password"),
        ("state.prefix = 'a{b}'", "state.prefix: must hold no braces"),
        ("state.prefix = ''", "state.prefix: must not be empty"),
        ("state.replicas = 0", "state.replicas: must be a whole number from 1"),
        (
            "state.url = 'redis://redis'\nstate.password = 'hush'\nstate.password_file = 'no'",
            "state.password_file: is set, and password is too: keep one of them",
        ),
        (
            "state.url = 'redis://redis'\nstate.password_file = '/no/such/file'",
            "state.password_file: names a file that cannot be read",
        ),
        ("state.uri = 'redis://redis'", "state.uri: is not a key"),
    ] {
        let error = error(toml);
        assert!(error.starts_with(shown) && !error.contains("hush"), "{error}");
    }
}

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----\n";
const KEY: &str = "-----BEGIN PRIVATE KEY-----\nTUlJ\n-----END PRIVATE KEY-----\n";

#[test]
fn sentinels_have_a_password_of_their_own() {
    let file = on_disk("hush\n");
    let in_file = format!("sentinel_password_file = '{}'", file.path.display());
    for set in ["sentinel_password = 'hush'", &in_file] {
        let toml = format!("state.url = 'redis+sentinel://a/main'\nstate.{set}\n{APP}");
        let state = load_toml(&toml).expect("right").state.expect("shared");
        assert_eq!(state.sentinel_password.expect("set").expose_secret(), "hush");
        assert!(state.password.is_none());
    }
    let shown = error("state.url = 'redis://a'\nstate.sentinel_password = 'hush'");
    assert!(shown.starts_with("state.sentinel_password: is set, but state.url names no Sentinels"));
}

#[test]
fn the_files_for_tls_are_there_and_hold_what_they_are_to() {
    let (certificate, key) = (on_disk(CERTIFICATE), on_disk(KEY));
    let (certificate, key) = (certificate.path.display(), key.path.display());
    let toml = |url: &str, set: &str| format!("state.url = '{url}'\n{set}");
    let all = format!(
        "state.ca_file = '{certificate}'\nstate.cert_file = '{certificate}'\nstate.key_file = '{key}'\n"
    );
    let right = load_toml(&(toml("rediss://a", &all) + APP)).expect("right").state.expect("shared");
    assert_eq!(right.tls.ca, right.tls.cert);
    assert!(right.tls.key.is_some());
    for (set, shown) in [
        (
            "state.ca_file = '/no/such/file'".to_owned(),
            "state.ca_file: names a file that cannot be",
        ),
        (
            format!("state.ca_file = '{key}'"),
            "state.ca_file: names a file that holds no certificates",
        ),
        (format!("state.cert_file = '{certificate}'"), "state.key_file: is missing"),
        (format!("state.key_file = '{key}'"), "state.cert_file: is missing"),
        (
            format!("state.cert_file = '{certificate}'\nstate.key_file = '{certificate}'"),
            "state.key_file: names a file that holds no private key",
        ),
    ] {
        let error = error(&toml("rediss://a", &set));
        assert!(error.starts_with(shown), "{error}");
    }
    let without = error(&toml("redis://a", &format!("state.ca_file = '{certificate}'")));
    assert!(
        without.starts_with("state.ca_file: is set, but state.url is without TLS"),
        "{without}"
    );
}
