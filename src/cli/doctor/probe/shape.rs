//! Which rule a limit follows, by which calls at which times were let through.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Serialize;

use crate::clock::Moment;

/// What the time spans of a limit are. The names are those of the simulator's setting `window`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SpanKind {
    /// No span of a second holds more than the limit.
    Sliding,
    /// Seconds follow each other, and the count begins anew with each.
    Calendar,
    /// A bucket of the limit's size that fills up evenly in a second.
    Bucket,
}

/// A rule that a limit could follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Rule {
    pub(super) window: SpanKind,
    /// Whether calls that were refused count too.
    pub(super) refused_attempts_count: bool,
    pub(super) per_second: usize,
}

/// A call: when it was sent, and whether the limit let it through.
pub(super) type Try = (Moment, bool);

/// How well the rules explain what was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Explanation {
    /// The rules that explain it best, at least one. Several cannot be told apart.
    pub(super) rules: Vec<Rule>,
    /// How many calls they explain.
    pub(super) explained: usize,
}

/// In the calendar a refused call that counts makes no difference.
const KINDS: [(SpanKind, bool); 5] = [
    (SpanKind::Sliding, false),
    (SpanKind::Sliding, true),
    (SpanKind::Calendar, false),
    (SpanKind::Bucket, false),
    (SpanKind::Bucket, true),
];
const SECOND: Duration = Duration::from_secs(1);
/// Steps in which the beginning of a calendar's second is looked for.
const PHASE_STEP: Duration = Duration::from_millis(50);

/// The rules that explain these calls: those with the documented limit, unless others explain at least a twentieth of
/// the calls more. None if not even nine of ten are explained, or if nothing was refused.
pub(super) fn explain(tries: &[Try], documented: usize) -> Option<Explanation> {
    if tries.iter().all(|(_, passed)| *passed) {
        return None;
    }
    let mut found = best(tries, documented..=documented);
    if found.explained < tries.len() {
        let other = best(tries, 1..=documented * 2);
        if other.explained >= found.explained + tries.len().div_ceil(20) {
            found = other;
        }
    }
    (found.explained * 10 >= tries.len() * 9).then_some(found)
}

/// The rules with one of these limits that explain most. Rules that differ in less than a twentieth of the calls cannot
/// be told apart: calls that are sent together arrive in any order.
fn best(tries: &[Try], limits: RangeInclusive<usize>) -> Explanation {
    let rules = limits.flat_map(|per_second| {
        KINDS.map(|(window, refused_attempts_count)| Rule {
            window,
            refused_attempts_count,
            per_second,
        })
    });
    let scores: Vec<(Rule, usize)> = rules.map(|rule| (rule, explained_by(rule, tries))).collect();
    let explained = scores.iter().map(|(_, score)| *score).max().unwrap_or_default();
    let is_best = |limit: usize| {
        scores.iter().any(|(rule, score)| rule.per_second == limit && *score == explained)
    };
    let is_as_good = |(rule, score): &&(Rule, usize)| {
        score + tries.len().div_ceil(20) > explained && is_best(rule.per_second)
    };
    let rules = scores.iter().filter(is_as_good).map(|(rule, _)| *rule).collect();
    Explanation { rules, explained }
}

/// How many calls a rule explains.
fn explained_by(rule: Rule, tries: &[Try]) -> usize {
    let phases = match rule.window {
        SpanKind::Calendar => SECOND.as_millis() / PHASE_STEP.as_millis(),
        SpanKind::Sliding | SpanKind::Bucket => 1,
    };
    let phases = (0..u32::try_from(phases).unwrap_or(1)).map(|step| PHASE_STEP * step);
    phases.map(|phase| Model::new(rule, phase).explained(tries)).max().unwrap_or_default()
}

/// A limit that follows a rule.
struct Model {
    rule: Rule,
    phase: Duration,
    /// The newest calls that count, as many as the limit.
    counted: VecDeque<Moment>,
    /// When the bucket is full again.
    full_at: Moment,
}

