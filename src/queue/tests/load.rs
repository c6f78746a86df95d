//! Callers that keep forwarding, and time that passes meanwhile.

use super::*;

pub(super) const FEISHUS: Rules = Rules {
    receiver_per_second: NonZeroU32::new(5).unwrap(),
    app_per_second: NonZeroU32::new(50).unwrap(),
    app_per_minute: NonZeroU32::new(1000).unwrap(),
    guard: Duration::from_millis(50),
};
/// The longest wait of the defaults.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(5);

/// Who forwards, to whom, and how urgently.
#[derive(Clone)]
pub(super) struct Load {
    pub(super) stage: Stage,
    pub(super) caller: Caller,
    pub(super) urgency: Urgency,
    pub(super) wait: Duration,
    /// Permits so far, and refusals.
    pub(super) got: Arc<Mutex<(u32, u32)>>,
}

impl Load {
    pub(super) fn new(stage: &Stage, name: &str, weight: u32) -> Self {
        let (caller, urgency) = (caller(name, weight), Urgency::Interactive);
        Self { stage: stage.clone(), caller, urgency, wait: PATIENCE, got: Arc::default() }
    }

    pub(super) async fn forward(&self, to: usize) -> bool {
        let Self { stage, caller, urgency, wait, got } = self;
        let scheduler = &stage.scheduler;
        let receiver = receiver(to);
        let (key, urgency) = (&stage.keys[0], *urgency);
        let until = scheduler.clock.now() + *wait;
        let request = Request { key, receiver: &receiver, caller, urgency, until };
        let permit = Ticket::draw(scheduler).acquire(scheduler, &request).await;
        let is_permitted = permit.map(|permit| scheduler.used(permit, to)).is_ok();
        let mut got = got.lock().unwrap();
        if is_permitted {
            got.0 += 1;
        } else {
            got.1 += 1;
        }
        is_permitted
    }

    /// Forwards for ever, one after the other, to one receiver.
    pub(super) fn keeps_forwarding_to(&self, receivers: impl IntoIterator<Item = usize>) {
        for to in receivers {
            let load = self.clone();
            drop(tokio::spawn(async move {
                loop {
                    if !load.forward(to).await {
                        // A caller that is refused tries again a little later.
                        let clock = &load.stage.scheduler.clock;
                        clock.sleep_until(clock.now() + MS * 250).await;
                    }
                }
            }));
        }
    }

    /// Forwards once a second for `seconds`, each time to another receiver.
    pub(super) async fn forwards_each_second(&self, seconds: usize, first_receiver: usize) {
        for number in 0..seconds {
            let load = self.clone();
            drop(tokio::spawn(async move { load.forward(first_receiver + number).await }));
            self.stage.passes(SECOND).await;
        }
    }

    pub(super) fn permits(&self) -> u32 {
        self.got.lock().unwrap().0
    }
}

impl Stage {
    /// Time passes, in steps that are shorter than the time between two permits.
    pub(super) async fn passes(&self, time: Duration) {
        let step = MS * 25;
        for _ in 0..time.as_millis() / step.as_millis() {
            self.time.advance(step);
            for _ in 0..20 {
                yield_now().await;
            }
        }
    }
}
