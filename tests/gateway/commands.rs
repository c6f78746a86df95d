//! The commands that say something and end.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use feishu_forward_gateway::api::{Language, PublicUrl, openapi_json};
use feishu_forward_gateway::model::api_key::KeyHash;
use feishu_forward_gateway::telemetry::audit::{AuditIds, IdForm};
use secrecy::SecretString;

use gateway_harness::{code, every_token, gateway, run_program, run_program_into};

/// A secret that must not be printed.
const SECRET: &str = "not-to-be-printed-7d3h2";

#[actix_web::test]
async fn a_wrong_configuration_exits_with_2_and_names_every_key() {
    let variables = [
        ("GATEWAY__SERVER__LISTEN", "nowhere"),
        ("GATEWAY__LIMITS__MAX_WAIT", "5"),
        ("GATEWAY__LIMITS__RECIEVER_PER_SECOND", "5"),
        ("GATEWAY__APPS__MAIN__APP_ID", "cli_1"),
    ];
    for command in [&["serve"][..], &["config", "check"]] {
        let output = run_program(command, &variables);
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        for key in [
            "server.listen",
            "limits.max_wait",
            "limits.reciever_per_second",
            "apps.main.app_secret",
        ] {
            assert!(said.lines().any(|line| line.starts_with(&format!("{key}:"))), "{key}: {said}");
        }
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_command_whose_output_cannot_be_written_says_so_and_fails() {
    let variables =
        [("GATEWAY__APPS__MAIN__APP_ID", "cli_1"), ("GATEWAY__APPS__MAIN__APP_SECRET", SECRET)];
    let commands: [&[&str]; 4] =
        [&["keys", "new", "a"], &["config", "check"], &["openapi"], &["audit-id", "oc_1"]];
    for command in commands {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = run_program_into(full, command, &variables);
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with("cannot write the output: "), "{command:?}: {said}");
    }
}

#[test]
fn config_check_prints_the_effective_configuration_with_secrets_masked() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("gateway.toml");
    fs::write(&file, "[server]\nmax_body = \"1KiB\"\n[apps.main]\napp_id = \"cli_1\"\n").unwrap();
    let variables =
        [("GATEWAY__APPS__MAIN__APP_SECRET", SECRET), ("GATEWAY__LIMITS__MAX_WAIT", "3s")];
    let file = file.to_str().unwrap();
    let named = [("GATEWAY_CONFIG", file), variables[0], variables[1]];
    for output in [
        run_program(&["config", "check", "--config", file], &variables),
        run_program(&["config", "check"], &named),
    ] {
        assert_eq!(output.status.code(), Some(0));
        let said = String::from_utf8(output.stdout).unwrap();
        for line in [
            "max_body = \"1KiB\"",
            "max_wait = \"3s\"",
            "app_id = \"cli_1\"",
            "app_secret = \"********\"",
        ] {
            assert!(said.contains(line), "{line}: {said}");
        }
        assert!(!said.contains(SECRET));
    }
}

#[test]
fn config_check_lists_the_keys_file_and_warns_of_what_is_probably_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys.toml");
    let hash = KeyHash::of("k").to_string();
    let more = "expires_at = \"2020-01-01T00:00:00Z\"\ndisabled = true\n";
    fs::write(&file, format!("[billing]\nhash = \"{hash}\"\n{more}")).unwrap();
    let variables = [
        ("GATEWAY__KEYS_FILE", file.to_str().unwrap()),
        ("GATEWAY__APPS__MAIN__APP_ID", "cli_1"),
        ("GATEWAY__APPS__MAIN__APP_SECRET", SECRET),
        ("GATEWAY__LIMITS__RECEIVER_PER_SECOND", "6"),
    ];
    let output = run_program(&["config", "check"], &variables);
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8(output.stdout).unwrap();
    for line in
        ["[keys.billing]", "app = \"main\"", more.lines().next().unwrap(), "disabled = true"]
    {
        assert!(said.lines().any(|it| it == format!("# {line}")), "{line}: {said}");
    }
    let warned = String::from_utf8(output.stderr).unwrap();
    for key in ["keys.billing.expires_at", "limits.receiver_per_second"] {
        assert!(warned.lines().any(|it| it.starts_with(&format!("warning: {key}: "))), "{warned}");
    }
    assert_eq!(warned.lines().count(), 2, "{warned}");
}

