//! The rows: what goes wrong, when, and how often.

mod answers;
mod clocks;
mod connections;
mod pairs;
mod store_apps;
mod tokens;

use std::fmt;
use std::time::Duration;

use feishu_simulator::{Api, Duplicate, Fault, FaultKind, Phase};

/// Rows that belong together.
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) about: &'static str,
    pub(crate) entries: Vec<Entry>,
}

/// A line of the table, or why there is none.
pub(crate) enum Entry {
    Row(Row),
    LeftOut { fault: &'static str, when: &'static [When], why: &'static str },
}

/// A thing that goes wrong at one time, so and so often.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) fault: &'static str,
    pub(crate) when: When,
    pub(crate) times: Times,
    /// What Feishu may say to a repetition; one where none can meet a message that is delivered.
    pub(crate) duplicates: &'static [Duplicate],
    /// The ways in which it comes about, which all end the same.
    pub(crate) stagings: Vec<Staging>,
    /// Whether random pauses decide how many attempts there are.
    pub(crate) varies: bool,
}

/// How far the forward has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    BeforeRequest,
    BeforeCommit,
    AfterCommit,
    InAnswer,
    BetweenAttempts,
}

/// How many attempts are struck.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Times {
    Once,
    Thrice,
    ForEver,
}

/// The kind of the app that forwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum StagedApp {
    #[default]
    SelfBuilt,
    Store,
    /// A store app that its tenant has uninstalled.
    UninstalledStore,
}

/// Everything that is put in its place before the forward.
#[derive(Clone, Debug, Default)]
pub(crate) struct Staging {
    /// Feishu is looked for here instead of where it is.
    pub(crate) elsewhere: Option<fn(&str) -> String>,
    /// So many connections are refused.
    pub(crate) refused: u32,
    /// All connections are refused after the first attempt.
    pub(crate) refused_later: bool,
    /// The tenant token that the gateway has is valid no more.
    pub(crate) revoked: bool,
    /// These go wrong at Feishu, one after the other.
    pub(crate) faults: Vec<Fault>,
    /// They go wrong from the gateway's start on.
    pub(crate) from_the_start: bool,
    /// The kind of the app.
    pub(crate) app: StagedApp,
    /// So much time passes before the forward.
    pub(crate) idle: Duration,
    /// So much time passes at once when the gateway next waits for some.
    pub(crate) jump: Option<Duration>,
}

pub(crate) const ALL: &[Duplicate] =
    &[Duplicate::OriginalId, Duplicate::AnotherId, Duplicate::InProgress];
const ONE: &[Duplicate] = &[Duplicate::OriginalId];

/// The whole table.
pub(crate) fn sections() -> Vec<Section> {
    vec![
        connections::section(),
        answers::foreign(),
        answers::codes(),
        tokens::section(),
        store_apps::section(),
        clocks::section(),
        pairs::section(),
    ]
}

/// A row that comes about in each of these ways.
fn staged(fault: &'static str, when: When, times: Times, stagings: Vec<Staging>) -> Row {
    let duplicates = if when.phase() == Phase::AfterCommit { ALL } else { ONE };
    Row { fault, when, times, duplicates, stagings, varies: false }
}

/// A row whose faults, each by itself, strike forwards, or connections before them.
fn struck(fault: &'static str, when: When, times: Times, kinds: &[FaultKind]) -> Row {
    let (api, phase) = ((when != When::BeforeRequest).then_some(Api::Forward), when.phase());
    let staging = |kind: &FaultKind| {
        let strikes = Fault { api, times: Some(times.count()), phase, ..Fault::once(kind.clone()) };
        Staging { faults: vec![strikes], ..Staging::default() }
    };
    staged(fault, when, times, kinds.iter().map(staging).collect())
}

/// The same fault once and for ever.
fn once_and_for_ever(fault: &'static str, when: When, kind: &FaultKind) -> [Entry; 2] {
    let row = |times| Entry::Row(struck(fault, when, times, std::slice::from_ref(kind)));
    [Times::Once, Times::ForEver].map(row)
}

fn left_out(fault: &'static str, when: &'static [When], why: &'static str) -> Entry {
    Entry::LeftOut { fault, when, why }
}

impl Section {
    /// The entries that are rows.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Row(row) => Some(row),
            Entry::LeftOut { .. } => None,
        })
    }
}

impl When {
    /// The simulator's phase.
    fn phase(self) -> Phase {
        match self {
            Self::BeforeRequest => Phase::BeforeRequest,
            Self::BeforeCommit => Phase::BeforeCommit,
            Self::AfterCommit | Self::InAnswer | Self::BetweenAttempts => Phase::AfterCommit,
        }
    }
}

impl Times {
    /// As a number, of which the largest is as good as for ever and can be counted down from.
    const fn count(self) -> u32 {
        match self {
            Self::Once => 1,
            Self::Thrice => 3,
            Self::ForEver => u32::MAX,
        }
    }
}

impl Staging {
    /// How often calls hang.
    pub(crate) fn hangs(&self) -> u32 {
        hangs(&self.faults)
    }
}

/// How often calls hang because of these faults.
pub(crate) fn hangs(faults: &[Fault]) -> u32 {
    let hanging = faults
        .iter()
        .filter(|fault| matches!(fault.kind, FaultKind::Silence | FaultKind::SlowDrip { .. }));
    hanging.filter_map(|fault| fault.times).sum()
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BeforeRequest => "before the request",
            Self::BeforeCommit => "before the commit",
            Self::AfterCommit => "after the commit",
            Self::InAnswer => "in the answer",
            Self::BetweenAttempts => "between attempts",
        })
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Once => "once",
            Self::Thrice => "three times",
            Self::ForEver => "for ever",
        })
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} | {} | {}", self.fault, self.when, self.times)
    }
}
