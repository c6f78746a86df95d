//! A real forward.

use feishu_simulator::{Api, Fault, FaultKind};

use crate::run::{doctor, examined, feishu, spoil};

const MESSAGE: [&str; 2] = ["--message", "om_1"];

async fn forwarded(
    receiver: &str,
    faults: Vec<Fault>,
    is_in_chat: bool,
) -> (crate::run::Said, usize) {
    let simulator = feishu(|it| it.is_in_chat = is_in_chat).await;
    spoil(&simulator, faults);
    let arguments = [&MESSAGE[..], &["--receiver", receiver]].concat();
    let said = examined(&simulator, &arguments).await;
    assert_eq!(simulator.ledger().of(Api::Forward).count(), 1, "it is sent once");
    (said, simulator.ledger().deliveries.len())
}

#[tokio::test]
async fn a_forward_is_announced_and_delivered_once() {
    let simulator = feishu(|_| {}).await;
    let arguments = [&MESSAGE[..], &["--receiver", "oc_1"]].concat();
    let said = doctor(&simulator.url(), &arguments, &[]).await;
    let announced = said.stdout.find("This forwards om_1 to oc_1 (chat_id) for real");
    let delivered = said.stdout.find("delivered as om_");
    assert!(announced.is_some() && announced < delivered, "{}", said.stdout);
    assert_eq!(said.exit_code, Some(0));
    assert_eq!(simulator.ledger().deliveries.len(), 1);
}

#[tokio::test]
async fn an_outcome_means_what_the_gateway_would_tell_its_callers() {
    let cut = || vec![Fault { api: Some(Api::Forward), ..Fault::once(FaultKind::Cut) }];
    for (receiver, faults, detail, advice) in [
        (
            "oc_code_230002",
            vec![],
            "not delivered: The bot is not in the chat (bot_not_in_chat)",
            ["chat_admin", ""],
        ),
        ("oc_code_230013", vec![], "user_out_of_scope", ["tenant_admin", ""]),
        ("oc_code_99991401", vec![], "gateway_address_denied", ["developer", "/safe"]),
        ("oc_1", cut(), "it is unknown whether it was delivered", ["you", ""]),
    ] {
        let (said, deliveries) = forwarded(receiver, faults, true).await;
        said.assert_step("forward", "failed", detail, advice);
        assert_eq!((said.exit_code, deliveries), (Some(1), 0), "{receiver}");
    }
}

#[tokio::test]
async fn whether_the_bot_is_in_the_chat_is_asked_before() {
    let (said, _) = forwarded("oc_1", vec![], false).await;
    said.assert_step("membership", "failed", "not in the chat", ["chat_admin", ""]);
    let (said, _) = forwarded("oc_1", vec![], true).await;
    said.assert_step("membership", "ok", "in the chat", ["", ""]);
    let refused = FaultKind::Code { code: 99991672, status: None, msg: None, reset: None };
    let fault = Fault { api: Some(Api::IsInChat), ..Fault::once(refused) };
    let (said, _) = forwarded("oc_1", vec![fault], true).await;
    said.assert_step("membership", "warning", "could not be checked", ["", ""]);
    assert_eq!(said.exit_code, Some(0));
}

#[tokio::test]
async fn without_a_token_nothing_is_forwarded() {
    let simulator = feishu(|_| {}).await;
    let arguments = [&["--json"], &MESSAGE[..], &["--receiver", "ou_1"]].concat();
    let wrong = [("GATEWAY__APPS__MAIN__APP_SECRET", "wrong")];
    let said = doctor(&simulator.url(), &arguments, &wrong).await;
    said.assert_step("forward", "skipped", "see `credentials`", ["", ""]);
    assert_eq!(simulator.ledger().of(Api::Forward).count(), 0);
}
