//! The build before a change and the one after it: side by side on one Redis, and one after the other on one SQLite
//! file, forwards and back, while callers forward and broadcasts are delivered. In the end every receiver of a broadcast
//! has exactly one message, and every answer to a forward is true by the simulator's ledger.
//!
//! `OLD_PROGRAM` is the build before; e2e/upgrade/run.sh makes it.

mod file;
mod repeated;

use std::collections::{BTreeMap, HashMap};
use std::env;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use feishu_simulator::Api;
use rand::RngExt;
use tokio::task::JoinSet;

use crate::broadcast_load::{BroadcastLoad, RECEIVERS};
use crate::call::{Call, Said};
use crate::gateway::{APPS, AppLimits, Gateway};
use crate::person::Person;
use crate::program::Program;
use crate::redis::Redis;
use crate::seen::{by_message, over_the_limits};
use crate::signal::Signal;
use crate::verdict::{Heard, Story, heard};
use file::{File, NEWER};
use repeated::{Repeated, replayed};

/// High enough that what is replaced is in the middle of much, low enough that broadcasts last until then.
const LIMITS: AppLimits = AppLimits { per_second: 200, per_minute: 12_000 };
const SETTINGS: [(&str, &str); 6] = [
    ("feishu.connect_timeout", "500ms"),
    ("feishu.attempt_timeout", "1s"),
    ("feishu.deadline", "4s"),
    ("server.drain_delay", "0s"),
    ("broadcasts.max_active_per_key", "100"),
    ("feishu.quota_interval", "2s"),
];
const REPLICAS: usize = 3;
const PEOPLE: usize = 20;
/// From one replacement to the next; a process that has just started uses its limits in full by then.
const STEP: Duration = Duration::from_secs(5);
/// Broadcasts that are accepted before each replacement.
const BROADCASTS: usize = 2;
/// From then to the replacement: long enough to begin them, too short to end them.
const BEFORE: std::ops::Range<u64> = 200..700;
/// So many answers of Feishu's are lost on their way in each step, half of them to forwards that were delivered.
const LOST: u32 = 20;
/// Longest time for a gateway to drain.
const DRAINED_WITHIN: Duration = Duration::from_secs(30);
/// What callers may be answered: of limits, of answers that are lost, and of a gateway that ends.
const ANSWERS: [&str; 7] = [
    "delivered",
    "receiver_rate_limited",
    "app_rate_limited",
    "feishu_unreadable",
    "feishu_unreachable",
    "feishu_timeout",
    "draining",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Build {
    Old,
    New,
}

/// How the process ends that is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Drained,
    Killed,
}

/// One process, by its number, makes room for one of this build.
type Step = (usize, Ending, Build);

const ON_REDIS: [Step; 6] = [
    (0, Ending::Drained, Build::New),
    (1, Ending::Killed, Build::New),
    (2, Ending::Drained, Build::New),
    (0, Ending::Killed, Build::Old),
    (2, Ending::Drained, Build::Old),
    (1, Ending::Killed, Build::Old),
];
const ON_SQLITE: [Step; 4] = [
    (0, Ending::Drained, Build::New),
    (0, Ending::Drained, Build::Old),
    (0, Ending::Killed, Build::New),
    (0, Ending::Killed, Build::Old),
];

pub(crate) async fn run() -> Vec<String> {
    let Some(old) = env::var_os("OLD_PROGRAM") else {
        return vec!["OLD_PROGRAM does not name the build before: run make test-upgrade".into()];
    };
    let old = PathBuf::from(old);
    let redis = Shared::Redis(Redis::start().await);
    let mut violations = Proof::begin(old.clone(), redis).await.run(&ON_REDIS).await;
    let file = Shared::Sqlite(File::new());
    violations.extend(Proof::begin(old, file).await.run(&ON_SQLITE).await);
    violations
}

/// What the gateways share.
enum Shared {
    Redis(Redis),
    Sqlite(File),
}

