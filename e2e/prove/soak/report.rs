//! The table of what was done.

use std::collections::BTreeMap;

use feishu_simulator::Api;

use super::faults::Faults;
use crate::call::{End, Said};
use crate::gateway::Gateway;
use crate::verdict::Story;

pub(super) async fn print(gateway: &Gateway, stories: &[Story], faults: &Faults) {
    let ledger = gateway.simulator.ledger();
    let calls = || stories.iter().flat_map(|story| &story.steps).flatten();
    println!("  {} forwards wanted, in {} requests", stories.len(), calls().count());
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    for call in calls() {
        *ends.entry(name(&call.end)).or_default() += 1;
    }
    rows(ends);
    println!("  faults ({}), each once or twice", faults.values().sum::<usize>());
    rows(faults.clone());
    let forwards = ledger.of(Api::Forward).count();
    println!("  at Feishu");
    rows([
        ("attempts to forward".to_owned(), forwards),
        ("calls for tokens".to_owned(), ledger.of(Api::TenantAccessToken).count()),
        ("messages delivered".to_owned(), ledger.deliveries.len()),
    ]);
    for (what, name, label) in [
        ("retries", "upstream_retries_total", "reason"),
        ("retries refused by the budget", "upstream_retries_refused_total", "app"),
        ("Idempotency-Keys", "idempotent_requests_total", "result"),
    ] {
        println!("  {what}");
        rows(gateway.counts(&format!("feishu_gateway_{name}"), label).await);
    }
}

fn rows<T: std::fmt::Display>(rows: impl IntoIterator<Item = (String, T)>) {
    for (name, count) in rows {
        println!("    {count:>7} {name}");
    }
}

fn name(end: &End) -> String {
    match end {
        End::Answered(answer) => {
            let said = match answer.said {
                Said::Delivered(_) => "delivered",
                Said::NotDelivered => "not delivered",
                Said::Unknown => "unknown",
            };
            let replayed = if answer.is_replayed { ", replayed" } else { "" };
            let code =
                if answer.code == said { String::new() } else { format!(": {}", answer.code) };
            format!("{said}{code}{replayed}")
        }
        End::HungUp => "the caller hung up".into(),
        End::Lost => "the connection was lost".into(),
        End::Broken(_) => "no answer".into(),
    }
}
