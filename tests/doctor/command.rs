//! Arguments, exit codes and languages.

use crate::run::{doctor, feishu};

#[tokio::test]
async fn wrong_arguments_and_a_wrong_configuration_exit_with_2_and_call_nobody() {
    let simulator = feishu(|_| {}).await;
    let second = [
        ("GATEWAY__APPS__OTHER__APP_ID", "cli_other"),
        ("GATEWAY__APPS__OTHER__APP_SECRET", "another"),
    ];
    let wrong = [("GATEWAY__FEISHU__BASE_URL", "nowhere")];
    for (arguments, variables, named) in [
        (&["--app", "unknown"][..], &[][..], "--app"),
        (&["--message", "om_1"], &[], "--receiver"),
        (&["--receiver", "oc_1"], &[], "--message"),
        (&["--message", "oc_1", "--receiver", "oc_1"], &[], "--message"),
        (&["--message", "om_1", "--receiver", "om_1"], &[], "--receiver"),
        (
            &["--message", "om_1", "--receiver", "oc_1", "--receive-id-type", "chat"],
            &[],
            "--receive-id-type",
        ),
        (&["--message", "om_1", "--receiver", "oc_1"], &second, "--app"),
        (&["--lang", "fr"], &[], "--lang"),
        (&["--unknown"], &[], "--unknown"),
        (&[], &wrong, "feishu.base_url"),
    ] {
        let said = doctor(&simulator.url(), arguments, variables).await;
        assert_eq!(said.exit_code, Some(2), "{arguments:?}: {}", said.stderr);
        assert!(said.stderr.contains(named), "{arguments:?}: {}", said.stderr);
        assert!(said.stdout.is_empty(), "{arguments:?}: {}", said.stdout);
    }
    assert!(simulator.ledger().attempts.is_empty());
}

#[tokio::test]
async fn the_table_is_aligned_has_no_colours_and_says_what_the_calls_cost() {
    let simulator = feishu(|it| it.bot_activate_status = 1).await;
    let said = doctor(&simulator.url(), &[], &[]).await;
    assert_eq!(said.exit_code, Some(1));
    assert!(!said.stdout.contains('\u{1b}'));
    assert!(said.stdout.lines().next().is_some_and(|it| it.contains("month's quota")));
    let column = |word: &str| {
        let line = said.stdout.lines().find(|it| it.split_whitespace().nth(1) == Some(word));
        line.and_then(|it| it.find(word))
    };
    assert!(column("ok").is_some() && column("ok") == column("FAILED"), "{}", said.stdout);
    assert!(said.stdout.contains("-> tenant administrator: "), "{}", said.stdout);
}

#[tokio::test]
async fn the_language_is_that_of_the_environment_or_of_the_argument() {
    let simulator = feishu(|it| it.scopes = [].into()).await;
    let chinese = [("LANG", "zh_CN.UTF-8")];
    for (arguments, variables, is_chinese) in [
        (&[][..], &[][..], false),
        (&[], &chinese, true),
        (&["--lang", "zh"], &[], true),
        (&["--lang", "en"], &chinese, false),
    ] {
        let said = doctor(&simulator.url(), arguments, variables).await;
        assert_eq!(said.stdout.contains("应用开发者"), is_chinese, "{}", said.stdout);
        assert_eq!(said.stdout.contains("app developer"), !is_chinese, "{}", said.stdout);
    }
}