struct Proof {
    old: PathBuf,
    gateway: Arc<Gateway>,
    shared: Shared,
    /// The schema of the file that the old build has made, and the one that was seen last.
    old_schema: Option<i64>,
    schema: Option<i64>,
    broadcasts: BroadcastLoad,
    repeated: Repeated,
    violations: Vec<String>,
}

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Redis(_) => "Redis",
            Self::Sqlite(_) => "SQLite",
        })
    }
}

impl Proof {
    async fn begin(old: PathBuf, shared: Shared) -> Self {
        let count = REPLICAS.to_string();
        let (replicas, further) = match &shared {
            Shared::Redis(redis) => {
                (REPLICAS, vec![("state.url", redis.url()), ("state.replicas", count)])
            }
            Shared::Sqlite(file) => (1, vec![("broadcasts.path", file.name().to_owned())]),
        };
        let further: Vec<_> = further.iter().map(|(key, value)| (*key, &**value)).collect();
        let settings = [&SETTINGS[..], &further].concat();
        let gateway = Gateway::start_build(&old, replicas, LIMITS, &settings).await;
        gateway.replicas.expect_ends();
        let gateway = Arc::new(gateway);
        let broadcasts = BroadcastLoad::new(&gateway, false);
        let repeated = Repeated::new(&gateway);
        Self {
            old,
            gateway,
            shared,
            old_schema: None,
            schema: None,
            broadcasts,
            repeated,
            violations: Vec::new(),
        }
    }

    async fn run(mut self, steps: &[Step]) -> Vec<String> {
        let began = self.gateway.clock.now();
        let ends = began + STEP * u32::try_from(steps.len()).expect("a few");
        let mut people = JoinSet::new();
        for number in 0..PEOPLE {
            people.spawn(Person::new(&self.gateway, rand::random(), number).live_until(ends));
        }
        let mut at = began;
        for step in steps {
            self.gateway.clock.sleep_until(at).await;
            self.step(*step).await;
            at += STEP;
        }
        let mut stories = people.join_all().await.concat();
        self.gateway.simulator.clear_faults();
        let unfinished = self.broadcasts.await_the_end().await;
        self.violations.extend(unfinished);
        self.judge(&mut stories).await;
        if let (Some(old), Some(new)) = (self.old_schema, self.schema) {
            println!("  {}: schema {old} by Old, {new} by New", self.shared);
            self.refuse_what_is_newer().await;
        }
        println!("  {}: {:.0?}", self.shared, self.gateway.clock.since(began));
        let shared = &self.shared;
        self.violations.iter().map(|it| format!("{shared}: {it}")).collect()
    }

    /// Has one process replaced in the middle of broadcasts, of forwards and of answers that are lost.
    async fn step(&mut self, (number, ending, build): Step) {
        self.repeated.add().await;
        for _ in 0..BROADCASTS {
            self.broadcasts.ask_another().await;
        }
        self.gateway.lose_answers(LOST);
        let before = Duration::from_millis(rand::rng().random_range(BEFORE));
        self.gateway.pause(before).await;
        let running = self.broadcasts.running().await;
        if running == 0 {
            self.violations.push(format!("no broadcast runs when number {number} is replaced"));
        }
        self.end(number, ending).await;
        // Not of a file that a killed process has left: to look at it would be to recover it.
        if let (Shared::Sqlite(file), Ending::Drained) = (&self.shared, ending) {
            self.schema = Some(file.schema());
            self.old_schema = self.old_schema.or(self.schema);
        }
        self.start(number, build).await;
        let shared = &self.shared;
        println!(
            "  {shared}: number {number} {ending:?}, then {build:?}, {running} broadcasts ran"
        );
        self.repeated.again().await;
    }

    async fn end(&self, number: usize, ending: Ending) {
        let replicas = &self.gateway.replicas;
        // A process that is alone has no proxy in front of it that could turn away from it.
        if replicas.count() > 1 && ending == Ending::Drained {
            replicas.withdraw(number);
        }
        replicas.program(number).signal(match ending {
            Ending::Drained => Signal::Terminate,
            Ending::Killed => Signal::Kill,
        });
        let until = self.gateway.clock.now() + DRAINED_WITHIN;
        let has_ended = async || replicas.program(number).has_ended();
        assert!(self.gateway.holds_by(until, has_ended).await, "a gateway does not end");
    }

