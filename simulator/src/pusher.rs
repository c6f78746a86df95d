//! Pushes tickets, events and address checks to the URLs of store apps.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::clock::{nanos, wait};
use crate::event::Event;
use crate::outbox::Parcel;
use crate::push::{NotPushed, Push, PushAnswer, PushFault, PushKind};
use crate::receiver::post;
use crate::state::Shared;

/// How long Feishu waits for the answer to an event (doc).
const PATIENCE: Duration = Duration::from_secs(3);
/// How long Feishu waits for the answer to an address check (doc).
const CHECK_PATIENCE: Duration = Duration::from_secs(1);
/// The longest time that an answer takes on a real clock, for tests whose own clock stands still.
const REAL_PATIENCE: Duration = Duration::from_secs(10);
/// How often the simulator's clock is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// How often the pushes are looked for that are due, if the simulator pushes by itself.
const ROUND: Duration = Duration::from_millis(200);
/// The age at which a ticket is followed by another one (doc: about an hour).
const TICKET_AGE: Duration = Duration::from_hours(1);

/// Pushes a new ticket.
pub(crate) async fn push_ticket(shared: &Shared, app_id: &str) -> Result<PushAnswer, NotPushed> {
    let parcel = {
        let mut state = shared.state();
        let now = state.clock.now();
        state.ticket_parcel(app_id, now)?
    };
    push(shared, parcel).await
}

/// Pushes an event.
pub(crate) async fn push_event(
    shared: &Shared,
    app_id: &str,
    event: &Event,
) -> Result<PushAnswer, NotPushed> {
    let parcel = {
        let mut state = shared.state();
        let now = state.clock.now();
        state.event_parcel(app_id, PushKind::Event, event, now)?
    };
    push(shared, parcel).await
}

/// Checks the address.
pub(crate) async fn push_check(shared: &Shared, app_id: &str) -> Result<PushAnswer, NotPushed> {
    let parcel = shared.state().check_parcel(app_id)?;
    push(shared, parcel).await
}

/// Sends the pushes that are due, one after the other.
pub(crate) async fn push_due(shared: &Shared) -> Vec<Result<PushAnswer, NotPushed>> {
    let due = {
        let mut state = shared.state();
        let now = state.clock.now();
        state.outbox.take_due(now)
    };
    let mut answers = Vec::with_capacity(due.len());
    for parcel in due {
        answers.push(send(shared, parcel).await);
    }
    answers
}

/// Pushes the tickets that apps ask for, and, `by_itself`, what is due. Never returns.
pub(crate) async fn run(
    shared: Arc<Shared>,
    mut wanted_tickets: UnboundedReceiver<String>,
    by_itself: bool,
) {
    loop {
        tokio::select! {
            Some(app_id) = wanted_tickets.recv() => {
                // A receiver that answers slowly keeps no other one waiting.
                let shared = Arc::clone(&shared);
                tokio::spawn(async move { push_ticket(&shared, &app_id).await });
            }
            () = wait(ROUND), if by_itself => {
                push_due(&shared).await;
                let apps = shared.state().apps_without_fresh_ticket(nanos(TICKET_AGE));
                for app_id in apps {
                    // The ledger has the answer.
                    let _ = push_ticket(&shared, &app_id).await;
                }
            }
        }
    }
}

/// Sends a push for the first time, unless the setting `push_fault` prevents it.
async fn push(shared: &Shared, parcel: Parcel) -> Result<PushAnswer, NotPushed> {
    let fault = shared.state().settings.push_fault;
    match fault {
        Some(PushFault::Never) => return Err(NotPushed::HeldBack),
        Some(PushFault::Late { seconds }) => {
            let mut state = shared.state();
            let due = state.clock.now().saturating_add(nanos(Duration::from_secs(seconds)));
            state.outbox.add(due, parcel);
            return Err(NotPushed::HeldBack);
        }
        // The ledger has the answer to the first one.
        Some(PushFault::Twice) => drop(send(shared, parcel.clone()).await),
        _ => {}
    }
    send(shared, parcel).await
}

async fn send(shared: &Shared, parcel: Parcel) -> Result<PushAnswer, NotPushed> {
    let push = {
        let mut state = shared.state();
        let now = state.clock.now();
        state.send_parcel(&parcel, now)?
    };
    let patience = if push.kind == PushKind::AddressCheck { CHECK_PATIENCE } else { PATIENCE };
    let answer = tokio::select! {
        answer = post(&push.url, &push.headers, push.body.clone()) => answer.ok(),
        () = until(shared, push.at_ns + nanos(patience)) => None,
        () = wait(REAL_PATIENCE) => None,
    };
    let answer = answer.map(|(status, body)| {
        let is_accepted = is_accepted(&push, status, &body);
        PushAnswer { status, body, is_accepted }
    });
    shared.state().note_push_answer(parcel, &push, answer.as_ref());
    answer.ok_or(NotPushed::NoAnswer)
}

/// An address check wants its challenge back; an event wants HTTP 200 (doc).
fn is_accepted(push: &Push, status: u16, body: &str) -> bool {
    let has_challenge = || {
        let body: Option<serde_json::Value> = serde_json::from_str(body).ok();
        body.is_some_and(|body| body["challenge"] == push.content["challenge"])
    };
    status == 200 && (push.kind != PushKind::AddressCheck || has_challenge())
}

/// Waits until the simulator's clock shows this time, in nanoseconds.
async fn until(shared: &Shared, time: u64) {
    while shared.state().clock.now() < time {
        wait(LOOK).await;
    }
}
