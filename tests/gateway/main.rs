//! The gateway as its callers, its operators and Feishu see it: the real application over HTTP,
//! with only Feishu simulated and time in the tests' hands.

mod after_a_kill;
mod answered;
mod codes;
mod commands;
mod documented;
mod drain;
mod dry_run;
mod forwarding;
mod harness;
mod hints;
mod honesty;
mod idempotency;
mod input;
mod keys;
mod labels;
mod languages;
mod learning;
mod log_reader;
mod observed;
mod pace;
mod policies;
mod prefix;
mod problem_pages;
mod process;
mod program;
mod reload;
mod repeating;
mod restart;
mod retries;
mod routes;
mod slow;
mod tokens;
mod waiting;
