//! What holds under overload, as ratios to what was measured in the same run.
#![expect(clippy::cast_precision_loss, reason = "counts of one run fit into an f64")]

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use feishu_forward_gateway::clock::Moment;
use feishu_simulator::Ledger;

use super::load::Sent;
use super::spread::Spread;
use super::{CROWD, MAX_WAIT, Part, behind};
use crate::call::Answer;
use crate::program::Holdings;

/// How many times longer than `GET /livez` at the same time a rejection may take to its caller. Wide,
/// because on a busy machine the many that are sent at once wait for each other.
const REJECTION_TO_LIVEZ: f64 = 50.0;
/// How long the gateway may work on one, in medians of what a forward takes it when all is calm: most
/// of them, and all but one of a hundred.
const REJECTION_TO_FORWARD: [(usize, f64); 2] = [(50, 1.0), (99, 10.0)];
/// The share of pairs that may leave in another order than they came: a thread may be put aside for longer than
/// [`aside`] says between the turn of a forward and its call.
const OVERTAKEN: f64 = 0.005;
/// The share of rejections that may come late: it had seemed that there would be a turn in time.
const LATE_REJECTIONS: f64 = 0.15;
/// How much of the noisy ones' median wait the quiet ones' p95 may be.
const QUIET_TO_NOISY_WAIT: f64 = 0.1;
/// The same where they take turns before the same limits, so that the quiet one waits for a call of its neighbour, which
/// may be late on a busy machine.
const QUIET_TO_NEIGHBOURS_WAIT: f64 = 0.3;
const FAIRNESS: f64 = 0.95;
/// The memory that it may hold in the end: so many times what it held when all was calm.
const MEMORY_FACTOR: f64 = 1.5;
/// For how many times the longest `GET /livez` of the same part a thread may be put aside.
const ASIDE_TO_LIVEZ: u32 = 4;

/// Prints what was measured, and returns what should not be so.
pub(super) fn all(parts: &[Part; 9], ledger: &Ledger) -> Vec<String> {
    let [calm, noise, noise_again, crowd, flood, thousand, alone, behind, under] = parts;
    let mut violations = Vec::new();
    for part in parts {
        print(part);
    }
    for part in [noise, noise_again, crowd] {
        violations.extend(slow_rejections(part, calm));
        violations.extend(out_of_order(part, ledger));
    }
    for (part, most) in [
        (noise, QUIET_TO_NOISY_WAIT),
        (noise_again, QUIET_TO_NOISY_WAIT),
        (flood, QUIET_TO_NEIGHBOURS_WAIT),
        (thousand, QUIET_TO_NEIGHBOURS_WAIT),
    ] {
        violations.extend(disturbed(part, most));
    }
    violations.extend(unfair(crowd));
    violations.extend(behind::feels_something(alone, behind));
    violations.extend(behind::not_its_tenth(under));
    violations.extend(too_much_memory(calm, crowd));
    violations
}

fn print(Part { name, quiet, noisy, livez, held }: &Part) {
    let Holdings { memory, threads, files } = held;
    println!("{name}: then {memory:.1} MiB, {threads} threads, {files} files");
    println!("  GET /livez      {livez}");
    for (whose, sent) in [("quiet", quiet), ("noisy", noisy)].iter().filter(|it| !it.1.is_empty()) {
        println!("  {whose} sent      {:>5}", sent.len());
        println!("  {whose} accepted  {}", Spread::of(accepted(sent).map(Sent::took)));
        println!("  {whose} waited    {}", waits(sent));
        println!("  {whose} rejected  {}", Spread::of(rejected_at_once(sent).map(Sent::took)));
        println!(
            "  {whose} late      {:>5}",
            rejected(sent).count() - rejected_at_once(sent).count()
        );
    }
}

fn accepted(sent: &[Sent]) -> impl Iterator<Item = &Sent> {
    sent.iter().filter(|sent| sent.accepted().is_some())
}

fn rejected(sent: &[Sent]) -> impl Iterator<Item = &Sent> {
    sent.iter().filter(|sent| sent.rejected().is_some())
}

/// Without having stood in line, or hardly.
fn rejected_at_once(sent: &[Sent]) -> impl Iterator<Item = &Sent> {
    let hardly = MAX_WAIT / 20;
    sent.iter().filter(move |sent| sent.rejected().is_some_and(|it| it.timings.wait < hardly))
}

/// How long the gateway says that it took.
fn work<'a>(answers: impl Iterator<Item = &'a Answer>) -> Spread {
    Spread::of(answers.map(|answer| answer.timings.total))
}

/// How long those that were accepted waited for their turns.
fn waits(sent: &[Sent]) -> Spread {
    Spread::of(sent.iter().filter_map(Sent::accepted).map(|answer| answer.timings.wait))
}

fn slow_rejections(Part { name, noisy, livez, .. }: &Part, calm: &Part) -> Vec<String> {
    let at_once = Spread::of(rejected_at_once(noisy).map(Sent::took));
    let mut violations = Vec::new();
    let mut compare = |took: Duration, with: Duration, most: f64, what: &str| {
        let ratio = took.div_duration_f64(with);
        println!("{name}: {what}: {ratio:.2}");
        if ratio > most {
            violations.push(format!("{name}: {what}: {ratio:.2}, {took:?}"));
        }
    };
    for percent in [50, 99] {
        let what = format!("rejections to GET /livez, p{percent}");
        compare(at_once.percentile(percent), livez.percentile(percent), REJECTION_TO_LIVEZ, &what);
    }
    let forward = work(calm.quiet.iter().filter_map(Sent::accepted)).median();
    let at_work = work(rejected_at_once(noisy).filter_map(Sent::rejected));
    for (percent, most) in REJECTION_TO_FORWARD {
        let what = format!("work on a rejection, p{percent}, to that on a calm forward");
        compare(at_work.percentile(percent), forward, most, &what);
    }
    let late = 1.0 - rejected_at_once(noisy).count() as f64 / rejected(noisy).count() as f64;
    println!("{name}: {:.1} % of the rejections came after waiting", late * 100.0);
    // Without any there was no overload.
    if late.is_nan() || late > LATE_REJECTIONS {
        violations.push(format!("{name}: {late:.3} of the rejections came after waiting"));
    }
    violations
}

