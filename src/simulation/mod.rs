//! Whole histories of gateways, a Feishu and callers, in one thread and on one simulated time, from one seed.
//!
//! A [`history::History`] is plain data: what callers do, and what goes wrong. [`world`] plays it with real gateways, put
//! together as `app` does it, and a Feishu ([`feishu`]) that keeps its rules. The [`ledger`] sees everything, and checks
//! the promises with each thing that it sees. [`shrink`] finds the shortest history that still breaks one.
//! docs/en/design/simulation.md says what is covered.

mod agenda;
mod answers;
mod asks;
mod broadcasts;
mod feishu;
mod figures;
mod fleet;
mod generate;
mod history;
mod ledger;
mod many;
mod process;
mod redis_load;
mod scale;
mod scene;
mod shrink;
mod tests;
mod watchdog;
mod weather;
mod world;
