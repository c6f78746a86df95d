//! What goes wrong, at random: single faults, revoked tokens, and outages in which every call fails.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use feishu_forward_gateway::clock::Moment;
use feishu_simulator::{Api, Duplicate, Fault, FaultKind, Phase};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::gateway::Gateway;

/// How often each thing was made to go wrong.
pub(super) type Faults = BTreeMap<String, usize>;

pub(super) struct Chaos {
    gateway: Arc<Gateway>,
    dice: StdRng,
    faults: Faults,
}

/// Codes after which Feishu may have delivered all the same.
const UNCLEAR: [i64; 4] = [230049, 18121, 1500, 2200];
/// Codes of something that passes.
const PASSING: [i64; 2] = [230020, 11233];
/// Codes of what stays as it is.
const LASTING: [i64; 4] = [230002, 230013, 230110, 232009];

impl Chaos {
    pub(super) fn new(gateway: &Arc<Gateway>, seed: u64) -> Self {
        let gateway = Arc::clone(gateway);
        Self { gateway, dice: StdRng::seed_from_u64(seed), faults: Faults::new() }
    }

    /// Lets things go wrong until `ends`, in the middle of it everything; then nothing any more.
    pub(super) async fn reign(mut self, began: Moment, ends: Moment) -> Faults {
        let mut outage = began + ends.saturating_sub(began) * 2 / 5;
        while self.gateway.clock.now() < ends {
            self.gateway.pause(Duration::from_millis(self.dice.random_range(20..120))).await;
            if self.gateway.clock.now() > outage {
                self.outage().await;
                outage = self.gateway.clock.now() + Duration::from_secs(30);
            }
            self.mischief();
        }
        self.gateway.simulator.clear_faults();
        self.gateway.simulator.change_settings(|it| it.duplicate = Duplicate::OriginalId);
        self.faults
    }

    /// Every call fails for as long as it takes to open circuits and to use budgets up.
    async fn outage(&mut self) {
        let kind = [FaultKind::Cut, FaultKind::Silence, bad_gateway()];
        let kind = kind.choose(&mut self.dice).cloned().expect("a kind");
        self.note(format!("outage ({})", name(&kind)));
        self.gateway.simulator.add_fault(Fault { times: None, ..Fault::once(kind) });
        self.gateway.pause(Duration::from_millis(self.dice.random_range(1500..3000))).await;
        self.gateway.simulator.clear_faults();
    }

    fn mischief(&mut self) {
        match self.dice.random_range(0..1000) {
            0..20 => self.revoke(),
            20..40 => self.duplicates(),
            40..70 => self.token_call(),
            70..76 => self.code(99991400, Some(1)),
            76..80 => self.code(99991403, None),
            _ => self.forward(),
        }
    }

    fn revoke(&mut self) {
        self.gateway.simulator.revoke_tokens();
        self.note("tokens revoked".into());
    }

    /// Feishu says of a repetition that the message is being sent, or that it was.
    fn duplicates(&mut self) {
        let choice = [Duplicate::OriginalId, Duplicate::InProgress];
        let duplicate = *choice.choose(&mut self.dice).expect("a choice");
        self.gateway.simulator.change_settings(|it| it.duplicate = duplicate);
        self.note(format!("repetitions answered with {duplicate:?}"));
    }

    fn token_call(&mut self) {
        let ms = self.dice.random_range(100..1500);
        let kind = [FaultKind::Cut, FaultKind::CutInBody, bad_gateway(), FaultKind::Latency { ms }];
        let kind = kind.choose(&mut self.dice).cloned().expect("a kind");
        self.add(Api::TenantAccessToken, Phase::BeforeCommit, kind);
    }

    fn code(&mut self, code: i64, reset: Option<u64>) {
        let kind = FaultKind::Code { code, status: None, msg: None, reset };
        self.add(Api::Forward, Phase::BeforeCommit, kind);
    }

    fn forward(&mut self) {
        let dice = &mut self.dice;
        let phase = *[Phase::BeforeCommit, Phase::AfterCommit].choose(dice).expect("a phase");
        let ms = dice.random_range(10..1400);
        let ms_per_byte = dice.random_range(1..4);
        let kind = match dice.random_range(0..12) {
            0 => FaultKind::Cut,
            1 => FaultKind::Reset,
            2 => FaultKind::CutInBody,
            3 => FaultKind::ResetInBody,
            4 => FaultKind::Silence,
            5 => FaultKind::Latency { ms },
            6 => FaultKind::Garbage,
            7 => FaultKind::SlowDrip { ms_per_byte },
            8 => bad_gateway(),
            9 => {
                let body = *["{}", "{\"code\":0}", "<", "null"].choose(dice).expect("a body");
                let status = *[200, 500].choose(dice).expect("a status");
                foreign(status, body)
            }
            10 => {
                let code = *UNCLEAR.choose(dice).expect("a code");
                FaultKind::Code { code, status: None, msg: None, reset: None }
            }
            // Feishu does not deliver and say that it did not.
            _ => {
                let code = *PASSING
                    .iter()
                    .chain(&LASTING)
                    .collect::<Vec<_>>()
                    .choose(dice)
                    .expect("a code");
                return self.code(*code, None);
            }
        };
        self.add(Api::Forward, phase, kind);
    }

    fn add(&mut self, api: Api, phase: Phase, kind: FaultKind) {
        let whose = if api == Api::Forward { "forward" } else { "token" };
        self.note(format!("{whose}: {}", name(&kind)));
        let times = Some(self.dice.random_range(1..=2));
        let fault = Fault { api: Some(api), phase, times, ..Fault::once(kind) };
        self.gateway.simulator.add_fault(fault);
    }

    fn note(&mut self, what: String) {
        *self.faults.entry(what).or_default() += 1;
    }
}

fn bad_gateway() -> FaultKind {
    foreign(502, "<html><h1>502 Bad Gateway</h1></html>")
}

fn foreign(status: u16, body: &str) -> FaultKind {
    FaultKind::Status { status, content_type: "text/html".into(), body: body.into() }
}

fn name(kind: &FaultKind) -> String {
    match kind {
        FaultKind::Latency { .. } => "late".into(),
        FaultKind::Held => "held".into(),
        FaultKind::Code { code, .. } => format!("code {code}"),
        FaultKind::Status { status, .. } => format!("HTTP {status} of another"),
        FaultKind::Cut => "cut".into(),
        FaultKind::CutInBody => "cut in the body".into(),
        FaultKind::Silence => "silence".into(),
        FaultKind::SlowDrip { .. } => "slow drip".into(),
        FaultKind::Reset => "reset".into(),
        FaultKind::ResetInBody => "reset in the body".into(),
        FaultKind::Garbage => "garbage".into(),
    }
}
