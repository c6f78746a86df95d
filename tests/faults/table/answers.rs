//! Answers that are not Feishu's own, and those of its codes after which another attempt may help.

use feishu_simulator::FaultKind;

use super::When::{AfterCommit, BeforeCommit, BeforeRequest, InAnswer};
use super::{Entry, Section, Times, left_out, once_and_for_ever, struck};
use gateway_harness::{code, foreign as answer};

const OFTEN: [Times; 3] = [Times::Once, Times::Thrice, Times::ForEver];

/// Answers of a proxy between the gateway and Feishu.
pub(super) fn foreign() -> Section {
    let answers = [
        ("HTML 502", answer(502, "text/html", "<html><h1>502 Bad Gateway</h1></html>")),
        ("JSON 500 without a code", answer(500, "application/json", "{\"msg\":\"internal\"}")),
        ("HTML 403 of a firewall", answer(403, "text/html", "<html><h1>Forbidden</h1></html>")),
        ("200 that does not parse", answer(200, "application/json", "{\"code\":0,\"data\":")),
    ];
    let mut entries = Vec::new();
    for (fault, kind) in answers {
        for when in [BeforeCommit, AfterCommit] {
            entries.extend(once_and_for_ever(fault, when, &kind));
        }
    }
    entries.extend(only_whole("these four"));
    Section {
        title: "Answers that are not Feishu's",
        about: "A proxy or a gateway in front of Feishu answers instead of it.",
        entries,
    }
}

/// Feishu's codes.
pub(super) fn codes() -> Section {
    let mut entries = Vec::new();
    for (fault, numbers) in [
        ("230049, 18121: the message is being sent", [230049, 18121].as_slice()),
        ("1500, 1663, 2200, 5000, 55001: an error inside Feishu", &[1500, 1663, 2200, 5000, 55001]),
    ] {
        for when in [BeforeCommit, AfterCommit] {
            let kinds: Vec<FaultKind> = numbers.iter().map(|number| code(*number)).collect();
            entries.extend(OFTEN.map(|times| Entry::Row(struck(fault, when, times, &kinds))));
        }
    }
    entries.extend(limits());
    entries.extend(only_whole("any code"));
    Section {
        title: "Feishu's codes",
        about: "Every code after which the gateway makes another attempt; after all others it makes \
            none.",
        entries,
    }
}

fn limits() -> Vec<Entry> {
    let app_limit = |reset| FaultKind::Code { code: 99991400, status: None, msg: None, reset };
    let limits = [
        (
            "230020, 11232, 11233: the receiver gets too many",
            vec![code(230020), code(11232), code(11233)],
        ),
        ("99991400 without a reset: the app sends too much", vec![app_limit(None)]),
        ("99991400, reset in 1 s: the app sends too much", vec![app_limit(Some(1))]),
        ("99991400, reset in 52 s: the app sends too much", vec![app_limit(Some(52))]),
    ];
    let mut entries = Vec::new();
    for (fault, kinds) in limits {
        entries.extend(OFTEN.map(|times| Entry::Row(struck(fault, BeforeCommit, times, &kinds))));
    }
    entries.push(left_out(
        "230020 to 99991400",
        &[AfterCommit],
        "what is limited is not forwarded",
    ));
    entries
}

/// Answers come whole and to what was read.
fn only_whole(fault: &'static str) -> [Entry; 2] {
    [
        left_out(fault, &[BeforeRequest], "nobody answers what was not read"),
        left_out(fault, &[InAnswer], "half of it is a connection that is closed"),
    ]
}
