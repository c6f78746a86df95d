//! `doctor`: looks at each app against the configured Feishu, step by step, and says who does what where.
//!
//! `examination` is the list of steps, read downwards.

mod advice;
mod app_checks;
mod call;
mod certificate;
mod check;
mod command;
mod console;
mod examination;
mod finding;
mod handshake;
mod network;
mod output;
mod probe;
mod probing;
mod progress;
mod real_forward;
mod route;
mod store_app;

pub(super) use command::Doctor;
