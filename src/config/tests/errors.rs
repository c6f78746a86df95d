//! Errors: all at once, with their key and where they are, and never with a value.

use super::*;

#[test]
fn all_errors_are_reported_at_once_each_with_its_key() {
    let toml = "nonsense = 1\n[server]\nlisten = 8080\nmax_in_flight = 0\n[feishu]\ndeadline = 15\n\
                [limits]\nguard = '1 parsec'\n[apps.main]\napp_id = 'cli_1'\n[keys.k]\napp = 'no'\n";
    let keys: Vec<String> =
        load_toml(toml).expect_err("errors").into_iter().map(|it| it.key).collect();
    let expected = [
        "apps.main.app_secret",
        "feishu.deadline",
        "keys.k.app",
        "keys.k.hash",
        "limits.guard",
        "nonsense",
        "server.listen",
        "server.max_in_flight",
    ];
    assert_eq!(keys, expected);
}

#[test]
fn an_error_names_the_file_it_is_in() {
    let file = on_disk(format!("[server]\nmax_in_flight = 0\n{APP}"));
    let errors = load(Some(&file.path), []).expect_err("zero");
    let place = format!("(in {})", file.path.display());
    assert!(errors[0].to_string().ends_with(&place), "{}", errors[0]);
}

#[test]
fn an_error_names_the_variable_it_is_in() {
    let errors = load_with(APP, &[("GATEWAY__SERVER__MAX_IN_FLIGHT", "many")]).expect_err("a word");
    assert_eq!(
        errors[0].to_string(),
        "server.max_in_flight: must be a whole number from 1 to 4294967295 \
         (in the variable GATEWAY__SERVER__MAX_IN_FLIGHT)"
    );
}

#[test]
fn an_unknown_key_is_an_error_that_names_its_known_neighbours() {
    let shown = error("[limits]\nguards = '5s'");
    assert!(
        shown.starts_with("limits.guards: is not a known key; known keys: limits.app_per_minute, "),
        "{shown}"
    );
    let shown = error("[limit]\nguard = '5s'");
    assert!(
        shown.starts_with(
            "limit.guard: is not a known key; known keys: apps, broadcasts, feishu, keys, "
        ),
        "{shown}"
    );
}

#[test]
fn an_unknown_variable_is_an_error() {
    let errors = load_with(APP, &[("GATEWAY__SERVER__PORT", "80")]).expect_err("unknown");
    let shown = errors[0].to_string();
    assert!(
        shown.starts_with("server.port: is not a known key; ")
            && shown.ends_with("GATEWAY__SERVER__PORT)"),
        "{shown}"
    );
}

#[test]
fn an_unknown_key_of_an_app_or_a_caller_is_an_error() {
    let shown = errors(&format!("{APP}secret = 'x'"));
    assert!(
        shown[0]
            .starts_with("apps.main.secret: is not a known key; known keys: apps.main.app_id, "),
        "{shown:?}"
    );
    let shown = error(&key_table("k", "k", "expires = 'x'"));
    assert!(
        shown.starts_with("keys.k.expires: is not a known key; known keys: keys.k.allow_"),
        "{shown}"
    );
}

#[test]
fn a_value_where_a_table_belongs_is_an_error() {
    assert!(error("server = 5").starts_with("server: must be a table"));
    assert!(error("keys = []").starts_with("keys: must contain one table for each name"));
    assert!(
        errors("[apps]\napp_id = 'cli_1'")[1]
            .starts_with("apps.app_id: must contain one table for each name")
    );
}

#[test]
fn a_broken_file_is_one_error_that_names_the_line_and_hides_its_content() {
    for toml in ["app_secret = 'hush", "[a]\nsecret = hush", "x = 1\nx = 'hush'", "x = 'hush' hush"]
    {
        let shown = errors(toml);
        let line = format!("at line {}", toml.lines().count());
        assert!(shown.len() == 1 && shown[0].contains(&line), "{shown:?}");
        assert!(!shown[0].contains("hush") && !shown[0].contains('\n'), "{shown:?}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_one_error_with_its_path() {
    let errors = load(Some("/no/such/file.toml".as_ref()), []).expect_err("no file");
    assert!(matches!(&errors[..], [only] if only.key == "/no/such/file.toml"));
    let binary = on_disk([0xff, 0xfe]);
    let errors = load(Some(&binary.path), []).expect_err("not UTF-8");
    assert_eq!(errors[0].detail, "is not valid UTF-8");
}

#[test]
fn a_rule_about_two_keys_is_silent_where_one_of_them_is_wrong_by_itself() {
    let shown = error("[server]\nlisten = 'x'\nadmin_listen = '0.0.0.0:8080'");
    assert!(shown.starts_with("server.listen: must be"), "{shown}");
}

#[test]
fn no_error_repeats_a_value_as_it_may_be_a_secret_in_the_wrong_place() {
    let values = [
        "'hush'",
        "['hush']",
        "{ hush = 'hush' }",
        "'https://hush:hush@hush/?hush#hush'",
        "1234567",
        "1234567.5",
    ];
    let keys = [
        "keys_file",
        "server",
        "server.listen",
        "server.max_in_flight",
        "server.max_body",
        "server.drain_timeout",
        "feishu.base_url",
        "feishu.deadline",
        "apps",
        "apps.main",
        "apps.main.app_id",
        "apps.main.app_secret",
        "apps.main.app_secret_file",
        "apps.main.x",
        "keys.k",
        "keys.k.hash",
        "keys.k.app",
        "keys.k.expires_at",
        "keys.k.disabled",
        "limits.guard",
        "log.format",
        "log.filter",
        "x",
    ];
    for (key, value) in keys.iter().flat_map(|key| values.map(|value| (key, value))) {
        let Err(errors) = load_toml(&format!("{key} = {value}")) else {
            continue;
        };
        let shown = format!("{errors:?}").replace(".hush", "");
        assert!(!shown.contains("hush") && !shown.contains("1234567"), "{key} = {value}: {shown}");
    }
}
