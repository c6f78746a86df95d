//! Histories of leaders and kills at random, against a model of what the next process has to know.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::clock::Moment;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A leader begins, unless the key is led.
    Leads {
        key: u64,
        content: u8,
    },
    /// A leader ends, if the key is led.
    Ends {
        key: u64,
        how: How,
    },
    Passes {
        minutes: u64,
    },
    /// The process is killed, and another one starts.
    Dies,
}

#[derive(Clone, Copy, Debug)]
enum How {
    Delivered,
    Refused,
    InDoubt,
    NotSent,
}

/// What the next leader has to be told of a key.
#[derive(Clone, Copy, Debug)]
struct Truth {
    content: u8,
    led_at: Moment,
    doubt: Option<Moment>,
    /// Whether the message was delivered or refused for good.
    is_delivered: Option<bool>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let how = prop_oneof![
        1 => Just(How::Delivered),
        1 => Just(How::Refused),
        2 => Just(How::InDoubt),
        2 => Just(How::NotSent),
    ];
    let content = prop_oneof![6 => Just(0), 1 => Just(1_u8)];
    let minutes = prop_oneof![6 => 0..20_u64, 2 => 50..70_u64, 1 => 1400..1500_u64];
    let step = prop_oneof![
        6 => (0..3_u64, content).prop_map(|(key, content)| Step::Leads { key, content }),
        4 => (0..3_u64, how).prop_map(|(key, how)| Step::Ends { key, how }),
        3 => minutes.prop_map(|minutes| Step::Passes { minutes }),
        2 => Just(Step::Dies),
    ];
    prop::collection::vec(step, 1..40)
}

struct Play {
    stage: Stage,
    process: Arc<KeptIdempotency>,
    leads: HashMap<u64, KeptLead>,
    truths: HashMap<u64, Truth>,
}

impl Play {
    async fn step(&mut self, step: Step) {
        match step {
            Step::Leads { key, content } => self.leads(key, content).await,
            Step::Ends { key, how } => self.ends(key, how).await,
            Step::Passes { minutes } => self.stage.hand.advance(Duration::from_mins(minutes)),
            Step::Dies => {
                for (key, lead) in self.leads.drain() {
                    mem::forget(lead);
                    let truth = self.truths.get_mut(&key).expect("it was led");
                    truth.doubt = truth.doubt.or(Some(truth.led_at));
                }
                self.process = self.stage.start();
            }
        }
    }

    async fn leads(&mut self, key: u64, content: u8) {
        if self.leads.contains_key(&key) {
            return;
        }
        let clock = &self.stage.clock;
        let now = clock.now();
        let counts = |truth: &Truth| match truth.doubt {
            Some(since) => clock.since(since) < Duration::from_hours(24),
            None => {
                truth.is_delivered.is_some() && clock.since(truth.led_at) < Duration::from_hours(1)
            }
        };
        let truth = self.truths.get(&key).copied().filter(counts);
        let lead = self.process.lead(named(key, content), &APP.into());
        match (lead.claim().await, truth) {
            (RemoteClaim::Reused, Some(truth)) => assert_ne!(truth.content, content),
            (RemoteClaim::Done(conclusion), Some(truth)) => {
                assert_eq!(truth.content, content);
                assert_eq!(Some(conclusion.result.is_ok()), truth.is_delivered);
            }
            (RemoteClaim::Lead { first_attempt, .. }, truth) => {
                assert!(truth.is_none_or(|it| it.content == content && it.is_delivered.is_none()));
                let doubt = truth.and_then(|it| it.doubt);
                assert_eq!(first_attempt.map(Stamp::moment), doubt);
                let truth = Truth { content, led_at: now, doubt, is_delivered: None };
                self.truths.insert(key, truth);
                self.leads.insert(key, lead);
            }
            (claim, truth) => panic!("{claim:?}, and {truth:?} is true"),
        }
    }

    async fn ends(&mut self, key: u64, how: How) {
        let Some(lead) = self.leads.remove(&key) else { return };
        let truth = self.truths.get_mut(&key).expect("it was led");
        let stamp = self.stage.clock.stamp();
        let since =
            truth.doubt.map_or(stamp, |since| stamp.earlier_by(self.stage.clock.since(since)));
        match how {
            How::Delivered => {
                lead.ends(Some(&delivered("{}")), false).await;
                (truth.doubt, truth.is_delivered) = (None, Some(true));
            }
            // A refusal says nothing of an attempt that is in doubt.
            How::Refused if truth.doubt.is_none() => {
                lead.ends(Some(&refused()), false).await;
                truth.is_delivered = Some(false);
            }
            How::Refused | How::InDoubt => {
                lead.ends(Some(&doubtful(since)), true).await;
                truth.doubt = Some(since.moment());
            }
            How::NotSent => lead.ends(None, false).await,
        }
    }
}

#[test]
fn whatever_is_killed_when_each_process_knows_what_the_ones_before_may_have_sent() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let config = ProptestConfig::with_cases(100);
    proptest!(config, |(steps in steps())| {
        runtime.block_on(async {
            let stage = Stage::new();
            let process = stage.start();
            let mut play =
                Play { stage, process, leads: HashMap::new(), truths: HashMap::new() };
            for step in steps {
                play.step(step).await;
            }
            for key in 0..3 {
                play.step(Step::Dies).await;
                play.leads(key, 0).await;
            }
        });
    });
}
