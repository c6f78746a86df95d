//! Overload: ten times what the limits allow, and which forwards that disturbs.
//!
//! First all is calm and some quiet receivers get a message now and then. Then, twice, noisy ones get
//! far too many beside them. Then many receivers want the same, and it is the app's limit that holds them up.
//! Then another caller wants all that the app may send: for 200 receivers, and by a thousand forwards at once. In
//! the end a broadcast goes on behind forwards that come at the app's full pace, and that are too many. Times are compared with others of the same run only.

mod behind;
mod checks;
mod load;
mod spread;

use std::collections::HashMap;
use std::time::Duration;

use feishu_simulator::Ledger;

use crate::gateway::{APPS, AppLimits, Gateway, NEIGHBOUR, RECEIVER_PER_SECOND};
use crate::program::Holdings;
use crate::seen::{by_message, over_the_limits};
use load::{Load, Pace, Sent};
use spread::Spread;

/// More than the noisy and the quiet receivers may get, less than those of the crowd.
const LIMITS: AppLimits = AppLimits { per_second: 100, per_minute: 1500 };
const APP_PER_SECOND: usize = LIMITS.per_minute / 60;
/// What the app may send in the long run, a little less.
const FULL_PACE: usize = 23;
const QUIET: usize = 5;
const NOISY: usize = 4;
const CROWD: usize = 20;
const TIMES_TOO_MUCH: usize = 10;
const MAX_WAIT: Duration = Duration::from_secs(2);
const CALM: Duration = Duration::from_secs(5);
const STORM: Duration = Duration::from_secs(8);

/// What happened in one part of the run.
struct Part {
    name: &'static str,
    quiet: Vec<Sent>,
    noisy: Vec<Sent>,
    /// How long `GET /livez` took meanwhile.
    livez: Spread,
    /// What the process held when it was over.
    held: Holdings,
}

pub(crate) async fn run() -> Vec<String> {
    // On a busy machine what leaves in time may arrive late; that is not what is looked for here.
    let max_wait = format!("{}s", MAX_WAIT.as_secs());
    let settings = [("limits.max_wait", &*max_wait)];
    let gateway = Gateway::start(LIMITS, &settings).await;
    let load = |name, caller, app, receivers, pace| Load {
        name,
        caller,
        app,
        receivers,
        pace,
        is_bulk: false,
    };
    let [one, two] = APPS;
    let quiet = || load("quiet", one, one, QUIET, Pace::PerSecond(QUIET));
    let too_much = Pace::PerSecond(NOISY * RECEIVER_PER_SECOND * TIMES_TOO_MUCH);
    let noisy = || load("noisy", one, one, NOISY, too_much);
    let too_much_for_app = Pace::PerSecond(APP_PER_SECOND * TIMES_TOO_MUCH);
    let crowd = load("crowd", two, two, CROWD, too_much_for_app);
    let flood = load("flood", NEIGHBOUR, one, 200, too_much_for_app);
    let thousand = load("thousand", NEIGHBOUR, one, 50, Pace::AtOnce(1000));
    let full_pace = || load("steady", two, two, CROWD, Pace::PerSecond(FULL_PACE));
    let bulk = |name| Load { is_bulk: true, ..load(name, two, two, 50, Pace::AtOnce(20)) };
    let many = load("many", two, two, 200, too_much_for_app);
    let parts = [
        part(&gateway, "calm", Some(quiet()), None, CALM).await,
        part(&gateway, "noise", Some(quiet()), Some(noisy()), STORM).await,
        part(&gateway, "noise again", Some(quiet()), Some(noisy()), STORM).await,
        part(&gateway, "crowd", None, Some(crowd), STORM).await,
        part(&gateway, "flood of a neighbour", Some(quiet()), Some(flood), STORM).await,
        part(&gateway, "thousand of a neighbour", Some(quiet()), Some(thousand), STORM).await,
        part(&gateway, "full pace", Some(full_pace()), None, STORM).await,
        part(
            &gateway,
            "a broadcast behind interactive forwards",
            Some(full_pace()),
            Some(bulk("behind")),
            STORM,
        )
        .await,
        part(&gateway, "a broadcast under overload", Some(many), Some(bulk("under")), STORM).await,
    ];
    let ledger = gateway.simulator.ledger();
    let mut violations = judge(&parts, &ledger);
    violations.extend(checks::all(&parts, &ledger));
    violations
}

async fn part(
    gateway: &Gateway,
    name: &'static str,
    quiet: Option<Load>,
    noisy: Option<Load>,
    lasts: Duration,
) -> Part {
    let until = gateway.clock.now() + lasts;
    let send = async |load: Option<Load>| match load {
        Some(load) => load.send(gateway, name, until).await,
        None => Vec::new(),
    };
    let livez = async {
        let mut took = Vec::new();
        while gateway.clock.now() < until {
            let asked_at = gateway.clock.now();
            gateway.ask_all("/livez").await;
            took.push(gateway.clock.since(asked_at));
            gateway.pause(Duration::from_millis(10)).await;
        }
        Spread::of(took)
    };
    let (quiet, noisy, livez) = tokio::join!(send(quiet), send(noisy), livez);
    Part { name, quiet, noisy, livez, held: gateway.holdings() }
}

/// Every answer against the ledger: nothing is lost or doubled, and no limit is passed.
fn judge(parts: &[Part], ledger: &Ledger) -> Vec<String> {
    let mut rows = by_message(ledger);
    let mut apps = HashMap::new();
    let mut violations = Vec::new();
    for Sent { story, .. } in parts.iter().flat_map(|part| part.quiet.iter().chain(&part.noisy)) {
        apps.insert(story.message.as_str(), story.app);
        let rows = rows.remove(&story.message).unwrap_or_default();
        violations.extend(story.contradicts(&rows));
    }
    violations.extend(over_the_limits(ledger, LIMITS, |message| apps.get(message).copied()));
    violations
}