/// For how long a thread may be put aside between two steps that belong together: the busier the machine is, the
/// longer.
fn aside(part: &Part) -> Duration {
    part.livez.percentile(100) * ASIDE_TO_LIVEZ
}

/// When a forward may have come to the gateway and left it, at the earliest and at the latest.
struct Passage<'a> {
    message: &'a str,
    came: (Moment, Moment),
    left: (Moment, Moment),
}

impl<'a> Passage<'a> {
    /// From what the caller and Feishu saw and how long the gateway says that its parts took: so the
    /// ways there and back are known together, and neither is guessed.
    fn of(sent: &'a Sent, arrived_at: Moment, aside: Duration) -> Option<Self> {
        let timings = sent.accepted()?.timings;
        let sent_at = sent.call().sent_at;
        let ways = sent.took().saturating_sub(timings.total);
        Some(Self {
            message: &sent.story.message,
            came: (sent_at, sent_at + ways + aside),
            left: (arrived_at.saturating_sub(timings.feishu + aside), arrived_at),
        })
    }

    /// Whether it surely came first, and surely left last.
    fn was_overtaken_by(&self, other: &Self) -> bool {
        self.came.1 < other.came.0 && self.left.0 > other.left.1
    }
}

impl fmt::Display for Passage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message, came, left } = self;
        write!(f, "{message}, that came at {came:.3?} and left at {left:.3?}")
    }
}

/// Accepted forwards that one that came later has overtaken.
fn out_of_order(part: &Part, ledger: &Ledger) -> Option<String> {
    let (Part { name, noisy, .. }, aside) = (part, aside(part));
    let deliveries = ledger.deliveries.iter();
    let arrivals: HashMap<&str, Moment> =
        deliveries.map(|it| (it.message_id.as_str(), Moment::from_nanos(it.at_ns))).collect();
    let mut receivers: BTreeMap<&str, Vec<Passage<'_>>> = BTreeMap::new();
    for sent in noisy {
        let arrived_at = arrivals.get(sent.story.message.as_str());
        if let Some(passage) = arrived_at.and_then(|at| Passage::of(sent, *at, aside)) {
            receivers.entry(&sent.story.receiver).or_default().push(passage);
        }
    }
    let (mut compared, mut overtaken) = (0, Vec::new());
    for (receiver, passages) in &receivers {
        for one in passages {
            for other in passages.iter().filter(|other| one.came.1 < other.came.0) {
                compared += 1;
                if one.was_overtaken_by(other) {
                    overtaken.push(format!("{name}: to {receiver}, {one} by {other}"));
                }
            }
        }
    }
    let share = overtaken.len() as f64 / f64::from(compared);
    println!(
        "{name}: of {compared} pairs that surely came in an order, for which {aside:.1?} are allowed, {} left in another",
        overtaken.len()
    );
    for pair in overtaken.iter().take(3) {
        println!("  {pair}");
    }
    // Without any pair nothing was compared.
    let is_kept = share <= OVERTAKEN;
    (!is_kept).then(|| format!("{name}: {share:.4} of the pairs left in another order"))
}

fn disturbed(Part { name, quiet, noisy, .. }: &Part, most: f64) -> Vec<String> {
    let share = accepted(quiet).count() as f64 / quiet.len() as f64;
    let (of_quiet, of_noisy) = (waits(quiet).percentile(95), waits(noisy).median());
    let ratio = of_quiet.div_duration_f64(of_noisy);
    println!("{name}: {:.1} % of the quiet forwards were accepted", share * 100.0);
    println!("{name}: the quiet ones' p95 wait is {ratio:.5} of the noisy ones' median");
    let mut violations = Vec::new();
    if share < 1.0 {
        violations.push(format!("{name}: only {share:.3} of the quiet forwards were accepted"));
    }
    if ratio > most {
        violations.push(format!("{name}: quiet forwards waited {of_quiet:?}"));
    }
    violations
}

/// Jain's index of what equal receivers got: 1 if all got the same.
fn unfair(Part { name, noisy, .. }: &Part) -> Option<String> {
    let mut got: HashMap<&str, f64> = HashMap::new();
    for sent in accepted(noisy) {
        *got.entry(&sent.story.receiver).or_default() += 1.0;
    }
    let sum: f64 = got.values().sum();
    let squares: f64 = got.values().map(|it| it * it).sum();
    let index = sum * sum / (CROWD as f64 * squares);
    let (least, most) =
        (got.values().copied().fold(sum, f64::min), got.values().copied().fold(0.0, f64::max));
    println!(
        "{name}: Jain's index {index:.4} over {CROWD} receivers, that got {least} to {most} each"
    );
    (index.is_nan() || index < FAIRNESS).then(|| format!("{name}: Jain's index is {index:.4}"))
}

fn too_much_memory(calm: &Part, last: &Part) -> Option<String> {
    let ratio = last.held.memory / calm.held.memory;
    println!("memory in the end: {ratio:.2} times what it was when all was calm");
    (ratio > MEMORY_FACTOR).then(|| format!("{:.1} MiB are held in the end", last.held.memory))
}
