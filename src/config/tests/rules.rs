//! What each key takes and what it refuses.

use std::time::Duration;

use super::*;

#[test]
fn an_address_is_an_ip_address_and_a_port() {
    assert!(load_toml(&format!("[server]\nlisten = '[::1]:0'\n{APP}")).is_ok());
    for toml in ["listen = 8080", "listen = ':8080'", "listen = 'localhost:80'", "listen = ''"] {
        refused(&[(&format!("[server]\n{toml}"), "server.listen: must ")]);
    }
}

#[test]
fn the_two_listeners_cannot_share_an_address() {
    let both = |listen: &str, admin: &str| {
        format!("[server]\nlisten = '{listen}'\nadmin_listen = '{admin}'\n")
    };
    let start = "server.admin_listen: must differ from server.listen";
    refused(&[
        (&both("127.0.0.1:1", "127.0.0.1:1"), start),
        (&both("0.0.0.0:1", "127.0.0.1:1"), start),
        (&both("[::]:1", "127.0.0.1:1"), start),
        (&both("[::ffff:127.0.0.1]:1", "127.0.0.1:1"), start),
        ("[server]\nlisten = '0.0.0.0:9090'", start),
    ]);
    for toml in [both("127.0.0.1:0", "127.0.0.1:0"), both("127.0.0.1:1", "127.0.0.2:1")] {
        assert!(load_toml(&(toml + APP)).is_ok());
    }
}

#[test]
fn counts_start_at_one() {
    for key in [
        "server.max_in_flight",
        "server.max_connections",
        "limits.receiver_per_second",
        "limits.app_per_second",
        "limits.app_per_minute",
        "limits.max_waiting_per_receiver",
        "limits.max_waiting",
    ] {
        for value in ["0", "-1", "1.5", "true", "'five'", "4294967296"] {
            refused(&[(
                &format!("{key} = {value}"),
                &format!("{key}: must be a whole number from 1 "),
            )]);
        }
    }
}

#[test]
fn a_size_has_a_unit_or_is_a_number_of_bytes() {
    for (value, bytes) in
        [("1", 1), ("'100'", 100), ("'1kB'", 1000), ("'1 KiB'", 1024), ("'1GiB'", 1 << 30)]
    {
        let config = load_toml(&format!("server.max_body = {value}\n{APP}")).expect(value);
        assert_eq!(config.server.max_body, bytes);
    }
    for value in ["0", "-1", "'0B'", "'1.1GiB'", "'much'", "1.5"] {
        refused(&[(&format!("server.max_body = {value}"), "server.max_body: must be a size ")]);
    }
}

#[test]
fn a_duration_has_a_unit_and_the_error_at_a_bare_number_says_what_to_write() {
    let config = load_toml(&format!("limits.max_wait = '1m 30s'\n{APP}")).expect("right");
    assert_eq!(config.limits.max_wait, Duration::from_secs(90));
    refused(&[
        (
            "limits.max_wait = 5",
            "limits.max_wait: must be a duration with its unit in quotes, such as \"5s\"",
        ),
        (
            "limits.max_wait = '5'",
            "limits.max_wait: must be a duration with its unit, such as \"5s\"",
        ),
        ("limits.max_wait = '-5s'", "limits.max_wait: must be a duration"),
        ("limits.max_wait = '61m'", "limits.max_wait: must be a duration"),
        ("limits.max_wait = '99999999999999years'", "limits.max_wait: must be a duration"),
    ]);
}

#[test]
fn only_where_it_means_something_may_a_duration_be_zero() {
    for key in ["limits.max_wait", "limits.guard", "server.drain_timeout", "server.drain_delay"] {
        assert!(load_toml(&format!("{key} = '0s'\n{APP}")).is_ok(), "{key}");
    }
    for key in [
        "feishu.connect_timeout",
        "feishu.attempt_timeout",
        "feishu.deadline",
        "feishu.quota_interval",
        "server.body_timeout",
    ] {
        refused(&[(&format!("{key} = '0s'"), &format!("{key}: must be longer than zero"))]);
    }
}

#[test]
fn the_base_url_is_http_or_https_without_credentials_query_and_fragment() {
    assert!(load_toml(&format!("feishu.base_url = 'http://127.0.0.1:1/mock'\n{APP}")).is_ok());
    for url in [
        "open.feishu.cn",
        "ftp://a",
        "https://",
        "https://u@a",
        "https://:p@a",
        "https://a?q",
        "https://a#f",
        "",
    ] {
        refused(&[(&format!("feishu.base_url = '{url}'"), "feishu.base_url: must ")]);
    }
}

#[test]
fn the_public_url_is_a_base_like_feishus_or_none() {
    let public_url =
        |toml: &str| load_toml(&format!("{toml}\n{APP}")).expect("it loads").server.public_url;
    assert_eq!(public_url("server.public_url = ''"), None);
    let behind_a_prefix = public_url("server.public_url = 'https://apps.example.com/feishu/'");
    assert_eq!(behind_a_prefix.expect("a URL").path(), "/feishu/");
    for url in ["apps.example.com", "ftp://a", "https://u:p@a", "https://a/?q", "https://a/#f"] {
        refused(&[(&format!("server.public_url = '{url}'"), "server.public_url: must ")]);
    }
}

#[test]
fn the_log_has_two_formats_and_a_filter_that_parses() {
    refused(&[
        ("log.format = 'xml'", "log.format: must be \"json\" or \"text\""),
        ("log.audit_ids = 'none'", "log.audit_ids: must be \"hashed\" or \"plain\""),
        ("log.filter = 'a=b=c'", "log.filter: must be a level"),
        ("log.filter = ''", "log.filter: must not be empty"),
        ("log.filter = 3", "log.filter: must be a string"),
    ]);
    assert!(load_toml(&format!("log.filter = 'info,actix_web=warn'\n{APP}")).is_ok());
}
