//! What the gateway writes into its log, read while everything goes wrong that can.
//!
//! A process has one log, so these tests have a process of their own: every line of every target at
//! every level is kept, and searched.

#[expect(
    dead_code,
    unused_imports,
    reason = "the harness of the other tests, of which these use a part"
)]
#[path = "../gateway/harness/mod.rs"]
mod harness;

mod audit;
mod book;
mod levels;
mod secrets;
mod strangers;
