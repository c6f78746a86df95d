//! Whether the gateway is ready for callers: for `/readyz`, and for the start page.

use std::time::Duration;

use crate::api::http::draining::Draining;
use crate::delivery::AppHealth;

/// Longest time that readiness waits for an app's first token. If it waited longer, the trouble of one app
/// would keep the callers of all others away.
const FIRST_TOKEN_TIMEOUT: Duration = Duration::from_secs(30);

/// Ready once callers of every app may begin, or once those of one app may and the time for the others is
/// over; not ready again only when the gateway drains. Calls nobody.
pub(crate) fn is_ready(apps: &[AppHealth], draining: &Draining) -> bool {
    let has_begun = apps.iter().all(|app| app.may_begin)
        || apps.iter().any(|app| app.may_begin)
            && apps.iter().all(|app| app.age >= FIRST_TOKEN_TIMEOUT);
    has_begun && !draining.has_begun()
}
