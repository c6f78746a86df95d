//! The way to Feishu.

use feishu_simulator::FaultKind;

use super::When::{AfterCommit, BeforeCommit, BeforeRequest, InAnswer};
use super::{Entry, Section, Staging, Times, left_out, once_and_for_ever, staged, struck};

pub(super) fn section() -> Section {
    let mut entries = no_way();
    entries.extend(broken("connection closed", &FaultKind::Cut, &FaultKind::CutInBody));
    entries.extend(broken("connection reset", &FaultKind::Reset, &FaultKind::ResetInBody));
    entries.extend(silence());
    entries.extend(slow_drip());
    entries.extend(garbage());
    entries.extend(kept());
    Section {
        title: "The way to Feishu",
        about: "What goes wrong before anybody has answered, or while somebody does.",
        entries,
    }
}

/// No connection comes about.
fn no_way() -> Vec<Entry> {
    let refused = |times: Times| {
        let staging = Staging { refused: times.count(), ..Staging::default() };
        Entry::Row(staged("connection refused", BeforeRequest, times, vec![staging]))
    };
    let elsewhere = |fault, elsewhere: fn(&str) -> String| {
        let staging = Staging { elsewhere: Some(elsewhere), ..Staging::default() };
        Entry::Row(staged(fault, BeforeRequest, Times::ForEver, vec![staging]))
    };
    let mut entries: Vec<Entry> = [Times::Once, Times::Thrice, Times::ForEver].map(refused).into();
    // A label is at most 63 characters long, so no resolver has to be asked for this one.
    entries.push(elsewhere("DNS failure", |_| format!("http://{}.invalid", "x".repeat(64))));
    entries.push(elsewhere("TLS failure", |url| url.replace("http:", "https:")));
    let later = &[BeforeCommit, AfterCommit, InAnswer];
    entries.push(left_out("these three", later, "without a connection nothing is written"));
    entries
}

/// The connection ends, and no whole answer has come.
fn broken(fault: &'static str, kind: &FaultKind, in_body: &FaultKind) -> Vec<Entry> {
    let mut entries = before_the_answer(fault, kind);
    entries.extend(once_and_for_ever(fault, InAnswer, in_body));
    entries
}

/// The fault in each phase that comes before the answer.
fn before_the_answer(fault: &'static str, kind: &FaultKind) -> Vec<Entry> {
    let phases = [BeforeRequest, BeforeCommit, AfterCommit];
    phases.into_iter().flat_map(|when| once_and_for_ever(fault, when, kind)).collect()
}

/// A connection that an earlier call has left ends, or is dead, as the next request comes.
fn kept() -> Vec<Entry> {
    let kinds = [
        ("kept connection closed", FaultKind::Cut),
        ("kept connection reset", FaultKind::Reset),
        ("kept connection dead", FaultKind::Silence),
    ];
    let row = |fault, when, kind: &FaultKind| {
        let mut row = struck(fault, when, Times::Once, std::slice::from_ref(kind));
        row.stagings.iter_mut().flat_map(|it| &mut it.faults).for_each(|it| it.reused = true);
        Entry::Row(row)
    };
    let rows = kinds
        .into_iter()
        .flat_map(|(fault, kind)| [BeforeCommit, AfterCommit].map(|when| row(fault, when, &kind)));
    rows.collect()
}

fn silence() -> Vec<Entry> {
    let mut entries = before_the_answer("silence", &FaultKind::Silence);
    entries.push(left_out("silence", &[InAnswer], "that is the slow drip"));
    entries
}

fn slow_drip() -> Vec<Entry> {
    let drip = FaultKind::SlowDrip { ms_per_byte: 3_600_000 };
    let mut entries = Vec::from(once_and_for_ever("slow drip", InAnswer, &drip));
    let earlier = &[BeforeRequest, BeforeCommit, AfterCommit];
    entries.push(left_out("slow drip", earlier, "it is an answer"));
    entries
}

fn garbage() -> Vec<Entry> {
    let mut entries = before_the_answer("garbage", &FaultKind::Garbage);
    entries.push(left_out("garbage", &[InAnswer], "that is an answer that does not parse"));
    entries
}
