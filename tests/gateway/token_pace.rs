//! How often Feishu is asked for a token: once a pause, whatever it says.

use std::time::Duration;

use feishu_simulator::FaultKind;

use gateway_harness::{all, code, eventually, every_token, foreign, gateway, ms};

const SECOND: Duration = Duration::from_secs(1);

/// A success of the token API with these for the token and its life, as they stand in JSON.
fn token(token: &str, expire: &str) -> FaultKind {
    let body =
        format!(r#"{{"code":0,"msg":"ok","tenant_access_token":{token},"expire":{expire}}}"#);
    foreign(200, "application/json", body)
}

/// Answers that give no token that is of use.
fn useless() -> Vec<FaultKind> {
    let long = format!("\"t-{}\"", "x".repeat(5000));
    let tokens = [
        r#""""#,
        r#"" ""#,
        r#""t- 1""#,
        r#""t-\n1""#,
        r#""t-\u0000""#,
        r#""t-\u00e9""#,
        "7",
        "null",
    ];
    let lives = ["0", "1", "9", "-1", "-1e300", "\"0\"", "\"two hours\"", "7200.5", "null", "{}"];
    let mut all = vec![
        code(10014),
        code(99991400),
        code(424242),
        foreign(502, "text/html", "<html>Bad Gateway</html>"),
        foreign(200, "text/html", "<html>Welcome</html>"),
        foreign(200, "application/json", "{\"code\":0}"),
        FaultKind::Cut,
        token(&long, "7200"),
    ];
    all.extend(tokens.map(|it| token(it, "7200")));
    all.extend(lives.map(|it| token("\"t-1\"", it)));
    all
}

#[actix_web::test]
async fn without_any_forward_a_useless_answer_is_asked_for_again_after_pauses_that_double() {
    for kind in useless() {
        let gateway = gateway().fault(every_token(kind.clone())).cold().start().await;
        let mut next = Duration::ZERO;
        for (number, pause) in [1, 2, 4, 8, 16, 32, 60, 60].into_iter().enumerate() {
            next += SECOND * pause;
            gateway.sleeps_until(next).await;
            assert_eq!(gateway.token_calls().len(), 1 + number, "{kind:?}");
            gateway.advance_to(next);
        }
        let ready = gateway.ask_admin("GET", "/readyz").await;
        assert_eq!(ready.status, 503, "{kind:?}");
    }
}

#[actix_web::test]
async fn many_forwards_ask_no_more_often_than_one_and_send_nothing() {
    for kind in useless() {
        let setup = gateway().one_attempt().no_app_limits().fault(every_token(kind.clone()));
        let gateway = setup.cold().start().await;
        gateway.sleeps_until(SECOND).await;
        for moment in [0, 100, 249] {
            gateway.advance_to(ms(moment));
            let forwards = (0..10).map(|number| gateway.forward(&format!("ou_{number}")).spawn());
            for answer in all(forwards.collect()).await {
                assert_eq!(answer.json()["outcome"], "not_delivered", "{kind:?}");
            }
        }
        assert_eq!(gateway.token_calls().len(), 1, "{kind:?}");
        // A forward that needs a token asks again after a quarter of the pause.
        gateway.advance_to(ms(250));
        let forwards = (0..10).map(|number| gateway.forward(&format!("on_{number}")).spawn());
        all(forwards.collect()).await;
        assert_eq!(gateway.token_calls().len(), 2, "{kind:?}");
        assert_eq!(gateway.forwards(), [], "{kind:?}");
        // When Feishu is well again, so is the gateway.
        gateway.simulator.clear_faults();
        gateway.advance_to(ms(750));
        gateway.forward("oc_1").send().await.message_id();
    }
}

#[actix_web::test]
async fn callers_who_hang_up_make_no_further_call() {
    let gateway = gateway().fault(every_token(FaultKind::Silence)).cold().start().await;
    gateway.token_calls_reach(1).await;
    for number in 0..20 {
        let forward = gateway.forward(&format!("ou_{number}")).over_a_new_connection().spawn();
        gateway.sleep(|all| all.contains(&(SECOND * 15))).await;
        forward.abort();
        gateway.sleep(|all| !all.contains(&(SECOND * 15))).await;
    }
    assert_eq!(gateway.token_calls().len(), 1);
}

#[actix_web::test]
async fn a_token_lives_two_hours_at_most_whatever_feishu_says() {
    for expire in [
        "\"7200\"",
        "7201",
        "86400",
        "9223372036854775807",
        "18446744073709551615",
        "99999999999999999999",
        "1e300",
    ] {
        let gateway = gateway().fault(every_token(token("\"t-1\"", expire))).cold().start().await;
        gateway.sleeps_until(SECOND * 5400).await;
        let metrics = gateway.metrics().await;
        let expires_at = metrics.count("feishu_gateway_tenant_token_expiry_timestamp_seconds", &[]);
        assert_eq!(expires_at, 1_767_225_600 + 7200, "{expire}");
    }
}

#[actix_web::test]
async fn tokens_that_always_have_to_be_renewed_soon_are_renewed_seldom() {
    // As if Feishu never handed out one that lives longer than half an hour, or little longer.
    for (expire, first) in [("1800", 1), ("1801", 1), ("1807", 7)] {
        let gateway = gateway().fault(every_token(token("\"t-1\"", expire))).cold().start().await;
        let half = Duration::from_secs(expire.parse().unwrap()) / 2;
        let soon = SECOND * first;
        for (number, next) in [soon, soon * 2, soon * 3, soon * 3 + half].into_iter().enumerate() {
            // Not the end of a call's time.
            eventually(|| gateway.hand.pauses().contains(&next)).await;
            assert_eq!(gateway.token_calls().len(), number + 1, "{expire}");
            gateway.advance_to(next);
        }
    }
}

#[actix_web::test]
async fn a_token_that_lives_a_few_seconds_is_renewed_after_half_of_them() {
    let gateway = gateway().fault(every_token(token("\"t-1\"", "11"))).cold().start().await;
    for number in 1..12_usize {
        let next = ms(5500 * number as u64);
        eventually(|| gateway.hand.pauses().contains(&next)).await;
        assert_eq!(gateway.token_calls().len(), number);
        gateway.advance_to(next);
    }
}

#[actix_web::test]
async fn a_token_that_is_rejected_whenever_it_is_new_is_not_fetched_for_every_forward() {
    let gateway = gateway().no_app_limits().start().await;
    gateway.spoil_every_forward(code(99991663));
    for number in 0..30 {
        let answer = gateway.see_through(gateway.forward(&format!("ou_{number}"))).await;
        answer.problem(502, "credentials_rejected", "not_delivered");
    }
    // One at the start, one that replaces the first at once, and then one each pause.
    let at: Vec<u64> = gateway.token_calls().iter().map(|call| call.at_ns / 1_000_000).collect();
    assert_eq!(at[..2], [0, 0]);
    let pauses: Vec<u64> = at[1..].windows(2).map(|pair| pair[1] - pair[0]).collect();
    let are_kept = pauses.iter().zip([250, 500, 1000, 2000, 4000]).all(|(it, least)| *it >= least);
    assert!(are_kept && pauses.len() <= 4, "{at:?}");
    // Forwards that came later were refused without a call.
    assert!(gateway.forwards().len() < 20, "{}", gateway.forwards().len());
}

#[actix_web::test]
async fn a_feishu_that_hands_out_the_rejected_token_again_is_asked_once_by_each_forward() {
    // The same string, whatever was rejected.
    let gateway = gateway().fault(every_token(token("\"t-1\"", "7200"))).cold().start().await;
    gateway.sleeps_until(SECOND * 5400).await;
    let answer = gateway.see_through(gateway.forward("oc_1")).await;
    answer.problem(502, "credentials_rejected", "not_delivered");
    assert_eq!(gateway.forwards().len(), 2);
    assert_eq!(gateway.token_calls().len(), 2);
    gateway.simulator.clear_faults();
    gateway.see_through(gateway.forward("oc_1")).await.message_id();
}
