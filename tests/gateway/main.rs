//! The gateway as its callers, its operators and Feishu see it: the real application over HTTP,
//! with only Feishu simulated and time in the tests' hands.

mod answered;
mod codes;
mod commands;
mod documented;
mod forwarding;
mod harness;
mod honesty;
mod input;
mod keys;
mod observed;
mod pace;
mod process;
mod program;
mod routes;
mod tokens;
mod waiting;