impl Model {
    fn new(rule: Rule, phase: Duration) -> Self {
        Self { rule, phase, counted: VecDeque::new(), full_at: Moment::ZERO }
    }

    fn explained(mut self, tries: &[Try]) -> usize {
        let mut explained = 0;
        for (at, passed) in tries {
            explained += usize::from(self.lets_through(*at) == *passed);
            // By what Feishu did, not by what the rule says: one deviation is not to cause others.
            if *passed || self.rule.refused_attempts_count {
                self.count(*at);
            }
        }
        explained
    }

    fn lets_through(&self, at: Moment) -> bool {
        match self.rule.window {
            SpanKind::Bucket => self.full_at + self.part() <= at + SECOND,
            SpanKind::Sliding => self.oldest().is_none_or(|oldest| at >= oldest + SECOND),
            SpanKind::Calendar => self.oldest().is_none_or(|it| self.second(it) < self.second(at)),
        }
    }

    /// The oldest of the calls that fill the limit.
    fn oldest(&self) -> Option<Moment> {
        self.counted.front().copied().filter(|_| self.counted.len() == self.rule.per_second)
    }

    fn second(&self, at: Moment) -> u64 {
        (at + self.phase).as_secs()
    }

    /// The part of a second in which a bucket gets room for one call.
    fn part(&self) -> Duration {
        SECOND / u32::try_from(self.rule.per_second).unwrap_or(u32::MAX)
    }

    fn count(&mut self, at: Moment) {
        self.counted.push_back(at);
        if self.counted.len() > self.rule.per_second {
            self.counted.pop_front();
        }
        self.full_at = (self.full_at.max(at) + self.part()).min(at + SECOND);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two rounds of calls 100 ms apart, the second one half a second off.
    fn tries(pattern: &str) -> Vec<Try> {
        let at = |index: u64| {
            let (round, tick) = (index / 16, index % 16);
            Duration::from_millis(10_000 + round * 4500 + tick * 100)
        };
        pattern.chars().zip(0..).map(|(it, index)| (at(index), it == '+')).collect()
    }

    #[test]
    fn each_rule_is_recognised_by_what_it_lets_through() {
        for (round, window, refused_attempts_count) in [
            ("+++++-----+++++-+++++-----+++++-", SpanKind::Sliding, false),
            ("+++++-----------+++++-----------", SpanKind::Sliding, true),
            ("++++++++-----++++++++---+++++---", SpanKind::Calendar, false),
            ("+++++++++-+-+-+-+++++++++-+-+-+-", SpanKind::Bucket, false),
            ("+++++++++-------+++++++++-------", SpanKind::Bucket, true),
        ] {
            let found = explain(&tries(round), 5).expect("an explanation");
            let rule = Rule { window, refused_attempts_count, per_second: 5 };
            assert_eq!((&found.rules[..], found.explained), (&[rule][..], 32), "{round}");
        }
    }

    #[test]
    fn rules_that_explain_the_same_are_all_named() {
        let found = explain(&tries("++++++----------++++++----------"), 5).expect("some");
        let rule = |window, per_second| Rule { window, refused_attempts_count: true, per_second };
        assert_eq!(found.rules, [rule(SpanKind::Bucket, 4), rule(SpanKind::Sliding, 6)]);
    }

    #[test]
    fn another_limit_than_the_documented_one_is_found() {
        let found = explain(&tries("+++-------+++---+++-------+++---"), 5).expect("one");
        assert_eq!(found.rules.len(), 1, "{found:?}");
        assert_eq!((found.rules[0].per_second, found.rules[0].window), (3, SpanKind::Sliding));
    }

    #[test]
    fn what_no_rule_explains_and_what_was_never_refused_has_no_explanation() {
        assert_eq!(explain(&tries(&"+".repeat(32)), 5), None);
        assert_eq!(explain(&tries(&"--+".repeat(11)[..32]), 5), None);
    }
}
