//! What each step of a request costs, in instructions as Valgrind counts them.
//!
//! `make steps` runs it and holds the counts against `budget.json`. Each benchmark repeats its step
//! [`REPEATS`] times, so that no single look into a hash map, whose seed is another one each time,
//! weighs much. Together with its case its name is read as a phrase: `a_forward_under_limits` and
//! `with_1000_receivers` is a forward under limits with 1000 receivers.

#![expect(missing_docs, reason = "gungraun's macros make public items that nobody else sees")]

mod gateway;
mod keys;
mod limits;
mod lines;
mod telemetry;
mod values;

use gungraun::prelude::*;
use gungraun::{Callgrind, EventKind};

use gateway::{Requests, a_dry_run, a_refused_forward, an_unknown_key};
use keys::{Presented, known_keys, unknown_keys};
use limits::{Remembered, remembered, spent_app, spent_receivers};
use lines::{Waiting, callers_wait, full, others_wait, ready_turns, same_waits};

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How often each benchmark repeats its step; `budget.py` divides by it.
const REPEATS: usize = 1000;

// What a benchmark was given it gives back, so that dropping it is not counted.

#[library_benchmark]
#[bench::known_among_1(args = (1,), setup = known_keys)]
#[bench::known_among_10000(args = (10_000,), setup = known_keys)]
#[bench::unknown_among_1(args = (1,), setup = unknown_keys)]
#[bench::unknown_among_10000(args = (10_000,), setup = unknown_keys)]
fn a_key(presented: Presented) -> Presented {
    presented.authenticate();
    presented
}

#[library_benchmark]
#[bench::of_a_receiver(values::receiver)]
#[bench::of_a_message_id(values::message_id)]
#[bench::of_a_new_uuid(values::new_uuid)]
fn the_making(make: fn()) {
    (0..REPEATS).for_each(|_| make());
}

#[library_benchmark]
#[bench::with_1_receiver(args = (1,), setup = remembered)]
#[bench::with_1000_receivers(args = (1000,), setup = remembered)]
#[bench::with_100000_receivers(args = (100_000,), setup = remembered)]
#[bench::with_1000000_receivers(args = (1_000_000,), setup = remembered)]
fn a_forward_under_limits(mut remembered: Remembered) -> Remembered {
    remembered.forward();
    remembered
}

#[library_benchmark]
#[bench::of_a_receiver(setup = spent_receivers)]
#[bench::of_an_app(setup = spent_app)]
fn a_refusal_by_the_limit(mut spent: Remembered) -> Remembered {
    spent.refuse();
    spent
}

#[library_benchmark]
#[bench::taken_at_once(setup = ready_turns)]
fn a_turn(waiting: Waiting) -> Waiting {
    waiting.take();
    waiting
}

#[library_benchmark]
#[bench::behind_0_others(args = (0,), setup = others_wait)]
#[bench::behind_100_for_other_receivers(args = (100,), setup = others_wait)]
#[bench::behind_1000_for_other_receivers(args = (1000,), setup = others_wait)]
#[bench::behind_10000_for_other_receivers(args = (10_000,), setup = others_wait)]
#[bench::behind_100_for_the_same_receiver(args = (100,), setup = same_waits)]
#[bench::behind_1000_for_the_same_receiver(args = (1000,), setup = same_waits)]
#[bench::behind_10000_for_the_same_receiver(args = (10_000,), setup = same_waits)]
#[bench::behind_1_other_caller(args = (1,), setup = callers_wait)]
#[bench::behind_100_other_callers(args = (100,), setup = callers_wait)]
#[bench::behind_10000_other_callers(args = (10_000,), setup = callers_wait)]
fn joining_and_leaving_a_line(waiting: Waiting) -> Waiting {
    waiting.join_and_leave();
    waiting
}

#[library_benchmark]
#[bench::of_one_who_would_not_wait_among_768(args = (768,), setup = full)]
fn a_refusal_in_line(waiting: Waiting) -> Waiting {
    waiting.refuse_at_once();
    waiting
}

#[library_benchmark]
#[bench::of_one_too_many_among_768(args = (768,), setup = full)]
fn a_refusal_of_the_line(waiting: Waiting) -> Waiting {
    waiting.refuse();
    waiting
}

#[library_benchmark]
#[bench::as_a_hash(setup = telemetry::hashed_ids)]
fn an_id_in_the_audit_log(ids: telemetry::Ids) -> telemetry::Ids {
    ids.show();
    ids
}

#[library_benchmark]
#[bench::of_a_forward(setup = telemetry::metrics)]
fn the_metrics(metrics: telemetry::Counted) -> telemetry::Counted {
    metrics.count();
    metrics
}

#[library_benchmark]
#[bench::with_an_unknown_key(setup = an_unknown_key)]
#[bench::for_a_dry_run(setup = a_dry_run)]
#[bench::that_the_limits_refuse(setup = a_refused_forward)]
fn a_request(mut requests: Requests) -> Requests {
    requests();
    requests
}

library_benchmark_group!(
    name = steps,
    benchmarks = [
        a_key,
        the_making,
        a_forward_under_limits,
        a_refusal_by_the_limit,
        a_turn,
        joining_and_leaving_a_line,
        a_refusal_in_line,
        a_refusal_of_the_line,
        an_id_in_the_audit_log,
        the_metrics,
        a_request,
    ]
);

main!(
    config = LibraryBenchmarkConfig::default()
        .tool(Callgrind::with_args(["--cache-sim=no"]).format([EventKind::Ir])),
    library_benchmark_groups = steps
);
