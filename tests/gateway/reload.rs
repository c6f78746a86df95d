//! Keys and secrets are read again, by SIGHUP and when their files change, and nothing ends by it.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use feishu_forward_gateway::model::api_key::ApiKey;
use feishu_simulator::{Api, Fault, FaultKind, Options, Simulator};
use serde_json::Value;

use gateway_harness::{APP_SECRET, Answer, Program, client, eventually, gateway, guarded};

const READ_AGAIN: &str = "reloaded keys and secrets";
/// How often the gateway looks at its files.
const LOOK: Duration = Duration::from_secs(2);

/// A configuration with one key, and the simulator's app with this secret.
fn config(simulator: &Simulator, key: &ApiKey, secret: &str) -> String {
    format!(
        "server = {{ listen = \"127.0.0.1:0\", admin_listen = \"127.0.0.1:0\", drain_timeout = \"10m\" }}\n\
         feishu = {{ base_url = \"{}\", attempt_timeout = \"10m\", deadline = \"10m\" }}\n\
         [apps.main]\napp_id = \"cli_simulator\"\napp_secret = \"{secret}\"\n\
         [keys.tester]\nhash = \"{}\"\n",
        simulator.url(),
        key.hash()
    )
}

async fn address(program: &mut Program) -> String {
    let line = program.line_with("\"listening\"").await;
    let line: Value = serde_json::from_str(&line).expect("JSON");
    format!("http://{}", line["listen"].as_str().expect("an address"))
}

fn forward(api: &str, key: &ApiKey) -> reqwest::RequestBuilder {
    let url = format!("{api}/v1/messages/om_1/forward");
    client().post(url).header("x-api-key", key.expose()).body("{\"receive_id\":\"oc_1\"}")
}

#[actix_web::test]
async fn sighup_reads_keys_and_secrets_again_and_one_mistake_changes_nothing() {
    let simulator = Simulator::start(Options::default()).await.expect("a free port");
    let (old, new, dir) = (ApiKey::generate(), ApiKey::generate(), tempfile::tempdir().unwrap());
    let file = dir.path().join("gateway.toml");
    let secret = "simulator-secret";
    fs::write(&file, config(&simulator, &old, secret)).unwrap();
    let mut program = Program::start(&["serve", "--config", file.to_str().unwrap()], &[]);
    let api = address(&mut program).await;
    Answer::of(forward(&api, &old)).await.message_id();

    let store_app =
        "type = \"store\"\nverification_token = \"token\"\n[keys.tester]\ntenant_key = \"a\"";
    fs::write(&file, config(&simulator, &new, secret).replace("[keys.tester]", store_app)).unwrap();
    program.signal("HUP");
    let line = program.line_with("keys and secrets stay unchanged").await;
    assert!(line.contains("keys.tester.app: names an app whose type has changed"), "{line}");
    Answer::of(forward(&api, &old)).await.message_id();

    let wrong = config(&simulator, &new, "not-to-be-printed 7d3h2");
    fs::write(&file, format!("{wrong}expires_at = \"never\"\n")).unwrap();
    program.signal("HUP");
    let line = program.line_with("keys and secrets stay unchanged").await;
    assert!(line.contains("\"ERROR\"") && !line.contains("7d3h2"), "{line}");
    for key in ["apps.main.app_secret: ", "keys.tester.expires_at: "] {
        assert!(line.contains(key), "{key} in {line}");
    }
    Answer::of(forward(&api, &old)).await.message_id();
    assert_eq!(Answer::of(forward(&api, &new)).await.status, 401);

    fs::write(&file, config(&simulator, &new, secret) + "[limits]\nguard = \"60ms\"\n").unwrap();
    program.signal("HUP");
    let line = program.line_with("restart the gateway").await;
    assert!(line.contains("limits.guard"), "{line}");
    program.line_with(READ_AGAIN).await;
    Answer::of(forward(&api, &new)).await.message_id();
    assert_eq!(Answer::of(forward(&api, &old)).await.status, 401);

    program.signal("TERM");
    assert_eq!(program.exit_code().await, Some(0));
}

#[actix_web::test]
async fn sighup_ends_neither_the_start_nor_the_drain() {
    let simulator = Simulator::start(Options::default()).await.expect("a free port");
    let (key, dir) = (ApiKey::generate(), tempfile::tempdir().unwrap());
    // To open a pipe for writing waits until it is read: then the gateway is about to start.
    let pipe = dir.path().join("gateway.toml");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut program = Program::start(&["serve", "--config", pipe.to_str().unwrap()], &[]);
    let text = config(&simulator, &key, "simulator-secret");
    let opened = {
        let pipe = pipe.clone();
        tokio::task::spawn_blocking(move || fs::OpenOptions::new().write(true).open(pipe))
    };
    let mut opened = guarded(opened).await.unwrap().unwrap();
    program.signal("HUP");
    opened.write_all(text.as_bytes()).unwrap();
    drop(opened);
    let api = address(&mut program).await;
    // It was kept: the gateway reads again.
    let again = async |program: &mut Program| {
        let (pipe, text) = (pipe.clone(), text.clone());
        let written = tokio::task::spawn_blocking(move || fs::write(pipe, text));
        guarded(written).await.unwrap().unwrap();
        program.line_with(READ_AGAIN).await;
    };
    again(&mut program).await;

    simulator.add_fault(Fault { api: Some(Api::Forward), ..Fault::once(FaultKind::Silence) });
    let in_flight = actix_web::rt::spawn(forward(&api, &key).send());
    eventually(|| simulator.ledger().of(Api::Forward).count() == 1).await;
    program.signal("TERM");
    program.line_with("draining").await;
    program.signal("HUP");
    again(&mut program).await;
    program.signal("TERM");
    assert_eq!(program.exit_code().await, Some(130));
    assert!(in_flight.await.unwrap().is_err());
}

