//! What the gateway writes into its log, read while everything goes wrong that can.
//!
//! A process has one log, so these tests have a process of their own: every line of every target at
//! every level is kept, and searched.

mod audit;
mod levels;
mod mcp;
mod secrets;
mod strangers;
mod traces;
