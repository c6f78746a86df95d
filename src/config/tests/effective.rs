//! The configuration printed back.

use super::*;
use crate::config::{ApiKeys, DEFAULTS, read_keys_file};

fn unusual() -> Config {
    let toml = format!(
        "keys_file = 'C:\\keys \"1\".toml'\nserver.max_body = 1000\nlog.filter = 'info,a=debug'\n\
         server.public_url = 'https://apps.example.com/feishu'\n\
         log.format = 'text'\nlog.audit_ids = 'plain'\nlimits.guard = '1ms 5us'\n\
         state.url = 'rediss+sentinel://me@redis:1/2'\nstate.password = 'hush'\nstate.sentinel_password = 'hush'\n{}{}{}",
        key_table("'a.b'", "one", "expires_at = 2030-01-01T00:00:00Z\napp = 'main'"),
        key_table(
            "b",
            "two",
            "disabled = true\napp = 'main'\nwebhook_url = 'https://example.com/?a=b'\n\
             webhook_secret = 'whsec_hushhushhushhushhushhushhushhush'\n\
             allow_receivers = ['ou_*', 'oc_1']\n\
             allow_receive_id_types = ['chat_id', 'open_id']"
        ),
        APPS,
    );
    load_toml(&toml).expect("right")
}

#[test]
fn it_loads_again_as_the_same_but_for_the_masked_secrets() {
    let config = unusual();
    let again = load_toml(&config.effective.to_string()).expect("right");
    assert_eq!(format!("{again:?}"), format!("{config:?}"));
    assert_eq!(again.effective.to_string(), config.effective.to_string());
}

#[test]
fn it_holds_every_key() {
    let shown = unusual().effective.to_string();
    let keys = DEFAULTS.lines().filter_map(|line| line.split_once(" = "));
    let mut count = 0;
    for key in
        keys.map(|(key, _)| key.trim_start_matches("# ")).filter(|key| !key.ends_with("_file"))
    {
        assert!(shown.contains(&format!("{key} = ")), "{key}");
        count += 1;
    }
    assert!(count >= 35, "only {count} keys were found");
    for file in ["# ca_file = none", "# cert_file = none", "# key_file = none"] {
        assert!(shown.contains(file), "{file}");
    }
    assert!(shown.contains("keys_file = "));
}

#[test]
fn the_keys_of_the_keys_file_are_shown_beside_it() {
    let (config, apps) = (unusual(), load_toml(APP).expect("right").apps);
    let file = on_disk(format!(
        "{}{}",
        key_table("'a.b'", "three", "expires_at = 2030-01-01T00:00:00Z"),
        key_table("c", "four", "disabled = true")
    ));
    let (_, effective) = read_keys_file(&file.path, &apps, &ApiKeys::new()).expect("right");
    let shown = effective.as_keys_file_comment();
    assert!(
        shown.starts_with("\n# keys_file has 2 more API keys:\n#\n# [keys.\"a.b\"]\n# hash = ")
    );
    for line in ["# expires_at = \"2030-01-01T00:00:00Z\"", "# disabled = true", "# app = \"main\""]
    {
        assert!(shown.lines().any(|it| it == line), "{line}: {shown}");
    }
    // They are comments: as keys, those of the keys file would be set twice.
    let again = load_toml(&format!("{}{shown}", config.effective)).expect("right");
    assert_eq!(again.keys.keys().collect::<Vec<_>>(), config.keys.keys().collect::<Vec<_>>());
}

#[test]
fn neither_it_nor_debug_holds_a_secret() {
    let config = unusual();
    let shown = format!("{}{config:?}", config.effective);
    assert!(shown.contains("app_secret = \"********\""));
    assert!(!shown.contains("hush"));
}
