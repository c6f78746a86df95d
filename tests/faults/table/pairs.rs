//! A delivery without an answer, and then an answer that means that nothing was delivered.

use feishu_simulator::FaultKind;

use super::When::{AfterCommit, BeforeCommit};
use super::{Entry, Row, Section, Staging, Times, struck};
use gateway_harness::code;

pub(super) fn section() -> Section {
    let codes = [
        ("closed, then 230020: the receiver gets too many", 230020),
        ("closed, then 99991400: the app sends too much", 99991400),
        ("closed, then 99991663: the token is rejected", 99991663),
        ("closed, then 230002: the bot is not in the chat", 230002),
    ];
    let mut entries: Vec<Entry> =
        codes.into_iter().map(|(fault, number)| Entry::Row(then(fault, number))).collect();
    entries.push(Entry::Row(then_refused()));
    Section {
        title: "Two things",
        about: "The connection is closed once after the commit, and what comes then for ever would \
            mean by itself that nothing was delivered.",
        entries,
    }
}

fn then(fault: &'static str, number: i64) -> Row {
    let mut second = struck(fault, BeforeCommit, Times::ForEver, &[code(number)]).stagings;
    closed(fault, |mut first| {
        first.faults.append(&mut second[0].faults);
        first
    })
}

fn then_refused() -> Row {
    let fault = "closed, then connections refused";
    closed(fault, |first| Staging { refused_later: true, ..first })
}

/// Delivered at first, and then something else.
fn closed(fault: &'static str, then: impl FnMut(Staging) -> Staging) -> Row {
    let first = struck(fault, AfterCommit, Times::Once, &[FaultKind::Cut]);
    Row { stagings: first.stagings.into_iter().map(then).collect(), ..first }
}