#[test]
fn an_entry_of_keys_new_works_in_the_configuration_and_in_the_keys_file() {
    let said = String::from_utf8(run_program(&["keys", "new", "a.b"], &[]).stdout).unwrap();
    let entry = &said[said.find("[keys.").expect("an entry")..];
    let dir = tempfile::tempdir().unwrap();
    let (config, keys) = (dir.path().join("gateway.toml"), dir.path().join("keys.toml"));
    let app = "[apps.main]\napp_id = \"cli_1\"\napp_secret = \"secret\"\n";
    fs::write(&config, format!("{app}{entry}")).unwrap();
    fs::write(&keys, entry).unwrap();
    let file = ("GATEWAY_CONFIG", config.to_str().unwrap());
    let checked = run_program(&["config", "check"], &[file]);
    assert_eq!(checked.status.code(), Some(0));
    fs::write(&config, app).unwrap();
    let checked =
        run_program(&["config", "check"], &[file, ("GATEWAY__KEYS_FILE", keys.to_str().unwrap())]);
    assert_eq!(checked.status.code(), Some(0));
    assert!(String::from_utf8(checked.stdout).unwrap().contains("# [keys.\"a.b\"]"));
}

#[actix_web::test]
async fn keys_new_makes_a_key_that_works_and_an_entry_that_holds_only_its_hash() {
    let output = run_program(&["keys", "new", "billing"], &[]);
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8(output.stdout).unwrap();
    let key = said.lines().map(str::trim).find(|line| line.starts_with("ffg_")).expect("a key");
    let (id, secret) = key.strip_prefix("ffg_").unwrap().split_once('_').expect("two parts");
    assert_eq!((id.len(), secret.len()), (12, 43 + 6));
    let entry = &said[said.find("[keys.billing]").expect("an entry")..];
    let hash = entry.lines().nth(1).unwrap();
    assert_eq!(hash, format!("hash = \"{}\"", KeyHash::of(key)));
    assert_eq!(said.matches(key).count(), 1, "the key is shown once");

    let hash = KeyHash::of(key).to_string();
    let gateway =
        gateway().set("keys.billing.hash", &hash).set("keys.billing.app", "main").start().await;
    gateway.forward("oc_1").header("x-api-key", key).send().await.message_id();
    let again = String::from_utf8(run_program(&["keys", "new", "billing"], &[]).stdout).unwrap();
    assert!(!again.contains(key));
}

#[test]
fn openapi_prints_the_document() {
    for (arguments, language) in [
        (&["openapi"][..], Language::English),
        (&["openapi", "--lang", "en"], Language::English),
        (&["openapi", "--lang", "zh"], Language::Chinese),
    ] {
        let output = run_program(arguments, &[("LANG", "zh_CN.UTF-8")]);
        assert_eq!(output.status.code(), Some(0));
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(printed == openapi_json(language, &PublicUrl::default()), "{arguments:?}");
    }
}

#[actix_web::test]
async fn health_is_0_when_ready_and_1_when_not() {
    let ready = gateway().start().await;
    for url in [ready.admin.clone(), format!("{}/readyz", ready.admin)] {
        assert_eq!(run_program(&["health", "--url", &url], &[]).status.code(), Some(0));
    }
    let fault = every_token(code(10014));
    let not_ready = gateway().fault(fault).cold().start().await;
    assert_eq!(run_program(&["health", "--url", &not_ready.admin], &[]).status.code(), Some(1));
    assert_eq!(run_program(&["health", "--url", "http://127.0.0.1:1"], &[]).status.code(), Some(1));
}

