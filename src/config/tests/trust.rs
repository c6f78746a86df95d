//! Values together with what an editor, a web page or an env file adds to them.

use std::fs;

use secrecy::ExposeSecret;

use super::*;

/// The secret that a file with this content gives, or the error.
fn from_file(content: &[u8]) -> Result<String, String> {
    let file = on_disk(content);
    let path = file.path.display();
    let toml = format!("[apps.main]\napp_id = 'cli_1'\napp_secret_file = '{path}'\n");
    load_toml(&toml)
        .map(|config| config.apps["main"].app_secret.expose_secret().to_owned())
        .map_err(|errors| errors[0].to_string())
}

/// The secret that a variable with this value gives, or the error.
fn from_variable(value: &str) -> Result<String, String> {
    let toml = "[apps.main]\napp_id = 'cli_1'\n";
    load_with(toml, &[("GATEWAY__APPS__MAIN__APP_SECRET", value)])
        .map(|config| config.apps["main"].app_secret.expose_secret().to_owned())
        .map_err(|errors| errors[0].to_string())
}

#[test]
fn a_byte_order_mark_and_white_space_around_are_cut_from_files_and_variables() {
    for around in ["hush", "\u{feff}hush", "hush\n", "hush\n\n", "hush\r\n", " \thush \n"] {
        assert_eq!(from_file(around.as_bytes()).as_deref(), Ok("hush"), "{around:?}");
        assert_eq!(from_variable(around).as_deref(), Ok("hush"), "{around:?}");
    }
    let toml = "[apps.main]\napp_id = ' cli_1 '\napp_secret = \"hush\\n\"\n";
    let config = load_with(toml, &[("GATEWAY__LIMITS__GUARD", " 40ms ")]).expect("right");
    let app = &config.apps["main"];
    assert_eq!((app.app_id.as_str(), app.app_secret.expose_secret()), ("cli_1", "hush"));
    assert_eq!(config.limits.guard.as_millis(), 40);
    assert!(load_toml(&format!("\u{feff}{APP}")).is_ok());
}

#[test]
fn what_no_secret_holds_is_refused_in_files_and_variables() {
    for wrong in [
        "hu\0sh",
        "hush\0",
        "hu\nsh",
        "hu sh",
        "'hush'",
        "\"hush\"",
        "\"hush",
        "hu\u{200b}sh",
        "",
        " \n",
    ] {
        let (file, variable) = (from_file(wrong.as_bytes()), from_variable(wrong));
        let (file, variable) = (file.expect_err(wrong), variable.expect_err(wrong));
        assert!(
            file.starts_with("apps.main.app_secret_file: names a file whose content must "),
            "{file}"
        );
        assert!(variable.starts_with("apps.main.app_secret: must "), "{variable}");
        assert!(
            variable.ends_with("(in the variable GATEWAY__APPS__MAIN__APP_SECRET)"),
            "{variable}"
        );
        // The path of the configuration, which is random, may hold anything.
        let file = file.split(" (in ").next().unwrap_or_default();
        assert!(!format!("{file}{variable}").contains("hu"), "{file} {variable}");
    }
    assert!(from_file(b"hush\xff").expect_err("no text").contains("not valid UTF-8"));
    assert!(from_file(&vec![b'h'; (64 << 10) + 1]).expect_err("large").contains("more than 65536"));
}

#[test]
fn a_secret_file_is_a_file() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let toml = format!(
        "[apps.main]\napp_id = 'cli_1'\napp_secret_file = '{}'\n",
        directory.path().display()
    );
    assert!(errors(&toml)[0].contains("it is not a file"));
    fs::remove_dir(directory.path()).expect("an empty one");
    assert!(errors(&toml)[0].contains("cannot be read"));
}

#[test]
fn quotes_that_an_env_file_leaves_are_refused_wherever_they_stand() {
    for name in [
        "APPS__MAIN__APP_ID",
        "LIMITS__GUARD",
        "LIMITS__APP_PER_SECOND",
        "SERVER__MAX_BODY",
        "SERVER__LISTEN",
        "LOG__FILTER",
        "LOG__FORMAT",
        "KEYS_FILE",
        "FEISHU__BASE_URL",
    ] {
        for value in ["\"5\"", "'5'"] {
            let errors = load_with(APP, &[(&format!("GATEWAY__{name}"), value)]);
            let shown = errors.expect_err(name)[0].to_string();
            assert!(shown.contains("must not have quotes around it"), "{shown}");
        }
    }
    let toml = format!("state.url = 'redis://r'\nstate.password = '\"hush\"'\n{APP}");
    let state = load_toml(&toml).expect("a password may").state.expect("one");
    assert_eq!(state.password.expect("one").expose_secret(), "\"hush\"");
}

#[test]
fn what_cannot_be_an_apps_id_is_refused() {
    for id in ["cli 1", "cli_1,cli_2", "https://open.feishu.cn/cli_1", "cli_ä", "'cli_1"] {
        let errors = load_with(APP, &[("GATEWAY__APPS__MAIN__APP_ID", id)]).expect_err(id);
        assert!(errors[0].to_string().starts_with("apps.main.app_id: must be the app's id"));
    }
}

#[test]
fn a_base_url_ends_before_what_each_call_adds() {
    for end in ["/open-apis", "/open-apis/", "/mock/open-apis/im/v1"] {
        let start = "feishu.base_url: must end before /open-apis";
        refused(&[(&format!("feishu.base_url = 'http://127.0.0.1:1{end}'"), start)]);
    }
    let start = "feishu.base_url: must be only the host";
    refused(&[("feishu.base_url = 'https://open.larksuite.com/im/v1'", start)]);
}

#[test]
fn a_level_that_is_none_is_refused_and_one_that_is_near_is_named() {
    let start = "log.filter: contains a word that is not a level";
    refused(&[
        ("log.filter = 'inof'", &format!("{start} (did you mean \"info\"?)")),
        ("log.filter = 'info,hyper'", &format!("{start}; a target needs a level")),
        ("log.filter = 'information'", start),
    ]);
    for filter in ["INFO", "info,", "warn,audit=info", "info,[a{b=1}]=debug", "off"] {
        assert!(load_toml(&format!("log.filter = '{filter}'\n{APP}")).is_ok(), "{filter}");
    }
}

#[test]
fn the_case_of_a_word_does_not_matter() {
    let words = "log.format = 'JSON'\nlog.audit_ids = 'Plain'\n";
    let more = [("GATEWAY__KEYS__K__DISABLED", "True"), ("gateway__log__filter", "debug")];
    let toml = format!("{words}{}{APP}", key_table("k", "k", ""));
    let config = load_with(&toml, &more).expect("right");
    assert!(config.keys["k"].disabled && config.log.filter == "debug");
}

#[test]
fn the_error_at_an_unknown_key_names_the_one_that_was_probably_meant() {
    for (toml, meant) in [
        ("limits.guards = '5s'", "limits.guard"),
        ("limit.guard = '5s'", "limits"),
        ("Server.listen = 'x'", "server"),
        ("server.base_url = 'x'", "feishu.base_url"),
        ("server_listen = 'x'", "server.listen"),
    ] {
        let shown = error(toml);
        assert!(shown.contains(&format!("; did you mean {meant}?")), "{shown}");
    }
    assert!(!error("server.nonsense = 1").contains("did you mean"));
}
