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
fn mistakes_name_the_key_and_repeat_no_password() {
    for (toml, told) in [
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
        let mistake = mistake(toml);
        assert!(mistake.starts_with(told) && !mistake.contains("hush"), "{mistake}");
    }
}
