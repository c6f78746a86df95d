//! Defaults, file and variables, and which of them wins.

use std::time::Duration;

use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;
use crate::config::DEFAULTS;
use crate::telemetry::logs::Format;

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

#[test]
fn what_nobody_sets_is_as_the_contract_says() {
    let config = load_toml(APP).expect("right");
    let seconds = Duration::from_secs;
    assert_eq!(config.server.listen.to_string(), "[::]:8080");
    assert_eq!(config.server.admin_listen.to_string(), "[::]:9090");
    assert_eq!((config.server.max_in_flight, config.server.max_body), (1024, 64 * 1024));
    assert_eq!(config.server.drain_timeout, seconds(20));
    assert_eq!(config.feishu.base_url.as_str(), "https://open.feishu.cn/");
    assert_eq!(config.feishu.connect_timeout, seconds(2));
    assert_eq!((config.feishu.attempt_timeout, config.feishu.deadline), (seconds(5), seconds(15)));
    assert_eq!(config.limits.receiver_per_second.get(), 5);
    assert_eq!(config.limits.app_per_second.get(), 50);
    assert_eq!(config.limits.app_per_minute.get(), 1000);
    assert_eq!(config.limits.guard, Duration::from_millis(50));
    assert_eq!(config.limits.max_wait, seconds(5));
    assert_eq!((config.log.format, config.log.filter.as_str()), (Format::Json, "info"));
    assert_eq!((config.keys.len(), config.keys_file), (0, None));
}

#[test]
fn the_file_wins_over_the_defaults_and_a_variable_over_the_file() {
    let toml = format!("[server]\nlisten = '127.0.0.1:1'\nadmin_listen = '127.0.0.1:2'\n{APP}");
    let config = load_with(&toml, &[("GATEWAY__SERVER__LISTEN", "127.0.0.1:3")]).expect("right");
    assert_eq!(config.server.listen.port(), 3);
    assert_eq!(config.server.admin_listen.port(), 2);
}

#[test]
fn variables_alone_are_enough() {
    let key = KeyHash::of("k").to_string();
    let env = variables(&[
        ("GATEWAY__APPS__MAIN__APP_ID", "cli_1"),
        ("GATEWAY__APPS__MAIN__APP_SECRET", "hush"),
        ("GATEWAY__KEYS__BILLING__HASH", &key),
        ("GATEWAY__KEYS__BILLING__DISABLED", "true"),
        ("GATEWAY__KEYS__BILLING__EXPIRES_AT", "2030-01-01T00:00:00Z"),
        ("GATEWAY__SERVER__MAX_IN_FLIGHT", "7"),
        ("GATEWAY__SERVER__MAX_BODY", "1MiB"),
        ("GATEWAY__LIMITS__GUARD", "0s"),
        ("GATEWAY__LOG__FORMAT", "text"),
        ("GATEWAY__KEYS_FILE", "/run/keys.toml"),
    ]);
    let config = load(None, env).expect("right");
    assert_eq!(config.apps["main"].app_id, "cli_1");
    assert_eq!((config.server.max_in_flight, config.server.max_body), (7, 1 << 20));
    assert_eq!(config.limits.guard, Duration::ZERO);
    assert_eq!(config.log.format, Format::Text);
    assert_eq!(config.keys_file, Some("/run/keys.toml".into()));
    let key = &config.keys["billing"];
    assert!(key.disabled && key.app == "main" && key.expires_at.is_some());
}

#[test]
fn a_variable_of_digits_stays_text_where_text_is_wanted() {
    let env = variables(&[
        ("GATEWAY__APPS__MAIN__APP_ID", "007"),
        ("GATEWAY__APPS__MAIN__APP_SECRET", "1e5"),
    ]);
    let app = load(None, env).expect("right").apps["main"].clone();
    assert_eq!((app.app_id.as_str(), app.app_secret.expose_secret()), ("007", "1e5"));
}

#[test]
fn a_variable_finds_its_app_whatever_the_case_of_its_name() {
    let toml = "[apps.Main]\napp_id = 'cli_1'\n";
    let config = load_with(toml, &[("GATEWAY__APPS__MAIN__APP_SECRET", "hush")]).expect("right");
    assert_eq!(config.apps.keys().collect::<Vec<_>>(), ["Main"]);
}

#[test]
fn of_two_names_that_differ_in_case_a_variable_takes_the_lower_one() {
    let toml = "[apps]\nMain = { app_id = 'upper', app_secret = 'hush' }\n\
                main = { app_id = 'lower', app_secret = 'hush' }\n";
    let config = load_with(toml, &[("GATEWAY__APPS__MAIN__APP_ID", "set")]).expect("right");
    assert_eq!(
        (config.apps["Main"].app_id.as_str(), config.apps["main"].app_id.as_str()),
        ("upper", "set")
    );
}

