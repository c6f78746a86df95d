//! One forward while a thing goes wrong, and what became of it.

use std::fmt;
use std::time::Duration;

use feishu_simulator::Duplicate;
use serde_json::Value;

use crate::audit::Audit;
use crate::drive::{Driver, MAX_WAIT};
use crate::promise;
use crate::secrets::Secrets;
use crate::table::{StagedApp, Staging};
use gateway_harness::{Answer, Gateway, Setup, gateway, ms};

/// The receiver of the message.
pub(crate) const RECEIVER: &str = "oc_1";

/// The tenant of a store app.
const TENANT: &str = "tenant_1";

/// Messages to one receiver in a second: so few that attempts have to wait for their turn.
pub(crate) const PER_SECOND: usize = 2;

/// One forward to be made.
pub(crate) struct Run<'a> {
    pub(crate) staging: &'a Staging,
    pub(crate) duplicate: Duplicate,
    /// Whether the attempts are always as many.
    pub(crate) attempts_are_certain: bool,
    pub(crate) secrets: &'a Secrets,
    pub(crate) audit: &'a Audit,
}

/// What became of a forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Calls of the forward API, those included for which no connection came about; `None` where
    /// random pauses decide how many there are.
    pub(crate) attempts: Option<u64>,
    pub(crate) answer: Told,
    pub(crate) delivered: usize,
}

/// What the answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Delivered,
    Problem { status: u16, code: String, outcome: String },
}

impl Run<'_> {
    /// Makes the forward on a gateway of its own, and checks all that is promised.
    pub(crate) async fn seen(&self) -> Seen {
        let gateway = self.stage().await;
        let forward = gateway.forward(RECEIVER).spawn();
        let answer = Driver::new(&gateway, self.staging).answer(forward).await;
        self.all_has_gone_wrong(&gateway);
        let told = Told::of(&answer);
        self.audit.note(&answer, &told);
        let seen = Seen {
            attempts: self.attempts_are_certain.then_some(attempts(&gateway).await),
            delivered: gateway.deliveries().len(),
            answer: told,
        };
        promise::outcome_is_true(&seen);
        promise::attempts_are_one_forward(&gateway, &answer);
        if seen.answer.is_unknown() {
            self.repeat(&gateway, &answer.json()).await;
        }
        promise::pace_is_kept(&gateway);
        self.secrets.of(&gateway);
        seen
    }

    /// A gateway for which everything is in its place that goes wrong.
    async fn stage(&self) -> Gateway {
        let mut setup = gateway().set("limits.max_wait", MAX_WAIT);
        setup = setup.set("limits.receiver_per_second", &PER_SECOND.to_string());
        if self.staging.app != StagedApp::SelfBuilt {
            setup = setup.store_app("shop", [TENANT]).set("keys.tester.app", "shop");
            setup = setup.set("keys.tester.tenant_key", TENANT);
        }
        if let Some(elsewhere) = self.staging.elsewhere {
            setup = setup.look_for_feishu_at(elsewhere);
        }
        let faults = self.staging.faults.iter().cloned();
        if self.staging.from_the_start {
            setup = faults.clone().fold(setup.cold(), Setup::fault);
        }
        let setup = setup.feishu(|feishu| {
            (feishu.duplicate, feishu.receiver_per_second) = (self.duplicate, PER_SECOND);
            // What goes wrong is to strike a connection that is new, unless it wants one that is not.
            feishu.keep_alive = self.staging.faults.iter().any(|it| it.reused);
        });
        let gateway = setup.start().await;
        // An odd moment: what else the gateway does from time to time comes at other ones.
        gateway.advance(ms(137) + self.staging.idle);
        if self.staging.revoked {
            gateway.simulator.revoke_tokens();
        }
        if self.staging.app == StagedApp::UninstalledStore {
            gateway.simulator.uninstall("cli_shop", TENANT);
        }
        if self.staging.refused > 0 {
            gateway.simulator.refuse_connections().await;
        }
        if !self.staging.from_the_start {
            faults.for_each(|fault| gateway.simulator.add_fault(fault));
        }
        gateway
    }

    /// Every fault has struck at least once. Those that were to strike more often are taken away.
    fn all_has_gone_wrong(&self, gateway: &Gateway) {
        let left = gateway.simulator.faults();
        let never = self.staging.faults.iter().find(|fault| left.contains(fault));
        assert_eq!(never, None, "it never struck");
        gateway.simulator.clear_faults();
    }

    /// Repeats a forward whose outcome is unknown once nothing goes wrong any more, as its answer advises.
    async fn repeat(&self, gateway: &Gateway, problem: &Value) {
        gateway.simulator.accept_connections().await;
        gateway.advance(Duration::from_mins(1));
        if !promise::may_be_repeated(gateway, problem) {
            return;
        }
        let uuid = problem["uuid"].as_str().expect("the uuid to repeat it with");
        let again = gateway.forward(RECEIVER).query(&format!("uuid={uuid}")).spawn();
        let answer = Driver::undisturbed(gateway).answer(again).await;
        assert_eq!(gateway.deliveries().len(), 1, "repeated: {answer:?}");
        // Feishu then says for ever that the message is being sent.
        if self.duplicate != Duplicate::InProgress {
            answer.message_id();
        }
    }
}

/// How many calls of the forward API the gateway has counted.
pub(crate) async fn attempts(gateway: &Gateway) -> u64 {
    let calls = "feishu_gateway_upstream_requests_total";
    gateway.metrics().await.count(calls, &[("api", "forward")])
}

impl Told {
    pub(crate) fn of(answer: &Answer) -> Self {
        if answer.status == 200 {
            answer.message_id();
            return Self::Delivered;
        }
        let problem = answer.json();
        let word = |member: &str| problem[member].as_str().expect("a word").to_owned();
        let (code, outcome) = (word("code"), word("outcome"));
        answer.problem(answer.status, &code, &outcome);
        Self::Problem { status: answer.status, code, outcome }
    }

    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self, Self::Problem { outcome, .. } if outcome == "unknown")
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delivered => f.write_str("200 | delivered"),
            Self::Problem { status, code, outcome } => {
                write!(f, "{status} `{code}` | {}", outcome.replace('_', " "))
            }
        }
    }
}