    /// Starts this build where a process has ended, or the new one if the old one refuses the file of the new one.
    async fn start(&mut self, number: usize, build: Build) {
        let path = match build {
            Build::Old => self.old.clone(),
            Build::New => Program::own_build(),
        };
        let replicas = &self.gateway.replicas;
        let Err(said) = replicas.replace_by(&path, number).await else { return };
        if build == Build::Old && self.schema > self.old_schema && said.contains(NEWER) {
            println!("  {}: Old refuses the file of New", self.shared);
        } else {
            self.violations.push(format!("{build:?} does not start: {said}"));
        }
        replicas.replace(number).await;
    }

    async fn judge(&mut self, stories: &mut Vec<Story>) {
        let repeated = self.repeated.stories();
        for story in &repeated {
            if !matches!(
                story.steps.last().map(|it| heard(it)),
                Some(Heard::Said(Said::Delivered(_)))
            ) {
                self.violations.push(format!("{} is not delivered in the end", story.message));
            }
        }
        let replayed = replayed(&repeated);
        let repetitions = repeated.iter().map(|it| it.steps.len() - 1).sum::<usize>();
        stories.extend(repeated);

        let ledger = self.gateway.simulator.ledger();
        let mut rows = by_message(&ledger);
        let mut apps = HashMap::new();
        let mut ends: BTreeMap<String, usize> = BTreeMap::new();
        for story in &*stories {
            apps.insert(&*story.message, story.app);
            let rows = rows.remove(&story.message).unwrap_or_default();
            self.violations.extend(story.contradicts(&rows));
            for answer in story.steps.iter().flatten().filter_map(Call::answer) {
                *ends.entry(answer.code.clone()).or_default() += 1;
            }
        }
        let unexpected = ends.keys().filter(|it| !ANSWERS.contains(&&***it));
        self.violations.extend(unexpected.map(|it| format!("callers were answered {it}")));

        let of_broadcasts = |message: &str| self.broadcasts.has(message).then_some(APPS[0]);
        let app_of = |message: &str| apps.get(message).copied().or_else(|| of_broadcasts(message));
        self.violations.extend(over_the_limits(&ledger, LIMITS, app_of));

        let judgement = self.broadcasts.judge(&ledger).await;
        self.violations.extend(judgement.violations);
        let receivers = self.broadcasts.count() * RECEIVERS;
        if judgement.outcomes.get("delivered") != Some(&receivers) {
            let outcomes = &judgement.outcomes;
            self.violations
                .push(format!("of {receivers} receivers not all have theirs: {outcomes:?}"));
        }

        let shared = &self.shared;
        println!("  {shared}: {} forwards, answered {ends:?}", stories.len());
        println!("  {shared}: {repetitions} repetitions of keys, {replayed} replayed");
        println!("  {shared}: {} broadcasts, {:?}", self.broadcasts.count(), judgement.outcomes);
        let calls = ledger.of(Api::Forward).count();
        println!("  {shared}: {calls} calls, {} messages", ledger.deliveries.len());
    }

    /// The old build says of a file with a schema that it does not know that it is newer, and leaves it alone.
    async fn refuse_what_is_newer(&mut self) {
        let Shared::Sqlite(file) = &self.shared else { return };
        self.end(0, Ending::Drained).await;
        file.age();
        let found = file.schema();
        match self.gateway.replicas.replace_by(&self.old, 0).await {
            Ok(()) => self.violations.push(format!("Old takes a file of schema {found}")),
            Err(said) if !said.contains(NEWER) || file.schema() != found => {
                self.violations.push(format!("Old says of a file of schema {found}: {said}"));
            }
            Err(_) => {}
        }
    }
}
