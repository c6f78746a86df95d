//! The probe as a shell sees it: it runs only for whoever agrees. What it finds out is tested beside its code, where
//! time need not pass.

use std::time::Duration;

use feishu_simulator::{Api, Duplicate, Settings};
use serde_json::Value;

use crate::run::{doctor, feishu};

const ERRAND: [&str; 5] = ["--message", "om_1", "--receiver", "oc_1", "--probe"];

#[tokio::test]
async fn without_an_agreement_no_call_is_made_and_the_experiments_are_named() {
    let simulator = feishu(|_| {}).await;
    let said = doctor(&simulator.url(), &ERRAND, &[]).await;
    assert_eq!(said.exit_code, Some(2));
    for named in ["rejected_token", "repeated_uuid", "receiver_limit", "app_limit", "--yes"] {
        assert!(said.stderr.contains(named), "{named}: {}", said.stderr);
    }
    assert!(simulator.ledger().attempts.is_empty());
}

#[tokio::test]
async fn wrong_arguments_of_the_probe_exit_with_2() {
    let simulator = feishu(|_| {}).await;
    for (more, named) in [
        (&["--yes", "--for", "3h"][..], "--for"),
        (&["--yes", "--for", "soon"], "--for"),
        (&["--yes", "--report", "/nowhere/report.md"], "--report"),
    ] {
        let said = doctor(&simulator.url(), &[&ERRAND[..], more].concat(), &[]).await;
        assert_eq!(said.exit_code, Some(2), "{more:?}");
        assert!(said.stderr.contains(named), "{more:?}: {}", said.stderr);
    }
    for arguments in [&["--probe"][..], &["--yes"], &["--report", "r.md"], &["--for", "1m"]] {
        assert_eq!(doctor(&simulator.url(), arguments, &[]).await.exit_code, Some(2));
    }
    assert!(simulator.ledger().attempts.is_empty());
}

#[tokio::test]
async fn where_a_step_fails_the_probe_does_not_run() {
    let simulator = feishu(|it| it.bot_activate_status = 1).await;
    let said = doctor(&simulator.url(), &[&ERRAND[..], &["--yes"]].concat(), &[]).await;
    assert_eq!(said.exit_code, Some(1));
    assert!(said.stdout.contains("The probe did not run"), "{}", said.stdout);
    assert_eq!(simulator.ledger().of(Api::Forward).count(), 1, "the forward that was asked for");
}

/// It takes the time that its experiments take, some 12 seconds. What they find out about time depends on how busy the
/// machine is, and is not looked at here.
#[tokio::test]
async fn a_probe_ends_with_a_report_and_with_settings_that_the_simulator_takes() {
    let simulator = feishu(|_| {}).await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("report.json");
    let report = path.to_str().expect("UTF-8");
    let more = ["--yes", "--for", "0s", "--json", "--report", report];
    let said = doctor(&simulator.url(), &[&ERRAND[..], &more].concat(), &[]).await;
    assert_eq!(said.exit_code, Some(0), "{}{}", said.stdout, said.stderr);
    let written: Value =
        serde_json::from_slice(&std::fs::read(&path).expect("a report")).expect("JSON");
    assert_eq!(said.json()["probe"], written);
    let command = said.stderr.lines().find(|it| it.contains("curl -X PATCH"));
    let settings = command.and_then(|it| it.split('\'').nth(1)).expect("settings");
    let url = format!("{}/_simulator/settings", simulator.url());
    feishu_forward_gateway::tls::use_ring();
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10));
    let change = client.build().expect("a client").patch(url).body(settings.to_owned());
    let taken = change.send().await.expect("an answer");
    assert_eq!(taken.status().as_u16(), 200, "{settings}");
    let taken: Settings =
        serde_json::from_slice(&taken.bytes().await.expect("a body")).expect("all");
    assert_eq!((taken.duplicate, taken.rejected_token_status), (Duplicate::OriginalId, 400));
}
