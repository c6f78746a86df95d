//! Which certificates of Feishu's are trusted.

use std::path::Path;
use std::time::Duration;

use feishu_simulator::{Options, Simulator};

use gateway_harness::certificates::{Authority, write};
use gateway_harness::{Gateway, Setup, TlsFront, eventually, gateway, run_program};

/// How often the gateway looks at its files.
const LOOK: Duration = Duration::from_secs(2);

/// A gateway whose Feishu is reached by TLS alone, and which trusts what is in `ca`.
fn setup(front: &TlsFront, ca: &Path) -> Setup {
    gateway()
        .set("feishu.base_url", &front.url)
        .set("feishu.ca_file", ca.to_str().expect("UTF-8"))
        .cold()
}

async fn simulator() -> Simulator {
    let app = feishu_simulator::App::new("cli_main", gateway_harness::APP_SECRET);
    Simulator::start(Options { apps: vec![app], ..Options::default() }).await.expect("a free port")
}

/// Returns once the gateway sleeps until it looks at its files at `look`, and until it asks for a token at `token`.
async fn sleeps_until(gateway: &Gateway, look: Duration, token: Duration) {
    let both = if look == token { 2 } else { 1 };
    let are_there =
        |all: &Vec<Duration>, moment| all.iter().filter(|it| **it == moment).count() == both;
    gateway.sleep(|all| are_there(all, look) && are_there(all, token)).await;
}

#[actix_web::test]
async fn a_certificate_by_an_authority_in_the_file_is_trusted_and_by_one_that_is_put_there_later() {
    let (simulator, dir) = (simulator().await, tempfile::tempdir().expect("a folder"));
    let (right, wrong) = (Authority::new(), Authority::new());
    let front = TlsFront::before(&simulator.url(), &right.server()).await;
    let ca = write(dir.path(), "ca.crt", wrong.pem());
    let gateway = setup(&front, &ca).start().await;
    let ready = async || gateway.ask_admin("GET", "/readyz").await.status;
    assert_eq!(ready().await, 503);
    assert_eq!(simulator.connections(), 0);

    // A token that cannot be fetched is asked for after 1, then after 2 more seconds.
    sleeps_until(&gateway, LOOK, Duration::from_secs(1)).await;
    write(dir.path(), "ca.crt", "no certificate");
    gateway.advance_to(LOOK);
    sleeps_until(&gateway, LOOK * 2, LOOK * 2).await;
    let right_ones = "feishu_gateway_secrets_last_reload_successful";
    assert_eq!(gateway.metrics().await.count(right_ones, &[]), 0);

    write(dir.path(), "ca.crt", right.pem());
    // The gateway asks for a token and looks at its files at the same moment. Whichever comes first, it asks again.
    gateway.advance_to(LOOK * 2);
    gateway.sleeps_until(LOOK * 3).await;
    assert_eq!(gateway.metrics().await.count(right_ones, &[]), 1);
    eventually(|| simulator.connections() > 0).await;
    gateway.forward("oc_1").send().await.message_id();
}

#[actix_web::test]
async fn a_wrong_file_of_certificates_stops_the_start_and_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let wrong = write(dir.path(), "ca.crt", "no certificate");
    let output = run_program(
        &["serve"],
        &[
            ("GATEWAY__FEISHU__CA_FILE", wrong.to_str().expect("UTF-8")),
            ("GATEWAY__APPS__MAIN__APP_ID", "cli_1"),
            ("GATEWAY__APPS__MAIN__APP_SECRET", "hush"),
        ],
    );
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(said.starts_with("feishu.ca_file: names a file without a PEM certificate"), "{said}");
}
