//! What Feishu refuses counts: for a while no gateway that has heard of it sends what Feishu would refuse again.
//!
//! Only what one process has heard itself. Where replicas share the limits, another one may know more.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::agenda::Moment;
use super::super::answers::Heard;
use super::calls::Call;

/// Since when which process sends nothing.
#[derive(Default)]
pub(super) struct Refusals {
    /// Whether Redis decides about limits.
    is_shared: bool,
    receivers: BTreeMap<(usize, u64, String), Cooldown>,
    apps: BTreeMap<(usize, u64, String), Moment>,
    /// The calls that probe a receiver that cools down.
    probes: Vec<usize>,
}

/// A receiver that was refused, and no probe was accepted since.
#[derive(Clone, Copy)]
struct Cooldown {
    pause: Duration,
    /// When the next probe may go.
    probe_at: Moment,
}

/// The pause after a receiver's first refusal. Each refused probe doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long a cooldown is remembered if there is no probe.
const KEPT: Duration = Duration::from_mins(1);
/// How long an app whose quota is used up makes no calls, as the simulation configures it.
pub(in crate::simulation) const QUOTA_INTERVAL: Duration = Duration::from_mins(1);
const RECEIVER_REFUSED: i64 = 230020;
const APP_REFUSED: i64 = 99991400;
const QUOTA_USED_UP: i64 = 99991403;

impl Refusals {
    pub(super) fn new(is_shared: bool) -> Self {
        Self { is_shared, ..Self::default() }
    }

    /// A gateway makes the call at this place.
    pub(super) fn called(&mut self, place: usize, call: &Call) -> Result<(), String> {
        let Call { gateway, process, app, receiver, sent: now, .. } = call;
        let of_app = (*gateway, *process, app.clone());
        if self.apps.get(&of_app).is_some_and(|until| now < until) {
            return Err(format!("gateway {gateway} has heard that {app} makes too many calls"));
        }
        let of_receiver = (*gateway, *process, receiver.clone());
        let Some(cooldown) = self.receivers.get_mut(&of_receiver) else { return Ok(()) };
        if *now >= cooldown.probe_at + KEPT {
            self.receivers.remove(&of_receiver);
            return Ok(());
        }
        if *now < cooldown.probe_at {
            return Err(format!("gateway {gateway} has heard that {receiver} gets too much"));
        }
        cooldown.probe_at = *now + cooldown.pause;
        self.probes.push(place);
        Ok(())
    }

    /// Whether a process of the gateway has heard that the receiver gets too much, or that an app makes too many calls.
    /// An app may have been paused until then.
    pub(super) fn holds_back(&self, gateway: usize, receiver: &str, then: Moment) -> bool {
        self.receivers.keys().any(|(of, _, known)| *of == gateway && known == receiver)
            || self.apps.iter().any(|((of, ..), until)| *of == gateway && *until > then)
    }

    /// A gateway hears what became of the call at this place.
    pub(super) fn heard(&mut self, place: usize, call: &Call, heard: &Heard, now: Moment) {
        let of_app = (call.gateway, call.process, call.app.clone());
        let of_receiver = (call.gateway, call.process, call.receiver.clone());
        let is_probe = self.probes.contains(&place);
        match *heard {
            Heard::Refused(RECEIVER_REFUSED, _) if !self.is_shared => {
                let pause = match self.receivers.get(&of_receiver) {
                    // It left before the cooldown began.
                    Some(_) if !is_probe => return,
                    Some(cooldown) => (cooldown.pause * 2).min(LONGEST_PAUSE),
                    None => FIRST_PAUSE,
                };
                self.receivers.insert(of_receiver, Cooldown { pause, probe_at: now + pause });
            }
            Heard::Refused(APP_REFUSED, reset) if !self.is_shared => {
                self.closes(of_app, now + Duration::from_secs(reset.unwrap_or(1)));
            }
            Heard::Accepted | Heard::Refused(..) => {
                if is_probe {
                    self.receivers.remove(&of_receiver);
                }
                if matches!(heard, Heard::Refused(QUOTA_USED_UP, _)) {
                    self.closes(of_app, now + QUOTA_INTERVAL);
                }
            }
            Heard::Nothing => {}
        }
    }

    fn closes(&mut self, app: (usize, u64, String), until: Moment) {
        let known = self.apps.entry(app).or_default();
        *known = until.max(*known);
    }
}
