//! Clocks that jump, the gateway's and Feishu's together.

use std::time::Duration;

use feishu_simulator::FaultKind;

use super::When::{AfterCommit, BeforeCommit, BeforeRequest, BetweenAttempts, InAnswer};
use super::{Entry, Row, Section, Staging, Times, staged, struck};
use gateway_harness::code;

const JUMPS: [(&str, Duration); 3] = [
    ("clock jumps by a minute", Duration::from_mins(1)),
    ("clock jumps by an hour", Duration::from_hours(1)),
    ("clock jumps by two hours", Duration::from_hours(2)),
];

pub(super) fn section() -> Section {
    let mut entries = Vec::new();
    for (fault, by) in JUMPS {
        let idle = Staging { idle: by, ..Staging::default() };
        let drip = FaultKind::SlowDrip { ms_per_byte: 3_600_000 };
        let meanwhile = |when, kind| jumping(struck(fault, when, Times::Once, &[kind]), by);
        let rows = [
            staged(fault, BeforeRequest, Times::Once, vec![idle]),
            meanwhile(BeforeCommit, FaultKind::Silence),
            meanwhile(AfterCommit, FaultKind::Silence),
            meanwhile(InAnswer, drip),
            meanwhile(BetweenAttempts, code(2200)),
        ];
        entries.extend(rows.map(Entry::Row));
    }
    Section {
        title: "The clock",
        about: "Time passes at once while the forward is in Feishu's hands, or in the pause before \
            another attempt; Feishu's own clock jumps with it.",
        entries,
    }
}

fn jumping(row: Row, by: Duration) -> Row {
    let jump = |staging| Staging { jump: Some(by), ..staging };
    Row { stagings: row.stagings.into_iter().map(jump).collect(), ..row }
}
