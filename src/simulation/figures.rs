//! What many histories come to, in lines that a person can read.

use std::fmt;

use super::many::Total;

/// All that a history counts. What never happened is shown too: what it would have tested was not tested.
const COUNTED: [(&str, &[&str]); 6] = [
    (
        "callers",
        &[
            "requests",
            "callers without a gateway",
            "callers that hung up",
            "answers: delivered",
            "answers: not delivered",
            "answers: unknown",
            "answers: unconfirmed",
            "answers: key reused",
        ],
    ),
    (
        "broadcasts",
        &[
            "broadcasts",
            "cancels",
            "receivers: delivered",
            "receivers: not delivered",
            "receivers: unknown",
        ],
    ),
    (
        "Feishu",
        &[
            "calls",
            "token calls",
            "deliveries",
            "uuids repeated",
            "tokens rejected",
            "receiver limits met",
            "app limits met",
        ],
    ),
    (
        "calls that met a fault",
        &[
            "no connection",
            "lost call",
            "lost answer",
            "cut before",
            "cut after",
            "stale connection",
            "502 of a proxy",
            "garbage",
            "slow",
            "internal error",
            "refusal",
            "no token",
        ],
    ),
    (
        "gateways",
        &[
            "kills",
            "drains",
            "rolling restarts",
            "pauses",
            "wall clocks set",
            "full disks",
            "slow disks",
        ],
    ),
    (
        "Redis",
        &[
            "Redis: trouble",
            "Redis: emptied",
            "Redis: failed over",
            "Redis: takes no writes",
            "Redis: other events",
        ],
    ),
];

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_listed = |what: &str| COUNTED.iter().any(|(_, all)| all.contains(&what));
        let others: Vec<&str> =
            self.counts.keys().copied().filter(|what| !is_listed(what)).collect();
        let groups = COUNTED.iter().copied().chain([("others", others.as_slice())]);
        for (name, all) in groups.filter(|(_, all)| !all.is_empty()) {
            writeln!(f, "{name}")?;
            for what in all {
                let count = self.counts.get(what).copied().unwrap_or_default();
                let never = if count == 0 { ": NEVER" } else { "" };
                writeln!(f, "{count:>10} {what}{never}")?;
            }
        }
        Ok(())
    }
}