#[actix_web::test]
async fn an_end_does_not_wait_for_a_file_that_never_comes() {
    let simulator = Simulator::start(Options::default()).await.expect("a free port");
    let (key, dir) = (ApiKey::generate(), tempfile::tempdir().unwrap());
    let file = dir.path().join("gateway.toml");
    fs::write(&file, config(&simulator, &key, "simulator-secret")).unwrap();
    let mut program = Program::start(&["serve", "--config", file.to_str().unwrap()], &[]);
    let api = address(&mut program).await;
    fs::remove_file(&file).unwrap();
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    program.signal("HUP");
    let opened = tokio::task::spawn_blocking(move || fs::OpenOptions::new().write(true).open(file));
    // It reads a pipe that is never written to.
    let _unwritten = guarded(opened).await.unwrap().unwrap();
    Answer::of(forward(&api, &key)).await.message_id();
    program.signal("TERM");
    assert_eq!(program.exit_code().await, Some(0));
}

#[actix_web::test]
async fn sighup_does_not_end_dev() {
    let mut program = Program::start(&["dev", "--listen", "127.0.0.1:0"], &[]);
    program.line_with("Press Ctrl-C to stop").await;
    program.signal("HUP");
    program.line_with(READ_AGAIN).await;
    program.signal("INT");
    assert_eq!(program.exit_code().await, Some(0));
}

fn mounted(dir: &Path, secret: &str) -> String {
    let file = dir.join("app_secret");
    fs::write(&file, secret).expect("a folder of the test's own");
    file.to_str().expect("UTF-8").to_owned()
}

#[actix_web::test]
async fn an_app_gets_its_token_as_soon_as_its_secret_file_is_right() {
    let dir = tempfile::tempdir().unwrap();
    let file = mounted(dir.path(), "the-wrong-one");
    let setup = gateway().secret_file_of("main", &file).cold();
    let gateway = setup.start().await;
    let seconds = Duration::from_secs;
    // Pauses alone: a call also ends its time to connect at such a moment.
    let pauses_until = async |moments: [Duration; 2]| {
        eventually(|| moments.iter().all(|it| gateway.hand.pauses().contains(it))).await;
    };
    // The first call fails at once, the second after a second; the third is two more away.
    pauses_until([seconds(1), LOOK]).await;
    gateway.advance_to(seconds(1));
    let tokens = || gateway.simulator.ledger().of(Api::TenantAccessToken).count();
    eventually(|| tokens() == 2).await;
    // The second has failed before the secret is another one.
    pauses_until([seconds(3), LOOK]).await;
    mounted(dir.path(), APP_SECRET);
    gateway.advance_to(LOOK);
    eventually(|| tokens() == 3).await;
    gateway.forward("oc_1").send().await.message_id();
}

#[actix_web::test]
async fn a_secret_file_that_is_wrong_leaves_the_secret_as_it_was_and_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let file = mounted(dir.path(), APP_SECRET);
    let gateway = gateway().secret_file_of("main", &file).start().await;
    let mut looks = 0;
    let mut look = async |secret: &str| {
        gateway.sleeps_until(LOOK * (looks + 1)).await;
        mounted(dir.path(), secret);
        looks += 1;
        gateway.advance_to(LOOK * looks);
        gateway.sleeps_until(LOOK * (looks + 1)).await;
        let metrics = gateway.metrics().await;
        let of = |what| metrics.count(&format!("feishu_gateway_secrets_last_reload_{what}"), &[]);
        (of("successful"), of("success_timestamp_seconds"))
    };
    let (_, begun_at) = look(APP_SECRET).await;
    assert_eq!(look("not a secret").await, (0, begun_at));
    gateway.forward("oc_1").send().await.message_id();
    assert_eq!(look("another").await, (1, begun_at + 6));
}

#[actix_web::test]
async fn a_new_secret_is_used_for_the_next_token_and_no_forward_fails_meanwhile() {
    const NEW: &str = "S3cr3t-after-the-reset-8f2k";
    let dir = tempfile::tempdir().unwrap();
    let file = mounted(dir.path(), APP_SECRET);
    let gateway = gateway().secret_file_of("main", &file).start().await;
    gateway.forward("oc_1").send().await.message_id();
    // From now on Feishu gives tokens for the new secret alone.
    gateway.simulator.change_secret("cli_main", NEW);
    gateway.forward("oc_2").send().await.message_id();
    gateway.sleeps_until(LOOK).await;
    mounted(dir.path(), NEW);
    gateway.advance_to(LOOK);
    gateway.sleeps_until(LOOK * 2).await;
    // The token of the old secret lives.
    gateway.forward("oc_3").send().await.message_id();
    assert_eq!(gateway.token_calls().len(), 1);
    gateway.simulator.revoke_tokens();
    gateway.forward("oc_4").send().await.message_id();
    assert_eq!(gateway.token_calls().len(), 2);
}
