//! What is allowed and probably wrong.

use std::os::unix::fs::PermissionsExt;

use jiff::Timestamp;

use super::*;
use crate::config::warnings;

const NOW: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// The warnings of an otherwise right configuration with `toml` on top.
fn shown(toml: &str) -> Vec<String> {
    let config = load_toml(&format!("{toml}\n{APP}")).expect("allowed");
    warnings(&config, &config.keys, NOW)
}

#[test]
fn there_is_none_for_the_defaults_with_an_app_and_a_key() {
    assert_eq!(shown(&key_table("k", "k", "")), [""; 0]);
}

#[test]
fn what_is_probably_wrong_is_reported_with_its_key() {
    for (toml, start) in [
        ("limits.receiver_per_second = 6", "limits.receiver_per_second: is above Feishu's limit"),
        ("limits.app_per_second = 51", "limits.app_per_second: is above"),
        ("limits.app_per_minute = 1001", "limits.app_per_minute: is above"),
        ("limits.max_wait = '11s'", "limits.max_wait: is longer"),
        ("limits.max_waiting_per_receiver = 769", "limits.max_waiting_per_receiver: is above"),
        ("server.max_in_flight = 768", "limits.max_waiting: is not below"),
        ("server.max_connections = 1023", "server.max_connections: is below"),
        ("server.max_body = '2MiB'", "server.max_body: is far more"),
        ("server.drain_delay = '20s'", "server.drain_delay: leaves no time"),
        ("server.drain_timeout = '14s'", "server.drain_timeout: is shorter than feishu.deadline"),
        ("feishu.base_url = 'http://mock'", "feishu.base_url: is plain http"),
        ("feishu.base_url = 'https://www.feishu.cn'", "feishu.base_url: is a website"),
        ("feishu.attempt_timeout = '16s'", "feishu.attempt_timeout: is longer"),
        ("feishu.connect_timeout = '5s'", "feishu.connect_timeout: is not shorter"),
        ("feishu.quota_interval = '59s'", "feishu.quota_interval: is short"),
        ("broadcasts.path = 'b.db'\nstate.url = 'redis://r'", "broadcasts.path: is not used"),
        ("log.filter = 'warn'", "log.filter: hides the audit log"),
        ("log.filter = 'audit=info'", "log.filter: hides the gateway's errors"),
        ("apps.other = { app_id = 'other', app_secret = 'x' }", "apps.other.app_id: does not"),
        (
            "apps.other = { app_id = 'cli_2', app_secret = '${X}' }",
            "apps.other.app_secret: does not",
        ),
        ("apps.other = { app_id = 'cli_2', app_secret = 'x' }", "apps.other: no API key"),
    ] {
        let shown = shown(&format!("{toml}\n{}", key_table("k", "k", "app = 'main'")));
        assert!(shown.iter().any(|it| it.starts_with(start)), "{toml}: {shown:?}");
    }
}

#[test]
fn plain_http_to_this_machine_is_no_warning() {
    for host in ["localhost", "127.0.0.1:1", "[::1]:1"] {
        let shown =
            shown(&format!("feishu.base_url = 'http://{host}'\n{}", key_table("k", "k", "")));
        assert_eq!(shown, [""; 0]);
    }
}

#[test]
fn a_key_that_is_past_and_the_lack_of_any_are_reported() {
    assert_eq!(shown(""), ["keys: no API key is configured: every forward is refused"]);
    let at = |time| key_table("k", "k", &format!("expires_at = '{time}'"));
    assert!(shown(&at("2026-01-01T00:00:00Z"))[0].starts_with("keys.k.expires_at: is in the past"));
    assert_eq!(shown(&at("2026-01-01T00:00:01Z")), [""; 0]);
}

#[test]
fn a_budget_of_a_month_that_only_memory_counts_is_reported() {
    let key = key_table("k", "k", "per_month = 100");
    assert!(shown(&key)[0].starts_with("keys.k.per_month: is counted in memory"));
    assert_eq!(shown(&format!("state.url = 'redis://127.0.0.1'\n{key}")), [""; 0]);
}

#[test]
fn a_file_that_every_user_may_write_is_reported() {
    let file = on_disk("hush");
    let app = format!("app_id = 'cli_2'\napp_secret_file = '{}'\n", file.path.display());
    let toml = format!("[apps.other]\n{app}{}", key_table("k", "k", "app = 'other'"));
    let is_reported_with = |mode| {
        fs::set_permissions(&file.path, fs::Permissions::from_mode(mode)).expect("our own file");
        shown(&toml).iter().any(|it| it.starts_with("apps.other.app_secret_file: /"))
    };
    assert!(!is_reported_with(0o644) && is_reported_with(0o646));
}
