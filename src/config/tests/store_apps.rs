//! What store apps need, and what only they may have.

use secrecy::ExposeSecret;

use super::*;

fn app(more: &str) -> String {
    format!("[apps.shop]\napp_id = 'cli_2'\napp_secret = 'hush'\n{more}\n{APP}")
}

#[test]
fn an_app_is_a_self_built_one_unless_it_says_otherwise() {
    for more in ["", "type = 'self_built'"] {
        assert!(load_toml(&app(more)).expect("right").apps["shop"].store.is_none());
    }
    let shown = errors(&app("type = 'Store'\nencrypt_key = 'k'"));
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert!(shown[0].starts_with("apps.shop.type: must be \"self_built\" or \"store\""));
}

#[test]
fn a_store_app_needs_at_least_one_secret_for_its_events() {
    let shown = errors(&app("type = 'store'"));
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert!(
        shown[0].starts_with("apps.shop.encrypt_key: is missing, and so is verification_token")
    );
    let file = on_disk("from the file\n");
    let more = format!("type = 'store'\nencrypt_key_file = '{}'", file.path.display());
    let config = load_toml(&app(&more)).expect("right");
    let store = config.apps["shop"].store.as_ref().expect("a store app");
    let encrypt_key = store.encrypt_key.as_ref().expect("a key");
    assert_eq!(encrypt_key.expose_secret(), "from the file");
    assert!(store.verification_token.is_none());
    let config = load_toml(&app("type = 'store'\nverification_token = 't0ken'")).expect("right");
    assert!(
        !format!("{config:?}").contains("t0ken") && !config.effective.to_string().contains("t0ken")
    );
    assert!(config.effective.to_string().contains("type = \"store\""));
}

#[test]
fn secrets_of_events_are_errors_for_a_self_built_app_and_where_their_files_are_wrong() {
    for key in ["encrypt_key", "encrypt_key_file", "verification_token", "verification_token_file"]
    {
        let shown = errors(&app(&format!("{key} = 'x'")));
        assert_eq!(shown.len(), 1, "{shown:?}");
        assert!(shown[0].starts_with(&format!("apps.shop.{key}: is only for a store app")));
    }
    let shown = errors(&app("type = 'store'\nverification_token_file = '/no/such'"));
    assert!(shown.len() == 1 && shown[0].starts_with("apps.shop.verification_token_file: names a"));
    let shown = errors(&app("type = 'store'\nencrypt_key = 'k'\nencrypt_key_file = '/no/such'"));
    assert!(shown.len() == 1 && shown[0].starts_with("apps.shop.encrypt_key_file: is set, and so"));
}

#[test]
fn the_address_of_events_is_optional_and_its_own() {
    assert!(load_toml(APP).expect("right").server.events_listen.is_none());
    refused(&[
        (
            "server.events_listen = '[::]:8080'",
            "server.events_listen: must differ from server.listen",
        ),
        (
            "server.events_listen = '127.0.0.1:9090'",
            "server.events_listen: must differ from server.admin_listen",
        ),
        ("server.events_listen = 'x'", "server.events_listen: must "),
    ]);
}
