//! What apps and keys need.

use jiff::Timestamp;

use super::*;
use crate::model::policy::{AllowedReceivers, Policy};
use crate::model::receiver::ReceiveIdType;
use crate::model::tenants::Tenants;

#[test]
fn names_are_1_to_64_letters_digits_and_three_signs() {
    let long = "n".repeat(64);
    for name in ["a", "A-1_b", "'main.cn'", &long] {
        let toml = format!(
            "[apps.{name}]\napp_id = 'cli_1'\napp_secret = 'hush'\n{}",
            key_table(name, "k", "")
        );
        assert!(load_toml(&toml).is_ok(), "{name}");
    }
    for name in ["''", "'a b'", "'ä'", "'a\"b'", "\"a\\nb\"", &"n".repeat(65)] {
        let shown = error(&key_table(name, "k", ""));
        assert!(
            shown.contains(": must have a name of 1 to 64 ") && !shown.contains('\n'),
            "{shown}"
        );
    }
}

#[test]
fn at_least_one_app_is_needed() {
    assert!(errors("")[0].starts_with("apps: needs at least one table [apps.NAME]"));
}

#[test]
fn two_apps_cannot_be_the_same_one_of_feishus() {
    let app = |name: &str| format!("[apps.{name}]\napp_id = 'cli_1'\napp_secret = 'hush'\n");
    let shown = errors(&format!("{}{}", app("a"), app("b")));
    assert_eq!(shown.len(), 1);
    assert!(shown[0].starts_with("apps.b.app_id: is also the app_id of apps.a"), "{shown:?}");
}

#[test]
fn an_app_needs_an_id_and_a_secret() {
    let shown = errors("[apps.main]");
    assert_eq!(shown.len(), 2);
    assert!(shown[0].starts_with("apps.main.app_id: is missing"));
    assert!(shown[1].starts_with("apps.main.app_secret: is missing, and so is app_secret_file"));
}

#[test]
fn an_empty_secret_or_one_with_control_characters_is_refused() {
    for secret in ["\"\"", "\"a\\nb\"", "\"a\\u0000\""] {
        let shown = errors(&format!("[apps.main]\napp_id = 'cli_1'\napp_secret = {secret}"));
        assert!(
            shown.len() == 1 && shown[0].starts_with("apps.main.app_secret: must "),
            "{shown:?}"
        );
    }
}

#[test]
fn a_secret_file_that_is_empty_or_missing_or_binary_is_an_error() {
    for content in [&b""[..], b"\n", b"\xff"] {
        let file = on_disk(content);
        let toml =
            format!("[apps.main]\napp_id = 'cli_1'\napp_secret_file = '{}'", file.path.display());
        assert!(errors(&toml)[0].starts_with("apps.main.app_secret_file: names a"));
    }
    let shown = errors("[apps.main]\napp_id = 'cli_1'\napp_secret_file = '/no/such'");
    assert!(shown.len() == 1 && shown[0].contains("names a file that cannot be read"), "{shown:?}");
}

#[test]
fn a_secret_and_its_file_together_are_an_error() {
    let env = [("GATEWAY__APPS__MAIN__APP_SECRET_FILE", "/no/such")];
    let errors = load_with(APP, &env).expect_err("both");
    assert!(matches!(&errors[..], [only] if only.to_string().starts_with(
        "apps.main.app_secret_file: is set, and so is app_secret"
    )));
}

#[test]
fn a_key_takes_the_only_app_and_must_choose_among_several() {
    let config = load_toml(&(key_table("k", "k", "") + APP)).expect("right");
    assert_eq!(config.keys["k"].app, "main");
    let config = load_toml(&(key_table("k", "k", "app = 'other'") + APPS)).expect("right");
    assert_eq!(config.keys["k"].app, "other");
    let shown = errors(&(key_table("k", "k", "") + APPS));
    assert_eq!(shown, ["keys.k.app: is missing, but there are several apps: main, other"]);
}

#[test]
fn a_key_whose_app_does_not_exist_is_an_error_that_names_those_that_do() {
    let shown = errors(&(key_table("k", "k", "app = 'Main'") + APPS));
    assert!(
        shown.len() == 1
            && shown[0]
                .starts_with("keys.k.app: is not the name of an app; known apps: main, other"),
        "{shown:?}"
    );
}

#[test]
fn a_key_of_an_app_that_is_wrong_itself_is_no_error_of_its_own() {
    let shown = errors(&(key_table("k", "k", "app = 'main'") + "[apps.main]\napp_id = 'cli_1'"));
    assert!(shown.len() == 1 && shown[0].starts_with("apps.main.app_secret: "), "{shown:?}");
}

#[test]
fn two_names_with_one_hash_are_an_error_that_names_both() {
    let shown = error(&(key_table("a", "same", "") + &key_table("b", "same", "")));
    assert!(shown.starts_with("keys.b.hash: is also the hash of keys.a"), "{shown}");
}

#[test]
fn a_key_in_clear_in_place_of_its_hash_is_refused_and_not_repeated() {
    let shown = error("[keys.k]\nhash = 'ffg_in_clear'");
    assert!(
        shown.starts_with("keys.k.hash: must be `sha256:`") && !shown.contains("in_clear"),
        "{shown}"
    );
}

