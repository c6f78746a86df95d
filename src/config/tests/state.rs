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
        ("state.url = 'redis://:hush@redis'", "state.url: must not contain a password"),
        ("state.url = 'http://redis'", "state.url: must be like redis://HOST:PORT"),
        ("state.url = 1", "state.url: must be a string in quotes"),
        ("state.password = 'hush'", "state.url: is missing, but a password"),
        ("state.prefix = 'a{b}'", "state.prefix: must not contain braces"),
        ("state.prefix = ''", "state.prefix: must not be empty"),
        ("state.replicas = 0", "state.replicas: must be a whole number from 1"),
        (
            "state.url = 'redis://redis'\nstate.password = 'hush'\nstate.password_file = 'no'",
            "state.password_file: is set, and so is password: keep one of them",
        ),
        (
            "state.url = 'redis://redis'\nstate.password_file = '/no/such/file'",
            "state.password_file: names a file that cannot be read",
        ),
        ("state.uri = 'redis://redis'", "state.uri: is not a known key"),
    ] {
        let error = error(toml);
        assert!(error.starts_with(shown) && !error.contains("hush"), "{error}");
    }
}

/// PEM, but not of a certificate.
const GARBLED: &str = "-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----\n";

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
    let (directory, others, garbled) = (certificates(), certificates(), on_disk(GARBLED));
    let file = |name: &str| directory.path().join(name).display().to_string();
    let [ca, cert, key] = ["ca", "cert", "key"].map(file);
    let all =
        format!("state.ca_file = '{ca}'\nstate.cert_file = '{cert}'\nstate.key_file = '{key}'\n");
    let toml = format!("state.url = 'rediss://a'\n{all}{APP}");
    let tls = load_toml(&toml).expect("right").state.expect("shared").tls;
    assert_eq!(tls.pem.ca.map(|all| all.len()), Some(1));
    assert!(tls.pem.identity.is_some());
    let another = others.path().join("key").display().to_string();
    let garbled = garbled.path.display().to_string();
    for (set, start) in [
        (vec![("ca_file", "/no/such/file")], "ca_file: names a file that cannot be read"),
        (vec![("ca_file", "/dev/null")], "ca_file: names a file that cannot be read: it is not a"),
        (vec![("ca_file", &key)], "ca_file: names a file without a PEM certificate"),
        (vec![("ca_file", &garbled)], "ca_file: names a file with a certificate that cannot be"),
        (vec![("cert_file", &cert)], "key_file: is missing"),
        (vec![("key_file", &key)], "cert_file: is missing"),
        (
            vec![("cert_file", &cert), ("key_file", &cert)],
            "key_file: names a file without a PEM private key",
        ),
        (
            vec![("cert_file", &cert), ("key_file", &another)],
            "key_file: names a private key that does not match the",
        ),
    ] {
        let set = set.iter().map(|(name, path)| format!("state.{name} = '{path}'"));
        let set: Vec<String> = set.collect();
        let shown = error(&format!("state.url = 'rediss://a'\n{}", set.join("\n")));
        assert!(shown.starts_with(&format!("state.{start}")), "{shown}");
    }
    let without = error(&format!("state.url = 'redis://a'\nstate.ca_file = '{ca}'"));
    assert!(
        without.starts_with("state.ca_file: is set, but state.url does not use TLS"),
        "{without}"
    );
}

#[test]
fn client_certificates_need_a_certificate_of_the_gateways_own() {
    let directory = certificates();
    let file = |name: &str| directory.path().join(name).display().to_string();
    let [ca, cert, key] = ["ca", "cert", "key"].map(file);
    let clients = format!("server.tls.client_ca_file = '{ca}'\n");
    let own = format!("server.tls.cert_file = '{cert}'\nserver.tls.key_file = '{key}'\n");
    assert!(load_toml(&format!("{own}{clients}{APP}")).is_ok());
    refused(&[
        (&clients, "server.tls.client_ca_file: is set, but cert_file is not"),
        (&format!("server.tls.cert_file = '{cert}'"), "server.tls.key_file: is missing"),
        ("server.tls = 1", "server.tls: must be a table"),
    ]);
}

#[test]
fn what_feishu_is_trusted_by_is_in_a_file() {
    let directory = certificates();
    let ca = directory.path().join("ca").display().to_string();
    let config = load_toml(&format!("feishu.ca_file = '{ca}'\n{APP}")).expect("right");
    assert_eq!(config.feishu.tls.pem.ca.map(|all| all.len()), Some(1));
    let shown = error("feishu.ca_file = '/no/such/file'");
    assert!(shown.starts_with("feishu.ca_file: names a file that cannot be read"), "{shown}");
}
