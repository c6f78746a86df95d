//! Memory: ever more forwards, each with an `Idempotency-Key` of its own, and what the process then holds.
//!
//! `MEMORY_KEYS` is how many keys (a million). Each fourth is of a message that Feishu refuses.

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::task::JoinSet;

use crate::call::{Caller, End, Request};
use crate::gateway::{APPS, AppLimits, Gateway};

/// So high that no forward waits.
const LIMITS: AppLimits = AppLimits { per_second: 100_000, per_minute: 6_000_000 };
const RECEIVERS: usize = 2000;
const CALLERS: usize = 64;
/// How often the memory is looked at.
const LOOKS: usize = 10;
/// The most that the process may hold, in MiB: 64 are for keys, and the rest for all else.
const MOST: f64 = 110.0;

pub(crate) async fn run() -> Vec<String> {
    let keys = env::var("MEMORY_KEYS").map_or(1_000_000, |it| it.parse().expect("a number"));
    println!("memory: {keys} keys");
    let settings = [("limits.receiver_per_second", "50"), ("server.max_in_flight", "1024")];
    let gateway = Arc::new(Gateway::start(LIMITS, &settings).await);
    gateway.simulator.change_settings(|feishu| {
        (feishu.enforce_limits, feishu.ledger_limit) = (false, 1000);
    });
    let mut violations = Vec::new();
    let memory = || gateway.replicas.program(0).holdings().memory;
    println!("  {:>9} keys {:>7.1} MiB", 0, memory());
    for look in 1..=LOOKS {
        let (from, to) = (keys * (look - 1) / LOOKS, keys * look / LOOKS);
        let failed = forward(&gateway, from, to).await;
        let held = memory();
        println!("  {to:>9} keys {held:>7.1} MiB");
        if failed > 0 {
            violations.push(format!("{failed} of the keys from {from} to {to} were not answered"));
        }
        if held > MOST {
            violations.push(format!("{held:.1} MiB are held after {to} keys, of {MOST} allowed"));
        }
    }
    violations
}

/// Makes these forwards, and returns how many were not answered as they should be.
async fn forward(gateway: &Gateway, from: usize, to: usize) -> usize {
    let next = Arc::new(AtomicUsize::new(from));
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let (caller, next) = (gateway.caller(APPS[0]), Arc::clone(&next));
        callers.spawn(async move {
            let mut failed = 0;
            loop {
                let number = next.fetch_add(1, Relaxed);
                if number >= to {
                    return failed;
                }
                failed += usize::from(!is_answered(&caller, number).await);
            }
        });
    }
    callers.join_all().await.into_iter().sum()
}

async fn is_answered(caller: &Caller, number: usize) -> bool {
    let is_refused = number.is_multiple_of(4);
    let message = if is_refused { "om_code_230002".to_owned() } else { format!("om_{number}") };
    let request = Request {
        message,
        receiver: format!("oc_{}", number % RECEIVERS),
        idempotency_key: Some(format!("order-{number}")),
        ..Request::default()
    };
    let code = if is_refused { "bot_not_in_chat" } else { "delivered" };
    matches!(caller.call(&request).await.end, End::Answered(answer) if answer.code == code)
}