fn health(arguments: &[&str], variables: &[(&str, &str)]) -> (bool, String) {
    let output = run_program(&[&["health"], arguments].concat(), variables);
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).expect("UTF-8"))
}

#[actix_web::test]
async fn health_asks_what_the_configuration_names_unless_it_is_told() {
    let gateway = gateway().start().await;
    let address = gateway.admin.strip_prefix("http://").unwrap();
    let port = address.rsplit(':').next().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("gateway.toml");
    let file = file.to_str().unwrap();
    // Whatever else is wrong with it is of no matter.
    fs::write(file, format!("typo = 1\n[server]\nadmin_listen = \"{address}\"\n")).unwrap();
    let listen = "GATEWAY__SERVER__ADMIN_LISTEN";
    for (arguments, variables) in [
        (&[][..], &[(listen, address)][..]),
        (&[], &[(listen, &format!("0.0.0.0:{port}"))]),
        (&[], &[(listen, &format!("[::]:{port}"))]),
        (&["--config", file], &[]),
        (&[], &[("GATEWAY_CONFIG", file)]),
        (&["--url", &gateway.admin], &[(listen, "127.0.0.1:1"), ("GATEWAY_CONFIG", "/nowhere")]),
    ] {
        let (is_ready, said) = health(arguments, variables);
        assert!(is_ready && said.contains("ready"), "{arguments:?} {variables:?}: {said}");
    }
    for (value, named) in [("nonsense", "server.admin_listen"), ("127.0.0.1:1", "127.0.0.1:1")] {
        let (is_ready, said) = health(&[], &[("GATEWAY_CONFIG", file), (listen, value)]);
        assert!(!is_ready && said.contains(named), "{said}");
    }
}

#[test]
fn health_says_what_the_connection_said() {
    let (is_ready, said) = health(&["--url", "http://127.0.0.1:1"], &[]);
    assert!(!is_ready);
    assert!(
        said.starts_with("http://127.0.0.1:1 ") && said.contains("Connection refused"),
        "{said}"
    );
}

#[test]
fn health_shows_the_beginning_of_an_answer_without_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answering = thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        assert!(connection.read(&mut [0; 1024]).unwrap() > 0);
        connection.write_all(b"HTTP/1.1 503 Busy\r\n\r\n").unwrap();
        while connection.write_all(&[b'\x1b'; 4096]).is_ok() {}
    });
    let (is_ready, said) = health(&["--url", &url], &[]);
    assert!(!is_ready && said.starts_with("503"), "{said}");
    assert!(said.len() < 5000 && !said.contains('\x1b'), "{} bytes", said.len());
    answering.join().unwrap();
}

#[test]
fn audit_id_prints_for_each_app_how_an_id_stands_in_the_audit_log() {
    let variables = [
        ("GATEWAY__APPS__MAIN__APP_ID", "cli_1"),
        ("GATEWAY__APPS__MAIN__APP_SECRET", SECRET),
        ("GATEWAY__APPS__OTHER__APP_ID", "cli_2"),
        ("GATEWAY__APPS__OTHER__APP_SECRET", "another-secret"),
    ];
    let said = |more: &[(&'static str, &'static str)]| {
        let output = run_program(&["audit-id", "oc_1"], &[&variables[..], more].concat());
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    };
    let form = |form: IdForm, secret: &str| {
        AuditIds::new(form, &SecretString::from(secret)).show("oc_1").into_owned()
    };
    let main = form(IdForm::Hashed, SECRET);
    let other = form(IdForm::Hashed, "another-secret");
    assert_eq!(said(&[]), format!("main {main}\nother {other}\n"));
    assert_eq!(said(&[("GATEWAY__LOG__AUDIT_IDS", "plain")]), "main oc_1\nother oc_1\n");
}
