//! A store app: its ticket, its app token, and the token of a tenant.

use std::time::Duration;

use feishu_simulator::{Api, Fault};
use gateway_harness::code;

use super::When::{AfterCommit, BeforeCommit, BeforeRequest, InAnswer};
use super::{Entry, Section, StagedApp, Staging, Times, left_out, staged};

/// Feishu is asked for another ticket no sooner than this after the last question.
const ASKS_AGAIN: Duration = Duration::from_secs(11);

pub(super) fn section() -> Section {
    let mut entries = vec![uninstalled(), ticket_refused()];
    for (fault, api, number) in [
        ("tokens revoked, 10014 for the app token", Api::StoreAppAccessToken, 10014),
        ("tokens revoked, 10013 for the tenant token", Api::StoreTenantAccessToken, 10013),
    ] {
        for times in [Times::Once, Times::Thrice, Times::ForEver] {
            let row = staged(fault, BeforeRequest, times, vec![refused(api, number, times)]);
            entries.push(Entry::Row(row));
        }
    }
    let why = "time passes for others than the forward: `tests/gateway/store_apps.rs` has it";
    entries.push(left_out("no ticket, or one that comes late", &[BeforeRequest], why));
    let later = &[AfterCommit, InAnswer];
    entries.push(left_out("any of these", later, "without a token nothing is forwarded"));
    Section {
        title: "A store app",
        about: "A tenant that has uninstalled the app, tickets and tokens that Feishu refuses. Other tenants are not affected by the first.",
        entries,
    }
}

fn uninstalled() -> Entry {
    let staging = Staging { app: StagedApp::UninstalledStore, ..Staging::default() };
    let fault = "99991673: the tenant has uninstalled the app";
    Entry::Row(staged(fault, BeforeCommit, Times::ForEver, vec![staging]))
}

/// Feishu pushes another ticket when it is asked.
fn ticket_refused() -> Entry {
    let refused = refused(Api::StoreAppAccessToken, 10012, Times::Once);
    let staging = Staging { idle: ASKS_AGAIN, ..refused };
    let fault = "tokens revoked, 10012: the ticket is refused";
    Entry::Row(staged(fault, BeforeRequest, Times::Once, vec![staging]))
}

fn refused(api: Api, number: i64, times: Times) -> Staging {
    let strikes = Fault { api: Some(api), times: Some(times.count()), ..Fault::once(code(number)) };
    Staging { app: StagedApp::Store, revoked: true, faults: vec![strikes], ..Staging::default() }
}
