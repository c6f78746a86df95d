//! What `cargo test` plays, and what `make simulate` does.

use std::thread;
use std::time::Duration;

use super::generate::history;
use super::history::{AppLimits, Event, ForwardPlan, History, Keeps, Repeated, Setup, What};
use super::many::{Total, play_many};
use super::shrink::shrink;
use super::world::play;

/// Plays the histories of so many seeds. Fails with the shortest history that still breaks a promise.
#[expect(clippy::print_stdout, reason = "a failure is to be seen at once")]
fn must_keep_all_promises(first: u64, most: u64, is_over: impl Fn() -> bool + Sync) -> Total {
    let mut total = play_many(first, most, is_over);
    let Some((seed, played)) = total.broken.take() else { return total };
    // At once, because the search may take a while.
    println!("seed {seed:#x} breaks a promise: {}", played.broken.as_deref().unwrap_or_default());
    let is_whole = std::env::var_os("WHOLE").is_some();
    let whole = history(seed);
    let (shortest, played) = if is_whole { (whole, played) } else { shrink(&whole, played) };
    let broken = played.broken.as_deref().unwrap_or_default();
    let trace = played.trace.join("\n");
    panic!("seed {seed:#x} breaks a promise: {broken}\n{shortest}\nWhat happened:\n{trace}")
}

#[test]
fn a_seed_replays_byte_for_byte_also_beside_another_history() {
    for seed in 0..12 {
        let [one, other] = thread::scope(|scope| {
            [(); 2]
                .map(|()| scope.spawn(|| play(&history(seed)).trace))
                .map(thread::ScopedJoinHandle::join)
        })
        .map(Result::unwrap);
        for (line, (one, other)) in one.iter().zip(&other).enumerate() {
            assert_eq!(one, other, "line {line} of seed {seed}");
        }
        assert_eq!(one.len(), other.len());
    }
}

#[test]
fn known_histories_keep_all_promises() {
    must_keep_all_promises(0, 20, || false);
}

/// It called Feishu for forwards whose deadlines had passed, and gave the calls up at once, so nobody knew their outcomes.
#[test]
fn a_process_that_stood_still_makes_no_call_whose_time_is_over() {
    let plan = ForwardPlan { copies: 12, ..ForwardPlan::plain(0, 0) };
    let whats = [
        (0, What::Forward(plan)),
        (100, What::Pause { gateway: 0, lasts: Duration::from_secs(20) }),
        // All faults end with the last event.
        (30_000, What::RevokeTokens),
    ];
    let event = |(id, (at, what))| Event { id, at: Duration::from_millis(at), what };
    let played = play(&History {
        seed: 0,
        setup: Setup {
            gateways: 1,
            keeps: Keeps::Memory,
            repeated: Repeated::FirstId,
            app_limits: AppLimits::Usual,
            token_life: Duration::from_hours(2),
        },
        events: whats.into_iter().enumerate().map(event).collect(),
    });
    assert_eq!(played.broken, None, "{}", played.trace.join("\n"));
    assert!(played.counts["answers: not delivered"] > 0);
}

/// `make simulate`: `SEED=0x1234` plays one history, with `WHOLE=1` without a search for a shorter one, `SEEDS=100` so many new ones, `SECONDS=30` as many as that takes.
#[test]
#[ignore = "make simulate runs it"]
#[expect(clippy::print_stdout, clippy::disallowed_methods, reason = "its output is its purpose")]
fn simulate() {
    let number = |name| std::env::var(name).ok().map(|text| parse(&text));
    let (seeds, seconds) = (number("SEEDS"), number("SECONDS"));
    let first = number("SEED").unwrap_or_else(rand::random);
    let seeds = seeds.unwrap_or(if seconds.is_some() { u64::MAX } else { 1 });
    let seconds = Duration::from_secs(seconds.unwrap_or(u64::from(u32::MAX)));
    println!("first seed {first:#x}");
    let started = std::time::Instant::now();
    let total = must_keep_all_promises(first, seeds, || started.elapsed() >= seconds);
    let took = started.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "it is printed with one digit")]
    let pace = total.histories as f64 / took;
    let hours = total.simulated.as_secs_f64() / 3600.0;
    println!("{} histories in {took:.1} s, {pace:.1} a second", total.histories);
    println!("{hours:.1} simulated hours");
    println!("{total}");
}

fn parse(text: &str) -> u64 {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.expect("a number")
}
