//! The simulator as a program.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::feishu::{APP, TENANT_TOKEN, reply};
use crate::receiver::Receiver;
use crate::store::APP_TOKEN;

const PROGRAM: &str = env!("CARGO_BIN_EXE_feishu-simulator");

/// The running program. Dropping it kills the process.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Starts the program on a free port and reads the two addresses that it prints.
fn start(arguments: &[&str]) -> (Program, String, String) {
    let mut child = Command::new(PROGRAM)
        .args(["--listen", "127.0.0.1:0"])
        .args(arguments)
        .env("FEISHU_SIMULATOR_APP_SECRET", "from-the-environment")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut address =
        |name: &str| lines.next().unwrap().unwrap().strip_prefix(name).unwrap().to_owned();
    let (url, control) = (address("Feishu simulator: "), address("Control API: "));
    // The last line is read too. If the pipe were closed before, the program could not write the line.
    address("App: ");
    (Program(child), url, control)
}

async fn token_code(url: &str, app_id: &str, app_secret: &str) -> i64 {
    let client = crate::feishu::client();
    let request = client.post(format!("{url}{TENANT_TOKEN}"));
    reply(request.json(&json!({"app_id": app_id, "app_secret": app_secret}))).await.code()
}

#[tokio::test]
async fn the_printed_addresses_answer() {
    let (_program, url, control) = start(&[]);
    assert_eq!(control, format!("{url}/_simulator/"));
    let client = crate::feishu::client();
    assert_eq!(reply(client.get(control)).await.status, 200);
}

#[tokio::test]
async fn the_secret_comes_from_the_environment_or_the_command_line() {
    let (_one, url, _) = start(&[]);
    assert_eq!(token_code(&url, APP, "from-the-environment").await, 0);
    let (_two, url, _) = start(&["--app-id", "cli_other", "--app-secret", "given"]);
    assert_eq!(token_code(&url, "cli_other", "given").await, 0);
}

#[tokio::test]
async fn a_store_app_gets_its_first_ticket_by_itself() {
    let receiver = Receiver::start().await;
    let arguments = ["--tenant", "acme", "--push-url", &receiver.url, "--verification-token", "v"];
    let (_program, url, _) = start(&arguments);
    while receiver.received().is_empty() {
        tokio::task::yield_now().await;
    }
    let body = receiver.last().json();
    assert_eq!(body["token"], json!("v"));
    let asked = json!({
        "app_id": APP,
        "app_secret": "from-the-environment",
        "app_ticket": body["event"]["app_ticket"],
    });
    let request = crate::feishu::client().post(format!("{url}{APP_TOKEN}"));
    assert_eq!(reply(request.json(&asked)).await.code(), 0);
}

#[test]
fn both_signals_end_the_program_successfully() {
    for signal in ["-INT", "-TERM"] {
        let (mut program, _, _) = start(&[]);
        let killed =
            Command::new("kill").args([signal, &program.0.id().to_string()]).status().unwrap();
        assert!(killed.success());
        assert!(program.0.wait().unwrap().success(), "{signal}");
    }
}

#[test]
fn an_address_other_than_loopback_needs_an_option() {
    let output = Command::new(PROGRAM).args(["--listen", "0.0.0.0:0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        message,
        "feishu-simulator: 0.0.0.0:0 is not a loopback address: add --public to allow it\n"
    );
}

#[test]
fn a_port_in_use_is_an_error() {
    let (_program, url, _) = start(&[]);
    let address = url.strip_prefix("http://").unwrap();
    let output = Command::new(PROGRAM).args(["--listen", address]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}
