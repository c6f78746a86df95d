//! The tenant token.

use feishu_simulator::{Api, Fault, FaultKind};

use super::When::{AfterCommit, BeforeCommit, BeforeRequest, InAnswer};
use super::{Entry, Section, Staging, Times, left_out, staged, struck};
use gateway_harness::{code, foreign};

pub(super) fn section() -> Section {
    let mut entries = rejected();
    entries.extend(failing());
    let later = &[AfterCommit, InAnswer];
    entries.push(left_out("any of these", later, "without a token nothing is forwarded"));
    Section {
        title: "The tenant token",
        about: "A token that Feishu takes no more, and token calls that fail when there is none.",
        entries,
    }
}

fn rejected() -> Vec<Entry> {
    let revoked = Staging { revoked: true, ..Staging::default() };
    let revoked = staged("token revoked", BeforeCommit, Times::Once, vec![revoked]);
    let codes = [99991663, 99991664, 99991665, 99991671].map(code);
    let fault = "99991663, 99991664, 99991665, 99991671: the token is rejected";
    let rejected = |times| struck(fault, BeforeCommit, times, &codes);
    [revoked, rejected(Times::Once), rejected(Times::ForEver)].map(Entry::Row).into()
}

/// Token calls that fail after the token was revoked.
fn failing() -> Vec<Entry> {
    let html = foreign(502, "text/html", "<html><h1>502 Bad Gateway</h1></html>");
    let down = [FaultKind::Cut, FaultKind::Reset, FaultKind::Garbage, FaultKind::CutInBody, html];
    let useless = [("\"\"", 7200), ("\"t-1\"", 0)].map(|(token, expire)| {
        let body = format!(r#"{{"code":0,"tenant_access_token":{token},"expire":{expire}}}"#);
        foreign(200, "application/json", body)
    });
    let [slow, too_slow] = [FaultKind::Latency { ms: 20 }, FaultKind::Silence];
    let mut entries = vec![no_token_yet(&down)];
    for (fault, kinds) in [
        ("token revoked, token API down", down.as_slice()),
        ("token revoked, token API slow", &[slow]),
        ("token revoked, token API too slow", &[too_slow]),
        ("token revoked, token API says 10013", &[code(10013)]),
        ("token revoked, token API says 10014", &[code(10014)]),
        ("token revoked, token API gives none that is of use", &useless),
    ] {
        for times in [Times::Once, Times::Thrice, Times::ForEver] {
            let stagings = kinds.iter().map(|kind| token_call(kind.clone(), times)).collect();
            entries.push(Entry::Row(staged(fault, BeforeRequest, times, stagings)));
        }
    }
    entries
}

/// A gateway that never had a token.
fn no_token_yet(down: &[FaultKind]) -> Entry {
    let from_the_start = |kind: &FaultKind| Staging {
        revoked: false,
        from_the_start: true,
        ..token_call(kind.clone(), Times::ForEver)
    };
    let stagings = down.iter().map(from_the_start).collect();
    let fault = "no token yet, token API down";
    Entry::Row(staged(fault, BeforeRequest, Times::ForEver, stagings))
}

fn token_call(kind: FaultKind, times: Times) -> Staging {
    let (api, times) = (Some(Api::TenantAccessToken), Some(times.count()));
    let faults = vec![Fault { api, times, ..Fault::once(kind) }];
    Staging { revoked: true, faults, ..Staging::default() }
}
