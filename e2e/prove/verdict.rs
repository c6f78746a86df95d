//! Whether the answers say what happened.

use feishu_forward_gateway::clock::Moment;

use crate::call::{Call, End, Said};
use crate::seen::Rows;

/// What one caller wanted, all that it did for it, and what it heard.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    pub(crate) app: &'static str,
    pub(crate) message: String,
    pub(crate) receiver: String,
    /// How repetitions were made recognisable.
    pub(crate) name: String,
    pub(crate) has_key: bool,
    /// One after the other; calls of one step were made at the same time.
    pub(crate) steps: Vec<Vec<Call>>,
    /// The caller stopped asking although it did not know.
    pub(crate) has_given_up: bool,
}

/// What the caller learned from a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Said(Said),
    /// It did not listen to the end.
    Nothing,
}

/// The most that was heard in calls made at the same time.
pub(crate) fn heard(step: &[Call]) -> Heard {
    let said = step.iter().filter_map(|call| match &call.end {
        End::Answered(answer) => Some(answer.said.clone()),
        _ => None,
    });
    let rank = |said: &Said| match said {
        Said::Delivered(_) => 2,
        Said::Unknown => 1,
        Said::NotDelivered => 0,
    };
    said.max_by_key(rank).map_or(Heard::Nothing, Heard::Said)
}

impl Story {
    /// What is wrong with it, if something is.
    pub(crate) fn contradicts(&self, rows: &Rows) -> Option<String> {
        let wrong = self.wrong(rows)?;
        let Self { app, message, receiver, name, steps, .. } = self;
        let calls = steps.iter().flatten().map(|call| format!("\n    {call:?}"));
        let calls: String = calls.collect();
        let rows = rows.describe();
        Some(format!("{message} to {receiver} with {app}, {name}: {wrong}{calls}{rows}"))
    }

    fn wrong(&self, rows: &Rows) -> Option<String> {
        if rows.deliveries.len() > 1 {
            return Some(format!("delivered {} times", rows.deliveries.len()));
        }
        let uuid = rows.attempts.first().map(|attempt| &attempt.uuid);
        if rows.attempts.iter().any(|attempt| Some(&attempt.uuid) != uuid) {
            return Some("attempts with more than one uuid".into());
        }
        self.without_an_answer().or_else(|| self.untrue(rows)).or_else(|| self.without_an_end())
    }

    fn without_an_answer(&self) -> Option<String> {
        self.steps.iter().flatten().find_map(|call| match &call.end {
            End::Broken(why) => Some(format!("a request without an answer: {why}")),
            _ => None,
        })
    }

    /// An answer that claims what is not so.
    fn untrue(&self, rows: &Rows) -> Option<String> {
        let delivery = rows.deliveries.first();
        for said in self.steps.iter().flatten().filter_map(said) {
            let Said::Delivered(id) = said else { continue };
            match delivery {
                None => return Some("said to be delivered, and it is not".into()),
                Some(delivery) if delivery.new_message_id != *id => {
                    return Some(format!("delivered under another id than {id}"));
                }
                Some(_) => {}
            }
        }
        let delivered_at = Moment::from_nanos(delivery?.at_ns);
        for (number, step) in self.steps.iter().enumerate() {
            // What it did afterwards may have delivered.
            let next = self.steps.get(number + 1).map_or(Moment::MAX, |next| next[0].sent_at);
            let is_denied = heard(step) == Heard::Said(Said::NotDelivered) && delivered_at < next;
            if is_denied && !self.speaks_for_itself_alone(number) {
                return Some(format!("said not to be delivered in step {}, and it is", number + 1));
            }
        }
        None
    }

    /// Whether an answer may speak of its own request alone: with nothing but a `uuid` the gateway
    /// cannot know that its last answer was on its way when the caller hung up.
    fn speaks_for_itself_alone(&self, number: usize) -> bool {
        let hung_up = self.steps[..number].iter().any(|step| heard(step) == Heard::Nothing);
        hung_up && !self.has_key
    }

    /// A caller that repeats what is unknown comes to know in the end.
    fn without_an_end(&self) -> Option<String> {
        let last = heard(self.steps.last()?);
        (last == Heard::Said(Said::Unknown) && !self.has_given_up)
            .then(|| "unknown to the end, though it was repeated".into())
    }
}

fn said(call: &Call) -> Option<&Said> {
    call.answer().map(|it| &it.said)
}