#[test]
fn variables_without_two_underscores_are_none_of_our_business() {
    let env = [("GATEWAY_CONFIG", "x"), ("GATEWAY_PORT", "tcp://10.0.0.1:80"), ("PATH", "/bin")];
    assert!(load_with(APP, &env).is_ok());
}

#[test]
fn a_variable_with_too_few_underscores_is_not_passed_over() {
    let env = |name: &str| variables(&[(name, "127.0.0.1:9000")]);
    for name in ["GATEWAY_SERVER_LISTEN", "gateway_server_listen"] {
        let errors = load(None, env(name)).unwrap_err();
        let listen = errors.iter().find(|it| it.key == "server.listen").expect("a error");
        let expected = format!(
            "is not read from the variable {name}: the variable's name is GATEWAY__SERVER__LISTEN"
        );
        assert_eq!(listen.detail, expected);
    }
}

#[test]
fn two_variables_for_one_key_are_an_error() {
    let env = [("GATEWAY__LOG__FILTER", "info"), ("GATEWAY__log__filter", "debug")];
    let errors = load_with(APP, &env).expect_err("twice");
    assert_eq!(
        errors[0].to_string(),
        "log.filter: is also set by the variable GATEWAY__log__filter (in the variable GATEWAY__LOG__FILTER)"
    );
}

#[test]
fn every_default_can_be_set_by_the_variable_that_its_comment_names() {
    let named: Vec<&str> =
        DEFAULTS.split_whitespace().filter(|word| word.starts_with("GATEWAY__")).collect();
    let mut key_count = 0;
    let mut section = String::new();
    for line in DEFAULTS.lines().filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[') {
            section = format!("{}__", name.trim_end_matches(']').to_uppercase());
        } else if let Some((key, _)) = line.split_once(" = ") {
            let variable = format!("GATEWAY__{section}{}", key.to_uppercase());
            assert!(named.contains(&variable.as_str()), "{variable} is not named");
            key_count += 1;
        }
    }
    assert!(key_count >= 29, "only {key_count} keys were found");
}

#[test]
fn the_documentation_is_itself_a_file_that_says_the_defaults() {
    let documented = load_toml(&format!("{DEFAULTS}\n{APP}")).expect("right");
    let defaults = load_toml(APP).expect("right");
    assert_eq!(format!("{documented:?}"), format!("{defaults:?}"));
}

#[test]
fn the_examples_in_the_documentation_hold_once_their_mark_is_taken_away() {
    // The examples need the tables that they stand in, and the passwords need a Redis.
    let unmarked = |line: &'static str| match line.strip_prefix("# ") {
        Some(example) => Some(example).filter(|it| it.contains(" = ") || it.starts_with('[')),
        None => Some(line).filter(|it| it.starts_with('[')),
    };
    let examples: Vec<&str> = DEFAULTS.lines().filter_map(unmarked).collect();
    let file = on_disk("hush\n");
    let secret = file.path.display().to_string();
    let certificates = certificates();
    let pem = |name: &str| certificates.path().join(name).display().to_string();
    let webhook_file = on_disk(format!("whsec_{}", "a".repeat(32)));
    let webhook_secret = webhook_file.path.display().to_string();
    let toml = examples
        .join("\n")
        .replace("[state]", "[state]\nurl = \"rediss+sentinel://localhost/main\"")
        .replace("/run/secrets/app_secret", &secret)
        .replace("/run/secrets/encrypt_key", &secret)
        .replace("/run/secrets/verification_token", &secret)
        .replace("/run/secrets/sentinel_password", &secret)
        .replace("/run/secrets/redis_password", &secret)
        .replace("/run/secrets/billing_webhook_secret", &webhook_secret)
        .replace("/etc/gateway/tls.crt", &pem("cert"))
        .replace("/etc/gateway/tls.key", &pem("key"))
        .replace("/etc/gateway/client-ca.crt", &pem("ca"))
        .replace("/etc/feishu/ca.crt", &pem("ca"))
        .replace("/etc/redis/ca.crt", &pem("ca"))
        .replace("/etc/redis/client.crt", &pem("cert"))
        .replace("/etc/redis/client.key", &pem("key"));
    let config = load_toml(&toml).expect("right");
    assert_eq!((config.apps.len(), config.keys.len()), (1, 1));
    assert!(config.state.is_some_and(|state| state.password.is_some()));
}

proptest! {
    #[test]
    fn a_duration_up_to_an_hour_is_read_as_it_is_written(nanoseconds in 0..=3_600_000_000_000_u64) {
        let guard = Duration::from_nanos(nanoseconds);
        let text = humantime::format_duration(guard).to_string();
        let config = load_with(APP, &[("GATEWAY__LIMITS__GUARD", &text)]);
        prop_assert_eq!(config.expect("right").limits.guard, guard);
    }

    #[test]
    fn no_file_and_no_variable_panics(toml: String, name: String, value: String) {
        let _ = load_with(&toml, &[(&format!("GATEWAY__{name}"), &value)]);
    }
}