#[test]
fn an_expiry_is_rfc_3339_quoted_or_not() {
    for value in ["'2030-01-01T00:00:00Z'", "2030-01-01T00:00:00Z", "'2030-01-01T08:00:00+08:00'"] {
        let config = load_toml(&(key_table("k", "k", &format!("expires_at = {value}")) + APP))
            .expect("right");
        assert_eq!(config.keys["k"].expires_at.map(Timestamp::as_second), Some(1_893_456_000));
    }
    for value in ["'tomorrow'", "2030-01-01", "2030-01-01T00:00:00", "1893456000"] {
        refused(&[(
            &key_table("k", "k", &format!("expires_at = {value}")),
            "keys.k.expires_at: must be ",
        )]);
    }
}

#[test]
fn disabled_is_true_or_false() {
    refused(&[
        (&key_table("k", "k", "disabled = 1"), "keys.k.disabled: must be true or false"),
        (&key_table("k", "k", "disabled = 'yes'"), "keys.k.disabled: must be true or false"),
    ]);
}

#[test]
fn a_key_may_forward_to_everybody_unless_lists_say_otherwise() {
    let config = load_toml(&(key_table("k", "k", "") + APP)).expect("right");
    assert_eq!(config.keys["k"].policy, Policy::default());
    for receivers in ["['oc_1', 'ou_*']", "'oc_1, ou_*'"] {
        let policy = format!("allow_receivers = {receivers}\nallow_receive_id_types = ['chat_id']");
        let config = load_toml(&(key_table("k", "k", &policy) + APP)).expect("right");
        let policy = &config.keys["k"].policy;
        let patterns = policy.receivers.as_ref().map(AllowedReceivers::patterns);
        assert_eq!(patterns, Some(vec!["oc_1".to_owned(), "ou_*".to_owned()]));
        assert_eq!(policy.types, Some(vec![ReceiveIdType::ChatId]));
    }
}

#[test]
fn a_list_that_could_not_be_meant_is_refused() {
    for list in ["[]", "['']", "''", "'oc_1,,oc_2'", "['oc_*_1']", "[1]", "true", "[['oc_1']]"] {
        let policy = format!("allow_receivers = {list}");
        refused(&[(&key_table("k", "k", &policy), "keys.k.allow_receivers: m")]);
    }
    let policy = "allow_receive_id_types = ['chat']";
    refused(&[(&key_table("k", "k", policy), "keys.k.allow_receive_id_types: must be one of ")]);
}

/// A store app, and a self-built one.
const BOTH: &str = "[apps]\nshop = { app_id = 'cli_1', app_secret = 'hush', type = 'store', \
                    verification_token = 'v' }\n\
                    own = { app_id = 'cli_2', app_secret = 'hush2' }\n";

fn tenants(shop: &str) -> Result<Tenants, Vec<ConfigError>> {
    let config = load_toml(&(key_table("a", "a", &format!("app = 'shop'\n{shop}")) + BOTH))?;
    let again = load_toml(&config.effective.to_string()).expect("right");
    assert_eq!(again.keys, config.keys);
    Ok(config.keys["a"].tenants.clone())
}

#[test]
fn a_key_of_a_store_app_has_one_tenant_or_several_or_any() {
    let these = |keys: &[&str]| Tenants::parse(keys.iter().copied()).expect("valid");
    assert_eq!(tenants("tenant_key = '2ed263bf32cf1651'"), Ok(these(&["2ed263bf32cf1651"])));
    assert_eq!(tenants("tenant_key = ['b', 'a']"), Ok(these(&["a", "b"])));
    assert_eq!(tenants("tenant_key = '*'"), Ok(Tenants::Any));
    let toml = key_table("a", "a", "app = 'shop'") + BOTH;
    let config = load_with(&toml, &[("GATEWAY__KEYS__A__TENANT_KEY", "a,b")]).expect("right");
    assert_eq!(config.keys["a"].tenants, these(&["a", "b"]));
    assert!(config.effective.to_string().contains("tenant_key = [\"a\", \"b\"]"));
}

#[test]
fn a_key_has_tenants_exactly_where_its_app_is_a_store_app() {
    let shown = |toml: String| match &load_toml(&(toml + BOTH)).expect_err("an error")[..] {
        [only] => only.to_string(),
        several => panic!("{several:?}"),
    };
    let missing = shown(key_table("a", "a", "app = 'shop'"));
    assert!(missing.starts_with("keys.a.tenant_key: is missing, but the app is a store app"));
    let too_many = shown(key_table("a", "a", "app = 'own'\ntenant_key = 'a'"));
    assert!(too_many.starts_with("keys.a.tenant_key: is set, but the app is not a store app"));
    for wrong in ["''", "[]", "'a b'", "['a', '*']", "1.5"] {
        let shown = shown(key_table("a", "a", &format!("app = 'shop'\ntenant_key = {wrong}")));
        assert!(shown.starts_with("keys.a.tenant_key: "), "{shown}");
    }
    // Nothing is known of an app that is wrong, so only that is said.
    let wrong = "[apps.main]\napp_id = 'cli_1'\napp_secret = 'hush'\ntype = 'shop'\n";
    let shown = errors(&(key_table("a", "a", "") + wrong));
    assert!(shown.len() == 1 && shown[0].starts_with("apps.main.type: must be "), "{shown:?}");
}
